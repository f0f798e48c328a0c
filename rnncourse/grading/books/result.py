"""What is kept of a graded submission beside nbgrader's books, so that the next run knows what is new."""

import glob
import hashlib
import json
import sqlite3
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import SQLAlchemyError
from traitlets.config import Config

from rnncourse.grading.books.collect import Submission, line
from rnncourse.grading.books.writing import write_whole


@dataclass(frozen=True)
class Result:
    """What a submission was given, and for what: `fingerprint` covers the student's and the lab's files, and
    how long a cell may run; `time` is the line that says when it was handed in, `standing` what the
    gradebook said, and `rules` the course's configuration; `tasks` are name, score and max_score of each
    graded cell, or None in a file of before there were any.
    """

    student: str
    lab: str
    score: float
    max_score: float
    graded: bool  # False: a person must look or grade
    note: str
    fingerprint: str
    time: str = ""
    standing: str = ""
    rules: str = ""
    tasks: list[dict] | None = None


@dataclass(frozen=True)
class Task:
    """A submission whose result is to be written, for these files and this configuration; see `Result`."""

    submission: Submission
    fingerprint: str
    time: str
    rules: str


def failed(student: str, lab: str, error: Exception) -> Result:
    """The result of a submission that an error came of: it costs that one alone, and a person must look."""
    return Result(student, lab, 0.0, 0.0, False, f"not graded: {reason(error)}", "")


def reason(error: Exception) -> str:
    """What an error says, in one line."""
    if isinstance(error, SQLAlchemyError):
        return f"the gradebook: {line(getattr(error, 'orig', None) or error)[:300]}"
    if isinstance(error, OSError) and error.strerror:
        return line(f"{error.strerror}: {error.filename}" if error.filename else error.strerror)
    said = line(error)[:300]
    return said if said and type(error) in (RuntimeError, ValueError) else f"{type(error).__name__}: {said}"


def read_result(autograded: Path, submission: Submission) -> Result | None:
    """The stored result of a submission, or None where it was never graded, or its file is damaged."""
    try:
        return Result(**json.loads(_file(autograded, submission.student, submission.lab).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def forget_result(autograded: Path, student: str, lab: str) -> None:
    """From here on it counts as never graded."""
    _file(autograded, student, lab).unlink(missing_ok=True)


def write_result(autograded: Path, result: Result) -> None:
    """Store it."""
    write_whole(_file(autograded, result.student, result.lab), json.dumps(asdict(result), indent=1) + "\n")


def students_with_result(autograded: Path, lab: str) -> list[str]:
    """Whoever has a stored result of a lab, handed in still or not."""
    return sorted(path.parent.name for path in autograded.glob(f"*/{glob.escape(lab)}.json"))


def read_standings(config: Config) -> dict[tuple[str, str], str]:
    """All of a course's `standings`; none where there is no gradebook."""
    url = make_url(config.CourseDirectory.db_url)
    if url.database and url.get_backend_name() == "sqlite" and not Path(url.database).exists():
        return {}
    with create_engine(url).connect() as connection:
        return standings(connection) if inspect(connection).has_table("grade") else {}


def standings(connection, student: str | None = None, lab: str | None = None) -> dict[tuple[str, str], str]:
    """A digest of all that the gradebook says of each student's lab: dates, extension and penalties, the
    points of each cell and their maximum, a person's and ours, and comments.

    nbgrader itself takes a second to import; this asks its tables.
    """
    driver = connection.connection.dbapi_connection
    if isinstance(driver, sqlite3.Connection):  # one damaged text must not hide all others
        driver.text_factory = lambda data: data.decode("utf-8", "backslashreplace")
    digests: dict[tuple[str, str], hashlib._Hash] = {}
    for statement in _STANDING:
        for who, name, *marks in connection.execute(statement, {"student": student, "lab": lab}):
            digests.setdefault((who, name), hashlib.sha256()).update(repr(list(map(str, marks))).encode())
    if isinstance(driver, sqlite3.Connection):
        driver.text_factory = str
    return {key: digest.hexdigest() for key, digest in digests.items()}


_STANDING = [
    text(f"""
SELECT s.student_id, a.name, b.name, {columns}
FROM submitted_assignment s JOIN assignment a ON s.assignment_id = a.id
JOIN submitted_notebook n ON n.assignment_id = s.id JOIN notebook b ON n.notebook_id = b.id {tables}
WHERE (:student IS NULL OR s.student_id = :student) AND (:lab IS NULL OR a.name = :lab)
ORDER BY s.student_id, a.name, b.name{order}
""")
    for columns, tables, order in (
        ("s.timestamp, a.duedate, s.extension, n.late_submission_penalty", "", ""),
        ("c.name, g.auto_score, g.manual_score, g.extra_credit, g.needs_manual_grade, p.max_score, "
         "t.max_score",
         "JOIN grade g ON g.notebook_id = n.id JOIN base_cell c ON g.cell_id = c.id "
         "LEFT JOIN grade_cells p ON p.id = c.id LEFT JOIN task_cells t ON t.id = c.id", ", c.name"),
        ("c.name, m.auto_comment, m.manual_comment",
         "JOIN comment m ON m.notebook_id = n.id JOIN base_cell c ON m.cell_id = c.id", ", c.name"),
    )
]  # fmt: skip


def _file(autograded: Path, student: str, lab: str) -> Path:
    return autograded / student / f"{lab}.json"
