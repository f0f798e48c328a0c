"""Catalogues of answers, one module per lab: `mistakes`, plausible wrong ones, each with the points that it must get, and
`variants` (tests/variants/), right ones that don't look like the reference, which must have full marks."""

from dataclasses import dataclass
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Answer:
    """Another answer than the reference's to one task: the reference's cell `cell` with `changes` made in it.

    cell: grade_id of a solution cell. changes: (old, new) texts, applied one after the other, where `old` stands in the cell
    once; or the whole text of the cell.
    """

    name: str
    cell: str
    changes: tuple[tuple[str, str], ...] | str


@dataclass(frozen=True)
class Mistake(Answer):
    """A plausible wrong answer. score: the points of a submission that has the reference's answers in all other cells."""

    score: float


def answers(word: str) -> dict[str, str]:
    """The reference's answers of a lab: grade_id of a solution cell to its source, without the markers of the solution."""
    notebook = nbformat.read(ROOT / "solutions" / word / f"{word}.ipynb", as_version=4)
    markers = ("### BEGIN SOLUTION", "### END SOLUTION")
    return {
        cell.metadata.nbgrader.grade_id: "\n".join(s for s in cell.source.split("\n") if s.strip() not in markers)
        for cell in solution_cells(notebook)
    }


def submission(word: str, changed=()) -> nbformat.NotebookNode:
    """The released lab as a student hands it in: every answer the reference's, but for these.

    Raises:
        ValueError: an answer names no solution cell, or the text that it replaces is not there exactly once.
    """
    sources = answers(word)
    for answer in changed:
        if answer.cell not in sources:
            raise ValueError(f"{answer.name}: got cell {answer.cell!r}, expected one of {', '.join(sources)}")
        if isinstance(answer.changes, str):
            sources[answer.cell] = answer.changes.strip("\n")
            continue
        for old, new in answer.changes:
            count = sources[answer.cell].count(old)
            if count != 1:
                raise ValueError(f"{answer.name}: {old!r} stands {count} times in {answer.cell!r}, expected once")
            sources[answer.cell] = sources[answer.cell].replace(old, new)
    notebook = nbformat.read(ROOT / "labs" / word / f"{word}.ipynb", as_version=4)
    for cell in solution_cells(notebook):
        cell.source = sources[cell.metadata.nbgrader.grade_id]
    return notebook


def solution_cells(notebook):
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get("solution")]
