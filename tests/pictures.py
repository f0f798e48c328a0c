"""The picture at the head of each lab: its chapter's key figure, drawn by the book's own code and attached to the notebook.

`python -m tests.pictures` draws them and writes them into `solutions/`; then `make labs`. A student who has nothing but the
notebook sees it.
"""

import ast
import base64
import io
import math
from pathlib import Path

import matplotlib
import nbformat
from PIL import Image

from rnncourse import figures
from rnncourse.notebooks import write

ROOT = Path(__file__).parents[1]
PICTURES = {
    "recurrence": lambda: figures.unrolled_graph(3),
    "bptt": lambda: of_the_chapter("bptt", "back")(3),
    "lstm": lambda: figures.cell("lstm"),
    "gru": lambda: figures.cell("gru"),
}
DPI, COLOURS = 130, 48  # sharp in a column of text, and a few kilobytes


def of_the_chapter(word: str, name: str):
    """A function that draws, as a cell of the chapter's path defines it."""
    cells = nbformat.read(ROOT / "book" / f"{word}.ipynb", as_version=4).cells
    trees = [ast.parse(cell.source) for cell in cells if cell.cell_type == "code" and f"def {name}(" in cell.source]
    (function,) = (node for tree in trees for node in tree.body if getattr(node, "name", "") == name)
    names = {"math": math, "plt": matplotlib.pyplot, "figures": figures}
    exec(compile(ast.Module([function], []), f"book/{word}.ipynb", "exec"), names)
    return names[name]


def drawn(word: str) -> Image.Image:
    """A lab's picture as it is drawn today."""
    with matplotlib.rc_context(figures.STYLE):
        figure = PICTURES[word]().figure
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=DPI)
    matplotlib.pyplot.close(figure)
    return Image.open(file).convert("RGB").quantize(COLOURS)


def attached(word: str) -> tuple[str, bytes]:
    """The text of the cell that opens a lab, and the PNG that is attached to it, empty where there is none."""
    opening = nbformat.read(ROOT / "solutions" / word / f"{word}.ipynb", as_version=4).cells[0]
    data = opening.get("attachments", {}).get(f"{word}.png", {}).get("image/png", "")
    return opening.source, base64.b64decode(data)


def attach(word: str) -> bool:
    """Draw a lab's picture and attach it to the cell that opens the lab; return whether the notebook changed."""
    path = ROOT / "solutions" / word / f"{word}.ipynb"
    notebook, file = nbformat.read(path, as_version=4), io.BytesIO()
    drawn(word).save(file, format="png", optimize=True)
    data = base64.b64encode(file.getvalue()).decode()
    notebook.cells[0]["attachments"] = {f"{word}.png": {"image/png": data}}
    return write(notebook, path)


if __name__ == "__main__":
    for word in PICTURES:
        print(f"solutions/{word}: {'written' if attach(word) else 'up to date'}")
