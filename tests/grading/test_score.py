"""A notebook's run: what a test sees of the student's side, what it earns, and that no submission can talk it into more."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from rnncourse.grading.judge.engine import LIMITS, Engine, Worker
from rnncourse.grading.judge.grade import grade
from rnncourse.grading.judge.notebook import Lab, Raw
from rnncourse.grading.judge.submitted import HandedIn
from tests.grading.course import meta

STUB = "def f(x):\n    raise NotImplementedError"
SETUP = "import numpy as np\nimport torch"


def run(worker, answer, *tests, setup=SETUP, stub=STUB, points=2, timeout=20, seed=1, forbid=(), files=None):
    """What the tests say of an answer to the task `f`: their results."""
    cells = [
        new_code_cell(setup),
        new_code_cell(stub, metadata=meta("f", solution=True)),
        *[new_code_cell(t, metadata=meta(f"t{i}", grade=True, points=points)) for i, t in enumerate(tests)],
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    raw = answer if isinstance(answer, list) else [Raw("code", "", "f", answer)]
    results = worker.run(lab.rebuild(raw), forbid, files, seed, timeout).scores
    return [result for result in results.values() if result.score is not None]


def scores(*arguments, **keywords):
    return [result.score for result in run(*arguments, **keywords)]


TWICE = "def f(x):\n    return 2 * x"


def test_points_are_earned_by_finishing(worker):
    assert scores(worker, TWICE, "assert f(2) == 4", "assert f(2) == 5", "", "1 / 0", "syntax error") == [2, 0, 2, 0, 0]


@pytest.mark.parametrize(
    ("value", "earned"),
    [("0.5", 0.5), ("2", 2), ("7", 2), ("-1", 0), ("float('nan')", 0), ("float('inf')", 0), ("0", 0), ("np.float32(1.5)", 1.5),
     ("0;", 2), ("None", 2), ("True", 2), ("np.True_", 2), ("'text'", 2), ("f'{1}'", 2), ("torch.tensor(0.5)", 0.5),
     ("torch.tensor(100.)", 2), ("np.array(1)", 1), ("__import__('fractions').Fraction(1, 2)", 0.5), ("False", 0),
     ("np.False_", 0), ("torch.tensor(1) == 2", 0), ("f(2) == 5", 0)],
)  # fmt: skip
def test_the_last_value_is_partial_credit_within_the_points(worker, value, earned):
    (result,) = run(worker, TWICE, f"assert f(2) == 4\n{value}")
    assert (result.score, result.person) == (earned, "")


@pytest.mark.parametrize(
    "value", ["100j", "np.complex64(3)", "torch.tensor(2j)", "np.ones(1)", "torch.ones(2)", "[]", "()", "[2]", "{}", "f",
              "object()", "str(f(2))", "...", "f('done')"],
)  # fmt: skip
def test_a_last_value_that_is_no_number_earns_nothing_and_a_person_is_told_what_came(worker, value):
    (result,) = run(worker, TWICE, f"assert f(2) == 4\n{value}")
    assert result.score == 0 and result.person.startswith("t0: the test ends with a value of type ")
    assert result.person.endswith("let it end with the points, a real number, or with no value (;)")


def test_a_scoring_process_that_dies_costs_no_other_submission_anything(worker):
    assert scores(worker, TWICE, "assert f(2) == 4", "import os\nif f(2) == 4:\n    os._exit(1)", "assert f(2) == 4") == [2]
    for _ in range(3):
        assert scores(worker, TWICE, "assert f(2) == 4") == [2]


STUCK = {  # what C code makes of a value for longer than anyone waits
    "a sum": ("return 10**13", "sum(range(f(2)))"),
    "a power": ("return 10**9", "f(2) ** f(2)"),
    "a set": ("return [i * (2**61 - 1) for i in range(400_000)]", "set(f(2))"),
    "a set of tuples": ("return [(i * (2**61 - 1),) for i in range(400_000)]", "set(f(2))"),
    "a cell of the lab": ("return 10**13", "n = sum(range(f(2)))"),
}


@pytest.mark.parametrize("form", STUCK)
def test_a_test_that_nothing_interrupts_costs_itself_and_no_other(worker, form):
    body, line = STUCK[form]
    cells = [
        new_code_cell(STUB, metadata=meta("f", solution=True)),
        new_code_cell("assert f(1)", metadata=meta("t0", grade=True, points=1)),
        new_code_cell(line, metadata={} if form == "a cell of the lab" else meta("t1", grade=True, points=1)),
        new_code_cell("assert f(1) and n" if "n =" in line else "assert f(1)", metadata=meta("t2", grade=True, points=1)),
        new_code_cell("assert f(1)", metadata=meta("t3", grade=True, points=1)),
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    answer = f"def f(x):\n    if x == 1:\n        return 1\n    {body}"
    outcome = worker.run(lab.rebuild([Raw("code", "", "f", answer)]), timeout=1)
    earned = {lab.cells[i].id: o.score for i, o in outcome.scores.items() if o.score is not None}
    assert outcome.complete
    assert earned == {"t0": 1, "t1": 0, "t2": 1, "t3": 1} if "n =" not in line else {"t0": 1, "t2": 0, "t3": 1}


KEYS = {  # of one hash all
    "numbers": "[i * (2**61 - 1) for i in range(200_000)]",
    "tuples": "[(i * (2**61 - 1), 'x') for i in range(200_000)]",
    "one number": "[1] * 200_000",
    "zeros": "[0.0, -0.0, 0, False, 0j] * 40_000",
}


@pytest.mark.parametrize("where", ["call", "run"])
@pytest.mark.parametrize("keys", KEYS)
def test_keys_of_one_hash_hold_nobody(worker, keys, where):
    """The process sends the bytes of such a dictionary, in an answer or among a cell's outputs, now and at each replay."""
    answer = f"""
import struct
from rnncourse.grading.cell import student
encode = student.encode
keys = {KEYS[keys]}
table = b"d" + struct.pack("<I", len(keys)) + b"".join(encode(key) + b"N" for key in keys)
def lie(value, refer=None):
    if value[1:2] == ("value",) and "{where}" == "call":
        rest = encode({{}}) + encode(None) + encode({{}})
        return b"t" + struct.pack("<I", 6) + encode(value[0]) + encode("value") + table + rest
    if value[1:2] == ("ran",) and "{where}" == "run":
        outputs = b"l" + struct.pack("<I", 1) + table
        return b"t" + struct.pack("<I", 5) + encode(value[0]) + encode("ran") + outputs + 2 * encode({{}})
    return encode(value, refer)
student.encode = lie
def f(x):
    return 1
"""
    results = run(worker, answer, "f(1)", "assert np.ones(1) == 1")
    assert results[0].score == 0
    assert "keys of one hash" in results[0].message or where == "run"


def test_an_engine_or_a_sandbox_that_dies_costs_no_submission_anything():
    engine = Engine()
    worker = Worker(engine)
    try:
        assert scores(worker, TWICE, "assert f(2) == 4") == [2]
        engine.process.kill()  # and with it the sandbox, as the machine does when its memory is full
        engine.process.wait()
        assert scores(worker, TWICE, "assert f(2) == 4") == [2]
        worker.close()
        assert scores(worker, TWICE, "assert f(2) == 4") == [2]
    finally:
        worker.close()
        engine.close()


def test_processor_time_of_what_a_process_left_behind_counts_in_the_next(worker, monkeypatch):
    monkeypatch.setitem(LIMITS, "cpu", 2.0)
    answer = """
import os, time
def f(x):
    if os.fork() == 0:
        while True:
            pass
    time.sleep(1.2)
    os._exit(0)
"""
    results = run(worker, answer, *["f(1)"] * 3)
    assert "more than 2 s of processor time" in results[-1].message


def handed_in(cells) -> HandedIn:
    """A submission of these cells by ada."""
    notebook = nbformat.writes(new_notebook(cells=cells)).encode()
    return HandedIn("ada", "lab", "lab.ipynb", notebook, "", {})


def test_a_run_that_ends_early_says_so(worker):
    cells = [
        new_code_cell("def f(x):\n    raise NotImplementedError", metadata=meta("f", solution=True)),
        new_code_cell("import os\nos._exit(1)", metadata=meta("t", grade=True, points=1)),
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    graded = grade(worker, lab, handed_in(cells), seed=1, timeout=20)
    assert (graded.problem, graded.complete) == ("the run ended early", False)


def test_a_visible_message_may_rest_on_what_an_earlier_visible_test_set_up(worker):
    cells = [
        new_code_cell("def f(x):\n    raise NotImplementedError", id="f", metadata=meta("f", solution=True)),
        new_code_cell("x = 2\nassert f(x) == 4", id="t0", metadata=meta("t0", grade=True, points=1)),
        new_code_cell("assert f(x + 1) == 6, f'not twice {x + 1}'", id="t1", metadata=meta("t1", grade=True, points=1)),
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    cells[0].source = "def f(x):\n    return x * x"
    graded = grade(worker, lab, handed_in(cells), seed=1, timeout=20)
    assert [cell.node.metadata.rnncourse.get("score") for cell in graded.cells[1:]] == [1, 0]
    assert graded.cells[2].node.metadata.rnncourse.message == "not twice 3"


def test_labs_that_forbid_different_things_follow_one_another(worker):
    answer = "def f(x):\n    return getattr(torch, ''.join(x))(torch.ones(1)).item()"
    for forbid, earned in (["torch.sin"], [0, 2]), (["torch.cos"], [2, 0]), ([], [2, 2]):
        tests = [f"f(list('{name}'))" + "\n2" for name in ("sin", "cos")]
        assert scores(worker, answer, *tests, forbid=forbid) == earned


def test_a_test_sees_what_a_function_does_to_its_arguments(worker):
    answer = "def f(x, **more):\n    for v in [x, *more.values()]:\n        v[0] = 9\n    return None"
    test = """
a, t, l, d = np.zeros(3), torch.zeros(2), [1, [2]], {0: np.zeros(1)}
inner = np.zeros(2)
nested = [inner]
f(a); f(t); f(l); f(x=d)
assert a[0] == 9 and t[0] == 9 and l == [9, [2]] and d == {0: 9}
view = np.zeros(4)
f(view[1:]); assert view.tolist() == [0, 9, 0, 0]
f(nested); assert nested == [9] and inner.tolist() == [0, 0]
"""
    assert scores(worker, answer, test) == [2]


def test_arguments_inside_lists_are_changed_in_place(worker):
    test = "a = np.zeros(2); f([a]); assert a.tolist() == [5, 0]\nl = [1, 2, 3]; f([l]); assert l == [5, 2, 3]"
    assert scores(worker, "def f(x):\n    x[0][0] = 5", test) == [2]


def test_objects_that_a_function_moves_among_its_arguments_stay_themselves(worker):
    answer = """
def f(what, *args):
    if what == "step":
        for name in args[0]:
            args[0][name] = args[0][name] - args[1][name]
    elif what == "swap":
        args[0][0], args[0][1] = args[0][1], args[0][0]
    elif what == "inside":
        args[0][0][0] = 9
    else:
        return args[0]
"""
    test = """
w, g = np.ones(2), np.full(2, 0.25)
p = {"w": w}
f("step", p, {"w": g}); assert p["w"].tolist() == [0.75, 0.75] and w.tolist() == [1, 1]
a, b = [1], [2]
rows = [a, b]
f("swap", rows); assert rows == [[2], [1]] and rows[0] is b and a == [1]
f("inside", (w,)); assert w.tolist() == [9, 1]
x = np.zeros(2)
y = f("same", x); y[0] = 1
assert y is x and x[0] == 1
"""
    assert scores(worker, answer, test) == [2]


def test_what_is_not_to_be_written_is_not(worker):
    test = "x = np.ones(2)\nx.flags.writeable = False\nf(x)"
    (result,) = run(worker, "def f(x):\n    x *= 2", test)
    assert result.score == 0 and "read-only" in result.message


@pytest.mark.parametrize("reply", ["{0: (x, {0: ([7], {})})}", "{0: 3}", "{9: (x, {})}", "{0: (x, {0: (['no'], {})})}"])
def test_a_false_account_of_changes_is_no_answer(worker, reply):
    answer = f"""
from rnncourse.grading.cell import student
encode = student.encode
def lie(value, refer=None):
    x = [5]
    return encode((*value[:3], {reply}, None, {{}}) if value[1:2] == ("value",) and len(value) == 6 else value, refer)
student.encode = lie
def f(x):
    return 1
"""
    (result,) = run(worker, answer, "l = [[1]]\nassert f(l) == 1")
    assert (result.score, result.message) == (0, "the process sent what is no answer")


def test_a_lab_name_that_a_failing_statement_stands_before_is_not_the_students(worker):
    cells = [
        new_code_cell("def f(x):\n    pass", metadata=meta("f", solution=True)),
        new_code_cell("first = f(1)\ntolerance = 1e-6\ndef reference(x):\n    return 2 * x"),
        new_code_cell("assert abs(f(2) - reference(2)) < tolerance", metadata=meta("t", grade=True, points=2)),
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    answer = "calls = []\ndef f(x):\n    calls.append(x)\n    if len(calls) == 1:\n        raise ValueError\n    return 0.0"
    false = Raw("code", "", "", "tolerance = float('inf')\ndef reference(x):\n    return 0.0")
    plain = Raw("code", cells[1].id, "", cells[1].source)
    results = worker.run(lab.rebuild([Raw("code", "", "f", answer), plain, false])).scores
    assert [result.score for result in results.values() if result.score is not None] == [0]


def test_a_timed_test_is_a_test(worker):
    tests = ["%%time\nassert f(2) == 4", "%time y = f(2)\nassert y == 4", "%%bash\nexit 1"]
    assert scores(worker, TWICE, *tests) == [2, 2, 0]
    assert scores(worker, "def f(x):\n    return 5", *tests) == [0, 0, 0]


def test_modules_that_a_student_writes_and_big_numbers_work(worker):
    answer = [Raw("code", "", "", "%%writefile helper.py\ndef h(x):\n    return 2 * x\n"),
              Raw("code", "", "f", "from helper import h\ndef f(x):\n    return h(x)")]  # fmt: skip
    assert scores(worker, answer, "assert f(2) == 4") == [2]
    assert scores(worker, TWICE, "assert f(10**3000) == 2 * 10**3000\n10**400") == [0]


def test_of_a_function_a_test_sees_what_is_there(worker):
    tests = ["assert f.__doc__", "assert f.cache", "assert 'f' in globals() and globals().get('g') is None"]
    results = run(worker, TWICE, *tests)
    assert [result.score for result in results] == [0, 0, 2]
    assert results[1].message == "AttributeError: 'function' object has no attribute 'cache'"


def test_a_lab_cell_that_fills_a_container_counts_for_the_tests(worker):
    cells = [
        new_code_cell("def f(x):\n    pass", metadata=meta("f", solution=True)),
        new_code_cell("calls, table = [], {}"),
        new_code_cell("calls.append(f(2))"),
        new_code_cell("table['f'] = f(3)"),
        new_code_cell("assert calls == [4] and table == {'f': 6}", metadata=meta("t", grade=True, points=2)),
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    results = worker.run(lab.rebuild([Raw("code", "", "f", TWICE)])).scores
    assert [result.score for result in results.values() if result.score is not None] == [2]


def test_exceptions_have_their_built_in_type(worker):
    answer = (
        "class Own(ValueError):\n    pass\ndef f(x):\n"
        "    raise {'own': Own, 'key': KeyError, 'not': NotImplementedError, 'linalg': np.linalg.LinAlgError}[x]('why')"
    )
    test = """
for x, kind in [("own", ValueError), ("key", KeyError), ("not", NotImplementedError), ("linalg", ValueError), (0, KeyError)]:
    try:
        f(x)
    except kind as error:
        assert x == 0 or "why" in str(error)
    else:
        raise AssertionError
"""
    assert scores(worker, answer, test) == [2]


def test_constants_lists_and_functions_of_the_student_can_be_used(worker):
    answer = "SIZE, table = 7, {'a': [1, (2.5, None)]}\ndef g(x):\n    return x + 1\ndef f(h, x):\n    return h(x)"
    test = """
assert SIZE == 7 and table == {"a": [1, (2.5, None)]} and type(table["a"][1]) is tuple
assert f(g, 3) == 4, "a function of the student's, handed back"
assert f(np.sqrt, 9.0) == 3 and f(torch.relu, torch.tensor(-1.0)) == 0 and f(len, [1, 2]) == 2, "functions of libraries"
assert f(x=5, h=helper) == 10, "a function of the lab's"
def inner():
    return f(g, SIZE)
assert inner() == 8 and callable(f) and [f(g, i) for i in range(2)] == [1, 2]
"""
    setup, stub = "import numpy as np, torch\ndef helper(x):\n    return 2 * x", "SIZE = table = g = f = None"
    assert scores(worker, answer, test, setup=setup, stub=stub) == [2]


def test_a_function_can_be_taken_away_and_put_back(worker):
    answer = "def square(n):\n    return n * n\ndef f(n):\n    return sum(square(i) for i in range(n))"
    test = """
kept = square
del square
try:
    f(3)
except NameError:
    pass
else:
    raise AssertionError("f does not use square")
finally:
    square = kept
assert f(3) == 5 and square(4) == 16 and kept(3) == 9
"""
    assert scores(worker, answer, test, stub="square = f = None") == [2]


def test_what_the_tests_bind_is_not_told_to_the_student(worker):
    answer = "def f(x):\n    return 'expected' in globals() or 'secret' in globals()"
    assert scores(worker, answer, "expected = 42", "secret = [1]\nassert not f(0)") == [2, 2]


def test_the_labs_own_names_can_not_be_replaced(worker):
    answer = "np = None\nhelper = lambda x: True\ndef f(x):\n    return 3"
    assert scores(worker, answer, "assert helper(f(1))", setup="import numpy as np\ndef helper(x):\n    return x == 2") == [0]


def test_imports_of_a_solution_are_there_for_the_tests(worker):
    cells = [
        new_code_cell("import math\nfrom os import path as p\ndef f(x):\n    return x", metadata=meta("f", solution=True)),
        new_code_cell("assert math.pi > 3 and p.sep", metadata=meta("t", grade=True, points=1)),
    ]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    results = worker.run(lab.rebuild([Raw("code", "", "f", "math = 3\ndef f(x):\n    return x")])).scores
    assert results[1].score == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("import os\ndef f(x):\n    os._exit(0)", "the process ended"),
        ("def f(x):\n    while True: pass", "ran over 1 s"),
        ("def f(x):\n    x = []\n    x.append(x)\n    return x", "nested deeper than 200: not a plain value"),
        ("import os\ndef f(x):\n    os.write(3, b'xxxxxxxxxxxxxxxxxxxx')", "the process sent what is no answer"),
    ],
)
def test_a_fault_costs_the_cell_even_where_the_test_catches_everything(worker, answer, why):
    first, second = run(worker, answer, "try:\n    f(1)\nexcept BaseException:\n    pass", "assert np.ones(1) == 1", timeout=1)
    assert (first.score, second.score) == (0, 2)
    assert why in first.message


def test_the_next_cell_has_a_fresh_process_at_the_same_point(worker):
    answer = [
        Raw(
            "code",
            "",
            "f",
            "import os\nstate = [1]\ndef f(x):\n    state.append(x)\n    return os._exit(0) if x == 0 else state",
        ),
        Raw("code", "", "", "state.append(2)"),
    ]
    assert scores(worker, answer, "f(0)", "assert f(3) == [1, 2, 3]", "f(0)", "assert f(4) == [1, 2, 4]") == [0, 2, 0, 2]


def test_a_cell_that_ends_the_process_is_not_run_again(worker):
    answer = [Raw("code", "", "f", TWICE), Raw("code", "", "", "import os\nos._exit(0)")]
    assert scores(worker, answer, "assert f(1) == 2") == [2]


def test_a_test_that_never_ends_is_stopped(worker):
    results = run(worker, TWICE, "while True: pass", "assert f(1) == 2", timeout=1)
    assert [r.score for r in results] == [0, 2]
    assert "ran over 1 s" in results[0].message


def test_a_notebook_whose_time_is_used_up_has_come_to_its_end(worker):
    cells = [new_code_cell(STUB, metadata=meta("f", solution=True))]
    source = "import time\nwhile f(1) == 2:\n    time.sleep(0.01)"
    cells += [new_code_cell(source, metadata=meta(f"t{i}", grade=True, points=1)) for i in range(12)]
    lab = Lab(nbformat.from_dict(new_notebook(cells=cells)))
    outcome = worker.run(lab.rebuild([Raw("code", "", "f", TWICE)]), timeout=0.3)
    assert outcome.complete and outcome.told
    assert outcome.scores[12].fault == "the notebook's time is used up"


def test_stderr_and_warnings_cost_nothing(worker):
    answer = "import sys, warnings\ndef f(x):\n    warnings.warn('w')\n    print('e', file=sys.stderr)\n    return 2 * x"
    assert scores(
        worker, answer, "import warnings, sys\nwarnings.warn('here')\nprint('x', file=sys.stderr)\nassert f(1) == 2"
    ) == [2]


def test_random_numbers_of_tests_come_from_the_seed(worker):
    test = (
        "import random\ngot = [f(np.random.default_rng().random()), f(np.random.rand()), "
        "f(random.random()), f(torch.rand(1).item())]\n"
    )

    def numbers(seed):
        shown = run(worker, TWICE, f"{test}raise Exception(got)", f"{test}raise Exception(got)", seed=seed)
        return [result.message for result in shown]

    first = numbers(5)
    assert first == numbers(5)
    assert first != numbers(6)
    assert first[0] != first[1], "each cell has its own"
    assert scores(worker, "def f(x):\n    return np.random.default_rng().random()", f"{test}assert len(set(got)) == 4") == [2]


def test_hints_are_the_authors_words_without_values(worker):
    tests = [
        "### BEGIN HIDDEN TESTS\nhint = 'Is it twice?'\nn = 12345\n"
        "assert f(n) == 0, f'n = {n}: wrong. {hint}'\n### END HIDDEN TESTS",
        "### BEGIN HIDDEN TESTS\nnp.testing.assert_allclose(f(12345), 0, err_msg='Look at x.')\n### END HIDDEN TESTS",
        "assert f(1) == 2\n### BEGIN HIDDEN TESTS\nassert f(3) == 12345\n### END HIDDEN TESTS\n",
        "assert f(3) == 12345, 'seen'\n### BEGIN HIDDEN TESTS\nassert f(3) == 12345\n### END HIDDEN TESTS\n",
    ]
    results = run(worker, TWICE, *tests)
    assert [r.where for r in results] == ["hidden", "hidden", "hidden", "visible"]
    assert [r.hint for r in results] == ["wrong. Is it twice?", "Look at x.", "", "seen"]


def test_what_is_forbidden_costs_and_says_so(worker):
    answer = "import torch.nn as nn\ndef f(x):\n    return nn.Linear(1, 1)"
    (result,) = run(worker, answer, "f(1)", forbid=["torch.nn.Linear"])
    assert result.score == 0
    assert "this lab forbids torch.nn.Linear" in result.message


@pytest.fixture(scope="module")
def light():
    """A worker for labs that use NumPy alone: torch is imported when a submission does it."""
    engine = Engine(libraries=())
    worker = Worker(engine)
    yield worker
    worker.close()
    engine.close()


@pytest.mark.parametrize(
    ("how", "earned"),
    [
        ("torch = __import__('tor' + 'ch')\n    return torch.square(x)", 0),
        ("torch = importlib.import_module('tor' + 'ch')\n    return torch.Tensor.square(torch.as_tensor(x))", 0),
        ("torch = __import__('tor' + 'ch.nn').nn.functional.torch\n    return torch.ops.aten.square(torch.as_tensor(x))", 0),
        (
            "sys.modules['torch._utils'] = None\n    with contextlib.suppress(ImportError):\n        __import__('tor' + 'ch')\n"
            "    del sys.modules['torch._utils']\n    return __import__('tor' + 'ch').square(x)", 0,
        ),
        ("torch = __import__('tor' + 'ch')\n    return torch.mul(torch.as_tensor(x), torch.as_tensor(x))", 2),
        ("import torch\n    return torch.mul(torch.as_tensor(x), torch.as_tensor(x))", 2),
    ],
)  # fmt: skip
def test_torch_that_comes_late_refuses_what_the_lab_forbids(light, how, earned):
    """By names that the search in the source doesn't see."""
    rules = ["torch.square", "torch.Tensor.square"]
    answer = f"import contextlib, importlib, sys\ndef f(x):\n    {how}"
    (result,) = run(light, answer, "assert f(3) == 9", setup="import numpy as np", forbid=rules)
    assert result.score == earned, result.message
    assert earned or "this lab forbids torch." in result.message


def test_files_of_the_lab_are_in_the_folder_of_both_sides(worker):
    answer = "def f(name):\n    return open(name).read()"
    test = "assert f('data/a.txt') == open('data/a.txt').read() == 'here'"
    assert scores(worker, answer, test, files={"data/a.txt": b"here".hex()}) == [2]


def test_magics_plots_and_outputs_are_kept_and_bounded(worker):
    source = (
        "%matplotlib inline\nimport matplotlib.pyplot as plt\nprint('out' * 100_000)\nplt.plot([1, 2]);\n"
        "def f(x):\n    return 2 * x\nf(21)"
    )
    cells = Lab(nbformat.from_dict(new_notebook(cells=[new_code_cell("", metadata=meta("f", solution=True))])))
    results = worker.run(cells.rebuild([Raw("code", "", "f", source)])).scores
    (result,) = results.values()
    kinds = [output["output_type"] for output in result.outputs]
    assert kinds == ["stream", "execute_result", "display_data"]
    assert len(result.outputs[0]["text"]) < 70_000
    assert result.outputs[1]["data"]["text/plain"] == "42"
    assert result.outputs[2]["data"]["image/png"].startswith("iVBOR")
