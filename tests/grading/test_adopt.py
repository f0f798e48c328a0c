"""Any folder: nbgrader's own layout and configuration, labs of several notebooks, old notebooks, other libraries."""

import json
import os
import re
import shutil
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook

from tests.grading.course import ROOT, Course, meta

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}


def notebook(*cells, **more):
    """A lab's notebook of cells `(name, source, flags)`; text where the flags say so."""
    nodes = []
    for name, source, flags in cells:
        make = new_markdown_cell if flags.pop("text", False) else new_code_cell
        nodes.append(make(source, id=name.replace("_", "-"), metadata=meta(name, **flags)))
    return new_notebook(cells=nodes, metadata={"kernelspec": KERNEL, **more})


def solution(name, answer):
    head, _, body = answer.partition("\n")
    return name, f"{head}\n    ### BEGIN SOLUTION\n{body}\n    ### END SOLUTION", {"solution": True}


def test_cell(name, source, points):
    return name, source, {"grade": True, "locked": True, "points": points}


test_cell.__test__ = False
ADD, TIMES = "def calc(a, b):\n    return a + b", "def calc(a, b):\n    return a * b"


class Several(Course):
    """A course in nbgrader's own layout, of one lab with two notebooks whose cells have the same names, a module and a header:
    3 points in `one`, 4 and an essay of 2 in `two`.
    """

    def __init__(self, folder, config=""):
        self.folder = folder
        source = folder / "source" / "hw"
        source.mkdir(parents=True)
        (source / "shared.py").write_text("def near(a, b):\n    return abs(a - b) < 1e-9\n")
        setup = "setup", "from shared import near", {"locked": True}
        files = {"rnncourse": {"files": ["mine.txt"]}}
        essay = "essay", "Why?", {"grade": True, "solution": True, "points": 2, "text": True}
        labs = {
            "one": notebook(setup, solution("calc", ADD), test_cell("right", "assert near(calc(2, two), 4)", 3), **files),
            "two": notebook(setup, solution("calc", TIMES), test_cell("right", "assert near(calc(2, two), 2 * two)", 4), essay),
        }
        for name, nb in labs.items():
            nbformat.write(nb, source / f"{name}.ipynb")
        header = notebook(("head", "two = 2", {"locked": True}))
        nbformat.write(header, folder / "source" / "head.ipynb")
        config = f'c.IncludeHeaderFooter.header = "source/head.ipynb"\n{config}'
        (folder / "nbgrader_config.py").write_text(f"c = get_config()\n{config}")
        outcome = self.command("labs")
        assert outcome.returncode == 0, outcome.stderr

    def hand_in(self, student, one=ADD, two=TIMES, essay="Because."):
        folder = self.folder / "submitted" / student / "hw"
        folder.mkdir(parents=True, exist_ok=True)
        for name, answer in {"one": one, "two": two}.items():
            (folder / f"{name}.ipynb").unlink(missing_ok=True)
            if answer is not None:
                nb = nbformat.read(self.folder / "release/hw" / f"{name}.ipynb", as_version=4)
                answers = {"calc": answer, "essay": essay}
                for cell in nb.cells:
                    cell.source = answers.get(cell.metadata.nbgrader.grade_id, cell.source)
                nbformat.write(nb, folder / f"{name}.ipynb")
        return folder

    def gradebook(self):
        return Gradebook(f"sqlite:///{self.folder / 'gradebook.db'}", "several")

    def page(self, student, name):
        return (self.folder / "feedback" / student / "hw" / f"{name}.html").read_text()


@pytest.fixture(scope="module")
def several(tmp_path_factory):
    """One course for all tests; each has students of its own."""
    return Several(tmp_path_factory.mktemp("several"))


def test_all_notebooks_of_a_lab_count_and_each_has_its_page(several, grade):
    several.hand_in("ada")
    several.hand_in("ben", one=TIMES, two=ADD)  # 2 + 2 is 2 * 2
    several.hand_in("eva", one="def calc(a, b):\n    return a - b", two="def calc(a, b):\n    return near")
    status, results, _ = grade(several)
    assert status == 3, "the essay waits for a person"
    assert {who: (results[who]["score"], results[who]["max_score"]) for who in ("ada", "ben", "eva")} == {
        "ada": (7, 9), "ben": (7, 9), "eva": (0, 9)}  # fmt: skip
    assert results["ada"]["note"] == "a person grades two/essay"
    assert "3 of 3 points" in several.page("ada", "one") and "4 of 6 points" in several.page("ada", "two")
    with several.gradebook() as gb:
        marks = {nb.name: nb.score for nb in gb.find_submission("hw", "ada").notebooks}
        assert marks == {"one": 3, "two": 4}


def test_a_missing_notebook_is_named_and_costs_its_own_points(several, grade):
    folder = several.hand_in("gus", two=None)
    (folder / "two (1).ipynb").write_text("{}")
    _, results, _ = grade(several)
    assert (results["gus"]["score"], results["gus"]["max_score"]) == (3, 9)
    assert "two/two.ipynb is missing; there is: two (1).ipynb" in results["gus"]["note"]
    assert "two.ipynb is missing" in several.page("gus", "two") and "3 of 3 points" in several.page("gus", "one")
    several.hand_in("gus", one=None)
    (folder / "one.ipynb").write_text("{")
    _, results, _ = grade(several)
    assert results["gus"]["score"] == 4 and "one/one.ipynb is not a notebook" in results["gus"]["note"]
    several.hand_in("gus")
    assert grade(several)[1]["gus"]["score"] == 7


def test_what_a_person_enters_in_one_notebook_stays_and_only_there(several, grade):
    several.hand_in("pat")
    grade(several)
    with several.gradebook() as gb:
        essay = gb.find_grade("essay", "two", "hw", "pat")
        essay.manual_score, essay.needs_manual_grade = 1.5, False
        gb.find_comment("calc", "one", "hw", "pat").manual_comment = "words of a person 5301"
        gb.db.commit()
    _, results, _ = grade(several)
    assert (results["pat"]["score"], results["pat"]["graded"], results["pat"]["note"]) == (8.5, True, "")
    assert "words of a person 5301" in several.page("pat", "one") and "5301" not in several.page("pat", "two")
    several.hand_in("pat", one="def calc(a, b):\n    return None")
    assert grade(several)[1]["pat"]["score"] == 5.5


def test_a_hand_in_of_several_notebooks_goes_as_it_came(several, grade):
    folder = several.hand_in("tim")
    grade(several)
    first = (folder / "timestamp.txt").read_text()
    seen = json.loads((several.folder / "received.json").read_text())["tim/hw"]["files"]
    (folder / "mine.txt").write_text("a file that the lab of `one` lets students hand in")
    grade(several)
    assert json.loads((several.folder / "received.json").read_text())["tim/hw"]["files"] != seen
    assert (several.folder / "autograded/tim/hw/mine.txt").exists() and first
    away = several.folder / "away"
    (several.folder / "submitted/tim").rename(away)
    _, results, said = grade(several)
    assert "tim" not in results and "taken back: tim/hw" in said
    assert not (several.folder / "autograded/tim/hw").exists() and not (several.folder / "feedback/tim/hw").exists()
    with several.gradebook() as gb:
        assert gb.find_submission("hw", "tim").score == 0
    away.rename(several.folder / "submitted/tim")
    assert grade(several)[1]["tim"]["score"] == 7


def test_lateness_counts_for_each_notebook_as_nbgrader_has_it(tmp_path, grade):
    course = Several(tmp_path, 'c.AssignLatePenalties.plugin_class = "late.Late"\n')
    (tmp_path / "late.py").write_text(
        "from nbgrader.plugins import BasePlugin\n\n\nclass Late(BasePlugin):\n"
        "    def late_submission_penalty(self, student, score, late):\n        return score / 2\n"
    )
    course.hand_in("lea")
    grade(course)
    with course.gradebook() as gb:
        gb.update_or_create_assignment("hw", duedate="2020-01-01 12:00:00 UTC")
    assert grade(course)[1]["lea"]["score"] == 3.5
    assert "1.5 of 3 points" in course.page("lea", "one") and "2 of 6 points" in course.page("lea", "two")
    with course.gradebook() as gb:
        assert gb.find_submission("hw", "lea").late_submission_penalty == 3.5
        gb.update_or_create_assignment("hw", duedate=None)
    assert grade(course)[1]["lea"]["score"] == 7


PLUGGED = "from rnncourse.grading import plug_in\n\nplug_in(c)\n"


def test_nbgraders_own_commands_agree_on_several_notebooks(tmp_path, grade):
    course = Several(tmp_path, PLUGGED)
    course.hand_in("uma")
    course.hand_in("vic", two=None)
    for command in ("generate_assignment", "autograde", "generate_feedback"):
        outcome = course.nbgrader(command, "hw", "--force")
        assert outcome.returncode == 0, outcome.stderr
    with course.gradebook() as gb:
        theirs = {who: gb.find_submission("hw", who).score for who in ("uma", "vic")}
    assert theirs == {"uma": 7, "vic": 3}
    assert "4 of 6 points" in course.page("uma", "two")
    _, results, _ = grade(course)
    assert {who: results[who]["score"] for who in theirs} == theirs


OTHER = """
c.CourseDirectory.course_id = "other"
c.CourseDirectory.submitted_directory = "in"
c.CourseDirectory.autograded_directory = "done"
c.CourseDirectory.feedback_directory = "told"
c.CourseDirectory.db_url = "sqlite:///books/marks.db"
c.Execute.timeout = None
c.CourseDirectory.ignore.append("*.log")
"""


def test_folders_and_gradebook_are_where_the_configuration_has_them(tmp_path, grade):
    course = Several(tmp_path, OTHER)
    (tmp_path / "books").mkdir()
    course.hand_in("wim")
    assert "nothing handed in: no folder in/STUDENT/LAB" in grade(course)[2]
    (tmp_path / "submitted").rename(tmp_path / "in")
    assert grade(course)[1]["wim"]["score"] == 7
    assert (tmp_path / "done/wim/hw/two.ipynb").exists() and (tmp_path / "told/wim/hw/two.html").exists()
    made = {path.name for path in tmp_path.iterdir()}
    assert not made & {"submitted", "autograded", "feedback", "gradebook.db"}
    with Gradebook(f"sqlite:///{tmp_path}/books/marks.db", "other") as gb:
        assert gb.find_submission("hw", "wim").score == 7
    shutil.rmtree(tmp_path / "in/wim")
    assert "taken back: wim/hw" in grade(course)[2] and not (tmp_path / "done/wim/hw").exists()
    config = tmp_path / "nbgrader_config.py"
    config.write_text(config.read_text() + 'c.CourseDirectory.directory_structure = "{student_id}/{nbgrader_step}"\n')
    assert "no directory_structure but" in grade(course)[2]


def test_what_editors_and_imports_leave_is_no_lab_and_changes_none(several, grade):
    several.hand_in("ida")
    grade(several)
    graded = (several.folder / "autograded/ida/hw/one.ipynb").stat().st_mtime_ns
    for name in (".ipynb_checkpoints/head.ipynb", "hw/.ipynb_checkpoints/one.ipynb", "hw/__pycache__/shared.pyc"):
        (several.folder / "source" / name).parent.mkdir(exist_ok=True)
        (several.folder / "source" / name).write_text("what an editor leaves")
    assert several.command("labs").stdout == "release/hw: up to date\n"
    assert grade(several)[1]["ida"]["score"] == 7
    assert (several.folder / "autograded/ida/hw/one.ipynb").stat().st_mtime_ns == graded, "nothing is graded anew"
    left = several.folder / "source/hw/.one.ipynb"
    left.write_text("what an editor leaves")
    assert several.command("labs").returncode == 0
    left.unlink()


def test_old_cells_stop_no_other_lab_and_the_cure_is_named(tmp_path, grade):
    course = Several(tmp_path)
    for lab, version in (("older", 1), ("old", 2)):
        shutil.copytree(tmp_path / "source/hw", tmp_path / "source" / lab)
        for path in (tmp_path / "source" / lab).glob("*.ipynb"):
            nb = nbformat.read(path, as_version=4)
            for cell in nb.cells:
                cell.metadata.nbgrader["schema_version"] = version
                del cell.metadata.nbgrader["task"]
            nbformat.write(nb, path)
    (tmp_path / "source/hw/shared.py").write_text("def near(a, b):\n    return a == b\n")
    outcome = course.command("labs")
    assert outcome.returncode == 1 and "release/hw: written" in outcome.stdout
    for lab in ("old", "older"):
        assert f"run: nbgrader update source/{lab}\n" in outcome.stderr
    folder = course.hand_in("xan")
    for lab in ("old", "older"):
        shutil.copytree(tmp_path / "source" / lab, folder.parent / lab)
    status, results, _ = grade(course, "old")
    assert status == 3 and "run: nbgrader update source/old" in results["xan"]["note"]
    assert grade(course, "hw")[1]["xan"]["score"] == 7
    for lab in ("old", "older"):
        assert course.nbgrader("update", f"source/{lab}").returncode == 0
    assert course.command("labs").returncode == 0
    for lab in ("old", "older"):  # what was handed in has the old cells still
        assert grade(course, lab)[1]["xan"]["score"] == 7


WARM = """def was_there():
    ### BEGIN SOLUTION
    return there
    ### END SOLUTION


import sys
there = "xml.dom.minidom" in sys.modules
import xml.dom.minidom"""


def test_a_library_of_the_course_is_imported_once_for_all(tmp_path):
    nb = notebook(("was_there", WARM, {"solution": True}), test_cell("warm", "assert was_there()", 1))
    course = Course(tmp_path, warm=nb)
    course.hand_in("yan", nb, "warm")
    assert course.grade("warm")["yan"]["score"] == 0
    config = tmp_path / "nbgrader_config.py"
    config.write_text(config.read_text() + 'c.Grader.libraries = ["xml.dom.minidom", "no_such_library", "this_one.too"]\n')
    outcome = course.command("grade", "warm", "--student", "yan", "--json")
    assert json.loads(outcome.stdout)[0]["score"] == 1
    for name in ("no_such_library", "this_one.too"):
        assert f"{name} is not installed, though c.Grader.libraries names it" in outcome.stderr
    outcome = course.nbgrader("autograde", "warm", "--force")
    assert outcome.returncode == 0, outcome.stderr
    with Gradebook(f"sqlite:///{tmp_path}/gradebook.db", "rnncourse") as gb:
        assert gb.find_submission("warm", "yan").score == 1
    for value in ("'pandas'", "[1]", "['rm -r']"):
        config.write_text(config.read_text() + f"c.Grader.libraries = {value}\n")
        outcome = course.command("grade", "warm", "--student", "yan")
        assert outcome.returncode == 1 and "c.Grader.libraries is a list of names" in outcome.stderr


def test_the_five_commands_of_the_page_lead_to_scores(tmp_path):
    page = (ROOT / "book" / "grader.md").read_text()
    (commands,) = re.findall(r"^```bash\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(commands.splitlines()) == 5
    (plug,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    environment = Course.environment()
    programs = tmp_path / "programs"
    programs.mkdir()
    for name, where in {"nbgrader": "nbgrader.apps.nbgraderapp", "rnncourse": "rnncourse.cli"}.items():  # of this source
        (programs / name).write_text(f"#!{sys.executable}\nfrom {where} import main\nmain()\n")
        (programs / name).chmod(0o755)
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"

    def bash(script):
        return subprocess.run(["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)

    outcome = bash(f"set -e\n{commands}")
    assert outcome.returncode == 3, outcome.stdout + outcome.stderr
    assert "release/ps1: written" in outcome.stdout and "3 / 13" in outcome.stdout
    assert "3 of 13 points" in " ".join(page.split()) and "a person grades" in outcome.stdout
    course = tmp_path / "mycourse"
    assert {path.name for path in (course / "feedback/ada/ps1").glob("*.html")} == {"problem1.html", "problem2.html"}
    given = bash(
        "cd mycourse && rm -r feedback && mkdir submitted/ben && cp -r release/ps1 submitted/ben/ && rnncourse grade --json"
    )
    scores = {result["student"]: result["score"] for result in json.loads(given.stdout)}
    assert scores == {"ada": 3, "ben": 0}, given.stderr
    with open(course / "nbgrader_config.py", "a") as config:
        config.write(plug)
    autograded = bash("cd mycourse && nbgrader autograde ps1 --force && nbgrader generate_feedback ps1 --force")
    assert autograded.returncode == 0, autograded.stderr
    assert "default-src 'none'" in (course / "feedback/ada/ps1/problem1.html").read_text()
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "mycourse") as gb:
        assert {who: gb.find_submission("ps1", who).score for who in scores} == scores


BLOCKED = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)


sys.meta_path.insert(0, Absent())
"""


def without(folder, *modules):
    """Environment variables for a Python in which these are not installed."""
    (folder / "sitecustomize.py").write_text(BLOCKED.format(set(modules)))
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def test_other_courses_need_no_torch_and_no_matplotlib(several, tmp_path):
    absent = without(tmp_path, "torch", "matplotlib", "anywidget", "pandas")
    several.hand_in("zoe")
    assert several.command("--help", **absent).returncode == 0
    outcome = several.command("labs", **absent)
    assert outcome.returncode == 0, outcome.stderr
    assert several.grade("--student", "zoe", **absent)["zoe"]["score"] == 7


def test_what_an_extra_brings_is_named_where_it_is_lacking(several, tmp_path):
    absent = without(tmp_path, "nbgrader", "sqlalchemy", "torch")
    (several.folder / "release/.made.json").unlink()
    for command in ("labs", "grade"):
        outcome = several.command(command, **absent)
        assert outcome.returncode == 1 and outcome.stderr.count("\n") == 1, outcome.stderr
        assert "pip install 'rnncourse[course]'" in outcome.stderr
    mine = tmp_path / "mine.ipynb"
    nb = notebook(("calc", ADD, {"solution": True}), test_cell("right", "assert calc(2, 2) == 4", 3))
    nbformat.write(nb, mine)
    outcome = several.command("check", str(mine), **absent)
    assert outcome.returncode == 0 and outcome.stdout.count("passed") == 1, outcome.stdout + outcome.stderr
