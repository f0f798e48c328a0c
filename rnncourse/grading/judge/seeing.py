"""What Python has built in to look at objects, as the test cells have it: it sees through a handle."""

import inspect
import types

from rnncourse.grading.judge.handle import VALUES, Function, Handle


def isinstance_(value, kinds) -> bool:
    """`isinstance`, for objects of the student's too: never one of the types that come as values."""
    if type(value) not in (Handle, Function):
        return isinstance(value, kinds)
    if isinstance(kinds, (tuple, types.UnionType)):
        return any(isinstance_(value, kind) for kind in (kinds if type(kinds) is tuple else kinds.__args__))
    if kinds is object:
        return True
    return kinds not in VALUES and value._handle_student.do("isinstance", value, kinds) is True


def issubclass_(kind, kinds) -> bool:
    """`issubclass`, for classes of the student's too."""
    if type(kind) is not Function:
        return issubclass(kind, kinds)
    if isinstance(kinds, (tuple, types.UnionType)):
        return any(issubclass_(kind, one) for one in (kinds if type(kinds) is tuple else kinds.__args__))
    return kinds is object or kind._handle_student.do("issubclass", kind, kinds) is True


def callable_(value) -> bool:
    """`callable`, for objects of the student's too."""
    return type(value) is Function if type(value) in (Handle, Function) else callable(value)


class _Type(type):
    def __instancecheck__(cls, value):
        return isinstance(value, type) or (type(value) is Function and value._handle_sort == "class")

    def __subclasscheck__(cls, kind):
        return issubclass(kind, type)


class Type(metaclass=_Type):
    """`type`, for objects of the student's too."""

    def __new__(cls, *arguments):
        if len(arguments) == 1 and type(arguments[0]) in (Handle, Function):
            return arguments[0]._handle_read("type")
        return type(*arguments)


_get_source = inspect.getsource


def source_of(thing):
    """`inspect.getsource`, for what the student has written too: as it was handed in."""
    if type(thing) is Function:
        return thing._handle_student.source(thing._handle_named)
    return _get_source(thing)


SEEING = {"type": Type, "isinstance": isinstance_, "issubclass": issubclass_, "callable": callable_}
