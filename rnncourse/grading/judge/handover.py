"""What both sides of a test share: names that it sets, files in the lab's folder, the state of random
numbers, and its own functions.
"""

import builtins
import contextlib
import enum
import os
import random
import sys
import types
from collections import Counter, OrderedDict, defaultdict, deque
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np

from rnncourse.grading.changes import Changes
from rnncourse.grading.judge.folder import FOLDER
from rnncourse.grading.judge.handle import Function, Handle
from rnncourse.grading.shared import held_by, is_beside, listing, made
from rnncourse.grading.wire import NotPlain, encode

KEPT_FILES, KEPT_IN_FILES = 200, 16 << 20  # of the student's in the folder, and bytes of all
LOOKED_INTO = 1 << 16  # bytes of a value that may have been changed in place since a test set it
_MISSING = object()
_NOBODY = builtins.input, sys.stdin


class Handover:
    """What goes to the student's process before a call, and comes from it after."""

    def __init__(self, student):
        self.student = student
        self.names = None  # the test cells' names; None where no test runs
        self.shared: set[str] = set(
            student.job.get("shared", ())
        )  # names that the lab's own answers read or bind
        self.before: dict[str, tuple] = {}  # of the shared, what the other side has
        self.gone: set[str] = set()  # names that the test has deleted
        self.classes: dict[str, type] = {}  # that the lab's cells define, on both sides
        self.functions: dict[int, object] = {
            -1: self.input
        }  # of the test's, by the number that the other side has
        self.numbers: dict[int, int] = {}  # and these by the functions' ids
        self.files: dict[str, tuple] = {}  # of the folder, as the other side has them
        self.states: dict[str, object] = {}  # of random numbers, as they were sent
        self.theirs: set[str] = set()  # files in the folder that the student's code wrote

    # --- to the student ---

    def begin(self, names) -> None:
        """A test begins: from here on the student's functions see what it sets."""
        self.names = names
        self.gone.clear()
        self.before = {name: self._mark(dict.get(names, name, _MISSING)) for name in self.shared}
        FOLDER.seeded.clear()
        self.states.clear()

    def end(self) -> None:
        self.names = None

    def give(self) -> None:
        """Send what has changed since the last call."""
        if self.names is None:
            return
        names, gone, states = {}, [name for name in self.gone if not dict.__contains__(self.names, name)], {}
        self.gone.clear()
        for name in self.shared:
            value = dict.get(self.names, name, _MISSING)
            mark = self._mark(value)
            if mark == self.before[name]:
                continue
            self.before[name] = mark
            if value is _MISSING:
                gone.append(name)
            elif self._can_cross(name, value):
                names[name] = value
        for library in FOLDER.seeded:
            state = _GET_STATE[library]()
            frozen = encode(state)
            if self.states.get(library) != frozen:
                self.states[library], states[library] = frozen, state
        somebody = (builtins.input, sys.stdin) != _NOBODY
        files = self._files() if FOLDER.touched and not self.student.job["cwd"] else {}
        if names or gone or states or files or somebody != getattr(self, "somebody", False):
            self.somebody = somebody
            request = "share", names, gone, files, states, somebody
            self.student.ask(*request)
            if names or gone:
                self.student.history.append(("share", names, gone, {}, {}, False))

    def _can_cross(self, name: str, value) -> bool:
        try:
            encode(value, self.refer)
            return True
        except NotPlain as error:
            self.student.note = (
                f"{name!r} is {error}: the student's functions do not see what the test has set it to"
            )
            return False

    def _mark(self, value):
        """By which one sees that a name stands for something else than before."""
        if type(value) in _CHANGING and getattr(value, "nbytes", len(value)) < LOOKED_INTO:
            with contextlib.suppress(NotPlain):
                return id(value), encode(value, self.refer)
        return id(value), b""

    def _files(self) -> dict:
        """What the lab's side has written into the folder, or removed from it, since the last look."""
        FOLDER.touched = False
        now = listing()
        found = dict.fromkeys(self.files.keys() - now)
        for path in [path for path, mark in now.items() if self.files.get(path) != mark]:
            found[path] = np.fromfile(path, np.uint8)
            self.theirs.discard(path)
        self.files = now
        return found

    def know_files(self) -> None:
        """What lies in the folder lies in the student's, too; at home it is the notebook's own."""
        if not self.student.job["cwd"]:
            self._files()

    def replayed(self) -> None:
        """A new process has none of what tests have written."""
        self.files, self.states = {}, {}
        FOLDER.touched = True

    def refer(self, value):
        """How to name over there what does not go by value: an object of the student's, a function, class or
        member of the lab's or of a library's, a function of the test's own.
        """
        kind = type(value)
        if kind in (Handle, Function):
            if value._handle_forks != self.student.forks:
                raise NotPlain("an object of a process that is gone")
            return value._handle_number
        if kind is np.ma.MaskedArray:
            return ["masked", np.ma.getdata(value), np.ma.getmaskarray(value)]
        if (
            isinstance(value, types.FunctionType)
            and value.__code__.co_filename == "<lab>"
            and value.__name__.isidentifier()
        ):
            return ["ours", value.__name__]
        if (
            isinstance(value, type)
            and getattr(value, "number", None) is not None
            and value in self.student.errors.made.values()
        ):
            return value.number
        if isinstance(value, BaseException):
            if itself := vars(value).get("itself"):
                return self.refer(itself)
            known = next(filter(None, map(_of_a_library, kind.__mro__)))
            plain = tuple(item for item in value.args if type(item) in (str, int, float, bool, type(None)))
            return ["error", known, plain]
        if isinstance(value, enum.Enum):
            return ["member", kind.__module__, kind.__qualname__, value.name]
        if isinstance(value, type) and self.classes.get(value.__qualname__) is value:
            return ["ours", value.__qualname__]
        if self._is_of_lab(kind):
            return ["instance", kind.__module__, kind.__qualname__, held_by(value)]
        if isinstance(value, types.ModuleType):
            return ["library", value.__name__, ""]
        if named := _of_a_library(value):
            return named
        if callable(value) and not isinstance(value, type):
            number = self.numbers.setdefault(id(value), len(self.numbers))
            self.functions[number] = value
            return ["callback", number, str(getattr(value, "__name__", "function"))]
        return None

    def _is_of_lab(self, kind: type) -> bool:
        return self.classes.get(kind.__qualname__) is kind or (
            kind.__module__ != "__main__" and is_beside(kind)
        )

    def instance(self, module: str, name: str, state: dict):
        """An object of a class that the lab gives, with what it holds over there."""
        kind = self.classes[name] if module == "__main__" else vars(sys.modules[module])[name]
        if module != "__main__" and not (isinstance(kind, type) and is_beside(kind)):
            raise TypeError(f"{module} is not the lab's")
        if type(state) is not dict or not all(type(key) is str for key in state):
            raise TypeError("an object holds other things")
        return made(kind, state)

    # --- from the student ---

    def called(self, number: int, arguments: tuple, keywords: dict) -> tuple:
        """What a function of the test's gives, and does to its arguments.

        Raises:
            Exception: the function's own.
        """
        if number not in self.functions:
            raise RuntimeError("a function of a test that is over")
        return Changes(self.refer).of(self.functions[number], arguments, keywords)

    def forget(self, value) -> None:
        """A function that the student's code must not call any more."""
        self.functions.pop(self.numbers.get(id(value)), None)

    @staticmethod
    def input(prompt: str) -> str:
        return builtins.input(prompt)

    def _is_data(self, path: Path, name: str) -> bool:
        """Whether a student's file may lie there: not in the place of the lab's own, nor as a module without
        a source, which an import would run.
        """
        try:
            is_ours = path.exists() and name not in self.theirs
        except OSError:  # a name that no folder can hold
            return False
        is_module = name.endswith(_WITHOUT_SOURCE) or "__pycache__" in path.parts
        return not (is_ours or is_module or path.is_absolute() or ".." in path.parts or str(path) != name)

    def take(self, files: dict) -> None:
        """Write the student's files into the folder: data, which nothing here imports or runs.

        What the lab itself has put there stays as it is.
        """
        if not files or self.student.job["cwd"]:
            return
        for name, content in list(files.items())[:KEPT_FILES]:
            if type(name) is not str or not self._is_data(Path(name), name):
                continue
            path = Path(name)
            kept = [self.files[other][1] for other in self.theirs & self.files.keys() - {name}]
            room = KEPT_IN_FILES - sum(kept) if len(kept) < KEPT_FILES else -1
            if content is None:
                with contextlib.suppress(OSError, ValueError):
                    path.unlink()
                self.files.pop(name, None)
            elif type(content) is np.ndarray and content.dtype == np.uint8 and content.size <= room:
                with contextlib.suppress(OSError, ValueError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(content.tobytes())
                    status = os.stat(path)
                    self.files[name] = status.st_mtime_ns, status.st_size, status.st_ino
                self.theirs.add(name)
                FOLDER.guard(name)


_WITHOUT_SOURCE = (*BYTECODE_SUFFIXES, *EXTENSION_SUFFIXES)
_CHANGING = (list, dict, set, np.ndarray, Counter, OrderedDict, defaultdict, deque)
_GET_STATE = {
    "numpy": lambda: np.random.get_state(),
    "python": lambda: random.getstate(),
    "torch": lambda: sys.modules["torch"].get_rng_state(),
}


def _of_a_library(value) -> list | None:
    module, names = (
        getattr(value, "__module__", None),
        [getattr(value, "__qualname__", None), getattr(value, "__name__", None)],
    )
    for place in filter(
        None, [module if module != "__main__" else None, "torch", "torch.nn.functional", "numpy"]
    ):
        for name in filter(None, names):
            found = sys.modules.get(place) if isinstance(place, str) else None
            for part in name.split(".") if isinstance(name, str) else ():
                found = getattr(found, part, None)
            if found is value:
                return ["library", place, name]
    return None
