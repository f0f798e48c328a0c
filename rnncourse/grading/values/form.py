"""How a type goes over the wire."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Form:
    """`covers` says of a class whether this is its form; `apart` gives parts, or None where a value has
    none; `together` makes a value from parts that somebody sent, and raises whatever it likes about them.
    """

    name: str
    covers: Callable[[type], bool]
    apart: Callable
    together: Callable


def objects(items: list) -> np.ndarray:
    """An array of these: one by one, for NumPy would look into what can be looked into."""
    array = np.empty(len(exactly(list, items)), object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def exactly(kind: type, value):
    """The value, if it has this very type.

    Raises:
        TypeError: it has another.
    """
    if type(value) is not kind:
        raise TypeError(f"{type(value).__name__} where a {kind.__name__} belongs")
    return value


def all_exactly(kind: type, values) -> list:
    """The values, if each has this very type."""
    return [exactly(kind, value) for value in values]
