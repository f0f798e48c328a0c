"""A small course for the tests of the grader: one lab of three tasks, 9 points, in NumPy and torch."""

import json
import os
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

ROOT = Path(__file__).parents[2]
FORBID = [
    "torch.nn.RNN",
    "torch.rnn_tanh",
    "torch._VF.rnn_tanh",
    "torch.nn.RNNCell",
    "torch.rnn_tanh_cell",
    "rnncourse.recurrence",
]
HIDDEN, SOLUTION, OTHER = "hidden-test-mark-4711", "solution-mark-4712", "other-student-mark-4713"

HONEST = {
    "double": "def double(x):\n    return 2 * x",
    "mean": "def mean(rows):\n    if not len(rows):\n        raise ValueError('no rows')\n    return sum(rows) / len(rows)",
    "rnn": "def rnn(x, W, U, b):\n    h = torch.zeros(x.shape[0], U.shape[0], dtype=x.dtype)\n    for t in range(x.shape[1]):\n"
    "        h = torch.tanh(x[:, t] @ W.T + h @ U.T + b)\n    return h",
}

OBJECTS = {  # the answers of the lab `objects`
    "Vector": "class Vector:\n    def __init__(self, x, y):\n        self.x, self.y = x, y\n    def __add__(self, o):\n"
    "        return Vector(self.x + o.x, self.y + o.y)\n    def __sub__(self, o):\n"
    "        return Vector(self.x - o.x, self.y - o.y)\n"
    "    def __abs__(self):\n        return (self.x**2 + self.y**2) ** 0.5\n    def __eq__(self, o):\n"
    "        return (self.x, self.y) == (o.x, o.y)",
    "scale": "def scale(x):\n    return 2 * x",
    "integrate": "def integrate(g, a, b, n):\n    return sum(g(a + (b - a) * (i + 0.5) / n) for i in range(n)) * (b - a) / n",
    "step": "def step(x):\n    return 3 * x + 1",
    "sequence": "def sequence(x, n):\n    for _ in range(n):\n        x = step(x)\n    return x",
}
ANSWERS = HONEST | OBJECTS  # to the labs `small` and `objects`
OBJECTS_SETUP = """import math
import numpy as np
def near(a, b):
    return abs(a - b) < 1e-9
with open("data.txt", "w") as file:
    file.write("1 2 3")"""
OBJECTS_TESTS = {  # by task: tests with their points, and the earlier functions that they use
    "Vector": [(
        "v = Vector(3, 4)\nassert v + Vector(1, 1) == Vector(4, 5) and (v - v).x == 0\nassert abs(abs(v) - 5) < 1e-9", 1, [],
    ), (
        "### BEGIN HIDDEN TESTS\na, b = np.random.default_rng().normal(size=2).tolist()\nv, w = Vector(a, b), Vector(b, a)\n"
        "pairs = [(v + w, Vector(a + b, a + b)), (abs(v), math.hypot(a, b)), (w.x, b)]\n"
        "assert all(near(got, want) for got, want in pairs), 'Is it a sum, is it a length?'\n### END HIDDEN TESTS", 2, [],
    )],
    "scale": [(
        "x = np.ones((2, 3))\ny = scale(x)\nassert len(y) == 2 and y.shape == (2, 3)\nassert np.allclose(y, 2)\n"
        "assert all(a == 2 for row in y for a in row)", 1, [],
    ), (
        "### BEGIN HIDDEN TESTS\nimport cProfile\nx, k = np.random.normal(size=(4, 3)), np.random.randint(3, size=4)\n"
        "expected = 2 * x\ny = scale(x)\nassert y.shape == (4, 3) and np.allclose(y, expected)\n"
        "np.testing.assert_allclose(y[range(4), k], expected[range(4), k])\nx = np.loadtxt('data.txt')\n"
        "assert np.allclose(scale(x), 2 * np.loadtxt('data.txt'))\n### END HIDDEN TESTS", 2, [],
    )],
    "integrate": [("assert near(integrate(lambda x: 2 * x, 0, 1, 10), 1)", 1, []), (
        "### BEGIN HIDDEN TESTS\nc = np.random.normal()\ndef g(x):\n    return c * scale(x)\n"
        "assert near(integrate(g, 0, 2, 8), 4 * c), 'Another function?'\n### END HIDDEN TESTS", 2, [],
    )],
    "step": [("assert step(1) == 4\n### BEGIN HIDDEN TESTS\nx = np.random.normal()\nassert near(step(x), 3 * x + 1)\n"
              "### END HIDDEN TESTS", 2, [])],
    "sequence": [("assert sequence(1, 2) == 13\n### BEGIN HIDDEN TESTS\nx = np.random.normal()\n"
                  "assert near(sequence(x, 3), 27 * x + 13)\n### END HIDDEN TESTS", 3, ["step"])],
}  # fmt: skip

DOUBLE_VISIBLE = (
    "assert double(2) == 4, 'twice two'\nx = np.ones(3)\nassert np.array_equal(double(x), [2, 2, 2])\n"
    "assert (x == 1).all(), 'x was changed'"
)
DOUBLE_HIDDEN = """# Hidden test, 2 points: other numbers.
### BEGIN HIDDEN TESTS
mark = "hidden-test-mark-4711"
rng = np.random.default_rng()
x = rng.normal(size=5)
np.testing.assert_allclose(double(x), 2 * x, err_msg="Is it twice for every number?")
assert double(7) == 14, "Is it twice for every number?"
### END HIDDEN TESTS"""
MEAN_TEST = """# Visible half.
import numpy.testing as npt

assert mean([1.0, 3.0]) == 2.0
### BEGIN HIDDEN TESTS
rows = list(np.random.default_rng().normal(size=(4, 2)))
npt.assert_allclose(mean(rows), np.mean(rows, axis=0), err_msg="Rows of numbers?")
try:
    mean([])
except ValueError:
    pass
else:
    raise AssertionError("No rows: a ValueError?")
### END HIDDEN TESTS"""
RNN_VISIBLE = """x, W, U, b = torch.ones(1, 1, 1), torch.ones(1, 1), torch.ones(1, 1), torch.zeros(1)
torch.testing.assert_close(rnn(x, W, U, b), torch.tanh(torch.ones(1, 1)))"""
RNN_HIDDEN = """### BEGIN HIDDEN TESTS
reference = torch.nn.RNN(3, 4, batch_first=True, dtype=torch.float64)
x = torch.randn(2, 5, 3, dtype=torch.float64)
W, U, b = (p.detach() for p in (reference.weight_ih_l0, reference.weight_hh_l0, reference.bias_ih_l0 + reference.bias_hh_l0))
with torch.no_grad():
    expected = reference(x)[1][0]
got = rnn(x, W, U, b)
torch.testing.assert_close(got, expected, msg="Is every step computed?")
assert got.dtype is torch.float64
### END HIDDEN TESTS"""


def meta(grade_id: str, **flags) -> dict:
    base = {"grade_id": grade_id, "grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3}
    return {"nbgrader": base | flags}


PARTS = {
    "parts_count": ("# A point for each number.\nsum(square(i) == i * i for i in range(4))", 4),
    "parts_error": ("errors = square(np.arange(4.0)) - np.arange(4.0) ** 2\n2 - np.sum(errors**2)", 2),
    "parts_truth": ("### BEGIN HIDDEN TESTS\nabs(square(5) - 25) < 1e-9\n### END HIDDEN TESTS", 1),
}


def lab_of_parts():
    """The source of a lab whose tests end with their points: 7 in all, one task; a file may be handed in beside it."""
    answer = "def square(x):\n    ### BEGIN SOLUTION\n    return x * x\n    ### END SOLUTION"
    cells = [
        new_code_cell("import numpy as np", id="setup", metadata=meta("setup", locked=True)),
        new_code_cell(answer, id="square", metadata=meta("square", solution=True)),
    ]
    for name, (source, points) in PARTS.items():
        flags = meta(name, grade=True, locked=True, points=points)
        cells.append(new_code_cell(source, id=name.replace("_", "-"), metadata=flags))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "rnncourse": {"files": ["known.txt", "own.py"]}})


def lab_of_objects():
    """The source of a lab of objects, callbacks and a function that another uses: 14 points, five tasks."""
    cells = [new_code_cell(OBJECTS_SETUP, id="setup", metadata=meta("setup", locked=True))]
    for name, tests in OBJECTS_TESTS.items():
        source = f"### BEGIN SOLUTION\n# {SOLUTION}\n{OBJECTS[name]}\n### END SOLUTION"
        cells.append(new_code_cell(source, id=name, metadata=meta(name, solution=True)))
        for i, (source, points, uses) in enumerate(tests):
            flags = meta(f"{name}_{i}", grade=True, locked=True, points=points) | {"rnncourse": {"uses": uses}}
            cells.append(new_code_cell(source, id=f"{name}-{i}", metadata=flags))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def lab():
    """The source of the lab `small`."""

    def solution(name):
        head, _, body = ANSWERS[name].partition("\n")
        source = f"{head}\n    ### BEGIN SOLUTION\n    # {SOLUTION}\n{body}\n    ### END SOLUTION"
        return new_code_cell(source, id=name, metadata=meta(name, solution=True))

    def test(name, source, points):
        return new_code_cell(source, id=name.replace("_", "-"), metadata=meta(name, grade=True, locked=True, points=points))

    cells = [
        new_markdown_cell("# A small lab", id="title"),
        new_code_cell("import numpy as np\nimport torch", id="setup", metadata=meta("setup", locked=True)),
        solution("double"), test("double_visible", DOUBLE_VISIBLE, 1), test("double_hidden", DOUBLE_HIDDEN, 2),
        new_code_cell("scale = 3", id="plain"),
        solution("mean"), test("mean_test", MEAN_TEST, 2),
        solution("rnn"), test("rnn_visible", RNN_VISIBLE, 1), test("rnn_hidden", RNN_HIDDEN, 3),
    ]  # fmt: skip
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel, "rnncourse": {"forbid": FORBID}})


class Course:
    """A course folder with that lab, graded by the command."""

    def __init__(self, folder: Path, timeout: float = 20, **more):
        """`more` labs have their notebooks by name."""
        self.folder = folder
        for name, source in {"small": lab(), **more}.items():
            path = folder / "solutions" / name / f"{name}.ipynb"
            path.parent.mkdir(parents=True)
            nbformat.write(source, path)
        config = (ROOT / "nbgrader_config.py").read_text()
        (folder / "nbgrader_config.py").write_text(f"{config}\nc.Execute.timeout = {timeout}\n")
        outcome = self.command("labs")
        assert outcome.returncode == 0, outcome.stderr

    def command(self, *arguments, **environment) -> subprocess.CompletedProcess:
        code = "from rnncourse.cli import main; main()"
        command = [sys.executable, "-c", code, *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment(**environment), capture_output=True, text=True)

    def nbgrader(self, *arguments) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "nbgrader", *arguments]
        return subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, text=True)

    @staticmethod
    def environment(**more) -> dict:
        path = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        programs = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {**os.environ, "PYTHONPATH": path, "PATH": programs, **more}

    def released(self, lab: str = "small"):
        return nbformat.read(self.folder / "labs" / lab / f"{lab}.ipynb", as_version=4)

    def notebook(self, answers: dict[str, str], lab: str = "small"):
        nb = self.released(lab)
        for cell in nb.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in answers:
                cell.source = answers[name]
        return nb

    def hand_in(self, student: str, nb, lab: str = "small") -> Path:
        folder = self.folder / "submitted" / student / lab
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(nb, folder / f"{lab}.ipynb")
        return folder

    def grade(self, *arguments, **environment) -> dict[str, dict]:
        outcome = self.command("grade", "--json", *arguments, **environment)
        assert outcome.returncode in (0, 3), outcome.stderr + outcome.stdout
        return {result["student"]: result for result in json.loads(outcome.stdout)}
