"""Frames, series, indices and times of pandas: columns and types, no pickle."""

import re
import sys

import numpy as np

from rnncourse.grading.values.form import Form, exactly, objects

_EXTENSION = re.compile(r"str|string(\[\w+\])?|boolean|U?Int(8|16|32|64)|Float(32|64)|object")
_TIMES = re.compile(r"(datetime64|timedelta64)\[(s|ms|us|ns)(?:, (.+))?\]")
_ZONE = re.compile(r"UTC([+-]\d\d:\d\d)?|(?!dateutil)[A-Z]\w*(/[A-Z][\w+-]*)*")  # no path of a file


def _column(array) -> tuple | None:
    """An array or extension array as its dtype's name and plain values."""
    name = str(array.dtype)
    if name == "category":
        return name, (np.asarray(array.codes), _index(array.categories), bool(array.ordered))
    if times := _TIMES.fullmatch(name):
        zone = str(getattr(array.dtype, "tz", "")) if times[3] else ""
        return name, (np.asarray(array.astype("int64") if not times[3] else array.asi8), zone)
    if isinstance(array.dtype, np.dtype) and array.dtype.kind in "biufc":
        return "", np.asarray(array)
    if not _EXTENSION.fullmatch(name):
        return None
    missing = _pandas().isna(np.asarray(array, object)) if name != "object" else np.zeros(len(array), bool)
    return name, [None if lost else item for lost, item in zip(missing, array.tolist(), strict=True)]


def _from_column(parts):
    name, data = parts
    pandas = _pandas()
    if name == "":
        return exactly(np.ndarray, data)
    if name == "category":
        codes, categories, ordered = data
        return pandas.Categorical.from_codes(codes, _from_index(categories), ordered=exactly(bool, ordered))
    if times := _TIMES.fullmatch(exactly(str, name)):
        numbers, zone = data
        array = exactly(np.ndarray, numbers).view(f"{'M' if times[1] == 'datetime64' else 'm'}8[{times[2]}]")
        if not zone:
            return pandas.array(array)
        return pandas.DatetimeIndex(array, tz="UTC").tz_convert(_zone(zone)).array
    if not _EXTENSION.fullmatch(name):
        raise TypeError(f"dtype {name!r}")
    if name == "object":
        return objects(data)
    return pandas.array(exactly(list, data), dtype=name)


def _index(index) -> tuple | None:
    pandas = _pandas()
    if type(index) is pandas.RangeIndex:
        return "range", (index.start, index.stop, index.step), index.name
    if type(index) is pandas.MultiIndex:
        levels = [_index(level) for level in index.levels]
        return (
            None
            if None in levels
            else ("multi", (levels, [np.asarray(c) for c in index.codes]), list(index.names))
        )
    column = _of(index)
    return None if column is None else (str(getattr(index, "freqstr", None) or ""), column, index.name)


def _from_index(parts):
    pandas = _pandas()
    kind, data, name = parts
    if kind == "range":
        return pandas.RangeIndex(*(exactly(int, n) for n in data), name=name)
    if kind == "multi":
        levels, codes = data
        return pandas.MultiIndex([_from_index(level) for level in levels], codes, names=exactly(list, name))
    index = pandas.Index(_from_column(data), name=name)
    return (
        pandas.DatetimeIndex(index, freq=kind) if kind and isinstance(index, pandas.DatetimeIndex) else index
    )


def _of(data) -> tuple | None:
    """The column of a series or an index."""
    return _column(
        data.to_numpy() if isinstance(data.dtype, np.dtype) and data.dtype.kind not in "mM" else data.array
    )


def _series(series) -> tuple | None:
    parts = _of(series), _index(series.index)
    return None if None in parts else (*parts, series.name)


def _from_series(parts):
    column, index, name = parts
    return _pandas().Series(_from_column(column), index=_from_index(index), name=name)


def _frame(frame) -> tuple | None:
    columns = [_series(frame.iloc[:, i]) for i in range(frame.shape[1])]
    index, names = _index(frame.index), _index(frame.columns)
    if None in columns or index is None or names is None:
        return None
    return [column for column, _, _ in columns], index, names


def _from_frame(parts):
    columns, index, names = parts
    frame = _pandas().DataFrame(dict(enumerate(map(_from_column, columns))), index=_from_index(index))
    frame.columns = _from_index(names)
    return frame


def _pandas():
    return sys.modules.get("pandas") or __import__("pandas")


def _zone(name) -> str:
    if not _ZONE.fullmatch(exactly(str, name)):
        raise ValueError(f"time zone {name!r}")
    return name


def _stamp(value) -> tuple:
    return value.as_unit("ns").value, value.unit, None if value.tz is None else str(value.tz)


def _from_stamp(parts):
    number, unit, zone = parts
    stamp = _pandas().Timestamp(exactly(int, number), unit="ns", tz="UTC").as_unit(exactly(str, unit))
    return stamp.tz_localize(None) if zone is None else stamp.tz_convert(_zone(zone))


def _is(*names: str):
    """Whether a class is one of these of pandas, which need not be there."""

    def covers(kind: type) -> bool:
        pandas = sys.modules.get("pandas") if kind.__module__.partition(".")[0] == "pandas" else None
        return pandas is not None and any(kind is getattr(pandas, name, None) for name in names)

    return covers


def _is_index(kind: type) -> bool:
    return _is("Index")(kind) or any(map(_is("Index"), kind.__mro__[:-1]))


def _is_nothing(kind: type) -> bool:
    return kind.__module__.startswith("pandas.") and kind.__name__ in ("NAType", "NaTType")


FORMS = [
    Form("frame", _is("DataFrame"), _frame, _from_frame),
    Form("series", _is("Series"), _series, _from_series),
    Form("index", _is_index, _index, _from_index),
    Form("Timestamp", _is("Timestamp"), _stamp, _from_stamp),
    Form("Timedelta", _is("Timedelta"), lambda value: (value.as_unit("ns").value, value.unit),
         lambda parts: _pandas().Timedelta(exactly(int, parts[0]), "ns").as_unit(exactly(str, parts[1]))),
    Form("nothing", _is_nothing, lambda value: type(value).__name__,
         lambda name: _pandas().NA if name == "NAType" else _pandas().NaT),
]  # fmt: skip
