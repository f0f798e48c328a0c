"""When a submission was handed in."""

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from rnncourse.grading.books.collect import STAMP, Submission, regular
from rnncourse.grading.books.writing import write_whole


class Received:
    """When each submission was handed in, as a line of text.

    Either as `timestamp.txt` says, where whoever collects writes it (`collected`); or when these very files
    were seen first, which nothing in the files can change. That is kept in `received.json` and written to
    `timestamp.txt`, where nbgrader's formgrader looks for it; what stood there comes back once it counts.
    """

    def __init__(self, course: Path, collected: bool):
        """Where `received.json` is damaged it is put aside, `damaged` says so, and times start anew."""
        self.path, self.collected, self.damaged = course / "received.json", collected, ""
        self.now = f"{datetime.now(UTC).replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"
        self.seen: dict[str, dict[str, str]] = {}
        try:
            record = json.loads(self.path.read_bytes())
            self.seen = {
                key: {"files": e["files"], "time": e["time"], "stood": e.get("stood", "")}
                for key, e in record.items()
            }
        except FileNotFoundError:
            pass
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            why = str(error).splitlines()[0]
            self.damaged = f"{self.path.name} is damaged ({why}) and kept as {self.path.name}.damaged: "
            self.damaged += "hand-ins that weren't graded yet count as received now"

    def of(self, submission: Submission, fingerprint: str, before: str = "") -> str:
        """The time of a submission's files; where it is collected, empty without a stamp. `before` is what
        these files were graded for, should the record be damaged.
        """
        key, stood = f"{submission.student}/{submission.lab}", self._stands(submission.folder)
        entry = self.seen.get(key, {"files": "", "time": "", "stood": ""})
        if self.collected:
            return entry["stood"] if stood and stood == entry["time"] else stood
        time = entry["time"] if entry["files"] == fingerprint else (self.damaged and before) or self.now
        stood = (
            stood if stood not in (time, entry["time"]) else entry["stood"] * (entry["files"] == fingerprint)
        )
        self.seen[key] = {"files": fingerprint, "time": time, "stood": stood}
        return time

    def save(self) -> None:
        """Keep what was seen."""
        if self.damaged:
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path, f"{self.path}.damaged")
        words = json.dumps(self.seen, indent=1, sort_keys=True) + "\n"
        if self.seen and (not self.path.exists() or self.path.read_text() != words):
            write_whole(self.path, words)

    def stamp(self, submission: Submission, time: str) -> None:
        """Write a submission's time into it, or put back what stood there; a folder that can't be written in
        stays as it is.
        """
        path = submission.folder / STAMP
        with contextlib.suppress(OSError):
            if self._stands(submission.folder) == time and not path.is_symlink():
                return
            if path.is_dir() and not path.is_symlink():
                os.rename(path, path.with_name(f".{STAMP}.folder"))
            if time:
                write_whole(path, f"{time}\n")
            else:
                path.unlink(missing_ok=True)

    def _stands(self, folder: Path) -> str:
        path = folder / STAMP
        data = regular(path, 1000)
        if data is None:
            return "no small file" if os.path.lexists(path) else ""
        return data.decode(errors="replace").strip() or "empty"
