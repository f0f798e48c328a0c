"""Inside the sandbox: the student's process, which answers one request at a time. Nothing here is trusted
once a cell has run.

It runs a cell in IPython's shell, gets, sets or deletes a name, calls a function, and does with an object
what a test does with it.
"""

import builtins
import contextlib
import os
import random
import signal
import socket
import sys
import tempfile
import threading
import traceback
import warnings
from pathlib import Path

import numpy as np
import numpy.random

from rnncourse.grading.cell import forbid
from rnncourse.grading.cell.objects import OPERATIONS, Objects, lineage
from rnncourse.grading.cell.shell import KEPT_OUTPUTS, KEPT_TEXT, make_shell, text_of
from rnncourse.grading.changes import Changes, result
from rnncourse.grading.shared import listing, writes
from rnncourse.grading.wire import NotPlain, Wire, decode, encode

KEPT_FILES, KEPT_IN_FILES = 200, 16 << 20  # files that go to a test at once, and bytes of one and of all
KEPT_WARNINGS = 50  # of a call
HELD = 100  # things of a test's that are looked after
_ATOMS = (type(None), bool, int, float, complex, str)
_CHANGING = (list, dict, set, bytearray, np.ndarray)


def live(sock: socket.socket) -> None:
    """Answer over the socket until killed."""
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(null, stream)
        os.dup2(sock.detach(), 3)
        os.closerange(4, 4096)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        random.seed()
        np.random.seed()
        if "torch" in sys.modules:
            sys.modules["torch"].default_generator.seed()
        Child(Wire(socket.socket(fileno=3))).serve()
    finally:
        os._exit(0)


class Child:
    def __init__(self, wire: Wire):
        self.wire, self.shell = wire, make_shell()
        self.objects = Objects(self.shell.user_ns, self.call_back)
        self.number = 0  # of the request in hand
        self.changes = Changes(self.objects.refer)
        self.held: dict[int, tuple] = {}  # what a test has handed over and somebody keeps, as it was
        self.runs, self.cells = 0, {}  # cells that ran, and which of them has the code of a file's name
        self.room = {"stdout": KEPT_TEXT, "stderr": KEPT_TEXT}
        self.thrown: dict[int, BaseException] = {}  # by the test's own functions, by its key
        self.warned: list | None = None  # what a function warns of while a test calls it
        self.heard: list = []  # and when the call is over
        self.files: dict[str, tuple] | None = None  # of the lab's folder, as they were at the last look
        self.touched = False  # whether somebody may have written into it since
        self.show_warning, warnings.showwarning = warnings.showwarning, self.warn
        self.nobody_answers, builtins.input = builtins.input, self.input
        self.is_somebody_there = False
        folder = os.environ.get("TMPDIR")
        self.streams = [tempfile.TemporaryFile(dir=folder) for _ in range(2)]  # noqa: SIM115 (as long as the process)
        for number, stream in enumerate(self.streams, 1):
            os.dup2(stream.fileno(), number)
        sys.stdout, sys.stderr = map(_stream, (1, 2))

    def serve(self) -> None:
        while True:
            self.answer(decode(self.wire.receive(), self.objects.resolve))

    def answer(self, message: tuple) -> None:
        outer = self.number
        self.number, released, operation, *arguments = message
        self.objects.release(released)
        try:
            reply = getattr(self, operation)(*arguments)
            data = self.encoded(reply)
        except NotPlain as error:
            data = self.encoded(("opaque", str(error)[:200]))
        except BaseException as error:
            data = self.encoded(self.raised(error))
        self.wire.send(data)
        self.number = outer

    def encoded(self, reply: tuple) -> bytes:
        return encode((self.number, *reply), self.objects.refer)

    def start(self, files: dict, together: bool) -> tuple:
        """Have the lab's files; `together` with the trusted side, whose folder is another, from here on."""
        for name, content in files.items():
            _write(name, content)
        if together:
            self.files = listing(KEPT_FILES)
            sys.addaudithook(self.watch)
        sys.path.insert(0, "")  # as a kernel has it
        forbid.active = True
        return ("done",)

    def run(self, source: str, is_theirs: bool, names: list[str]) -> tuple:
        """The cell's outputs, which of `names` are functions after it, and what else came of it."""
        self.shell.kept = kept = []
        self.shell.printed = lambda: kept.extend(self.printed() if len(kept) < KEPT_OUTPUTS else ())
        self.room = {"stdout": KEPT_TEXT, "stderr": KEPT_TEXT}
        forbid.active = is_theirs
        before = {} if is_theirs else dict(self.shell.user_ns)
        try:
            self.shell.run_cell(source, store_history=True)
        finally:
            forbid.active = True
            self.runs += 1
            for file in getattr(self.shell.compile, "_filename_map", {}):
                self.cells.setdefault(file, self.runs)
        if not is_theirs:
            self.objects.learn(before)
        outputs, found = kept[:KEPT_OUTPUTS] + self.printed(), self.shell.user_ns
        functions = {name: found[name] for name in names if name in found and callable(found[name])}
        return "ran", outputs, functions, self.written()

    def get(self, name: str) -> tuple:
        if name not in self.shell.user_ns:
            return ("missing",)
        return "value", self.shell.user_ns[name]

    def share(self, names: dict, gone: list, files: dict, states: dict, is_somebody_there: bool) -> tuple:
        """Have what a test has set, deleted, written and seeded."""
        for name in [*names, *gone]:
            if name in self.shell.user_ns:
                self.objects.ours.setdefault(
                    name, self.shell.user_ns[name]
                )  # as the lab's, it has this name
        self.shell.user_ns.update(names)
        for name in gone:
            self.shell.user_ns.pop(name, None)
        for name, content in files.items():
            _write(name, content)
        if files:
            self.files, self.touched = listing(KEPT_FILES), False
        for library, state in states.items():
            _SET_STATE[library](state)
        self.is_somebody_there = is_somebody_there
        return ("done",)

    def module(self, name: str) -> tuple:
        return "value", __import__(name, fromlist=["_"])

    def do(self, operation: str, *arguments) -> tuple:
        """The result of an operation, and what else came of it."""
        with self.listening():
            value = OPERATIONS[operation](*arguments)
        return "did", value, self.aside()

    def call(self, function, arguments: tuple, keywords: dict) -> tuple:
        """The result, and the arguments that the function changed, for the tests must see that too."""
        given = [*arguments, *keywords.values()]
        before = [sys.getrefcount(value) for value in given]
        with self.listening():
            value, changed, same = self.changes.of(function, arguments, keywords)
        aside = self.aside()
        for i, thing in enumerate(given):
            # somebody has it still, an object that was made of it for one: a test sees what becomes of it
            if type(thing) in _CHANGING and sys.getrefcount(thing) > before[i] and len(self.held) < HELD:
                key = len(self.held)
                self.held[key] = thing, self.changes.frozen(thing)
                aside.setdefault("held", {})[i] = key
        return "value", value, changed, same, aside

    # --- what a function does beside what it returns ---

    @contextlib.contextmanager
    def listening(self):
        """Keep what is printed and what is warned of for the test."""
        outer = self.warned
        self.room = {"stdout": KEPT_TEXT, "stderr": KEPT_TEXT}
        self.warned = []
        warnings.simplefilter("always")
        always = warnings.filters[0]
        try:
            yield
        finally:
            with contextlib.suppress(ValueError):
                warnings.filters.remove(always)
            self.heard, self.warned = self.warned, outer

    def warn(self, message, category, filename, lineno, file=None, line=None) -> None:
        if self.warned is None:
            self.show_warning(message, category, filename, lineno, file, line)
        elif len(self.warned) < KEPT_WARNINGS:
            self.warned.append((str(message)[:2000], lineage(category), str(filename)[:300], int(lineno)))

    def aside(self) -> dict:
        """What came of a call beside its result, since the last look."""
        came, self.heard = {"printed": self.printed(), "warned": self.heard, "files": self.written()}, []
        came["altered"] = {
            key: thing for key, (thing, old) in self.held.items() if self.changes.frozen(thing) != old
        }
        for key, thing in came["altered"].items():
            self.held[key] = thing, self.changes.frozen(thing)
        return {key: value for key, value in came.items() if value}

    def printed(self) -> list[dict]:
        """What was written to the streams since the last look."""
        outputs = []
        for name, stream in zip(("stdout", "stderr"), self.streams, strict=True):
            with contextlib.suppress(Exception):
                getattr(sys, name).flush()
            size, room = os.fstat(stream.fileno()).st_size, self.room[name]
            if size:
                text = os.pread(stream.fileno(), room, 0).decode(errors="replace")
                text += "\n… cut here …\n" if size > room > 0 else ""
                outputs += [{"output_type": "stream", "name": name, "text": text}] if text else []
                self.room[name] = max(0, room - size)
                os.ftruncate(stream.fileno(), 0)
                os.lseek(stream.fileno(), 0, os.SEEK_SET)
        return outputs

    def watch(self, event: str, arguments: tuple) -> None:
        self.touched |= writes(event, arguments)

    def written(self) -> dict:
        """The files of the lab's folder that were written or, as None, removed since the last look."""
        if not self.touched or self.files is None:
            return {}
        before, self.files, self.touched = self.files, listing(KEPT_FILES), False
        changed = [name for name, mark in self.files.items() if before.get(name) != mark]
        found, room = dict.fromkeys(before.keys() - self.files), KEPT_IN_FILES
        for name in changed:
            with contextlib.suppress(OSError):
                content = np.fromfile(name, np.uint8) if self.files[name][1] <= room else None
                if content is not None:
                    room -= content.size
                    found[name] = content
        return found

    def raised(self, error: BaseException) -> tuple:
        """What is to be said of an error: its class, words, line, itself, its arguments, and whose it is."""
        at = []
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in self.cells:
                at = [self.cells[frame.f_code.co_filename], int(line)]
        key = next((key for key, thrown in self.thrown.items() if thrown is error), None)
        arguments = tuple(item for item in error.args[:10] if type(item) in _ATOMS)
        is_plain = arguments == error.args and len(encode(arguments)) < 4000
        own = isinstance(error, Exception) and type(error).__module__ != "builtins"
        return (
            "raised", lineage(type(error)), text_of(error), at, (error, type(error)) if own else None,
            arguments if is_plain else (text_of(error),), key, self.aside(),
        )  # fmt: skip

    # --- functions of the test's ---

    def call_back(self, key: int, arguments: tuple, keywords: dict):
        """Ask the trusted side, and do meanwhile what it asks."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("a function of the test's can be called from the main thread alone")
        number, asked = self.number, ("calls", key, arguments, keywords, self.printed())
        self.wire.send(encode((number, *asked), self.objects.refer))
        while True:
            message = decode(self.wire.receive(), self.objects.resolve)
            if message[2] == "returned":
                return result(*message[3:], [*arguments, *keywords.values()])
            if message[2] == "threw":
                _, _, _, names, words, key = message
                base = next(
                    (getattr(builtins, n) for n in names if isinstance(getattr(builtins, n, None), type)),
                    Exception,
                )
                self.thrown[key] = error = base.__new__(base)
                error.args = (words,) if words else ()
                raise error
            self.answer(message)
            self.number = number

    def input(self, prompt="", *arguments, **keywords):
        if not self.is_somebody_there:
            return self.nobody_answers(prompt)
        return self.call_back(-1, (str(prompt),), {})


def _set_torch(state) -> None:
    if "torch" in sys.modules:
        sys.modules["torch"].set_rng_state(state)


_SET_STATE = {
    "numpy": lambda state: np.random.set_state(state),
    "python": lambda state: random.setstate(state),
    "torch": _set_torch,
}


def _write(name: str, content) -> None:
    path = Path(name)
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.tobytes())


def _stream(descriptor: int):
    return open(descriptor, "w", encoding="utf-8", errors="replace", closefd=False)
