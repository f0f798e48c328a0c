"""The instructor's table, on the screen and as CSV, of the results of `rnncourse grade`."""

import csv
import io
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from rnncourse.grading.books.collect import line
from rnncourse.grading.books.result import Result
from rnncourse.grading.books.writing import write_whole

if TYPE_CHECKING:  # nbgrader: two seconds
    from rnncourse.grading.books.verify import Finding, Verified

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet computes begins so


def record(result: Result) -> dict:
    """A result as it is printed in JSON."""
    shown = {
        name: value for name, value in asdict(result).items() if name not in ("time", "standing", "rules")
    }
    return shown | {"tasks": result.tasks or []}


def scores(results: list[Result]) -> Table:
    """One row for each student and lab."""
    table = Table("lab", "student", "score", "a person", "note")
    for one in results:
        person = "" if one.graded else "[red]must look[/]"
        words = (escape(line(text)) for text in (one.lab, one.student, one.note))
        lab, student, note = words
        table.add_row(lab, student, f"{one.score:g} / {one.max_score:g}", person, note)
    return table


def tasks(results: list[Result], width: int) -> list[Table]:
    """For each lab the points of each task, in as many tables as a screen of that width takes."""
    tables = []
    for lab in dict.fromkeys(one.lab for one in results):
        own = [one for one in results if one.lab == lab]
        longest = max(len(line(one.student)) for one in own)
        for names in _in_width(_tasks(own), width - longest - 7):
            table = Table("student", title=escape(line(lab)), title_justify="left")
            for name, points in names.items():
                table.add_column(f"{escape(_stacked(name))}\n/ {points:g}", justify="right")
            for one in own:
                earned = _earned(one)
                cells = (_number(earned[name]) if name in earned else "" for name in names)
                table.add_row(escape(line(one.student)), *cells)
            tables.append(table)
    return tables


def summary(results: list[Result]) -> str:
    """How many there are, and who waits for a person."""
    waiting = [line(f"{one.student}/{one.lab}") for one in results if not one.graded]
    many = len(results) != 1
    said = f"{len(results)} submission{'s' * many}; "
    if not waiting:
        return said + f"nobody needs to look at {'any' if many else 'it'}"
    return f"{said}a person must look at {len(waiting) if many else 'it'}: {', '.join(waiting)}"


def verified(lab: "Verified") -> str:
    """That nothing is wrong with a lab."""
    cells = len(lab.points)
    return f"verified, {sum(lab.points.values()):g} points in {cells} cells, nbgrader's own way and ours"


def findings(found: list["Finding"]) -> Table:
    """A row for each cell of a lab that something is wrong with."""
    table = Table("lab", "cell", "points", "answer", "nbgrader", "ours", "reason")
    for one in found:
        points = (_number(score) if one.cell else "" for score in (one.points, one.stock, one.ours))
        top, stock, ours = points
        words = (escape(line(text)) for text in (one.lab, one.cell, one.reason))
        lab, cell, reason = words
        table.add_row(lab, cell, top, one.answer, stock, ours, reason)
    return table


def write_csv(path: Path, results: list[Result]) -> None:
    """A row for each student and lab: total, note and each task, as lab/task (of its maximum). No cell is a
    formula.

    Raises:
        OSError: the file can't be written.
    """
    columns = {(lab, name): points for lab in dict.fromkeys(one.lab for one in results)
               for name, points in _tasks([one for one in results if one.lab == lab]).items()}  # fmt: skip
    out = io.StringIO()
    rows = csv.writer(out)
    head = ["lab", "student", "score", "max_score", "graded", "note"]
    rows.writerow(
        map(_plain, [*head, *(f"{lab}/{name} (of {top:g})" for (lab, name), top in columns.items())])
    )
    for one in results:
        earned = {(one.lab, name): score for name, score in _earned(one).items()}
        points = ("" if earned.get(column) is None else earned[column] for column in columns)
        graded = "yes" if one.graded else "no"
        rows.writerow(
            map(_plain, [one.lab, one.student, one.score, one.max_score, graded, one.note, *points])
        )
    write_whole(path, out.getvalue())


def _plain(value):
    """What a spreadsheet takes for a text or a number, whatever it is."""
    if isinstance(value, float | int):
        return f"{value:g}"
    words = line(value)
    return f"'{words}" if words.startswith(FORMULA) else words


def _tasks(results: list[Result]) -> dict[str, float]:
    """The tasks of a lab and their points."""
    return {task["name"]: task["max_score"] for one in results for task in one.tasks or []}


def _earned(result: Result) -> dict[str, float | None]:
    return {task["name"]: task["score"] for task in result.tasks or []}


def _number(score: float | None) -> str:
    return "?" if score is None else f"{score:g}"


def _stacked(name: str) -> str:
    """A name as a narrow column's head."""
    return line(name).replace("_", "_\n")


def _in_width(names: dict[str, float], width: int) -> list[dict[str, float]]:
    """Tasks in groups whose columns stand side by side."""
    groups, room = [], 0
    for name, points in names.items():
        need = 3 + max(len(f"/ {points:g}"), *(map(len, _stacked(name).split("\n"))))
        if not groups or need > room:
            groups.append({})
            room = width
        groups[-1][name] = points
        room -= need
    return groups
