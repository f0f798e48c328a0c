"""`rnncourse check`, as a student uses it: what is known at home, in a terminal of any width, in a pipe, and as a page."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from tests.grading.course import Course
from tests.grading.test_feedback import BLANK, RIGHT, meta, solutions

COMMAND = [sys.executable, "-c", "from rnncourse.cli import main; main()", "check"]
UNPACKS = 'def step(x):\n    """Twice."""\n    a, b = None\n    return x'
WRONG = "def step(x):\n    return 3 * x"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("course"), steps=solutions())


def check(course, answers, *options, width=None, **environment):
    """The released lab with these answers, checked in a folder of its own."""
    folder = course.folder / "home"
    folder.mkdir(exist_ok=True)
    nbformat.write(course.notebook(answers, "steps"), folder / "steps.ipynb")
    env = course.environment(**environment, **({"COLUMNS": str(width)} if width else {}))
    command = [*COMMAND, "steps.ipynb", *options]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120)


def flat(text):
    return " ".join(re.sub("[│┃]", " ", text).split())


def test_the_released_lab_says_which_cells_have_hidden_tests(course):
    cells = course.released("steps").cells
    hidden = {c.metadata.nbgrader.grade_id for c in cells if c.metadata.get("rnncourse", {}).get("hidden")}
    assert hidden == {"step_1", "loop_1", "last_0"}
    assert not any("5551" in c.source or "BEGIN" in c.source for c in cells)


def test_it_says_what_can_not_be_known_at_home(course):
    outcome = check(course, RIGHT)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    rows = [flat(line) for line in outcome.stdout.splitlines() if "passed" in line]
    assert rows == [
        "1 One step 4 passed (3 of 4 points can't be known at home)",
        "2 The loop 4 passed (3 of 4 points can't be known at home)",
        "3 The last one 3 visible half passed (3 of 3 points can't be known at home)",
    ]
    assert "9 of 11 points can't be known at home" in outcome.stdout


def test_a_lab_that_nbgrader_released_by_itself_is_known_by_its_empty_tests(course):
    nb = course.notebook(RIGHT, "steps")
    for cell in nb.cells:
        cell.metadata.pop("rnncourse", None)
    folder = course.folder / "plain"
    folder.mkdir()
    nbformat.write(nb, folder / "steps.ipynb")
    command = [*COMMAND, "steps.ipynb"]
    outcome = subprocess.run(command, cwd=folder, env=course.environment(), capture_output=True, text=True, timeout=120)
    assert "1 One step 4 passed (3 of 4 points can't be known at home)" in flat(outcome.stdout)


def test_a_failure_has_the_task_the_line_and_the_message_before_the_values(course):
    outcome = check(course, RIGHT | {"step": UNPACKS, "last": BLANK["last"]})
    assert outcome.returncode == 1
    assert "not yet" in outcome.stdout and "step_0" not in outcome.stdout and "last_0" not in outcome.stdout
    lines = outcome.stdout.splitlines()
    at = lines.index("1 One step, its visible test")
    assert lines[at + 1 : at + 4] == [
        "  Twice two.", "  TypeError in step, line 3: a, b = None", "  cannot unpack non-iterable NoneType object",
    ]  # fmt: skip
    assert "3 The last one, the visible half of its test" in lines and "  your code here" in lines
    outcome = check(course, RIGHT | {"step": WRONG})
    said = outcome.stdout
    assert said.index("Is it twice?") < said.index("Mismatched elements") and re.search(r"… \d more lines", said)
    assert said.index("more lines") - said.index("Is it twice?") < 500 and "DESIRED: array" not in said


def test_it_says_which_earlier_answer_is_in_the_way(course):
    said = flat(check(course, RIGHT | {"step": WRONG}).stdout)
    assert "It calls step (1 One step), which is not right yet: begin there." in said
    assert "begin there" not in check(course, RIGHT).stdout


def test_a_test_cell_that_is_not_as_released_is_told(course):
    assert "as you received it" not in check(course, RIGHT).stdout
    said = flat(check(course, RIGHT | {"step_0": "# mine\nassert True"}).stdout)
    assert "A test cell is not as you received it # mine When it is graded the lab's own counts" in said


@pytest.mark.parametrize("width", [32, 60, 100])
def test_it_fits_the_terminal(course, width):
    outcome = check(course, RIGHT | {"step": WRONG}, width=width)
    assert outcome.returncode == 1
    assert max(map(len, outcome.stdout.splitlines())) <= width
    assert "Is it twice?" in flat(outcome.stdout) and "can't be known at home" in flat(outcome.stdout)
    assert ("points hidden" in flat(outcome.stdout)) == (width < 76)


def test_in_a_pipe_no_line_is_broken_or_padded_and_nothing_is_coloured(course):
    last = "assert np.shape(last([1, 2])) == (), '" + "a long sentence of its author, " * 5 + "?'"
    nb = course.notebook(RIGHT | {"last": "def last(items):\n    return items"}, "steps")
    (cell,) = (c for c in nb.cells if c.metadata.nbgrader.grade_id == "last_0")
    cell.source = f"# 3 points.\n{last}"
    folder = course.folder / "piped"
    folder.mkdir()
    nbformat.write(nb, folder / "steps.ipynb")
    env = course.environment(PYTHONIOENCODING="utf-8")
    env.pop("COLUMNS", None)
    command = [*COMMAND, "steps.ipynb"]
    said = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=120).stdout
    assert "  " + "a long sentence of its author, " * 5 + "?" in said.splitlines()
    assert "\x1b" not in said
    assert not any(line.endswith(" ") for line in said.splitlines() if "│" not in line)


def test_it_writes_a_page(course):
    outcome = check(course, RIGHT | {"step": UNPACKS}, "--html", "page.html")
    assert outcome.returncode == 1 and "The page: page.html" in outcome.stdout
    page = (course.folder / "home/page.html").read_text()
    assert "Checked at home" in page and "<script" not in page and "default-src 'none'" in page
    assert "not yet" in page and "not here" in page and "Receipt" not in page
    assert 'class="line here"' in page and "3 hidden" in page
    refused = check(course, RIGHT, "--html", "steps.ipynb")
    assert refused.returncode == 1 and "name another file" in refused.stderr
    assert nbformat.read(course.folder / "home/steps.ipynb", as_version=4).cells


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"cells": ["cut', 'steps.ipynb: not a notebook: unterminated string in line 1, column 12'),
        (b"\xff\xfe", "steps.ipynb: not a notebook: not UTF-8 from byte 0 on"), (b"[]", "steps.ipynb: not a notebook"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_in_a_whole_sentence(tmp_path, data, why):
    (tmp_path / "steps.ipynb").write_bytes(data)
    env = Course.environment()
    command = [*COMMAND, "steps.ipynb"]
    outcome = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 1 and outcome.stderr.startswith(f"Error: {why}") and "Traceback" not in outcome.stderr


def test_a_cell_of_the_labs_own_that_fails_is_named(course):
    nb = course.notebook(RIGHT, "steps")
    nb.cells.insert(2, nbformat.v4.new_code_cell("open('missing.csv')", metadata=meta("data", locked=True)))
    folder = Path(course.folder, "own")
    folder.mkdir()
    nbformat.write(nb, folder / "steps.ipynb")
    command = [*COMMAND, "steps.ipynb"]
    outcome = subprocess.run(command, cwd=folder, env=course.environment(), capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 1 and "A cell of the lab failed\n  open('missing.csv')\n  FileNotFoundError" in outcome.stdout


def test_what_a_person_grades_is_not_asked_for_at_home(course):
    nb = course.notebook(RIGHT, "steps")
    nb.cells += [
        nbformat.v4.new_markdown_cell("---\n## Part D\nWhy?"),
        nbformat.v4.new_markdown_cell("Since.", metadata=meta("why", grade=True, solution=True, points=2)),
    ]
    folder = course.folder / "person"
    folder.mkdir()
    nbformat.write(nb, folder / "steps.ipynb")
    command = [*COMMAND, "steps.ipynb", "--html", "page.html"]
    outcome = subprocess.run(command, cwd=folder, env=course.environment(), capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 0 and "Part D 2 a person grades it" in flat(outcome.stdout)
    assert "9 of 13 points can't be known at home" in outcome.stdout
    page = (folder / "page.html").read_text()
    assert "a person grades it" in page and "<p>Why?</p>" in page and "<hr" not in page
