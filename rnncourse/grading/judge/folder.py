"""The scoring process's folder and random numbers, looked on at: whether a test has written files, seeded a
library, or is about to run what a student wrote.
"""

import ast
import builtins
import os
import random
import sys

import numpy as np

from rnncourse.grading.shared import writes


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
        self.touched |= writes(event, arguments)
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
    nodes = list(ast.walk(text if isinstance(text, ast.AST) else ast.parse(text)))
    words = {
        id(arg) for n in nodes if getattr(getattr(n, "func", None), "id", "") in _NAMING for arg in n.args
    }
    for node in nodes:
        name = getattr(node, "attr", getattr(node, "id", ""))
        is_called = callable(getattr(builtins, name, None)) and name not in _IN_FORMULAS
        is_within = isinstance(node, ast.Attribute) and getattr(node.value, "id", "") not in _WITH_NAMES
        value = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
        is_text = isinstance(value, (str, bytes)) and id(node) not in words
        if "__" in name or is_called or is_within or is_text or isinstance(node, ast.JoinedStr):
            raise ValueError(f"{ast.unparse(node)[:80]} in a text that SymPy is to read as a formula")


_READS_TEXT = ("sympy_parser.py", "lambdify.py")
_WITH_NAMES = {  # of which the code that SymPy writes has attributes
    "builtins", "math", "cmath", "mpmath", "numpy", "logical_and", "logical_or", "logical_xor",
}  # fmt: skip
_NAMING = {"Symbol", "Function", "Float", "Rational", "Integer"}  # for which its parser writes a text
_IN_FORMULAS = {
    "abs", "all", "any", "bool", "complex", "divmod", "float", "int", "len", "list", "max", "min", "pow",
    "range", "round", "sum", "tuple", "zip",
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
