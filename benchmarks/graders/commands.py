"""Graders: how a course is set up for each, the commands that grade it, and the points that came of them."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import nbformat

from graders import small
from rnncourse.grading.books import registered
from rnncourse.grading.books.course import course_config
from tests import stock

ROOT = Path(__file__).parents[2]
Texts = dict[str, str]  # each student's notebook


def environment(programs: Path | None = None) -> dict[str, str]:
    """With the programs of this environment, or of another one, first."""
    others = {} if programs is None else {"PYTHONPATH": "", "PATH": os.pathsep.join([str(programs), os.environ["PATH"]])}
    return stock.environment() | others


def done(command: list, folder: Path, programs: Path | None = None) -> None:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; with the end of what it said.
    """
    outcome = subprocess.run(list(map(str, command)), cwd=folder, env=environment(programs), capture_output=True, text=True)
    if outcome.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}: exit status {outcome.returncode}\n{outcome.stderr[-3000:]}")


class Ours:
    """`rnncourse grade`, on as many cores as there are."""

    name, programs = "rnncourse", None
    config = (ROOT / "nbgrader_config.py").read_text()

    def prepare(self, folder: Path, source: Path, texts: Texts) -> None:
        self.lab, self.students = source.name, list(texts)
        shutil.copytree(source, folder / "solutions" / self.lab)
        (folder / "nbgrader_config.py").write_text(self.config)
        stock.hand_in(folder, self.lab, texts)
        self.release(folder)

    def release(self, folder: Path) -> None:
        """The lab is in the gradebook before somebody hands it in."""
        registered.ensure(course_config(folder, folder), self.lab)

    def commands(self) -> list[list]:
        return [[sys.executable, "-c", "from rnncourse.cli import main; main()", "grade", self.lab, "--json"]]

    def again(self, student: str) -> list[list]:
        return [[*self.commands()[0], "--student", student]]

    def scores(self, folder: Path) -> dict[str, dict[str, float]]:
        return stock.scores(folder, self.lab, self.students)


class Stock(Ours):
    """nbgrader as it comes, one submission after the other."""

    name, config = "nbgrader", stock.CONFIG

    def release(self, folder: Path) -> None:
        done([sys.executable, "-m", "nbgrader", "generate_assignment", self.lab], folder)

    def commands(self) -> list[list]:
        return [[sys.executable, "-m", "nbgrader", "autograde", self.lab]]

    def again(self, student: str) -> list[list]:
        return [[*self.commands()[0], "--student", student, "--force"]]


class Otter:
    """otter-grader without Docker: a command for each submission, one after the other."""

    name = "otter-grader"

    def __init__(self, programs: Path):
        self.programs = programs

    def prepare(self, folder: Path, answers: dict[str, dict[str, str]]) -> None:
        self.students = list(answers)
        nbformat.write(small.for_otter(small.REFERENCE, marked=True), folder / "small.ipynb")
        done([self.programs / "otter", "assign", "--no-pdfs", "--no-run-tests", "small.ipynb", "made"], folder, self.programs)
        (self.archive,) = (folder / "made/autograder").glob("*.zip")
        for student, answer in answers.items():
            (folder / "graded" / student).mkdir(parents=True)
            nbformat.write(small.for_otter(answer), folder / f"{student}.ipynb")

    def commands(self) -> list[list]:
        run = [self.programs / "otter", "run", "--no-logo", "-a", self.archive, "-o"]
        return [[*run, f"graded/{student}", f"{student}.ipynb"] for student in self.students]

    def scores(self, folder: Path) -> dict[str, dict[str, float]]:
        found = {}
        for student in self.students:
            tests = json.loads((folder / "graded" / student / "results.json").read_text())["tests"]
            found[student] = {f"test_{test['name']}": test["score"] for test in tests if "score" in test}
        return found


class Mograder:
    """mograder, on as many cores as there are; its virtual environment is there, as after the first run."""

    name = "mograder"

    def __init__(self, programs: Path):
        self.programs = programs

    def prepare(self, folder: Path, answers: dict[str, dict[str, str]]) -> None:
        self.students = list(answers)
        texts = {f"source/{small.LAB}/{small.LAB}.py": small.for_mograder(small.REFERENCE, marked=True)}
        texts |= {f"submitted/{small.LAB}/{student}.py": small.for_mograder(answer) for student, answer in answers.items()}
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        done([self.programs / "mograder", "generate", small.LAB], folder, self.programs)

    def commands(self) -> list[list]:
        cores = len(os.sched_getaffinity(0))
        return [[self.programs / "mograder", "autograde", small.LAB, "-j", cores]]

    def scores(self, folder: Path) -> dict[str, dict[str, float]]:
        with sqlite3.connect(folder / "gradebook.db") as base:
            rows = base.execute("SELECT student, check_results FROM submissions").fetchall()
        return {
            student: dict.fromkeys((f"test_{name}" for name in small.REFERENCE), 0.0)
            | {f"test_{check['label']}": float(check["status"] == "success") for check in json.loads(checks)}
            for student, checks in rows
        }


def peers(programs: Path) -> list:
    """Those other graders whose program is in a folder."""
    known = {"otter": Otter, "mograder": Mograder}
    return [kind(programs) for name, kind in known.items() if (programs / name).exists()]
