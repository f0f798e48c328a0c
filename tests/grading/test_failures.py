"""Whatever is wrong with one submission costs that submission: it is named, a person must look, the others are graded."""

import errno
import json
import os
import sqlite3
import subprocess
import sys
import unicodedata

import pytest
from sqlalchemy.exc import OperationalError

from rnncourse.grading.books import feedback, gradebook, report, state
from rnncourse.grading.books.course import course_config
from rnncourse.grading.books.received import Received
from rnncourse.grading.books.state import state_of
from tests.grading.course import HONEST, Course

ERRORS = [
    OSError(errno.ENOSPC, "No space left on device", "/ben"),
    UnicodeEncodeError("utf-8", "\udcfc", 0, 1, "surrogates not allowed"),
    OperationalError("SELECT 1", {}, Exception("database disk image is malformed")),
    RecursionError("too deep"),
    MemoryError(),
]
STEPS = [
    (state, "read"), (state, "read_result"), (Received, "of"), (Received, "stamp"), (report, "forget_result"),
    (gradebook, "reset"), (report, "read"), (report, "seed_of"), (report, "grade"), (gradebook, "save"),
    (report, "write_folder"), (gradebook, "set_time"), (gradebook, "no_penalty"), (gradebook, "marks"),
    (feedback, "page"), (report, "standings"), (report, "write_result"),
]  # fmt: skip


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("course"))
    for student in ("ada", "ben", "eva"):
        course.hand_in(student, course.notebook(HONEST))
    return course


NAMES = [f"{where.__name__.rpartition('.')[2]}.{name}" for where, name in STEPS]


@pytest.mark.parametrize("number", range(len(STEPS)), ids=NAMES)
def test_an_error_in_any_step_costs_one_submission(number, course, grade, monkeypatch):
    where, name = STEPS[number]
    error, real, entries, bens = ERRORS[number % len(ERRORS)], getattr(where, name), gradebook.entries, set()

    def watched(gb, lab, student):
        found = entries(gb, lab, student)
        bens.update(found.values() if student == "ben" else ())
        return found

    def raising(*arguments, **keywords):
        if any("ben" in repr(value) or (isinstance(value, str) and value in bens) for value in arguments):
            raise error
        return real(*arguments, **keywords)

    nb = course.notebook(HONEST)
    nb.cells[0].source += f"\n{number}"  # another hand-in
    for student in ("ada", "ben", "eva"):
        course.hand_in(student, nb)
    with monkeypatch.context() as patch:
        patch.setattr(gradebook, "entries", watched)
        patch.setattr(where, name, raising)
        status, results, _ = grade(course)
    assert status == 3
    assert [results[student]["score"] for student in ("ada", "eva")] == [9, 9]
    assert not results["ben"]["graded"] and "not graded: " in results["ben"]["note"], results["ben"]
    assert "\n" not in results["ben"]["note"]
    status, results, _ = grade(course)
    assert (status, results["ben"]["score"], results["ben"]["graded"]) == (0, 9, True)


def test_names_that_people_and_old_archives_give_cost_nobody_else(tmp_path):
    course = Course(tmp_path)
    nb = course.notebook(HONEST)
    alike = [unicodedata.normalize(form, "zoé") for form in ("NFC", "NFD")]
    odd = ["ada", "Ada", *alike, "-x", "a\nb", "n" * 255, "o'b; --"]
    for name in odd:
        course.hand_in(name, nb)
    for name in (b"M\xfcller", b"\xed\xa0\x80"):  # latin-1, and half a surrogate pair
        course.hand_in(os.fsdecode(name), nb)
    outcome = course.command("grade", PYTHONIOENCODING="ascii")
    assert outcome.returncode == 3 and "Traceback" not in outcome.stderr, outcome.stderr
    assert "must look at 2: " in outcome.stdout and "M\\xfcller/small" in outcome.stdout
    results = course.grade()
    assert {name: results[name]["score"] for name in odd} == dict.fromkeys(odd, 9)
    assert "no UTF-8" in results[os.fsdecode(b"M\xfcller")]["note"]


def test_damage_to_what_is_kept_costs_no_other_and_heals(course, grade):
    assert grade(course, "--student", "ada")[0] == 0
    before = json.loads((course.folder / "received.json").read_text())
    stamp = (course.folder / "submitted/ada/small/timestamp.txt").read_text()
    (course.folder / "autograded/ben/small.json").write_text('{"student": "ben"')
    (course.folder / "received.json").write_text("{")
    status, results, said = grade(course)
    assert status == 3 and "received.json is damaged" in said
    assert {name: result["score"] for name, result in results.items()} == {"ada": 9, "ben": 9, "eva": 9}
    assert (course.folder / "submitted/ada/small/timestamp.txt").read_text() == stamp  # ada is not late by it
    assert json.loads((course.folder / "received.json").read_text())["ada/small"] == before["ada/small"]
    assert (course.folder / "received.json.damaged").read_text() == "{"
    assert grade(course)[0] == 0


def test_a_file_where_a_folder_is_wanted_costs_one(course, grade):
    course.hand_in("fil", course.notebook(HONEST))
    (course.folder / "autograded/fil").write_text("a file")
    (course.folder / "submitted/gus").mkdir(exist_ok=True)
    (course.folder / "submitted/gus/small").write_text("a file")
    (course.folder / "submitted/hal").mkdir(exist_ok=True)
    (course.folder / "submitted/hal/small").symlink_to("../ada/small")
    status, results, said = grade(course)
    assert status == 3 and "gus/small: a file" in said and "hal/small: a link" in said
    assert not results["fil"]["graded"] and "autograded/fil" in results["fil"]["note"]
    assert results["ada"]["score"] == 9
    for path in ("autograded/fil", "submitted/gus/small", "submitted/hal/small"):
        (course.folder / path).unlink()
    for name in ("gus", "hal"):
        (course.folder / "submitted" / name).rmdir()
    assert grade(course)[:2][0] == 0


def test_a_damaged_row_of_the_gradebook_costs_one(course, grade):
    grade(course)
    database = sqlite3.connect(course.folder / "gradebook.db")
    damage = "UPDATE submitted_assignment SET extension = ? WHERE student_id = 'ben'"
    with database:
        database.execute(damage, (b"\xff\xfe",))
        database.execute("UPDATE assignment SET duedate = '2020-01-01 00:00:00.000000'")
    status, results, _ = grade(course)
    assert status == 3 and not results["ben"]["graded"] and results["ada"]["score"] == results["eva"]["score"] == 9
    with database:
        database.execute(damage, (None,))
        database.execute("UPDATE assignment SET duedate = NULL")
    assert grade(course)[0] == 0


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_folder_that_may_not_be_read_is_named_and_is_not_taken_for_gone(course, grade):
    grade(course)
    course.folder.chmod(0o755)
    for parent in course.folder.parents[:3]:
        parent.chmod(0o755)
    folder = course.folder / "submitted/ben/small"
    config = course_config(course.folder, course.folder)
    for locked in (folder, folder.parent, folder / "small.ipynb"):
        mode = locked.stat().st_mode
        locked.chmod(0)
        os.seteuid(65534)
        try:
            found = state_of(config, course.folder, ["small"])
        finally:
            os.seteuid(0)
            locked.chmod(mode)
        assert not found.gone
        assert [(r.student, "Permission denied" in r.note) for r in found.results if not r.graded] == [("ben", True)] or (
            locked == folder.parent
        )
        assert {task.submission.student for task in found.to_do} == set()


def test_a_full_disk_costs_whoever_does_not_fit(tmp_path):
    course = Course(tmp_path)
    course.hand_in("ada", course.notebook(HONEST))
    (course.hand_in("ben", course.notebook(HONEST)) / "data.csv").write_bytes(b"1," * 500_000)
    code = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))\n"
    code += "from rnncourse.cli import main; main()"
    command = [sys.executable, "-c", code, "grade", "--json"]
    outcome = subprocess.run(command, cwd=course.folder, env=course.environment(), capture_output=True, text=True)
    assert outcome.returncode == 3, outcome.stderr
    results = {result["student"]: result for result in json.loads(outcome.stdout)}
    assert results["ada"]["score"] == 9 and "File too large" in results["ben"]["note"]
    assert course.grade()["ben"]["score"] == 9
