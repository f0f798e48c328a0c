"""Find what was handed in: `submitted/<student>/<lab>/`, read as it lies there, never followed out of it.

`submitted` is that folder, whatever the course calls it.
"""

import contextlib
import errno
import glob
import hashlib
import itertools
import mimetypes
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rnncourse.grading.judge.picture import PICTURES, kind_of
from rnncourse.grading.judge.submitted import HandedIn

MAX_NOTEBOOK = 32 << 20
MAX_FILES = 1000  # files and folders that lie beside the notebook, and the bytes of all that is read of them
MAX_BYTES = 64 << 20
STAMP = "timestamp.txt"  # where nbgrader looks for the time of hand-in
_LEFT_OUT = re.compile(r"\.|__pycache__$|.*\.(pyc|ipynb)$")  # as nbgrader leaves them out
_SHOWN = {None, *(f"text/{kind}" for kind in ("plain", "csv", "markdown", "x-python"))}
_SHOWN |= {f"application/{kind}" for kind in ("json", "pdf", "zip", "x-tar", "octet-stream")}
_NONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENXIO, errno.ENAMETOOLONG}
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Submission:
    """One student's hand-in of one lab; `folder` holds it."""

    student: str
    lab: str
    folder: Path


@dataclass(frozen=True)
class Contents:
    """What was handed in: the `notebooks` by name and the `files` that run, what lies `beside` them for a
    person to see, and why that is not all.
    """

    notebooks: dict[str, HandedIn]
    files: dict[str, bytes]
    beside: dict[str, bytes]
    note: str

    def fingerprint(self) -> str:
        """SHA-256 over all of it: when it changes, what was graded is out of date."""
        digest = hashlib.sha256()
        for one in self.notebooks.values():
            digest.update(hashlib.sha256(one.notebook).digest())
            digest.update(one.problem.encode(errors="surrogateescape"))
        digest.update(f"\0{self.note}".encode())
        for name, data in sorted((self.beside | self.files).items()):
            digest.update(f"\0{name}\0{len(data)}\0".encode(errors="surrogateescape") + data)
        return digest.hexdigest()

    def kept(self, given: dict[str, bytes]) -> dict[str, bytes]:
        """The files that a person sees beside the graded notebooks, by name; `given` are the lab's own."""
        theirs = {harmless(name, data): data for name, data in (self.beside | self.files).items()}
        taken = set(given) | {str(parent) for name in given for parent in Path(name).parents}
        apart = {
            name: data
            for name, data in theirs.items()
            if name not in taken and not any(str(parent) in given for parent in Path(name).parents)
        }
        return apart | given


def read(submission: Submission, notebooks: Iterable[str], declared: Iterable[str]) -> Contents:
    """Read a submission: first the lab's `notebooks` and the files that it has `declared`, then the others.

    Where more of those lie there than `MAX_FILES` and `MAX_BYTES`, none of them is taken.

    Raises:
        OSError: what lies there can't be read.
    """
    folder, notebooks = submission.folder, sorted(notebooks)
    os.close(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))  # whether it can be looked into
    read = {name: _notebook(folder / f"{name}.ipynb", notebooks) for name in notebooks}
    found, room = {}, MAX_BYTES
    for name in declared:
        content = regular(folder / name, room) if _lies_in(folder, name) else None
        if content is not None:
            found[name] = content
            room -= len(content)
    beside, note = _beside(folder, set(declared))
    who = submission.student, submission.lab
    handed_in = {
        name: HandedIn(*who, f"{name}.ipynb", data, problem, found) for name, (data, problem) in read.items()
    }
    return Contents(handed_in, found, beside, note)


def _notebook(path: Path, notebooks: Iterable[str]) -> tuple[bytes, str]:
    """A notebook's bytes, or why there are none; `notebooks` are those that are looked for."""
    data = regular(path, MAX_NOTEBOOK)
    if not os.path.lexists(path):
        with os.scandir(path.parent) as entries:
            names = {entry.name for entry in itertools.islice(entries, MAX_FILES)}
        others = sorted(names - {STAMP, *(f"{name}.ipynb" for name in notebooks)})[:3]
        return b"", f"{path.name} is missing" + f"; there is: {', '.join(others)}" * bool(others)
    if data is not None:
        return data, ""
    status = path.lstat()
    if stat.S_ISREG(status.st_mode) and status.st_size > MAX_NOTEBOOK:
        return b"", f"{path.name} has {status.st_size >> 20} MiB, {MAX_NOTEBOOK >> 20} at most are read"
    return b"", f"{path.name} is not a regular file"


def _lies_in(folder: Path, name: str) -> bool:
    """Whether no part of a file's path is a link that leads elsewhere."""
    return (folder / name).parent.resolve() == (folder.resolve() / name).parent


def _beside(folder: Path, but: set[str]) -> tuple[dict[str, bytes], str]:
    """The other regular files of a submission by name, hidden ones and notebooks aside; or none, and why."""
    found, todo, count, room = {}, [folder], 0, MAX_BYTES
    while todo:
        place = todo.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                count += 1
                if count > MAX_FILES:
                    return {}, f"over {MAX_FILES} files lie beside the notebook: none of them is kept"
                name = os.path.relpath(entry.path, folder)
                if _LEFT_OUT.match(entry.name) or name in but or name == STAMP:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    todo.append(Path(entry.path))
                elif entry.is_file(follow_symlinks=False):
                    data = regular(Path(entry.path), room)
                    if data is None:
                        return (
                            {},
                            f"over {MAX_BYTES >> 20} MiB lie beside the notebook: none of them is kept",
                        )
                    found[name] = data
                    room -= len(data)
    return dict(sorted(found.items())), ""


def harmless(name: str, data: bytes) -> str:
    """The name under which a student's file is kept: a browser, which the formgrader serves it to, takes it
    for a picture or for text, and for no page with a script.
    """
    kind = mimetypes.guess_type(name)[0]
    is_picture = kind in PICTURES and kind_of(data)
    return name if kind in _SHOWN or is_picture else f"{name}.txt"


def submissions(submitted: Path, lab: str) -> list[Submission]:
    """All hand-ins of a lab, by student."""
    folders = sorted(submitted.glob(f"*/{glob.escape(lab)}"))
    return [
        Submission(folder.parent.name, lab, folder)
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
    ]


def is_gone(submitted: Path, student: str, lab: str) -> bool:
    """Whether a hand-in is no longer there, which is more than that it can't be seen."""
    try:
        os.lstat(submitted / student / lab)
    except (FileNotFoundError, NotADirectoryError):
        return submitted.is_dir()
    except OSError:
        pass
    return False


def regular(path: Path, limit: int) -> bytes | None:
    """The contents of a regular file of at most so many bytes, and of nothing else: no link, no device, no
    pipe.

    Raises:
        OSError: it is there and can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno in _NONE:
            return None
        raise
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as file:
        return file.read(limit)


def strays(submitted: Path, labs: list[str]) -> list[str]:
    """What lies in `submitted` where no hand-in is looked for, and why."""
    found = []
    for student in sorted(submitted.glob("[!.]*")):
        try:
            paths = sorted(student.iterdir())
        except OSError as error:
            found.append(f"{student}: {error.strerror}")
            continue
        for path in paths:
            if path.name not in labs and not path.name.startswith("."):
                found.append(f"{path}: no lab of that name")
            elif path.name in labs and (path.is_symlink() or not path.is_dir()):
                found.append(
                    f"{path}: {'a link' if path.is_symlink() else 'a file'}, where a folder is looked for"
                )
    return found


def text(value) -> str:
    """Printable characters of what somebody wrote: no terminal codes, nothing that turns the direction of
    reading, and bytes of a name that are no UTF-8 as their numbers.
    """
    words = str(value)
    with contextlib.suppress(UnicodeEncodeError):
        words = os.fsencode(words).decode("utf-8", "backslashreplace")
    words = words.encode("utf-8", "backslashreplace").decode()
    return _CONTROL.sub("", _ANSI.sub("", words))


def line(value) -> str:
    """The same in one line."""
    return " ".join(text(value).split())
