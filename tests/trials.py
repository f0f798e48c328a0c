"""Other answers put in the place of the reference's, one after the other in one run of a lab."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import nbformat

from rnncourse.grading.judge.engine import Engine, Worker
from rnncourse.grading.judge.failure import without_hidden
from rnncourse.grading.judge.notebook import Cell, Lab
from tests.mistakes import answers

ROOT = Path(__file__).parents[1]


@dataclass
class Task:
    """A task of a lab: its solution cell, with the reference's answer, its text, and the test cells that follow."""

    solution: Cell
    text: str
    tests: list[Cell]

    @property
    def visible(self) -> list[Cell]:
        """What students see of the test cells, where that asserts something."""
        shown = [replace(test, source=without_hidden(test.source)) for test in self.tests]
        return [test for test in shown if "assert" in test.source]

    @property
    def whole(self) -> list[Cell]:
        """The test cells, run as if nothing in them were hidden."""
        return [replace(test, source=test.source.replace("HIDDEN TESTS", "")) for test in self.tests]


def tasks(word: str) -> list[Task]:
    """The tasks of a lab."""
    lab, right = _lab(word), answers(word)
    starts = [i for i, cell in enumerate(lab.cells) if cell.kind == "solution"]
    return [
        Task(
            replace(lab.cells[start], source=right[lab.cells[start].id]),
            lab.cells[start - 1].source,
            [cell for cell in lab.cells[start:end] if cell.kind == "test"],
        )
        for start, end in itertools.pairwise([*starts, len(lab.cells)])
    ]


def run(word: str, trials: Iterable[tuple[str, str, list[Cell]]], helpers: str = "") -> list[list[bool]]:
    """For each trial, whether its test cells pass: (name, code, tests), where the code binds the name anew, after the
    reference's answers and the helpers, with `honest[name]` the reference's function; behind the tests that is put back.
    """
    lab = _lab(word)
    start = next(i for i, cell in enumerate(lab.cells) if cell.kind == "solution")
    cells = [cell for cell in lab.cells[:start] if cell.is_code] + [task.solution for task in tasks(word)]
    places = []

    def added(source):
        cells.append(Cell("added", "", source, nbformat.v4.new_code_cell(source)))

    added(f"honest = {{name: value for name, value in globals().items() if callable(value)}}\n{helpers}")
    for name, code, tests in trials:
        added(f"{name} = None")  # where the code breaks off
        added(code)
        places.append(range(len(cells), len(cells) + len(tests)))
        cells += [replace(test, id=f"{test.id} {len(cells) + k}") for k, test in enumerate(tests)]
        added(f"{name} = honest['{name}']")
    engine = Engine()
    worker = Worker(engine)
    try:
        scores = worker.run(cells, timeout=400).scores
    finally:
        worker.close()
        engine.close()
    return [[scores[i].score > 0 for i in place] for place in places]


def _lab(word: str) -> Lab:
    return Lab(nbformat.read(ROOT / "solutions" / word / f"{word}.ipynb", as_version=4))
