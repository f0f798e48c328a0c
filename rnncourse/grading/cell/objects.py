"""What is no plain value, in the student's process: it stays here, and the trusted side has a number for it.

Over there a test does with the number what it would do with the object; each deed is one of `OPERATIONS`.
"""

import copy
import enum
import inspect
import operator
import sys

import numpy as np

from rnncourse.grading.shared import held_by, is_beside, made
from rnncourse.grading.wire import Instead, NotPlain, encode

MAX_OBJECTS = 100_000  # that the trusted side has numbers for at once
_STRIPPED = (int, float, complex, str, bytes, list, tuple, dict, set, frozenset, np.ndarray)


class TooMany(RuntimeError):
    """More objects than are kept for a test."""


class Objects:
    """The objects that the trusted side has numbers for, and those that it names otherwise."""

    def __init__(self, names: dict, call_back):
        self.names, self.call_back = names, call_back
        self.kept: dict[int, object] = {}
        self.numbers: dict[int, int] = {}  # by the object's id, which is its own as long as it is kept
        self.next = 0
        self.ours: dict[
            str, object
        ] = {}  # what cells of the lab bound, also where a name is another's by now
        self.is_trying = False  # whether an object's parts can all go by value
        self.functions: dict[int, object] = {}  # of the test's, by its keys
        self.keys: dict[int, int] = {}  # and these by the functions' ids

    def learn(self, before: dict) -> None:
        """A cell of the lab has run: note what it bound."""
        self.ours |= {
            name: value for name, value in self.names.items() if before.get(name, self) is not value
        }

    def number(self, value) -> int:
        """By which the trusted side knows an object from here on."""
        found = self.numbers.get(id(value))
        if found is None:
            if len(self.kept) >= MAX_OBJECTS:
                raise TooMany(f"more than {MAX_OBJECTS} objects in the hands of a test")
            found = self.numbers[id(value)] = self.next
            self.kept[found] = value
            self.next += 1
        return found

    def release(self, numbers: list[int]) -> None:
        for number in numbers:
            value = self.kept.pop(number, None)
            self.numbers.pop(id(value), None)

    def refer(self, value):
        """How to say over there what does not go by value."""
        kind = type(value)
        if id(value) in self.keys:
            return ["callback", self.keys[id(value)]]
        if kind is np.ma.MaskedArray:
            return ["masked", np.ma.getdata(value), np.ma.getmaskarray(value)]
        if kind.__module__ == "__main__" or is_beside(kind):
            if state := self.of_a_lab_class(kind, value):
                return state
        elif not isinstance(value, enum.Enum) and (plain := _stripped(kind, value)):
            return plain
        named = ["object", self.number(value), _sort(value), _name(value)]
        return [*named, lineage(value)] if named[2] == "exception" else named

    def of_a_lab_class(self, kind: type, value):
        """An instance of a class that the lab gives goes as what it holds."""
        is_own = kind.__module__ == "__main__" and self.ours.get(kind.__qualname__) is not kind
        if is_own or isinstance(value, (*_STRIPPED, enum.Enum, BaseException)):
            return None
        try:
            named = ["instance", kind.__module__, kind.__qualname__, held_by(value)]
            if not self.is_trying:  # once for all that it holds
                self.is_trying = True
                encode(named[3], self.refer)
                self.is_trying = False
        except (TypeError, NotPlain):
            self.is_trying = False
            return None
        return named

    def resolve(self, name):
        """What the trusted side means by a name: a number is an object's."""
        if type(name) is int:
            return self.kept[name]
        kind, *path = name
        if kind == "callback":
            return self.callback(*path)
        if kind == "masked":
            return np.ma.MaskedArray(*path)
        if kind == "ours":
            return self.ours.get(path[0], self.names.get(path[0]))
        if kind == "instance":
            module, cls, state = path
            return made(self.of_the_lab(module, cls), state)
        if kind == "error":
            error, arguments = path
            return self.resolve(error)(*arguments)
        if kind == "member":
            module, cls, member = path
            return self.of_the_lab(module, cls)[member]
        value = __import__(path[0], fromlist=["_"])
        for part in filter(None, path[1].split(".")):
            value = getattr(value, part)
        return value

    def of_the_lab(self, module: str, name: str):
        """What a cell of the lab defines, or a module beside it."""
        return _found(self.ours if module == "__main__" else vars(__import__(module, fromlist=["_"])), name)

    def callback(self, key: int, name: str):
        """A function of the test's."""
        if key in self.functions:
            return self.functions[key]

        def function(*arguments, **keywords):
            return self.call_back(key, arguments, keywords)

        function.__name__ = function.__qualname__ = name
        self.functions[key], self.keys[id(function)] = function, key
        return function


def _found(table, dotted: str):
    first, *rest = dotted.split(".")
    value = table[first]
    for part in rest:
        value = getattr(value, part)
    return value


def _stripped(kind: type, value):
    """A library's subclass of a plain type goes as what it holds, without the library's methods."""
    for base in _STRIPPED:
        if isinstance(value, base) and kind is not base:
            if base is np.ndarray:
                return Instead(value.view(np.ndarray))
            items = (
                value
                if base not in (list, tuple, dict, set, frozenset)
                else base.items(value)
                if base is dict
                else base.__iter__(value)
            )
            return Instead(base(items))
    torch = sys.modules.get("torch")
    if torch and isinstance(value, torch.Tensor) and kind not in (torch.Tensor, torch.nn.Parameter):
        return Instead(value.as_subclass(torch.Tensor))
    return None


def _sort(value) -> str:
    if isinstance(value, type):
        return "exception" if issubclass(value, Exception) else "class"
    if inspect.isroutine(value):
        return "function"
    return "callable" if callable(value) else "object"


def _name(value) -> str:
    named = value if isinstance(value, type) or inspect.isroutine(value) else type(value)
    return str(getattr(named, "__name__", ""))[:80]


def lineage(kind: type) -> list[list[str]]:
    """Module and name of a class and of those that it comes from."""
    return [[str(base.__module__)[:200], str(base.__qualname__)[:200]] for base in kind.__mro__[:-1]][:30]


def _signature(value) -> list:
    """Name, kind, default and annotation of each parameter, the latter two in a tuple if there; and the
    annotation of what is returned.
    """
    found = inspect.signature(value)

    def given(thing):
        return () if thing is inspect.Parameter.empty else (thing,)

    parameters = [
        (p.name, int(p.kind), given(p.default), given(p.annotation)) for p in found.parameters.values()
    ]
    return [parameters, given(found.return_annotation)]


def _next(iterator) -> tuple:
    try:
        return (next(iterator),)
    except StopIteration as end:
        return () if end.value is None else ((), end.value)


_OPERATORS = (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and_", "or_", "xor", "lshift",
    "rshift", "iadd", "isub", "imul", "itruediv", "ifloordiv", "imod", "ipow", "imatmul", "iand", "ior",
    "ixor", "ilshift", "irshift", "eq", "ne", "lt", "le", "gt", "ge", "contains", "neg", "pos", "abs",
    "invert", "index", "getitem", "setitem", "delitem",
)  # fmt: skip
_BUILT_IN = (
    getattr, setattr, delattr, dir, len, iter, str, repr, format, bool, int, float, complex, hash, round,
    isinstance, issubclass, reversed, divmod, type, callable,
)  # fmt: skip
OPERATIONS = (
    {name: getattr(operator, name) for name in _OPERATORS}
    | {function.__name__: function for function in _BUILT_IN}
    | {
        "next": _next, "array": np.asarray, "copy": copy.copy, "deepcopy": copy.deepcopy,
        "signature": _signature,
        "enter": lambda value: type(value).__enter__(value),
        "exit": lambda value, *error: type(value).__exit__(value, *error),
    }
)  # fmt: skip
