"""What is kept of a graded submission beside nbgrader's books, so that the next run knows what is new."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import create_engine, inspect, make_url, text
from traitlets.config import Config

from rnncourse.grading.books.collect import Submission


@dataclass(frozen=True)
class Result:
    """What a submission was given, and for which files: `fingerprint` covers the student's and the lab's."""

    student: str
    lab: str
    score: float
    max_score: float
    graded: bool  # False: a person must look or grade
    note: str
    fingerprint: str
    standing: list  # what the gradebook said then, as `standings` gives it


def read_result(course, submission: Submission) -> Result | None:
    """The stored result of a submission, or None where it was never graded, or its file is damaged."""
    try:
        return Result(**json.loads(_file(course, submission.student, submission.lab).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def forget_result(course, submission: Submission) -> None:
    """From here on it counts as never graded."""
    _file(course, submission.student, submission.lab).unlink(missing_ok=True)


def write_result(course, result: Result) -> None:
    """Store it."""
    write_whole(_file(course, result.student, result.lab), json.dumps(asdict(result), indent=1) + "\n")


def read_standings(config: Config) -> dict[tuple[str, str], list]:
    """All of a course's `standings`; none where there is no gradebook."""
    url = make_url(config.CourseDirectory.db_url)
    if url.database and url.get_backend_name() == "sqlite" and not Path(url.database).exists():
        return {}
    with create_engine(url).connect() as connection:
        return standings(connection) if inspect(connection).has_table("grade") else {}


def standings(connection, student: str | None = None, lab: str | None = None) -> dict[tuple[str, str], list]:
    """What the gradebook says of each student's lab: points, late penalty, whether a person must grade, due
    date, extension.

    nbgrader itself takes a second to import; this asks its tables.
    """
    rows = connection.execute(_STANDING, {"student": student, "lab": lab})
    standings = {}
    for who, name, *marks in rows:
        points, late, waits, *dates = marks
        standings[who, name] = [points, late, bool(waits), *map(str, dates)]
    return standings


_STANDING = text("""
SELECT s.student_id, a.name, SUM(COALESCE(g.manual_score, g.auto_score, 0) + COALESCE(g.extra_credit, 0)),
       MAX(COALESCE(n.late_submission_penalty, 0)), MAX(CASE WHEN g.needs_manual_grade THEN 1 ELSE 0 END),
       a.duedate, s.extension
FROM submitted_assignment s JOIN assignment a ON s.assignment_id = a.id
JOIN submitted_notebook n ON n.assignment_id = s.id LEFT JOIN grade g ON g.notebook_id = n.id
WHERE (:student IS NULL OR s.student_id = :student) AND (:lab IS NULL OR a.name = :lab)
GROUP BY s.id, s.student_id, a.name, a.duedate, s.extension
""")


def _file(course, student: str, lab: str) -> Path:
    return Path(course, "autograded", student, f"{lab}.json")


def write_whole(path: Path, data: str | bytes) -> None:
    """Whole or not at all; what lies there may be read-only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)
    os.replace(temporary, path)
