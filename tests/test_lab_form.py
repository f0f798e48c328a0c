"""The form of a lab: what its visible tests see, what they accept, and what a student has of it who has nothing else."""

import ast
import re
import textwrap
from pathlib import Path

import nbformat
import pytest

from rnncourse.grading.books.course import course_config, labs
from tests.trials import run, tasks

ROOT = Path(__file__).parents[1]
WORDS = labs(course_config(ROOT, ROOT))
MANUALS = ("https://numpy.org/doc/stable/", "https://docs.pytorch.org/docs/stable/")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
words = pytest.mark.parametrize("word", WORDS)


def shapes(task):
    """The names and shapes that a function's docstring gives, of its arguments and of its results: x_t (B, D) …  ->  …"""
    doc = ast.get_docstring(next(node for node in ast.parse(task.solution.source).body if _is(node, task)))
    return [re.findall(r"(\w+) \((\w+(?:, \w+)*),?\)", part) for part in doc.partition("->")[::2]]


def parameters(task):
    function = next(node for node in ast.parse(task.solution.source).body if _is(node, task))
    return [argument.arg for argument in function.args.args]


def _is(node, task):
    return isinstance(node, ast.FunctionDef) and node.name in task.solution.defines[-1:]


def name(task):
    return task.solution.defines[-1]


def recurrent(of):
    """The matrices that read the state, block by block H × H: those that can be transposed without a shape's complaint."""
    return [found for found, shape in of if re.fullmatch(r"\w*H, H", shape)]


# --- what visible tests see -------------------------------------------------------------------------------------------

_TURNED = """
def turned(a):
    H = np.shape(a)[1]
    return np.asarray(a).reshape(-1, H, H).swapaxes(1, 2).reshape(np.shape(a))
def turn(function, k, among_results=False):
    def wrong(*arguments):
        if not among_results:
            return function(*arguments[:k], turned(arguments[k]), *arguments[k + 1:])
        results = list(function(*arguments))
        results[k] = turned(results[k])
        return results
    return wrong
"""


@words
def test_a_transposed_matrix_fails_a_visible_test(word):
    trials = []
    for task in tasks(word):
        given, results = shapes(task)
        trials += [
            (name(task), f"{name(task)} = turn(honest['{name(task)}'], {parameters(task).index(W)})", task.visible)
            for W in recurrent(given)
        ]
        trials += [
            (name(task), f"{name(task)} = turn(honest['{name(task)}'], {k}, True)", task.visible)
            for k, (W, _) in enumerate(results)
            if W in recurrent(results)
        ]
    assert trials
    for (function, code, _), passed in zip(trials, run(word, trials, _TURNED), strict=True):
        assert not all(passed), f"{function}: no visible test fails for {code}"


_SIZES = """
def sized(function, names, letters):
    def checked(*arguments):
        sizes = {}
        for name, value in zip(names, arguments):
            size = len(name) == 1 and name.isupper()
            known = [name] if size else letters.get(name, [])
            shape = (value,) if size else np.shape(value) if known else ()
            sizes |= {letter: n for letter, n in zip(known, shape) if len(letter) == 1}
        if len(set(sizes.values())) < len(sizes) or 1 in sizes.values():
            raise ValueError(f"sizes that hide a mistake: {sizes}")
        return function(*arguments)
    return checked
"""


@words
def test_visible_tests_have_sizes_that_all_differ(word):
    trials = []
    for task in tasks(word):
        letters = {argument: shape.split(", ") for argument, shape in shapes(task)[0]}
        code = f"{name(task)} = sized(honest['{name(task)}'], {parameters(task)}, {letters})"
        trials += [(name(task), code, task.visible)]
    for (function, _, tests), passed in zip(trials, run(word, trials, _SIZES), strict=True):
        assert tests, f"{function} has no visible test"
        assert all(passed), f"{function}: two of B, T, D, H … are equal in its visible test, or one is 1"


# --- what tests accept ------------------------------------------------------------------------------------------------

_KINDS = """
from collections import namedtuple
def named(results):
    return namedtuple("Result", [f"of_{k}" for k in range(len(results))])(*results)
def given(function, several, one):
    def other(*arguments):
        result = function(*arguments)
        return several(result) if isinstance(result, tuple) else one(result) if isinstance(result, float) else result
    return other
"""


@words
def test_results_of_any_kind_are_accepted(word):
    """A list, a tuple or a named tuple of several results; NumPy's number or an array without axes for one number."""
    trials = []
    for task in tasks(word):
        for kinds in ("list, np.float64", "tuple, np.array", "named, float"):
            trials += [(name(task), f"{name(task)} = given(honest['{name(task)}'], {kinds})", task.whole)]
    refused = [code for (_, code, _), passed in zip(trials, run(word, trials, _KINDS), strict=True) if not all(passed)]
    assert not refused


_IN_PLACE = """
import copy
def scribbles(function):
    def other(*arguments):
        result = copy.deepcopy(function(*arguments))
        for given in arguments:
            for a in given if isinstance(given, list) else [given]:
                if isinstance(a, np.ndarray):
                    a[...] = 1 if a.dtype.kind in "biu" else np.nan
            if isinstance(given, list):
                given.clear()
        return result
    return other
"""


@words
def test_work_in_place_is_accepted_unless_the_task_forbids_it(word):
    all_tasks = tasks(word)
    trials = [(name(task), "{0} = scribbles(honest['{0}'])".format(name(task)), task.whole) for task in all_tasks]
    for task, passed in zip(all_tasks, run(word, trials, _IN_PLACE), strict=True):
        kept = re.search(r"left as (?:it was|they were)", task.text)
        assert all(passed) != bool(kept), f"{name(task)}: its text and its tests differ on writing into arguments"


# --- what the chapter gives away --------------------------------------------------------------------------------------

# A pasted function, with the lines around it that a student needs who has seen that it is the answer.
ADAPTED = {
    "bptt": {
        "numerical_gradients": """
def numerical_gradients(x, h0, W_xh, W_hh, b_h, target, eps):
    def loss(*arrays):
        return 0.5 * np.sum((rnn_sequence(*arrays) - target) ** 2)

    return differences(loss, [np.array(a, float) for a in (x, h0, W_xh, W_hh, b_h)], eps)
"""
    }
}
_FIT = """
import inspect
def fit(function, names):
    def other(*arguments):
        wanted = list(inspect.signature(function).parameters)
        known = dict(zip(names, arguments))
        if set(wanted) <= set(known):
            return function(**{name: known[name] for name in wanted})
        rest = wanted[len(arguments):]
        everything = np.ones(np.shape(arguments[0])[:2], dtype=bool)
        return function(*arguments[:len(wanted)], **{name: everything for name in rest if "mask" in name})
    return other
"""


def pasted(word, task):
    """What a student may paste of the chapter as an answer to a task: each function of its pages under the task's name, fed
    with the task's arguments by name or in their order, and with a mask of ones where it wants a mask; each code cell as the
    function's body, with the task's names for its arguments, and any name that the cell binds (or all of the task's
    results, where they are several and the cell has their names) for its result; and what ADAPTED has. What draws or needs
    torch or the package, which a lab refuses, is left out.
    """
    function, names, results = name(task), parameters(task), [found for found, _ in shapes(task)[1]]
    for page in [ROOT / "book" / f"{word}.ipynb", *sorted((ROOT / "book" / word).glob("*.ipynb"))]:
        sources = [cell.source for cell in nbformat.read(page, as_version=4).cells if cell.cell_type == "code"]
        nodes = [node for source in sources for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)]
        functions = {node.name: ast.unparse(node) for node in nodes}
        codes = [f"{code}\n{function} = fit({called}, {names})" for called, code in functions.items()]
        if function in ADAPTED.get(word, {}):
            codes.append(ADAPTED[word][function])
        for source in sources:
            used = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)]
            bound = {node.id for node in used if isinstance(node.ctx, ast.Store)}
            returned = bound if len(results) < 2 else {", ".join(results)} if set(results) <= bound else set()
            if {node.id for node in used} & set(names):
                body = textwrap.indent(source, "    ")
                codes += [f"def {function}({', '.join(names)}):\n{body}\n    return {r}" for r in sorted(returned)]
        for code in codes:
            called = {helper: text for helper, text in functions.items() if re.search(rf"\b{helper}\(", code)}
            code = "\n".join([*called.values(), code])
            if not re.search(r"\b(?:torch|nn|F|plt|figures|RNN|RNNCell|put|settle)\b", code):
                yield code


@words
def test_the_chapter_pasted_into_the_lab_earns_under_a_third(word):
    """Each task with the paste that earns most, the functions that it may call being right."""
    trials, points = [], {}
    for task in tasks(word):
        trials += [(name(task), code, task.whole) for code in dict.fromkeys(pasted(word, task))]
        points |= {test.id: test.points for test in task.tests}
    assert len(trials) > 100
    earned = set()
    for (_, _, tests), passed in zip(trials, run(word, trials, _FIT), strict=True):
        earned |= {test.id for test, right in zip(tests, passed, strict=True) if right}
    got, whole = sum(points[test] for test in earned), sum(points.values())
    assert got < whole / 3, f"{got:g} of {whole:g} points, by {sorted(earned)}"


# --- what a student has who has the lab's folder alone ----------------------------------------------------------------


@words
def test_the_links_of_a_lab_lead_somewhere_for_who_has_nothing_else(word):
    """To a heading of the notebook, under the name that Jupyter gives it, a picture in it, or a public manual."""
    cells = [c for c in nbformat.read(ROOT / "labs" / word / f"{word}.ipynb", as_version=4).cells if c.cell_type == "markdown"]
    headings = {
        "#" + heading.strip().replace(" ", "-")
        for cell in cells
        for heading in re.findall(
            r"^#+ (.*)$", re.sub(r"^```.*?^```", "", cell.source, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
        )
    }
    links = [(link, cell) for cell in cells for link in LINK.findall(cell.source)]
    assert links
    for link, cell in links:
        attached = {f"attachment:{file}" for file in cell.get("attachments", {})}
        assert link in headings | attached or link.startswith(MANUALS), link


@words
def test_a_lab_opens_with_its_chapters_picture_and_names_its_sections(word):
    cells = nbformat.read(ROOT / "labs" / word / f"{word}.ipynb", as_version=4).cells
    assert re.search(rf"^!\[[^\]]+\]\(attachment:{word}\.png\)$", "\n".join(cells[0].source.splitlines()[:4]), re.MULTILINE)
    assert f"{word}.png" in cells[0].attachments
    chapter = nbformat.read(ROOT / "book" / f"{word}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")
    sections = set(re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    for task in tasks(word):
        named = re.findall(r"[Ii]n the chapter: (.*?)\*$", task.text, re.MULTILINE)
        assert named, f"{name(task)}: which section of the chapter is it about?"
        assert set(re.findall(r'"([^"]+)"', named[0])) <= sections, named
