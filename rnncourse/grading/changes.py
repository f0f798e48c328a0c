"""What a function on one side has done to its arguments, done to them on the other."""

from collections import deque

import numpy as np

from rnncourse.grading.shared import become
from rnncourse.grading.wire import NotPlain, encode

_ATOMS = (type(None), bool, int, float, complex, str)


class Changes:
    """Calls a function, and says which of its arguments it changed."""

    def __init__(self, refer):
        self.refer = refer

    def of(self, function, arguments: tuple, keywords: dict) -> tuple[object, dict, int | None]:
        """The result, the arguments that are changed, by their index, and which of them is the result."""
        given = [*arguments, *keywords.values()]
        before = [self.frozen(value) for value in given]
        places: dict[int, list] = {}
        _places(given, [], places)
        value = function(*arguments, **keywords)
        changed = {
            i: (v, _old(v, places))
            for i, v in enumerate(given)
            if before[i] is not None and self.frozen(v) != before[i]
        }
        same = next((i for i, v in enumerate(given) if v is value and type(v) not in _ATOMS), None)
        return None if same is not None else value, changed, same

    def frozen(self, value) -> bytes | None:
        if type(value) in _ATOMS:
            return None
        try:
            return encode(value, self.refer)
        except NotPlain:
            return None


def result(value, changed: dict, same: int | None, given: list):
    """The result of a call over there, whose arguments here become what it made of them.

    Raises:
        ReadOnly; any other error: the parts are not what an honest process sends.
    """
    write_back(given, changed)
    return value if same is None else given[same]


def _places(value, path: list, places: dict) -> None:
    """Where in the arguments each object stands, by its id."""
    items = (
        enumerate(value) if type(value) in (list, tuple) else value.items() if type(value) is dict else ()
    )
    for key, item in items:
        if type(item) not in _ATOMS:
            places.setdefault(id(item), [*path, key])
            _places(item, [*path, key], places)


def _old(value, places: dict):
    """For each item of a container: where in the arguments it stood before the call, or None; and the same
    of its own items.
    """
    items = (
        enumerate(value) if type(value) in (list, tuple) else value.items() if type(value) is dict else ()
    )
    return {
        key: (places.get(id(item)), _old(item, places)) for key, item in items if type(item) not in _ATOMS
    }


class ReadOnly(ValueError):
    """The student's function wrote into an array that is not to be written."""


def write_back(given: list, changed: dict) -> None:
    """Make arguments what the student's function made of them: an object that was there before stays that
    object.

    `changed` has for an argument's index its value now and, for each item of a container, where among the
    arguments it stood before. All is looked up before anything is written.

    Raises:
        ReadOnly; any other error: `changed` is not what an honest process sends.
    """
    fills = []

    def write(old, new, was: dict) -> None:
        if type(old) is not type(new):
            return
        if isinstance(old, np.ndarray):
            if old.shape == new.shape and old.dtype == new.dtype and old.tobytes() != new.tobytes():
                if not old.flags.writeable:
                    raise ReadOnly
                fills.append(lambda: old.__setitem__(..., new))
        elif type(old) is list:
            items = [item(new[i], was.get(i)) for i in range(len(new))]
            fills.append(lambda: old.__setitem__(slice(None), items))
        elif type(old) is dict:
            items = {key: item(new[key], was.get(key)) for key in new}
            fills.append(lambda: (old.clear(), old.update(items)))
        elif type(old) is tuple:
            for i in range(len(new)):
                item(new[i], was.get(i))
        elif isinstance(old, (set, dict)):
            fills.append(lambda: (old.clear(), old.update(new)))
        elif type(old) in (deque, bytearray):
            fills.append(lambda: (old.clear(), old.extend(new)))
        elif type(old).__module__.startswith("torch") and old.shape == new.shape and old.dtype == new.dtype:
            fills.append(lambda: old.detach().copy_(new.detach()))
        elif type(old).__module__.startswith("pandas.") and hasattr(old, "_update_inplace"):
            fills.append(lambda: old._update_inplace(new))
        elif not isinstance(old, type) and (hasattr(old, "__dict__") or hasattr(type(old), "__slots__")):
            fills.append(lambda: become(old, new))

    def item(new, was):
        """What stands there now: the object that it was before the call, with what it holds now, or a new
        one.
        """
        if was is None or was[0] is None:
            return new
        old = given
        for key in was[0]:
            old = old[key]
        write(old, new, was[1])
        return old

    for i, (new, was) in changed.items():
        write(given[i], new, was)
    for fill in fills:
        fill()
