"""What a student's function has done to its arguments, done to them here."""

from collections import deque

import numpy as np


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
        elif hasattr(old, "__dict__") and not isinstance(old, type):
            fills.append(lambda: (vars(old).clear(), vars(old).update(vars(new))))
        elif hasattr(type(old), "__slots__"):
            names = [name for name in type(old).__slots__ if hasattr(new, name)]
            fills.append(lambda: [object.__setattr__(old, name, getattr(new, name)) for name in names])

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
