"""nbgrader's gradebook: what it keeps of a lab, and what a submission earned; what a person entered is never touched.

Rows are read and written as columns: nbgrader's objects load everything about their lab again after each commit.
"""

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
from sqlalchemy import insert, select, update

from rnncourse.grading.notebook import Cell

AS_ROWS = {"synchronize_session": False}  # no object of the session is looked at again


def stored(gradebook: Gradebook, lab: str, notebook: str) -> dict[str, dict]:
    """The graded and locked cells of a lab as they were when it was released, hidden tests included.

    Raises:
        RuntimeError: the lab is not in the gradebook.
    """
    try:
        entry = gradebook.find_notebook(notebook, lab)
    except MissingEntry:
        raise RuntimeError(f"{lab} is not in the gradebook: run nbgrader generate_assignment {lab}") from None
    points = {cell.name: cell.max_score for cell in entry.grade_cells}
    return {
        cell.name: {"source": cell.source, "checksum": cell.checksum, "points": points.get(cell.name, 0.0)}
        for cell in entry.source_cells
    }


def reset(gradebook: Gradebook, lab: str, student: str, notebook: str, received: datetime | None = None) -> str:
    """No automatic point of an earlier run is left, should this one not come to its end; returns the key of the entry."""
    db = gradebook.db
    entry = SubmittedAssignment.student_id == student, SubmittedAssignment.assignment_id == _lab(lab)
    if db.execute(select(SubmittedAssignment.id).where(*entry)).scalar() is None:
        _add(gradebook, lab, student)
    if received:
        received = received.replace(tzinfo=None)
        db.execute(update(SubmittedAssignment).where(*entry).values(timestamp=received).execution_options(**AS_ROWS))
    query = select(SubmittedNotebook.id).join(SubmittedNotebook.assignment).join(SubmittedNotebook.notebook)
    key = db.execute(query.where(*entry, Notebook.name == notebook)).scalar_one()
    automatic = Grade.notebook_id == key, Grade.cell_id.in_(select(GradeCell.id))
    nothing = {"auto_score": 0.0, "needs_manual_grade": Grade.manual_score.is_not(None)}
    db.execute(update(Grade).where(*automatic).values(nothing).execution_options(**AS_ROWS))
    db.commit()
    return key


def _add(gradebook: Gradebook, lab: str, student: str) -> None:
    """What nbgrader's add_student and add_submission enter."""
    db = gradebook.db
    if db.execute(select(Student.id).where(Student.id == student)).scalar() is None:
        db.execute(insert(Student).values(id=student))
    entry = uuid4().hex
    db.execute(insert(SubmittedAssignment).values(id=entry, student_id=student, assignment_id=_lab(lab)))
    for notebook in db.execute(select(Notebook.id).where(Notebook.assignment_id == _lab(lab))).scalars().all():
        row = uuid4().hex
        db.execute(insert(SubmittedNotebook).values(id=row, assignment_id=entry, notebook_id=notebook))
        cells = db.execute(select(BaseCell.id, BaseCell.type).where(BaseCell.notebook_id == notebook)).all()
        for kind, cell_types in ((Grade, ("GradeCell", "TaskCell")), (Comment, ("SolutionCell", "TaskCell"))):
            db.bulk_insert_mappings(kind, [{"cell_id": c, "notebook_id": row} for c, of in cells if of in cell_types])


def _lab(name: str):
    return select(Assignment.id).where(Assignment.name == name).scalar_subquery()


def save(gradebook: Gradebook, entry: str, cells: list[Cell]) -> None:
    """Enter what each cell earned, and which answers are missing."""
    by_name = {cell.id: cell for cell in cells if cell.id}
    grades, comments = [], []
    for key, name, manual, kind in _rows(gradebook, Grade, entry, Grade.manual_score, BaseCell.type):
        if kind == "GradeCell" and name in by_name:
            score = by_name[name].node.metadata.get("rnncourse", {}).get("score", 0.0)
            grades.append({"id": key, "auto_score": score, "needs_manual_grade": manual is not None or score is None})
    for key, name, old in _rows(gradebook, Comment, entry, Comment.auto_comment):
        comment = "No response." if name in by_name and by_name[name].unanswered else None
        if comment != old:
            comments.append({"id": key, "auto_comment": comment})
    gradebook.db.bulk_update_mappings(Grade, grades)
    gradebook.db.bulk_update_mappings(Comment, comments)
    gradebook.db.commit()


def times(gradebook: Gradebook, entry: str) -> tuple[datetime | None, datetime | None]:
    """When a notebook was handed in, and when it was due, in UTC."""
    query = select(SubmittedAssignment.timestamp, Assignment.duedate).join(SubmittedAssignment.assignment)
    query = query.join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
    return gradebook.db.execute(query.where(SubmittedNotebook.id == entry)).one()


def marks(gradebook: Gradebook, entry: str, nb: NotebookNode) -> dict:
    """Write scores and comments, a person's included, into an autograded notebook, as nbgrader does before feedback.

    Returns the notebook's own `score`, `max_score` and `late_penalty`.
    """
    grades = {name: marks for _, name, *marks in _rows(gradebook, Grade, entry, Grade.score, Grade.max_score)}
    comments = {name: comment for _, name, comment in _rows(gradebook, Comment, entry, Comment.comment)}
    for cell in nb.cells:
        flags = cell.metadata.get("nbgrader", {})
        name = flags.get("grade_id")
        if name in grades:
            flags["score"], flags["points"] = grades[name]
        if name in comments:
            flags["comment"] = comments[name]
    columns = SubmittedNotebook.score, SubmittedNotebook.max_score, SubmittedNotebook.late_submission_penalty
    values = gradebook.db.execute(select(*columns).where(SubmittedNotebook.id == entry)).one()
    return dict(zip(("score", "max_score", "late_penalty"), values, strict=True))


def _rows(gradebook: Gradebook, kind: type[Grade] | type[Comment], entry: str, *columns):
    """Key, cell's name and more columns of a submitted notebook's grades or comments."""
    query = select(kind.id, BaseCell.name, *columns).join(BaseCell, kind.cell_id == BaseCell.id)
    return gradebook.db.execute(query.where(kind.notebook_id == entry))
