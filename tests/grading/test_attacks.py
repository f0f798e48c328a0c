"""The attack battery: each file of attacks/ is handed in beside an honest student's work, and the class graded once.

A file is a notebook in percent format: its docstring says what is tried, the family and the score it must get, and the lab
where it is not the small one; `# %% name`
begins the answer to a task, `# %%` a cell the student added, and `# %% [hand in]` code that this test runs when it writes the
submission, with `notebook` (the JSON) and `folder`.
"""

import ast
import json
import os
import re
import time
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell

from tests.grading.course import ANSWERS, HIDDEN, HONEST, OTHER, SOLUTION, Course, lab_of_objects, lab_of_parts

ATTACKS = sorted(Path(__file__).with_name("attacks").glob("*.py"))
ENVIRONMENT = "environment-mark-4714"
WORDS = "student-words-mark-4715"


def header(path: Path) -> dict[str, str]:
    doc = ast.get_docstring(ast.parse(path.read_text()))
    return {"lab": "small", "about": doc.splitlines()[0]} | dict(re.findall(r"^(\w+): (.*)$", doc, re.MULTILINE))


def hand_in(course: Course, path: Path) -> None:
    parts = re.split(r"^# %%(.*)\n", path.read_text(), flags=re.MULTILINE)[1:]
    answers, added, script = {}, [], ""
    after = None
    for name, source in zip(parts[::2], parts[1::2], strict=True):
        name, source = name.strip(), source.strip()
        if name == "[hand in]":
            script = source
        elif name:
            answers[name] = source
            after = name
        else:
            added.append((after, source))
    lab = header(path)["lab"]
    nb = course.notebook({name: ANSWERS[name] if source == "honest" else source for name, source in answers.items()}, lab)
    for after, source in added:
        names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in nb.cells]
        nb.cells.insert(names.index(after) + 1 if after else 0, new_code_cell(source))
    folder = course.hand_in(path.stem, nb, lab)
    if script:
        notebook = json.loads((folder / f"{lab}.ipynb").read_text())
        names = {"notebook": notebook, "folder": folder, "course": course.folder}
        exec(compile(script, path.name, "exec"), names)
        if names["notebook"] is not None:
            (folder / f"{lab}.ipynb").write_text(json.dumps(names["notebook"]))


def tree(folder: Path) -> dict[str, tuple]:
    """What lies in the course, but for what grading writes."""
    written = ("autograded", "feedback", "gradebook.db", "received.json", "grading.secret")
    found = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if name.partition("/")[0] not in written and not path.is_symlink() and path.name != "timestamp.txt":
            found[name] = (path.stat().st_mode, *(() if path.is_dir() else (path.stat().st_mtime_ns, path.stat().st_size)))
    return found


def foreign() -> set[str]:
    """Processes in another pid namespace than ours, as all that students start are, and the grader's own."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            inside = os.readlink(process / "ns/pid") != os.readlink("/proc/self/ns/pid")
            if inside or b"rnncourse.grading" in (process / "cmdline").read_bytes():
                found.add(process.name)
        except OSError:  # it ended meanwhile, or is another user's
            continue
    return found


def left_behind(before: set[str]) -> set[str]:
    """Those that are there since and stay: what is being ended has five seconds to go."""
    end = time.monotonic() + 5
    while (left := foreign() - before) and time.monotonic() < end:
        time.sleep(0.1)
    return left


@pytest.fixture(scope="module")
def battle(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("course"), timeout=2, parts=lab_of_parts(), objects=lab_of_objects())
    before_processes, temporary = foreign(), tmp_path_factory.mktemp("tmp")
    for path in ATTACKS:
        hand_in(course, path)
    for student in ("aa-honest", "zz-honest"):
        nb = course.notebook(HONEST)
        nb.cells.append(new_code_cell(f"print('{OTHER}')"))
        course.hand_in(student, nb)
    course.hand_in("oo-honest", course.notebook(ANSWERS, "objects"), "objects")
    before = tree(course.folder)
    results = course.grade("--workers", "4", RNNCOURSE_SECRET=ENVIRONMENT, TMPDIR=str(temporary))
    left = left_behind(before_processes), os.listdir(temporary), list(Path("/tmp").glob("attack*"))
    return course, results, before, left


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_an_attack_gains_nothing(path, battle):
    _, results, _, _ = battle
    assert results[path.stem]["score"] == float(header(path)["score"]), results[path.stem]["note"]


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_a_page_of_feedback_tells_no_secret_and_runs_no_script(path, battle):
    course, _, _, _ = battle
    lab = header(path)["lab"]
    page = (course.folder / "feedback" / path.stem / lab / f"{lab}.html").read_text()
    for secret in (HIDDEN, SOLUTION, OTHER, ENVIRONMENT, (course.folder / "grading.secret").read_text().strip()):
        assert secret not in page
    tags = re.findall(r"<\s*([a-zA-Z][a-zA-Z0-9-]*)", page)
    assert not {"script", "iframe", "object", "embed", "svg", "form", "link", "base"} & {tag.lower() for tag in tags}
    assert not re.search(r"<[^>]+\son\w+\s*=", page)
    assert page.count("default-src 'none'") == 1
    assert len(page) < 20 << 20


def test_no_word_of_a_students_stands_in_the_table(battle):
    course, results, _, _ = battle
    assert WORDS not in json.dumps(results)
    assert any(WORDS in path.read_text() for path in (course.folder / "autograded").glob("words_*/small/small.ipynb"))


def test_honest_students_are_not_harmed(battle):
    _, results, _, _ = battle
    assert results["aa-honest"]["score"] == results["zz-honest"]["score"] == results["aa-honest"]["max_score"] == 9
    assert results["oo-honest"]["score"] == results["oo-honest"]["max_score"] == 14


def test_only_what_can_not_be_read_wants_a_person(battle):
    _, results, _, _ = battle
    waiting = {name: result["note"] for name, result in results.items() if not result["graded"]}
    unreadable = ("file_", "huge_file", "truncated", "utf16", "many_cells", "deep_json", "format_future", "wrong_types")
    unreadable += ("parts_of_several", "parts_of_tensors", "parts_complex")  # a test that ends with no number
    assert not {name: note for name, note in waiting.items() if not name.startswith(unreadable)}


def test_nothing_in_the_course_was_touched(battle):
    course, _, before, _ = battle
    assert tree(course.folder) == before


def test_no_process_and_no_file_is_left(battle):
    assert battle[-1] == (set(), [], [])


def test_the_battery_has_every_family():
    families = {}
    for path in ATTACKS:
        families.setdefault(header(path)["family"], []).append(path.stem)
    assert set(families) == {"scoring", "tampering", "leaks", "resources", "files", "reader", "academic", "objects"}
    assert len(ATTACKS) >= 60


def test_every_answer_is_written_for_nbformat(battle):
    course, _, _, _ = battle
    for path in (course.folder / "autograded").glob("*/small/small.ipynb"):
        nbformat.validate(nbformat.read(path, as_version=4))
