"""What a hidden test's author says reaches the student with the names that the source gives, and with no value."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.submitted import Raw
from tests.grading.course import meta

ANSWER = """
def grads(x):
    return 2 * x, 3 * x, 5 * x  # the last is wrong

def named(x):
    return {"dx": 2 * x, "dh": 5 * x}

def plus(x):
    return x + 1.0

def big(x):
    if x > 4:
        raise ValueError
    return x

def reads(word):
    return "wrong"
"""


def hint(worker, test, visible=""):
    """What is said of a hidden test that fails."""
    cells = [
        new_code_cell("import numpy as np", metadata=meta("setup", locked=True)),
        new_code_cell("", metadata=meta("answers", solution=True)),
        new_code_cell(
            f"{visible}\n### BEGIN HIDDEN TESTS\n{test}\n### END HIDDEN TESTS",
            metadata=meta("t", grade=True, locked=True, points=1),
        ),
    ]
    cells[1].source = "def grads(x): pass\ndef named(x): pass\ndef plus(x): pass\ndef big(x): pass\ndef reads(word): pass"
    lab = Lab(new_notebook(cells=cells))
    outcome = worker.run(lab.rebuild([Raw("code", "", "answers", ANSWER)]), timeout=10).scores[2]
    assert outcome.score == 0 and outcome.where == "hidden", outcome
    return outcome.hint


TOLD = {
    "a name beside results": (
        'for name, got, want in zip(("dx", "dh", "dW"), grads(1.0), (2.0, 3.0, 4.0)):\n'
        '    assert got == want, f"{name} is wrong. Which factor?"',
        "dW is wrong. Which factor?",
    ),
    "a name in rows": (
        'for name, want in [("dx", 2.0), ("dh", 3.0)]:\n    assert named(1.0)[name] == want, f"{name} is wrong"',
        "dh is wrong",
    ),
    "a key": (
        'want = {"dx": 2.0, "dh": 3.0}\ngot = named(1.0)\nfor name in want:\n'
        '    np.testing.assert_allclose(got[name], want[name], err_msg=f"{name} is wrong")',
        "dh is wrong",
    ),
    "an item": (
        'got = named(1.0)\nfor name, want in {"dx": 2.0, "dh": 3.0}.items():\n    assert got[name] == want, name + " is wrong"',
        "dh is wrong",
    ),
    "one of several by its place": (
        'for i, (got, want) in enumerate(zip(grads(1.0), (2.0, 3.0, 4.0))):\n    assert got == want, f"result {i} is wrong"',
        "result 2 is wrong",
    ),
    "a name bound before": (
        'names = ("dx", "dh", "dW")\nfor name, got, want in zip(names, grads(1.0), (2.0, 3.0, 4.0)):\n'
        '    assert got == want, "%s is wrong" % name',
        "dW is wrong",
    ),
    "a dtype": (
        "for dtype in (np.float64, np.float32):\n    got = np.asarray(plus(np.ones(2, dtype)))\n"
        '    assert got.dtype == "float64", f"{np.dtype(dtype)} came in and {got.dtype} came out. Why?"',
        "float32 came in and … came out. Why?",
    ),
    "a dtype in words": (
        'for dtype, n in [("float64", 3), ("float32", 4)]:\n'
        '    assert plus(np.ones(n, dtype)).dtype == "float64", "{} of {} went wrong".format(dtype, n)',
        "float32 of … went wrong",
    ),
    "a type": (
        "for kind in (tuple, list):\n    assert kind is tuple, f'given a {kind.__name__}, it fails'",
        "given a list, it fails",
    ),
    "an exception before the next assertion": (
        'for name, x in (("few", 1), ("many", 9)):\n    got = big(x)\n    assert got == x, f"{name} steps: wrong"',
        "many steps: wrong",
    ),
    "words that were put together before": (
        'for name, got, want in zip(("dx", "dh"), grads(1.0), (2.0, 4.0)):\n    case = f"{name}, T = {got}"\n'
        '    assert got == want, f"{case}: wrong. Why?"',
        "dh: wrong. Why?",
    ),
    "in a function of the test's": (
        'def check(got):\n    for name, g, want in zip(("dx", "dh"), got, (2.0, 4.0)):\n'
        '        assert g == want, f"{name} is wrong"\n\n\ncheck(grads(1.0))',
        "dh is wrong",
    ),
    "what a function of the test's is given": (
        "def check(got, want, hint, dtype):\n    assert got == want, f'{dtype}: {hint}'\n\n\n"
        "check(plus(1), 2, 'Is 1 added?', 'float64')\ncheck(plus(2), 4, 'Is it added once?', dtype='float32')",
        "float32: Is it added once?",
    ),
    "raised by the author": (
        'for name, got, want in zip(("dx", "dh"), grads(1.0), (2.0, 4.0)):\n    if got != want:\n'
        '        raise AssertionError(f"{name} is wrong")',
        "dh is wrong",
    ),
}


@pytest.mark.parametrize("form", TOLD)
def test_what_the_source_names_is_told(worker, form):
    test, expected = TOLD[form]
    assert hint(worker, test) == expected


SIZES = 'for k in (1, 4, 20):\n    assert big(k) == k, f"windows of {k}: wrong"'


def test_a_size_is_told_where_the_visible_part_names_it(worker):
    assert hint(worker, SIZES, "# Hidden half, 4 points: windows of 20 steps.\nassert big(2) == 2") == "windows of 20: wrong"
    assert hint(worker, SIZES.replace("20", "9"), "# Hidden half, 9 points.") == "windows of …: wrong"
    assert hint(worker, SIZES.replace("20", "5"), "x = 0.5, 5.0, 1e5") == "windows of …: wrong"


SECRET = "qwz"  # an input, or what is expected
KEPT_BACK = {
    "an input among literals": (
        f'for word in ("a", "{SECRET}"):\n    assert reads(word) == "wrong" * (word == "a"), f"{{word}}: no"'
    ),
    "an input by way of another name": (
        f'for word in ("a", "{SECRET}"):\n    text = word\n    assert reads(text) == "wrong" * (word == "a"), f"{{word}}: no"'
    ),
    "an input in a list": (
        f'words = ["a", "{SECRET}"]\ngot = [reads(word) for word in words]\nfor word, g in zip(words, got):\n'
        '    assert not g, f"{word}: no"'
    ),
    "an expected word": f'for x, want in ((1, "wrong"), (2, "{SECRET}")):\n    assert reads(x) == want, f"{{want}}: no"',
    "an input beside its result": f'for word, got in (("{SECRET}", reads("{SECRET}")),):\n    assert not got, f"{{word}}: no"',
    "an expected word beside": f'for word, x in (("{SECRET}", 1),):\n    assert reads(x) == "{SECRET}", f"{{word}}: no"',
    "an input that was assigned": f'word = "{SECRET}"\nassert not reads(word), f"{{word}}: no"',
    "drawn": (
        f'for word in (str(np.random.default_rng().choice(["{SECRET}"])), "{SECRET}"):\n'
        '    assert not reads(1), f"{word}: no"'
    ),
    "drawn among literals": (
        f'names = ["{SECRET}"]\nname = np.random.default_rng().choice(names)\nassert not reads(1), f"{{name}}: no"'
    ),
    "computed": 'for word in ("q" + "wz",):\n    assert not reads(1), f"{word}: no"',
    "bound anew in the loop": (
        f'for name in ("a", "{SECRET}"):\n    name = reads(1) and "{SECRET}"\n    assert not reads(1), f"{{name}}: no"'
    ),
    "what the student's function gave": 'got = reads(1)\nassert got == 2, f"{got}: no"',
    "a student's word that a literal equals": (
        'for name in ("wrong", "right"):\n    pass\nfor name in [reads(1)]:\n    assert not name, f"{name}: no"'
    ),
    "the loop is over": f'for name in ("a", "{SECRET}"):\n    pass\nassert not reads(1), f"{{name}}: no"',
    "the loop has not begun": (
        f'for name in ("{SECRET}",): pass\nbig(9)\nfor name in ("{SECRET}", "b"):\n    assert not reads(1), f"{{name}}: no"'
    ),
    "what a function of the test's is given as an input": (
        f"def check(word):\n    assert not reads(word), f'{{word}}: no'\n\n\ncheck('{SECRET}')"
    ),
    "what a function of the test's is given and was computed": (
        f"def check(got, word):\n    assert not got, f'{{word}}: no'\n\n\n"
        f"check(0, '{SECRET}')\ncheck(1, np.random.default_rng().choice(['{SECRET}']).item())"
    ),
    "a number": 'for n in (7071, 7072):\n    assert reads(n) == n, f"{n}: no"',
    "a random size": "T = np.random.default_rng().integers(7000, 7999)\nfor t in range(T):\n    assert t < T - 1, f'{t}: no'",
    "a place among so many": (
        "T = np.random.default_rng().integers(7000, 7999)\nfor t, _ in enumerate(range(T)):\n    assert t < T - 1, f'{t}: no'"
    ),
    "a size that may be drawn": (
        "for n in [np.random.default_rng().integers(2, 4), 7071]:\n    assert n < 4, f'{n}: no'"
    ),
}  # fmt: skip


@pytest.mark.parametrize("form", KEPT_BACK)
def test_inputs_and_what_is_computed_or_expected_are_not_told(worker, form):
    said = hint(worker, KEPT_BACK[form], "# 3 points.")
    assert said == "no", said


def test_a_call_that_fails_in_whatever_way_reads_like_a_wrong_result(worker):
    test = 'for name, x in (("few", 1), ("many", 9)):\n    got = {}(x)\n    assert got == x, f"{{name}} steps: wrong"'
    calls = ["big", "(lambda x: big(x))", "(lambda x: x if x < 4 else plus(x))", "(lambda x: x if x < 4 else grads(x))"]
    assert [hint(worker, test.format(call)) for call in calls] == ["many steps: wrong"] * len(calls)
