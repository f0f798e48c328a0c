"""nbgrader's gradebook: what it keeps of a lab, and what a submission earned; what a person entered is never
touched.

Rows are read and written as columns, by statements that are made once: nbgrader's objects take a second to
import and load everything about their lab again after each commit, and to make a statement takes longer than
to execute it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from nbformat import NotebookNode
from sqlalchemy import bindparam, insert, select, update

from rnncourse.grading.books import tables
from rnncourse.grading.books.tables import Gradebook
from rnncourse.grading.judge.notebook import Cell

# `who` is a student's id, `lab` the name of a lab, `key` that of a submitted notebook, an entry.
_LAB = select(tables.assignment.c.id).where(tables.assignment.c.name == bindparam("lab")).scalar_subquery()
_HANDED_IN = tables.submitted.c.student_id == bindparam("who"), tables.submitted.c.assignment_id == _LAB
_ENTRIES = (
    select(tables.notebook.c.name, tables.entry.c.id)
    .select_from(tables.entry)
    .join(tables.submitted, tables.entry.c.assignment_id == tables.submitted.c.id)
    .join(tables.notebook, tables.entry.c.notebook_id == tables.notebook.c.id)
    .where(*_HANDED_IN)
)
_SET_TIME = (
    update(tables.submitted)
    .where(*_HANDED_IN, tables.submitted.c.timestamp.is_distinct_from(bindparam("received")))
    .values(timestamp=bindparam("received"))
)
_FORGET = (
    update(tables.grade)
    .where(
        tables.grade.c.notebook_id == bindparam("key"),
        tables.grade.c.cell_id.in_(select(tables.grade_cell.c.id)),
    )
    .values(auto_score=0.0, needs_manual_grade=tables.grade.c.manual_score.is_not(None))
)
_NO_PENALTY = (
    update(tables.entry)
    .where(tables.entry.c.id == bindparam("key"), tables.entry.c.late_submission_penalty.is_not(None))
    .values(late_submission_penalty=None)
)
_IS_STUDENT = select(tables.student.c.id).where(tables.student.c.id == bindparam("who"))
_NOTEBOOKS = select(tables.notebook.c.id).where(tables.notebook.c.assignment_id == _LAB)
_NOTEBOOK = _NOTEBOOKS.where(tables.notebook.c.name == bindparam("name"))
_SOURCES = select(*tables.source_cell.c["name", "source", "checksum"]).where(
    tables.source_cell.c.notebook_id == bindparam("notebook")
)
_POINTS = (
    select(tables.cell.c.name, tables.grade_cell.c.max_score)
    .select_from(tables.grade_cell)
    .join(tables.cell, tables.grade_cell.c.id == tables.cell.c.id)
    .where(tables.cell.c.notebook_id == bindparam("notebook"))
)
_CELLS = select(tables.cell.c.id, tables.cell.c.type).where(
    tables.cell.c.notebook_id == bindparam("notebook")
)
_DUE = select(tables.assignment.c.duedate).where(tables.assignment.c.name == bindparam("lab"))
_GRADES = (
    select(
        *tables.grade.c["id", "manual_score", "needs_manual_grade", "extra_credit"],
        *tables.cell.c["name", "type"],
        tables.score.label("score"),
        tables.max_score.label("max_score"),
    )
    .select_from(tables.grade)
    .join(tables.cell, tables.grade.c.cell_id == tables.cell.c.id)
    .where(tables.grade.c.notebook_id == bindparam("key"))
)
_COMMENTS = (
    select(
        tables.comment.c.id, tables.cell.c.name, tables.comment.c.auto_comment, tables.said.label("comment")
    )
    .select_from(tables.comment)
    .join(tables.cell, tables.comment.c.cell_id == tables.cell.c.id)
    .where(tables.comment.c.notebook_id == bindparam("key"))
)
_SET_GRADE = (
    update(tables.grade)
    .where(tables.grade.c.id == bindparam("key"))
    .values(auto_score=bindparam("earned"), needs_manual_grade=bindparam("waits"))
)
_SET_COMMENT = (
    update(tables.comment)
    .where(tables.comment.c.id == bindparam("key"))
    .values(auto_comment=bindparam("words"))
)
_TOTAL = select(
    tables.total.label("score"),
    tables.max_total.label("max_score"),
    tables.entry.c.late_submission_penalty.label("late_penalty"),
).where(tables.entry.c.id == bindparam("key"))


def stored(gradebook: Gradebook, lab: str, notebook: str) -> dict[str, dict]:
    """The graded and locked cells of a lab's notebook as they were when it was released, hidden tests
    included.

    Raises:
        RuntimeError: it is not in the gradebook.
    """
    db = gradebook.db.connection()
    entered = db.execute(_NOTEBOOK, {"lab": lab, "name": notebook}).scalar()
    if entered is None:
        raise RuntimeError(
            f"{lab}/{notebook} is not in the gradebook: run nbgrader generate_assignment {lab}"
        )
    points = dict(db.execute(_POINTS, {"notebook": entered}).all())
    return {
        row.name: {"source": row.source, "checksum": row.checksum, "points": points.get(row.name, 0.0)}
        for row in db.execute(_SOURCES, {"notebook": entered})
    }


def entries(gradebook: Gradebook, lab: str, student: str) -> dict[str, str]:
    """The keys of a submission's entries, by the names of its notebooks; none, where nothing was entered."""
    rows = gradebook.db.connection().execute(_ENTRIES, {"who": student, "lab": lab})
    return dict(rows.all())


def reset(gradebook: Gradebook, lab: str, student: str, notebooks: Iterable[str],
          received: datetime | None = None) -> None:  # fmt: skip
    """No automatic point that these notebooks got of an earlier run is left, should this one not come to its
    end.

    Raises:
        ValueError: a name that no gradebook can hold.
    """
    try:
        student.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the folder {student} has a name that is no UTF-8: rename it") from None
    db, names = gradebook.db.connection(), {"who": student, "lab": lab}
    known = entries(gradebook, lab, student)
    if not known:
        _add(db, names)
        known = entries(gradebook, lab, student)
    db.execute(_SET_TIME, names | {"received": received})
    for name in notebooks:
        db.execute(_FORGET, {"key": known[name]})
    gradebook.db.commit()


def set_time(gradebook: Gradebook, lab: str, student: str, received: datetime | None) -> None:
    """Enter when a lab was handed in, in UTC and without a zone; None: nobody says. The caller commits."""
    names = {"who": student, "lab": lab, "received": received}
    gradebook.db.connection().execute(_SET_TIME, names)


def withdraw(gradebook: Gradebook, lab: str, student: str) -> None:
    """Take back what came of a submission that is there no more; what a person entered stays."""
    for key in entries(gradebook, lab, student).values():
        gradebook.db.connection().execute(_FORGET, {"key": key})
        no_penalty(gradebook, key)
    set_time(gradebook, lab, student, None)
    gradebook.db.commit()


def no_penalty(gradebook: Gradebook, key: str) -> None:
    """Nothing is taken off for lateness. The caller commits."""
    gradebook.db.connection().execute(_NO_PENALTY, {"key": key})


def _add(db, names: dict[str, str]) -> None:
    """What nbgrader's add_student and add_submission enter."""
    if db.execute(_IS_STUDENT, names).scalar() is None:
        db.execute(insert(tables.student), {"id": names["who"]})
    lab, handed_in = db.execute(select(_LAB), names).scalar_one(), uuid4().hex
    db.execute(insert(tables.submitted), {"id": handed_in, "student_id": names["who"], "assignment_id": lab})
    for of in db.execute(_NOTEBOOKS, names).scalars().all():
        key = uuid4().hex
        row = {"id": key, "assignment_id": handed_in, "notebook_id": of, "flagged": False}
        db.execute(insert(tables.entry), row)
        grades, comments = [], []
        for name, kind in db.execute(_CELLS, {"notebook": of}).all():
            if kind in ("GradeCell", "TaskCell"):
                grades.append(_row(name, key) | {"needs_manual_grade": True})
            if kind in ("SolutionCell", "TaskCell"):
                comments.append(_row(name, key))
        for table, rows in ((tables.grade, grades), (tables.comment, comments)):
            if rows:
                db.execute(insert(table), rows)


def _row(of: str, key: str) -> dict[str, str]:
    return {"id": uuid4().hex, "cell_id": of, "notebook_id": key}


def save(gradebook: Gradebook, key: str, cells: list[Cell]) -> None:
    """Enter what each cell earned, and which answers are missing. The caller commits."""
    db, by_name = gradebook.db.connection(), {cell.id: cell for cell in cells if cell.id}
    grades, comments = [], []
    for row in db.execute(_GRADES, {"key": key}):
        if row.type == "GradeCell" and row.name in by_name:
            score = by_name[row.name].node.metadata.get("rnncourse", {}).get("score", 0.0)
            grades.append(
                {"key": row.id, "earned": score, "waits": row.manual_score is not None or score is None}
            )
    for row in db.execute(_COMMENTS, {"key": key}):
        own = by_name[row.name].node.metadata.get("rnncourse", {}) if row.name in by_name else {}
        words = "No response." if own.get("unanswered") else None
        if words != row.auto_comment:
            comments.append({"key": row.id, "words": words})
    for statement, rows in ((_SET_GRADE, grades), (_SET_COMMENT, comments)):
        if rows:
            db.execute(statement, rows)


def due(gradebook: Gradebook, lab: str) -> datetime | None:
    """When a lab was due, in UTC, for those without an extension."""
    return gradebook.db.connection().execute(_DUE, {"lab": lab}).scalar_one()


def marks(gradebook: Gradebook, key: str, nb: NotebookNode) -> dict:
    """Write scores and comments, a person's included, into an autograded notebook, as nbgrader does before
    feedback.

    Returns the notebook's own `score`, `max_score` and `late_penalty`, and the names of cells that wait for
    a person.
    """
    db = gradebook.db.connection()
    grades = {row.name: row for row in db.execute(_GRADES, {"key": key})}
    comments = {row.name: row.comment for row in db.execute(_COMMENTS, {"key": key})}
    for node in nb.cells:
        flags = node.metadata.get("nbgrader", {})
        name = flags.get("grade_id")
        if name in grades:
            row = grades[name]
            flags["score"], flags["points"] = row.score, row.max_score
            flags["waits"], flags["extra_credit"] = row.needs_manual_grade, row.extra_credit or 0.0
        if name in comments:
            flags["comment"] = comments[name]
    waiting = [name for name, row in grades.items() if row.needs_manual_grade]
    return {**db.execute(_TOTAL, {"key": key}).mappings().one(), "waiting": waiting}


def tasks(nb: NotebookNode) -> list[dict]:
    """Name, score and maximum of each graded cell of a notebook with `marks`; no score where a person has
    yet to grade.
    """
    found = []
    for cell in nb.cells:
        flags = cell.metadata.get("nbgrader", {})
        if "score" in flags:
            score = flags["score"] + flags["extra_credit"]
            score = None if flags["waits"] and not score else score
            found.append({"name": flags["grade_id"], "score": score, "max_score": flags["points"]})
    return found
