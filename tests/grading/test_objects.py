"""What is no plain value: a test does with an object what it does with the reference's, and no object stands for a value."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from rnncourse.grading.judge.grade import grade
from rnncourse.grading.judge.handle import NO_OBJECT
from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.submitted import HandedIn
from tests.grading.course import meta


def notebook(setup, answer, *tests, uses=()):
    cells = [new_code_cell(setup, metadata=meta("setup", locked=True))]
    cells.append(new_code_cell(answer, metadata=meta("f", solution=True)))
    for i, test in enumerate(tests):
        cells.append(new_code_cell(test, metadata=meta(f"t{i}", grade=True, locked=True, points=1)))
    return new_notebook(cells=cells)


def graded(worker, setup, reference, tests, answer, timeout=10):
    """The points of each test, and what was said of those that failed."""
    lab = Lab(nbformat.from_dict(notebook(setup, reference, *tests)))
    handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(notebook(setup, answer, *tests)).encode(), "", {})
    cells = [cell for cell in grade(worker, lab, handed_in, seed=1, timeout=timeout).cells if cell.kind == "test"]
    return [cell.node.metadata.rnncourse.score for cell in cells], [
        "\n".join(output.traceback) for cell in cells for output in cell.node.outputs
    ]


VECTOR = """class Vector:
    def __init__(self, *x): self.x = list(x)
    def __add__(self, other): return Vector(*(a + b for a, b in zip(self.x, other.x)))
    def __mul__(self, k): return Vector(*(k * a for a in self.x))
    __rmul__ = __mul__
    def __eq__(self, other): return self.x == other.x
    def __lt__(self, other): return self.norm() < other.norm()
    def __len__(self): return len(self.x)
    def __iter__(self): return iter(self.x)
    def __contains__(self, a): return a in self.x
    def __getitem__(self, i): return self.x[i]
    def __setitem__(self, i, a): self.x[i] = a
    def __repr__(self): return f"Vector{tuple(self.x)}"
    def __hash__(self): return hash(tuple(self.x))
    def __bool__(self): return any(self.x)
    def __call__(self, f): return Vector(*map(f, self.x))
    def norm(self): return sum(a * a for a in self.x) ** 0.5"""
# what a test of another course does: what stands before it, the answer, the test
FORMS = {
    "attributes and methods": ("", VECTOR, "v = Vector(3, 4)\nassert v.x == [3, 4] and v.norm() == 5"),
    "names that a handle could have itself": (
        "", "class Thing:\n    def __init__(self):\n"
        "        self._items, self._type, self._number, self.of, self._student = [1], 2, 3, 4, 5",
        "t = Thing()\nassert (t._items, t._type, t._number, t.of, t._student) == ([1], 2, 3, 4, 5)",
    ),
    "operators": ("", VECTOR, "v = Vector(1, 2) + Vector(2, 2) * 2\nassert v == 1 * Vector(5, 6) and v != Vector(5, 7)"),
    "order": ("", VECTOR, "assert Vector(1) < Vector(2) and max(Vector(1), Vector(3)).x == [3]\n"
    "assert sorted([Vector(2), Vector(1)])[0].x == [1]"),
    "protocols": ("", VECTOR, "v = Vector(1, 0)\nv[1] = 7\n"
    "assert len(v) == 2 and list(v) == [1, 7] and 7 in v and 8 not in v and v[0] == 1"),
    "words": ("", VECTOR, "assert repr(Vector(1, 2)) == 'Vector(1, 2)' and f'{Vector(1)}' == 'Vector(1,)' and not Vector(0)"),
    "sets of objects": ("", VECTOR, "assert len({Vector(1), Vector(1), Vector(2)}) == 2 and {Vector(1): 5}[Vector(1)] == 5"),
    "a function for an object": ("", VECTOR, "assert Vector(1, 2)(lambda a: a + 1) == Vector(2, 3)"),
    "classes": ("", VECTOR, "v = Vector(1)\n"
    "assert isinstance(v, Vector) and type(v) is Vector and v.__class__.__name__ == 'Vector'"),
    "an array of it": ("import numpy as np", VECTOR, "np.testing.assert_allclose(np.asarray(list(Vector(1, 2))), [1, 2])"),
    "a copy": ("import copy", VECTOR, "v = Vector(1)\nw, z = copy.deepcopy(v), v\nw[0] = 2\n"
    "assert v.x == [1] and w.x == [2] and z is v"),
    "a subclass of the lab's": (
        "class Shape:\n    sides = 0\n    def about(self): return f'{self.sides} sides'",
        "class Square(Shape):\n    sides = 4",
        "s = Square()\n"
        "assert isinstance(s, Shape) and issubclass(Square, Shape) and s.about() == '4 sides' and Square.sides == 4",
    ),
    "objects of the lab's": (
        "class Node:\n    def __init__(self, v, n=None): self.v, self.n = v, n\n"
        "    def __eq__(self, o): return isinstance(o, Node) and (self.v, self.n) == (o.v, o.n)",
        "def push(n, v): return Node(v, n)\ndef double(n):\n    n.v *= 2",
        "n = Node(1)\nassert push(n, 2) == Node(2, Node(1))\ndouble(n)\nassert n.v == 2",
    ),
    "forty of the lab's in a row": (
        "class Node:\n    __slots__ = ('v', '__w', 'n')\n    def __init__(self, v, n=None):\n"
        "        self.v, self.__w, self.n = v, v, n\n"
        "    def weight(self): return self.__w",
        "def total(n): return n.weight() + total(n.n) if n else 0\ndef bump(n): n.v += 5\ndef reverse(n):\n    back = None\n"
        "    while n:\n        back, n = Node(n.v, back), n.n\n    return back",
        "n = None\nfor i in range(40):\n    n = Node(i, n)\nassert total(n) == 780 and reverse(n).n.weight() == 1\n"
        "bump(n)\nassert (n.v, n.weight()) == (44, 39)",
    ),
    "a list that an object keeps": (
        "", "class Stack:\n    def __init__(self, items): self.items = items\n    def push(self, a):\n"
        "        self.items.append(a)",
        "given = [1, 2]\nstack = Stack(given)\nstack.push(3)\nassert given == [1, 2, 3]",
    ),
    "an enumeration of the lab's": (
        "import enum\nclass Colour(enum.Enum):\n    RED = 1\n    BLUE = 2",
        "def other(c): return Colour.BLUE if c is Colour.RED else Colour.RED",
        "assert other(Colour.RED).name == 'BLUE' and other(Colour.BLUE).value == 1",
    ),
    "exceptions": (
        "class LabError(Exception):\n    pass",
        "class Empty(ValueError):\n    def __init__(self, n):\n        super().__init__(f'{n} of them')\n        self.n = n\n"
        "def take(n):\n    if n > 9: raise LabError('many')\n    raise Empty(n)",
        "try:\n    take(3)\nexcept Empty as error:\n"
        "    assert error.n == 3 and str(error) == '3 of them' and isinstance(error, ValueError)\n"
        "else:\n    assert False\ntry:\n    take(10)\nexcept LabError as error:\n    assert error.args == ('many',)\n"
        "assert issubclass(Empty, ValueError)",
    ),
    "an exception of a library's": (
        "import numpy as np", "def inverse(a): return np.linalg.inv(a)",
        "try:\n    inverse(np.zeros((2, 2)))\n    assert False\nexcept np.linalg.LinAlgError:\n    pass",
    ),
    "a generator": ("", "def running():\n    total = 0\n    while True:\n        total += (yield total) or 0",
                    "g = running()\nassert next(g) == 0 and g.send(3) == 3 and g.send(4) == 7\ng.close()"),
    "a generator that ends": ("", "def two():\n    yield 1\n"
    "    yield 2", "assert list(two()) == [1, 2] and sum(two()) == 3\nfor n in two():\n    pass"),
    "a context manager": (
        "", "class Kept:\n    def __enter__(self):\n        self.kind = None\n        return self\n"
        "    def __exit__(self, kind, *_):\n"
        "        self.kind = kind and kind.__name__\n        return True",
        "with Kept() as kept:\n    raise KeyError('x')\nassert kept.kind == 'KeyError'",
    ),
    "a closure and a decorator": (
        "", "def twice(f):\n    def g(*a):\n        return 2 * f(*a)\n    return g",
        "assert twice(lambda x: x + 1)(2) == 6\n@twice\ndef h(x): return x\nassert h(4) == 8",
    ),
    "a callback that raises": (
        "", "def tries(f):\n    for n in range(5):\n        try:\n            return f(n)\n        except ValueError:\n"
        "            pass",
        "class Stop(ValueError):\n    pass\ndef f(n):\n    if n < 3: raise Stop\n    return n\nassert tries(f) == 3",
    ),
    "an error of a callback's that comes back": (
        "", "def apply(f, x): return f(x)",
        "class Mine(Exception):\n    pass\nerror = Mine('this one')\ndef f(x): raise error\n"
        "try:\n    apply(f, 1)\n    assert False\nexcept Mine as caught:\n    assert caught is error",
    ),
    "a callback that changes what it is given": (
        "", "def sort(a, swap):\n    for i in range(len(a) - 1):\n        if a[i] > a[i + 1]:\n            swap(a, i)\n"
        "    return a",
        "def swap(a, i):\n    a[i], a[i + 1] = a[i + 1], a[i]\n"
        "assert sort([3, 1, 2], swap) == [1, 2, 3]",
    ),
    "a callback that calls back": ("", "def even(n, odd): return n == 0 or odd(n - 1)",
                                   "def odd(n): return n != 0 and even(n - 1, odd)\nassert even(8, odd) and not even(7, odd)"),
    "a mock, and input": (
        "from unittest.mock import Mock, patch", "def greet(say):\n    say('hello ' + input('who? '))",
        "say = Mock()\nwith patch('builtins.input', return_value='bob') as asked:\n    greet(say)\n"
        "say.assert_called_once_with('hello bob')\nasked.assert_called_once_with('who? ')",
    ),
    "input from a stream": ("import io, sys", "def ask(): return int(input()) + int(input())",
                            "sys.stdin = io.StringIO('3\\n4\\n')\nassert ask() == 7"),
    "a patched function of the student's": (
        "from unittest.mock import patch", "def roll(): return 4\ndef play(): return roll() * 2",
        "with patch('__main__.roll', return_value=6):\n    assert play() == 12\nassert play() == 8",
    ),
    "a name that is set and deleted": (
        "rate = 2", "def f(): return rate", "assert f() == 2\nrate = 5\nassert f() == 5\ndel rate\ntry:\n    f()\n"
        "    assert False\n"
        "except NameError:\n    rate = 3\nassert f() == 3",
    ),
    "a list that a test fills": ("seen = []", "def f(): return len(seen)", "assert f() == 0\nseen.append(1)\nassert f() == 1"),
    "printed words and warnings": (
        "import io, sys, contextlib, warnings",
        "def f():\n    print('out')\n    print('err', file=sys.stderr)\n    warnings.warn('old', DeprecationWarning)",
        "a, b = io.StringIO(), io.StringIO()\nwith contextlib.redirect_stdout(a), contextlib.redirect_stderr(b), "
        "warnings.catch_warnings(record=True) as w:\n    warnings.simplefilter('always')\n    f()\n"
        "assert (a.getvalue(), b.getvalue()) == ('out\\n', 'err\\n')\nassert [x.category for x in w] == [DeprecationWarning]",
    ),
    "a warning that is an error": ("import warnings", "def f():\n    warnings.warn('old', FutureWarning)",
                                   "with warnings.catch_warnings():\n    warnings.simplefilter('error')\n    try:\n"
                                   "        f()\n"
                                   "        assert False\n    except FutureWarning:\n        pass"),
    "seeds": (
        "import numpy as np, random, torch", "def f(): return np.random.rand(), random.random(), float(torch.rand(1))",
        "def seed():\n    np.random.seed(3)\n    random.seed(4)\n    torch.manual_seed(5)\n"
        "def g(): return np.random.rand(), random.random(), float(torch.rand(1))\nseed()\na, b = f(), f()\nseed()\n"
        "assert (a, b) == (g(), g())",
    ),
    "files both ways": (
        "import os", "def copy():\n    text = open('in.txt').read()\n    os.makedirs('sub', exist_ok=True)\n"
        "    open('sub/out.txt', 'w').write(text * 2)",
        "open('in.txt', 'w').write('ab')\ncopy()\nassert open('sub/out.txt').read() == 'abab'\n"
        "open('in.txt', 'w').write('c')\ncopy()\n"
        "assert open('sub/out.txt').read() == 'cc'\nos.remove('in.txt')\ntry:\n    copy()\n    assert False\n"
        "except FileNotFoundError:\n    pass",
    ),
    "a file that a cell writes": ("", "open('table.csv', 'w').write('a,b')", "assert open('table.csv').read() == 'a,b'"),
    "the current figure": (
        "import matplotlib.pyplot as plt", "def draw():\n    plt.plot([1, 2, 3])\n    plt.title('T')",
        "plt.close('all')\ndraw()\nax = plt.gca()\n"
        "assert ax.get_title() == 'T' and len(ax.lines) == 1 and isinstance(ax, plt.Axes)\n"
        "assert list(ax.lines[0].get_ydata()) == [1, 2, 3] and len(plt.get_fignums()) == 1",
    ),
    "axes that are handed over": ("import matplotlib.pyplot as plt", "def draw(ax): ax.bar([1, 2], [3, 4])",
                                  "fig, ax = plt.subplots()\ndraw(ax)\nassert [p.get_height() for p in ax.patches] == [3, 4]"),
    "what a function is": (
        "import inspect", "def f(a: int, *, b='x') -> str:\n    'Say it.'\n    return b * a",
        "s = inspect.signature(f)\nassert list(s.parameters) == ['a', 'b'] and s.parameters['b'].default == 'x'\n"
        "assert s.return_annotation is str and f.__doc__ == 'Say it.' and f.__name__ == 'f' and callable(f)\n"
        "assert 'for' not in inspect.getsource(f) and 'return b * a' in inspect.getsource(f)",
    ),
    "what a class has": ("", VECTOR, "assert {'norm', '__add__'} <= set(dir(Vector))\nassert hasattr(Vector, 'norm')\n"
                                     "assert not hasattr(Vector(1), 'y')"),
    "a module of torch": (
        "import torch", "class Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
        "        self.a = torch.nn.Linear(2, 3)\n"
        "    def forward(self, x): return self.a(x)",
        "net = Net()\nx = torch.ones(4, 2)\nassert net(x).shape == (4, 3) and sum(p.numel() for p in net.parameters()) == 9\n"
        "assert isinstance(net, torch.nn.Module) and isinstance(net.a, torch.nn.Linear)\n"
        "torch.testing.assert_close(net(x), x @ net.a.weight.T + net.a.bias)",
    ),
    "groups of a frame": (
        "import pandas as pd", "def by(df): return df.groupby('k')",
        "g = by(pd.DataFrame({'k': ['a', 'b', 'a'], 'x': [1, 2, 3]}))\n"
        "pd.testing.assert_frame_equal(g.sum(), pd.DataFrame({'x': [4, 2]}, index=pd.Index(['a', 'b'], name='k')))\n"
        "assert g.ngroups == 2",
    ),
    "a frame that is changed in place": ("import pandas as pd", "def add(df): df['y'] = df['x'] * 2",
                                         "df = pd.DataFrame({'x': [1, 2]})\nadd(df)\nassert df['y'].tolist() == [2, 4]"),
    "kept results": ("import functools", "@functools.lru_cache\ndef fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)",
                     "assert fib(30) == 832040 and fib.cache_info().hits > 20"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_test_sees_what_it_would_see_in_one_process(worker, form):
    setup, answer, test = FORMS[form]
    assert graded(worker, setup, answer, [test], answer) == ([1], [])


LIAR = """
class Liar(object):
    def __init__(self, *_, **__): pass
    def __eq__(self, other): return True
    def __ne__(self, other): return False
    def __lt__(self, other): return True
    __le__ = __gt__ = __ge__ = __contains__ = equals = __lt__
    def __sub__(self, other): return 0.0
    __rsub__ = __add__ = __radd__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __mod__ = __rmod__ = __sub__
    __matmul__ = __rmatmul__ = __and__ = __or__ = __xor__ = __pow__ = __floordiv__ = __sub__
    def __hash__(self): return hash(4)
    def __getattr__(self, name):
        if name.startswith("__"): raise AttributeError(name)
        return self
    def __call__(self, *_, **__): return True
    def __array__(self, *_, **__): raise TypeError
"""
TWICE = "def f(x):\n    return 2 * x"
WON_BY_WORDS = [
    "assert f(2) == 4", "assert 4 == f(2)", "assert not f(2) != 4", "assert abs(f(2) - 4) < 1e-9", "assert f(2) - 4 == 0",
    "assert not f(2) - 4", "assert 3 < f(2) < 5", "assert f(2) in [4]", "assert 4 in [f(2)]", "assert f(2) in {4: 1}",
    "assert f([1, 2]) == [1, 2, 1, 2]", "assert 2 in f([2])", "assert f(2).__eq__(4)", "assert f(2) == f(2)",
    "assert np.allclose(f(2), 4)", "assert np.isclose(f(np.ones(3)), 2).all()", "assert (f(np.ones(3)) == 2).all()",
    "assert np.array_equal(f(np.ones(3)), 2 * np.ones(3))", "np.testing.assert_allclose(f(2), 4)",
    "np.testing.assert_array_equal(f(np.ones(2)), [2, 2])", "assert math.isclose(f(2), 4)", "assert max(f(2), 4) is 4",
    "assert f(pd.Series([1])).equals(pd.Series([2]))", "pd.testing.assert_series_equal(f(pd.Series([1])), pd.Series([2]))",
    "torch.testing.assert_close(f(torch.ones(2)), 2 * torch.ones(2))",
    "assert torch.equal(f(torch.ones(2)), 2 * torch.ones(2))",
    "assert isinstance(f(2), int)", "import unittest\nunittest.TestCase().assertEqual(f(2), 4)",
    "import unittest\nunittest.TestCase().assertAlmostEqual(f(2), 4)", "assert f(2) + 1 == 5", "assert f'{f(2)}' == '4'",
    "assert {f(2)} == {4}", "assert [f(1), f(2)] == [2, 4]", "assert f(f(1)) == 4", "1.0 * (f(2) == 4)", "f(2) == 4",
]  # fmt: skip


@pytest.mark.parametrize("test", WON_BY_WORDS)
def test_no_object_stands_for_a_value(worker, test):
    setup = "import math\nimport numpy as np\nimport pandas as pd\nimport torch"
    assert graded(worker, setup, TWICE, [test], TWICE)[0] == [1]
    assert graded(worker, setup, TWICE, [test], f"{LIAR}\ndef f(x):\n    return Liar()")[0] == [0]


def test_the_message_says_that_an_object_came(worker):
    _, said = graded(worker, "", TWICE, ["assert f(2) == 4", "assert abs(f(2) - 4) < 1"], f"{LIAR}\ndef f(x):\n"
        f"    return Liar()")
    assert "an object of the student's (a Liar) equals no value" in said[0] and NO_OBJECT in said[1]


def test_an_objects_operators_are_licensed_where_the_reference_uses_them_and_not_beside(worker):
    """In one line, a class's own operator and a number that an object of that class may not stand for."""
    test = "v = Vector(3, 4)\nassert (v * 2).x == [6, 8] and abs(v.norm() - 5) < 1e-9"
    liar = VECTOR.replace("return sum(a * a for a in self.x) ** 0.5", "return Lying()")
    liar += "\nclass Lying(Vector):\n    def __sub__(self, o): return 0\n    def __abs__(self): return 0.0\n"
    assert graded(worker, "", VECTOR, [test], VECTOR)[0] == [1]
    assert graded(worker, "", VECTOR, [test], liar)[0] == [0]


def test_what_another_answer_does_otherwise_counts_as_far_as_a_test_only_reads_it(worker):
    test = "assert list(f(3)) == [0, 1, 2]\nfor i in f(2):\n    assert i < 2\nassert len(list(f(4))) == 4 and 2 in f(3)"
    for answer in ("return range(n)", "return tuple(range(n))", "yield from range(n)", "return map(int, range(n))",
                   "return {i: 0 for i in range(n)}", "return {i: 0 for i in range(n)}.keys()"):  # fmt: skip
        assert graded(worker, "", "def f(n):\n    return list(range(n))", [test], f"def f(n):\n    {answer}")[0] == [1]


def test_a_secret_that_a_test_binds_is_not_told(worker):
    """The names that the student's functions see are those of the lab's own answers alone."""
    harvest = "k = expected = secret = None\ndef f(x):\n    return expected if expected is not None else secret or 0"
    tests = ["expected = 7\nsecret = 7\nassert f(2) == 7", "k = 3\nassert f(1) == 3"]
    reference = "k = 7\ndef f(x):\n    return k"
    assert graded(worker, "", reference, tests, reference)[0] == [1, 1]
    assert graded(worker, "", reference, tests, harvest)[0] == [0, 0]


def test_the_tests_functions_are_called_so_often_and_so_deep_and_no_more(worker):
    tests = ["f(lambda: 1)", "def g():\n    return f(g)\nf(g)", "assert f(lambda: 2) is None"]
    reference = "def f(g):\n    pass"
    often = "def f(g):\n    while True:\n        g()"
    points, said = graded(worker, "", reference, tests, often, timeout=60)
    assert points[0] == 0 and "were called more than 100000 times" in said[0]
    points, said = graded(worker, "", reference, tests[1:2], "def f(g):\n    return g()")
    assert points == [0] and "were called more than 30 deep" in said[0]


def test_what_has_run_over_has_half_its_time_from_then_on(worker):
    """So what never ends costs twice a cell's time at most, in both runs, however many tests call it."""
    answer = "import time\ndef f(x):\n    while x == 0:\n        pass\n    time.sleep(1.3)\n    return 2 * x\ng = f"
    answer = answer.replace("g = f", answer.partition("\n")[2].replace("def f", "def g").replace("\ng = f", ""))
    f, g = "assert f(1) == 2", "assert g(1) == 2"
    hidden = "### BEGIN HIDDEN TESTS\nassert f(1) == 2\n### END HIDDEN TESTS"
    assert graded(worker, "", answer, [f, hidden, g], answer, timeout=2)[0] == [1, 1, 1]
    points, said = graded(worker, "", answer, ["f(0)", f, hidden, g], answer, timeout=2)
    assert (points, said) == ([0, 0, 0, 1], ["Fault\nran over 2 s"] * 3)


def test_files_of_the_students_are_data_and_the_labs_stay_as_they_are(worker):
    setup = "open('data.txt', 'w').write('ours')"
    write = "import pickle\nclass Bad:\n    def __reduce__(self): return exec, ('open(\"ran\", \"w\")',)\ndef f():\n"
    write += "    open('data.txt', 'w').write('theirs')\n    open('helper.py', 'w').write('ok = True')\n"
    write += "    pickle.dump(Bad(), open('m.pkl', 'wb'))"
    tests = ["f()\nassert open('data.txt').read() == 'ours'",
             "f()\ntry:\n    import helper\nexcept ImportError:\n    pass\nelse:\n    assert False",
             "import pickle\nf()\nassert pickle.load(open('m.pkl', 'rb')) is None", "import os\n"
             "assert not os.path.exists('ran')"]  # fmt: skip
    points, said = graded(worker, setup, "def f():\n    pass", tests, write)
    assert points == [1, 1, 0, 1] and "files of the student's lie in the folder" in said[0]


@pytest.mark.parametrize("how", ["sp.simplify({0})", "sp.sympify({0}, evaluate=False).doit()", "sp.lambdify((), {0})()"])
@pytest.mark.parametrize(
    "text",
    ['open("ran", "w")', "().__class__", 'lambdify(1, "exec(1)")(2)', "builtins.exec(\"open('ran', 'w')\")", 'save("ran", 1)',
     "numpy.testing._private.utils.os.system('touch ran')"],
)  # fmt: skip
def test_text_of_the_students_that_sympy_reads_is_a_formula_and_nothing_more(worker, text, how):
    tests = [f"assert {how.format('f(3)')} == 6", "import os\nassert not {'ran', 'ran.npy'} & set(os.listdir())"]
    reference = "def f(x):\n    return f'2*{x}'"
    assert graded(worker, "import sympy as sp", reference, tests, reference)[0] == [1, 1]
    assert graded(worker, "import sympy as sp", reference, tests, f"def f(x):\n    return {text!r}")[0] == [0, 1]


def chain(step, sequence, square):
    sources = {"step": (step, "assert step(1) == 2", []), "sequence": (sequence, "assert sequence(4) == 4, 'four'", ["step"]),
               "square": (square, "assert square(3) == 9", ["sequence"])}  # fmt: skip
    cells = []
    for name, (answer, test, uses) in sources.items():
        cells.append(new_code_cell(answer, metadata=meta(name, solution=True)))
        flags = meta(f"{name}_test", grade=True, locked=True, points=2) | {"rnncourse": {"uses": uses}}
        cells.append(new_code_cell(test, metadata=flags))
    return new_notebook(cells=cells)


STEP = "def step(x):\n    return x + 1"
SEQUENCE = "def sequence(n):\n    x = 0\n    for _ in range(n):\n        x = step(x)\n    return x"
SQUARE = "def square(n):\n    return sequence(n) ** 2"
ONCE = {  # answers to the three tasks, the points, and what the lab's own function stood in for
    "all right": ((STEP, SEQUENCE, SQUARE), [2, 2, 2], [[], [], []]),
    "the first is wrong": (("def step(x):\n    return x + 2", SEQUENCE, SQUARE), [0, 2, 2], [[], ["step"], ["step"]]),
    "the first raises": (("def step(x):\n    raise ValueError", SEQUENCE, SQUARE), [0, 2, 2], [[], ["step"], ["step"]]),
    "the first is not there": (("1 / 0", SEQUENCE, SQUARE), [0, 2, 2], [[], ["step"], ["step"]]),
    "the first ends the process": (("import os\ndef step(x):\n"
    "    os._exit(0)", SEQUENCE, SQUARE), [0, 2, 2], [[], ["step"], ["step"]]),
    "the second is wrong": ((STEP, "def sequence(n):\n    return step(n)", SQUARE), [2, 0, 2], [[], [], ["sequence"]]),
    "two are wrong": (("def step(x):\n    return x + 2", "def sequence(n):\n"
    "    return step(n)", SQUARE), [0, 0, 2], [[], [], ["sequence", "step"]]),
    "all are wrong": (("def step(x):\n    return 5",) * 2 + ("def square(n):\n    return 1",), [0, 0, 0], [[], [], []]),
}  # fmt: skip


@pytest.mark.parametrize("case", ONCE)
def test_one_mistake_costs_once(worker, case):
    answers, expected, rests = ONCE[case]
    lab = Lab(nbformat.from_dict(chain(STEP, SEQUENCE, SQUARE)))
    handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(chain(*answers)).encode(), "", {})
    result = grade(worker, lab, handed_in, seed=1, timeout=5)
    cells = [cell.node.metadata.rnncourse for cell in result.cells if cell.kind == "test"]
    assert ([cell.score for cell in cells], [cell.rests for cell in cells]) == (expected, rests)


def test_what_the_labs_own_function_says_is_told_to_nobody(worker):
    """The answer that asks it can print, raise and keep what it hears: no page has it."""
    spy = "def sequence(n):\n    global heard\n    heard = step(1234) * 1000 + 7\n    print(heard)\n    raise ValueError(heard)"
    lab = Lab(nbformat.from_dict(chain(STEP, SEQUENCE, SQUARE)))
    nb = chain("def step(x):\n    return 5", spy, SQUARE)
    nb.cells.append(new_code_cell("print(globals().get('heard'))"))
    handed_in = HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(nb).encode(), "", {})
    result = grade(worker, lab, handed_in, seed=1, timeout=5)
    told = [cell.node.metadata.rnncourse for cell in result.cells]
    told += [cell.node.get("outputs") for cell in result.cells if cell.added]
    assert "5007" in str(told) and "1235007" not in str(told)


def test_a_function_that_a_test_says_it_uses_must_be_there():
    with pytest.raises(RuntimeError, match="'square_test' uses 'cube', which no solution cell before it defines"):
        nb = chain(STEP, SEQUENCE, SQUARE)
        nb.cells[-1].metadata["rnncourse"] = {"uses": ["cube"]}
        Lab(nbformat.from_dict(nb))


def test_an_error_of_the_students_has_its_cell_and_line(worker):
    answer = "import numpy as np\n\ndef f(x):\n    y = np.asarray(x)\n    return y + undefined"
    lab = Lab(nbformat.from_dict(notebook("", TWICE, "assert f(2) == 4", "### BEGIN HIDDEN TESTS\nassert f(3) == 6\n"
        "### END HIDDEN TESTS")))
    nb = notebook("", answer)
    result = grade(worker, lab, HandedIn("ada", "lab", "lab.ipynb", nbformat.writes(nb).encode(), "", {}), seed=1, timeout=5)
    visible, hidden = (cell.node.metadata.rnncourse for cell in result.cells if cell.kind == "test")
    assert visible["at"] == hidden["at"] == {"cell": "f", "line": 5, "text": "return y + undefined"}
