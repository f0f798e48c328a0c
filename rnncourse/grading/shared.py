"""What both sides of a test do alike: list the lab's folder, take objects of the lab's classes apart."""

import contextlib
import os
import stat
import sys
from pathlib import Path

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT
_CHANGES = {
    "os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "os.symlink", "os.system",
    "subprocess.Popen", "os.posix_spawn", "os.fork", "os.exec", "sqlite3.connect", "shutil.copyfile",
}  # fmt: skip


def writes(event: str, arguments: tuple) -> bool:
    """Whether what an audit hook hears of may change files."""
    return event in _CHANGES or (event == "open" and bool((arguments[2] or 0) & _WRITING))


def listing(most: int | None = None) -> dict[str, tuple]:
    """The regular files of the folder, `most` of them, each with what tells whether it was written since."""
    found = {}
    for place, folders, names in os.walk("."):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        for name in names:
            path = os.path.join(place, name)[2:]
            with contextlib.suppress(FileNotFoundError):  # it went while we looked
                status = os.lstat(path)
                if stat.S_ISREG(status.st_mode) and (most is None or len(found) < most):
                    found[path] = status.st_mtime_ns, status.st_size, status.st_ino
    return found


def is_beside(kind: type) -> bool:
    """Whether a class is of a module that lies beside the lab."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None)
    return bool(file) and Path(file).absolute().is_relative_to(Path.cwd()) and "site-packages" not in file


def held_by(value) -> dict:
    """What an object of the lab's has in its attributes, those of slots too."""
    held = {}
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            private = name.startswith("__") and not name.endswith("__")
            name = f"_{kind.__name__.lstrip('_')}{name}" if private else name
            if name not in ("__dict__", "__weakref__") and hasattr(value, name):
                held[name] = getattr(value, name)
    return held | getattr(value, "__dict__", {})


def made(kind: type, held: dict):
    """An object of the class that has these attributes, without a call of its `__init__`."""
    value = object.__new__(kind)
    _set(value, held)
    return value


def become(value, other) -> None:
    """Let an object hold what another of its class holds."""
    held = held_by(other)
    for name in held_by(value).keys() - held:
        object.__delattr__(value, name)
    _set(value, held)


def _set(value, held: dict) -> None:
    for name, part in held.items():
        object.__setattr__(value, name, part)
