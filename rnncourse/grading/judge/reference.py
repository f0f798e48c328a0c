"""The lab's own answers, on the trusted side, in the place of a student's: one mistake costs once.

A test whose answer calls an earlier one says so (`uses` in its metadata). Where both failed it runs again,
and the earlier function is the lab's own, called back over the wire: its code stays here.
"""

import contextlib

from rnncourse.grading.judge.cells import compiled
from rnncourse.grading.judge.handover import Handover
from rnncourse.grading.judge.names import Names


class Space(dict):
    """The names of the lab's own answers: what these bind, and what the lab binds."""

    def __init__(self, names: Names):
        super().__init__(__name__="__main__", __builtins__=names["__builtins__"])
        self.names = names

    def __missing__(self, name):
        return dict.__getitem__(self.names, name)


class Reference:
    """Which of the student's functions have failed their own tests, and what stands in for them."""

    def __init__(self, job: dict, names: Names):
        self.job, self.names = job, names
        self.task: list[str] = []  # what the task in hand is there to define
        self.uses: dict[str, set[str]] = {}  # by a function: those that its tests say it calls
        self.broken: set[str] = set()
        self.space, self.done = Space(names), 0

    def begin(self, cell: dict) -> None:
        """A task's solution cell has been run."""
        self.task = cell["defines"]

    def note(self, cell: dict, is_right: bool) -> None:
        """A test of the task in hand is over."""
        for name in self.task:
            self.uses.setdefault(name, set()).update(cell["uses"])
        if not is_right:
            self.broken.update(self.task)

    def in_the_way(self, cell: dict) -> list[str]:
        """The failed functions that the answer to this test calls, by way of others too."""
        found, todo = set(), list(cell["uses"])
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self.uses.get(name, ())
        return sorted(found & self.broken - set(self.task)) if self.job["reference"] else []

    def functions(self, wanted: list[str], index: int) -> dict[str, object]:
        """The lab's own functions of these names, as the cells before `index` define them.

        Raises:
            Exception: the lab's own answers do not run.
        """
        for cell in self.job["cells"][self.done : index]:
            if cell["kind"] == "solution":
                _, body, last = compiled(self.job["reference"][cell["id"]], "<reference>")
                exec(body, self.space)
                if last:
                    eval(last, self.space)
        self.done = max(self.done, index)
        return {name: dict.__getitem__(self.space, name) for name in wanted}

    @contextlib.contextmanager
    def instead(self, functions: dict[str, object], handover: Handover):
        """With these in the place of the student's."""
        student = handover.student
        theirs = {name: student.get(name) for name in functions if student.knows(name)}
        student.ask("share", functions, [], {}, {}, False)
        student.stubs.clear()
        try:
            yield
        finally:
            for function in functions.values():
                handover.forget(function)
            if student.wire is not None:
                student.ask(
                    "share", theirs, [name for name in functions if name not in theirs], {}, {}, False
                )
            student.stubs.clear()
