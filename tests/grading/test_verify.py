"""`rnncourse labs --verify`: what a lab's tests give the reference and an empty answer, by nbgrader alone and by us."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tests.grading.course import Course, meta

TESTS = {  # a test, its points, and what is found: whose answer, nbgrader's points, ours, and words of the reason
    "right": ("assert twice(2) == 4", 1, None),
    "for_nothing": ("assert callable(twice)", 2, ("empty", "2", "2", "2 points for nothing")),
    "a_list": ("assert twice(1) == 2\n[twice(2), 3]", 3, ("reference", "3", "0", "the test ends with a value of type list")),
    "too_hard": ("assert twice(2) == 5, 'five?'", 4, ("reference", "0", "0", "the reference fails both ways: five?")),
    "too_soon": ("assert later == 1", 5, ("reference", "0", "0", "the reference fails both ways: the name 'later' is")),
}


def lab_of_tests():
    answer = "def twice(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    cells = [new_code_cell(answer, id="twice", metadata=meta("twice", solution=True))]
    for name, (source, points, _) in TESTS.items():
        flags = meta(name, grade=True, locked=True, points=points)
        cells.append(new_code_cell(source, id=name.replace("_", "-"), metadata=flags))
    essay = "### BEGIN SOLUTION\nIt doubles.\n### END SOLUTION"
    cells.append(new_markdown_cell(essay, id="essay", metadata=meta("essay", grade=True, solution=True, points=3)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return Course(tmp_path_factory.mktemp("course"), tests=lab_of_tests())


def found(outcome) -> dict[str, tuple]:
    rows = [[part.strip() for part in row.split("│")[1:-1]] for row in outcome.stdout.splitlines() if row.startswith("│")]
    return {cell: (answer, stock, ours, reason) for _, cell, _, answer, stock, ours, reason in rows}


def test_every_cell_that_differs_or_pays_nothing_is_listed_and_a_lab_in_order_is_verified_once(course):
    outcome = course.command("labs", "--verify", COLUMNS="240")
    assert outcome.returncode == 1, outcome.stdout + outcome.stderr
    rows = found(outcome)
    assert rows.keys() == {name for name, (*_, expected) in TESTS.items() if expected}
    for name, row in rows.items():
        *scores, reason = TESTS[name][-1]
        assert row[:3] == tuple(scores) and row[3].startswith(reason), row
    assert "small: verified, 9 points in 5 cells" in outcome.stdout
    assert not (course.folder / "gradebook.db").exists() and not (course.folder / "submitted").exists()
    # the other alone is looked at again, until it is in order
    source = course.folder / "solutions/tests/tests.ipynb"
    nb = nbformat.read(source, as_version=4)
    nb.cells = [cell for cell in nb.cells if cell.metadata.nbgrader.grade_id in ("twice", "right", "essay")]
    nbformat.write(nb, source)
    outcome = course.command("labs", "--verify")
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert "small: verified\n" in outcome.stdout and "tests: verified, 4 points in 2 cells" in outcome.stdout
    outcome = course.command("labs", "--verify", PATH="")  # which starts nothing any more
    assert outcome.returncode == 0 and "tests: verified\n" in outcome.stdout, outcome.stderr
    known = json.loads((course.folder / "labs/.verified.json").read_text())
    assert known.keys() == {"small", "tests"}


def test_a_lab_that_nbgrader_alone_can_not_grade_is_named(tmp_path):
    lab = lab_of_tests()
    lab.cells = [cell for cell in lab.cells if cell.id in ("twice", "right")]
    lab.metadata.kernelspec = {"display_name": "Gone", "language": "python", "name": "no-such-kernel"}
    course = Course(tmp_path / "course", tests=lab)
    (course.folder / "solutions/small/small.ipynb").unlink()
    outcome = course.command("labs", "--verify", COLUMNS="240")
    assert outcome.returncode == 1 and "nbgrader failed: " in outcome.stdout and "no-such-kernel" in outcome.stdout


def test_verifying_needs_walls_or_the_word_that_none_are_wanted(tmp_path):
    course = Course(tmp_path / "course")
    outcome = course.command("labs", "--verify", PATH="")
    assert outcome.returncode == 1 and "apt-get install bubblewrap" in outcome.stderr
    outcome = course.command("labs", "--verify", "--no-isolation", PATH="")
    assert outcome.returncode == 0 and "small: verified, 9 points" in outcome.stdout, outcome.stderr
