"""Run a lab at home: the visible tests of a notebook as a student has it, with the grader's own engine."""

from dataclasses import dataclass
from pathlib import Path

import nbformat

from rnncourse.grading.judge.engine import Engine, Worker
from rnncourse.grading.judge.libraries import LIBRARIES
from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.outcome import NOT_REACHED, Outcome

TIMEOUT = 20  # seconds a cell may run, as in nbgrader_config.py


@dataclass(frozen=True)
class Check:
    """What one test cell said, or a cell that is none and failed; `points` is what it is worth when it is
    graded.
    """

    task: str
    points: float
    passed: bool
    message: str


def check(path: Path, engine: Engine) -> list[Check]:
    """Run a lab's notebook, leaving the file as it is, and report each test cell that has something to see.

    The notebook is all there is: its tests are taken as they stand in it, and it runs as the engine was
    started: for a check at home with your own rights, as in Jupyter.

    Raises:
        ValueError: the file is no notebook, or has no tests.
    """
    try:
        nb = nbformat.read(path, as_version=4)
        lab = Lab(nb)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except Exception as error:
        raise ValueError(f"{path}: not a notebook: {str(error).splitlines()[0]}") from None
    tests = {i: cell for i, cell in enumerate(lab.cells) if cell.kind == "test" and _has_code(cell.source)}
    if not tests:
        raise ValueError(f"{path}: no test cells, so this is not a lab of the course")
    worker = Worker(engine)
    try:
        rules = [
            rule
            for rule in lab.forbid
            if rule.partition(".")[0] not in set(LIBRARIES) - set(engine.libraries)
        ]
        outcomes = worker.run(lab.cells, rules, timeout=TIMEOUT).scores
    finally:
        worker.close()
    checks = []
    for i, cell in enumerate(lab.cells):
        outcome = outcomes.get(i, Outcome(i, score=0.0, message=NOT_REACHED))
        if i in tests:
            checks.append(Check(cell.id, cell.points, outcome.score >= cell.points, outcome.message))
        elif error := outcome.fault or outcome.error:
            first = next(filter(str.strip, cell.source.splitlines()), "")
            checks.append(Check(cell.id or f"the cell {first[:40]!r}", 0.0, False, error))
    return checks


def _has_code(source: str) -> bool:
    """A hidden test reaches students as a cell of comments."""
    return any(line.strip() and not line.strip().startswith("#") for line in source.splitlines())
