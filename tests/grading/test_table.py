"""The instructor's table says what happened: what was dropped or tried, errors and time-outs, and the points of each task."""

import csv
import json
import os

import pytest
from nbformat.v4 import new_code_cell

from tests.grading.course import HONEST, Course, lab_of_parts, meta

WORDS = "words-of-a-student-4717"
BY = "double_visible, double_hidden"


def without(*names):
    def change(nb):
        nb.cells = [cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("grade_id") not in names]

    return change


def cells_of(nb, *names):
    return [cell for cell in nb.cells if cell.metadata.get("nbgrader", {}).get("grade_id") in names]


def edited(name, source):
    def change(nb):
        (cell,) = cells_of(nb, name)
        cell.source = source

    return change


def tagged(nb):
    for cell in cells_of(nb, "double_visible", "mean"):
        cell.metadata.tags = ["skip-execution", WORDS, {"no": "word"}]
    nb.cells.append(new_code_cell("1", metadata={"tags": ["raises-exception"]}))


def set_otherwise(nb):
    for cell in cells_of(nb, "double_visible", "double_hidden"):
        cell.metadata.nbgrader.update({"points": 10**400, "locked": False, "solution": WORDS})
    for cell in cells_of(nb, "mean"):
        cell.metadata.nbgrader.update(grade=True)


def twice(nb):
    (cell,) = cells_of(nb, "double")
    nb.cells.insert(0, new_code_cell(f"def double(x):\n    return '{WORDS}'", metadata=cell.metadata))


def elsewhere(nb):
    nb.cells.insert(nb.cells.index(*cells_of(nb, "mean")) + 1, new_code_cell(HONEST["mean"]))


def helper(nb):
    nb.cells.insert(0, new_code_cell("def helper(rows):\n    return 1 / 0"))


def as_editors_do(nb):
    for cell in nb.cells:
        cell.source = cell.source.replace("\n", "\r\n") + "  \r\n"


LOOP, OWN = "    while True:\n        pass", f"    class {WORDS.replace('-', '_')}(Exception):\n        pass\n"
# what was handed in, changed how; the points, and what the table says
CASES = {
    "honest": ({}, None, 9, ""),
    "as editors do": ({}, as_editors_do, 9, ""),
    "nothing": ({name: None for name in HONEST}, None, 0, "nothing answered"),
    "two left": ({"mean": None, "rnn": None}, None, 3, "not answered: mean, rnn"),
    "answered elsewhere": ({"mean": None}, elsewhere, 9, ""),
    "an edited test": ({}, edited("double_visible", "assert True"), 9, "double_visible: edited, the lab's own ran"),
    "the locked imports": ({}, edited("setup", f"import numpy as np # {WORDS}"), 9, "setup: edited, the lab's own ran"),
    "missing tests": ({}, without("mean_test", "rnn_hidden"), 9, "mean_test, rnn_hidden: missing, the lab's own ran"),
    "a missing solution": ({}, without("mean"), 7, "mean: its cell is missing; not answered: mean"),
    "a solution twice": ({}, twice, 9, "double: there more than once, the last counts"),
    "tags": ({}, tagged, 9, "double_visible, mean: tag skip-execution without effect; "
             "an added cell: tag raises-exception without effect"),
    "settings": ({}, set_otherwise, 9, f"{BY}: its own points, its own locked without effect; "
                 "mean: its own grade without effect"),
    "never ends": ({"mean": f"def mean(rows):\n{LOOP}"}, None, 7, "mean_test: ran over 2 s"),
    "a cell never ends": ({"mean": "while True:\n    pass"}, None, 7, "mean: ran over 2 s"),
    "raises": ({"double": "def double(x):\n    return x.no_such"}, None, 6, f"{BY}: AttributeError in double, line 2"),
    "raises its own": ({"double": f"def double(x):\n{OWN}    raise {WORDS.replace('-', '_')}"}, None, 6,
                       f"{BY}: Exception in double, line 4"),
    "asserts": ({"mean": "def mean(rows):\n    assert len(rows) > 9"}, None, 7, "mean_test: AssertionError in mean, line 2"),
    "raises elsewhere": ({"mean": "def mean(rows):\n    return helper(rows)"}, helper, 7,
                         "mean_test: ZeroDivisionError in an added cell, line 2"),
    "dies": ({"double": "import os\ndef double(x):\n    os._exit(3)"}, None, 6, f"{BY}: the process ended"),
    "a cell raises": ({"mean": f"{HONEST['mean']}\n1 / 0"}, None, 9, "mean: ZeroDivisionError"),
    "another name": ({"mean": "def average(rows):\n    return 0"}, None, 7, "mean_test: NameError"),
    "wrong": ({"mean": "def mean(rows):\n    return 0"}, None, 7, ""),
}  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("course"), timeout=2, parts=lab_of_parts())
    for number, (answers, change, *_) in enumerate(CASES.values()):
        given = {name: source for name, source in (HONEST | answers).items() if source}
        nb = course.notebook(given)
        if change:
            change(nb)
        folder = course.folder / f"submitted/case-{number}/small"
        folder.mkdir(parents=True)
        (folder / "small.ipynb").write_text(json.dumps(nb))
    course.results = course.grade("small")
    return course


@pytest.mark.parametrize("name", CASES)
def test_the_note_says_what_happened_in_our_words(course, name):
    *_, score, note = CASES[name]
    result = course.results[f"case-{list(CASES).index(name)}"]
    assert (result["score"], result["note"], result["graded"]) == (score, note, True)
    assert WORDS not in json.dumps(result) and WORDS.replace("-", "_") not in json.dumps(result)
    assert sum(task["score"] for task in result["tasks"]) == score
    tops = {task["name"]: task["max_score"] for task in result["tasks"]}
    assert tops == {"double_visible": 1, "double_hidden": 2, "mean_test": 2, "rnn_visible": 1, "rnn_hidden": 3}


@pytest.fixture
def small(tmp_path):
    course = Course(tmp_path / "course", parts=lab_of_parts())
    for student in ("=1+1", "ada"):
        course.hand_in(student, course.notebook(HONEST | {"mean": "def mean(rows):\n    return 0"}))
    course.hand_in("ada", course.notebook({"square": "def square(x):\n    return x * x"}, "parts"), "parts")
    return course


def rows_of(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_points_of_each_task_in_table_and_csv(small, grade):
    path = small.folder / "marks.csv"
    outcome = small.command("grade", "--tasks", "--csv", "marks.csv", COLUMNS="200")
    assert outcome.returncode == 0, outcome.stderr
    assert "3 submissions; nobody needs to look at any" in outcome.stdout
    shown = [[part.strip() for part in row.split("│")[1:-1]] for row in outcome.stdout.splitlines() if "│" in row]
    assert ["ada", "1", "2", "0", "1", "3"] in shown and ["ada", "4", "2", "1"] in shown
    rows = rows_of(path)
    assert [(row["lab"], row["student"], row["score"], row["max_score"]) for row in rows] == [
        ("parts", "ada", "7", "7"), ("small", "'=1+1", "7", "9"), ("small", "ada", "7", "9"),
    ]  # fmt: skip
    assert rows[2]["small/mean_test (of 2)"] == "0" and rows[2]["small/rnn_hidden (of 3)"] == "3"
    assert rows[2]["parts/parts_count (of 4)"] == "" and rows[0]["parts/parts_count (of 4)"] == "4"
    # in a narrow terminal every task is there still
    outcome = small.command("grade", "small", "--tasks", COLUMNS="40")
    assert all(word in outcome.stdout for word in ("double_", "visible", "hidden", "mean_", "rnn_", "/ 3"))
    assert max(map(len, outcome.stdout.splitlines()[:-1])) <= 40
    # … and an older result, of before there were tasks, is written anew
    kept = small.folder / "autograded/ada/small.json"
    old = {name: value for name, value in json.loads(kept.read_text()).items() if name != "tasks"}
    kept.write_text(json.dumps(old))
    assert len(grade(small, "small")[1]["ada"]["tasks"]) == 5
    outcome = small.command("grade", "--csv", "no/such/folder.csv")
    assert outcome.returncode == 1 and "there is no folder no/such" in outcome.stderr


def test_a_file_for_a_spreadsheet_holds_no_formula(small, grade):
    for student in ("+2", "-3+cmd|' C calc'!A0", "@SUM(1)", "\t=4", "a,=5", '"=6"'):
        small.hand_in(student, small.notebook(HONEST))
    path = small.folder / "marks.csv"
    assert grade(small, "small", "--csv", str(path))[0] == 0
    with open(path, newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    assert "'-3+cmd|' C calc'!A0" in cells and "a,=5" in cells and "'=4" in cells


def test_a_whole_lab_is_graded_again_on_demand(small, grade):
    grade(small)
    kept = {path: path.stat().st_mtime_ns for path in small.folder.glob("autograded/*/*.json")}

    def again():
        return {os.path.relpath(path, small.folder / "autograded") for path, time in kept.items()
                if path.stat().st_mtime_ns != time}  # fmt: skip

    grade(small)
    assert again() == set()
    assert grade(small, "small", "--force")[0] == 0
    assert again() == {"=1+1/small.json", "ada/small.json"}


def test_who_waits_for_a_person_has_no_points_yet_and_one_is_one(tmp_path):
    lab = lab_of_parts()
    lab.cells.append(new_code_cell("", metadata=meta("essay", grade=True, solution=True, points=3)))
    course = Course(tmp_path / "course", parts=lab)
    nb = course.notebook({"square": "def square(x):\n    return x * x", "essay": "'mine'"}, "parts")
    course.hand_in("ada", nb, "parts")
    outcome = course.command("grade", "--csv", "marks.csv", "--tasks", COLUMNS="120")
    assert outcome.returncode == 3
    assert "1 submission; a person must look at it: ada/parts" in outcome.stdout and "│ ? │" in " ".join(outcome.stdout.split())
    (row,) = rows_of(course.folder / "marks.csv")
    assert (row["score"], row["graded"], row["parts/essay (of 3)"]) == ("7", "no", "")
    course.hand_in("ada", course.notebook({"square": "def square(x):\n    return x * x"}, "parts"), "parts")
    outcome = course.command("grade", COLUMNS="120")
    assert "1 submission; nobody needs to look at it" in outcome.stdout and " not answered: essay " in outcome.stdout
