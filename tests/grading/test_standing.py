"""What `rnncourse grade` keeps is computed from files, gradebook and configuration as they are now: whatever is set counts at
the next run, and once it is taken back nothing of it stays.
"""

import os

import nbformat
import pytest
from nbgrader.api import Gradebook

from tests.grading.course import HONEST, Course

LATE = """from nbgrader.plugins import BasePlugin


class Late(BasePlugin):
    def late_submission_penalty(self, student, score, late):
        return {}
"""
WRONG = HONEST | {"double": "def double(x):\n    return 3 * x"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("course"))
    (course.folder / "late.py").write_text(LATE.format(1.5))
    path = course.folder / "nbgrader_config.py"
    path.write_text(path.read_text() + 'c.AssignLatePenalties.plugin_class = "late.Late"\n')
    return course


def gradebook(course):
    return Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}", "rnncourse")


def page(course, student):
    return (course.folder / f"feedback/{student}/small/small.html").read_text()


def test_dates_extensions_and_the_plug_in_count_as_they_are(course, grade):
    course.hand_in("due", course.notebook(HONEST))

    def score():
        status, results, said = grade(course)
        assert status == 0, said
        total = results["due"]["score"]
        assert f"{total:g} of 9 points" in page(course, "due")
        return total

    def due(date):
        with gradebook(course) as gb:
            gb.update_or_create_assignment("small", duedate=date)

    assert score() == 9
    due("2020-01-01 12:00:00 +0100")
    assert score() == 7.5
    (course.folder / "late.py").write_text(LATE.format("2 if late else 0"))
    assert score() == 7
    config = course.folder / "nbgrader_config.py"
    before = config.read_text()
    config.write_text(before.replace('c.AssignLatePenalties.plugin_class = "late.Late"', ""))
    assert score() == 9
    config.write_text(before)
    assert score() == 7
    with gradebook(course) as gb:
        gb.grant_extension("small", "due", weeks=10_000)
    assert score() == 9
    with gradebook(course) as gb:
        gb.grant_extension("small", "due")
    assert score() == 7
    due("2100-01-01 12:00:00 UTC")
    assert score() == 9
    due("2020-01-01 12:00:00 UTC")
    assert score() == 7
    due(None)
    assert score() == 9
    with gradebook(course) as gb:
        assert gb.find_submission_notebook("small", "small", "due").late_submission_penalty is None


def test_the_collectors_time_counts_while_it_is_said_to(course, grade):
    folder = course.hand_in("tim", course.notebook(HONEST))
    written = "2020-01-02 12:30:00.000000 UTC"
    (folder / "timestamp.txt").write_text(written)
    config = course.folder / "nbgrader_config.py"
    before = config.read_text()
    grade(course)
    with gradebook(course) as gb:
        gb.update_or_create_assignment("small", duedate="2020-02-01 12:00:00 UTC")
    assert grade(course)[1]["tim"]["score"] == 7, "files that were seen first today are late"
    config.write_text(before + "c.Grader.timestamps = True\n")
    assert grade(course)[1]["tim"]["score"] == 9
    assert (folder / "timestamp.txt").read_text().strip() == written, "what the collector wrote is not lost"
    config.write_text(before)
    assert grade(course)[1]["tim"]["score"] == 7
    config.write_text(before + "c.Grader.timestamps = True\n")
    (folder / "timestamp.txt").write_text("soon")
    status, results, _ = grade(course)
    assert status == 3 and not results["tim"]["graded"] and results["tim"]["score"] == 9
    assert "timestamp.txt is no time that can be read: 'soon'" in results["tim"]["note"]
    (folder / "timestamp.txt").write_text(written)
    assert grade(course)[:2][1]["tim"]["graded"]
    config.write_text(before)
    with gradebook(course) as gb:
        gb.update_or_create_assignment("small", duedate=None)
    assert grade(course)[1]["tim"]["score"] == 9


def test_a_persons_points_and_words_go_as_they_came(course, grade):
    course.hand_in("ada", course.notebook(WRONG))

    def enter(score, extra, words):
        with gradebook(course) as gb:
            one = gb.find_grade("double_hidden", "small", "small", "ada")
            other = gb.find_grade("rnn_hidden", "small", "small", "ada")
            one.manual_score, one.extra_credit, one.needs_manual_grade = score, extra, False
            other.manual_score, other.needs_manual_grade = None if score is None else 3 - score, False
            gb.find_comment("double", "small", "small", "ada").manual_comment = words
            gb.db.commit()
        return grade(course)[1]["ada"]["score"]

    assert grade(course)[1]["ada"]["score"] == 6
    assert enter(1, 0.5, "first words") == 3 + 3 + 0.5 and "first words" in page(course, "ada")
    assert enter(0.5, 1, "first words") == 3 + 3 + 1, "points moved from one cell to another"
    assert "2.5 of 3" in page(course, "ada")
    assert enter(None, None, "other words") == 6 and "other words" in page(course, "ada")
    assert enter(None, None, "") == 6 and "words" not in page(course, "ada")


def test_a_file_beside_the_notebook_and_the_whole_hand_in_go_as_they_came(course, grade):
    folder = course.hand_in("bob", course.notebook(HONEST))
    kept = course.folder / "autograded/bob/small"
    (folder / "notes.txt").write_text("one")
    grade(course)
    assert (kept / "notes.txt").read_text() == "one"
    (folder / "notes.txt").write_text("two")
    grade(course)
    assert (kept / "notes.txt").read_text() == "two"
    (folder / "notes.txt").unlink()
    (folder / "notes.txt").mkdir()
    (folder / "notes.txt/part.txt").write_text("three")
    grade(course)
    assert (kept / "notes.txt/part.txt").read_text() == "three"
    (folder / "notes.txt/part.txt").unlink()
    grade(course)
    assert sorted(os.listdir(kept)) == ["small.ipynb", "timestamp.txt"]
    (course.folder / "feedback/bob/small/small.html").unlink()
    grade(course)
    assert "9 of 9 points" in page(course, "bob")
    with gradebook(course) as gb:
        gb.find_comment("double", "small", "small", "bob").manual_comment = "It stays."
        gb.db.commit()
    away = course.folder / "away"
    (course.folder / "submitted/bob").rename(away)
    _, results, said = grade(course)
    assert "bob" not in results and "taken back: bob/small" in said
    assert not kept.exists() and not (course.folder / "feedback/bob/small").exists()
    with gradebook(course) as gb:
        assert gb.find_submission("small", "bob").score == 0
    assert "bob" not in grade(course)[2]
    away.rename(course.folder / "submitted/bob")
    assert grade(course)[1]["bob"]["score"] == 9 and "It stays." in page(course, "bob")


def test_the_labs_points_and_files_count_as_they_are(course, grade):
    course.hand_in("lab", course.notebook(HONEST))
    source = course.folder / "solutions/small/small.ipynb"
    before = source.read_text()
    assert grade(course)[1]["lab"]["max_score"] == 9
    nb = nbformat.read(source, as_version=4)
    nb.cells[-1].metadata.nbgrader.points = 5
    nbformat.write(nb, source)
    (source.parent / "table.csv").write_text("1\n")
    _, results, _ = grade(course)
    assert (results["lab"]["score"], results["lab"]["max_score"]) == (11, 11)
    assert (course.folder / "autograded/lab/small/table.csv").read_text() == "1\n"
    (source.parent / "table.csv").unlink()
    source.write_text(before)
    _, results, _ = grade(course)
    assert (results["lab"]["score"], results["lab"]["max_score"]) == (9, 9)
    assert not (course.folder / "autograded/lab/small/table.csv").exists()
    config = course.folder / "nbgrader_config.py"
    text = config.read_text()
    slow = "import time\ntime.sleep(3)\n" + HONEST["double"]
    course.hand_in("lab", course.notebook(HONEST | {"double": slow}))
    config.write_text(text + "c.Execute.timeout = 2\n")
    assert grade(course)[1]["lab"]["score"] < 9
    config.write_text(text)
    assert grade(course)[1]["lab"]["score"] == 9
