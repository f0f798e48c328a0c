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
import inspect
import math
import numbers
import os
import random
import signal
import sys
import tempfile
import time
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from rnncourse.grading.cell.sandbox import Keeper
from rnncourse.grading.judge.cells import bound_by, compiled, imports_of, statements, uses
from rnncourse.grading.judge.clock import clock, over_time
from rnncourse.grading.judge.conversation import Fault, OverTime
from rnncourse.grading.judge.failure import hidden_lines, hint_of, line_of, message_of, without_hidden
from rnncourse.grading.judge.folder import FOLDER
from rnncourse.grading.judge.handle import Function, Handle
from rnncourse.grading.judge.lab import Importer
from rnncourse.grading.judge.names import Lost, Main, Names
from rnncourse.grading.judge.outcome import BEGIN, Outcome
from rnncourse.grading.judge.outputs import clean
from rnncourse.grading.judge.reference import Reference
from rnncourse.grading.judge.refused import refused
from rnncourse.grading.judge.remote import Student
from rnncourse.grading.judge.seeing import source_of

KEPT_OUTPUTS = 4 << 20  # characters of all outputs of a notebook


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
    signal.signal(signal.SIGALRM, over_time)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    job["refused"] = refused(job)
    slow: dict[str, int] = {}
    if job.get("recording"):
        emit({"licence": sorted(once(job, keeper, lambda outcome: None, lambda index: 1, slow) or ())})
        return
    if last < hidden and not any(cell["uses"] for cell in cells):

        def both(outcome) -> None:
            emit(outcome)
            if type(outcome) is Outcome and outcome.index < hidden:
                emit(replace(outcome, shown=True))

        once(job, keeper, both, lambda index: int(index >= hidden), slow)
        return

    def to_tell(outcome) -> None:
        emit(replace(outcome, shown=True) if type(outcome) is Outcome else outcome)

    told = [cell | {"source": without_hidden(cell["source"])} for cell in cells[: last + 1]]
    # what the lab's own functions say, where they stand in, is not told
    once(job | {"cells": told, "told": True}, keeper, to_tell, lambda index: 0, slow)
    once(job, keeper, emit, lambda index: 1, slow)


def _speaks(cell: dict) -> bool:
    """Whether a cell can tell the student anything when it runs without its hidden tests."""
    if cell["kind"] == "text" or not cell["is_code"]:
        return False
    source = without_hidden(cell["source"]) if cell["kind"] == "test" else cell["source"]
    return any(line.strip() and not line.strip().startswith("#") for line in source.splitlines())


def once(job: dict, keeper: Keeper, emit, stage, slow: dict[str, int]) -> set[str] | None:
    """One run from the first cell to the last that shows something about the student.

    Returns what its tests have done with objects.
    """
    student = Student(keeper, job, slow)
    importer = Importer(job["theirs"])
    names = Names(student, importer)
    reference = Reference(job, names)
    failed: dict[str, str] = {}  # why a name of the student's is missing, by name
    kept = 0
    # what the lab does after its last cell of theirs, or its last test, shows nothing about the student
    last = max(
        (i for i, cell in enumerate(job["cells"]) if cell["kind"] not in ("instructor", "text")), default=-1
    )

    def seconds():
        return clock(min(job["timeout"], student.end - time.monotonic()))

    with _folder(job), importer:
        FOLDER.look(importer)
        sys.modules["__main__"], inspect.getsource = Main(names), source_of
        student.handover.know_files()
        for index, cell in enumerate(job["cells"][: last + 1]):
            if cell["kind"] == "text" or not cell["is_code"]:
                continue
            place = [stage(index), index]
            emit(place)
            with contextlib.suppress(OverTime), clock(student.end - time.monotonic()):
                student.begin(cell["id"] or str(index))
            outcome = Outcome(index)
            stuck = f"ran over {job['timeout']:g} s" if place in job["stuck"] else ""
            if cell["kind"] == "test":
                if stuck:
                    student.fail(stuck)
                in_the_way = reference.in_the_way(cell)
                if slow_ones := [name for name in in_the_way if name in slow]:  # and won't end here either
                    why = f"{slow_ones[0]} ran over its time in an earlier test"
                    where = "hidden" if hidden_lines(cell["source"]) else "visible"
                    outcome = Outcome(index, score=0.0, fault=why, message=why, where=where)
                else:
                    outcome = test(index, cell, names, student, failed)
                if in_the_way and not stuck and outcome.score < cell["points"] and "told" not in job:
                    outcome = again(outcome, cell, names, student, reference, in_the_way)
                reference.note(cell, outcome.score >= cell["points"])
                names.run(imports_of(cell["source"]) if outcome.where else [], label(cell), seconds)
                names.lose(bound_by(cell["source"]), Lost(label(cell), None, bool(outcome.where)))
            else:
                theirs = cell["kind"] != "instructor"
                asked_for = names.theirs.union(cell["defines"] if theirs else ())
                try:
                    reason = stuck or job["refused"].get(index)
                    if isinstance(reason, str) and reason:
                        raise Fault(reason)
                    with clock(student.deadline - time.monotonic()):  # to read what came can take long, too
                        outputs = (
                            [reason] if reason else student.run(cell["source"], theirs, asked_for, index)
                        )
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
                    if cell["kind"] == "solution":
                        reference.begin(cell)
                    if why := outcome.fault or (outcome.error and repr(outcome.error)):
                        failed |= dict.fromkeys(cell["defines"], f"the cell {cell['id']} failed: {why}")
                elif stuck:
                    names.lose(bound_by(cell["source"]), Lost(label(cell), None, True))
                elif not _is_demo(cell["source"], names):
                    names.run(statements(cell["source"]), label(cell), seconds)
            emit(outcome)
        student.drop()
    return student.licence.met


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
    _seed(student.job["seed"], cell["id"])
    error, score, message, person, tree = None, 0.0, "", "", ast.Module([], [])
    names.missing = ""
    try:
        tree, body, last = compiled(source, "<test>")
        if not student.fault:  # nothing can be earned where there is no process to ask
            student.handover.begin(names)
            with clock(student.deadline - time.monotonic()):
                exec(body, names)
                value = eval(last, names) if last else None
                score, message, person = _earned(value, tree.body[-1:], points)
    except BaseException as caught:  # a test may fail in any way
        error = caught
    student.handover.end()
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
    if student.note:
        message = f"{message} ({student.note})"
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
        message=message, hint=hint_of(tree, line, error, source), kind=kind, at=_at(error),
    )  # fmt: skip


def again(outcome: Outcome, cell: dict, names: Names, student: Student, reference: Reference,
          in_the_way: list[str]) -> Outcome:  # fmt: skip
    """A test that failed, once more with the lab's own functions in the place of those that failed before
    and that the answer calls; what came of it if it earns more then, or fails of itself.
    """
    try:
        with clock(student.end - time.monotonic()):
            student.begin(cell["id"])
            functions = reference.functions(in_the_way, outcome.index)
            with reference.instead(functions, student.handover):
                second = test(outcome.index, cell, names, student, {})
    except (Fault, Exception):  # no process can be had for it, or the lab's own answers don't run
        return outcome
    if second.score > outcome.score:
        return replace(second, rests=in_the_way)
    return outcome if second.fault else second


def _at(error: BaseException | None) -> list[int]:
    """The cell and the line of the student's where an error comes from, as far as it came from there."""
    while error and not getattr(error, "at", None):
        error = error.__cause__ or error.__context__
    return error.at if error else []


NOWHERE = "is bound by no cell before it"
HOW_TO_END = "let it end with the points, a real number, or with no value (;)"
CURE = "bind it in this cell, a locked one or a module beside the lab; a student's, in a solution cell"


def _earned(value, last: list[ast.stmt], points: float) -> tuple[float, str, str]:
    """What a test's last value gives: points, what to say of them, and what a person should see to.

    As in nbgrader no value and words alone, a text that stands there, give all; a number is the points.
    nbgrader gives all for whatever else there is: here that is an answer nobody has thought of.
    """
    words = last and isinstance(getattr(last[0], "value", None), (ast.Constant, ast.JoinedStr))
    if value is None or (words and isinstance(value, str)):
        return points, "", ""
    if type(value) in (Handle, Function):
        came = "the test ends with a value of type object, one of the student's"
        return 0.0, came, f"{came}: {HOW_TO_END}"
    if getattr(value, "shape", None) == ():  # NumPy's and torch's scalars
        value = value.item()
    if isinstance(value, bool):
        return points * value, "" if value else "the test ends with False", ""
    if not isinstance(value, (numbers.Real, decimal.Decimal)):
        came = f"the test ends with a value of type {type(value).__name__}"
        return 0.0, came, f"{came}: {HOW_TO_END}"
    score = float(value)
    score = min(max(score, 0.0), points) if math.isfinite(score) else 0.0
    return score, "" if score == points else f"{float(value):g}: {score:g} of {points:g} points", ""


def _is_demo(source: str, names: Names) -> bool:
    """Whether a cell of the lab only shows what students wrote: it binds and fills nothing, so tests can't
    need it.
    """
    used, changed = uses(source)
    fills = {name for name, value in dict.items(names) if type(value) in (list, dict, set)}
    return changed is not None and not used.isdisjoint(names.theirs) and changed.isdisjoint(fills)


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
