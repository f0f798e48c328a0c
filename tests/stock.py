"""nbgrader as it comes, without this course's engine: what every honest submission must score."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from nbgrader.api import Gradebook

ROOT = Path(__file__).parents[1]
CONFIG = """c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "release"
c.CourseDirectory.db_url = "sqlite:///gradebook.db"
c.Execute.timeout = 20
"""


def hand_in(folder: Path, lab: str, texts: dict[str, str]) -> None:
    """Write students' notebooks into a course folder."""
    for student, text in texts.items():
        path = folder / "submitted" / student / lab / f"{lab}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")


def course(folder: Path, lab: str, texts: dict[str, str]) -> list[str]:
    """Make a course of one lab with these submissions; return the command that grades it, to be run in the folder."""
    hand_in(folder, lab, texts)
    (folder / "nbgrader_config.py").write_text(CONFIG)
    shutil.copytree(ROOT / "solutions" / lab, folder / "solutions" / lab)
    nbgrader = [sys.executable, "-m", "nbgrader"]
    subprocess.run([*nbgrader, "generate_assignment", lab], cwd=folder, env=environment(), capture_output=True, check=True)
    return [*nbgrader, "autograde", lab]


def environment() -> dict[str, str]:
    """With `alembic` on the path, which nbgrader starts by name."""
    return os.environ | {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}


def scores(folder: Path, lab: str, students) -> dict[str, dict[str, float]]:
    """Each student's score of each graded cell, as the course's gradebook has it."""
    with Gradebook(f"sqlite:///{folder}/gradebook.db") as gb:
        notebooks = {student: gb.find_submission_notebook(lab, lab, student) for student in students}
        return {student: {grade.name: grade.score for grade in nb.grades} for student, nb in notebooks.items()}
