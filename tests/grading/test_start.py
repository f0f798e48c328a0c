"""What a run does before it grades, which a small class waits for: no more of nbgrader is imported than it needs, and what is
done without it comes to the same.
"""

import itertools
import random
import sqlite3
import subprocess
import sys
from contextlib import closing

import nbformat
import nbgrader.api
import pytest
from nbgrader.api import Gradebook

from rnncourse.grading.books import gradebook, registered, tables
from rnncourse.grading.books.course import course_config
from rnncourse.grading.books.release import create_gradebook
from tests import stock
from tests.grading.course import Course, lab_of_parts


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A lab that uses NumPy alone, and one student who has been graded."""
    course = Course(tmp_path_factory.mktemp("course"), parts=lab_of_parts())
    course.hand_in("ada", course.notebook({"square": "def square(x):\n    return x * x"}, "parts"), "parts")
    assert course.grade("parts")["ada"]["score"] == 7
    return course


def imported(course, *arguments):
    """The modules that `rnncourse grade` imports."""
    command = [sys.executable, "-X", "importtime", "-c", "from rnncourse.cli import main; main()", "grade", *arguments]
    outcome = subprocess.run(command, cwd=course.folder, env=course.environment(), capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr[-3000:]
    return {line.rpartition("|")[2].strip() for line in outcome.stderr.splitlines() if line.startswith("import time:")}


def test_grading_again_imports_nothing_that_grading_alone_does_not_need(course):
    registered.ensure(course_config(course.folder, course.folder), "parts")
    found = {name.partition(".")[0] for name in imported(course, "parts", "--student", "ada")}
    assert {"sqlalchemy", "nbformat", "jinja2"} <= found  # it has graded
    assert found.isdisjoint({"nbgrader", "jupyter_server", "alembic", "numpy", "torch"})


def test_a_lab_that_is_not_in_the_gradebook_as_it_stands_in_the_source_is_entered_anew(course, grade):
    path = course.folder / "solutions/parts/parts.ipynb"
    before = nbformat.read(path, as_version=4)
    changed = nbformat.read(path, as_version=4)
    changed.cells[-1].source = changed.cells[-1].source.replace("1e-9", "-1")
    nbformat.write(changed, path)
    assert grade(course, "parts")[1]["ada"]["score"] == 6
    nbformat.write(before, path)
    assert grade(course, "parts")[1]["ada"]["score"] == 7
    with closing(sqlite3.connect(course.folder / "gradebook.db")) as base:  # somebody has changed the gradebook alone
        base.execute("UPDATE source_cell SET source = 'raise ValueError' WHERE name = 'parts_truth'")
        base.commit()
    assert grade(course, "parts", "--student", "ada")[1]["ada"]["score"] == 7
    (course.folder / "gradebook.db").unlink()
    assert grade(course, "parts")[1]["ada"]["score"] == 7


def test_scores_and_comments_are_those_that_nbgrader_makes_of_the_same_rows(course):
    words, kinds = (None, "", "ours"), itertools.product((None, 0.0, 1.5), (None, 0.0, 2.0), (None, 0.0, -0.5))
    with Gradebook(f"sqlite:///{course.folder}/gradebook.db", "rnncourse") as gb:
        for number, (ours, persons, extra) in enumerate(kinds):
            student = f"student-{number}"
            gradebook.reset(gb, "parts", student, ["parts"])
            theirs = gb.find_submission_notebook("parts", "parts", student)
            for row in theirs.grades:
                row.auto_score, row.manual_score, row.extra_credit = ours, persons, extra
                row.needs_manual_grade = random.random() < 0.5
            for row in theirs.comments:
                row.auto_comment, row.manual_comment = words[number % 3], words[number // 3 % 3]
            gb.db.commit()
            nb = course.notebook({}, "parts")
            with tables.Gradebook(f"sqlite:///{course.folder}/gradebook.db") as light:
                key = gradebook.entries(light, "parts", student)["parts"]
                found = gradebook.marks(light, key, nb)
            cells = {cell.metadata.nbgrader.grade_id: cell.metadata.nbgrader for cell in nb.cells}
            assert (found["score"], found["max_score"]) == (theirs.score, theirs.max_score)
            assert set(found["waiting"]) == {row.name for row in theirs.grades if row.needs_manual_grade}
            for row in theirs.grades:
                assert (cells[row.name]["score"], cells[row.name]["points"]) == (row.score, row.max_score)
            for row in theirs.comments:
                assert cells[row.name]["comment"] == row.comment


def test_the_tables_are_those_of_nbgraders_own_classes():
    theirs = nbgrader.api.Base.metadata.tables
    for name, table in tables.assignment.metadata.tables.items():
        for column in table.columns:
            assert isinstance(theirs[name].columns[column.name].type, type(column.type)), f"{name}.{column.name}"


def schema(path):
    """Each table with its columns, their types and what must not be empty; and the version that nbgrader upgrades from."""
    with closing(sqlite3.connect(path)) as base:
        names = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = {name: [row[1:4] for row in base.execute(f"PRAGMA table_info('{name}')")] for name in names}
        return columns, base.execute("SELECT version_num FROM alembic_version").fetchall()


def test_a_new_gradebook_is_the_one_that_nbgrader_makes(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", stock.environment()["PATH"])
    Gradebook(f"sqlite:///{tmp_path}/theirs.db").close()
    create_gradebook(f"sqlite:///{tmp_path}/ours.db")
    assert schema(tmp_path / "ours.db") == schema(tmp_path / "theirs.db")
    monkeypatch.setenv("PATH", "")  # nothing is left that it would start a program for
    with Gradebook(f"sqlite:///{tmp_path}/ours.db", "course") as gb:
        gb.add_student("ada")
    create_gradebook(f"sqlite:///{tmp_path}/ours.db")
    with Gradebook(f"sqlite:///{tmp_path}/ours.db", "course") as gb:
        assert [student.id for student in gb.students] == ["ada"]
