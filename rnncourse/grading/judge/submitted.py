"""What is read of a submitted notebook: the sources of its cells, whatever format it has, and its pictures.

JSON can take thirty times its own size in memory, so what is over a megabyte is read in a process of its
own, whose memory is limited. This file is that process's program too, and so it imports nothing of ours.
"""

import contextlib
import hashlib
import json
import math
import resource
import subprocess
import sys
from dataclasses import astuple, dataclass, field

MAX_CELLS = 2000
MAX_SOURCE = 1 << 20  # characters of one cell
MAX_PICTURES = 8 << 20  # characters of all attachments of a notebook
# What has an effect elsewhere and none here: tags of nbclient's and nbconvert's, and nbgrader's settings.
TAGS = (
    "skip-execution", "raises-exception", "remove-cell", "remove-input", "remove-output", "remove_cell",
    "remove_input", "remove_output",
)  # fmt: skip
FLAGS = ("points", "grade", "solution", "locked", "task")
READ_HERE = 1 << 20  # bytes of a notebook
MEMORY, SECONDS = 512 << 20, 60  # of the process that reads a larger one


class Unreadable(ValueError):
    """A submitted file that is no notebook; the message is for the instructor's table."""


@dataclass(frozen=True)
class HandedIn:
    """A submission as it was read, once: nothing in this room opens a student's folder."""

    student: str
    lab: str
    name: str  # of the notebook's file
    notebook: bytes
    problem: str  # why there is no notebook in it, or empty
    files: dict[str, bytes]  # of those that the lab lets students hand in beside it

    def digest(self) -> bytes:
        """SHA-256 over all that decides what runs."""
        digest = hashlib.sha256(self.notebook)
        for name, content in sorted(self.files.items()):
            digest.update(f"\0{name}\0{len(content)}\0".encode() + content)
        return digest.digest()


@dataclass(frozen=True)
class Raw:
    """All that is read of a submitted cell; `attachments` are base64 by their name; `tags`, of TAGS, and
    `flags`, nbgrader's settings, are only told of.
    """

    cell_type: str  # code, markdown, raw, or a word of the student's
    id: str
    grade_id: str
    source: str
    attachments: dict[str, str] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    flags: dict[str, float] = field(default_factory=dict)


def parse(data: bytes) -> list[Raw]:
    """The cells of a submitted notebook, of format 1 to 4; what is malformed within is passed over.

    Raises:
        Unreadable: the bytes are not a notebook, or take too much to read.
    """
    if len(data) <= READ_HERE:
        return _parse(data)
    command = [sys.executable, "-I", "-S", __file__]
    try:
        outcome = subprocess.run(command, input=data, capture_output=True, timeout=SECONDS, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        limits = f"{MEMORY >> 20} MiB or {SECONDS} s"
        raise Unreadable(f"its {len(data) >> 20} MiB take over {limits} to read") from None
    reply = json.loads(outcome.stdout)
    if "unreadable" in reply:
        raise Unreadable(reply["unreadable"])
    return [Raw(*cell) for cell in reply["cells"]]


def _parse(data: bytes) -> list[Raw]:
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(broken(error)) from None
    if not isinstance(notebook, dict):
        raise Unreadable("no object in it")
    sheets = [notebook] if isinstance(notebook.get("cells"), list) else notebook.get("worksheets")
    sheets = (
        [sheet.get("cells") for sheet in sheets if isinstance(sheet, dict)] if type(sheets) is list else []
    )
    if not any(isinstance(cells, list) for cells in sheets):
        raise Unreadable("no cells in it")
    cells = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"{len(cells)} cells")
    version, room, found = notebook.get("nbformat"), MAX_PICTURES, []
    for cell in cells:
        if isinstance(cell, dict) and (raw := _raw(cell, version, room)):
            room -= sum(map(len, raw.attachments.values()))
            found.append(raw)
    return found


def broken(error: Exception) -> str:
    """Why a text is not JSON, in whole words and with the place; no word of it is a student's."""
    if isinstance(error, json.JSONDecodeError):
        said = error.msg.split(":")[0].removesuffix(" starting at").removesuffix(" at").lower()
        return f"{said} in line {error.lineno}, column {error.colno}"
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 from byte {error.start} on"
    return "nested too deep" if isinstance(error, RecursionError) else "numbers too long to read"


def _raw(cell: dict, version, room: int) -> Raw | None:
    """A cell as `nbformat.convert` would have it: what holds its source has had four names, and format 2
    wrote lines without their ends.
    """
    kind = str(cell.get("cell_type"))[:20]
    names = ("source", "input", "code", "text")
    names = sorted(names, key="input".__ne__) if version in (1, 2, 3) else names
    source = next((cell[name] for name in names if name in cell), "")
    if isinstance(source, list):
        source = ("\n" if version == 2 else "").join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return None
    if len(source) > MAX_SOURCE:
        raise Unreadable(f"a cell of {len(source)} characters, {MAX_SOURCE} at most are read")
    if kind == "heading":
        level = cell.get("level")
        level = level if type(level) is int and 0 < level < 7 else 1
        source = f"{'#' * level} {' '.join(source.splitlines())}"
    kind = {"heading": "markdown", "html": "markdown", "text": "markdown"}.get(kind, kind)
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return Raw(
        kind, str(cell.get("id", ""))[:64], _plain(str(grade_id or "")[:200]), _plain(source),
        _attachments(cell.get("attachments"), room) if kind != "code" else {},
        _tags(metadata), _flags(nbgrader),
    )  # fmt: skip


def _tags(metadata) -> list[str]:
    found = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in TAGS if tag in found] if type(found) is list else []


def _flags(nbgrader) -> dict[str, float]:
    """nbgrader's settings of a cell, those that are numbers or truth values."""
    found = {name: nbgrader.get(name) for name in FLAGS} if isinstance(nbgrader, dict) else {}
    numbers = {name: value for name, value in found.items() if isinstance(value, (bool, int, float))}
    return {name: float(value) if abs(value) < 10**9 else math.inf for name, value in numbers.items()}


def _attachments(bundle, room: int) -> dict[str, str]:
    """The pictures that were pasted into a cell, up to `room` characters."""
    found = {}
    for name, kinds in bundle.items() if isinstance(bundle, dict) else ():
        for mime, data in kinds.items() if isinstance(kinds, dict) else ():
            if isinstance(data, list):
                data = "".join(part for part in data if isinstance(part, str))
            if mime.startswith("image/") and isinstance(data, str) and len(data) <= room:
                room -= len(data) - len(found.get(name, ""))
                found[_plain(name[:200])] = _plain(data)
    return found


def _plain(words: str) -> str:
    return words.encode("utf-8", "replace").decode()  # half a surrogate pair is valid JSON


def main() -> None:
    """Read a notebook from standard input; write its cells, or why there are none, to standard output."""
    data = sys.stdin.buffer.read()
    with contextlib.suppress(ValueError, OSError):  # a system without that limit
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    try:
        reply = {"cells": [astuple(raw) for raw in _parse(data)]}
    except Unreadable as reason:
        reply = {"unreadable": str(reason)}
    print(json.dumps(reply))


if __name__ == "__main__":
    main()
