"""What to say about a test cell that failed: where, in which words, and its author's hint, never a hidden
test's values.
"""

import ast
import traceback

from rnncourse.grading.judge.remote import KEPT

BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"


def line_of(error: BaseException | None) -> int:
    """The line of the test cell that failed."""
    frames = traceback.extract_tb(error.__traceback__) if error else []
    lines = [frame.lineno for frame in frames if frame.filename == "<test>"]
    return lines[0] if lines else getattr(error, "lineno", 0) or 0


def is_hidden(source: str, line: int) -> bool:
    """Whether a line lies between nbgrader's marks; without a line whether there are any."""
    lines = source.splitlines()
    hidden = False
    for number, text in enumerate(lines, 1):
        hidden = (hidden or BEGIN in text) and END not in text
        if hidden and (number == line or not line):
            return True
    return False


def without_hidden(source: str) -> str:
    """A test cell with its hidden lines empty, so that the others keep their numbers."""
    lines, hidden = [], False
    for line in source.split("\n"):
        hidden = hidden or BEGIN in line
        lines.append("" if hidden else line)
        hidden = hidden and END not in line
    return "\n".join(lines)


def hint_of(tree: ast.AST, line: int) -> str:
    """What the author says about a failing line: the constant words of its message, never a value."""
    words, constants = [], {}
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or not node.lineno <= line:
            continue
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.targets[0], ast.Name)
        ):
            name = node.targets[0].id
            if name not in constants or constants[name][0] < node.lineno:
                constants[name] = node.lineno, node.value.value
        if line <= node.end_lineno:
            words += [node.msg] if isinstance(node, ast.Assert) else []
            calls = [
                call
                for call in ast.walk(node)
                if isinstance(call, ast.Call) and call.lineno <= line <= call.end_lineno
            ]
            words += [
                keyword.value
                for call in calls
                for keyword in call.keywords
                if keyword.arg in ("err_msg", "msg")
            ]
    texts = [_constant(word, constants) for word in words if word]
    return next((text[:KEPT] for text in texts if text.strip("… ")), "")


def _constant(node: ast.AST, constants: dict) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else "…"
    if isinstance(node, ast.Name):
        value = constants.get(node.id, (0, None))[1]
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
