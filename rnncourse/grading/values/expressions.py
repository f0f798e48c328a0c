"""Expressions of SymPy: trees of names and arguments; no text is ever read as one."""

import builtins
import re
import sys

import numpy as np

from rnncourse.grading.values.form import Form, exactly

_CONSTANTS = (
    "pi", "E", "I", "oo", "nan", "zoo", "true", "false", "GoldenRatio", "EulerGamma", "EmptySet", "Reals",
    "Integers", "Naturals", "Complexes", "Rationals",
)  # fmt: skip


DIGITS = 1 << 16  # binary ones of a number
# A name that SymPy may print as code, when a test makes a function of an expression: letters, digits and
# TeX's marks, and nothing that the code would call.
_NAME = re.compile(r"\\?[^\W\d]\w*([_^]\{[\w, +-]*\}|\^\w)*")


def _named(name, *places) -> str:
    is_called = any(callable(getattr(place, exactly(str, name), None)) for place in places)
    if is_called or "__" in name or not _NAME.fullmatch(name):
        raise ValueError(f"a symbol {name[:80]!r}")
    return name


def _is_expression(kind: type) -> bool:
    sympy = sys.modules.get("sympy")
    return sympy is not None and issubclass(kind, (sympy.Basic, sympy.MatrixBase))


def _expression(value):
    """A tree: the name of what made it, and its arguments."""
    sympy = sys.modules["sympy"]
    kind = type(value)
    if isinstance(value, sympy.MatrixBase):
        items = [_expression(item) for item in value.flat()]
        return None if None in items else ("matrix", kind.__name__, value.rows, value.cols, items)
    for name in _CONSTANTS:
        if value is getattr(sympy, name, None):
            return "constant", name
    if kind is sympy.Symbol:
        return "symbol", value.name, dict(value._assumptions_orig)
    if isinstance(value, sympy.Integer):
        return "integer", int(value)
    if isinstance(value, sympy.Rational):
        return "rational", int(value.p), int(value.q)
    if isinstance(value, sympy.Float):
        return "float", str(value), int(value._prec)
    items = [_expression(item) for item in value.args]
    if None in items or not items:
        return None
    if isinstance(kind, sympy.core.function.UndefinedFunction):
        return "applied", kind.__name__, items
    return ("made", kind.__name__, items) if getattr(sympy, kind.__name__, None) is kind else None


def _from_expression(parts):
    sympy = __import__("sympy")
    how, *rest = parts
    if how == "constant" and rest[0] in _CONSTANTS:
        return getattr(sympy, rest[0])
    if how == "symbol":
        name, assumptions = rest
        return sympy.Symbol(
            _named(name, builtins), **{key: exactly(bool, on) for key, on in assumptions.items()}
        )
    if how == "integer":
        return sympy.Integer(exactly(int, rest[0]))
    if how == "rational":
        return sympy.Rational(*(exactly(int, n) for n in rest))
    if how == "float":
        text, precision = rest
        if not 0 < exactly(int, precision) <= DIGITS:
            raise ValueError(f"a number of {precision} bits")
        return sympy.Float(exactly(str, text), precision=precision)
    name, items = exactly(str, rest[0]), [_from_expression(item) for item in rest[-1]]
    if how == "applied":
        return sympy.Function(_named(name, builtins, np))(*items)
    kind = vars(sympy).get(name)
    if how == "matrix" and isinstance(kind, type) and issubclass(kind, sympy.MatrixBase):
        return kind(exactly(int, rest[1]), exactly(int, rest[2]), items)
    if how != "made" or not (isinstance(kind, type) and issubclass(kind, sympy.Basic)):
        raise TypeError(f"{how} {name!r} is no expression")
    made = kind(*items)
    return made if made.args == tuple(items) else kind(*items, evaluate=False)


FORMS = [Form("expression", _is_expression, _expression, _from_expression)]
