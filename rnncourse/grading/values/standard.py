"""Types of the standard library, of NumPy and of torch."""

import collections
import datetime
import decimal
import fractions
import functools
import pathlib
import re
import uuid
import zoneinfo

import numpy as np

from rnncourse.grading.values.form import Form, all_exactly, exactly, objects

_PLAIN = (
    bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice,
    type(None),
)  # fmt: skip
_OF_NUMPY = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
    "float64", "complex64", "complex128", "str_", "bytes_", "datetime64", "timedelta64", "ndarray",
)  # fmt: skip
TYPES = {kind.__name__: kind for kind in _PLAIN} | {f"numpy.{name}": getattr(np, name) for name in _OF_NUMPY}
_NAMES = {kind: name for name, kind in TYPES.items()}
_DTYPE = re.compile(r"object|\|b1|[<>|=]?[iufcmMSU][0-9]{1,4}(\[[0-9]*[a-zA-Z]+\])?")
_SERIES = ("Polynomial", "Chebyshev", "Legendre", "Laguerre", "Hermite", "HermiteE")


def _is(*kinds: type):
    return lambda kind: kind in kinds


def _named(name: str):
    """Of a library that need not be there."""
    return lambda kind: f"{kind.__module__}.{kind.__qualname__}" == name


def _torch():
    return __import__("torch")


@functools.lru_cache(200)
def _record(name: str, fields: tuple[str, ...]) -> type:
    return collections.namedtuple(name, fields)


def _fields(kind: type) -> tuple[str, ...]:
    """The names of a record's items: a namedtuple's, or those of a struct sequence as torch returns it."""
    for name in ("_fields", "__match_args__"):
        fields = getattr(kind, name, None)
        if isinstance(fields, tuple) and fields and all(isinstance(field, str) for field in fields):
            return fields
    return ()


def _record_apart(value):
    fields = _fields(type(value))
    return (type(value).__name__, fields, tuple(value)) if len(fields) == len(value) else None


def _record_together(parts):
    name, fields, items = parts
    return _record(exactly(str, name), tuple(all_exactly(str, fields)))(*exactly(tuple, items))


def _clock(*fields: str):
    def apart(value):
        known = type(value.tzinfo) in (datetime.timezone, zoneinfo.ZoneInfo, type(None))
        return (*(getattr(value, field) for field in fields), value.tzinfo, value.fold) if known else None

    return apart


def _of_clock(kind: type):
    return lambda parts: kind(*parts[:-1], fold=parts[-1])


def _defaults_apart(value):
    known = value.default_factory is None or value.default_factory in _NAMES
    return (value.default_factory, dict(value)) if known else None


def _defaults_together(parts):
    factory, items = parts
    if factory is not None and factory not in _NAMES:
        raise TypeError(f"{factory} makes no defaults")
    return collections.defaultdict(factory, exactly(dict, items))


def _objects_together(parts):
    shape, items = parts
    return objects(items).reshape(exactly(tuple, shape))


def _dtype(text):
    if not _DTYPE.fullmatch(exactly(str, text)):
        raise TypeError(f"dtype {text!r}")
    return np.dtype(text)


def _series(kind: type) -> Form:
    def apart(value):
        return value.coef, value.domain, value.window, value.symbol

    return Form(kind.__name__, _is(kind), apart, lambda parts: kind(*parts[:3], exactly(str, parts[3])))


def _text(kind: type) -> Form:
    return Form(
        kind.__name__, _is(kind), lambda value: value.hex(), lambda text: kind.fromhex(exactly(str, text))
    )


FORMS = [
    Form("type", _is(type), _NAMES.get, TYPES.__getitem__),
    Form("set", _is(set), list, lambda items: set(exactly(list, items))),
    Form("frozenset", _is(frozenset), list, lambda items: frozenset(exactly(list, items))),
    _text(bytes), _text(bytearray),
    Form("range", _is(range), lambda value: (value.start, value.stop, value.step),
         lambda parts: range(*all_exactly(int, parts))),
    Form("slice", _is(slice), lambda value: (value.start, value.stop, value.step),
         lambda parts: slice(*parts)),
    Form("ellipsis", _is(type(...)), lambda value: (), lambda parts: ...),
    Form("Counter", _is(collections.Counter), dict, lambda items: collections.Counter(exactly(dict, items))),
    Form("OrderedDict", _is(collections.OrderedDict), dict,
         lambda items: collections.OrderedDict(exactly(dict, items))),
    Form("defaultdict", _is(collections.defaultdict), _defaults_apart, _defaults_together),
    Form("deque", _is(collections.deque), lambda value: (list(value), value.maxlen),
         lambda parts: collections.deque(exactly(list, parts[0]), parts[1])),
    Form("Fraction", _is(fractions.Fraction), lambda value: (int(value.numerator), int(value.denominator)),
         lambda parts: fractions.Fraction(*all_exactly(int, parts))),
    Form("Decimal", _is(decimal.Decimal), str, lambda text: decimal.Decimal(exactly(str, text))),
    Form("date", _is(datetime.date), lambda value: (value.year, value.month, value.day),
         lambda parts: datetime.date(*parts)),
    Form("time", _is(datetime.time), _clock("hour", "minute", "second", "microsecond"),
         _of_clock(datetime.time)),
    Form("datetime", _is(datetime.datetime),
         _clock("year", "month", "day", "hour", "minute", "second", "microsecond"),
         _of_clock(datetime.datetime)),
    Form("timedelta", _is(datetime.timedelta), lambda value: (value.days, value.seconds, value.microseconds),
         lambda parts: datetime.timedelta(*parts)),
    Form("timezone", _is(datetime.timezone), lambda value: value.utcoffset(None),
         lambda offset: datetime.timezone(exactly(datetime.timedelta, offset))),
    Form("ZoneInfo", _is(zoneinfo.ZoneInfo), lambda value: value.key,
         lambda key: zoneinfo.ZoneInfo(exactly(str, key))),
    Form("UUID", _is(uuid.UUID), lambda value: value.hex, lambda text: uuid.UUID(exactly(str, text))),
    Form("Path", _is(type(pathlib.Path())), str, lambda text: pathlib.Path(exactly(str, text))),
    Form("poly1d", _is(np.poly1d), lambda value: (value.coeffs, value.variable),
         lambda parts: np.poly1d(exactly(np.ndarray, parts[0]), variable=exactly(str, parts[1]))),
    *(_series(getattr(np.polynomial, name)) for name in _SERIES),
    Form("objects", _is(np.ndarray),
         lambda value: (value.shape, list(value.ravel())) if value.dtype == object else None,
         _objects_together),
    Form("dtype", lambda kind: issubclass(kind, np.dtype),
         lambda value: None if value.names else value.str, _dtype),
    Form("torch.dtype", _named("torch.dtype"), lambda value: str(value).removeprefix("torch."),
         lambda name: exactly(_torch().dtype, vars(_torch()).get(exactly(str, name)))),
    Form("torch.device", _named("torch.device"), str, lambda name: _torch().device(exactly(str, name))),
    Form("torch.Size", _named("torch.Size"), tuple, lambda sizes: _torch().Size(exactly(tuple, sizes))),
    Form("record", lambda kind: issubclass(kind, tuple) and kind is not tuple and _fields(kind) != (),
         _record_apart, _record_together),
]  # fmt: skip
