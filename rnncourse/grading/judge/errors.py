"""Errors and warnings that were raised in the student's process, as classes that a test can catch here."""

import builtins
import sys

EXCEPTIONS = {
    name: kind for name, kind in vars(builtins).items()
    if isinstance(kind, type) and issubclass(kind, Exception)
    and not issubclass(kind, (StopIteration, UnicodeError, Warning, ExceptionGroup))
}  # fmt: skip


class Errors:
    """The classes of one student's errors: built in, a library's, the lab's, or made here for the student's
    own.
    """

    def __init__(self):
        self.made: dict[tuple, type] = {}  # by module and name
        self.of_lab: dict[str, type] = {}

    def of(self, names: list, number: int | None = None) -> type:
        """The class with this lineage, pairs of a module and a name, which goes by `number` over there.

        Raises:
            ValueError, TypeError: it is no lineage.
        """
        if not names:
            return Exception
        (module, name), *rest = names
        if type(module) is not str or type(name) is not str:
            raise TypeError("a lineage of other things")
        if module == "builtins":
            return EXCEPTIONS[name] if name in EXCEPTIONS else self.of(rest)
        if module == "__main__" and name in self.of_lab:
            return self.of_lab[name]
        if known := _of_a_library(module, name):
            return known
        made = self.made.get((module, name))
        if made is None:
            parts = {"__module__": "__main__", "__str__": _said, "__getattr__": _asked, "number": None}
            made = self.made[module, name] = type(name[:80], (self.of(rest),), parts)
        if number is not None:
            made.number = number
        return made

    def error(self, names: list, words: str, itself, arguments: tuple) -> Exception:
        """One of that class, with these arguments; `itself` is the student's own and its class, if there is
        more to ask it.
        """
        kind = self.of(names)
        error = kind.__new__(kind, *arguments) if kind in EXCEPTIONS.values() else kind.__new__(kind)
        error.args = arguments
        # no StopIteration comes of itself: it would end a loop of the test's, and pass for its end
        error.ends = names[:1] == [["builtins", "StopIteration"]]
        if kind in self.made.values() and type(itself) is tuple and len(itself) == 2:
            error.__dict__ |= {"said": words, "itself": itself[0]}
        return error

    def warning(self, names: list) -> type:
        """The class of a warning with this lineage: built in, or a library's."""
        for module, name in names:
            kind = getattr(builtins, name, None) if module == "builtins" else _of_a_library(module, name)
            if isinstance(kind, type) and issubclass(kind, Warning):
                return kind
        return UserWarning


_NOT_FROM_THERE = {
    "rnncourse", "__main__", "builtins", "unittest", "pytest", "_pytest", "hypothesis", "nose", "doctest",
    "bdb",
}  # fmt: skip


def _of_a_library(module: str, name: str) -> type | None:
    """A class of errors of a library that is imported here, but for the grader's own, and those by which
    one ends a test without failing it.
    """
    if module.partition(".")[0] in _NOT_FROM_THERE:
        return None
    kind = vars(sys.modules[module]).get(name) if module in sys.modules else None
    is_error = isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, StopIteration)
    return (
        kind
        if is_error and kind.__new__ in (Exception.__new__, *(base.__new__ for base in EXCEPTIONS.values()))
        else None
    )


def _said(self) -> str:
    return self.__dict__.get("said") or Exception.__str__(self)


def _asked(self, name: str):
    if name.startswith("__") or "itself" not in self.__dict__:
        raise AttributeError(name)
    return getattr(self.__dict__["itself"], name)
