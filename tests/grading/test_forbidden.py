"""The search for what a lab forbids: what it finds, what it must not take for that, and that it fails closed."""

import ast
import random
import signal
import subprocess
import sys
import time

import pytest

from rnncourse.grading.judge.clock import over_time
from rnncourse.grading.judge.refused import refused
from rnncourse.grading.judge.source import Search, parsed
from tests.grading.course import FORBID
from tests.grading.test_score import run

RULES = [*FORBID, "torch.Tensor.backward", "torch.func.grad"]


def found(*cells):
    """The rule that is found in each cell of a notebook."""
    search = Search(RULES)
    learnt = [search.learn(parsed(cell)) for cell in cells]
    return [search.find(nodes) for nodes in learnt]


@pytest.mark.parametrize(
    "source",
    [
        "torch.nn.RNN(3, 4)",
        "import torch as t\nt.nn.RNN",
        "import torch.nn as n\nn.RNN",
        "from torch import nn as n\nn.RNN",
        "from torch.nn import RNN",
        "from torch.nn import RNN as R",
        "from torch.nn import *\nRNN(3, 4)",
        "from torch.nn.modules.rnn import RNN",
        "torch.nn.modules.rnn.RNN",
        "from torch.nn.modules.rnn import *\nR = RNN",
        "from torch import *\nnn.RNN",
        "n = torch.nn\nn.RNN",
        "a = b = torch\nc = b\nd = c.nn\nd.RNN",
        "d = c.nn\nc = b\nb = torch\nd.RNN",
        "(n := torch.nn).RNN",
        "a, n = 1, torch.nn\nn.RNN",
        "for n in [torch.nn]:\n    n.RNN",
        "[n.RNN for n in (torch.nn,)]",
        "def f(x, n=torch.nn):\n    n.RNN",
        "f = lambda *, n=torch.nn: n.RNN",
        "with torch.nn as n:\n    n.RNN",
        "match torch.nn:\n    case n:\n        n.RNN",
        "match x:\n    case torch.nn.RNN():\n        pass",
        "@torch.nn.RNN\ndef f():\n    pass",
        "def f(x: torch.nn.RNN):\n    pass",
        "def f(x: 'torch.nn.RNN'):\n    pass",
        "x: 'torch.nn.RNN' = 1",
        "def f() -> 'torch.nn.RNN':\n    pass",
        "class R(torch.nn.RNN):\n    pass",
        "getattr(torch.nn, 'RNN')",
        "getattr(torch.nn, 'R' + 'N' + 'N')",
        "getattr(torch.nn, f'R{\"NN\"}')",
        "getattr(torch.nn, ''.join(['R', 'NN']))",
        "getattr(*[torch.nn, 'RNN'])",
        "g = getattr\ng(torch.nn, 'RNN')",
        "from builtins import getattr as g\ng(torch.nn, 'RNN')",
        "import builtins\nbuiltins.getattr(torch.nn, 'RNN')",
        "vars(torch.nn)['RNN']",
        "torch.nn.__dict__['RNN']",
        "vars(torch.nn).get('R' 'NN')",
        "__import__('rnncourse.recurrence')",
        "import importlib\nimportlib.import_module(name='rnncourse.recurrence')",
        "from importlib import import_module as i\ni('rnncourse.' + 'recurrence')",
        "import rnncourse.recurrence",
        "from rnncourse import recurrence as r",
        "from rnncourse.recurrence import rnn",
        "import rnncourse.recurrence as r",
        "import sys\nsys.modules['rnncourse.recurrence']",
        "from operator import attrgetter as a\na('nn.RNN')(torch)",
        "import pkgutil\npkgutil.resolve_name('torch.nn:RNN')",
        "eval('torch.nn.RNN')",
        "exec(f'from torch.nn import RNN; R = {1}.RNN')",
        "e = eval\ne('torch.nn.RNN')",
        "import subprocess as s\ns.run(['x'], input='x.RNN')\ns.run('python -c \"import torch; torch.nn.RNN\"', shell=True)",
        "!python -c 'import torch; torch.nn.RNN'",
        "%%bash\npython -c 'torch.nn.RNN'",
        "%time torch.nn.RNN(1, 1)",
        "x = torch.rnn_tanh",
        "torch._VF.rnn_tanh",
        "torch.Tensor.backward(x)",
        "from torch import func\nfunc.grad(f)",
        "if 0:\n    pass\nelse:\n    try:\n        torch.nn.RNN\n    except E:\n        pass",
        "f'{torch.nn.RNN}'",
        "async def f():\n    await torch.nn.RNN",
        "self.torch.nn.RNN",
        "x.nn.RNN",
    ],
)
def test_it_finds_a_use_however_it_is_written(source):
    assert found(source)[-1] in RULES


@pytest.mark.parametrize(
    "cells",
    [
        ("from torch.nn import *", "RNN(3, 4)"),
        ("def f():\n    return n.RNN(3, 4)", "from torch import nn as n"),
        ("def f():\n    return c.RNN", "c = b", "b = a.nn", "import torch as a"),
    ],
)
def test_it_finds_a_use_over_cells_in_any_order(cells):
    assert "torch.nn.RNN" in found(*cells)


@pytest.mark.parametrize(
    "source",
    [
        "RNN = 3\nprint(RNN)",
        "class RNN(torch.nn.Module):\n    pass\nRNN()",
        "from torch.nn import *\nclass RNN(Module):\n    pass\nRNN()",
        "self.RNN = model.RNN",
        "# torch.nn.RNN\nx = 1",
        "'''Like torch.nn.RNN.'''",
        "def f():\n    '''Does what torch.nn.RNN does.'''",
        "print('as torch.nn.RNN has it')",
        "assert x, 'not torch.nn.RNN'",
        "import re\nre.compile('x.RNN')",
        "model.run('torch.nn.RNN')",
        "model.compile('x.RNN')",
        "loss.backward()",
        "x.grad",
        "torch.nn.RMSNorm",
        "torch.nn.Linear(3, 4)",
        "torch.nn.utils.rnn.pad_sequence",
        "recurrence = 3\nrecurrence + 1",
        "from recurrence import x",
        "import recurrence",
        "grad = func.grad",
        "torch.rnn_relu",
        "names['RNN']",
        "rows.get('RNN')",
        "run('torch.nn.RNN')",
        "def run(x):\n    pass\nrun('x.RNN')",
        "from functools import *\nreduce",
        "x = {'torch.nn.RNN': 1}",
        "def f(kind: 'RNN'):\n    pass",
        "modules = {}\nother['RNN']",
        "plt.plot(x, label='torch.nn.RNN')",
    ],
)
def test_it_takes_nothing_honest_for_a_use(source):
    assert found(source) == [None]


@pytest.fixture(autouse=True)
def alarm():
    before = signal.signal(signal.SIGALRM, over_time)
    yield
    signal.signal(signal.SIGALRM, before)


def job(*sources, kinds=None, timeout=20):
    cells = [
        {"source": s, "kind": k, "is_code": True} for s, k in zip(sources, kinds or ["solution"] * len(sources), strict=True)
    ]
    return {"cells": cells, "forbid": RULES, "timeout": timeout}


def chain(n):
    """So many names, each bound to the one before it, in an order that no sort would find; the last is used."""
    lines = [f"n{i} = n{i - 1}" for i in range(1, n)]
    random.Random(0).shuffle(lines)
    return "\n".join(["import torch as n0", *lines, f"n{n - 1}.nn.RNN"])


LONG = {
    "star imports": lambda n: "from torch.nn import *\n" * n,
    "star imports, and names": lambda n: "from os import *\n" * n + "x = y\n" * n,
    "names bound to one": lambda n: "import torch as t\n" + "".join(f"n{i} = t.nn\n" for i in range(n)),
    "a chain of names": chain,
    "long dotted names": lambda n: ("x" + ".y" * 150 + "\n") * (n // 20),
    "many arguments": lambda n: "getattr(x, " + ", ".join(["'a'"] * n) + ")",
    "sums of text": lambda n: ("getattr(x, " + " + ".join(["'a'"] * 300) + ")\n") * (n // 100),
    "joins": lambda n: "getattr(x, '" + "a" * 5000 + "'.join([" + "''," * n + "]))\n",
    "definitions": lambda n: "def f(a=b, c=d):\n    pass\n" * n,
}


@pytest.mark.parametrize("kind", LONG)
def test_its_time_grows_with_the_length_of_the_code(kind):
    """Four times the code takes at most about four times as long: twice that is allowed for, sixteen times is not."""

    def seconds(n):
        tree = ast.parse(LONG[kind](n))
        taken = []
        for _ in range(3):
            search, start = Search(RULES), time.process_time()
            search.find(search.learn(tree))
            taken.append(time.process_time() - start)
        return min(taken)

    short, long = seconds(3000), seconds(12000)
    assert long < 9 * short + 0.02


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("x = " + "-" * 900 + "1", "RecursionError"),
        ("x = " + "a." * 3000 + "b", "RecursionError"),
        ("x = '\ud800'", "UnicodeEncodeError"),
    ],
)
def test_what_can_not_be_searched_is_refused(source, why):
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(300)  # a student's own may be higher
    try:
        (reason,) = refused(job(source)).values()
    finally:
        sys.setrecursionlimit(before)
    assert reason == f"the cell can't be searched for what this lab forbids: {why}"


def test_a_search_over_its_time_is_a_refusal():
    (reason,) = refused(job("x = 1\n" * 40_000, timeout=0.01)).values()
    assert reason == "the cell can't be searched for what this lab forbids: that takes over 0.01 s"


def test_what_is_no_python_is_not_run_and_shown_as_its_error(worker):
    cells = ["x = (", "for", "1 <> 2", "from __future__ import barry_as_FLUFL"]
    reasons = refused(job(*cells))
    assert [reasons[i]["ename"] for i in range(3)] == ["SyntaxError"] * 3 and 3 not in reasons
    assert reasons[0]["traceback"] == [
        '  File "the cell", line 1',
        "    x = (",
        "        ^",
        "SyntaxError: '(' was never closed",
    ]
    (result,) = run(worker, "def f(x:\n    return 2", "assert f(2) == 4", forbid=RULES)
    assert result.score == 0 and "SyntaxError: '(' was never closed" in result.message


def test_a_labs_own_cells_are_learnt_from_and_never_refused():
    cells = ["import torch.nn as n\nn.RNN", "x = (", "n.RNN"]
    assert refused(job(*cells, kinds=["instructor", "instructor", "solution"])) == {
        2: "this lab forbids torch.nn.RNN: write it yourself"
    }
    assert refused(job("torch.nn.RNN") | {"forbid": []}) == {}


def test_where_torch_is_not_installed_it_is_missing_as_ever():
    code = """
import sys
from rnncourse.grading.cell import forbid
forbid.install(["torch.square"])
sys.path[:] = []
try:
    import torch
except ModuleNotFoundError as error:
    print(error.name)
"""
    outcome = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (outcome.stdout, outcome.stderr) == ("torch\n", "")


@pytest.mark.parametrize("package", ["pandas", "torch", "xml"])
def test_a_whole_package_can_be_forbidden(worker, package):
    built = f"def f(x):\n    module = '{package[:2]}' + '{package[2:]}'\n    __import__(module)\n    return 2 * x"
    tests = ["assert f(2) == 4"]
    (result,) = run(worker, built, *tests, setup="", forbid=[package])
    assert result.score == 0 and (f"forbids {package}" in result.message or "No module" in result.message)
    (result,) = run(worker, "import json\ndef f(x):\n    return 2 * x", *tests, setup="", forbid=[package])
    assert result.score == 2
