"""What a cell's source is as Python."""

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
    names, imports, todo = [], [], list(tree.body)
    while todo:
        node = todo.pop(0)
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            imports.append(ast.unparse(node) + "\n")
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.append(node.name)
        elif isinstance(node, ast.Name):
            names += [node.id] if isinstance(node.ctx, ast.Store) else []
        elif not isinstance(node, (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)):
            todo += ast.iter_child_nodes(node)
    return names, "".join(imports)


def parsed(source: str) -> ast.Module:
    """A cell's source as Python, its magics turned into calls.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    with contextlib.suppress(SyntaxError):
        if not _ODD.search(source):
            return ast.parse(source)  # with magics it would not parse, and to look for them takes IPython milliseconds
    return ast.parse(TransformerManager().transform_cell(source))


# What IPython may change in code that is Python as it stands: it ends lines at more characters, and takes off prompts.
_ODD = re.compile(r"[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]|^\s*(>>>|\.\.\.|In ?\[)", re.MULTILINE)
