"""The names of the test cells: which are the lab's, which the student's, and why one is missing."""

import builtins
import sys
import types
from dataclasses import dataclass

from rnncourse.grading.judge.handle import Function
from rnncourse.grading.judge.lab import Importer, Shell, StudentsFile
from rnncourse.grading.judge.remote import Student
from rnncourse.grading.judge.seeing import SEEING


class Main(types.ModuleType):
    """`__main__`, as `unittest.mock.patch` and `import __main__` see it."""

    def __init__(self, names: "Names"):
        super().__init__("__main__")
        self.__dict__["names"] = names

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.names:  # libraries look for __file__ and the like
            raise AttributeError(name)
        return self.names[name]

    def __setattr__(self, name, value):
        self.names[name] = value

    def __delattr__(self, name):
        del self.names[name]


class Names(dict):
    """The names of the test cells: the instructor's here, and over there those that solution cells define.

    Any other name that is missing here is missing: a student who knew it would be asked for what the lab
    compares with.
    """

    def __init__(self, student: Student, importer: Importer):
        from IPython.display import display

        shell = Shell(self, importer)
        super().__init__(
            __name__="__main__", __builtins__=builtins, display=display, get_ipython=lambda: shell
        )
        self.student, self.theirs = student, set()
        self.plots: dict[
            str, object
        ] = {}  # names of pyplot, whose figures are the student's while a test runs
        self.lost: dict[str, Lost] = {}  # names that the lab binds, and that could not be bound
        self.missing = ""  # the first of the lab's names that the test in hand asked for in vain

    def hand_over(self, names: list[str]) -> None:
        """From here on these are the student's."""
        self.theirs.update(names)
        for name in names:
            dict.pop(self, name, None)

    def run(self, statements: list[tuple], cell: str, seconds, solution: bool = False) -> None:
        """Run a cell of the lab on this side, statement by statement, for the names that it binds.

        `statements` are pairs of code and the names that it binds; `seconds()` is a context in which one
        may run. Where one fails the next is run all the same: what the failed one would have bound is lost.
        What a `solution` imports from a file that the student handed in is the student's.
        """
        for code, bound in statements:
            asked, error = self.student.asked, None
            try:
                with seconds():
                    exec(code, self)
            except BaseException as caught:  # it may fail in any way
                error = caught
            if solution and isinstance(error, StudentsFile):
                self.hand_over(bound)
            else:
                self.lose(bound, Lost(cell, error, self.student.asked > asked))
            for name in bound:
                self._note_class(dict.get(self, name))

    def _note_class(self, value) -> None:
        """A class that a cell of the lab defines is there on both sides."""
        if type(value) is not Function and isinstance(value, type) and value.__module__ == "__main__":
            self.student.handover.classes[value.__qualname__] = value
            if issubclass(value, Exception):
                self.student.errors.of_lab[value.__qualname__] = value

    def lose(self, bound: list[str], lost: "Lost") -> None:
        """Remember why those of the names that are not here are missing."""
        for name in bound:
            if dict.__contains__(self, name):
                self.lost.pop(name, None)
            else:
                self.lost[name] = lost

    def __contains__(self, name):
        return (
            super().__contains__(name)
            or name in self.plots
            or (name in self.theirs and self.student.knows(name))
        )

    def get(self, name, default=None):
        if name not in self:
            return default
        return self[name]

    def __missing__(self, name):
        if name in self.theirs:
            return self.student.get(name)
        if name in self.plots:
            is_test = self.student.handover.names is not None
            return self.student.module(self.plots[name].__name__) if is_test else self.plots[name]
        if name in SEEING:
            return SEEING[name]
        if hasattr(builtins, name):
            return getattr(builtins, name)
        self.missing = self.missing or name
        raise KeyError(name)

    def __setitem__(self, name, value):
        self.plots.pop(name, None)
        if type(value) is Function and value is self.student.stubs.get(value._handle_named):
            # another name for a function of the student's
            self.student.ask("share", {name: value}, [], {}, {}, False)
            self.student.stubs.pop(name, None)
            self.hand_over([name])
        elif value is sys.modules.get("matplotlib.pyplot", self):
            self.plots[name] = value
            dict.pop(self, name, None)
        else:
            super().__setitem__(name, value)

    def __delitem__(self, name):
        if dict.__contains__(self, name):
            super().__delitem__(name)
        elif self.plots.pop(name, None) is None:
            if name not in self.theirs:
                raise KeyError(name)
            self.student.get(name)
        if name in self.theirs:
            self.student.ask("share", {}, [name], {}, {}, False)
            self.student.stubs.pop(name, None)
        else:
            self.student.handover.gone.add(name)


@dataclass(frozen=True)
class Lost:
    """Why a name is missing: the cell that would have bound it, and what that failed with."""

    cell: str
    error: BaseException | None
    by_student: bool  # what the student wrote had a part in it

    def __str__(self):
        if self.error is None or self.by_student:  # whose words the error may bear
            return f"is bound by {self.cell}, which did not come so far"
        return f"is bound by {self.cell}, which failed here: {type(self.error).__name__}: {self.error}"[:300]
