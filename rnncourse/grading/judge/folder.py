"""The scoring process's folder and random numbers, looked on at: whether a test has written files, seeded a
library, or is about to run what a student wrote.
"""

import ast
import builtins
import os
import random
import sys

import numpy as np


class Folder:
    """Looks on, in the scoring process, at what is done to the lab's folder and to the random numbers."""

    def __init__(self):
        self.touched, self.is_looking = False, False
        self.seeded: set[str] = set()  # libraries whose numbers a test has seeded itself
        self.guarded: set[str] = set()  # files of the student's: data

    def look(self, importer) -> None:
        """From here on, in this process; `importer` is told what nothing may import."""
        self.importer = importer
        if self.is_looking:
            return
        self.is_looking = True
        sys.addaudithook(self._see)
        np.random.seed = self._noting("numpy", np.random.seed)
        np.random.set_state = self._noting("numpy", np.random.set_state)
        random.seed, random.setstate = (
            self._noting("python", random.seed),
            self._noting("python", random.setstate),
        )
        if torch := sys.modules.get("torch"):
            torch.manual_seed = self._noting("torch", torch.manual_seed)

    def guard(self, name: str) -> None:
        """A file of the student's is in the folder: nothing is unpickled or run from here on."""
        self.guarded.add(name)
        self.importer.add(name)

    def _noting(self, library: str, function):
        def seed(*arguments, **keywords):
            self.seeded.add(library)
            return function(*arguments, **keywords)

        return seed

    def _see(self, event: str, arguments: tuple) -> None:
        if event == "open":
            _, _, flags = arguments
            self.touched |= bool((flags or 0) & _WRITING)
        elif event in _CHANGES:
            self.touched = True
        if self.guarded and event in _RUNNING:
            raise RuntimeError(f"files of the student's lie in the folder, so a test does no {event}")
        if self.guarded and event == "compile" and _relative(arguments[1]) in self.guarded:
            raise RuntimeError(f"{arguments[1]} is a file of the student's: nothing of it runs here")
        if event == "compile" and sys._getframe(1).f_code.co_filename.endswith(_READS_TEXT):
            _check_formula(arguments[0])


def _check_formula(text) -> None:
    """SymPy runs what it is given as text; a test may give it what a student's function returned.

    Raises:
        ValueError: it is more than a formula.
    """
    source = text.decode() if isinstance(text, bytes) else text
    if not isinstance(source, str):  # a tree that was made of a text, which was seen
        return
    for node in ast.walk(ast.parse(source)):
        name = getattr(node, "attr", getattr(node, "id", ""))
        called = callable(getattr(builtins, name, None)) and name not in _IN_FORMULAS
        if "__" in name or (isinstance(node, ast.Name) and called):
            raise ValueError(f"{name} in a text that SymPy is to read as a formula")


_READS_TEXT = ("sympy_parser.py", "lambdify.py")
_IN_FORMULAS = {
    "abs",
    "max",
    "min",
    "pow",
    "round",
    "sum",
    "len",
    "range",
    "int",
    "float",
    "complex",
    "tuple",
    "list",
}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink",
    "shutil.copyfile", "sqlite3.connect",
}  # fmt: skip
_RUNNING = {
    "pickle.find_class", "subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork",
    "os.forkpty", "ctypes.dlopen",
}  # fmt: skip


def _relative(path) -> str:
    try:
        return os.path.relpath(os.fsdecode(path))
    except (TypeError, ValueError):
        return ""


FOLDER = Folder()  # of this process
