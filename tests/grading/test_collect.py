"""From nbgrader's exchange to the table and back: what students hand in, when, and what is read of it."""

import json
import os
import time

import pytest
from nbgrader.api import Gradebook

from rnncourse.grading.books.collect import MAX_BYTES, MAX_FILES, Submission, read
from rnncourse.grading.books.course import seed_of
from rnncourse.grading.judge import submitted
from tests.grading.course import HONEST, Course

LATE = """from nbgrader.plugins import BasePlugin


class Late(BasePlugin):
    def late_submission_penalty(self, student, score, late):
        return late / 3600
"""
DUE = "2026-11-01 12:00:00 UTC"
STAMPS = {  # of a hand-in, and the hours that nbgrader takes it to be late
    "2026-11-01 12:30:00.000000 UTC": 0.5,
    "2026-11-01 12:30:00 UTC\n": 0.5,
    "2026-11-01 12:30:00+01:00": 0,
    "2026-11-01 12:30:00 -0100": 1900 / 3600,  # a zone apart is seconds to it
    "2026-11-01T15:00:00.5+02:00\r\n": 1 + 0.5 / 3600,
    "2026-11-01 14:00:00 Europe/Berlin": 1,
    "2026-11-01 13:00:00": 1,
    "20261101T130000Z": 1,
    "Sun Nov 1 14:00:00 2026": 2,
}


def gradebook(course):
    return Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}", "rnncourse")


def late_course(folder, more=""):
    course = Course(folder)
    (course.folder / "late.py").write_text(LATE)
    path = course.folder / "nbgrader_config.py"
    more += 'c.Grader.timestamps = True\nc.AssignLatePenalties.plugin_class = "late.Late"\n'
    path.write_text(path.read_text() + more)
    return course


def nbgrader(course, *arguments):
    outcome = course.nbgrader(*arguments)
    assert outcome.returncode == 0, outcome.stderr
    return outcome


def test_the_exchange_of_nbgrader_from_release_to_feedback(tmp_path, grade):
    exchange, home = tmp_path / "exchange", tmp_path / "home"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    places = f"c.Exchange.root = {str(exchange)!r}\nc.Exchange.cache = {str(tmp_path / 'cache')!r}\n"
    course = late_course(tmp_path / "course", places)
    nbgrader(course, "generate_assignment", "small", "--force")
    nbgrader(course, "release_assignment", "small")
    home.mkdir()
    (home / "nbgrader_config.py").write_bytes((course.folder / "nbgrader_config.py").read_bytes())
    (home / "late.py").write_text(LATE)
    student = object.__new__(Course)
    student.folder = home
    nbgrader(student, "fetch_assignment", "small")

    def submit(answers):
        nb = course.notebook(answers)
        (home / "small/small.ipynb").write_text(json.dumps(nb))
        nbgrader(student, "submit", "small", "--student=zoe")

    submit(HONEST | {"double": "def double(x):\n    return 3 * x"})
    nbgrader(course, "collect", "small")
    folder = course.folder / "submitted/zoe/small"
    assert {path.name for path in folder.iterdir()} == {"small.ipynb", "timestamp.txt", "submission_secret.txt"}
    first = (folder / "timestamp.txt").read_text()
    assert grade(course)[1]["zoe"]["score"] == 6
    now = time.time()
    with gradebook(course) as gb:
        due = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now - 2 * 3600))
        gb.update_or_create_assignment("small", duedate=due)
    late = grade(course)[1]["zoe"]["score"]
    assert 3 < late < 4.5, "two hours late cost two points, and what nbgrader writes is read"
    nbgrader(course, "autograde", "small", "--force")
    with gradebook(course) as gb:
        entry = gb.find_submission_notebook("small", "small", "zoe")
        assert entry.score - entry.late_submission_penalty == pytest.approx(late)
    submit(HONEST)
    nbgrader(course, "collect", "small", "--update")
    assert (folder / "timestamp.txt").read_text() != first, "our runs leave nbgrader's stamp, so it sees which is newer"
    assert 6 < grade(course)[1]["zoe"]["score"] < 7.5
    nbgrader(course, "release_feedback", "small")
    nbgrader(student, "fetch_feedback", "small")
    (page,) = home.glob("small/feedback/*/small.html")
    assert page.read_text() == (course.folder / "feedback/zoe/small/small.html").read_text()


def test_lateness_is_what_nbgrader_says_of_the_same_files(tmp_path, grade):
    course = late_course(tmp_path)
    names = {f"s{number}": stamp for number, stamp in enumerate(STAMPS)}
    for name, stamp in names.items():
        (course.hand_in(name, course.notebook(HONEST)) / "timestamp.txt").write_bytes(stamp.encode())
    odd = {"empty": b"", "words": b"tomorrow", "bytes": b"\xff\xfe", "long": b"1970-01-01 " * 1000}
    for name, stamp in odd.items():
        (course.hand_in(name, course.notebook(HONEST)) / "timestamp.txt").write_bytes(stamp)
    (course.hand_in("folder", course.notebook(HONEST)) / "timestamp.txt").mkdir()
    course.hand_in("none", course.notebook(HONEST))
    grade(course, "--student", "none")
    with gradebook(course) as gb:
        gb.update_or_create_assignment("small", duedate=DUE)
    status, results, _ = grade(course)
    assert status == 3
    expected = {name: 9 - STAMPS[stamp] for name, stamp in names.items()}
    assert {name: results[name]["score"] for name in names} == pytest.approx(expected)
    assert results["none"]["score"] == 9 and results["none"]["graded"]
    for name in (*odd, "folder"):
        assert "timestamp.txt is no time that can be read" in results[name]["note"] and not results[name]["graded"], name
        assert results[name]["score"] == 9
    for name, stamp in odd.items():
        assert (course.folder / f"submitted/{name}/small/timestamp.txt").read_bytes() == stamp
    with gradebook(course) as gb:
        ours = {name: gb.find_submission_notebook("small", "small", name).late_submission_penalty for name in names}
    left_out = f"--CourseDirectory.student_id_exclude={','.join((*odd, 'folder'))}"
    nbgrader(course, "autograde", "small", "--force", left_out)
    with gradebook(course) as gb:
        for name, penalty in ours.items():
            assert gb.find_submission_notebook("small", "small", name).late_submission_penalty == penalty, names[name]


def test_the_seed_covers_all_that_runs_and_is_one_for_both_commands(tmp_path):
    def seed(notebook=b"{}", **files):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data)
        (tmp_path / "small.ipynb").write_bytes(notebook)
        contents = read(Submission("ada", "small", tmp_path), ["small"], ["a", "b"])
        return seed_of(tmp_path, contents.notebooks["small"])

    seeds = [seed(), seed(a=b"1"), seed(a=b"2"), seed(a=b"", b=b"2"), seed(b"{ }"), seed(b"{ }\0b\0001\0002", b=b"")]
    assert len(set(seeds)) == len(seeds)
    assert seed(b"{}") == seed(b"{}")
    assert seed(b"{}", other=b"not declared, so it does not run") == seed(b"{}")


def test_no_number_of_files_hides_a_change_of_what_counts(tmp_path):
    submission = Submission("ada", "small", tmp_path)
    (tmp_path / "small.ipynb").write_text("1")
    (tmp_path / "z").mkdir()

    def changes(declared=("z/data.txt",)):
        before = read(submission, ["small"], declared).fingerprint()
        (tmp_path / "z/data.txt").write_text("1")
        middle = read(submission, ["small"], declared).fingerprint()
        (tmp_path / "small.ipynb").write_text("2")
        found = before != middle != read(submission, ["small"], declared).fingerprint()
        (tmp_path / "z/data.txt").unlink()
        (tmp_path / "small.ipynb").write_text("1")
        return found

    assert changes()
    with open(tmp_path / "a-big", "wb") as file:
        file.truncate(MAX_BYTES + 1)
    assert changes() and "over 64 MiB" in read(submission, ["small"], []).note
    (tmp_path / "a-big").unlink()
    for number in range(MAX_FILES):
        (tmp_path / f"a{number:04d}").mkdir()
    assert changes() and "over 1000 files" in read(submission, ["small"], []).note
    assert read(submission, ["small"], ["z/data.txt"]).beside == {}


def test_a_tree_of_folders_is_not_walked_to_its_end(tmp_path, monkeypatch):
    (tmp_path / "small.ipynb").write_text("{}")
    for number in range(3 * MAX_FILES):
        (tmp_path / f"{number}").mkdir()
    looked, scandir = [], os.scandir

    def watched(path):
        looked.append(path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", watched)
    read(Submission("ada", "small", tmp_path), ["small"], [])
    assert len(looked) < MAX_FILES


@pytest.mark.parametrize("filler", [b"[],", b"{},", b'"a",', b"1e1,", b"[[1]],", b'{"cells":[]},'])
def test_a_large_notebook_is_read_in_bounded_memory_or_not_at_all(filler):
    data = b'{"cells": [], "x": [' + filler * ((24 << 20) // len(filler)) + b"0]}"
    before = peak()
    try:
        assert submitted.parse(data) == []
    except submitted.Unreadable as reason:
        assert "take over 512 MiB" in str(reason)
    assert peak() - before < 4 * len(data)


def test_outputs_of_an_honest_notebook_may_be_large():
    cell = {"cell_type": "code", "source": ["a = 1\n", "b"], "metadata": {"nbgrader": {"grade_id": "double"}}}
    outputs = [{"data": {"image/png": "A" * (1 << 20), "application/json": [0.123456789] * 100_000}}] * 12
    nb = {"cells": [cell | {"outputs": outputs}], "nbformat": 4}
    assert submitted.parse(json.dumps(nb).encode()) == [submitted.Raw("code", "", "double", "a = 1\nb")]


def peak() -> int:
    """Bytes that this process has held at most."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmHWM"))
