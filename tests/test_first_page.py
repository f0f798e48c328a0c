"""The first page says of each chapter what the chapter says of itself."""

import re
from pathlib import Path

import nbformat

from tests.test_pages import BOOK, minutes

INTRO = nbformat.read(BOOK / "intro.ipynb", as_version=4)
MAP = next(
    html
    for cell in INTRO.cells
    for output in cell.get("outputs", [])
    if "chapter-map" in (html := output.get("data", {}).get("text/html", ""))
)


def test_the_map_says_how_long_each_chapter_takes():
    boxes = dict(re.findall(r'<a href="(\w+)\.ipynb">.*?<tspan x=[^>]*>([^<]*)<', MAP))
    assert boxes, "no chapter is linked"
    for word, said in boxes.items():
        expected = f"{minutes(Path(BOOK, f'{word}.ipynb'))} minutes"
        assert said == expected, (
            f"book/intro.ipynb: {word} takes {expected}, the map says {said}: rnncourse notebooks book/intro.ipynb"
        )


def test_every_written_chapter_is_linked():
    written = {path.stem for path in BOOK.glob("*.ipynb")} - {"intro"}
    assert set(re.findall(r'<a href="(\w+)\.ipynb">', MAP)) == written, "rnncourse notebooks book/intro.ipynb"
    text = "".join(cell.source for cell in INTRO.cells if cell.cell_type == "markdown")
    assert written <= set(re.findall(r"\]\((\w+)\.ipynb\)", text)), "book/intro.ipynb: its table lists every written chapter"
