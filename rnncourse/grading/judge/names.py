"""The names of the test cells: which are the lab's, which the student's, and why one is missing."""

import builtins
from dataclasses import dataclass

from rnncourse.grading.judge.lab import Importer, Shell, StudentsFile
from rnncourse.grading.judge.remote import Stub, Student


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

    def lose(self, bound: list[str], lost: "Lost") -> None:
        """Remember why those of the names that are not here are missing."""
        for name in bound:
            if dict.__contains__(self, name):
                self.lost.pop(name, None)
            else:
                self.lost[name] = lost

    def __contains__(self, name):
        return super().__contains__(name) or (name in self.theirs and self.student.knows(name))

    def get(self, name, default=None):
        if name not in self:
            return default
        return self[name]

    def __missing__(self, name):
        if name in self.theirs:
            return self.student.get(name)
        if hasattr(builtins, name):
            return getattr(builtins, name)
        self.missing = self.missing or name
        raise KeyError(name)

    def __setitem__(self, name, value):
        if type(value) is Stub:  # another name for a function of the student's
            self.student.ask("set", name, value)
            self.student.stubs.pop(name, None)
            self.hand_over([name])
        else:
            super().__setitem__(name, value)

    def __delitem__(self, name):
        if dict.__contains__(self, name):
            super().__delitem__(name)
        elif name in self.theirs:
            self.student.get(name)
            self.student.ask("delete", name)
            self.student.stubs.pop(name, None)
        else:
            raise KeyError(name)


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
