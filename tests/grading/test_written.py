"""Written answers: what a student handed in for a person to see is there, in nbgrader's formgrader and in our feedback, and
what the person says there reaches the student.
"""

import base64
import html
import json
import re
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell

from tests.grading.course import HONEST, Course, lab, meta

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
DOT = base64.b64decode(PICTURE)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A lab with a written answer and a task for a person, graded once; a student for each way to answer."""
    course = Course(tmp_path_factory.mktemp("course"))
    nb = lab()
    nb.metadata.rnncourse["files"] = ["plot.png"]
    nb.cells += [
        new_markdown_cell("Write here.", id="essay", metadata=meta("essay", grade=True, solution=True, points=4)),
        new_markdown_cell("Draw a cell and show it.", id="draw", metadata=meta("draw", task=True, points=2)),
    ]
    nbformat.write(nb, course.folder / "solutions/small/small.ipynb")
    assert course.command("labs").returncode == 0

    def hand_in(student, change):
        nb = course.notebook(HONEST)
        change(nb, nb.cells[-2])
        return course.hand_in(student, nb)

    def added(*cells):
        return lambda nb, essay: nb.cells.extend(cells)

    def pasted(nb, essay):
        essay.source = "See ![fig](attachment:fig.png)"
        essay.attachments = {
            "fig.png": {"image/png": PICTURE},
            "page.png": {"image/png": base64.b64encode(b"<script>alert(1)</script>").decode()},
            "draw.svg": {"image/svg+xml": "<svg onload=alert(1)>"},
        }

    def stripped(nb, essay):
        essay.source = "The cell lost its metadata, words 4802."
        essay.metadata = {}

    def linked(nb, essay):
        essay.source = "![the plot](plot.png) and ![another](more/fig.png) and <img src='fig 2.png'>"

    hand_in("blank", lambda nb, essay: None)
    hand_in("answered", lambda nb, essay: essay.update(source="Gates $f_t < 1$ forget, words 4801."))
    hand_in("stripped", stripped)
    hand_in("below", added(new_markdown_cell("My answer, words 4803."), new_raw_cell("<b>raw</b> words 4804")))
    hand_in("question", lambda nb, essay: nb.cells[0].update(source="# A small lab\nMy answer up here, words 4805."))
    copy = meta("essay", grade=True, solution=True, points=4)
    hand_in("twice", added(new_markdown_cell("Second copy, words 4806.", metadata=copy)))
    hand_in("code", added(new_code_cell("'words 4807'")))
    hand_in("pasted", pasted)
    script = "<script>alert(1)</script><img src=x onerror=alert(1)> [go](javascript:alert(1)) words 4808\n"
    script += "[a](java&#115;cript:alert(1)) [b](<java\tscript:alert(1)>) [c] [d](JavaScript&colon;alert(1))\n"
    script += "[f](javascript\\:alert(1))\n"
    script += "<javascript:alert(1)> [e](\x01javascript:alert(1))\n\n[c]: javascript:alert(1)"
    hand_in("script", added(new_markdown_cell(script), new_raw_cell(script)))
    folder = hand_in("linked", linked)
    (folder / "more").mkdir()
    for name in ("plot.png", "more/fig.png"):
        (folder / name).write_bytes(DOT)
    (folder / "page.html").write_text("<script>alert(1)</script>")
    (folder / "false.png").write_text("<script>alert(1)</script>")
    (folder / "data.csv").write_text("1,2\n")
    course.results = course.grade()
    return course


def feedback(course, student):
    return (course.folder / f"feedback/{student}/small/small.html").read_text()


@pytest.fixture(scope="module")
def formgrader(course):
    """nbgrader's formgrader over the course: a function that asks it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyter", "server", "--allow-root", "--no-browser", f"--port={port}",
        "--IdentityProvider.token=", "--ServerApp.disable_check_xsrf=True", "--ServerApp.ip=127.0.0.1",
        "--ServerApp.jpserver_extensions={'nbgrader.server_extensions.formgrader': True}",
    ]  # fmt: skip
    log = open(course.folder / "server.log", "w")  # noqa: SIM115
    process = subprocess.Popen(command, cwd=course.folder, env=course.environment(), stdout=log, stderr=log)

    def ask(path, method="GET", **body):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(f"http://127.0.0.1:{port}/formgrader/{path}", data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            found = answer.read()
        return json.loads(found) if path.startswith("api/") else found

    end = time.monotonic() + 120
    while True:
        try:
            ask("api/assignments")
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < end, (course.folder / "server.log").read_text()
            time.sleep(0.5)
    yield ask
    process.terminate()
    process.wait()
    log.close()


def shown(formgrader, student, path=""):
    """What the formgrader's page of a submission says, or a file that it serves beside it."""
    (entry,) = [s for s in formgrader("api/submitted_notebooks/small/small") if s["student"] == student]
    page = formgrader(f"submissions/{entry['id']}/{path}")
    return page if path else page.decode()


WORDS = {
    "answered": "4801", "stripped": "4802", "below": "4803", "question": "4805", "twice": "4806", "code": "4807",
    "script": "4808",
}  # fmt: skip


def test_an_answer_is_seen_wherever_it_stands(course, formgrader):
    for student, words in WORDS.items():
        assert f"words {words}" in shown(formgrader, student), student
        assert f"words {words}" in feedback(course, student), student
    assert "words 4804" in shown(formgrader, "below") and "words 4804" in feedback(course, "below")


def test_no_answer_is_nothing_and_final_while_it_may_stand_elsewhere(course):
    for student in ("answered", *WORDS, "pasted", "linked"):
        assert "a person grades essay" in course.results[student]["note"], student
    assert course.results["blank"]["note"] == "not answered: essay; a person grades draw"
    assert {result["score"] for result in course.results.values()} == {9}
    assert {result["max_score"] for result in course.results.values()} == {15}
    assert "No response." in feedback(course, "blank")
    assert not any("No response." in feedback(course, student) for student in WORDS if student != "twice")


def test_pictures_are_shown_and_nothing_that_calls_itself_one(course, formgrader):
    address = f"data:image/png;base64,{PICTURE}"
    assert address in shown(formgrader, "pasted") and feedback(course, "pasted").count(address) == 1
    nb = nbformat.read(course.folder / "autograded/pasted/small/small.ipynb", as_version=4)
    (essay,) = [cell for cell in nb.cells if cell.get("attachments")]
    assert essay.attachments == {"fig.png": {"image/png": PICTURE}}
    nbformat.validate(nb)


def test_what_lies_beside_the_notebook_is_kept_and_runs_nowhere(course, formgrader):
    page = shown(formgrader, "linked")
    assert 'src="plot.png"' in page and 'src="more/fig.png"' in page
    assert shown(formgrader, "linked", "plot.png") == shown(formgrader, "linked", "more/fig.png") == DOT
    assert feedback(course, "linked").count(f"data:image/png;base64,{PICTURE}") == 2
    kept = {path.name for path in (course.folder / "autograded/linked/small").rglob("*") if path.is_file()}
    assert kept == {"small.ipynb", "timestamp.txt", "plot.png", "fig.png", "data.csv", "page.html.txt", "false.png.txt"}


def test_no_script_of_a_student_is_run(course, formgrader):
    for page in (shown(formgrader, "script"), feedback(course, "script")):
        assert "<script>alert" not in page and not re.search(r"<img[^>]*onerror", page)
        for address in re.findall(r"""<[a-z][^<>]*?\s(?:href|src)=["']?([^"'>]*)""", page):
            assert "script:" not in re.sub(r"[\0-\x20]", "", html.unescape(address)).lower(), address
    assert "<b>raw</b>" not in shown(formgrader, "below")


def grade_of(formgrader, student, name):
    (entry,) = [s for s in formgrader("api/submitted_notebooks/small/small") if s["student"] == student]
    (grade,) = [g for g in formgrader(f"api/grades?submission_id={entry['id']}") if g["name"] == name]
    (*_, comment) = [c for c in formgrader(f"api/comments?submission_id={entry['id']}") if c["name"] == name] or [None]
    return grade, comment


COMMENT = "Well *done*,\nsecond line, $a_b < c_d$.\n\n- <b>bold</b> point\n\n<script>alert(1)</script>[x](javascript:alert(1))"


def test_what_a_person_enters_in_the_formgrader_reaches_table_and_feedback_and_goes_again(course, formgrader, grade):
    grades = {student: grade_of(formgrader, student, "essay") for student in ("answered", "below", "code")}
    task, remark = grade_of(formgrader, "answered", "draw")
    formgrader(f"api/grade/{grades['answered'][0]['id']}", "PUT", manual_score=4, extra_credit=0.5)
    formgrader(f"api/grade/{grades['below'][0]['id']}", "PUT", manual_score=0, extra_credit=None)
    formgrader(f"api/grade/{task['id']}", "PUT", manual_score=1.5, extra_credit=None)
    formgrader(f"api/comment/{grades['answered'][1]['id']}", "PUT", manual_comment=COMMENT)
    formgrader(f"api/comment/{remark['id']}", "PUT", manual_comment="On the **task**.")
    _, results, _ = grade(course)
    assert results["answered"]["score"] == 9 + 4.5 + 1.5 and results["answered"]["graded"]
    assert results["below"]["score"] == 9 and "essay" not in results["below"]["note"]
    page = feedback(course, "answered")
    assert "4.5 of 4" in page and "0.5 of it extra" in page and "On the <strong>task</strong>." in page
    assert "Well <em>done</em>" in page and "<li><b>bold</b> point</li>" in page and "white-space: pre-line" in page
    assert "$a_b < c_d$" in html.unescape(page) and "done</em>,\nsecond line" in page
    assert "<script" not in page and 'href="javascript' not in page
    assert "graded by a person" in feedback(course, "below") and "0 of 4" in feedback(course, "below")
    # … and back: what is withdrawn is gone
    formgrader(f"api/grade/{grades['answered'][0]['id']}", "PUT", manual_score=None, extra_credit=None)
    formgrader(f"api/comment/{grades['answered'][1]['id']}", "PUT", manual_comment=None)
    _, results, _ = grade(course)
    assert results["answered"]["score"] == 9 + 1.5 and "a person grades essay" in results["answered"]["note"]
    page = feedback(course, "answered")
    assert "Well" not in page and "extra" not in page and "On the <strong>task</strong>." in page


def test_nbgraders_own_commands_keep_the_same_for_a_person(course):
    names = ("linked", "pasted", "below")
    ours = {name: (course.folder / f"autograded/{name}/small/small.ipynb").read_bytes() for name in names}
    files = {name: tree(course.folder / f"autograded/{name}/small") for name in names}
    for name in names:
        outcome = course.nbgrader("autograde", "small", "--force", f"--student={name}")
        assert outcome.returncode == 0, outcome.stderr
    for name in names:
        theirs = nbformat.read(course.folder / f"autograded/{name}/small/small.ipynb", as_version=4)
        mine = nbformat.reads(ours[name].decode(), as_version=4)
        assert [c.source for c in theirs.cells] == [c.source for c in mine.cells]
        assert [c.get("attachments") for c in theirs.cells] == [c.get("attachments") for c in mine.cells]
        assert tree(course.folder / f"autograded/{name}/small") == files[name]


def tree(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".ipynb"
    }
