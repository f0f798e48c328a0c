"""nbgrader's gradebook: what it keeps of a lab, and what a submission earned; what a person entered is never touched."""

import warnings
from datetime import datetime

from nbformat import NotebookNode
from nbgrader.api import Comment, Grade, Gradebook, MissingEntry, SubmittedNotebook
from sqlalchemy.exc import SAWarning
from sqlalchemy.orm import joinedload

from rnncourse.grading.notebook import Cell


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


def reset(gradebook: Gradebook, lab: str, student: str, notebook: str, received: datetime | None = None) -> None:
    """No automatic point of an earlier run is left, should this one not come to its end."""
    try:
        entry = gradebook.find_submission(lab, student)
    except MissingEntry:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SAWarning)  # of nbgrader's own use of the session
            gradebook.update_or_create_student(student)
            entry = gradebook.add_submission(lab, student)
    if received:
        entry.timestamp = received.replace(tzinfo=None)
    for grade in _of(Grade, gradebook, gradebook.find_submission_notebook(notebook, lab, student)):
        if grade.cell.type == "GradeCell":
            grade.auto_score, grade.needs_manual_grade = 0.0, grade.manual_score is not None
    gradebook.db.commit()


def save(gradebook: Gradebook, lab: str, student: str, notebook: str, cells: list[Cell]) -> tuple[float, float]:
    """Enter what each cell earned; return the score and what could be had, a person's points included."""
    by_name = {cell.id: cell for cell in cells if cell.id}
    entry = gradebook.find_submission_notebook(notebook, lab, student)
    for grade in _of(Grade, gradebook, entry):
        cell = by_name.get(grade.name)
        if cell is not None and grade.cell.type == "GradeCell":
            score = cell.node.metadata.get("rnncourse", {}).get("score", 0.0)
            grade.auto_score = score
            grade.needs_manual_grade = grade.manual_score is not None or score is None
    for comment in _of(Comment, gradebook, entry):
        cell = by_name.get(comment.name)
        comment.auto_comment = "No response." if cell is not None and cell.unanswered else None
    gradebook.db.commit()
    gradebook.db.refresh(entry)
    return entry.score, entry.max_score


def marks(gradebook: Gradebook, lab: str, student: str, notebook: str, nb: NotebookNode) -> dict:
    """Write scores and comments, a person's included, into an autograded notebook, as nbgrader does before feedback."""
    entry = gradebook.find_submission_notebook(notebook, lab, student)
    grades = {grade.name: grade for grade in _of(Grade, gradebook, entry)}
    comments = {comment.name: comment.comment for comment in _of(Comment, gradebook, entry)}
    for cell in nb.cells:
        flags = cell.metadata.get("nbgrader", {})
        name = flags.get("grade_id")
        if name in grades:
            flags["score"], flags["points"] = grades[name].score, grades[name].max_score
        if name in comments:
            flags["comment"] = comments[name]
    return {"late_penalty": entry.late_submission_penalty}


def _of(kind: type[Grade] | type[Comment], gradebook: Gradebook, entry: SubmittedNotebook) -> list:
    """A submitted notebook's grades or comments with their cells, as they are now, in one query instead of one for each."""
    query = gradebook.db.query(kind).options(joinedload(kind.cell)).populate_existing()
    return query.filter(kind.notebook_id == entry.id).all()
