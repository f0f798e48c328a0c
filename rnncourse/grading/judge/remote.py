"""The student's process as the trusted side sees it: requests over the wire, and what comes of them.

Whatever the other side does wrong (dies, hangs, says what it was not asked for, sends what is not plain) is
a `Fault`.
"""

import ast
import contextlib
import os
import signal
import sys
import time
import warnings
import weakref
from collections.abc import Iterable

import numpy as np

from rnncourse.grading.cell.sandbox import Keeper, NoIsolation
from rnncourse.grading.changes import ReadOnly, result, write_back
from rnncourse.grading.judge.errors import EXCEPTIONS, Errors
from rnncourse.grading.judge.handle import NO_OBJECT, Function, Handle
from rnncourse.grading.judge.handover import Handover
from rnncourse.grading.judge.licence import Licence
from rnncourse.grading.judge.outcome import KEPT
from rnncourse.grading.judge.source import parsed
from rnncourse.grading.wire import Gone, Malformed, NotPlain, Wire, decode, encode

MAX_HANDLES, MAX_CALLS, MAX_DEPTH = (
    100_000,
    100_000,
    30,
)  # of a process at once; of the test's functions, a cell
USED_UP = "the notebook's time is used up"
NO_ANSWER = "the process sent what is no answer"
NOT_PLAIN = "not a plain value, an array or a tensor, which is all that can come back"


class Fault(BaseException):
    """The student's side did not keep to the rules; no `except Exception` of a test may take it for an
    answer.
    """


class OverTime(Fault):
    """The cell took longer than it may."""


class Student:
    """The student's process as this side sees it; a new one takes its place when it is gone."""

    def __init__(self, keeper: Keeper, job: dict, slow: dict[str, int] | None = None):
        """`slow` says how often each function or cell has run over its time, in this run and before."""
        self.keeper, self.job, self.wire = keeper, job, None
        self.slow = {} if slow is None else slow
        self.history: list[tuple] = []  # requests that bring a new process to where the notebook is
        self.ran: list[int | None] = []  # which cell of the notebook each was that ran there
        self.end = time.monotonic() + job["notebook_timeout"]
        self.deadline, self.number, self.forks = self.end, 0, 0
        self.asked = 0  # so many times
        # what went wrong in this cell; and the same without a word that the student can choose
        self.fault = self.public = ""
        self.note = ""  # what to say beside a test's own words if it fails
        self.stubs: dict[str, Handle] = {}  # the functions that this cell has asked for by name
        self.bound: dict[str, Handle] = {}  # those that are there since the last request, a run
        self.handles: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()
        self.released: list[int] = []  # numbers of those that nobody has any more
        self.depth = self.calls = 0  # of the test's functions
        self.thrown: list[BaseException] = []  # by them
        self.held: dict[int, object] = {}  # things of a test's that an object over there keeps
        self.licence = Licence(job)
        self.errors = Errors()
        self.handover = Handover(self)

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
        _, value, aside = self.ask("do", operation, *arguments)
        self.hear(aside)
        return value

    def source(self, name: str) -> str:
        """The student's source of a function or a class, as it was handed in.

        Raises:
            OSError: no cell that ran defines it.
        """
        for operation, source, *_ in reversed(self.history):
            nodes = parsed(source).body if operation == "run" else []
            for node in reversed(nodes):
                if isinstance(node, _DEFINING) and node.name == name:
                    first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
                    return "\n".join(source.splitlines()[first - 1 : node.end_lineno]) + "\n"
        raise OSError(f"could not get the source code of {name}")

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

    def ask(self, *request) -> tuple:
        """A request's reply; meanwhile the student's code may call the test's functions."""
        self.asked += 1
        if request[0] != "get":  # which alone leaves all as it is
            self.bound = {}
        if self.wire is None:
            raise self.fail("the student's process is gone")
        self.number = number = int.from_bytes(
            os.urandom(6), "little"
        )  # which no reply sent in advance can know
        released, self.released, asleep, depth = self.released, [], False, self.depth
        try:
            if not self.wire.is_quiet():
                raise Malformed("a message nobody asked for")
            asleep = True
            self.wire.send(encode((number, released, *request), self.handover.refer), self.deadline)
            while True:
                reply = decode(self.wire.receive(self.deadline), self.resolve)
                if (
                    type(reply) is not tuple
                    or len(reply) < 2
                    or type(reply[0]) is not int
                    or reply[0] != number
                ):
                    raise Malformed("another number")
                if reply[1] != "calls":
                    break
                self.answer(*self.form(reply[2:], (int, tuple, dict, list)))
            asleep = False
        except NotPlain as error:
            asleep = self.depth != depth
            raise self.fail(
                f"the test hands over {error}, which can't cross to the student's process"
            ) from None
        except Gone:
            raise self.fail(self.drop() or "the process ended") from None
        except TimeoutError:
            why = USED_UP if self.deadline == self.end else f"ran over {self.job['timeout']:g} s"
            raise self.fail(self.drop() or why) from None
        except Malformed as error:
            raise self.fail(self.drop() or f"{NO_ANSWER}: {error}"[:200], NO_ANSWER) from None
        finally:
            if asleep and self.wire:  # interrupted in the middle
                self.drop()
        return self.checked(request[0], reply[1:])

    def answer(self, key: int, arguments: tuple, keywords: dict, printed: list) -> None:
        """Call a function of the test's for the student's code, and send what comes of it."""
        for output in printed:
            self.print(output)
        self.calls += 1
        if self.calls > MAX_CALLS or self.depth >= MAX_DEPTH:
            many = f"{MAX_CALLS} times" if self.calls > MAX_CALLS else f"{MAX_DEPTH} deep"
            raise self.fail(f"the test's functions were called more than {many}")
        self.depth += 1
        try:
            said = "returned", *self.handover.called(key, arguments, keywords)
        except Exception as error:
            self.thrown.append(error)
            names = [kind.__name__ for kind in type(error).__mro__ if EXCEPTIONS.get(kind.__name__) is kind]
            said = "threw", names, str(error)[:KEPT], len(self.thrown) - 1
        self.wire.send(encode((0, [], *said), self.handover.refer), self.deadline)
        self.depth -= 1

    def resolve(self, name):
        """What a name from over there is here: a handle, a function of the test's, or a class of errors."""
        try:
            kind, *path = name
            if kind == "object":
                number, sort, words, *of_error = path
                if sort == "exception":
                    return self.errors.of(*of_error, number=number)
                found = self.handles.get(self.form([number, words], (int, str))[0])
                if found is None:
                    if len(self.handles) >= MAX_HANDLES:
                        raise Malformed(f"more than {MAX_HANDLES} objects")
                    made = Handle if sort == "object" else Function
                    found = self.handles[number] = made._handle_of(self, number, sort, words[:80])
                return found
            if kind == "callback":
                return self.handover.functions[path[0]]
            if kind == "instance":
                return self.handover.instance(*path)
            if kind == "masked":
                if not self.licence.allows("masked"):  # what a mask hides differs from nothing
                    raise self.fail(f"{NO_OBJECT} (a masked array)", NO_OBJECT)
                return np.ma.MaskedArray(*self.form(path, (np.ndarray, np.ndarray)))
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise Malformed(f"{type(error).__name__}: {error}") from None
        raise Malformed(f"a name of kind {kind!r}")

    @staticmethod
    def form(parts, kinds: tuple):
        """The parts of a message, if they are of these types.

        Raises:
            Malformed: they are not.
        """
        if len(parts) != len(kinds) or not all(map(isinstance, parts, kinds)):
            raise Malformed("other parts")
        return parts

    def checked(self, operation: str, reply: tuple) -> tuple:
        """The reply, if its form is one that this request can have."""
        expected = {
            "start": {"done": ()}, "share": {"done": ()}, "run": {"ran": (list, dict, dict)},
            "get": {"missing": (), "value": (object,)}, "module": {"value": (Handle,)},
            "call": {"value": (object, dict, object, dict)}, "do": {"did": (object, dict)},
        }[operation] | {
            "opaque": (str,), "raised": (list, str, list, object, tuple, object, dict),
        }  # fmt: skip
        kind, rest = reply[0], reply[1:]
        form = expected.get(kind) if type(kind) is str else None
        if form is None or len(rest) != len(form) or not all(map(isinstance, rest, form)):
            self.drop()
            raise self.fail(NO_ANSWER)
        if kind == "opaque":
            raise self.fail(f"{rest[0][:200]}: {NOT_PLAIN}", NOT_PLAIN)
        if kind == "raised":
            if operation not in ("call", "do"):
                self.drop()
                raise self.fail(f"the process could not {operation}")
            names, words, at, itself, arguments, key, aside = rest
            self.hear(aside)
            if type(key) is int and 0 <= key < len(self.thrown):
                raise self.thrown[key]
            try:
                error = self.errors.error(names, words[:KEPT], itself, arguments)
            except (TypeError, ValueError, AttributeError):
                raise self.fail(NO_ANSWER) from None
            error.at = self.place(at)
            raise error
        return reply

    def place(self, at: list) -> list[int]:
        """The cell and the line in it where an error was raised, by the count of cells that ran."""
        if (
            len(at) == 2
            and all(type(n) is int for n in at)
            and 0 < at[0] <= len(self.ran)
            and 0 < at[1] < 1 << 20
        ):
            index = self.ran[at[0] - 1]
            return [] if index is None else [index, at[1]]
        return []

    def fail(self, why: str, public: str = "") -> Fault:
        self.fault, self.public = self.fault or why, self.public or public or why
        return Fault(why)

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


_DEFINING = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@contextlib.contextmanager
def _undisturbed():
    """The sandbox's replies come one for each request: no alarm may ring in between."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
