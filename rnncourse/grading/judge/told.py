"""Which values of a hidden test may be told: those that the source itself shows to be one of its own
literals, used as words and never as an input, a computed or an expected value.

A name in a message is told where a loop over literals (`for name, a, b in zip(("dx", "dh"), …)`) stands
around the line that failed, or where it is what the cell calls a function of its own with. Told are

- a string that the cell uses in messages alone, and to look something up: `got[name]`,
- a dtype or a built-in type: `np.float32`, `"float32"`, `tuple`,
- a number that the visible part of the cell names too, and the index of `enumerate` over things counted in
  the source.

The value itself is read where the test failed, and told only where it equals one of those literals.
"""

import ast
import re
import sys
from collections.abc import Iterator

WORDS = ("err_msg", "msg")  # the arguments by which assertions of NumPy and torch are given a message
_DTYPE = re.compile(r"(u?int|float|complex)(8|16|32|64|128)|bfloat16|bool_?")
_KINDS = {"list", "tuple", "dict", "set", "int", "float", "complex", "bool", "str", "bytes"}
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = (
    *_FUNCTIONS, ast.ClassDef, ast.Lambda, ast.Module,
    ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp,
)  # fmt: skip
_DISPLAYS = (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred)
_LOOPERS = {"zip", "enumerate", "reversed", "sorted", "list", "tuple", "set", "dict", "len", "getattr"}
_BINDERS = {  # where Python binds a name that is no ast.Name
    ast.FunctionDef: "name", ast.AsyncFunctionDef: "name", ast.ClassDef: "name", ast.ExceptHandler: "name",
    ast.MatchAs: "name", ast.MatchStar: "name", ast.MatchMapping: "rest",
}  # fmt: skip


class Kind(str):
    """The name of a dtype or a built-in type."""


class Index(int):
    """Which of several things that the source counts."""


class Told:
    """What may be told of a test cell's names; `here` is the line that failed, `values` are what names had
    there, and `seen` the numbers that the visible part names.
    """

    def __init__(self, tree: ast.AST, here: int, values: dict, seen: set[int]):
        self.here, self.values, self.seen = here, values, seen
        self.parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        self.loads, self.stores, self.others = {}, {}, set()
        for node in self.parents:
            if isinstance(node, ast.Name):
                kind = self.loads if isinstance(node.ctx, ast.Load) else self.stores
                kind.setdefault(node.id, []).append(node)
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self.others |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            elif isinstance(node, (ast.Global, ast.Nonlocal)):
                self.others |= set(node.names)
            elif type(node) in _BINDERS:
                self.others.add(getattr(node, _BINDERS[type(node)]))

    def of(self, node: ast.expr) -> str | None:
        """What an expression in a message may say, or None."""
        match node:
            case ast.Call(func=ast.Name("str" | "repr"), args=[inner], keywords=[]):
                return self.of(inner)
            case ast.Call(func=ast.Attribute(ast.Name("np" | "numpy"), "dtype"), args=[inner], keywords=[]):
                return self.of(inner)
            case ast.Attribute(inner, "__name__" | "name"):
                return self.of(inner)
            case ast.Name(name):
                return self._name(name, node)
        return None

    def _name(self, name: str, node: ast.Name) -> str | None:
        scope = self._scope(node)
        if name in self.others or scope is not self._scope_of_line():
            return None
        if name in _parameters(scope):
            literals = self._arguments(scope, name)
        else:
            loop = next((loop for loop in self._loops(node) if _binds(loop.target, name)), None)
            if loop is None or not loop.body[0].lineno <= self.here <= loop.body[-1].end_lineno:
                return None
            if sum(_binds(store, name) for store in self.stores[name] if loop in self._above(store)) != 1:
                return None  # it is bound anew in the loop
            literals = self._choices(loop.iter, loop.target, name)
        value = _plain(dict.get(self.values, name))
        if value is None or literals is None:
            return None
        for literal in literals:
            if type(literal) in (int, Index) and type(value) is int and value == literal:
                return str(value) if type(literal) is Index or value in self.seen else None
            if isinstance(literal, str) and isinstance(value, str) and value == literal:
                is_safe = type(literal) is Kind or (self.is_word(name) and self._is_no_value(literal))
                return str(value) if is_safe else None
        return None

    # --- where a name may come from -----------------------------------------------------------------------

    def _choices(self, source: ast.expr, target: ast.expr, name: str) -> list | None:
        """The literals that a name in a loop's target can have, or None where the source doesn't show it."""
        if isinstance(target, ast.Name):
            elements = self._elements(source)
            found = [_literal(element) for element in elements] if elements is not None else [None]
            return None if None in found else found
        if not isinstance(target, (ast.Tuple, ast.List)):
            return None
        parts = target.elts
        k = next(
            k for k, part in enumerate(parts) if any(getattr(n, "id", "") == name for n in ast.walk(part))
        )
        if any(isinstance(part, ast.Starred) for part in parts):
            return None
        match source:
            case ast.Call(func=ast.Name("zip"), args=args) if not _has_star(args) and len(args) == len(
                parts
            ):
                return self._choices(args[k], parts[k], name)
            case ast.Call(func=ast.Name("enumerate"), args=[counted], keywords=[]) if len(parts) == 2:
                if k == 1:
                    return self._choices(counted, parts[1], name)
                size = self._size(counted)
                return None if size is None else [Index(i) for i in range(size)]
        rows = self._elements(source)
        if rows is None or not all(_is_row(row, len(parts)) for row in rows):
            return None
        return self._choices(ast.Tuple([row.elts[k] for row in rows]), parts[k], name)

    def _arguments(self, function: ast.AST, name: str) -> list | None:
        """The literals that the cell calls a function of its own with."""
        own = getattr(function, "name", "")
        uses = self.loads.get(own, [])
        calls = [self.parents[use] for use in uses]
        if name in self.stores or own in self.stores or not all(
            isinstance(call, ast.Call) and call.func is use and not _has_star(call.args)
            and all(keyword.arg for keyword in call.keywords)
            for call, use in zip(calls, uses, strict=True)
        ):  # fmt: skip
            return None
        k, found = _parameters(function).index(name), []
        for call in calls:
            given = call.args[k : k + 1] + [word.value for word in call.keywords if word.arg == name]
            found += [_literal(given[0]) if given else None]
        return None if None in found else found

    def _elements(self, source: ast.expr) -> list[ast.expr] | None:
        """The expressions that a loop goes over, where they stand in the source."""
        match source:
            case ast.Tuple(elts) | ast.List(elts) | ast.Set(elts):
                return None if _has_star(elts) else elts
            case ast.Dict(keys) | ast.Call(func=ast.Attribute(ast.Dict(keys), "keys"), args=[]):
                return None if None in keys else keys
            case ast.Call(func=ast.Attribute(ast.Dict(keys, values), "items"), args=[]):
                return (
                    None if None in keys else [ast.Tuple([*pair]) for pair in zip(keys, values, strict=True)]
                )
            case ast.Call(func=ast.Attribute(ast.Name() as name, "items" | "keys" as method), args=[]):
                found = self._assigned(name)
                call = ast.Call(ast.Attribute(found, method), [], [])
                return self._elements(call) if isinstance(found, ast.Dict) else None
            case ast.Call(
                func=ast.Name("reversed" | "sorted" | "list" | "tuple"), args=[inner], keywords=[]
            ):
                return self._elements(inner)
            case ast.Name():
                found = self._assigned(source)
                return self._elements(found) if isinstance(found, (ast.Tuple, ast.List, ast.Dict)) else None
        return None

    def _size(self, source: ast.expr) -> int | None:
        """How many things a loop goes over at most, where the source shows it."""
        if (
            isinstance(source, ast.Call)
            and getattr(source.func, "id", "") == "zip"
            and not _has_star(source.args)
        ):
            sizes = [self._size(part) for part in source.args]
            return min([size for size in sizes if size is not None], default=None)
        elements = self._elements(source)
        return None if elements is None else len(elements)

    def _assigned(self, node: ast.Name) -> ast.expr | None:
        """What a name stands for that is bound once, and used for nothing but this loop and look-ups."""
        stores = self.stores.get(node.id, [])
        loads = [n for n in self.loads.get(node.id, []) if n is not node]
        if len(stores) != 1 or node.id in self.others or self._scope(stores[0]) is not self._scope(node):
            return None
        if not all(isinstance(self.parents[n], ast.Subscript) and self.parents[n].value is n for n in loads):
            return None
        match self.parents[stores[0]]:
            case ast.Assign([target], value) if target is stores[0]:
                return value
        return None

    # --- what a name is used for --------------------------------------------------------------------------

    def is_text(self, node: ast.Name) -> bool:
        """Whether a name is bound by assignments alone, and is a word."""
        if node.id in self.others or node.id in _parameters(self._scope(node)):
            return False
        stores = [self.parents[store] for store in self.stores.get(node.id, [])]
        return all(isinstance(store, ast.Assign) for store in stores) and self.is_word(node.id)

    def is_word(self, name: str, known: tuple = ()) -> bool:
        """Whether a cell uses a name in messages alone, and to look something up."""
        return name in known or all(self._says(node, (*known, name)) for node in self.loads.get(name, []))

    def _is_no_value(self, text: str) -> bool:
        """Whether a string stands nowhere in the cell as an argument, or to be compared with."""
        for node in self.parents:
            if not (isinstance(node, ast.Constant) and node.value == text and type(node.value) is str):
                continue
            around = next(n for n in self._above(node) if not isinstance(n, _DISPLAYS))
            if isinstance(around, ast.keyword):
                around = self.parents[around]
            name = getattr(getattr(around, "func", None), "id", "")
            if isinstance(around, ast.Compare) or (
                isinstance(around, ast.Call) and name not in _LOOPERS and name not in self.others
            ):
                return False
        return True

    def _says(self, node: ast.AST, known: tuple) -> bool:
        while True:
            child, node = node, self.parents[node]
            match node:
                case ast.JoinedStr() | ast.FormattedValue() | ast.BinOp():
                    continue
                case ast.Call(func=ast.Name("str" | "repr")):
                    continue
                case ast.Call(func=ast.Attribute(ast.Constant(), "format")):
                    continue
                case ast.Call(func=ast.Name(kind)) if isinstance(self.parents[node], ast.Raise):
                    return kind.endswith("Error")
                case ast.Call(func=ast.Name("getattr"), args=[_, second, *_]):
                    return second is child
                case ast.Assert():
                    return node.msg is child
                case ast.keyword():
                    return node.arg in WORDS
                case ast.Subscript():
                    return node.slice is child
                case ast.Assign(targets):
                    return all(isinstance(t, ast.Name) and self.is_word(t.id, known) for t in targets)
            return False

    # --- where it stands ----------------------------------------------------------------------------------

    def _above(self, node: ast.AST) -> list[ast.AST]:
        """What a node stands in, from inside out."""
        above = []
        while node in self.parents:
            node = self.parents[node]
            above.append(node)
        return above

    def _scope(self, node: ast.AST) -> ast.AST | None:
        return next((around for around in self._above(node) if isinstance(around, _SCOPES)), None)

    def _loops(self, node: ast.AST) -> Iterator[ast.For]:
        """The loops around a node, in its function."""
        for around in self._above(node):
            if isinstance(around, _SCOPES):
                return
            if isinstance(around, ast.For):
                yield around

    def _scope_of_line(self) -> ast.AST | None:
        """The function that the line which failed stands in, or the cell."""
        scopes = {self._scope(node) for node in self.parents}
        around = [s for s in scopes if isinstance(s, _FUNCTIONS) and s.lineno <= self.here <= s.end_lineno]
        cell = next((s for s in scopes if isinstance(s, ast.Module)), None)
        return max(around, key=lambda scope: scope.lineno, default=cell)


def _parameters(scope: ast.AST) -> list[str]:
    """Those of a function that can be given by their place."""
    if not isinstance(scope, (*_FUNCTIONS, ast.Lambda)):
        return []
    return [arg.arg for arg in scope.args.posonlyargs + scope.args.args + scope.args.kwonlyargs]


def _binds(node: ast.AST, name: str) -> bool:
    return any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(node))


def _has_star(nodes: list) -> bool:
    return any(isinstance(node, ast.Starred) for node in nodes)


def _is_row(node: ast.expr, size: int) -> bool:
    return isinstance(node, (ast.Tuple, ast.List)) and len(node.elts) == size and not _has_star(node.elts)


def _literal(node: ast.expr) -> str | int | None:
    """A literal that may be told, as the source has it."""
    match node:
        case ast.Constant(str() as text):
            return Kind(text) if _DTYPE.fullmatch(text) else text
        case ast.Constant(int() as number) if type(number) is int:
            return number
        case ast.Attribute(ast.Name("np" | "numpy" | "torch"), name) if _DTYPE.fullmatch(name):
            return Kind(name)
        case ast.Call(func=ast.Attribute(ast.Name("np" | "numpy"), "dtype"), args=[inner], keywords=[]):
            found = _literal(inner)
            return found if type(found) is Kind else None
        case ast.Name(name) if name in _KINDS:
            return Kind(name)
    return None


def _plain(value) -> str | int | None:
    """A value at run time in the same form, asking nothing of an object that might be a student's."""
    kind = type(value)
    if kind is str or kind is int:
        return value
    if kind is type and value.__module__ in ("builtins", "numpy"):
        return value.__name__
    numpy = sys.modules.get("numpy")  # which whoever only reads a lab needn't import
    if numpy and issubclass(kind, numpy.dtype):
        return value.name
    if kind.__module__ == "torch" and kind.__name__ == "dtype":
        return str(value).removeprefix("torch.")
    return None
