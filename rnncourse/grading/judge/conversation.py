"""A conversation with the student's process: requests, what it asks back meanwhile, and what a reply may be.

Whatever the other side does wrong (dies, hangs, says what it was not asked for, sends what is not plain) is
a `Fault`.
"""

import os
import time
import weakref

import numpy as np

from rnncourse.grading.judge.errors import EXCEPTIONS, Errors
from rnncourse.grading.judge.handle import NO_OBJECT, Function, Handle
from rnncourse.grading.judge.handover import Handover
from rnncourse.grading.judge.licence import Licence
from rnncourse.grading.judge.outcome import KEPT
from rnncourse.grading.wire import Gone, Malformed, NotPlain, decode, encode

MAX_HANDLES = 100_000  # of a process at once
MAX_CALLS, MAX_DEPTH = 100_000, 30  # of the test's functions, a cell
USED_UP = "the notebook's time is used up"
NO_ANSWER = "the process sent what is no answer"
NOT_PLAIN = "not a plain value, an array or a tensor, which is all that can come back"


class Fault(BaseException):
    """The student's side did not keep to the rules; no `except Exception` of a test may take it for an
    answer.
    """


class OverTime(Fault):
    """The cell took longer than it may."""


class Conversation:
    """This side of the wire to one student's process. `Student` starts and ends processes, and does here
    what a function did there beside returning.
    """

    def __init__(self, job: dict):
        self.job, self.wire = job, None
        self.end = time.monotonic() + job["notebook_timeout"]
        self.deadline, self.number = self.end, 0
        self.asked = 0  # so many times
        # what went wrong in this cell; and the same without a word that the student can choose
        self.fault = self.public = ""
        self.note = ""  # what to say beside a test's own words if it fails
        self.bound: dict[str, Handle] = {}  # functions by name that are there since the last request, a run
        self.handles: weakref.WeakValueDictionary[int, Handle] = weakref.WeakValueDictionary()
        self.released: list[int] = []  # numbers of those that nobody has any more
        self.depth = self.calls = 0  # of the test's functions
        self.thrown: list[BaseException] = []  # by them
        self.ran: list[int | None] = []  # which cell of the notebook each was that ran there
        self.licence = Licence(job)
        self.errors = Errors()
        self.handover = Handover(self)

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
