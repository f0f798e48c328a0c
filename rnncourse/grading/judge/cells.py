"""The lab's own cells as code, each compiled once for all the processes that are forked from this one."""

import ast
import contextlib
import functools

from rnncourse.grading.judge.failure import without_hidden, words_of
from rnncourse.grading.judge.source import bindings, defined, imported, parsed


def prepare(job: dict) -> None:
    """Do once for all the processes that are forked from this one what the lab's own cells ask for."""
    for cell in job["cells"]:
        if cell["kind"] in ("instructor", "test"):
            for source in {cell["source"]: None, without_hidden(cell["source"]): None}:
                with contextlib.suppress(SyntaxError, ValueError):
                    _prepare(cell["kind"], source)


def _prepare(kind: str, source: str) -> None:
    if kind == "test":
        words_of(compiled(source, "<test>")[0]), imports_of(source), bound_by(source)
    else:
        statements(source), uses(source)


@functools.lru_cache(1000)
def compiled(source: str, name: str):
    """A cell of the lab: its tree, the code of its statements, and that of the value it ends with, or None.

    Raises:
        SyntaxError: it is not Python.
    """
    tree = parsed(source)
    has_value = tree.body and isinstance(tree.body[-1], ast.Expr) and not source.rstrip().endswith(";")
    body = compile(ast.Module(tree.body[:-1] if has_value else tree.body, []), name, "exec")
    return tree, body, compile(ast.Expression(tree.body[-1].value), name, "eval") if has_value else None


@functools.lru_cache(1000)
def statements(source: str) -> list[tuple]:
    """The code of each statement of a cell of the lab, with the names that it binds; none where the cell is
    not Python.
    """
    try:
        nodes = compiled(source, "<lab>")[0].body
    except (SyntaxError, ValueError):
        return []
    return [(compile(ast.Module([node], []), "<lab>", "exec"), bound(node)) for node in nodes]


@functools.lru_cache(1000)
def imports_of(source: str) -> list[tuple]:
    """The imports of a cell, as `statements`: what a test imports is there for the next where it fails."""
    return statements(defined(source)[1])


@functools.lru_cache(1000)
def bound_by(source: str) -> list[str]:
    """The names that a cell of the lab binds; none where it is not Python."""
    try:
        return bound(*parsed(source).body)
    except (SyntaxError, ValueError):
        return []


def bound(*nodes: ast.stmt) -> list[str]:
    names, imports = bindings(nodes)
    return names + imported(imports)


@functools.lru_cache(1000)
def uses(source: str) -> tuple[set[str], set[str] | None]:
    """The names that a cell of the lab uses, and those whose methods it calls; None for these where it binds
    something itself.
    """
    try:
        nodes = list(ast.walk(compiled(source, "<lab>")[0]))
    except (SyntaxError, ValueError):
        return set(), None
    binds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    used = {n.id for n in nodes if isinstance(n, ast.Name)}
    if not used.isdisjoint(_BINDING) or any(
        isinstance(n, binds) or isinstance(getattr(n, "ctx", None), (ast.Store, ast.Del)) for n in nodes
    ):
        return used, None
    with_dot = [n.value for n in nodes if isinstance(n, ast.Attribute)]
    return used, {value.id for value in with_dot if isinstance(value, ast.Name)}


_BINDING = {"get_ipython", "exec", "eval", "globals", "locals", "vars", "setattr"}  # by other ways
