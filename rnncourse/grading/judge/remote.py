"""The student's process as the tests have it: cells that run there, names, calls, and what comes of them.

A new process takes the place of one that is gone, and is brought to where the notebook is.
"""

import contextlib
import signal
import sys
import time
import warnings
from collections.abc import Iterable

import numpy as np

from rnncourse.grading.cell.sandbox import Keeper, NoIsolation
from rnncourse.grading.changes import ReadOnly, result, write_back
from rnncourse.grading.judge.conversation import NO_ANSWER, USED_UP, Conversation, Fault
from rnncourse.grading.judge.handle import Function, Handle
from rnncourse.grading.judge.outcome import KEPT
from rnncourse.grading.judge.source import definition
from rnncourse.grading.wire import Wire


class Student(Conversation):
    """The student's process as this side sees it; a new one takes its place when it is gone."""

    def __init__(self, keeper: Keeper, job: dict, slow: dict[str, int] | None = None):
        """`slow` says how often each function or cell has run over its time, in this run and before."""
        super().__init__(job)
        self.keeper, self.forks = keeper, 0
        self.slow = {} if slow is None else slow
        self.history: list[tuple] = []  # requests that bring a new process to where the notebook is
        self.stubs: dict[str, Handle] = {}  # the functions that this cell has asked for by name
        self.held: dict[int, object] = {}  # things of a test's that an object over there keeps

    def begin(self, cell: str = "") -> None:
        """Start a cell with a clean sheet and a process that is where the notebook is."""
        self.fault = self.public = self.note = ""
        self.stubs, self.calls, self.licence.cell = {}, 0, cell
        if self.wire is None:
            try:
                if time.monotonic() >= self.end:
                    raise self.fail(USED_UP)
                self.replay()
            except Fault:
                self.drop()
        self.deadline = min(self.end, time.monotonic() + self.job["timeout"])

    def replay(self) -> None:
        self.deadline = self.end
        with _undisturbed():
            self.wire = Wire(self.keeper.fork(self.forks == 0, self.job["limits"], self.job["forbid"]))
        self.forks += 1
        self.depth, self.held = 0, {}
        files = {
            name: np.frombuffer(bytes.fromhex(data), np.uint8) for name, data in self.job["files"].items()
        }
        try:
            self.ask("start", files, not self.job["cwd"])
        except Fault as fault:  # before a student's code has run
            if time.monotonic() >= self.end:
                raise
            raise NoIsolation(f"the lab's files can't be handed to the student's process: {fault}") from None
        if self.forks > 1:
            self.handover.replayed()
        for request in self.history:
            self.deadline = min(self.end, time.monotonic() + self.job["timeout"])
            self.ask(*request)

    def run(
        self, source: str, theirs: bool, names: Iterable[str] = (), index: int | None = None
    ) -> list[dict]:
        """Run a cell there and return its outputs; one that kills or hangs the process is not run again in
        the next. Of `names` the functions are known then, so that a test need not ask.
        """
        with self.at_most(f"cell {index}"):
            _, outputs, bound, files = self.ask("run", source, theirs, list(names))
        self.history.append(("run", source, theirs, []))
        self.ran.append(index)
        if theirs:
            self.handover.take(files)
        self.bound = {
            name: found for name, found in bound.items() if name in names and isinstance(found, Function)
        }
        for name, found in self.bound.items():
            found._handle_call_it(name)
        return outputs

    def get(self, name: str):
        """What a name stands for there.

        Raises:
            KeyError: nothing.
        """
        if name in self.stubs:
            return self.stubs[name]
        if name in self.bound:
            self.asked += 1
            return self.stubs.setdefault(name, self.bound[name])
        kind, *rest = self.ask("get", name)
        if kind == "missing":
            raise KeyError(name)
        if isinstance(rest[0], Handle):
            rest[0]._handle_call_it(name)
            if isinstance(rest[0], Function):
                return self.stubs.setdefault(name, rest[0])
        return rest[0]

    def knows(self, name: str) -> bool:
        try:
            self.get(name)
        except KeyError:
            return False
        return True

    @contextlib.contextmanager
    def at_most(self, name: str):
        """The time of one thing: half as much each time that it has run over already, so that what never
        ends costs twice a cell's time, however many tests call it.
        """
        before, share = self.deadline, self.job["timeout"] / 2 ** self.slow.get(name, 0)
        self.deadline = min(self.deadline, time.monotonic() + share)
        try:
            yield
        except Fault:
            if time.monotonic() >= self.deadline:
                self.slow[name] = self.slow.get(name, 0) + 1
            raise
        finally:
            self.deadline = before

    def call(self, function: Function, name: str, arguments: tuple, keywords: dict):
        """Call a function of the student's; what it does to its arguments is done to them here."""
        self.handover.give()
        with self.at_most(name):
            _, value, changed, same, aside = self.ask("call", function, arguments, keywords)
        given = [*arguments, *keywords.values()]
        try:
            self.held |= {key: given[i] for i, key in aside.get("held", {}).items() if type(key) is int}
        except (TypeError, IndexError, AttributeError):
            raise self.fail(NO_ANSWER) from None
        self.hear(aside)
        try:
            return result(value, changed, same, given)
        except ReadOnly:
            raise ValueError("assignment destination is read-only") from None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            raise self.fail(NO_ANSWER) from None

    def do(self, operation: str, *arguments):
        """Have an operation done there; return what it gives."""
        self.handover.give()
        with self.at_most(f"operation {operation}"):
            _, value, aside = self.ask("do", operation, *arguments)
        self.hear(aside)
        return value

    def source(self, name: str) -> str:
        """The student's source of a function or a class, as it was handed in.

        Raises:
            OSError: no cell that ran defines it.
        """
        cells = [request[1] for request in reversed(self.history) if request[0] == "run"]
        found = next(filter(None, (definition(cell, name) for cell in cells)), None)
        if found is None:
            raise OSError(f"could not get the source code of {name}")
        return found

    def module(self, name: str) -> Handle:
        """A module as the student's process has it."""
        return self.ask("module", name)[1]

    def hear(self, aside: dict) -> None:
        """Do here what a function did there beside returning: print, warn, write files.

        Raises:
            Warning: a test has made it an error.
        """
        for output in aside.get("printed", ()):
            self.print(output)
        self.handover.take(aside.get("files", {}))
        try:
            for key, new in aside.get("altered", {}).items():
                write_back([self.held[key]], {0: (new, {})})
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            raise self.fail(NO_ANSWER) from None
        for entry in aside.get("warned", ()):
            try:
                words, names, file, line = entry
                kind = self.errors.warning(names)
                place = "__main__" if file.startswith("<ipython-input") else file
                at = words[:KEPT], kind, file[:300], line
            except (ValueError, TypeError, AttributeError):
                raise self.fail(NO_ANSWER) from None
            warnings.warn_explicit(*at, module=place)

    def print(self, output) -> None:
        try:
            stream = {"stdout": sys.stdout, "stderr": sys.stderr}[output["name"]]
            stream.write(output["text"][: 1 << 17])
        except (TypeError, KeyError, AttributeError):
            raise self.fail(NO_ANSWER) from None

    def drop(self) -> str:
        """End the process; return the limit that it broke, if it did."""
        if self.wire is None:
            return ""
        with _undisturbed():
            self.wire.sock.close()
            self.wire, self.bound = None, {}
            self.handles.clear()
            self.stubs, self.released = {}, []
            return self.keeper.kill()


@contextlib.contextmanager
def _undisturbed():
    """The sandbox's replies come one for each request: no alarm may ring in between."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
