"""Run a lab at home: the visible tests of a notebook as a student has it, with the grader's own engine."""

import hashlib
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from rich.console import Console
from rich.table import Table
from rich.text import Text

from rnncourse.grading.books.tasks import Task, Test, tasks_of
from rnncourse.grading.judge.engine import Engine, Worker
from rnncourse.grading.judge.grade import enter
from rnncourse.grading.judge.libraries import LIBRARIES
from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.outcome import NOT_REACHED, Outcome
from rnncourse.grading.judge.submitted import broken

TIMEOUT = 20  # seconds a cell may run, as in nbgrader_config.py
DUMPED = 6  # lines of compared values that a terminal gets
CANNOT = "can't be known at home"
NARROW = 76  # columns below which a table says less
HEAD = "bold red"  # the style of a failure's first line


@dataclass(frozen=True)
class Checked:
    """What came of a notebook at home: its tasks, the notebook for a page, and for each cell of the lab's
    own that failed its first words and why.
    """

    tasks: list[Task]
    notebook: NotebookNode
    others: list[tuple[str, str]]
    edited: list[str]  # first words of the test cells that are not as they were released

    @property
    def passed(self) -> bool:
        """Whether nothing that can be seen at home is left to do."""
        stops = any(answer.stops for task in self.tasks for answer in task.answers)
        return all(task.passed for task in self.tasks) and not stops and not self.others


def check(path: Path, engine: Engine) -> Checked:
    """Run a lab's notebook, leaving the file as it is.

    The notebook is all there is: its tests are taken as they stand in it, and it runs as the engine was
    started: for a check at home with your own rights, as in Jupyter.

    Raises:
        ValueError: the file is no notebook, or has no tests.
    """
    lab = _lab(path)
    tests = {i for i, cell in enumerate(lab.cells) if cell.kind == "test"}
    if not any(_has_code(lab.cells[i].source) for i in tests):
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
    for i in tests - set(outcomes):
        outcomes[i] = Outcome(i, score=0.0, where="visible", message=NOT_REACHED)
    hidden = [cell.node.metadata.get("rnncourse", {}).get("hidden", False) for cell in lab.cells]
    enter(lab.cells, outcomes, outcomes)
    others = []
    for i, cell in enumerate(lab.cells):
        cell.node.metadata["rnncourse"] |= {"hidden": hidden[i], "unanswered": False}  # at home nobody knows
        why = cell.kind == "instructor" and i in outcomes and (outcomes[i].fault or outcomes[i].error)
        if why:
            others.append((_first(cell.source), why))
    notebook = lab.notebook(lab.cells)
    edited = [
        _first(cell.source) for i, cell in enumerate(lab.cells) if i in tests and _is_edited(cell.node)
    ]
    return Checked(tasks_of(notebook, home=True), notebook, others, edited)


def _lab(path: Path) -> Lab:
    try:
        words = path.read_bytes().decode("utf-8-sig")
        json.loads(words)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file") from None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not a notebook: {broken(error)}") from None
    try:
        return Lab(nbformat.reads(words, as_version=4))
    except Exception as error:
        raise ValueError(f"{path}: not a notebook: {str(error).splitlines()[0]}") from None


def _first(source: str) -> str:
    return next(filter(str.strip, source.splitlines()), "")


def _is_edited(cell: NotebookNode) -> bool:
    """Whether a test cell is another than nbgrader's checksum of it says."""
    flags = cell.metadata.nbgrader
    if not flags.get("checksum"):
        return False
    marks = (flags.get(name, False) for name in ("grade", "solution", "locked"))
    parts = [cell.source, cell.cell_type, *map(str, marks), flags.grade_id, str(float(flags.points))]
    return hashlib.md5("".join(parts).encode()).hexdigest() != flags.checksum


def _has_code(source: str) -> bool:
    """A hidden test reaches students as a cell of comments."""
    return any(line.strip() and not line.strip().startswith("#") for line in source.splitlines())


def show(checked: Checked, console: Console) -> None:
    """Print a line for each task, then what each test that failed says, and what can't be known at home."""
    table = Table("task", "points", "at home", highlight=False)
    for task in filter(lambda task: task.tests, checked.tasks):
        table.add_row(Text(task.title), f"{task.points:g}", _result(task, console.width < NARROW))
    console.print(table)
    for task in checked.tasks:
        for answer in task.answers:
            if answer.stops:
                said = [("It does not run to its end.", ""), (answer.stops, "bold")]
                _say(console, [(f"{task.title}, your cell", HEAD), *said])
        for test in task.tests:
            if not test.passed:
                _say(console, _failure(task, test, _in_the_way(checked.tasks, test)))
    for first, why in checked.others:
        _say(console, [("A cell of the lab failed", HEAD), (first, "dim"), (why, "")])
    for first in checked.edited:
        said = "When it is graded the lab's own counts: take that one from a fresh copy."
        _say(console, [("A test cell is not as you received it", HEAD), (first, "dim"), (said, "")])
    unknown, points = (sum(getattr(task, name) for task in checked.tasks) for name in ("unknown", "points"))
    if unknown:
        said = f"{unknown:g} of {points:g} points {CANNOT}: "
        _say(console, [(f"{said}hidden tests try other sizes, types and values than the visible ones.", "")])


def _result(task: Task, short: bool) -> Text:
    if not task.passed:
        return Text("not yet", style="red")
    if all(test.by_hand for test in task.tests):
        return Text("a person grades it", style="dim")
    unknown = task.unknown
    rest = f"{unknown:g} of {task.points:g} points {'hidden' if short else CANNOT}"
    if all(test.hidden == "all" for test in task.tests):
        return Text(rest, style="dim")
    half = any(test.hidden == "half" for test in task.tests)
    words = Text("visible half passed" if half else "passed", style="green")
    return words + Text(f" ({rest})", style="dim") if unknown else words


def _in_the_way(tasks: list[Task], test: Test) -> str:
    """Which earlier answer, that this one calls, is to be mended first."""
    wrong = [(name, task) for name in test.uses for task in tasks if task.defines(name) and not task.passed]
    return "".join(
        f"It calls {name} ({task.title}), which is not right yet: begin there. " for name, task in wrong
    )


def _failure(task: Task, test: Test, first: str = "") -> list[tuple[str, str]]:
    which = "the visible half of its test" if test.hidden else "its visible test"
    at = (
        f"{test.kind or 'It stops'} in {test.at['name']}, line {test.at['line']}: {test.at['text']}"
        if test.at
        else ""
    )
    values = test.dump.splitlines()
    more = [f"… {len(values) - DUMPED} more lines"] if len(values) > DUMPED else []
    lines = [(test.about, "dim"), (first, "bold"), (test.note, ""), (at, ""), (test.said, "bold")]
    return [(f"{task.title}, {which}", HEAD), *lines, *((line, "dim") for line in values[:DUMPED] + more)]


def _say(console: Console, lines: list[tuple[str, str]]) -> None:
    """Print lines in their styles, behind an empty one; what stands under the first is set in."""
    console.print()
    for number, (words, style) in enumerate(lines):
        indent = "  " * bool(number)
        for line in words.splitlines():
            for piece in textwrap.wrap(line, max(20, console.width - len(indent)), replace_whitespace=False):
                console.print(Text(indent + piece, style=style), soft_wrap=True)
