"""Execute notebooks in place, and keep them in one normal form, so that a second run changes nothing.

The normal form holds no time, no random id and no state of the editor: a diff shows what a person changed. Numbers in the
text stand between two marks, <!--name--> and <!--/-->, which no reader sees; they are written from what a cell has `put`.
The table of claims is made from what cells have settled.
"""

import ast
import json
import os
import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from tqdm import tqdm

NOTEBOOK_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NUMBER = re.compile(r"<!--(?!/)([^\s>]+)-->(.*?)<!--/-->", re.DOTALL)
VERDICTS = {
    "holds": "it was computed, measured or looked up, and it is so",
    "caveat": "it is so under a condition, which is named",
    "wrong": "it is not so; what is right is said",
    "inconsistent": "sources contradict one another",
    "unchecked": "it can't be settled on an ordinary computer",
}
EDITOR_METADATA = ("execution", "collapsed", "scrolled", "trusted", "ExecuteTime")


def execute(path: Path) -> bool:
    """Run a notebook from the top in its own folder and write it back in normal form; return whether the file changed.

    Raises:
        RuntimeError: a cell failed; the message names it, and the file is left as it was.
    """
    nb = nbformat.read(path, as_version=4)
    cells = [cell for cell in nb.cells if cell.cell_type == "code"]
    client = NotebookClient(
        nb, timeout=600, kernel_name="python3", extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    )  # fmt: skip
    with tqdm(total=len(cells), desc=path.name, unit="cell", leave=False, disable=None) as bar:
        client.on_cell_executed = lambda cell, cell_index, execute_reply: bar.update()
        try:
            client.execute(env={**os.environ, "TQDM_DISABLE": "1"})  # no progress bar in a stored output
        except CellExecutionError as error:
            raise RuntimeError(f"{path}: a cell failed, the file is left as it was\n{error}") from None
    return write(nb, path)


def write(nb, path: Path) -> bool:
    """Write a notebook in normal form, in one step; return whether the file changed.

    Raises:
        RuntimeError: the text asks for a number that no cell has put.
    """
    try:
        text = nbformat.writes(normalise(nb)) + "\n"
    except ValueError as error:
        raise RuntimeError(f"{path}: {error}") from None
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
        file.write(text)
    os.chmod(file.name, 0o644)
    os.replace(file.name, path)
    return True


def values(nb) -> dict[str, str]:
    """What the cells of an executed notebook have `put`, by name."""
    found = {}
    for output in (output for cell in nb.cells for output in cell.get("outputs", [])):
        name = output.get("metadata", {}).get("scrapbook", {}).get("name")
        text = output.get("data", {}).get("application/papermill.record/text/plain")
        if name and text:
            found[name] = ast.literal_eval(text)
    return found


def with_numbers(source: str, numbers: dict[str, str]) -> str:
    """A text with each number between marks as its cell has it.

    Raises:
        ValueError: a name that no cell has put.
    """

    def written(match):
        if match[1] not in numbers:
            raise ValueError(f"no cell has put {match[1]!r}")
        return f"<!--{match[1]}-->{numbers[match[1]]}<!--/-->"

    return NUMBER.sub(written, source)


def write_claims(book: Path) -> list[Path]:
    """Write `claims.json` and the table in `claims.md` from what the cells of all pages have settled; return what changed.

    Raises:
        RuntimeError: a claim that `said.json` doesn't know, or that two pages settle.
    """
    said = json.loads((book / "said.json").read_text(encoding="utf-8"))
    claims = {}
    for path in sorted(book.rglob("*.ipynb")):
        for name, text in values(nbformat.read(path, as_version=4)).items():
            if not name.startswith("claim "):
                continue
            claim, page = name.removeprefix("claim "), path.relative_to(book).as_posix()
            if claim not in said or claim in claims:
                where = f"also settled in {claims[claim]['link']}" if claim in claims else "not in said.json"
                raise RuntimeError(f"{path}: {claim} is {where}")
            anchor, verdict, found = re.match(r"(\S+) (\w+): (.*)", text, re.DOTALL).groups()
            claims[claim] = {"id": claim, "verdict": verdict, "found": found, "link": f"{page}#{anchor}"}
    records = [claims[claim] for claim in sorted(claims)]
    rows = []
    for record in records:
        about = said[record["id"]]
        cells = record["id"], about["said"], about["document"], record["verdict"], record["found"], f"[cell]({record['link']})"
        rows.append(f"| {' | '.join(cells)} |")
    counts = [f"{sum(r['verdict'] == v for r in records)} {v}" for v in VERDICTS]
    table = ["| claim | what is said | document | verdict | what was found | where |", "|---|---|---|---|---|---|", *rows]
    page = (book / "claims.md").read_text(encoding="utf-8")
    page = NUMBER.sub(lambda m: f"<!--{m[1]}-->{', '.join(counts)}<!--/-->" if m[1] == "counts" else m[0], page)
    head, mark, _ = page.partition("<!--claims-->")
    texts = {
        book / "claims.json": json.dumps(records, ensure_ascii=False, indent=1) + "\n",
        book / "claims.md": head + mark + "\n\n" + "\n".join(table) + "\n",
    }
    changed = [path for path, text in texts.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    for path in changed:
        path.write_text(texts[path], encoding="utf-8")
    return changed


def normalise(nb):
    """Bring a notebook into the normal form: format 4.5, sorted metadata, counted cells, joined streams, no random ids
    and no addresses."""
    nb = _fixed_widget_ids(nb)  # first, while the models still stand in the order of their making
    nb.nbformat, nb.nbformat_minor = 4, 5
    numbers = values(nb)
    for cell in nb.cells:
        if cell.cell_type == "markdown":
            cell.source = with_numbers(cell.source, numbers)
    nb.metadata = nbformat.from_dict(_sorted({**nb.metadata, **NOTEBOOK_METADATA}))
    count = 0
    for cell in nb.cells:
        cell.setdefault("id", nbformat.v4.new_code_cell().id)
        cell.metadata = nbformat.from_dict(_sorted({k: v for k, v in cell.metadata.items() if k not in EDITOR_METADATA}))
        if cell.cell_type != "code":
            continue
        executed = bool(cell.outputs) or cell.execution_count is not None
        count += executed
        cell.execution_count = count if executed else None
        cell.outputs = _joined(cell.outputs)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = count
            if "text/plain" in output.get("data", {}):
                output.data["text/plain"] = re.sub(r" at 0x[0-9a-f]+", "", output.data["text/plain"])
    return nb


def _sorted(value):
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return value


def _joined(outputs):
    """Join neighbouring pieces of one stream: where a stream is cut depends on the moment."""
    result = []
    for output in outputs:
        if result and output.output_type == "stream" == result[-1].output_type and output.name == result[-1].name:
            result[-1].text += output.text
        else:
            result.append(output)
    return result


def _fixed_widget_ids(nb):
    """Number the models of widgets in the order of their making: their ids are random."""
    state = nb.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {}).get("state", {})
    if not state:
        return nb
    fixed = {model: f"{number:032x}" for number, model in enumerate(state, 1)}
    text = re.sub("|".join(map(re.escape, state)), lambda match: fixed[match[0]], nbformat.writes(nb))
    return nbformat.reads(text, as_version=4)
