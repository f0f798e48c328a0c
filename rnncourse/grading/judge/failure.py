"""What to say about a test cell that failed: where, in which words, and its author's hint, never a hidden
test's values.
"""

import ast
import functools
import traceback

from rnncourse.grading.judge.outcome import KEPT

BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"


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


def hint_of(tree: ast.AST, line: int) -> str:
    """What the author says about a failing line, or of the next assertion where it is none: the constant
    words of its message, never a value.

    So a call that failed, in whatever way, reads like one whose result was wrong.
    """
    words, constants, asserts = words_of(tree)
    here = [word for word in words if word[0] <= line <= word[1]]
    is_assert = any(start <= line <= end for start, end in asserts)
    after = sorted((word for word in words if word[0] > line), key=lambda word: word[0])
    for start, _, word in here or ([] if is_assert else after[:1]):
        known = {name: value for at, name, value in sorted(constants, key=lambda c: c[0]) if at <= start}
        if (text := _constant(word, known)).strip("… "):
            return text[:KEPT]
    return ""


@functools.lru_cache(1000)
def words_of(tree: ast.AST) -> tuple[list, list, list]:
    """The author's words in a test cell, the constants that it binds, and where its assertions stand: each
    with its lines.
    """
    words, constants, asserts = [], [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            asserts += [(node.lineno, node.end_lineno)]
            words += [(node.lineno, node.end_lineno, node.msg)] if node.msg else []
        elif isinstance(node, ast.Call):
            said = [keyword.value for keyword in node.keywords if keyword.arg in ("err_msg", "msg")]
            words += [(node.lineno, node.end_lineno, value) for value in said]
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            constants += [(node.lineno, getattr(node.targets[0], "id", ""), node.value.value)]
    return words, constants, asserts


def _constant(node: ast.AST, constants: dict) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else "…"
    if isinstance(node, ast.Name):
        value = constants.get(node.id)
        return value if isinstance(value, str) else "…"
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _constant(part.value if isinstance(part, ast.FormattedValue) else part, constants)
            for part in node.values
        )
    return "…"


def message_of(error: BaseException | None, source: str, line: int) -> str:
    """What a test cell that failed says: its own message, or the line where it has none."""
    if error is None:
        return ""
    try:
        text = str(error)[:KEPT].strip()
    except Exception:
        text = ""
    if isinstance(error, AssertionError):
        lines = source.splitlines()
        return text or (lines[line - 1].strip() if 0 < line <= len(lines) else "AssertionError")
    return f"{type(error).__name__}: {text}"
