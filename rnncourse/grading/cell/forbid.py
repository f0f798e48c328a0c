"""From scratch means it: what a lab forbids is looked for in the source, and refuses to work when the student's code runs.

The second can be undone by code that knows how, for it lives in the student's process; SECURITY.md says what holds and
what doesn't.
"""

import ast
import functools
import importlib
import os
import re
import sys
import warnings

active = False  # True in the student's process, but while a cell of the lab itself runs


class Forbidden(RuntimeError):
    """The lab says that this is to be written, not called."""


def message(name: str) -> str:
    return f"this lab forbids {name}: write it yourself"


# --- in the source ------------------------------------------------------------------------------------------------------

_BY_NAME = {"getattr", "setattr", "__getattribute__", "attrgetter", "methodcaller", "import_module", "__import__", "find_spec"}
_BY_CODE = {"eval", "exec", "compile", "run_cell", "run_cell_magic", "run_line_magic", "system", "getoutput", "run", "Popen"}
_OTHERS = {"compile", "run"}  # as attributes these are methods of many things: re.compile


def found(tree: ast.AST, forbidden: list[str], aliases: dict[str, str]) -> str | None:
    """The first forbidden name that the code uses, or None; `aliases` says what imported names stand for, and is added to."""
    nodes = list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name if alias.asname else alias.name.partition(".")[0]
                aliases[alias.asname or first] = first
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                aliases[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in nodes if forbidden else ():
        for name in _names(node, aliases):
            for rule in forbidden:
                stem, _, leaf = rule.rpartition(".")
                if name == rule or name.startswith(f"{rule}.") or (name == f"{stem}.*" and _loads(tree, leaf)):
                    return rule
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute):
            tail = f"{node.value.attr}.{node.attr}"
            if rule := next((rule for rule in forbidden if rule.endswith(f".{tail}")), None):
                return rule
        if isinstance(node, ast.Call) and (rule := _in_strings(node, forbidden)):
            return rule
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            looked_up = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(_called(node.value), "id", "")
            if looked_up in ("__dict__", "vars", "modules") and (rule := _rule_of(node.slice.value, forbidden)):
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


def _in_strings(call: ast.Call, forbidden: list[str]) -> str | None:
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    runs = called in _BY_CODE and not (
        called in _OTHERS and isinstance(call.func, ast.Attribute) and getattr(call.func.value, "id", "") != "subprocess"
    )
    for argument in call.args:
        text = argument.value if isinstance(argument, ast.Constant) else None
        if not isinstance(text, str):
            continue
        if called in _BY_NAME and (rule := _rule_of(text, forbidden)):
            return rule
        if runs:
            for rule in forbidden:
                if re.search(rf"(?<!\w){re.escape(rule)}(?!\w)|\.{re.escape(rule.rpartition('.')[2])}(?!\w)", text):
                    return rule
    return None


def _rule_of(text, forbidden: list[str]) -> str | None:
    return next((rule for rule in forbidden if text == rule or text == rule.rpartition(".")[2]), None)


def _called(node: ast.AST) -> ast.AST:
    return node.func if isinstance(node, ast.Call) else node


def _loads(tree: ast.AST, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))


# --- at run time, in the student's process ------------------------------------------------------------------------------

_library = []  # torch forgets an overridden operator when its Library goes


def install(forbidden: list[str]) -> None:
    """Make every forbidden module, class, function and operator refuse to work."""
    modules = [name for name in forbidden if _refuse(name)]
    if modules:
        sys.meta_path.insert(0, _Finder(modules))
        for name in list(sys.modules):
            if any(name == module or name.startswith(f"{module}.") for module in modules):
                del sys.modules[name]


def module_files(forbidden: list[str]) -> list[str]:
    """Files of the forbidden modules that are plain Python and not imported yet: those can be taken out of sight."""
    files = []
    for name in forbidden:
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, AttributeError, ValueError):
            continue
        if spec and spec.origin and spec.origin.endswith(".py") and name not in sys.modules:
            files += spec.submodule_search_locations or [spec.origin]
            compiled = importlib.util.cache_from_source(spec.origin)
            files += [compiled] if os.path.exists(compiled) else []
    return files


class _Finder:
    def __init__(self, modules: list[str]):
        self.modules = modules

    def find_spec(self, name, path=None, target=None):
        for module in self.modules:
            if active and (name == module or name.startswith(f"{module}.")):
                raise Forbidden(message(module))


def _refuse(name: str) -> bool:
    """Patch an attribute; return True where the name is a module's, for which a finder is the way."""
    stem, _, leaf = name.rpartition(".")
    try:
        if not stem or importlib.util.find_spec(name):
            return True
    except (ImportError, AttributeError, ValueError):
        pass
    owner = _resolve(stem)
    target = getattr(owner, leaf, None)
    if isinstance(target, type):
        for method in ("__init__", "forward", "__call__"):
            if method in vars(target):
                setattr(target, method, _refusing(vars(target)[method], name))
    elif callable(target):
        setattr(owner, leaf, _refusing(target, name))
    if stem.partition(".")[0] == "torch":
        _refuse_operator(leaf, name)
    return False


def _resolve(dotted: str):
    parts = dotted.split(".")
    for size in range(len(parts), 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:size]))
        except ImportError:
            continue
        return functools.reduce(lambda v, part: getattr(v, part, None), parts[size:], value)
    return None


def _refusing(function, name: str):
    @functools.wraps(function)
    def refuse(*arguments, **keywords):
        if active:
            raise Forbidden(message(name))
        return function(*arguments, **keywords)

    return refuse


def _refuse_operator(leaf: str, name: str) -> None:
    """Override the operator itself, to which torch.nn, torch.nn.functional, torch._VF and torch.ops all lead."""
    import torch

    packet = getattr(torch.ops.aten, leaf, None)
    for overload in packet.overloads() if packet is not None else ():
        operator = getattr(packet, overload)
        if not torch._C._dispatch_has_kernel(operator.name()):  # TorchScript's own, such as aten::grad
            continue
        if not _library:
            _library.append(torch.library.Library("aten", "IMPL"))
        for key in ("CompositeImplicitAutograd", "CPU"):
            if torch._C._dispatch_has_kernel_for_dispatch_key(operator.name(), key):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # that an operator is overridden
                    _library[0].impl(operator.name().removeprefix("aten::"), _refusing_always(name), key, allow_override=True)


def _refusing_always(name: str):
    def refuse(*arguments, **keywords):
        raise Forbidden(message(name))

    return refuse
