"""The student's process as the trusted side sees it: requests over the wire, and stubs of functions.

Whatever the other side does wrong (dies, hangs, says what it was not asked for, sends what is not plain) is
a `Fault`.
"""

import builtins
import contextlib
import os
import signal
import sys
import time
import types
from collections.abc import Iterable

import numpy as np

from rnncourse.grading.cell.sandbox import Keeper, NoIsolation
from rnncourse.grading.wire import Gone, Malformed, NotPlain, Wire, decode, encode

KEPT = 2000  # characters of a message
EXCEPTIONS = {
    name: kind for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
    and not issubclass(kind, (StopIteration, UnicodeError, Warning))
}  # fmt: skip
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

    def __init__(self, keeper: Keeper, job: dict):
        self.keeper, self.job, self.wire = keeper, job, None
        self.history: list[tuple[str, bool]] = []
        self.end = time.monotonic() + job["notebook_timeout"]
        self.deadline, self.number, self.forks = self.end, 0, 0
        self.asked = 0  # so many times
        # what went wrong in this cell; and the same without a word that the student can choose
        self.fault = self.public = ""
        self.stubs: dict[str, Stub] = {}  # the functions that this cell has asked for by name
        self.bound: dict[str, int] = {}  # handles of those that are there since the last request, a run

    def begin(self) -> None:
        """Start a cell with a clean sheet and a process that is where the notebook is."""
        self.fault = self.public = ""
        self.stubs = {}
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
        files = {
            name: np.frombuffer(bytes.fromhex(data), np.uint8) for name, data in self.job["files"].items()
        }
        try:
            self.ask("start", files)
        except Fault as fault:  # before a student's code has run
            if time.monotonic() >= self.end:
                raise
            raise NoIsolation(f"the lab's files can't be handed to the student's process: {fault}") from None
        for source, theirs in self.history:
            self.deadline = min(self.end, time.monotonic() + self.job["timeout"])
            self.ask("run", source, theirs, [])

    def run(self, source: str, theirs: bool, names: Iterable[str] = ()) -> list[dict]:
        """Run a cell there and return its outputs; one that kills or hangs the process is not run again in
        the next. Of `names` the functions are known then, so that a test need not ask.
        """
        _, outputs, bound = self.ask("run", source, theirs, list(names))
        self.history.append((source, theirs))
        self.bound = {
            name: handle for name, handle in bound.items() if name in names and type(handle) is int
        }
        return outputs

    def get(self, name: str):
        if name in self.stubs:
            return self.stubs[name]
        if name in self.bound:
            self.asked += 1
            return self.stubs.setdefault(name, Stub(self, self.bound[name], name))
        kind, *rest = self.ask("get", name)
        if kind == "missing":
            raise KeyError(name)
        if kind == "callable":
            return self.stubs.setdefault(name, Stub(self, rest[0], name))
        return rest[0]

    def knows(self, name: str) -> bool:
        try:
            self.get(name)
        except KeyError:
            return False
        return True

    def ask(self, *request):
        self.asked += 1
        if request[0] != "get":  # which alone leaves all as it is
            self.bound = {}
        if self.wire is None:
            raise self.fail("the student's process is gone")
        self.number = int.from_bytes(os.urandom(6), "little")  # which no reply sent in advance can know
        asleep = False
        try:
            if not self.wire.is_quiet():
                raise Malformed("a message nobody asked for")
            asleep = True
            self.wire.send(encode((self.number, *request), refer), self.deadline)
            reply = decode(self.wire.receive(self.deadline))
            asleep = False
        except NotPlain as error:
            raise self.fail(
                f"the test hands over {error}, which can't cross to the student's process"
            ) from None
        except Gone:
            raise self.fail(self.drop() or "the process ended") from None
        except TimeoutError:
            used_up = self.deadline == self.end
            raise self.fail(
                self.drop() or (USED_UP if used_up else f"ran over {self.job['timeout']:g} s")
            ) from None
        except Malformed as error:
            raise self.fail(self.drop() or f"{NO_ANSWER}: {error}"[:200], NO_ANSWER) from None
        finally:
            if asleep and self.wire:  # interrupted in the middle
                self.drop()
        if (
            type(reply) is not tuple
            or len(reply) < 2
            or type(reply[0]) is not int
            or reply[0] != self.number
        ):
            self.drop()
            raise self.fail(NO_ANSWER)
        return self.checked(request[0], reply[1:])

    def checked(self, operation: str, reply: tuple) -> tuple:
        """The reply, if its form is one that this request can have."""
        expected = {
            "start": {"done": ()}, "set": {"done": ()}, "delete": {"done": ()}, "run": {"ran": (list, dict)},
            "get": {"missing": (), "value": (object,), "callable": (int,)},
            "call": {"value": (object, dict, object)},
        }[operation] | {"opaque": (str,), "raised": (list, str)}  # fmt: skip
        kind, rest = reply[0], reply[1:]
        form = expected.get(kind) if type(kind) is str else None
        if form is None or len(rest) != len(form) or not all(map(isinstance, rest, form)):
            self.drop()
            raise self.fail(NO_ANSWER)
        if kind == "opaque":
            raise self.fail(f"{rest[0][:200]}: {NOT_PLAIN}", NOT_PLAIN)
        if kind == "raised":
            if operation != "call":
                self.drop()
                raise self.fail(f"the process could not {operation}")
            base = next(
                (EXCEPTIONS[name] for name in rest[0] if type(name) is str and name in EXCEPTIONS), Exception
            )
            raise base(rest[1][:KEPT])
        return reply

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
            return self.keeper.kill()


class Stub:
    """A function of the student's, callable from here."""

    def __init__(self, student: Student, handle: int, name: str):
        self._student, self._handle, self.__name__, self.__doc__ = student, handle, name, None

    def __getattr__(self, name):
        own = vars(self).get("__name__", "a function")  # which a copy in the making has not yet
        raise AttributeError(f"{own} is the student's: a test can call it, but not look at its {name}")

    def __call__(self, /, *arguments, **keywords):
        _, value, changed, same = self._student.ask("call", self._handle, arguments, keywords)
        given = [*arguments, *keywords.values()]
        try:
            _write_back(given, changed)
            return value if same is None else given[same]
        except ReadOnly:
            raise ValueError("assignment destination is read-only") from None
        except (TypeError, ValueError, KeyError, IndexError, AttributeError):
            raise self._student.fail(NO_ANSWER) from None

    def __repr__(self):
        return f"<{self.__name__} of the student's>"


def refer(value):
    """How to name over there what can't be sent: a student's function, or a function, class or dtype of a
    library.
    """
    if type(value) is Stub:
        return ["handle", value._handle]
    module, names = (
        getattr(value, "__module__", None),
        [getattr(value, "__qualname__", None), getattr(value, "__name__", None)],
    )
    if (
        isinstance(value, types.FunctionType)
        and value.__code__.co_filename == "<lab>"
        and value.__name__.isidentifier()
    ):
        return ["ours", value.__name__]
    if type(value).__module__ == "torch" and type(value).__name__ == "dtype":
        names = [str(value).removeprefix("torch.")]
    for place in filter(None, [module, "torch", "torch.nn.functional", "numpy"]):
        for name in filter(None, names):
            found = sys.modules.get(place)
            for part in name.split("."):
                found = getattr(found, part, None)
            if found is value:
                return ["library", place, name]
    return None


class ReadOnly(ValueError):
    """The student's function wrote into an array that is not to be written."""


def _write_back(given: list, changed: dict) -> None:
    """Make arguments what the student's function made of them: an object that was there before stays that
    object.

    `changed` has for an argument's index its value now and, for each item of a container, where among the
    arguments it stood before. All is looked up before anything is written.

    Raises:
        ReadOnly; any other error: `changed` is not what an honest process sends.
    """
    fills = []

    def write(old, new, was: dict) -> None:
        if type(old) is not type(new):
            return
        if isinstance(old, np.ndarray):
            if old.shape == new.shape and old.dtype == new.dtype and old.tobytes() != new.tobytes():
                if not old.flags.writeable:
                    raise ReadOnly
                fills.append(lambda: old.__setitem__(..., new))
        elif type(old) is list:
            items = [item(new[i], was.get(i)) for i in range(len(new))]
            fills.append(lambda: old.__setitem__(slice(None), items))
        elif type(old) is dict:
            items = {key: item(new[key], was.get(key)) for key in new}
            fills.append(lambda: (old.clear(), old.update(items)))
        elif type(old) is tuple:
            for i in range(len(new)):
                item(new[i], was.get(i))
        elif type(old).__module__.startswith("torch") and old.shape == new.shape and old.dtype == new.dtype:
            fills.append(lambda: old.detach().copy_(new.detach()))

    def item(new, was):
        """What stands there now: the object that it was before the call, with what it holds now, or a new
        one.
        """
        if was is None or was[0] is None:
            return new
        old = given
        for key in was[0]:
            old = old[key]
        write(old, new, was[1])
        return old

    for i, (new, was) in changed.items():
        write(given[i], new, was)
    for fill in fills:
        fill()


@contextlib.contextmanager
def _undisturbed():
    """The sandbox's replies come one for each request: no alarm may ring in between."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
