"""What is kept of a graded submission beside nbgrader's books, so that the next run knows what is new."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from rnncourse.grading.collect import Submission


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


def read_result(course, submission: Submission) -> Result | None:
    """The stored result of a submission, or None where it was never graded."""
    try:
        return Result(**json.loads(_file(course, submission.student, submission.lab).read_text()))
    except FileNotFoundError:
        return None


def write_result(course, result: Result) -> None:
    """Store it."""
    write_whole(_file(course, result.student, result.lab), json.dumps(asdict(result), indent=1) + "\n")


def _file(course, student: str, lab: str) -> Path:
    return Path(course, "autograded", student, f"{lab}.json")


def write_whole(path: Path, data: str | bytes) -> None:
    """Whole or not at all; what lies there may be read-only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_bytes(data.encode("utf-8", "replace") if isinstance(data, str) else data)
    os.replace(temporary, path)
