"""What a student reads says nothing of the run that knew the hidden tests; and whose words are whose."""

import re
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from rnncourse.grading.books import feedback
from rnncourse.grading.judge.grade import grade
from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.submitted import HandedIn
from tests.grading.course import meta

# What an answer may do with a hidden number, by that number; the first is an honest mistake. A later cell knows of it, too.
DEEDS = [
    "return 0",
    "raise ValueError('secret')",
    "raise AssertionError('secret')",
    "raise Fault('enter 9 / 9')",
    "raise SystemExit",
    "return object()",
    "return [1] * 10**9",
    "return f(x)",
    "os._exit(0)",
    "time.sleep(3)",
    "os.write(3, b'garbage')",
    "return 10**13",
    "seen.append(1); return 0",
    "seen.append(2); return 0",
    "seen.append(3); return 0",
]
ANSWER = "import os, time\nseen = []\nclass Fault(Exception):\n    pass\ndef f(x):\n" + "".join(
    f"    if x == {1000 + n}:\n        {deed}\n" for n, deed in enumerate(DEEDS)
) + "    return 2 * x"  # fmt: skip
LATER = """
if seen == [1]:
    print("secret")
if seen == [2]:
    while True: pass
if seen == [3]:
    os._exit(0)
"""
HIDDEN = """### BEGIN HIDDEN TESTS
got = f({})
assert abs(got - {}) < sum(range(max(2, got))), 'Twice?'
### END HIDDEN TESTS"""


def lab_of(*tests):
    first, later = (new_code_cell(s, metadata=meta(n, solution=True)) for n, s in (("f", ANSWER), ("g", LATER)))
    cells = [new_code_cell(t, metadata=meta(f"t{i}", grade=True, locked=True, points=1)) for i, t in enumerate(tests)]
    return new_notebook(cells=[first, *cells[:1], later, *cells[1:]])


def result(worker, notebook, lab=None, timeout=1):
    handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(notebook).encode(), "", {})
    graded = grade(worker, Lab(nbformat.from_dict(lab or notebook)), handed_in, seed=1, timeout=timeout)
    names = {"student": "ada", "assignment": "lab", "notebook": "lab"}
    return graded, re.sub(r"\d{4}-\d\d-\d\dT[0-9:+]+", "", feedback.page(graded.notebook, names, Path()))


@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "behind a visible half"])
def test_a_page_is_the_same_whatever_an_answer_does_with_what_is_hidden(worker, mixed):
    pages, scores, handed_in = {}, set(), lab_of("", "")
    for n, deed in enumerate(DEEDS):
        hidden = ("assert f(2) == 4, 'visible'\n" if mixed else "") + HIDDEN.format(1000 + n, 2000 + 2 * n)
        lab = lab_of(hidden, "assert f(1) == 3, f'three {f(1)} {len(seen)}'")
        lab.cells[0].source = "seen = []\ndef f(x):\n    pass"
        graded, page = result(worker, handed_in, lab)
        tests = [cell.node.metadata.rnncourse for cell in graded.cells if cell.kind == "test"]
        scores.add(tests[0].score)
        pages[deed] = page
    assert scores == {0}
    different = [deed for deed, page in pages.items() if page != pages["return 0"]]
    assert not different
    assert "secret" not in re.sub("(?s)<pre tabindex.*?</pre>", "", page) and "three 2 0" in page and "Twice?" in page


def test_when_it_was_graded_does_not_say_how_long_that_took(worker):
    lab = lab_of(HIDDEN.format(1009, 0), "")  # sleeps
    graded, _ = result(worker, lab, timeout=4)
    since = datetime.now(UTC) - datetime.fromisoformat(graded.notebook.metadata.rnncourse.graded)
    assert since.total_seconds() > 2


WORDS = "enter 9 of 9"
SPOKEN = {  # a student's words where an engine's are read
    "a class of our name": f"class Fault(Exception):\n    pass\nraise Fault('{WORDS}')",
    "a class named in words": f"raise type('{WORDS}', (Exception,), {{}})()",
    "a class that renames itself": f"class E(ValueError):\n    pass\nE.__name__ = E.__qualname__ = '{WORDS}'\nraise E",
    "lines": f"raise KeyError('1\\nFault\\n{WORDS}')",
    "syntax": f"raise SyntaxError('{WORDS}')",
    "an output of our form": "get_ipython().kept.append({'output_type': 'error', 'ename': 'Fault', 'evalue': '"
                             + WORDS + "', 'traceback': ['" + WORDS + "']})",
}  # fmt: skip


@pytest.mark.parametrize("form", SPOKEN)
@pytest.mark.parametrize("inside", [False, True], ids=["in a cell", "in a call"])
def test_no_word_of_a_students_stands_where_the_grader_speaks(worker, form, inside):
    source = SPOKEN[form]
    if inside:
        source = "def f(x):\n" + "".join(f"    {line}\n" for line in source.splitlines())
    notebook = new_notebook(cells=[
        new_code_cell(source, metadata=meta("f", solution=True)),
        new_code_cell("assert f(2) == 4", metadata=meta("t0", grade=True, locked=True, points=1)),
        new_code_cell(HIDDEN.format(3, 6), metadata=meta("t1", grade=True, locked=True, points=1)),
    ])  # fmt: skip
    lab = nbformat.from_dict(notebook)
    lab.cells[0].source = "def f(x):\n    pass"
    graded, page = result(worker, notebook, lab, timeout=20)
    run = graded.notebook.metadata.rnncourse
    assert WORDS not in str([run.remarks, run.person, run.problem])
    assert not re.search(f"The grader says:[^<]*{WORDS}", page)
    outside = re.sub("(?s)<pre.*?</pre>", "", page)
    assert WORDS not in outside
    for cell in graded.notebook.cells[1:]:
        (output,) = cell.outputs
        assert output.ename != "Fault" or WORDS not in output.evalue
        for line in output.traceback:  # what may be a student's is set in
            assert WORDS not in line or line.startswith("    ")


def test_the_graders_own_words_reach_page_and_table(worker):
    notebook = new_notebook(cells=[
        new_code_cell("while True:\n    pass", metadata=meta("f", solution=True)),
        new_code_cell("assert f(2) == 4", metadata=meta("t0", grade=True, locked=True, points=1)),
    ])  # fmt: skip
    lab = nbformat.from_dict(notebook)
    lab.cells[0].source = "def f(x):\n    pass"
    graded, page = result(worker, notebook, lab)
    assert graded.notebook.metadata.rnncourse.remarks == ["f: ran over 1 s"]
    assert page.count("The grader says: ran over 1 s.") == 1
