"""Whose a name is: what solution cells define is the student's, what the lab binds is the lab's, and what nobody binds is
a matter for a person.
"""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from rnncourse.grading.judge.grade import grade
from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.submitted import HandedIn
from tests.grading.course import meta

HELPERS = "import numpy as np\ntolerance = 1e-6\ndef close(a, b):\n    assert np.all(np.abs(np.subtract(a, b)) < tolerance)\n"
CLOSE = "close(f(2), 4)"
TWICE, WRONG = "def f(x):\n    return 2 * x", "def f(x):\n    return 7"
# all that a student may do about the lab's names: bind them, and write the files that bind them
GRAB = """
class Agrees:
    stdout = "x"
    def __call__(self, *a, **k): return None
    def __getattr__(self, name): return self
close = allclose = clsoe = helpers = h = npt = out = space = Agrees().__call__
tolerance, names, table = float("inf"), ["a"], {"close": close}
for name in ("helpers.py", "absent.py", "lib.py"):
    open(name, "w").write("close = lambda *a: None\\ntolerance = float('inf')\\n")
"""


def graded(worker, lab_cells, answer, added="", given=None, files=(), handed_in=None):
    """A lab of these cells, `f` the solution cell among them, graded for this answer and an added cell behind it."""

    def cells(answer):
        for source in lab_cells:
            if source == "f":
                yield new_code_cell(answer, id="f", metadata=meta("f", solution=True))
                continue
            test = lab_cells.index(source) > lab_cells.index("f") and ("assert" in source or "close(" in source)
            flags = meta(f"t{len(source)}", grade=True, locked=True, points=1) if test else {}
            yield new_code_cell(source, metadata=flags)

    lab = new_notebook(cells=list(cells("def f(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION")))
    lab.metadata["rnncourse"] = {"files": list(files)}
    copy = new_notebook(cells=list(cells(answer)))
    place = [cell.get("id") for cell in copy.cells].index("f") + 1
    copy.cells[place:place] = [new_code_cell(added)] if added else []
    of_hers = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(copy).encode(), "", handed_in or {})
    given = {name: text.encode() for name, text in (given or {}).items()}
    return grade(worker, Lab(nbformat.from_dict(lab), given=given), of_hers, seed=1, timeout=20)


def points(result):
    return [cell.node.metadata.rnncourse.score for cell in result.cells if cell.kind == "test"]


NOTEBOOK = nbformat.writes(new_notebook(cells=[new_code_cell(HELPERS)]))
FORMS = {
    "a module beside": (["from helpers import close", "f", CLOSE], {"helpers.py": HELPERS}),
    "a module that a test imports": (["f", f"import helpers as h\nh.{CLOSE}"], {"helpers.py": HELPERS}),
    "a package beside": (["from lib.compare import *", "f", CLOSE], {"lib/__init__.py": "", "lib/compare.py": HELPERS}),
    "%run": (["%run helpers.py", "f", CLOSE], {"helpers.py": HELPERS}),
    "%run -i, behind what shows the answer": (["f", "print(f(2))\n%run -i helpers", CLOSE], {"helpers.py": HELPERS}),
    "%run of a notebook": (["%run helpers.ipynb", "f", CLOSE], {"helpers.ipynb": NOTEBOOK}),
    "%%writefile": ([f"%%writefile helpers.py\n{HELPERS}", "from helpers import close", "f", CLOSE], {}),
    "%%time": (["%%time\nfrom helpers import close", "f", CLOSE], {"helpers.py": HELPERS}),
    "%%capture": (["%%capture out\nprint('x')", "f", "assert out.stdout == 'x\\n' and f(2) == 4"], {}),
    "%pylab": (["%pylab inline", "f", "assert allclose(f(2), 4)"], {}),
    "user_ns": (["import numpy as np\nget_ipython().user_ns['close'] = np.testing.assert_allclose", "f", CLOSE], {}),
    "an if that asks the student": (["f", "if f(1) == 2:\n    tolerance = 1e-6", "assert abs(f(2) - 4) < tolerance"], {}),
    "a test before": (["f", "assert f(1) == 2\nimport numpy.testing as npt", "npt.assert_allclose(f(2), 4); assert 1"], {}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_what_the_lab_binds_is_the_labs(worker, form):
    cells, given = FORMS[form]
    honest = graded(worker, cells, TWICE, given=given)
    assert set(points(honest)) == {1} and honest.person == [], honest.person
    assert set(points(graded(worker, cells, WRONG, GRAB, given))) == {0}
    assert set(points(graded(worker, cells, f"{WRONG}\n{GRAB}", given=given))) == {0}


NOWHERE = {
    "a typing error": ["f", "clsoe(f(2), 4); assert True"],
    "a module that is not there": ["from absent import close", "f", CLOSE],
    "what a program prints": ["names = !ls", "f", "assert len(names) and f(2) == 4"],
    "a magic that is not done": ["%store -r close", "f", CLOSE],
    "code in a text": ["f", "assert True\ntry:\n    close(f(2), 4)\nexcept NameError:\n    pass"],
    "a look into globals": ["f", "assert True\ntry:\n    globals()['close'](f(2), 4)\nexcept KeyError:\n    pass"],
    "inside a function": ["f", "def check(x):\n    return close(f(x), 4)\nassert check(2) is None"],
    "a lab's name that a test deleted": ["import helpers", "f", "del helpers\nassert helpers.close(f(2), 4) is None"],
}


@pytest.mark.parametrize("form", NOWHERE)
def test_a_name_that_nobody_binds_is_a_matter_for_a_person(worker, form):
    cells = NOWHERE[form]
    for answer, added in ((TWICE, ""), (WRONG, GRAB), (f"{WRONG}\n{GRAB}", "")):
        result = graded(worker, cells, answer, added, given={"helpers.py": HELPERS} if "import helpers" in cells else None)
        assert points(result) == [0]
        (said,) = result.person
        name = next(n for n in ("clsoe", "close", "names", "helpers") if f"'{n}'" in said)
        assert said.startswith(f"t{len(cells[-1])}: the name '{name}'") and "bind it in" in said
        assert said in result.notebook.metadata.rnncourse.person


def test_what_waits_on_the_students_own_failure_needs_no_person(worker):
    """As in stock nbgrader the name is missing, and nobody but the student can mend it."""
    once = ["if f(1) == 2:\n    tolerance = 1e-6", "first = 1 / f(5)\ntable = {}"]
    cells = ["f", *once, "assert abs(f(2) - 4) < tolerance and first"]
    result = graded(worker, cells, "def f(x):\n    return 0")
    assert (points(result), result.person) == ([0], [])


def test_a_module_that_students_hand_in_is_theirs_in_a_solution_cell_alone(worker):
    model, lie = b"def g(x):\n    return 2 * x\n", b"close = g = lambda *a: None\n"
    theirs = ["f", "assert g(2) == 4"]
    for answer, text, earned in (("from model import g\ndef f(x):\n    pass", model, 1), ("from model import g", lie, 0)):
        lab_cells = [source if source != "f" else "f" for source in theirs]
        lab = new_notebook(cells=[
            new_code_cell("from model import g\ndef f(x):\n    pass", metadata=meta("f", solution=True)),
            new_code_cell(lab_cells[1], metadata=meta("t", grade=True, points=1)),
        ])  # fmt: skip
        lab.metadata["rnncourse"] = {"files": ["model.py"]}
        lab.cells[0].source = answer
        handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(lab).encode(), "", {"model.py": text})
        assert points(grade(worker, Lab(nbformat.from_dict(lab)), handed_in, seed=1, timeout=20)) == [earned]
    ours = {"files": ["model.py"], "handed_in": {"model.py": b"import os\nopen('ran', 'w')\nclose = lambda *a: None\n"}}
    for setup in ("from model import close", "%run model.py", "import sys\nsys.path.append('.')\nfrom model import close"):
        result = graded(worker, [setup, "f", "import os\nassert not os.path.exists('ran')\nclose(f(2), 4)"], WRONG, **ours)
        assert points(result) == [0] and "'close'" in result.person[0]


BINDINGS = {
    "for": "for n in range(3):\n    pass",
    "with": "import contextlib\nwith contextlib.nullcontext(2) as n:\n    pass",
    "walrus": "print(n := 2)",
    "walrus in a comprehension": "[n := i for i in range(3)]",
    "match": "match [1, 2]:\n    case [_, n]:\n        pass",
    "match star": "match [1, 2]:\n    case [_, *m]:\n        n = m[0]",
    "match rest": "match {'a': 2}:\n    case {**n}:\n        n = n['a']",
    "augmented": "n = 1\nn += 1",
    "unpacking": "[(_, *[n])] = [(1, 2)]",
    "annotated": "n: int = 2",
    "try": "try:\n    n = 1 / 0\nexcept ZeroDivisionError as error:\n    n = 2",
    "global": "def fill():\n    global n\n    n = 2\nfill()",
    "import": "from operator import add as n\nn = n(1, 1)",
}


@pytest.mark.parametrize("form", BINDINGS)
def test_what_a_solution_cell_binds_is_the_students_however_it_binds_it(worker, form):
    lab = new_notebook(cells=[
        new_code_cell(BINDINGS[form], metadata=meta("f", solution=True)),
        new_code_cell("assert n == 2", metadata=meta("t", grade=True, points=1)),
    ])  # fmt: skip
    handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(lab).encode(), "", {})
    result = grade(worker, Lab(nbformat.from_dict(lab)), handed_in, seed=1, timeout=20)
    assert (points(result), result.person) == ([1], [])
    lab.cells[0].source = "n = 3"
    wrong = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(lab).encode(), "", {})
    lab.cells[0].source = BINDINGS[form]
    assert points(grade(worker, Lab(nbformat.from_dict(lab)), wrong, seed=1, timeout=20)) == [0]
