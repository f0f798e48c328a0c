"""What to say about a test cell that failed: where, in which words, and its author's hint, never a hidden
test's values.
"""

import ast
import functools
import re
import traceback

from rnncourse.grading.judge.outcome import BEGIN, END, KEPT
from rnncourse.grading.judge.told import WORDS, Told


def line_of(error: BaseException | None) -> int:
    """The line of the test cell that failed."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    lines = [frame.lineno for frame in frames if frame.filename == "<test>"]
    return lines[0] if lines else getattr(error, "lineno", 0) or 0


def hidden_lines(source: str) -> list[int]:
    """The numbers of the lines between nbgrader's marks."""
    lines, hidden = [], False
    for number, text in enumerate(source.splitlines(), 1):
        hidden = (hidden or BEGIN in text) and END not in text
        lines += [number] if hidden else []
    return lines


def without_hidden(source: str) -> str:
    """A test cell with its hidden lines empty, so that the others keep their numbers."""
    lines, hidden = [], False
    for line in source.split("\n"):
        hidden = hidden or BEGIN in line
        lines.append("" if hidden else line)
        hidden = hidden and END not in line
    return "\n".join(lines)


def hint_of(tree: ast.AST, line: int, error: BaseException | None = None, source: str = "") -> str:
    """What the author says about a failing line, or of the next assertion where it is none: the words of its
    message, and of what is filled in no more than `Told` allows: names, never values.

    So a call that failed, in whatever way, reads like one whose result was wrong.
    """
    line, values = _place(error) or (line, {})
    words, constants, asserts = words_of(tree)
    here = [word for word in words if word[0] <= line <= word[1]]
    is_assert = any(start <= line <= end for start, end in asserts)
    after = sorted((word for word in words if word[0] > line), key=lambda word: word[0])
    told = None
    for start, _, word in here or ([] if is_assert else after[:1]):
        told = told or Told(tree, line, values, _numbers(source))
        known = {name: value for at, name, value in sorted(constants, key=lambda c: c[0]) if at <= start}
        if text := _tidy(_text(word, known, told)):
            return shortened(text)
    return ""


def _place(error: BaseException | None) -> tuple[int, dict] | None:
    """Where in the test's own code it failed, in a function that the cell defines for one, and what names
    had there.
    """
    own = []
    for frame, line in traceback.walk_tb(error.__traceback__ if error else None):
        if frame.f_code.co_filename == "<test>":
            own += (
                [(line, frame)]
                if frame.f_code.co_name[0] != "<" or frame.f_code.co_name == "<module>"
                else []
            )
        elif own:
            break  # what it called may call back
    if not own:
        return None
    line, frame = own[-1]
    return line, frame.f_locals if isinstance(frame.f_locals, dict) else dict(frame.f_locals)


def _numbers(source: str) -> set[int]:
    """The whole numbers that the visible part of a test cell names, but for its points."""
    visible = re.sub(r"\d+ points?\b", "", without_hidden(source))
    return {int(digits) for digits in re.findall(r"(?<![\w.])\d{1,9}(?![\w.]*\d|\w)", visible)}


@functools.lru_cache(1000)
def words_of(tree: ast.AST) -> tuple[list, list, list]:
    """The author's words in a test cell, the texts that it binds to names, and where its assertions stand:
    each with its lines.
    """
    words, texts, asserts = [], [], []
    for node in ast.walk(tree):
        said = []
        if isinstance(node, ast.Assert):
            asserts += [(node.lineno, node.end_lineno)]
            said = [node.msg] if node.msg else []
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            asserts += [(node.lineno, node.end_lineno)]
            said = node.exc.args[:1]
        elif isinstance(node, ast.Call):
            said = [keyword.value for keyword in node.keywords if keyword.arg in WORDS]
        elif isinstance(node, ast.Assign):
            names = [getattr(target, "id", "") for target in node.targets]
            texts += [(node.lineno, name, node.value) for name in names]
        words += [(node.lineno, node.end_lineno, value) for value in said]
    return words, texts, asserts


LOST = "\ue000"  # stands for a value that is not told


def _text(node: ast.AST, known: dict, told: Told) -> str:
    """A message with what may be told filled in; `known` are the names that stand for another text."""
    match node:
        case ast.Constant(str() as text):
            return text
        case ast.JoinedStr(parts):
            return "".join(_text(part, known, told) for part in parts)
        case ast.FormattedValue(value):
            return _text(value, known, told)
        case ast.BinOp(left, ast.Add(), right):
            return _text(left, known, told) + _text(right, known, told)
        case ast.BinOp(ast.Constant(str() as text), ast.Mod(), right):
            values = iter(right.elts if isinstance(right, ast.Tuple) else [right])
            return re.sub(r"%[-+# 0]*\d*(\.\d+)?[a-zA-Z]", lambda _: _next(values, known, told), text)
        case ast.Call(ast.Attribute(ast.Constant(str() as text), "format"), args, []):
            values = iter(args)
            return re.sub(r"{[^{}]*}", lambda _: _next(values, known, told), text)
        case ast.Name(name) if isinstance(known.get(name), (ast.Constant, ast.JoinedStr)) and told.is_word(
            name
        ):
            return _text(known[name], {k: v for k, v in known.items() if k != name}, told)
    return told.of(node) or LOST


def _next(values, known: dict, told: Told) -> str:
    return _text(next(values, None), known, told)


def _tidy(text: str) -> str:
    """A text without the items that say nothing but a value that isn't told: "n = …, m = …: wrong."."""
    clauses = []
    for clause in re.split(r"(?<=[.?!:;])\s+|\n+", text.strip()):
        end = clause[-1:] if clause[-1:] in (":", ";") else ""
        items = clause.removesuffix(end).split(", ")
        kept = [item for item in items if not re.fullmatch(rf"([\w .]+=\s*)?{LOST}", item)]
        clauses += [", ".join(kept) + end] if any(kept) else []
    return " ".join(clauses).rstrip(":; ").replace(LOST, "…").strip("… ")


def shortened(text: str, most: int = KEPT) -> str:
    """A text of at most so many characters, ended between two words, and by "…" where some are left out."""
    if len(text) <= most:
        return text
    cut = text[: most - 2]
    return (
        cut[: max(cut.rfind(" "), cut.rfind("\n"))] if re.search(r"\s", cut[-200:]) else cut
    ).rstrip() + " …"


def message_of(error: BaseException | None, source: str, line: int) -> str:
    """What a test cell that failed says: its own message, or the line where it has none."""
    if error is None:
        return ""
    try:
        text = shortened(str(error).strip())
    except Exception:
        text = ""
    if isinstance(error, AssertionError):
        lines = source.splitlines()
        return text or (lines[line - 1].strip() if 0 < line <= len(lines) else "AssertionError")
    return f"{type(error).__name__}: {text}"


_HEADER = re.compile(
    r"(Not equal to tolerance|Arrays are not|Items are not equal|Tensor-likes are not|Scalars are not)[^\n]*"
)
_DUMP = re.compile(
    r"^ ?(Mismatched elements:|\(shapes |(x and y |nan |\+?-?inf )\w* ?location|(ACTUAL|DESIRED|[xy]): |"
    r"(Greatest|Max) (absolute|relative) difference|(Expected|Absolute|Relative) (difference|:))",
    re.MULTILINE,
)


def parted(message: str) -> tuple[str, str]:
    """What a message says, and the values that NumPy's and torch's assertions print behind it."""
    message = message.strip()
    found = _DUMP.search(message)
    said, dump = (message[: found.start()], message[found.start() :]) if found else (message, "")
    if header := _HEADER.match(said):
        rest = said[header.end() :].strip()
        if not rest and (inline := re.match(r"Items are not equal: (.+)|.*decimals (.+)", header[0])):
            rest = inline[1] or inline[2]
        said, dump = (rest, f"{header[0]}\n{dump}") if rest and dump else (said, dump)
    return said.strip(), dump.strip("\n")
