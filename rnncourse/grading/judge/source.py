"""What a cell's source is as Python: the names that it binds, and what it uses that a lab forbids."""

import ast
import contextlib
import re

from IPython.core.inputtransformer2 import TransformerManager


def defined(source: str) -> tuple[list[str], str]:
    """The names that code binds at its top level, imports aside; and the imports, as code."""
    try:
        tree = parsed(source)
    except (SyntaxError, ValueError):
        return [], ""
    names, imports = bindings(tree.body)
    return names, "".join(ast.unparse(node) + "\n" for node in imports)


def bindings(nodes: list[ast.stmt]) -> tuple[list[str], list[ast.Import | ast.ImportFrom]]:
    """The names that statements bind at the top level of a cell, imports aside; and the imports."""
    names, imports, todo = [], [], list(nodes)
    while todo:
        node = todo.pop(0)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(node)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            inner = [name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names]
            names += [node.name, *inner]
        elif isinstance(node, ast.Name):
            names += [node.id] if isinstance(node.ctx, ast.Store) else []
        elif isinstance(node, (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            names += [part.target.id for part in ast.walk(node) if isinstance(part, ast.NamedExpr)]
        elif not isinstance(node, ast.Lambda):
            names += [getattr(node, "name", None)] if isinstance(node, (ast.MatchAs, ast.MatchStar)) else []
            names += [node.rest] if isinstance(node, ast.MatchMapping) else []
            todo += ast.iter_child_nodes(node)
    return list(filter(None, names)), imports


def imported(nodes: list[ast.Import | ast.ImportFrom]) -> list[str]:
    """The names that imports bind, but for those behind a star."""
    names = [alias.asname or alias.name.partition(".")[0] for node in nodes for alias in node.names]
    return [name for name in names if name != "*"]


def parsed(source: str) -> ast.Module:
    """A cell's source as Python, its magics turned into calls.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    with contextlib.suppress(SyntaxError):
        if not _ODD.search(source):
            return ast.parse(
                source
            )  # with magics it would not parse, and to look for them takes IPython milliseconds
    return ast.parse(TransformerManager().transform_cell(source))


# What IPython may change in code that is Python as it stands: it ends lines at more characters, and takes
# off prompts.
_ODD = re.compile(r"[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]|^\s*(>>>|\.\.\.|In ?\[)", re.MULTILINE)


_BY_NAME = {
    "getattr",
    "setattr",
    "__getattribute__",
    "attrgetter",
    "methodcaller",
    "import_module",
    "__import__",
    "find_spec",
}
_BY_CODE = {
    "eval",
    "exec",
    "compile",
    "run_cell",
    "run_cell_magic",
    "run_line_magic",
    "system",
    "getoutput",
    "run",
    "Popen",
}
_OTHERS = {"compile", "run"}  # as attributes these are methods of many things: re.compile


def uses(tree: ast.AST, rules: list[str], aliases: dict[str, str]) -> str | None:
    """The first forbidden name that the code uses, or None; `aliases` says what imported names stand for,
    and is added to.
    """
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name if alias.asname else alias.name.partition(".")[0]
                aliases[alias.asname or first] = first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in nodes if rules else ():
        for name in _names(node, aliases):
            for rule in rules:
                stem, _, leaf = rule.rpartition(".")
                if (
                    name == rule
                    or name.startswith(f"{rule}.")
                    or (name == f"{stem}.*" and _loads(tree, leaf))
                ):
                    return rule
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            tail = f"{node.value.attr}.{node.attr}"
            if rule := next((rule for rule in rules if rule.endswith(f".{tail}")), None):
                return rule
        if isinstance(node, ast.Call) and (rule := _in_strings(node, rules)):
            return rule
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            looked_up = (
                node.value.attr
                if isinstance(node.value, ast.Attribute)
                else getattr(_called(node.value), "id", "")
            )
            if looked_up in ("__dict__", "vars", "modules") and (rule := _rule_of(node.slice.value, rules)):
                return rule
    return None


def _names(node: ast.AST, aliases: dict[str, str]) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{alias.name}" for alias in node.names] + [node.module or ""]
    if isinstance(node, ast.Attribute):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            return [".".join([aliases.get(node.id, node.id), *reversed(parts)])]
    if isinstance(node, ast.Name) and node.id in aliases:
        return [aliases[node.id]]
    return []


def _in_strings(call: ast.Call, rules: list[str]) -> str | None:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    runs = called in _BY_CODE and not (
        called in _OTHERS
        and isinstance(call.func, ast.Attribute)
        and getattr(call.func.value, "id", "") != "subprocess"
    )
    for argument in call.args:
        text = argument.value if isinstance(argument, ast.Constant) else None
        if not isinstance(text, str):
            continue
        if called in _BY_NAME and (rule := _rule_of(text, rules)):
            return rule
        if runs:
            for rule in rules:
                if re.search(
                    rf"(?<!\w){re.escape(rule)}(?!\w)|\.{re.escape(rule.rpartition('.')[2])}(?!\w)", text
                ):
                    return rule
    return None


def _rule_of(text, rules: list[str]) -> str | None:
    return next((rule for rule in rules if text == rule or text == rule.rpartition(".")[2]), None)


def _called(node: ast.AST) -> ast.AST:
    return node.func if isinstance(node, ast.Call) else node


def _loads(tree: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
