"""The tables of nbgrader's gradebook, as far as grading reads and writes them: its own classes for them take
a second to import.
"""

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    DateTime,
    Float,
    MetaData,
    String,
    Table,
    case,
    create_engine,
    func,
    inspect,
    select,
)

_METADATA = MetaData()


def _table(name: str, /, **columns) -> Table:
    return Table(name, _METADATA, *(Column(column, kind) for column, kind in columns.items()))


assignment = _table("assignment", id=String, name=String, duedate=DateTime)
notebook = _table("notebook", id=String, name=String, assignment_id=String)
cell = _table("base_cell", id=String, name=String, notebook_id=String, type=String)
grade_cell = _table("grade_cells", id=String, max_score=Float, cell_type=String)
task_cell = _table("task_cells", id=String, max_score=Float, cell_type=String)
source_cell = _table(
    "source_cell", name=String, cell_type=String, locked=Boolean, source=String, checksum=String,
    notebook_id=String,
)  # fmt: skip
student = _table("student", id=String)
submitted = _table(
    "submitted_assignment", id=String, student_id=String, assignment_id=String, timestamp=DateTime
)
entry = _table(
    "submitted_notebook", id=String, assignment_id=String, notebook_id=String, flagged=Boolean,
    late_submission_penalty=Float,
)  # fmt: skip
grade = _table(
    "grade", id=String, cell_id=String, notebook_id=String, auto_score=Float, manual_score=Float,
    extra_credit=Float, needs_manual_grade=Boolean,
)  # fmt: skip
comment = _table(
    "comment", id=String, cell_id=String, notebook_id=String, auto_comment=String, manual_comment=String
)

# what nbgrader makes of them: a person's points before ours, and what was given beside
given = func.coalesce(grade.c.manual_score, grade.c.auto_score)
score = case((given.is_not(None), given + func.coalesce(grade.c.extra_credit, 0.0)), else_=0.0)
said = func.coalesce(comment.c.manual_comment, comment.c.auto_comment)


def _of_cell(of: Table):
    return select(of.c.max_score).where(of.c.id == grade.c.cell_id).scalar_subquery()


def _of_notebook(of: Table):
    points = select(func.coalesce(func.sum(of.c.max_score), 0.0)).join(cell, of.c.id == cell.c.id)
    return points.where(cell.c.notebook_id == entry.c.notebook_id).scalar_subquery()


max_score = func.coalesce(_of_cell(grade_cell), _of_cell(task_cell), 0.0)
total = (
    select(func.coalesce(func.sum(score), 0.0)).where(grade.c.notebook_id == entry.c.id).scalar_subquery()
)
max_total = _of_notebook(grade_cell) + _of_notebook(task_cell)


class Gradebook:
    """An open gradebook; what nbgrader's own has of the same names does the same."""

    def __init__(self, url: str):
        self.engine, self.db, self._connection = create_engine(url), self, None
        if not inspect(self.connection()).has_table("grade"):
            from rnncourse.grading.books.release import create_gradebook

            self.close()
            create_gradebook(url)

    def connection(self) -> Connection:
        """What its statements are executed by, until `commit` or `rollback`."""
        if self._connection is None:
            self._connection = self.engine.connect()
        return self._connection

    def commit(self) -> None:
        self.connection().commit()

    def rollback(self) -> None:
        self.connection().rollback()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self.engine.dispose()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
