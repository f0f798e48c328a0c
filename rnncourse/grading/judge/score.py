"""The trusted side: run a rebuilt notebook, the tests here and what students wrote over there, and say what
each test earned.

One process does this for one notebook and ends. A test cell is ordinary Python; a name that the student is
to define resolves to a stub that calls the student's process. A point is earned only when this side saw the
test cell finish: whatever the other side does wrong (dies, hangs, says what it was not asked for, sends what
is not plain) costs the cell, even where a test swallows the exception.
"""

import ast
import builtins
import contextlib
import decimal
import functools
import math
import numbers
import os
import random
import signal
import sys
import tempfile
import time
import traceback
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnncourse.grading.cell.sandbox import Keeper
from rnncourse.grading.judge.failure import (
    BEGIN,
    hidden_lines,
    hint_of,
    line_of,
    message_of,
    without_hidden,
    words_of,
)
from rnncourse.grading.judge.lab import Importer
from rnncourse.grading.judge.outcome import Outcome
from rnncourse.grading.judge.outputs import clean
from rnncourse.grading.judge.remote import Fault, Lost, Names, OverTime, Student
from rnncourse.grading.judge.source import Search, bindings, defined, imported, parsed

KEPT_OUTPUTS = 4 << 20  # characters of all outputs of a notebook
UNSEARCHED = "the cell can't be searched for what this lab forbids"


def run(job: dict, keeper: Keeper, emit) -> None:
    """Run all cells without hidden tests, which is what the student reads; then all cells, for the points.

    The two runs have a student's process each, and the first is over before anything knows a hidden test.
    Where no cell that can say something stands behind a hidden test, one run serves both. `emit` gets the
    outcome of each code cell, and before it the cell's place: 1 where all that the student reads is known
    by then, or 0, and its index.
    """
    cells = job["cells"]
    hidden = next((i for i, cell in enumerate(cells) if BEGIN in cell["source"]), len(cells))
    last = max((i for i, cell in enumerate(cells) if _speaks(cell)), default=-1)
    signal.signal(signal.SIGALRM, _over_time)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    job["refused"] = _refused(job)
    if last < hidden:

        def both(outcome) -> None:
            emit(outcome)
            if type(outcome) is Outcome and outcome.index < hidden:
                emit(replace(outcome, shown=True))

        once(job, keeper, both, lambda index: int(index >= hidden))
        return

    def to_tell(outcome) -> None:
        emit(replace(outcome, shown=True) if type(outcome) is Outcome else outcome)

    told = [cell | {"source": without_hidden(cell["source"])} for cell in cells[: last + 1]]
    once(job | {"cells": told}, keeper, to_tell, lambda index: 0)
    once(job, keeper, emit, lambda index: 1)


def _speaks(cell: dict) -> bool:
    """Whether a cell can tell the student anything when it runs without its hidden tests."""
    if cell["kind"] == "text" or not cell["is_code"]:
        return False
    source = without_hidden(cell["source"]) if cell["kind"] == "test" else cell["source"]
    return any(line.strip() and not line.strip().startswith("#") for line in source.splitlines())


def once(job: dict, keeper: Keeper, emit, stage) -> None:
    """One run from the first cell to the last that shows something about the student."""
    student = Student(keeper, job)
    importer = Importer(job["theirs"])
    names = Names(student, importer)
    failed: dict[str, str] = {}  # why a name of the student's is missing, by name
    kept = 0
    # what the lab does after its last cell of theirs, or its last test, shows nothing about the student
    last = max(
        (i for i, cell in enumerate(job["cells"]) if cell["kind"] not in ("instructor", "text")), default=-1
    )

    def seconds():
        return _clock(min(job["timeout"], student.end - time.monotonic()))

    with _folder(job), importer:
        for index, cell in enumerate(job["cells"][: last + 1]):
            if cell["kind"] == "text" or not cell["is_code"]:
                continue
            place = [stage(index), index]
            emit(place)
            with contextlib.suppress(OverTime), _clock(student.end - time.monotonic()):
                student.begin()
            outcome = Outcome(index)
            stuck = f"ran over {job['timeout']:g} s" if place in job["stuck"] else ""
            if cell["kind"] == "test":
                _seed(job["seed"], cell["id"])
                if stuck:
                    student.fail(stuck)
                outcome = test(index, cell, names, student, failed)
                names.run(imports_of(cell["source"]) if outcome.where else [], label(cell), seconds)
                names.lose(bound_by(cell["source"]), Lost(label(cell), None, bool(outcome.where)))
            else:
                theirs = cell["kind"] != "instructor"
                asked_for = names.theirs.union(cell["defines"] if theirs else ())
                try:
                    reason = stuck or job["refused"].get(index)
                    if isinstance(reason, str) and reason:
                        raise Fault(reason)
                    with _clock(student.deadline - time.monotonic()):  # to read what came can take long, too
                        outputs = [reason] if reason else student.run(cell["source"], theirs, asked_for)
                        outputs = clean(outputs, KEPT_OUTPUTS - kept)
                    kept += sum(len(str(output)) for output in outputs)
                    outcome.outputs = outputs
                except OverTime:
                    student.drop()
                    outcome.fault = str(student.fail(f"ran over {job['timeout']:g} s"))
                except Fault as fault:
                    outcome.fault = student.public or str(fault)  # never a student's words
                if theirs:
                    names.run(statements(cell["imports"]), label(cell), seconds, solution=True)
                    names.hand_over(cell["defines"])
                    if why := outcome.fault or (outcome.error and repr(outcome.error)):
                        failed |= dict.fromkeys(cell["defines"], f"the cell {cell['id']} failed: {why}")
                elif stuck:
                    names.lose(bound_by(cell["source"]), Lost(label(cell), None, True))
                elif not _is_demo(cell["source"], names):
                    names.run(statements(cell["source"]), label(cell), seconds)
            emit(outcome)
        student.drop()


@contextlib.contextmanager
def _folder(job: dict):
    """In a folder with the files of the lab and of the submission; at home in the notebook's own."""
    with tempfile.TemporaryDirectory(dir=job["scratch"]) as folder:
        for name, data in job["files"].items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes.fromhex(data))
        os.chdir(job["cwd"] or folder)
        try:
            yield
        finally:
            os.chdir("/")


def label(cell: dict) -> str:
    """How the instructor finds a cell."""
    first = next(filter(str.strip, cell["source"].splitlines()), "")
    return f"the cell {cell['id'] or repr(first[:40])}"


def test(index: int, cell: dict, names: Names, student: Student, failed: dict[str, str]) -> Outcome:
    """Run a test cell here, and say what it earned and why not more."""
    points, source = cell["points"], cell["source"]
    error, score, message, person, tree = None, 0.0, "", "", ast.Module([], [])
    names.missing = ""
    try:
        tree, body, last = compiled(source, "<test>")
        if not student.fault:  # nothing can be earned where there is no process to ask
            with _clock(student.deadline - time.monotonic()):
                exec(body, names)
                value = eval(last, names) if last else None
                score, message, person = _earned(value, tree.body[-1:], points)
    except BaseException as caught:  # a test may fail in any way
        error = caught
    if isinstance(error, OverTime):
        student.drop()
        student.fail(f"ran over {student.job['timeout']:g} s")
    hidden = hidden_lines(source)
    line = line_of(error) or (hidden[0] if hidden else 0)
    message = message_of(error, source, line) if error else message
    missing = getattr(error, "name", None) if isinstance(error, NameError) else None
    if isinstance(error, KeyError) and error.args:
        missing = error.args[0]
    if type(missing) is str and missing in failed and not student.fault:
        message = failed[missing]
    if student.fault:
        message = student.fault
    elif names.missing:
        lost = names.lost.get(names.missing, NOWHERE)
        message = f"the name {names.missing!r} {lost}"
        person = "" if isinstance(lost, Lost) and lost.by_student else f"{message}: {CURE}"
    elif error is None and (score or not points):
        return Outcome(index, score=score, message=message)
    kind = ""
    if error and not student.fault:
        kind = next(k.__name__ for k in type(error).__mro__ if k.__name__ in vars(builtins))
    return Outcome(
        index, fault=student.public, score=0.0, person=person and f"{cell['id']}: {person}",
        where="hidden" if line in hidden else "visible",
        message=message, hint=hint_of(tree, line), kind=kind,
    )  # fmt: skip


NOWHERE = "is bound by no cell before it"
CURE = "bind it in this cell, a locked one or a module beside the lab; a student's, in a solution cell"


def _earned(value, last: list[ast.stmt], points: float) -> tuple[float, str, str]:
    """What a test's last value gives: points, what to say of them, and what a person should see to.

    As in nbgrader no value and words alone, a text that stands there, give all; a number is the points.
    nbgrader gives all for whatever else there is: here that is an answer nobody has thought of.
    """
    words = last and isinstance(getattr(last[0], "value", None), (ast.Constant, ast.JoinedStr))
    if value is None or (words and isinstance(value, str)):
        return points, "", ""
    if getattr(value, "shape", None) == ():  # NumPy's and torch's scalars
        value = value.item()
    if isinstance(value, bool):
        return points * value, "" if value else "the test ends with False", ""
    if not isinstance(value, (numbers.Real, decimal.Decimal)):
        came = f"the test ends with a value of type {type(value).__name__}"
        return 0.0, came, f"{came}: let it end with the points, a real number, or with no value (;)"
    score = float(value)
    score = min(max(score, 0.0), points) if math.isfinite(score) else 0.0
    return score, "" if score == points else f"{float(value):g}: {score:g} of {points:g} points", ""


@functools.lru_cache(1000)
def compiled(source: str, name: str):
    """A cell of the lab: its tree, the code of its statements, and that of the value it ends with, or None.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = parsed(source)
    has_value = tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";")
    body = compile(ast.Module(tree.body[:-1] if has_value else tree.body, []), name, "exec")
    return tree, body, compile(ast.Expression(tree.body[-1].value), name, "eval") if has_value else None


def _over_time(*_) -> None:
    raise OverTime


@contextlib.contextmanager
def _clock(seconds: float):
    """Raise OverTime after so many seconds; end this process where code in C does not let that happen."""
    seconds = max(seconds, 0.01)
    signal.setitimer(signal.ITIMER_REAL, seconds + 0.2)  # the wire's own deadline comes first
    signal.setitimer(signal.ITIMER_PROF, seconds + 2)  # nobody catches its signal
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


@functools.lru_cache(1000)
def statements(source: str) -> list[tuple]:
    """The code of each statement of a cell of the lab, with the names that it binds; none where the cell is
    not Python.
    """
    try:
        nodes = compiled(source, "<lab>")[0].body
    except (SyntaxError, ValueError):
        return []
    return [(compile(ast.Module([node], []), "<lab>", "exec"), bound(node)) for node in nodes]


@functools.lru_cache(1000)
def imports_of(source: str) -> list[tuple]:
    """The imports of a cell, as `statements`: what a test imports is there for the next where it fails."""
    return statements(defined(source)[1])


def prepare(job: dict) -> None:
    """Do once for all the processes that are forked from this one what the lab's own cells ask for."""
    for cell in job["cells"]:
        if cell["kind"] in ("instructor", "test"):
            for source in {cell["source"]: None, without_hidden(cell["source"]): None}:
                with contextlib.suppress(SyntaxError, ValueError):
                    _prepare(cell["kind"], source)
    _searching(*_to_search(job))


def _prepare(kind: str, source: str) -> None:
    if kind == "test":
        words_of(compiled(source, "<test>")[0]), imports_of(source), bound_by(source)
    else:
        statements(source), _uses(source)


@functools.lru_cache(1000)
def bound_by(source: str) -> list[str]:
    """The names that a cell of the lab binds; none where it is not Python."""
    try:
        return bound(*parsed(source).body)
    except (SyntaxError, ValueError):
        return []


def bound(*nodes: ast.stmt) -> list[str]:
    names, imports = bindings(nodes)
    return names + imported(imports)


def _is_demo(source: str, names: Names) -> bool:
    """Whether a cell of the lab only shows what students wrote: it binds and fills nothing, so tests can't
    need it.
    """
    used, changed = _uses(source)
    fills = {name for name, value in dict.items(names) if type(value) in (list, dict, set)}
    return changed is not None and not used.isdisjoint(names.theirs) and changed.isdisjoint(fills)


@functools.lru_cache(1000)
def _uses(source: str) -> tuple[set[str], set[str] | None]:
    """The names that a cell of the lab uses, and those whose methods it calls; None for these where it binds
    something itself.
    """
    try:
        nodes = list(ast.walk(compiled(source, "<lab>")[0]))
    except (SyntaxError, ValueError):
        return set(), None
    binds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    used = {n.id for n in nodes if isinstance(n, ast.Name)}
    if not used.isdisjoint(_BINDING) or any(
        isinstance(n, binds) or isinstance(getattr(n, "ctx", None), (ast.Store, ast.Del)) for n in nodes
    ):
        return used, None
    with_dot = [n.value for n in nodes if isinstance(n, ast.Attribute)]
    return used, {value.id for value in with_dot if isinstance(value, ast.Name)}


_BINDING = {"get_ipython", "exec", "eval", "globals", "locals", "vars", "setattr"}  # by other ways


def _refused(job: dict) -> dict[int, str | dict]:
    """What comes of a student's cell that is not run, by index: why, where it uses what the lab forbids, or
    can't be searched for that; the error's output, where it is no Python.
    """
    if not job["forbid"]:
        return {}
    search, reasons, nodes = _searching(*_to_search(job)).copy(), {}, {}

    def each(cells: dict, step) -> None:
        for index, cell in cells.items():
            try:
                with _clock(job["timeout"]):
                    step(index, cell)
            except SyntaxError as error:
                error.filename = "the cell"
                text = "".join(traceback.format_exception_only(error)).rstrip()
                output = {
                    "ename": type(error).__name__,
                    "evalue": str(error),
                    "traceback": text.splitlines(),
                }
                reasons[index] = {"output_type": "error", **output}
            except OverTime:
                reasons[index] = f"{UNSEARCHED}: that takes over {job['timeout']:g} s"
            except Exception as error:
                reasons[index] = f"{UNSEARCHED}: {type(error).__name__}"

    def learn(index: int, cell: dict) -> None:
        nodes[index] = search.learn(parsed(cell["source"]))

    def find(index: int, cell: dict) -> None:
        if rule := search.find(nodes[index]):
            reasons[index] = f"this lab forbids {rule}: write it yourself"

    theirs = {i: c for i, c in enumerate(job["cells"]) if c["is_code"] and c["kind"] in _THEIRS}
    each(theirs, learn)
    each({i: c for i, c in theirs.items() if i not in reasons}, find)
    return reasons


_THEIRS = ("solution", "added", "manual")


def _to_search(job: dict) -> tuple[tuple, tuple]:
    """What the lab forbids, and the sources of its own cells before the last of a student's."""
    cells = [cell for cell in job["cells"] if cell["is_code"]] if job["forbid"] else []
    last = max((i for i, cell in enumerate(cells) if cell["kind"] in _THEIRS), default=-1)
    return tuple(job["forbid"]), tuple(c["source"] for c in cells[:last] if c["kind"] == "instructor")


@functools.lru_cache(8)
def _searching(rules: tuple[str, ...], sources: tuple[str, ...]) -> Search:
    """A search that knows what the lab's own cells bind."""
    search = Search(rules)
    for source in sources:
        with contextlib.suppress(Exception):  # the lab's own, which are run all the same
            search.learn(compiled(source, "<lab>")[0])
    return search


def _seed(seed: int | None, cell: str) -> None:
    """All random numbers that a test cell asks for without a seed of its own come from the run's."""
    start = [seed, zlib.crc32(cell.encode())] if seed is not None else None
    numbers = np.random.SeedSequence(start)

    def default_rng(seed=None):
        return _default_rng(numbers.spawn(1)[0] if seed is None else seed)

    np.random.default_rng = default_rng
    one = int(numbers.generate_state(1)[0])
    np.random.seed(one)
    random.seed(one)
    if "torch" in sys.modules:
        generator = sys.modules["torch"].default_generator  # torch.manual_seed looks for a GPU each time
        generator.manual_seed(one)


_default_rng = np.random.default_rng
