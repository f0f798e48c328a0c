"""The page a student gets back: what each task earned, what its test says, and a receipt.

It is one file without any script.
"""

import base64
import re
from pathlib import Path
from urllib.parse import quote

import nh3
from nbformat import NotebookNode

from rnncourse.grading.books.collect import regular, text
from rnncourse.grading.books.rendered import code, markdown
from rnncourse.grading.books.tasks import Answer, Task, advice, tasks_of
from rnncourse.grading.books.template import TEMPLATE
from rnncourse.grading.judge.picture import PICTURES, decoded, kind_of

MAX_TAGS = 1000  # of a table: to clean ill-nested ones takes time and room that grow with their square
MAX_COLOURED = 40_000  # characters of all that a student wrote
MAX_PICTURES = 8 << 20  # bytes of the files beside the notebook that a page shows
_TAGS = {
    "table", "thead", "tbody", "tr", "th", "td", "p", "b", "i", "em", "strong", "code", "pre", "ul", "ol",
    "li", "br", "sub", "sup",
}  # fmt: skip
_COMMENT_TAGS = _TAGS | {
    "a",
    "blockquote",
    "del",
    "div",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "span",
    "u",
}
SECTIONS = re.compile(r"In the chapter: .*")  # as a lab's tasks name them
_REFERENCE = re.compile(
    r"!\[[^\]\n]{0,500}\]\(<?([^()<>\s]{1,300})|&lt;img\b[^>\n]{0,300}?\bsrc *= *[\"']?([^\"'>\s]{1,300})"
)


def page(nb: NotebookNode, names: dict, folder: Path, home: bool = False) -> str:
    """The HTML of an autograded notebook whose cells hold their scores; `names` say whose it is and, as
    `book`, where the course's book is, `folder` holds the files beside it. At `home` nothing is final.
    """
    tasks, run, files = tasks_of(nb, home), nb.metadata.get("rnncourse", {}), _Files(folder)
    lab, book = text(names["assignment"]), names.get("book", "").rstrip("/")
    chapter = f"{book}/{quote(lab)}.html" if re.match("https?://", book) else ""
    left, notebook = [MAX_COLOURED], text(names["notebook"])
    title = _title(nb) or (lab if lab == notebook else f"{lab}: {notebook}")
    points = sum(task.points for task in tasks)
    return TEMPLATE.render(
        student=text(names["student"]), lab=lab, title=title, notebook=notebook,
        run=run, home=home, chapter=chapter, late=names.get("late_penalty") or 0,
        score=names.get("score", sum(task.score for task in tasks)),
        max_score=names.get("max_score", points),
        sure=sum(task.known for task in tasks), unknown=sum(task.unknown for task in tasks),
        tasks=[_task(task, files, chapter, left) for task in tasks],
        numbers={answer.name: task.number for task in tasks for answer in task.answers},
        advice=advice(tasks),
    )  # fmt: skip


def _title(nb: NotebookNode) -> str:
    """The notebook's own, if its first text has one."""
    first = next((cell.source for cell in nb.cells if cell.cell_type == "markdown"), "")
    found = re.match(r"# +(.+)", first)
    return text(found[1]).strip("# `") if found else ""


def _task(task: Task, files: "_Files", chapter: str, left: list[int]) -> dict:
    """A task with its texts as HTML; `left` is how many characters may still be coloured."""
    here = {test.at["cell"]: test.at["line"] for test in task.tests if test.at}
    words = SECTIONS.sub(lambda found: linked(found[0], chapter), task.text) if chapter else task.text
    pictures = {
        name: f"data:{mime};base64,{''.join(data)}"
        for name, kinds in (task.node.get("attachments", {}) if task.node else {}).items()
        for mime, data in kinds.items()
        if mime in (*PICTURES, "image/svg+xml")
    }
    return {
        "of": task, "text": markdown(words, pictures),
        "tests": [(test, code(test.source)) for test in task.tests],
        "answers": [_answer(answer, files, here.get(answer.name, 0), left) for answer in task.answers],
        "comments": [_comment(words) for words in task.comments],
    }  # fmt: skip


def linked(words: str, chapter: str) -> str:
    """Such words with each section's name as a link to its heading in the built book."""

    def link(name: re.Match) -> str:
        return f"[{name[1]}]({chapter}#{re.sub(r'[^a-z0-9]+', '-', name[1].lower()).strip('-')})"

    return re.sub(r"[\"“]([^\"”]+)[\"”]", link, words)


def _comment(words: str) -> str:
    """A person's comment as nbgrader's own feedback shows it: Markdown, formulas as written."""
    from nbconvert.filters import markdown2html  # half a second that only a person's words are worth

    html = markdown2html(words)
    return nh3.clean(
        html, tags=_COMMENT_TAGS, attributes={"a": {"href"}}, url_schemes={"http", "https", "mailto"}
    ).strip()


class _Files:
    """The pictures in a folder, each once, up to a limit."""

    def __init__(self, folder: Path):
        self.folder, self.shown, self.room = folder, set(), MAX_PICTURES

    def pictures(self, source: str) -> list[str]:
        """Addresses of those that Markdown refers to."""
        found = []
        for name in (one or other for one, other in _REFERENCE.findall(source)):
            path = Path(name.removeprefix("./"))
            if path.is_absolute() or ".." in path.parts or path in self.shown:
                continue
            self.shown.add(path)
            data = regular(self.folder / path, self.room) or b""
            if kind_of(data):
                self.room -= len(data)
                found.append(_address(kind_of(data), data))
        return found


def _answer(answer: Answer, files: _Files, here: int, left: list[int]) -> dict:
    cell = answer.cell
    outputs = []
    for kinds in cell.get("attachments", {}).values():
        outputs += [
            {"picture": _address(kind_of(data), data)} for data in map(decoded, kinds.values()) if data
        ]
    if cell.cell_type != "code":
        outputs += [{"picture": address} for address in files.pictures(cell.source)]
    for output in cell.get("outputs", []):
        if output.output_type == "stream":
            outputs.append({"text": text(output.text)})
        elif output.output_type == "error":
            outputs.append({"text": text("\n".join(output.traceback) or f"{output.ename}: {output.evalue}")})
        elif picture := _picture(output.data):
            outputs.append({"picture": picture})
        elif "text/html" in output.data and output.data["text/html"].count("<") <= MAX_TAGS:
            outputs.append({"html": nh3.clean(output.data["text/html"], tags=_TAGS, attributes={})})
        else:
            outputs.append({"text": text(output.data.get("text/plain", ""))})
    source = text(cell.source)
    left[0] -= len(source)
    shown = code(source, here, coloured=cell.cell_type == "code" and left[0] > 0)
    return {"of": answer, "source": shown, "outputs": outputs}


def _picture(data: dict) -> str:
    """A data: address of a picture, inside which no script runs."""
    for mime in PICTURES:
        if data.get(mime) and (picture := decoded(data[mime])):
            return _address(kind_of(picture), picture)
    drawing = data.get("image/svg+xml", "")
    return _address("image/svg+xml", drawing.encode()) if drawing.startswith("<") else ""


def _address(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
