"""From scratch means it: what a lab forbids refuses to work when the student's code runs.

It can be undone by code that knows how, for it lives in the student's process; what can't is that the judge
looks for it in the source (`judge/source.py`). SECURITY.md says what holds and what doesn't.
"""

import functools
import importlib.machinery
import importlib.util
import os
import sys
import warnings

active = False  # True in the student's process, but while a cell of the lab itself runs


class Forbidden(RuntimeError):
    """The lab says that this is to be written, not called."""


def message(name: str) -> str:
    return f"this lab forbids {name}: write it yourself"


_library = []  # torch forgets an overridden operator when its Library goes


def install(forbidden: list[str]) -> None:
    """Make every forbidden module, class, function and operator refuse to work; torch's once it is there."""
    late = [name for name in forbidden if _is_late(name)]
    if late:
        sys.meta_path.insert(0, _Later(late))
    modules = [name for name in forbidden if name not in late and _refuse(name)]
    if modules:
        sys.meta_path.insert(0, _Finder(modules))
        for name in list(sys.modules):
            if any(name == module or name.startswith(f"{module}.") for module in modules):
                del sys.modules[name]


def module_files(forbidden: list[str]) -> list[str]:
    """Files of the forbidden modules that are plain Python and not imported yet: those can be taken out of
    sight.
    """
    files = []
    for name in forbidden:
        if _is_late(name):
            continue
        try:
            spec = importlib.util.find_spec(name)
        except (ImportError, AttributeError, ValueError):
            continue
        if spec and spec.origin and spec.origin.endswith(".py") and name not in sys.modules:
            if spec.submodule_search_locations:  # a folder, and with it all that is in it
                files += spec.submodule_search_locations
                continue
            compiled = importlib.util.cache_from_source(spec.origin)
            files += [spec.origin, *([compiled] if os.path.exists(compiled) else [])]
    return files


class _Finder:
    def __init__(self, modules: list[str]):
        self.modules = modules

    def find_spec(self, name, path=None, target=None):
        for module in self.modules:
            if active and (name == module or name.startswith(f"{module}.")):
                raise Forbidden(message(module))


def _is_late(name: str) -> bool:
    """Whether to refuse it now would import torch, which takes longer than most labs."""
    return name.startswith("torch.") and "torch" not in sys.modules


class _Later:
    """Refuses what is forbidden of torch each time that it has just been imported; one try may fail."""

    def __init__(self, forbidden: list[str]):
        self.forbidden = forbidden

    def find_spec(self, name, path=None, target=None):
        spec = importlib.machinery.PathFinder.find_spec(name, path) if name == "torch" else None
        if spec is None:
            return None
        run = spec.loader.exec_module

        def run_and_refuse(module) -> None:
            run(module)
            install(self.forbidden)

        spec.loader.exec_module = run_and_refuse
        return spec


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
    """Override the operator itself, to which torch.nn, torch.nn.functional, torch._VF and torch.ops all
    lead.
    """
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
                    _library[0].impl(
                        operator.name().removeprefix("aten::"),
                        _refusing_always(name),
                        key,
                        allow_override=True,
                    )


def _refusing_always(name: str):
    def refuse(*arguments, **keywords):
        raise Forbidden(message(name))

    return refuse
