"""What a cell's source is as Python: the names that it binds, and what it uses that a lab forbids."""

import ast
import builtins
import collections
import contextlib
import copy
import re
import symtable

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
    names, imports, todo = [], [], collections.deque(nodes)
    while todo:
        node = todo.popleft()
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


def definition(source: str, name: str) -> str | None:
    """The lines of a cell that define a function or a class of this name, the last if there are several."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    try:
        nodes = parsed(source).body
    except (SyntaxError, ValueError):
        return None
    for node in reversed(nodes):
        if isinstance(node, kinds) and node.name == name:
            first = min([node.lineno, *(part.lineno for part in node.decorator_list)])
            return "\n".join(source.splitlines()[first - 1 : node.end_lineno]) + "\n"
    return None


def imported(nodes: list[ast.Import | ast.ImportFrom]) -> list[str]:
    """The names that imports bind, but for those behind a star."""
    names = [alias.asname or alias.name.partition(".")[0] for node in nodes for alias in node.names]
    return [name for name in names if name != "*"]


def shared_names(cells) -> list[str]:
    """The names that solution cells bind, or that their functions read: what a test sets of these, the
    functions see.
    """
    found: set[str] = set()
    for cell in cells:
        if cell.kind == "solution":
            with contextlib.suppress(SyntaxError, ValueError):
                found |= _globals(symtable.symtable(ast.unparse(parsed(cell.source)), "<cell>", "exec"))
    return sorted(name for name in found if not hasattr(builtins, name) and not name.startswith("__"))


def _globals(table: symtable.SymbolTable) -> set[str]:
    is_module = table.get_type() == "module"
    names = {s.get_name() for s in table.get_symbols() if (s.is_assigned() if is_module else s.is_global())}
    return names.union(*map(_globals, table.get_children()))


def parsed(source: str) -> ast.Module:
    """A cell's source as Python, its magics turned into calls.

    Raises:
        SyntaxError, ValueError: it is not Python.
    """
    with contextlib.suppress(SyntaxError):
        if not _ODD.search(
            source
        ):  # to look for magics takes IPython milliseconds, and with one it won't parse
            return ast.parse(source)
    return ast.parse(TransformerManager().transform_cell(source))


# What IPython may change in code that is Python as it stands: it ends lines at more characters, and takes
# off prompts.
_ODD = re.compile(r"[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]|^\s*(>>>|\.\.\.|In ?\[)", re.MULTILINE)


# What gets a thing by its name, and what runs text, as attributes of whatever; a few of these as plain names
# too, and a few only as those of modules: `re.compile` and `model.run` are not meant.
_BY_NAME = {
    "getattr", "setattr", "__getattribute__", "attrgetter", "methodcaller", "import_module", "__import__",
    "find_spec", "resolve_name", "locate", "getattr_static",
}  # fmt: skip
_BY_CODE = {
    "eval", "exec", "run_cell", "run_cell_magic", "run_line_magic", "system", "getoutput", "Popen",
    "check_output", "ForwardRef",
}  # fmt: skip
_CALLS = _BY_NAME | _BY_CODE
_PLAIN = {"getattr", "setattr", "__import__", "eval", "exec", "compile"}
_OF_MODULES = {("subprocess", "run"), ("subprocess", "call"), ("builtins", "compile")}
_TABLES = {"__dict__", "vars", "modules", "globals", "locals"}
_NAMES = {ast.Attribute, ast.Name, ast.Import, ast.ImportFrom}
_BINDERS = {
    ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.NamedExpr, ast.For, ast.AsyncFor, ast.Match,
    ast.withitem, ast.comprehension, ast.arguments,
}  # fmt: skip
_LONGEST = 16  # parts of a dotted name: nothing that is forbidden lies deeper


class Search:
    """For what a lab forbids, in all cells of a notebook: `learn` from each, then `find` in each.

    A name stands for whatever anything in the notebook binds it to. Kept of that is how many parts of each
    forbidden name it has met, in their order: `torch.nn.modules.rnn` has met two of `torch.nn.RNN`. So time
    grows with the length of the code, and no order of the cells hides a thing.
    """

    def __init__(self, rules: list[str]):
        self.rules = {tuple(rule.split(".")): rule for rule in rules}
        self.start: dict[str, dict] = {}  # what a plain name has met, whoever binds it
        for pattern in (*self.rules, *((name,) for name in _PLAIN), *_OF_MODULES):
            self.start.setdefault(pattern[0], {})[pattern] = 1
        self.leaves = {parts[-1]: rule for parts, rule in self.rules.items()}
        self.tails = {parts[-2:]: rule for parts, rule in self.rules.items() if len(parts) > 2}
        leaves, whole = ("|".join(map(re.escape, names)) for names in (self.leaves, self.rules.values()))
        self.in_code = re.compile(rf"(?<!\w)({whole})(?!\w)|\.({leaves})(?!\w)")
        self.bound: dict[str, list[tuple]] = {}  # by name: what gets its value, and which parts of it
        self.met: dict[str, dict] = {}
        self.star: dict[tuple, int] = {}  # what a name from a star import has met before its own part
        self.own: set[str] = set()  # classes and functions that the notebook defines

    def copy(self) -> "Search":
        """One that goes on from here."""
        other = copy.copy(self)
        other.bound = {name: list(pairs) for name, pairs in self.bound.items()}
        other.met, other.own = dict(self.met), set(self.own)
        return other

    def learn(self, tree: ast.AST) -> list[ast.AST]:
        """Note what a cell binds; return its nodes, for `find`."""
        nodes, todo = list(ast.walk(tree)), []
        for node in nodes:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                self.own.add(node.name)
            for name, parts in _bindings(node) if type(node) in _BINDERS else ():
                if name == "*":
                    self.star = _furthest(self.star, self.of(parts))
                elif parts != [name]:
                    self.bound.setdefault(parts[0], []).append((name, parts))
                    todo.append((name, parts))
        while todo:
            name, parts = todo.pop()
            before = self.met.get(name, {})
            after = _furthest(before, self.of(parts))
            if after != before:
                self.met[name] = after
                todo += self.bound.get(name, ())
        return nodes

    def of(self, parts: list[str]) -> dict[tuple, int]:
        """How many parts of each pattern a dotted name has met."""
        met = self.start.get(parts[0], {})
        if parts[0] in self.met:
            met = _furthest(met, self.met[parts[0]])
        if self.star and parts[0] not in self.own:
            met = _furthest(met, _further(self.star, parts[:1]))
        return _further(met, parts[1:])

    def find(self, nodes: list[ast.AST]) -> str | None:
        """The first forbidden name that a cell uses, or None."""
        for node in nodes:
            look = self._rule_of_names if type(node) in _NAMES else self._rule_of_strings
            if rule := look(node):
                return rule
        return None

    def _rule_of_names(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Import):
            names = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [parts for _, parts in _bindings(node)]
        else:
            before = getattr(getattr(node, "value", None), "attr", None)
            if before and (rule := self.tails.get((before, node.attr))):
                return rule
            names = filter(None, [_dotted(node)])
        return next(filter(None, map(self._rule_of, names)), None)

    def _rule_of(self, parts: list[str]) -> str | None:
        root = parts[0]
        if root not in self.start and root not in self.met and not self.star:
            return None
        met = (pattern for pattern, count in self.of(parts).items() if count == len(pattern))
        return next((self.rules[pattern] for pattern in met if pattern in self.rules), None)

    def _rule_of_strings(self, node: ast.AST) -> str | None:
        if isinstance(node, ast.Call):
            called = _dotted(node.func) or ["", getattr(node.func, "attr", "")]
            kinds = {pattern for pattern, count in self.of(called).items() if count == len(pattern)}
            by_name = any(pattern[-1] in _BY_NAME for pattern in kinds)
            if by_name or (isinstance(node.func, ast.Attribute) and _is_table(node.func.value)):
                return next(filter(None, map(self._rule_called, _texts(node))), None)
            if kinds - self.rules.keys():
                return next(filter(None, map(self._rule_in_code, _texts(node))), None)
        elif isinstance(node, ast.Subscript) and _is_table(node.value):
            return self._rule_called(_text(node.slice))
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            return self._rule_in_code(_text(node.annotation))
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            return self._rule_in_code(_text(node.returns))
        return None

    def _rule_called(self, text: str | None) -> str | None:
        return text and self.leaves.get(re.split("[.:]", text)[-1])

    def _rule_in_code(self, text: str | None) -> str | None:
        found = text and self.in_code.search(text)
        return found and (found[1] or self.leaves[found[2]])


def _further(met: dict, parts: list[str]) -> dict[tuple, int]:
    for part in parts:
        if met:
            met = {p: n + 1 if n < len(p) and p[n] == part else n for p, n in met.items()}
        if part in _CALLS:
            met = met | {(part,): 1}
    return met


def _furthest(one: dict, other: dict) -> dict:
    return {key: max(one.get(key, 0), other.get(key, 0)) for key in one | other}


def _bindings(node: ast.AST):
    """What a piece of code binds to dotted names: each name, and the parts of what it stands for."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            parts = alias.name.split(".")
            yield alias.asname or parts[0], parts if alias.asname else parts[:1]
    elif isinstance(node, ast.ImportFrom):
        for alias in node.names:
            yield (
                alias.asname or alias.name,
                [*(node.module or "").split("."), alias.name][: -1 if alias.name == "*" else None],
            )
    for target, value in _assigned(node):
        if isinstance(target, (ast.Tuple, ast.List)) and isinstance(value, (ast.Tuple, ast.List)):
            pairs = zip(target.elts, value.elts, strict=False)
        else:
            pairs = [(target, value)]
        for one, its in pairs:
            name = getattr(one, "id", None) or getattr(one, "arg", None) or getattr(one, "name", None)
            if isinstance(name, str) and (parts := _dotted(its)):
                yield name, parts


def _assigned(node: ast.AST) -> list[tuple]:
    """Pairs of a target and the expression that it gets, of whatever binds."""
    if isinstance(node, ast.Assign):
        return [(target, node.value) for target in node.targets]
    if isinstance(node, (ast.AnnAssign, ast.NamedExpr)):
        return [(node.target, node.value)]
    if isinstance(node, (ast.For, ast.AsyncFor, ast.comprehension)):
        return [(node.target, item) for item in getattr(node.iter, "elts", ())]
    if isinstance(node, ast.withitem):
        return [(node.optional_vars, node.context_expr)]
    if isinstance(node, ast.arguments):
        ordered = [*node.posonlyargs, *node.args]
        last = ordered[len(ordered) - len(node.defaults) :]
        return [*zip(last, node.defaults, strict=True), *zip(node.kwonlyargs, node.kw_defaults, strict=True)]
    if isinstance(node, ast.Match):
        return [(case.pattern, node.subject) for case in node.cases]
    return []


def _dotted(node: ast.AST | None) -> list[str] | None:
    """The parts of a dotted name, or None for anything else."""
    parts = []
    while len(parts) < _LONGEST:
        if isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        elif isinstance(node, ast.NamedExpr):
            node = node.value
        elif isinstance(node, ast.Name):
            return [node.id, *reversed(parts)]
        else:
            break
    return None


def _text(node: ast.AST | None) -> str | None:
    """The text of a constant, or of constants put together, or None."""
    between, pieces = "", []
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        pieces = [node.left, node.right]
    elif isinstance(node, ast.JoinedStr):
        pieces = node.values
    elif isinstance(node, ast.FormattedValue):
        pieces = [node.value]
    elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "join" and len(node.args) == 1:
        between, pieces = _text(node.func.value), getattr(node.args[0], "elts", ())
    unknown = " " if isinstance(node, ast.JoinedStr) else None
    texts = [_text(piece) or unknown for piece in pieces]
    if not texts or between is None or None in texts or len(between) > 99:
        return None
    return between.join(texts)


def _texts(call: ast.Call) -> list[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    for one in call.args:
        if isinstance(one, ast.Starred):
            given += getattr(one.value, "elts", ())
    return [text for text in map(_text, given) if text]


def _is_table(node: ast.AST) -> bool:
    """Whether it looks like the names of a module: `vars(torch)`, `torch.__dict__`, `sys.modules`."""
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, "attr", getattr(node, "id", "")) in _TABLES
