"""Find what was handed in: `submitted/<student>/<lab>/`, read as it lies there, never followed out of it."""

import contextlib
import hashlib
import json
import os
import re
import stat
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rnncourse.grading.judge.grade import HandedIn

MAX_NOTEBOOK = 32 << 20
MAX_FILES = 1000  # of a submission, and the bytes of all that is copied from it
MAX_BYTES = 64 << 20
STAMP = "timestamp.txt"  # where nbgrader looks for the time of hand-in
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2060\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True)
class Submission:
    """One student's hand-in of one lab; `folder` holds it."""

    student: str
    lab: str
    folder: Path

    @property
    def notebook(self) -> Path:
        return self.folder / f"{self.lab}.ipynb"

    def fingerprint(self) -> str:
        """SHA-256 over names and contents of the files; links, devices and what is too big count by their
        name alone.

        Hidden files (Jupyter's checkpoints) and the time of hand-in don't count.
        """
        digest = hashlib.sha256(
            regular(self.notebook, MAX_BYTES) or b""
        )  # which no number of other files may push out
        for name, data in files(self.folder).items():
            if name != STAMP and not any(part.startswith(".") for part in Path(name).parts):
                digest.update(f"\0{name}\0".encode(errors="surrogateescape") + data)
        return digest.hexdigest()


def read(submission: Submission, declared: list[str]) -> HandedIn:
    """The notebook, and of the other files those that the lab has `declared`, as far as they are regular and
    lie there.
    """
    path, folder = submission.notebook, submission.folder
    data, problem = regular(path, MAX_NOTEBOOK), ""
    if not os.path.lexists(path):
        others = sorted(other.name for other in folder.glob("*") if other.name != STAMP)[:3]
        problem = f"{path.name} is missing" + f"; there is: {', '.join(others)}" * bool(others)
    elif data is None:
        too_big = path.is_file() and path.lstat().st_size > MAX_NOTEBOOK
        problem = (
            f"{path.name} has over {MAX_NOTEBOOK >> 20} MiB"
            if too_big
            else f"{path.name} is not a regular file"
        )
    found = {name: regular(folder / name, MAX_BYTES) for name in declared if _lies_in(folder, name)}
    found = {name: content for name, content in found.items() if content is not None}
    return HandedIn(submission.student, submission.lab, path.name, data or b"", problem, found)


def _lies_in(folder: Path, name: str) -> bool:
    """Whether no part of a file's path is a link that leads elsewhere."""
    return (folder / name).parent.resolve() == (folder.resolve() / name).parent


def submissions(course: Path, lab: str) -> list[Submission]:
    """All hand-ins of a lab in a course folder, by student."""
    folders = sorted((course / "submitted").glob(f"*/{lab}"))
    return [
        Submission(folder.parent.name, lab, folder)
        for folder in folders
        if folder.is_dir() and not folder.is_symlink()
    ]


def files(folder: Path) -> dict[str, bytes]:
    """Names and contents of a submission's files; those that are not regular, or over a limit, are empty."""
    found, room = {}, MAX_BYTES
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            data = regular(path, room)
            room -= len(data or b"")
            found[str(path.relative_to(folder))] = data or b""
            if len(found) == MAX_FILES:
                return found
    return found


def regular(path: Path, limit: int) -> bytes | None:
    """The contents of a regular file of at most so many bytes, and of nothing else: no link, no device, no
    pipe.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
        os.close(descriptor)
        return None
    with open(descriptor, "rb") as file:
        return file.read(limit)


def strays(course: Path, labs: list[str]) -> list[str]:
    """What lies in `submitted/` where no hand-in is looked for, and why."""
    found = []
    for student in sorted((course / "submitted").glob("[!.]*")):
        try:
            names = sorted(path.name for path in student.iterdir())
        except OSError as error:
            found.append(f"{student}: {error.strerror}")
            continue
        found += [
            f"{student / name}: no lab of that name"
            for name in names
            if name not in labs and not name.startswith(".")
        ]
    return found


def stamp(folder: Path) -> datetime | None:
    """The time of hand-in that stands in a submission; None where there is none that can be read."""
    words = (regular(folder / STAMP, 1000) or b"").decode(errors="replace").removesuffix(" UTC\n").strip()
    try:
        return datetime.fromisoformat(words).replace(tzinfo=UTC) if words else None
    except ValueError:
        return None


def received(course: Path, submissions: list[Submission]) -> list[datetime]:
    """When these very files were seen first: the collector's time, which nothing in the files can change.

    It is written into the submission too, where nbgrader's formgrader looks for it.
    """
    record = course / "received.json"
    seen = json.loads(record.read_text()) if record.exists() else {}
    now, times, changed = datetime.now(UTC).isoformat(timespec="seconds"), [], False
    for submission in submissions:
        key, fingerprint = f"{submission.student}/{submission.lab}", submission.fingerprint()
        if seen.get(key, {}).get("files") != fingerprint:
            seen[key], changed = {"files": fingerprint, "time": now}, True
        times.append(datetime.fromisoformat(seen[key]["time"]))
    if changed:
        temporary = record.with_suffix(".part")
        temporary.write_text(json.dumps(seen, indent=1, sort_keys=True) + "\n")
        os.replace(temporary, record)
    for submission, time in zip(submissions, times, strict=True):
        if stamp(submission.folder) != time:
            _write_stamp(submission.folder, time)
    return times


def _write_stamp(folder: Path, time: datetime) -> None:
    """Whatever of a student's has that name gives way; a folder that can't be written in stays as it is."""
    temporary = folder / f".{STAMP}.part"
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)
        with open(
            os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644), "w"
        ) as file:
            file.write(f"{time.replace(tzinfo=None)} UTC\n")
        os.replace(temporary, folder / STAMP)


def text(value) -> str:
    """Printable characters of what somebody wrote: no terminal codes, nothing that turns the direction of
    reading.
    """
    return _CONTROL.sub("", _ANSI.sub("", str(value)))
