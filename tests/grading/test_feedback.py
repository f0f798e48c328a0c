"""What a student is told: by task, in the task's own words, the first thing first, and nothing of what is hidden."""

import html
import re
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from rnncourse.grading.books import feedback
from rnncourse.grading.books.rendered import markdown
from rnncourse.grading.books.tasks import Task, advice, tasks_of
from rnncourse.grading.books.tasks import Test as Cell
from rnncourse.grading.judge.failure import parted, shortened
from rnncourse.grading.judge.grade import grade
from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.submitted import HandedIn
from tests.grading.course import meta

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
STEP = """## 1 One step (4 points, 15 minutes)

![A cell](attachment:cell.png) One step is $h_t = W x_t$, and

$$y = 2 x.$$

In the chapter: "What does a step do?" and "What now?"
See [the docs](https://example.org/docs) and [the book](../../book/lab.ipynb)."""
LOOP = "## 2 The loop\n\nWrite `loop`."
LAST = "## 3 The last *one*\n\nWrite `last`."
TESTS = {
    "step": (
        "# Visible test, 1 point: twice two.\nnp.testing.assert_allclose(step(np.ones(2)), [2, 2], err_msg='Is it twice?')",
        "# Hidden test, 3 points: other numbers.\n### BEGIN HIDDEN TESTS\n"
        "assert step(5551) == 11102, 'Is it twice for all?'\n### END HIDDEN TESTS",
    ),
    "loop": (
        "# Visible test, 1 point: two steps.\nassert loop(1, 2) == 4, 'two steps'",
        "# Hidden test, 3 points: more steps.\n### BEGIN HIDDEN TESTS\n"
        "assert loop(1, 5) == 32, 'Are all taken?'\n### END HIDDEN TESTS",
    ),
    "last": (
        "# 3 points. Visible half: a list of two.\nassert last([1, 2]) == 2, 'the second'\n"
        "# Hidden half: other shapes.\n### BEGIN HIDDEN TESTS\n"
        "assert last([5552]) == 5552, 'Is the shape right?'\n### END HIDDEN TESTS",
    ),
}  # fmt: skip
RIGHT = {
    "step": "def step(x):\n    return 2 * x",
    "loop": "def loop(x, n):\n    for _ in range(n):\n        x = step(x)\n    return x",
    "last": "def last(items):\n    return items[-1]",
}


def lab(answers=None):
    """A lab of three tasks, or what a student made of it."""
    cells = [
        new_markdown_cell("# Lab: steps\n\nThe opening.", metadata=meta("opening", locked=True)),
        new_code_cell("import numpy as np", metadata=meta("setup", locked=True)),
    ]
    for name, text in (("step", STEP), ("loop", LOOP), ("last", LAST)):
        cells.append(new_markdown_cell(text, metadata=meta(f"task_{name}", locked=True)))
        if name == "step":
            cells[-1].attachments = {"cell.png": {"image/png": PICTURE}}
        stub = f"def {name}(x, n=0):\n    raise NotImplementedError('your code here')"
        cells.append(new_code_cell(answers[name] if answers else stub, metadata=meta(name, solution=True)))
        for i, test in enumerate(TESTS[name]):
            points = 3 if i or name == "last" else 1
            cells.append(new_code_cell(test, metadata=meta(f"{name}_{i}", grade=True, locked=True, points=points)))
            cells[-1].metadata["rnncourse"] = {"uses": ["step"]} if name == "loop" else {}
    return new_notebook(cells=cells)


def solutions():
    nb = lab()
    for cell in nb.cells:
        name = cell.metadata.nbgrader.grade_id
        if name in RIGHT:
            cell.source = "### BEGIN SOLUTION\n" + RIGHT[name] + "\n### END SOLUTION"
    return nb


def stored():
    """What the gradebook keeps of the lab: its cells as students got them, hidden tests included."""
    return {
        cell.metadata.nbgrader.grade_id: {
            "source": cell.source, "checksum": "", "points": cell.metadata.nbgrader.get("points", 0.0),
        }
        for cell in lab().cells
    }  # fmt: skip


@pytest.fixture(scope="module")
def run(worker):
    """`run(**answers)`: the graded notebook of somebody who gave these and else the right answers."""
    kept = {}

    def run(added=(), timeout=20, **answers):
        key = str((added, answers))
        if key not in kept:
            notebook = lab(RIGHT | answers) if answers is not None else lab()
            notebook.cells[2:2] = [new_code_cell(source) for source in added]
            handed_in = HandedIn("ada", "steps", "steps.ipynb", nbformat.writes(notebook).encode(), "", {})
            kept[key] = grade(worker, Lab(solutions(), stored()), handed_in, seed=1, timeout=timeout).notebook
        return kept[key]

    return run


BLANK = {name: f"def {name}(x, n=0):\n    raise NotImplementedError('your code here')" for name in RIGHT}


def page(nb, **names):
    return feedback.page(nb, {"student": "ada", "assignment": "steps", "notebook": "steps"} | names, Path())


def words(page):
    """What a page says, without its style."""
    return " ".join(html.unescape(re.sub("(?s)<style>.*?</style>|<[^>]*>", " ", page)).split())


def test_a_page_has_the_tasks_titles_texts_and_pictures(run):
    shown = page(run())
    assert re.findall(r"<h2 id=\"title-\d\">(.*?)</h2>", shown) == ["1 One step", "2 The loop", "3 The last one"]
    assert re.findall(r"<a href=\"#(task-\d)\">(.*?)</a>", shown) == [
        ("task-1", "1 One step"), ("task-2", "2 The loop"), ("task-3", "3 The last one"),
    ]  # fmt: skip
    assert all(f'id="task-{n}"' in shown for n in (1, 2, 3))
    assert f'<img src="data:image/png;base64,{PICTURE}" alt="A cell">' in shown
    assert '<a href="https://example.org/docs"' in shown and "book/lab" not in shown
    assert "11 of 11 points" in words(shown) and "All tests passed." in shown
    assert "The opening" not in shown, "that is no task's"


def test_formulas_are_mathematics_or_stand_as_they_are_written(run):
    shown = page(run())
    assert shown.count("<math ") == 2 and "<msub><mi>h</mi><mi>t</mi></msub>" in shown and "$" not in shown
    assert markdown("$\\frac{1}{$ and <i>") == "<p><code>\\frac{1}{</code> and &lt;i&gt;</p>\n"
    aligned = markdown("$$\\begin{aligned}a &= b \\\\ c &= d\\end{aligned}$$")
    assert aligned.count("<mtr>") == 2 and "&amp;" not in aligned


def test_a_section_of_the_chapter_is_a_link_only_where_the_book_is(run):
    assert 'In the chapter: "What does a step do?"' in words(page(run()))
    shown = page(run(), book="https://book.example/course/")
    section = "https://book.example/course/steps.html#what-does-a-step-do"
    assert (
        f'<a href="{section}"' in shown and '#what-now"' in shown and 'href="https://book.example/course/steps.html"' in shown
    )
    assert "href" not in re.sub('href="(#|https://example.org/docs)', "", page(run(), book="javascript:alert(1)//"))


def test_a_wrong_answer_reads_its_hint_first_and_the_values_folded(run):
    shown = page(run(step="def step(x):\n    return 3 * x", loop="def loop(x, n):\n    return x * 2**n"))
    said = words(shown)
    assert "7 of 11 points" in said and "0 of 1" in said and "0 of 3" in said and "0 of 4" in said
    assert "not yet" not in said
    assert '<pre class="said">Is it twice?</pre>' in shown
    folded = re.findall(r"(?s)<details>\s*<summary>The values that were compared</summary>(.*?)</details>", shown)
    assert len(folded) == 1 and "Mismatched elements: 2 / 2" in folded[0] and "ACTUAL" in folded[0]
    assert "Begin with 1 One step : its visible test fails." in said
    assert "Is it twice for all?" in said and "5551" not in shown and "11102" not in shown and "BEGIN HIDDEN" not in shown
    assert "assert_allclose" in said, "the visible test that failed"
    assert "two steps" not in said, "the visible test that passed"


def test_one_mistake_is_said_to_be_one(run):
    nb = run(step="def step(x):\n    return 3 * x")
    said = words(page(nb))
    assert "loop is right; it calls step, which is not." in said and "counts, with a right step" in said
    assert "7 of 11 points" in said
    assert "Begin with 1 One step : its visible test fails; 2 The loop rests on it." in said
    assert [task.number for task, _ in advice(tasks_of(nb))] == [1]


def test_the_students_own_line_is_shown(run):
    answer = 'def step(x):\n    """<b>"""\n    a, b = None\n    return x'
    shown = page(run(step=answer))
    said = words(shown)
    assert said.count("TypeError in step , line 3: a, b = None") == 2, "behind the hidden test, too, which raises the same"
    assert '<pre class="said">cannot unpack non-iterable NoneType object</pre>' in shown
    (marked,) = re.findall(r'<span class="line here">(.*)', shown)
    assert words(marked).replace(" ", "") == "a,b=None"
    assert "It raises what the visible test raises." in said and "Is it twice for all?" not in said
    assert "<b>" not in shown
    cell = "def helper(x):\n    return x.nothing"
    shown = page(run(step="def step(x):\n    return helper(x)", added=(cell,)))
    assert "AttributeError in your own cell (added 1) , line 2: return x.nothing" in words(shown)


def test_an_error_that_only_hidden_tests_meet_says_no_line(run):
    shown = page(run(step="def step(x):\n    if np.all(x > 5000):\n        raise ValueError('secret')\n    return 2 * x"))
    assert "Is it twice for all?" in words(shown)
    assert "line here" not in shown and "ValueError in" not in words(shown)
    assert "Begin with 1 One step : only its hidden test fails" in words(shown)


def test_a_blank_answer_reads_not_answered(run):
    shown = page(run(last=BLANK["last"]))
    said = words(shown)
    assert "3 The last one 0 of 3 not answered" in said and "Begin with 3 The last one : not answered." in said
    assert "Is the shape right?" not in said and "The cell is as it was handed out." in said
    folds = re.sub("(?s)<details.*?</details>", "", shown)
    assert "NotImplementedError" not in folds


def test_what_never_ends_has_no_hint_about_shapes(run):
    said = words(page(run(last="def last(items):\n    while True: pass", timeout=1)))
    assert "The grader says: ran over 1 s." in said and "Is the shape right?" not in said
    step = words(page(run(step="while True: pass\ndef step(x):\n    return 2 * x", timeout=1)))
    assert "Your cell did not run to its end: ran over 1 s" in step and "Is it twice" not in step
    assert "Begin with 1 One step : its cell does not run to its end" in step
    assert "The cell of “1 One step” did not run to its end" in step or "which is not" in step


def test_names_are_the_tasks_and_not_the_cells(run):
    nb = nbformat.from_dict(run(last="def last(items):\n    return items[1 / 0]", loop=BLANK["loop"]))
    for cell in nb.cells:
        own, flags = cell.metadata.get("rnncourse", {}), cell.metadata.get("nbgrader", {})
        if flags.get("grade_id") == "last":
            flags["grade_id"] = "cell-0af3"
        if own.get("at"):
            own["at"] = {**own["at"], "cell": "cell-0af3"}
    said = words(page(nb))
    assert "ZeroDivisionError in “3 The last one” , line 2" in said
    assert "cell-0af3" not in said and "last_0" not in said and "loop_1" not in said


def test_a_lab_without_texts_and_headings_has_names_all_the_same(worker):
    notebook = new_notebook(cells=[
        new_markdown_cell("# A lab"), new_code_cell("f = 1", metadata=meta("cell-12ab", solution=True)),
        new_code_cell("assert f == 2", metadata=meta("t", grade=True, locked=True, points=1)),
        new_code_cell("", metadata=meta("g", solution=True)),
    ])  # fmt: skip
    handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(notebook).encode(), "", {})
    graded = grade(worker, Lab(nbformat.from_dict(notebook)), handed_in, seed=1, timeout=20)
    assert [task.title for task in tasks_of(graded.notebook)] == ["Task 1", "g"]
    assert "assert f == 2" in words(page(graded.notebook))


MESSAGES = {
    "\nNot equal to tolerance rtol=1e-07, atol=0\nHint here.\nMismatched elements: 1 / 2 (50%)\n x: 1": "Hint here.",
    "\nNot equal to tolerance rtol=1e-07, atol=0\nhint\n(shapes (2, 3), (3, 2) mismatch)\n ACTUAL: array([])": "hint",
    "\nArrays are not equal\nhint\nx and y nan location mismatch:\n x: 1": "hint",
    "\nItems are not equal: hint\n ACTUAL: 3\n DESIRED: 4": "hint",
    "\nArrays are not almost equal to 7 decimals hint\n ACTUAL: 3": "hint",
    "Tensor-likes are not close!\n\nMismatched elements: 2 / 2 (100.0%)\nGreatest": "Tensor-likes are not close!",
    "\nArrays are not equal\n\nMismatched elements: 1 / 2": "Arrays are not equal",
    "plain words: x: 3": "plain words: x: 3",
    "TypeError: no": "TypeError: no",
}


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_parted_from_the_values_that_were_compared(message):
    said, dump = parted(message)
    assert said == MESSAGES[message]
    assert len(said) + len(dump) >= len(message.strip()) - 5, "nothing is lost"


def test_what_is_too_long_ends_between_two_words_and_says_so():
    assert shortened("one two three", 20) == "one two three"
    assert shortened("one two three four five", 15) == "one two …"
    assert len(shortened("x" * 3000)) <= 2000


def test_a_long_answer_is_shown_whole_and_not_coloured(run):
    """To colour takes time that grows with the square of what is ill-nested."""
    long = '"' + "\\N{" * 300_000
    assert long in html.unescape(page(run(step=RIGHT["step"], added=(long,))))


def test_the_task_on_which_most_rests_comes_first():
    failed, right = Cell("Visible test", "", 1, 0.0), Cell("Visible test", "", 1, 1.0)
    tasks = [
        Task(1, "One", function="one", tests=[failed]), Task(2, "Two", function="two", tests=[failed]),
        Task(3, "Three", tests=[replace(right, rests=["two"])]), Task(4, "Four", tests=[replace(right, rests=["two"])]),
    ]  # fmt: skip
    said = [(task.title, why) for task, why in advice(tasks)]
    assert said == [("Two", "only its hidden test fails; Three and Four rest on it"), ("One", "only its hidden test fails")]
