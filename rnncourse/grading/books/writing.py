"""Files as they are written here: whole or not at all."""

import contextlib
import os
import shutil
from pathlib import Path


def write_whole(path: Path, data: str | bytes) -> None:
    """Whole or not at all; what lies there may be read-only, and no link of a student's is followed."""
    temporary = path.with_name(f".{path.name[:200]}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(temporary, flags, 0o644)
    except (FileNotFoundError, FileExistsError):  # no folder yet; what a run left that was ended
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, flags, 0o644)
    with open(descriptor, "wb") as file:
        file.write(data.encode("utf-8", "replace") if isinstance(data, str) else data)
    os.replace(temporary, path)


def write_folder(folder: Path, files: dict[str, str | bytes]) -> None:
    """Make a folder hold these files and nothing else."""
    if not folder.is_dir() or folder.is_symlink():
        folder.unlink(missing_ok=True)
    for place, folders, names in os.walk(folder, topdown=False):
        for name in (*names, *folders):
            path = Path(place, name)
            if path.is_dir() and not path.is_symlink():
                if not any(path.iterdir()):
                    path.rmdir()
            elif str(path.relative_to(folder)) not in files:
                path.unlink()
    for name, data in files.items():
        write_whole(folder / name, data)


def replace_folder(folder: Path, new: Path) -> None:
    """Make a folder a copy of another: never half of it."""
    copy, old = (folder.with_name(f".{folder.name}.{what}") for what in ("part", "old"))
    for left in (copy, old):  # by a run that was ended
        remove(left)
    shutil.copytree(new, copy)
    with contextlib.suppress(FileNotFoundError):
        os.rename(folder, old)
    os.rename(copy, folder)
    remove(old)


def remove(folder: Path) -> None:
    """Remove a folder of what was made here, if it is there."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(folder)
