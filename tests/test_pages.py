"""Every page of the book as it is written: its length, what a reader sees of the code, its numbers, links, pictures, claims."""

import itertools
import json
import re
from pathlib import Path

import nbformat
import pytest
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

from rnncourse.notebooks import NUMBER, VERDICTS, values, write_claims

ROOT = Path(__file__).parents[1]
BOOK = ROOT / "book"
PAGES = sorted(path for path in BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
FURTHER = [path for path in PAGES if path.parent != BOOK]
PATHS = [path for path in PAGES if (BOOK / path.stem).is_dir()]  # with further pages: a chapter in its second form
OUT_OF_SIGHT = {"remove-cell", "remove-input", "hide-input", "hide-cell", "hidden", "hidden-input"}
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
pages = pytest.mark.parametrize("path", PAGES, ids=lambda p: p.relative_to(BOOK).as_posix())
paths = pytest.mark.parametrize("path", PATHS, ids=lambda p: p.stem)
second_form = pytest.mark.parametrize("path", PATHS + FURTHER, ids=lambda p: p.relative_to(BOOK).as_posix())


def cells(path, kind):
    nb = nbformat.read(path, as_version=4)
    return [(number, cell) for number, cell in enumerate(nb.cells) if cell.cell_type == kind]


def visible(path):
    return [(n, cell) for n, cell in cells(path, "code") if not OUT_OF_SIGHT & set(cell.metadata.get("tags", []))]


def prose(path):
    """The text of a page, without folded solutions, formulas, tables and marks."""
    text = "\n\n".join(cell.source for _, cell in cells(path, "markdown"))
    text = re.sub(r"<details>.*?</details>|<!--solution .*?<!--/solution-->", "", text, flags=re.DOTALL)
    text = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|<!--.*?-->", " ", text, flags=re.DOTALL)
    text = re.sub(r"^(?:\||:\w+:|```).*$", " ", text, flags=re.MULTILINE)  # line by line: a table ends before the text below
    return re.sub(r"\]\([^)]*\)", "]", text)


def words(text):
    return len(re.findall(r"[^\W_][\w’'-]*", text))


def minutes(path):
    """The time that a page asks for, as it says at its top."""
    found = re.search(r"\*\*(?:About )?(\d+) minutes?\*\*", prose(path))
    return int(found[1]) if found else None


def slug(heading):
    kept = re.sub(r"[^\w\- ]", "", re.sub(r"[`*$]", "", heading).lower())
    return kept.strip().replace(" ", "-")


def anchors(path):
    """What a link can lead to on a page: headings, exercises and figures by name."""
    if path.suffix == ".md":
        return {slug(h) for h in re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)}
    found = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            found |= {slug(h) for h in re.findall(r"^#+ (.*)$", cell.source, re.MULTILINE)}
            found |= set(re.findall(r"<!--(?:exercise|theorem) ([\w-]+)-->", cell.source))
        found.add(cell.metadata.get("mystnb", {}).get("figure", {}).get("name"))
    return found


@pages
def test_every_sentence_reads_complete_in_plain_jupyter(path):
    """What nbconvert makes of a page, as JupyterLab, GitHub and Colab do: no role, directive or label of MyST stands in it."""
    page = BeautifulSoup(HTMLExporter(template_name="basic").from_filename(str(path))[0], "html.parser")
    text = "\n".join(cell.get_text() for cell in page.select(".jp-MarkdownCell, .text_cell_render"))
    assert len(text) > 1000
    raw = re.findall(r"\{[a-z:-]+\}`|^:[a-z]+: .*|^\([\w-]+\)=$|\{[a-z]+-(?:start|end)\}|:::", text, re.MULTILINE)
    raw += [str(code) for code in page.select("code[class*='language-{']")]
    assert not raw, f"{path}: write these as Markdown (book/exercises.py for exercises): {raw}"


@pages
def test_every_number_in_the_text_is_its_cells(path):
    put = values(nbformat.read(path, as_version=4))
    for n, cell in cells(path, "markdown"):
        for name, text in NUMBER.findall(cell.source):
            assert text == put.get(name), f"{path}, cell {n}: {name} is {text!r}, put as {put.get(name)!r}: rnncourse notebooks"


@pages
def test_no_line_of_text_starts_with_a_mark(path):
    """MyST takes a line that starts with a comment for raw HTML: formulas and emphasis in it show as they are written."""
    for n, cell in cells(path, "markdown"):
        for k, line in enumerate(cell.source.splitlines(), 1):
            raw = re.match(r"(?:\s|>|[-*+]\s|\d+[.)]\s)*<!--.*?-->\s*\S", line)  # a mark alone on its line may be
            assert not raw, f"{path}, cell {n}, line {k}: put a word before the mark, else it is raw HTML: {line[:60]}"


@second_form
def test_a_reader_sees_short_cells_without_bookkeeping(path):
    for n, cell in visible(path):
        lines = cell.source.splitlines()
        widest = max(map(len, lines), default=0)
        cure = "split it, or tag what is bookkeeping `hidden`"
        assert len(lines) <= 15, f"{path}, cell {n}: {len(lines)} lines, 15 at most; {cure}"
        assert widest <= 68, f"{path}, cell {n}: a line of {widest} columns, 68 at most"
        found = re.findall(r"\b(put|settle|load)\(|^(?:from|import) (?:chapter|experiments)\b", cell.source, re.MULTILINE)
        assert not found, f"{path}, cell {n}: {found} is bookkeeping: move it to a cell tagged `hidden`"


@paths
def test_a_path_takes_an_hour(path):
    text = prose(path)
    sections = re.findall(r"^## (.*)$", text, re.MULTILINE)
    questions = [heading for heading in sections if heading.endswith("?")]
    assert words(text) <= 2500, f"{path}: {words(text)} words, 2,500 at most"
    assert 5 <= len(questions) <= 8, f"{path}: {len(questions)} sections that are questions, 5 to 8 expected"
    assert minutes(path) <= 60, f"{path}: {minutes(path)} minutes"
    closing = ["Summary", "Check yourself", "Exercises", "The lab", "What to read next"]
    assert sections[len(questions) :] == closing, f"{path}: ends with {sections[len(questions) :]}, expected {closing}"


@paths
def test_a_path_opens_with_its_picture(path):
    nb = nbformat.read(path, as_version=4)
    shown = [c for c in nb.cells if c.cell_type == "markdown" or any("display" in o.output_type or "result" in o.output_type
             for o in c.get("outputs", []) if "scrapbook" not in o.get("metadata", {}))]  # fmt: skip
    kinds = [cell.cell_type for cell in shown[:2]]
    assert kinds == ["markdown", "code"], f"{path}: the figure comes right after the title"
    assert words(shown[0].source) <= 120, f"{path}: {words(shown[0].source)} words stand before the first picture"


@paths
def test_each_section_of_a_path_ends_in_its_answer(path):
    text = "\n\n".join(cell.source for _, cell in cells(path, "markdown"))
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        if heading.endswith("?"):
            answer = re.search(r"\*\*[^*]+\*\*\s*(\S.{0,300})?\Z", body.strip(), re.DOTALL)
            assert answer, f"{path}: {heading} ends without a bold answer"


@pytest.mark.parametrize("path", FURTHER, ids=lambda p: p.relative_to(BOOK).as_posix())
def test_a_further_page_says_how_long_it_takes(path):
    assert minutes(path) is not None and minutes(path) <= 40, f"{path}: '**25 minutes**' is expected at its top, 40 at most"


@paths
def test_a_path_leads_to_two_to_five_further_pages(path):
    there = [p for p in FURTHER if p.parent.name == path.stem]
    linked = {link.partition("#")[0] for _, cell in cells(path, "markdown") for link in LINK.findall(cell.source)}
    assert 2 <= len(there) <= 6, there
    assert {f"{path.stem}/{p.name}" for p in there} <= linked, f"{path}: links to {linked}"


@pages
def test_every_link_leads_somewhere(path):
    for n, cell in cells(path, "markdown"):
        for link in LINK.findall(cell.source):
            if link.startswith(("http://", "https://")):
                continue
            name, _, anchor = link.partition("#")
            target = (path.parent / name).resolve() if name else path
            assert target.exists(), f"{path}, cell {n}: {link} leads to no file"
            if anchor and target.suffix in (".ipynb", ".md"):
                assert anchor in anchors(target), f"{path}, cell {n}: {link}: there is no such heading, exercise or figure"


@pages
def test_every_citation_is_in_the_bibliography(path):
    known = (BOOK / "references.bib").read_text(encoding="utf-8")
    for n, cell in cells(path, "markdown"):
        for link in re.findall(r"\]\(https://(?:doi\.org/|arxiv\.org/abs/)([^)]+)\)", cell.source):
            assert link in known, f"{path}, cell {n}: {link} is not in references.bib"


@pages
def test_every_picture_has_a_description(path):
    for n, cell in cells(path, "code"):
        pictures = [o for o in cell.outputs if {"image/png", "image/svg+xml"} & set(o.get("data", {}))]
        moving = any("application/vnd.jupyter.widget-view+json" in o.get("data", {}) for o in cell.outputs)
        described = cell.metadata.get("mystnb", {}).get("image", {}).get("alt")
        assert not pictures or moving or described, f"{path}, cell {n}: its figure has no alt text (mystnb: image: alt)"


@second_form
def test_pages_do_not_argue_with_documents_that_readers_do_not_have(path):
    for n, cell in cells(path, "markdown"):
        argues = r"\b(?:the|four|two|three|one|each|all) (?:of the )?documents?\b|\bthe deck\b|\bC\d{3}\b"
        found = re.findall(argues, cell.source)
        assert not found, f"{path}, cell {n}: {found}: that belongs to the claims page"


@pages
def test_every_column_of_a_table_has_a_name_in_words(path):
    for n, cell in cells(path, "markdown"):
        lines = cell.source.splitlines()
        for head, rule in itertools.pairwise(lines):
            if re.fullmatch(r"\|[\s\-:|]*-[\s\-:|]*\|", rule):
                bare = [name for name in head.strip("| ").split("|") if not re.search(r"\w", re.sub(r"\$[^$]*\$", "", name))]
                cure = "give each column a word: a screen reader reads no formula alone"
                assert not bare and not re.match(r"\|\s*\|", head), f"{path}, cell {n}: {head}: {cure}"


def test_no_merge_is_left_half_done():
    for path in BOOK.rglob("*"):
        if path.suffix in (".md", ".ipynb", ".json", ".bib", ".yml", ".py", ".css", ".js") and "vendor" not in path.parts:
            found = re.search(r"^\W{0,8}(<{7}|>{7}) \w+", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert not found, f"{path}: {found[0]!r} is a mark of a merge: choose a side"


def test_the_table_of_claims_is_made_from_the_cells(tmp_path):
    claims = json.loads((BOOK / "claims.json").read_text(encoding="utf-8"))
    said = json.loads((BOOK / "said.json").read_text(encoding="utf-8"))
    before = [(BOOK / name).read_bytes() for name in ("claims.json", "claims.md")]
    assert write_claims(BOOK) == [], "run `rnncourse notebooks`"
    assert [(BOOK / name).read_bytes() for name in ("claims.json", "claims.md")] == before
    assert [claim["id"] for claim in claims] == sorted(said), "a claim without verdict: settle it in a cell"
    for claim in claims:
        assert set(claim) == {"id", "verdict", "found", "link"} and claim["verdict"] in VERDICTS and claim["found"], claim
        name, _, anchor = claim["link"].partition("#")
        assert anchor in anchors(BOOK / name), f"{claim['id']}: {claim['link']} leads nowhere"
