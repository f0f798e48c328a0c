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
import functools
import math
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
from rnncourse.grading.judge.failure import BEGIN, hint_of, is_hidden, line_of, message_of, without_hidden
from rnncourse.grading.judge.outcome import Outcome
from rnncourse.grading.judge.outputs import clean
from rnncourse.grading.judge.remote import Fault, Names, OverTime, Student
from rnncourse.grading.judge.source import Search, parsed

KEPT_OUTPUTS = 4 << 20  # characters of all outputs of a notebook
UNSEARCHED = "the cell can't be searched for what this lab forbids"


def run(job: dict, keeper: Keeper, emit) -> None:
    """Run all cells, and for what a student reads once more without hidden tests, in a process that has not
    seen one.

    `emit` gets the outcome of each code cell. Before the first hidden test one run serves both.
    """
    hidden = next((i for i, cell in enumerate(job["cells"]) if BEGIN in cell["source"]), len(job["cells"]))
    outcomes: dict[int, Outcome] = {}

    def first(outcome: Outcome) -> None:
        outcomes[outcome.index] = outcome
        for serves in (False,) if outcome.index >= hidden else (False, True):
            emit(replace(outcome, shown=serves))

    signal.signal(signal.SIGALRM, _over_time)
    job["refused"] = _refused(job)
    once(job, keeper, first)
    speaking = [
        i for i, o in outcomes.items() if i >= hidden and (o.outputs or o.where == "visible" or o.fault)
    ]
    if speaking:
        cells = [shown(cell) for cell in job["cells"][: speaking[-1] + 1]]
        once(job | {"cells": cells}, keeper, lambda outcome: emit(replace(outcome, shown=True)))


def shown(cell: dict) -> dict:
    """A cell without its hidden tests, its lines where they were.

    One that died or hung may do so again: what a first run did, which knew the hidden tests, decides nothing
    here.
    """
    return cell | {"source": without_hidden(cell["source"])} if cell["kind"] == "test" else cell


def once(job: dict, keeper: Keeper, emit) -> None:
    """One run from the first cell to the last that shows something about the student."""
    student = Student(keeper, job)
    names = Names(student)
    failed: dict[str, str] = {}  # why a name is missing, by name
    kept = 0
    last = max(
        (i for i, cell in enumerate(job["cells"]) if cell["kind"] not in ("instructor", "text")), default=-1
    )
    with tempfile.TemporaryDirectory(dir=job["scratch"]) as folder:
        os.chdir(folder)
        for name, data in job["files"].items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_bytes(bytes.fromhex(data))
        for index, cell in enumerate(
            job["cells"][: last + 1]
        ):  # what the lab does after it shows nothing about the student
            if cell["kind"] == "text" or not cell["is_code"]:
                continue
            student.begin()
            outcome = Outcome(index)
            if cell["kind"] == "test":
                _seed(job["seed"], cell["id"])
                outcome = test(index, cell, names, student, failed)
            else:
                theirs = cell["kind"] != "instructor"
                try:
                    reason = job["refused"].get(index)
                    if isinstance(reason, str):
                        raise Fault(reason)
                    with _clock(student.deadline - time.monotonic()):  # to read what came can take long, too
                        outputs = [reason] if reason else student.run(cell["source"], theirs)
                        outputs = clean(outputs, KEPT_OUTPUTS - kept)
                    kept += sum(len(str(output)) for output in outputs)
                    outcome.outputs = outputs
                except OverTime:
                    student.drop()
                    outcome.fault = str(student.fail(f"ran over {job['timeout']:g} s"))
                except Fault as fault:
                    outcome.fault = student.public or str(
                        fault
                    )  # never what a student chose: it may know hidden tests
                if theirs:
                    names.hand_over(cell["defines"])
                    if why := outcome.fault or outcome.error:
                        failed |= dict.fromkeys(cell["defines"], f"the cell {cell['id']} failed: {why}")
                    _quietly(cell["imports"], names, job)
                elif not _is_demo(cell["source"], names):
                    _quietly(cell["source"], names, job)
            emit(outcome)
        student.drop()
        os.chdir("/")


def test(index: int, cell: dict, names: Names, student: Student, failed: dict[str, str]) -> Outcome:
    """Run a test cell here, and say what it earned and why not more."""
    points, source = cell["points"], cell["source"]
    error, value, tree = None, None, ast.Module([], [])
    try:
        tree, body, last = compiled(source, "<test>")
        with _clock(student.deadline - time.monotonic()):
            exec(body, names)
            value = eval(last, names) if last else None
            if isinstance(value, (int, float, np.number)) and type(value) is not bool:
                value = float(value)
    except BaseException as caught:  # a test may fail in any way
        error = caught
    if isinstance(error, OverTime):
        student.drop()
        student.fail(f"ran over {student.job['timeout']:g} s")
    if error is None and not student.fault:
        if isinstance(value, float):
            score = min(max(value, 0.0), points) if math.isfinite(value) else 0.0
            message = "" if score == points else f"{score:g} of {points:g} points"
            return Outcome(index, score=score, message=message)
        return Outcome(index, score=points)
    line = line_of(error)
    missing = error.args[0] if isinstance(error, (KeyError, NameError)) and error.args else ""
    message = message_of(error, source, line)
    if student.fault:
        message = student.fault
    for name, reason in failed.items():
        if name == missing or f"name '{name}'" in str(missing):
            message = reason
    kind = ""
    if error and not student.fault:
        kind = next(k.__name__ for k in type(error).__mro__ if k.__name__ in vars(builtins))
    return Outcome(
        index, fault=student.public, score=0.0, where="hidden" if is_hidden(source, line) else "visible",
        message=message, hint=hint_of(tree, line), kind=kind,
    )  # fmt: skip


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
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.01) + 0.2)  # the wire's own deadline comes first
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _quietly(source: str, names: Names, job: dict) -> None:
    """Run a cell of the lab on this side, statement by statement; what one of them misses, a test that needs
    it will miss.

    The others are run, for a name that is not bound here would be the student's.
    """
    with contextlib.suppress(SyntaxError):
        for statement in statements(source):
            with contextlib.suppress(BaseException), _clock(job["timeout"]):
                exec(statement, names)


@functools.lru_cache(1000)
def statements(source: str) -> list:
    """The code of each statement of a cell of the lab.

    Raises:
        SyntaxError: it is not Python.
    """
    return [compile(ast.Module([node], []), "<lab>", "exec") for node in compiled(source, "<lab>")[0].body]


def _is_demo(source: str, names: Names) -> bool:
    """Whether a cell of the lab only shows what students wrote: it binds and fills nothing, so tests can't
    need it.
    """
    try:
        tree, _, _ = compiled(source, "<lab>")
    except SyntaxError:
        return True
    binds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    nodes = list(ast.walk(tree))
    fills = {name for name, value in dict.items(names) if type(value) in (list, dict, set)}
    return any(isinstance(n, ast.Name) and n.id in names.theirs for n in nodes) and not any(
        isinstance(n, binds)
        or isinstance(getattr(n, "ctx", None), (ast.Store, ast.Del))
        or (isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name) and n.value.id in fills)
        for n in nodes
    )


def _refused(job: dict) -> dict[int, str | dict]:
    """What comes of a student's cell that is not run, by index: why, where it uses what the lab forbids, or
    can't be searched for that; the error's output, where it is no Python.
    """
    if not job["forbid"]:
        return {}
    search, reasons, nodes = Search(job["forbid"]), {}, {}

    def each(cells: dict, step) -> None:
        for index, cell in cells.items():
            given = cell["kind"] == "instructor"
            try:
                with _clock(job["timeout"]):
                    step(index, cell, given)
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

    def learn(index: int, cell: dict, given: bool) -> None:
        nodes[index] = search.learn(
            compiled(cell["source"], "<lab>")[0] if given else parsed(cell["source"])
        )

    def find(index: int, cell: dict, given: bool) -> None:
        if rule := search.find(nodes[index]):
            reasons[index] = f"this lab forbids {rule}: write it yourself"

    cells = dict(enumerate(job["cells"]))
    each({i: c for i, c in cells.items() if c["is_code"] and c["kind"] not in ("test", "text")}, learn)
    theirs = {i: cells[i] for i in nodes if cells[i]["kind"] != "instructor"}
    each({i: c for i, c in theirs.items() if i not in reasons}, find)
    return {i: reason for i, reason in reasons.items() if cells[i]["kind"] != "instructor"}


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
        sys.modules["torch"].default_generator.manual_seed(
            one
        )  # torch.manual_seed looks for a GPU each time


_default_rng = np.random.default_rng
