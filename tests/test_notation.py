"""One notation in book and labs: the one of book/notation.md."""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[1]
TEXTS = sorted(
    path
    for folder in ("book", "solutions", "labs")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".md", ".ipynb") and not {"vendor", ".ipynb_checkpoints"} & set(path.parts)
)
FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$\n]+\$|^```\{math\}.*?^```", re.DOTALL | re.MULTILINE)
INSTEAD = {  # what other texts write, and what notation.md has
    r"\\(?:mathbf|boldsymbol|bm|pmb|vec)\b": "vectors and matrices are plain italic letters: W, x_t",
    r"\\(?:circ|ast|star)\b": r"the elementwise product is \odot",
    r"\\intercal|\^\{?\\(?:mathrm|mathsf|text)\{T\}|\^\{?\\mathsf T": r"transposed is ^\top; T is the number of steps",
    r"\\\||\\Vert": r"a norm is \lVert … \rVert",
    r"\bU_(?:\{?h|[ifogrzn]\b)|\bW_\{?(?:ih|ii|hi|rec|in)\b": "weights are W_{xh}, W_{hh}, W_{hy}",
    r"\\(?:mathrm|text)\{(?:tanh|softmax|diag)\}": r"\tanh, \operatorname{softmax}, \operatorname{diag}",
}


def markdown(path):
    """The Markdown of a page: number of the cell and text."""
    if path.suffix == ".md":
        return [(0, path.read_text(encoding="utf-8"))]
    nb = nbformat.read(path, as_version=4)
    return [(number, cell.source) for number, cell in enumerate(nb.cells) if cell.cell_type == "markdown"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_formulas_are_written_as_in_notation_md(path):
    for number, text in markdown(path):
        for formula in FORMULA.findall(text):
            for pattern, cure in INSTEAD.items():
                found = re.search(pattern, formula)
                where = f"{path.relative_to(ROOT)}, cell {number}"
                assert not found, f"{where}: {found[0]!r} in {formula[:80]!r}: {cure} (book/notation.md)"


def test_the_formulas_are_found():
    assert sum(len(FORMULA.findall(text)) for path in TEXTS for _, text in markdown(path)) > 300
