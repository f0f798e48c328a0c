"""Labs as other courses write them: each cell's score is what nbgrader as it comes gives it.

A file of kinds/ is a lab in percent format: `# %% name` begins a solution cell, `# %% test name` its test, with its points
where it isn't one, `# %% wrong name: what` an answer that a student may hand in, and `# %%` a locked cell of the lab; a magic
stands behind `# `. Sixteen of the files have three tasks of one kind of value or of test each; `numerics`, `frames` and
`classes` are whole labs, with hidden tests.

All of them are one course, whose students hand in the reference, the lab as they received it, and wrong answers. It is
graded once by the command and once by nbgrader, at the same time.
"""

import json
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from tests import stock
from tests.grading.course import ROOT, meta

MARKERS = ("### BEGIN SOLUTION", "### END SOLUTION")
GIVEN = {("signature", "test_signature")}  # what it asks for stands in what students receive

# An object has a copy of the list that it is made with: what a later call of it does to that, the test's list doesn't show.
COPIED = {("classes", "wrong-0", "test_stack")}


@dataclass
class Kind:
    """A lab of another course: the instructor's notebook, and what is handed in."""

    source: nbformat.NotebookNode
    points: dict[str, float] = field(default_factory=dict)  # by test
    answers: dict[str, str] = field(default_factory=dict)  # the reference's, by solution cell
    wrong: dict[str, list[str]] = field(default_factory=dict)  # the same of wrong ones

    def students(self) -> dict[str, dict[str, str]]:
        """The answers of each: a wrong one in every cell, or none."""
        some = {
            f"wrong-{i}": dict(zip(self.wrong, row, strict=True))
            for i, row in enumerate(zip(*self.wrong.values(), strict=True))
        }
        return {"reference": self.answers, "empty": {}, **some}


def read(path: Path) -> Kind:
    kind = Kind(new_notebook(metadata={"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}))
    parts = re.split(r"^# %%(.*)\n", path.read_text(), flags=re.MULTILINE)[1:]
    for number, (head, source) in enumerate(zip(parts[::2], parts[1::2], strict=True)):
        source = re.sub(r"^# (?=%)", "", source.strip(), flags=re.MULTILINE)
        word, name, points = re.fullmatch(r" ?(test|wrong|) ?(\w*)(?:, (\d)|: .*)?", head).groups()
        if word == "wrong":
            kind.wrong.setdefault(name, []).append(source)
            continue
        if word == "test":
            grade_id, flags = f"test_{name}", {"grade": True, "locked": True, "points": int(points or 1)}
            kind.points[grade_id] = flags["points"]
        elif name:
            grade_id, flags = name, {"solution": True}
            kind.answers[name] = "\n".join(line for line in source.split("\n") if line.strip() not in MARKERS)
        else:
            grade_id, flags = f"locked_{number}", {"locked": True}
        kind.source.cells.append(new_code_cell(source, id=grade_id.replace("_", "-"), metadata=meta(grade_id, **flags)))
    return kind


KINDS = {path.stem: read(path) for path in sorted(Path(__file__).with_name("kinds").glob("*.py"))}
TESTS = [(lab, test) for lab, kind in KINDS.items() for test in kind.points]
WRONG = [(lab, student) for lab, kind in KINDS.items() for student in kind.students() if student.startswith("wrong")]
BY_NBGRADER = """
import json, sys
from nbgrader.apps.api import NbGraderAPI
from traitlets.config import Config

config = Config()
config.CourseDirectory.update(root=".", source_directory="solutions", db_url="sqlite:///gradebook.db")
config.ExecutePreprocessor.timeout = 20
api = NbGraderAPI(config=config)
for step, *names in json.load(sys.stdin):
    outcome = getattr(api, step)(*names)
    if not outcome["success"]:
        sys.exit(f"{step} {names}: {outcome}")
"""


def nbgrader(folder: Path, *steps: tuple) -> None:
    """Let nbgrader as it comes do these steps in a course folder, in one process."""
    command, environment = [sys.executable, "-c", BY_NBGRADER], stock.environment()
    outcome = subprocess.run(command, cwd=folder, env=environment, input=json.dumps(steps), capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr[-3000:]


def hand_in(folder: Path, release: Path) -> dict[str, list[str]]:
    """Write every student's notebook of every lab; return who handed it in."""
    texts = {}
    for lab, kind in KINDS.items():
        texts[lab] = {}
        for student, answers in kind.students().items():
            nb = nbformat.read(release / lab / f"{lab}.ipynb", as_version=4)
            for cell in nb.cells:
                cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
            texts[lab][student] = nbformat.writes(nb)
        stock.hand_in(folder, lab, texts[lab])
    return {lab: list(of_lab) for lab, of_lab in texts.items()}


@pytest.fixture(scope="module")
def scores(tmp_path_factory):
    """What each student's cells earned, by lab: with this course's grader, and with nbgrader's."""
    folder = tmp_path_factory.mktemp("courses")
    for lab, kind in KINDS.items():
        (folder / "one/solutions" / lab).mkdir(parents=True)
        nbformat.write(kind.source, folder / f"one/solutions/{lab}/{lab}.ipynb")
    nbgrader(folder / "one", *(("generate_assignment", lab) for lab in KINDS))
    students = hand_in(folder / "one", folder / "one/release")
    for name in ("other", "ours"):
        shutil.copytree(folder / "one", folder / name)
    (folder / "ours/gradebook.db").unlink()
    shutil.copy(ROOT / "nbgrader_config.py", folder / "ours")
    halves = {name: list(KINDS)[start::2] for start, name in enumerate(("one", "other"))}
    with ThreadPoolExecutor() as pool:
        jobs = []
        for name, labs in halves.items():
            steps = [("autograde", lab, student) for lab in labs for student in students[lab]]
            jobs.append(pool.submit(nbgrader, folder / name, *steps))
        command = [Path(sys.executable).with_name("rnncourse"), "grade", "--json"]
        outcome = subprocess.run(command, cwd=folder / "ours", capture_output=True, text=True)
        assert outcome.returncode in (0, 3), outcome.stderr + outcome.stdout
        for job in jobs:
            job.result()

    def entered(name, labs):
        return {lab: stock.scores(folder / name, lab, students[lab]) for lab in labs}

    return entered("ours", KINDS), entered("one", halves["one"]) | entered("other", halves["other"])


@pytest.mark.parametrize(("lab", "test"), TESTS)
def test_the_reference_earns_all_points(lab, test, scores):
    ours, theirs = scores
    assert ours[lab]["reference"][test] == theirs[lab]["reference"][test] == KINDS[lab].points[test]


@pytest.mark.parametrize(("lab", "test"), TESTS)
def test_who_answers_nothing_earns_nothing(lab, test, scores):
    ours, theirs = scores
    expected = KINDS[lab].points[test] if (lab, test) in GIVEN else 0
    assert ours[lab]["empty"][test] == theirs[lab]["empty"][test] == expected


@pytest.mark.parametrize(("lab", "student"), WRONG)
def test_wrong_answers_earn_what_nbgrader_gives_them(lab, student, scores):
    ours, theirs = scores
    copied = {test: KINDS[lab].points[test] for name, who, test in COPIED if (name, who) == (lab, student)}
    assert ours[lab][student] == theirs[lab][student] | copied
    assert not any(earned == KINDS[lab].points[test] for test, earned in theirs[lab][student].items())
