"""An object of the student's process, as a test has it: what is done with it is done over there.

It gives plain values or further objects, and is never a value itself: it equals nothing that came from
elsewhere, whatever it says of itself.
"""

import inspect
import sys
from collections.abc import Iterator

import numpy as np

from rnncourse.grading import values
from rnncourse.grading.judge.licence import OURS

NO_OBJECT = "an object came where the lab's own answer gives a plain value, or is not used like this"
_BINARY = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "lshift", "rshift", "divmod")
_BITS = ("and", "or", "xor")
_UNARY = ("neg", "pos", "abs", "invert")
_WORDS = ("type", "str", "repr", "format")  # what it may be asked beside
NAMED = ("function", "class")  # sorts of objects that are what they are by their name
VALUES = (*values.TYPES.values(), np.generic)


class Handle:
    # No docstring: an object's is the student's. All names of ours begin alike, for the others are the
    # object's; `_handle_named` is the name that the test asked for.
    __slots__ = (
        "__weakref__", "_handle_face", "_handle_forks", "_handle_named", "_handle_number", "_handle_sort",
        "_handle_student", "_handle_type",
    )  # fmt: skip
    __array_ufunc__ = None  # an array leaves operators to the object

    @classmethod
    def _handle_of(cls, student, number: int, sort: str, kind: str) -> "Handle":
        made = object.__new__(cls)
        parts = {"student": student, "number": number, "sort": sort, "type": kind, "named": "", "face": None}
        for name, value in (parts | {"forks": student.forks}).items():
            object.__setattr__(made, f"_handle_{name}", value)
        return made

    def _handle_call_it(self, name: str) -> None:
        """Remember that the test asked for it by this name."""
        object.__setattr__(self, "_handle_named", name)

    def __del__(self):
        if self._handle_forks == self._handle_student.forks:
            self._handle_student.released.append(self._handle_number)

    # --- what it may be asked anywhere: nothing of the test's goes over ---

    def _handle_read(self, operation: str, *arguments):
        """What it says of itself. Where the reference has a value, which is one thing whoever asks, an
        object may be asked one thing, once, for it could be empty here and of the right length there.
        """
        if operation in _WORDS or self._handle_student.licence.allows("read"):
            return self._handle_student.do(operation, self, *arguments)
        asked = (operation, *arguments)
        if self._handle_face is None:
            object.__setattr__(
                self, "_handle_face", (asked, self._handle_student.do(operation, self, *arguments))
            )
        if self._handle_face[0] != asked:
            raise self._handle_student.fail(
                f"{NO_OBJECT} ({self._handle_face[0][0]}, {operation})", NO_OBJECT
            )
        return self._handle_face[1]

    def _handle_items(self) -> list | None:
        """Its items, for good, where the reference has a value; else None."""
        if self._handle_student.licence.allows("read"):
            return None
        if self._handle_face is None:
            iterator, items = self._handle_student.do("iter", self), []
            while isinstance(iterator, Handle) and len(item := iterator._handle_next()) == 1:
                items.append(item[0])
            object.__setattr__(self, "_handle_face", (("iter",), items))
        return self._handle_read("iter")

    def _handle_next(self) -> tuple:
        item = self._handle_student.do("next", self)
        if type(item) is not tuple:
            raise TypeError(f"a {self._handle_type} is no iterator")
        return item

    def _handle_kind_of(self, operation: str, kinds: tuple, *arguments):
        """A read whose result must be of these types, as Python would say of the object itself."""
        value = self._handle_read(operation, *arguments)
        if type(value) not in kinds:
            raise TypeError(f"{operation} of a {self._handle_type} gave a {type(value).__name__}")
        return value

    def __getattr__(self, name):
        if name.startswith(
            (
                "__array",
                "__cuda_array",
                "__dataframe",
                "__torch_function",
                "__dlpack",
                "__sympy",
                "_sympy",
                "_ipython",
                "_repr",
            )
        ):
            raise AttributeError(name)  # by which a library would take it for a value
        value = self._handle_read("getattr", name)
        if isinstance(value, Handle) and not value._handle_named:
            value._handle_call_it(self._handle_named)
        return value

    @property
    def __class__(self):
        asks = (
            sys._getframe(1).f_code.co_filename in OURS
        )  # libraries, and Python itself, want a class of here
        if asks:
            return self._handle_read("type")
        return type if self._handle_sort == "class" else type(self)  # as inspect.isclass looks

    __doc__ = property(lambda self: self.__getattr__("__doc__"))
    __module__ = property(lambda self: self.__getattr__("__module__"))
    __init__ = property(lambda self: self.__getattr__("__init__"))

    @property
    def __signature__(self):
        parameters, result = self._handle_read("signature")
        empty = inspect.Parameter.empty
        made = [
            inspect.Parameter(
                name,
                kind,
                default=default[0] if default else empty,
                annotation=annotation[0] if annotation else empty,
            )
            for name, kind, default, annotation in parameters
        ]
        return inspect.Signature(made, return_annotation=result[0] if result else inspect.Signature.empty)

    def __dir__(self):
        return self._handle_kind_of("dir", (list,))

    def __len__(self):
        items = self._handle_items()
        return self._handle_kind_of("len", (int,)) if items is None else len(items)

    def __iter__(self) -> Iterator:
        if (items := self._handle_items()) is not None:
            return iter(items)
        iterator = self._handle_read("iter")
        if not isinstance(iterator, Handle):
            raise TypeError(f"a {self._handle_type} is not iterable")
        return iterator

    def __next__(self):
        self._handle_must("read")
        item = self._handle_next()
        if len(item) != 1:
            raise StopIteration(*item[1:])
        return item[0]

    def __reversed__(self):
        return iter(self._handle_read("reversed"))

    def __getitem__(self, key):
        items = self._handle_items()
        return self._handle_student.do("getitem", self, key) if items is None else items[key]

    def __bool__(self):
        return self._handle_kind_of("bool", (bool,))

    def __int__(self):
        return self._handle_kind_of("int", (int,))

    def __index__(self):
        return self._handle_kind_of("index", (int,))

    def __float__(self):
        return self._handle_kind_of("float", (float,))

    def __complex__(self):
        return self._handle_kind_of("complex", (complex,))

    def __round__(self, *digits):
        return self._handle_read("round", *digits)

    def __hash__(self):
        return (
            hash(self._handle_number) if self._handle_sort in NAMED else self._handle_kind_of("hash", (int,))
        )

    def __str__(self):
        return self._handle_kind_of("str", (str,))

    def __repr__(self):
        return (
            f"<{self._handle_named} of the student's>"
            if self._handle_sort in NAMED
            else self._handle_kind_of("repr", (str,))
        )

    def __format__(self, form):
        return self._handle_kind_of("format", (str,), form)

    def __array__(self, dtype=None, copy=None):
        array = self._handle_kind_of("array", (np.ndarray,))
        if array.dtype == object:
            raise TypeError(f"a {self._handle_type} is no array")
        return array if dtype is None else array.astype(dtype)

    def __copy__(self):
        return self._handle_read("copy")

    def __deepcopy__(self, memo):
        return self._handle_read("deepcopy")

    def __reduce_ex__(self, protocol):
        raise TypeError(f"a {self._handle_type} of the student's can't be pickled here")

    def __instancecheck__(self, value):
        return self._handle_read_of("isinstance", value)

    def __subclasscheck__(self, kind):
        return self._handle_read_of("issubclass", kind)

    def _handle_read_of(self, operation: str, value) -> bool:
        return self._handle_student.do(operation, value, self) is True

    def __mro_entries__(self, bases):
        raise TypeError(
            f"{self._handle_named or self._handle_type} is the student's: a test can't derive from it"
        )

    # --- what is done where the reference has it done ---

    def _handle_must(self, operation: str) -> None:
        if not self._handle_student.licence.allows(operation):
            raise self._handle_student.fail(f"{NO_OBJECT} ({operation})", NO_OBJECT)

    def _handle_do(self, operation: str, *arguments):
        kinds = ["object" if type(one) in (Handle, Function) else "value" for one in arguments]
        self._handle_must(f"{operation} {' '.join(kinds)}")
        return self._handle_student.do(operation, *arguments)

    def __setattr__(self, name, value):
        self._handle_do("setattr", self, name, value)

    def __delattr__(self, name):
        self._handle_do("delattr", self, name)

    def __setitem__(self, key, value):
        self._handle_do("setitem", self, key, value)

    def __delitem__(self, key):
        self._handle_do("delitem", self, key)

    def __enter__(self):
        return self._handle_do("enter", self)

    def __exit__(self, *error):
        return self._handle_do(
            "exit", self, *((None, None, None) if error[0] is None else (error[0], error[1], None))
        )

    def __contains__(self, item):
        if self._handle_student.licence.allows("contains"):
            return self._handle_student.do("contains", self, item) is True
        return any(own is item or own == item for own in self)  # each of them a value that is read here

    def __eq__(self, other):
        return self._handle_compared("eq", other)

    def __ne__(self, other):
        return self._handle_compared("ne", other)

    def _handle_compared(self, operation: str, other):
        """Two of the student's objects are compared by the student's code; none equals anything else."""
        if not isinstance(other, Handle):
            it = f"an object of the student's (a {self._handle_type})"
            self._handle_student.note = f"{it} equals no value, whatever it says of itself"
            return operation == "ne"
        if self._handle_sort in NAMED and other._handle_sort in NAMED:
            return (self._handle_number == other._handle_number) is (operation == "eq")
        return self._handle_do(operation, self, other)


class Function(Handle):
    # What can be called: a function, a class, an object with __call__.
    __slots__ = ()
    __doc__ = property(lambda self: self.__getattr__("__doc__"))
    __module__ = property(lambda self: self.__getattr__("__module__"))

    def __call__(self, /, *arguments, **keywords):
        if (
            self._handle_named not in self._handle_student.stubs
            or self._handle_student.stubs[self._handle_named] is not self
        ):
            self._handle_must("call")
        try:
            return self._handle_student.call(self, self._handle_named, arguments, keywords)
        except Exception as error:
            if getattr(error, "ends", False) and self._handle_type in (
                "send",
                "throw",
            ):  # a generator, by its end
                raise StopIteration(*error.args) from None
            raise

    @property
    def __name__(self):
        return (
            self._handle_named
            if self._handle_named in self._handle_student.stubs
            else self.__getattr__("__name__")
        )

    def __bool__(self):
        return True if self._handle_sort in NAMED else super().__bool__()


def _ordered(operation: str):
    def method(self, other):
        if (
            not isinstance(other, Handle)
            and type(other) in VALUES
            and not self._handle_student.licence.allows(f"{operation} object value")
        ):
            raise TypeError(f"an object (a {self._handle_type}) has no order with a {type(other).__name__}")
        return self._handle_do(operation, self, other)

    return method


def _binary(operation: str):
    return lambda self, other: self._handle_do(operation, self, other)


def _reflected(operation: str):
    return lambda self, other: self._handle_do(operation, other, self)


def _unary(operation: str):
    return lambda self: self._handle_read(operation)


for _name in (*_BINARY, *_BITS):
    _operation = f"{_name}_" if _name in ("and", "or") else _name
    setattr(Handle, f"__{_name}__", _binary(_operation))
    setattr(Handle, f"__r{_name}__", _reflected(_operation))
    if _name != "divmod":
        setattr(Handle, f"__i{_name}__", _binary(f"i{_name}"))
for _name in _UNARY:
    setattr(Handle, f"__{_name}__", _unary(_name))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Handle, f"__{_name}__", _ordered(_name))
