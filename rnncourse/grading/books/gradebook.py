"""nbgrader's gradebook: what it keeps of a lab, and what a submission earned; what a person entered is never
touched.

Rows are read and written as columns, by statements that are made once: nbgrader's objects load everything
about their lab again after each commit, and to make a statement takes longer than to execute it.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import uuid4

from nbformat import NotebookNode
from nbgrader.api import (
    Assignment,
    BaseCell,
    Comment,
    Grade,
    Gradebook,
    GradeCell,
    MissingEntry,
    Notebook,
    Student,
    SubmittedAssignment,
    SubmittedNotebook,
)
from sqlalchemy import bindparam, insert, select, update

from rnncourse.grading.judge.notebook import Cell

# `who` is a student's id, `lab` the name of a lab, `entry` the key of a submitted notebook.
_LAB = select(Assignment.id).where(Assignment.name == bindparam("lab")).scalar_subquery()
_HANDED_IN = SubmittedAssignment.student_id == bindparam("who"), SubmittedAssignment.assignment_id == _LAB
_ENTRIES = (
    select(Notebook.name, SubmittedNotebook.id)
    .join(SubmittedAssignment, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
    .join(Notebook, SubmittedNotebook.notebook_id == Notebook.id)
    .where(*_HANDED_IN)
)
_SET_TIME = (
    update(SubmittedAssignment)
    .where(*_HANDED_IN, SubmittedAssignment.timestamp.is_distinct_from(bindparam("received")))
    .values(timestamp=bindparam("received"))
)
_FORGET = (
    update(Grade)
    .where(Grade.notebook_id == bindparam("entry"), Grade.cell_id.in_(select(GradeCell.id)))
    .values(auto_score=0.0, needs_manual_grade=Grade.manual_score.is_not(None))
)
_NO_PENALTY = (
    update(SubmittedNotebook.__table__)
    .where(SubmittedNotebook.id == bindparam("entry"))
    .where(SubmittedNotebook.late_submission_penalty.is_not(None))
    .values(late_submission_penalty=None)
)
_IS_STUDENT = select(Student.id).where(Student.id == bindparam("who"))
_NOTEBOOKS = select(Notebook.id).where(Notebook.assignment_id == _LAB)
_CELLS = select(BaseCell.id, BaseCell.type).where(BaseCell.notebook_id == bindparam("notebook"))
_DUE = select(Assignment.duedate).where(Assignment.name == bindparam("lab"))
_GRADES = (
    select(
        Grade.id,
        BaseCell.name,
        BaseCell.type,
        Grade.manual_score,
        Grade.needs_manual_grade,
        Grade.extra_credit,
        Grade.score.label("score"),
        Grade.max_score.label("max_score"),
    )
    .join(BaseCell, Grade.cell_id == BaseCell.id)
    .where(Grade.notebook_id == bindparam("entry"))
)
_COMMENTS = (
    select(Comment.id, BaseCell.name, Comment.auto_comment, Comment.comment.label("comment"))
    .join(BaseCell, Comment.cell_id == BaseCell.id)
    .where(Comment.notebook_id == bindparam("entry"))
)
_NEW = {kind: insert(kind) for kind in (Student, SubmittedAssignment, SubmittedNotebook, Grade, Comment)}
_SET_GRADE = (
    update(Grade.__table__)
    .where(Grade.id == bindparam("key"))
    .values(auto_score=bindparam("earned"), needs_manual_grade=bindparam("waits"))
)
_SET_COMMENT = (
    update(Comment.__table__).where(Comment.id == bindparam("key")).values(auto_comment=bindparam("said"))
)
_TOTAL = select(
    SubmittedNotebook.score.label("score"),
    SubmittedNotebook.max_score.label("max_score"),
    SubmittedNotebook.late_submission_penalty.label("late_penalty"),
).where(SubmittedNotebook.id == bindparam("entry"))


def stored(gradebook: Gradebook, lab: str, notebook: str) -> dict[str, dict]:
    """The graded and locked cells of a lab's notebook as they were when it was released, hidden tests
    included.

    Raises:
        RuntimeError: it is not in the gradebook.
    """
    try:
        entry = gradebook.find_notebook(notebook, lab)
    except MissingEntry:
        raise RuntimeError(
            f"{lab}/{notebook} is not in the gradebook: run nbgrader generate_assignment {lab}"
        ) from None
    points = {cell.name: cell.max_score for cell in entry.grade_cells}
    return {
        cell.name: {"source": cell.source, "checksum": cell.checksum, "points": points.get(cell.name, 0.0)}
        for cell in entry.source_cells
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
        db.execute(_FORGET, {"entry": known[name]})
    gradebook.db.commit()


def set_time(gradebook: Gradebook, lab: str, student: str, received: datetime | None) -> None:
    """Enter when a lab was handed in, in UTC and without a zone; None: nobody says. The caller commits."""
    names = {"who": student, "lab": lab, "received": received}
    gradebook.db.connection().execute(_SET_TIME, names)


def withdraw(gradebook: Gradebook, lab: str, student: str) -> None:
    """Take back what came of a submission that is there no more; what a person entered stays."""
    for entry in entries(gradebook, lab, student).values():
        gradebook.db.connection().execute(_FORGET, {"entry": entry})
        no_penalty(gradebook, entry)
    set_time(gradebook, lab, student, None)
    gradebook.db.commit()


def no_penalty(gradebook: Gradebook, entry: str) -> None:
    """Nothing is taken off for lateness. The caller commits."""
    gradebook.db.connection().execute(_NO_PENALTY, {"entry": entry})


def _add(db, names: dict[str, str]) -> None:
    """What nbgrader's add_student and add_submission enter."""
    if db.execute(_IS_STUDENT, names).scalar() is None:
        db.execute(_NEW[Student], {"id": names["who"]})
    assignment = db.execute(select(_LAB), names).scalar_one()
    key = uuid4().hex
    db.execute(
        _NEW[SubmittedAssignment], {"id": key, "student_id": names["who"], "assignment_id": assignment}
    )
    for notebook in db.execute(_NOTEBOOKS, names).scalars().all():
        entry = uuid4().hex
        db.execute(_NEW[SubmittedNotebook], {"id": entry, "assignment_id": key, "notebook_id": notebook})
        cells = db.execute(_CELLS, {"notebook": notebook}).all()
        for kind, cell_types in (
            (Grade, ("GradeCell", "TaskCell")),
            (Comment, ("SolutionCell", "TaskCell")),
        ):
            if rows := [{"cell_id": cell, "notebook_id": entry} for cell, of in cells if of in cell_types]:
                db.execute(_NEW[kind], rows)


def save(gradebook: Gradebook, entry: str, cells: list[Cell]) -> None:
    """Enter what each cell earned, and which answers are missing. The caller commits."""
    db, by_name = gradebook.db.connection(), {cell.id: cell for cell in cells if cell.id}
    grades, comments = [], []
    for row in db.execute(_GRADES, {"entry": entry}):
        if row.type == "GradeCell" and row.name in by_name:
            score = by_name[row.name].node.metadata.get("rnncourse", {}).get("score", 0.0)
            grades.append(
                {"key": row.id, "earned": score, "waits": row.manual_score is not None or score is None}
            )
    for row in db.execute(_COMMENTS, {"entry": entry}):
        own = by_name[row.name].node.metadata.get("rnncourse", {}) if row.name in by_name else {}
        comment = "No response." if own.get("unanswered") else None
        if comment != row.auto_comment:
            comments.append({"key": row.id, "said": comment})
    for statement, rows in ((_SET_GRADE, grades), (_SET_COMMENT, comments)):
        if rows:
            db.execute(statement, rows)


def due(gradebook: Gradebook, lab: str) -> datetime | None:
    """When a lab was due, in UTC, for those without an extension."""
    return gradebook.db.connection().execute(_DUE, {"lab": lab}).scalar_one()


def marks(gradebook: Gradebook, entry: str, nb: NotebookNode) -> dict:
    """Write scores and comments, a person's included, into an autograded notebook, as nbgrader does before
    feedback.

    Returns the notebook's own `score`, `max_score` and `late_penalty`, and the names of cells that wait for
    a person.
    """
    db = gradebook.db.connection()
    grades = {row.name: row for row in db.execute(_GRADES, {"entry": entry})}
    comments = {row.name: row.comment for row in db.execute(_COMMENTS, {"entry": entry})}
    for cell in nb.cells:
        flags = cell.metadata.get("nbgrader", {})
        name = flags.get("grade_id")
        if name in grades:
            grade = grades[name]
            flags["score"], flags["points"], flags["waits"] = (
                grade.score,
                grade.max_score,
                grade.needs_manual_grade,
            )
            flags["extra_credit"] = grade.extra_credit or 0.0
        if name in comments:
            flags["comment"] = comments[name]
    waiting = [name for name, row in grades.items() if row.needs_manual_grade]
    return {**db.execute(_TOTAL, {"entry": entry}).mappings().one(), "waiting": waiting}


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
