"""A course over time: what a person entered survives a new run, a new hand-in counts, nbgrader's own commands agree."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbgrader.api import Gradebook

from rnncourse.grading.books.collect import MAX_NOTEBOOK, Submission, read
from rnncourse.grading.books.gradebook import reset
from tests.grading.course import HONEST, ROOT, Course, lab_of_parts

WRONG = HONEST | {"double": "def double(x):\n    return 3 * x"}


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """One course for all tests; each has a student of its own."""
    return Course(tmp_path_factory.mktemp("course"))


def gradebook(course):
    return Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}", "rnncourse")


def test_points_and_comments_of_a_person_survive_a_new_run_and_a_new_hand_in(course):
    course.hand_in("ada", course.notebook(WRONG))
    assert course.grade()["ada"]["score"] == 6
    with gradebook(course) as gb:
        grade = gb.find_grade("double_hidden", "small", "small", "ada")
        grade.manual_score = 1.5
        gb.find_comment("double", "small", "small", "ada").manual_comment = "Nearly: look at the factor."
        gb.db.commit()
    course.hand_in("ada", course.notebook(WRONG | {"mean": "def mean(rows):\n    return 0"}))
    assert course.grade("--workers", "1")["ada"]["score"] == 6 - 2 + 1.5
    with gradebook(course) as gb:
        grade = gb.find_grade("double_hidden", "small", "small", "ada")
        assert (grade.manual_score, grade.auto_score, grade.score) == (1.5, 0, 1.5)
        assert gb.find_comment("double", "small", "small", "ada").comment == "Nearly: look at the factor."
    page = (course.folder / "feedback/ada/small/small.html").read_text()
    assert "Nearly: look at the factor." in page


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # of nbgrader's own use of the session
def test_a_new_submission_stands_in_the_gradebook_as_nbgrader_enters_one(course):
    course.hand_in("eve", course.notebook(HONEST))
    course.grade()
    with gradebook(course) as gb:
        gb.add_student("by-nbgrader")
        gb.add_submission("small", "by-nbgrader")
        reset(gb, "small", "by-us", ["small"])
        theirs, ours = (gb.find_submission_notebook("small", "small", name) for name in ("by-nbgrader", "by-us"))

        def rows(entry):
            grades = [(g.name, g.cell.type, g.max_score, g.manual_score, g.extra_credit) for g in entry.grades]
            return sorted(grades), sorted((c.name, c.auto_comment, c.manual_comment) for c in entry.comments)

        assert rows(ours) == rows(theirs) and len(ours.grades) == 5
        assert {g.auto_score for g in ours.grades} == {0.0}
        same = ("assignment", "timestamp", "extension", "duedate", "total_seconds_late", "score", "max_score")
        for name in same:
            assert getattr(ours.assignment, name) == getattr(theirs.assignment, name), name


def test_a_hand_in_that_can_not_be_read_keeps_no_point_of_the_one_before(course):
    folder = course.hand_in("ben", course.notebook(HONEST))
    assert course.grade()["ben"]["score"] == 9
    (folder / "small.ipynb").write_text("{")
    result = course.grade()["ben"]
    assert (result["score"], result["graded"]) == (0, False)
    with gradebook(course) as gb:
        assert gb.find_submission("small", "ben").score == 0


def test_nbgraders_own_commands_grade_and_write_feedback_with_this_engine(course):
    course.hand_in("chloe", course.notebook(WRONG))
    for command in (
        ["generate_assignment", "small", "--force"],
        ["autograde", "small", "--student=chloe"],
        ["generate_feedback", "small", "--student=chloe"],
    ):
        outcome = course.nbgrader(*command)
        assert outcome.returncode == 0, outcome.stderr
    with gradebook(course) as gb:
        assert gb.find_submission("small", "chloe").score == 6
    page = (course.folder / "feedback/chloe/small/small.html").read_text()
    assert "default-src 'none'" in page and "Is it twice for every number?" in page
    graded = nbformat.read(course.folder / "autograded/chloe/small/small.ipynb", as_version=4)
    assert graded.metadata.rnncourse.student == "chloe"
    assert course.grade()["chloe"]["score"] == 6


def test_who_changes_a_file_beside_the_notebook_meets_other_random_inputs(tmp_path):
    course = Course(tmp_path, parts=lab_of_parts())
    beside = {
        "as before": ({"known.txt": "1"}, {"known.txt": "1"}),
        "other words": ({"known.txt": "1"}, {"known.txt": "2"}),
        "one more": ({}, {"own.py": ""}),
        "one less": ({"known.txt": "1", "own.py": "1"}, {"own.py": "1"}),
        "another name": ({"known.txt": "1"}, {"own.py": "1"}),
    }
    seeds = {student: [] for student in beside}
    for turn in (0, 1):
        for student, files in beside.items():
            folder = course.hand_in(student, course.notebook({}, "parts"), "parts")
            for name in ("known.txt", "own.py"):
                (folder / name).unlink(missing_ok=True)
            for name, words in files[turn].items():
                (folder / name).write_text(words)
        course.grade("parts")
        for student, found in seeds.items():
            graded = course.folder / "autograded" / student / "parts/parts.ipynb"
            found.append(nbformat.read(graded, as_version=4).metadata.rnncourse.seed)
    assert [student for student, (first, second) in seeds.items() if first == second] == ["as before"]


def test_a_run_is_reproduced_from_the_seed_in_the_feedback(course):
    course.hand_in("dan", course.notebook(HONEST))
    course.grade()
    path = course.folder / "autograded/dan/small/small.ipynb"
    seed = nbformat.read(path, as_version=4).metadata.rnncourse.seed
    assert str(seed) in (course.folder / "feedback/dan/small/small.html").read_text()
    course.grade("--student", "dan", "--seed", "12")
    assert nbformat.read(path, as_version=4).metadata.rnncourse.seed == 12
    course.grade("--student", "dan", "--seed", str(seed))
    assert nbformat.read(path, as_version=4).metadata.rnncourse.seed == seed


def test_the_formgraders_button_grades_with_this_engine(course):
    course.hand_in("fay", course.notebook(WRONG))
    code = """
import json
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

config = PyFileConfigLoader("nbgrader_config.py", path=".").load_config()  # as the server extension does
api = NbGraderAPI(CourseDirectory(config=config), config=config)
outcomes = [api.generate_assignment("small", force=True), api.autograde("small", "fay"), api.generate_feedback("small", "fay")]
print(json.dumps([[outcome["success"], outcome.get("error", "")] for outcome in outcomes]))
"""
    command = [sys.executable, "-c", code]
    outcome = subprocess.run(command, cwd=course.folder, env=course.environment(), capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stderr
    assert [success for success, _ in json.loads(outcome.stdout.splitlines()[-1])] == [True] * 3, outcome.stdout
    with gradebook(course) as gb:
        assert gb.find_submission("small", "fay").score == 6
    assert "default-src 'none'" in (course.folder / "feedback/fay/small/small.html").read_text()


def test_checking_at_home_needs_nothing_but_the_package(course, tmp_path):
    path = tmp_path / "small.ipynb"
    nbformat.write(course.notebook(HONEST), path)
    shutil.copytree(ROOT / "rnncourse", tmp_path / "site" / "rnncourse")  # no solutions, no labs, no course beside it
    code = "import rnncourse.cli; print(rnncourse.cli.__file__); rnncourse.cli.main()"
    environment = course.environment() | {"PYTHONPATH": str(tmp_path / "site")}
    command = [sys.executable, "-P", "-c", code, "check", "small.ipynb"]
    outcome = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    assert outcome.stdout.startswith(str(tmp_path))
    assert outcome.stdout.count("passed") == 3


def test_checking_at_home_runs_visible_tests_and_leaves_the_file_alone(course):
    path = course.folder / "mine.ipynb"
    nbformat.write(course.notebook(WRONG), path)
    before = path.read_bytes()
    outcome = course.command("check", "mine.ipynb")
    assert outcome.returncode == 1
    assert "twice two" in outcome.stdout and outcome.stdout.count("passed") == 2
    assert "double_hidden" not in outcome.stdout
    assert path.read_bytes() == before


def test_checking_at_home_imports_no_library_that_the_notebook_does_not_name(course):
    nb = course.notebook(HONEST)
    nb.cells = [cell for cell in nb.cells if not cell.id.startswith("rnn")]
    nb.cells[1].source = "import numpy as np"
    nb.cells[2].source = "import sys\n\ndef double(x):\n    assert 'tor' + 'ch' not in sys.modules\n    return 2 * x"
    nbformat.write(nb, course.folder / "numpy.ipynb")
    outcome = course.command("check", "numpy.ipynb")
    assert outcome.returncode == 0 and outcome.stdout.count("passed") == 2, outcome.stdout


@pytest.mark.parametrize("name", ["torch.nn.RNN", "getattr(torch.nn, 'R' + 'NN')"])
def test_checking_at_home_refuses_what_the_lab_forbids(course, name):
    answer = f"def rnn(x, W, U, b):\n    return {name}(1, 1)(x)[0][:, -1]"
    nbformat.write(course.notebook(HONEST | {"rnn": answer}), course.folder / "mine.ipynb")
    outcome = course.command("check", "mine.ipynb")
    assert outcome.returncode == 1 and outcome.stdout.count("passed") == 2
    assert "forbids torch.nn.RNN" in " ".join(outcome.stdout.replace("│", " ").split())


def test_only_a_regular_file_of_a_sensible_size_is_read(tmp_path):
    path, submission = tmp_path / "small.ipynb", Submission("ada", "small", tmp_path)
    assert "missing" in read(submission, ["small"], []).notebooks["small"].problem
    path.symlink_to("/etc/passwd")
    assert "not a regular file" in read(submission, ["small"], []).notebooks["small"].problem
    path.unlink()
    with open(path, "wb") as file:
        file.truncate(MAX_NOTEBOOK + 1)
    assert "MiB" in read(submission, ["small"], []).notebooks["small"].problem


def test_a_file_behind_a_link_is_not_handed_over(tmp_path):
    course = Course(tmp_path)
    path = course.folder / "solutions/small/small.ipynb"
    nb = nbformat.read(path, as_version=4)
    nb.metadata.rnncourse["files"] = ["data/answer.txt"]
    nbformat.write(nb, path)
    shown = course.notebook(HONEST | {"double": "print(open('data/answer.txt').read())\n" + HONEST["double"]})
    for name in ("rob", "sue"):
        course.hand_in(name, shown)
    (course.folder / "submitted/rob/small/data").mkdir()
    (course.folder / "submitted/rob/small/data/answer.txt").write_text("secret-4715")
    (course.folder / "submitted/sue/small/data").symlink_to("../../rob/small/data")
    results = course.grade()
    assert (results["rob"]["score"], results["sue"]["score"]) == (9, 6)
    pages = [(course.folder / f"feedback/{name}/small/small.html").read_text() for name in ("rob", "sue")]
    assert ["secret-4715" in page for page in pages] == [True, False]


WITHOUT_LINUX = """
import builtins, os, resource, select, signal, socket

for module, names in {
    os: ("sched_getaffinity", "memfd_create", "pipe2", "unshare", "setns", "O_TMPFILE", "posix_fadvise", "eventfd"),
    select: ("epoll",), signal: ("sigtimedwait", "sigwaitinfo"), socket: ("SO_PEERCRED", "AF_NETLINK", "AF_VSOCK"),
    resource: ("prlimit", "RLIMIT_MSGQUEUE", "RLIMIT_OFILE"),
}.items():
    for name in names:
        module.__dict__.pop(name, None)
for module, name in ((builtins, "open"), (os, "open"), (os, "stat"), (os, "scandir"), (os, "listdir"), (os, "mkdir")):
    def absent(path, *arguments, real=getattr(module, name), **keywords):
        if str(path).startswith(("/proc", "/dev/shm", "/sys")):
            raise FileNotFoundError(path)
        return real(path, *arguments, **keywords)
    setattr(module, name, absent)
"""


def test_checking_at_home_needs_nothing_of_linux(course, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(WITHOUT_LINUX)
    nbformat.write(course.notebook(HONEST), course.folder / "mine.ipynb")
    path = os.pathsep.join([str(tmp_path), course.environment()["PYTHONPATH"]])
    outcome = course.command("check", "mine.ipynb", PYTHONPATH=path)
    assert outcome.returncode == 0 and outcome.stdout.count("passed") == 3, outcome.stdout + outcome.stderr


def test_what_a_person_grades_reaches_table_and_feedback_without_a_new_run(course):
    course.hand_in("gus", course.notebook(WRONG))
    course.grade()
    notebook = course.folder / "autograded/gus/small/small.ipynb"
    before = notebook.stat().st_mtime_ns
    with gradebook(course) as gb:
        gb.find_grade("double_hidden", "small", "small", "gus").manual_score = 1.5
        gb.find_comment("double", "small", "small", "gus").manual_comment = "A good idea."
        gb.db.commit()
    result = course.grade()["gus"]
    assert (result["score"], result["graded"]) == (7.5, True)
    page = (course.folder / "feedback/gus/small/small.html").read_text()
    assert "7.5 of 9 points" in page and "A good idea." in page
    assert notebook.stat().st_mtime_ns == before


def test_the_formgrader_takes_for_graded_what_was_graded_here(course):
    course.hand_in("hal", course.notebook(HONEST))
    course.grade()
    code = """
import json
from nbgrader.apps.api import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from traitlets.config import PyFileConfigLoader

config = PyFileConfigLoader("nbgrader_config.py").load_config()
submission = NbGraderAPI(CourseDirectory(config=config), config=config).get_submission("small", "hal")
print(json.dumps([submission["autograded"], submission["score"]]))
"""
    command = [sys.executable, "-c", code]
    outcome = subprocess.run(command, cwd=course.folder, env=course.environment(), capture_output=True, text=True)
    assert json.loads(outcome.stdout.splitlines()[-1]) == [True, 9.0], outcome.stderr
    (course.folder / "submitted/hal/small/.ipynb_checkpoints").mkdir()
    (course.folder / "submitted/hal/small/.ipynb_checkpoints/small-checkpoint.ipynb").write_text("{}")
    stamp = (course.folder / "submitted/hal/small/timestamp.txt").read_text()
    course.grade("--student", "hal")
    assert (course.folder / "submitted/hal/small/timestamp.txt").read_text() == stamp


def test_lateness_is_taken_off_by_the_collectors_time(tmp_path):
    course = Course(tmp_path)
    config = course.folder / "nbgrader_config.py"
    for name, stamp in (("ina", "2026-11-03 12:00:00 UTC\n"), ("jon", "2026-10-30 12:00:00 UTC\n")):
        (course.hand_in(name, course.notebook(HONEST)) / "timestamp.txt").write_text(stamp)
    late = "from nbgrader.plugins import BasePlugin\n\n\nclass Late(BasePlugin):\n    def late_submission_penalty(self, *_):\n"
    (course.folder / "late.py").write_text(f"{late}        return 1.5\n")
    more = 'c.Grader.timestamps = True\nc.AssignLatePenalties.plugin_class = "late.Late"\n'
    config.write_text(config.read_text() + more)
    course.grade()
    with gradebook(course) as gb:
        gb.update_or_create_assignment("small", duedate="2026-11-01 00:00:00 UTC")
    results = course.grade()
    assert (results["ina"]["score"], results["jon"]["score"]) == (7.5, 9)
    assert "7.5 of 9 points" in (course.folder / "feedback/ina/small/small.html").read_text()


def test_a_gradebook_that_is_gone_is_made_again(tmp_path):
    course = Course(tmp_path)
    course.hand_in("kim", course.notebook(HONEST))
    course.grade()
    (course.folder / "gradebook.db").unlink()
    assert course.grade()["kim"]["score"] == 9
    with gradebook(course) as gb:
        assert gb.find_submission("small", "kim").score == 9


def test_no_hand_in_vanishes_in_silence(tmp_path):
    course = Course(tmp_path)
    nb = course.notebook(HONEST)
    course.hand_in("lea", nb)
    for name in ("max/small.ipynb", "nia/SMALL/small.ipynb", "ole/small/small (1).ipynb"):
        path = course.folder / "submitted" / name
        path.parent.mkdir(parents=True)
        nbformat.write(nb, path)
    for cell in nb.cells:
        cell.metadata.get("nbgrader", {}).pop("grade_id", None)
    course.hand_in("pia", nb)
    outcome = course.command("grade", "--json")
    results = {result["student"]: result for result in json.loads(outcome.stdout)}
    assert outcome.returncode == 3
    assert "max/small.ipynb: no lab of that name" in outcome.stderr and "nia/SMALL: no lab of that name" in outcome.stderr
    assert results["lea"]["graded"] and results["lea"]["score"] == 9
    assert not results["ole"]["graded"] and "there is: small (1).ipynb" in results["ole"]["note"]
    assert not results["pia"]["graded"] and "none of this lab's cells" in results["pia"]["note"]


def test_a_lab_that_nbgrader_refuses_stops_no_other(tmp_path):
    course = Course(tmp_path)
    source = course.folder / "solutions/small/small.ipynb"
    other = course.folder / "solutions/other/other.ipynb"
    other.parent.mkdir()
    shutil.copy(source, other)
    course.hand_in("quin", course.notebook(HONEST))
    course.grade()
    nb = nbformat.read(source, as_version=4)
    nb.cells = nb.cells[:-1]  # a test that the gradebook has points for
    nbformat.write(nb, source)
    folder = course.folder / "submitted/quin/other"
    shutil.copytree(course.folder / "submitted/quin/small", folder)
    (folder / "small.ipynb").rename(folder / "other.ipynb")
    outcome = course.command("grade", "--json")
    assert outcome.returncode == 3 and "Traceback" not in outcome.stderr
    results = {result["lab"]: result for result in json.loads(outcome.stdout)}
    assert results["other"]["score"] == 9 and "its submissions' grades are kept" in results["small"]["note"]
    with gradebook(course) as gb:
        assert gb.find_submission("small", "quin").score == 9
