"""The course's folder: its configuration and its labs. What needs nbgrader itself, two seconds of imports,
is in `release`.
"""

import hashlib
import hmac
import os
import secrets
import sys
from pathlib import Path

from traitlets.config import Config, PyFileConfigLoader


def course_config(root: Path, course: Path) -> Config:
    """nbgrader's configuration in `root`, with submissions, grades and gradebook in the folder `course`."""
    # nbgrader starts `alembic` by name, also where .venv is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    config.CourseDirectory.root = str(course)
    config.CourseDirectory.setdefault(
        "db_url", f"sqlite:///{course}/gradebook.db?timeout=60"
    )  # seconds another may hold it
    for name in ("source_directory", "release_directory"):
        config.CourseDirectory[name] = str(root / config.CourseDirectory[name])
    return config


def labs(config: Config) -> list[str]:
    """The labs that have a source, by name."""
    return sorted(
        path.parent.name for path in Path(config.CourseDirectory.source_directory).glob("*/*.ipynb")
    )


def lab_fingerprint(config: Config, lab: str) -> str:
    """SHA-256 of a lab's source: when it changes, what was graded by it is out of date."""
    source = Path(config.CourseDirectory.source_directory, lab)
    digest = hashlib.sha256()
    for path in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(source)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def own_folders(root: Path, source: Path) -> tuple[Path, ...]:
    """Where the course keeps what students' code must not see: its own folder, the labs' sources, and where
    it is run.
    """
    return tuple(dict.fromkeys(path.resolve() for path in (root, source, Path.cwd())))


def seed_of(course: Path, *parts: str) -> int:
    """The seed of a run: the same for the same files of the same student, and not to be guessed without the
    course's secret.
    """
    path = course / "grading.secret"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    digest = hmac.new(
        path.read_bytes(), "\0".join(parts).encode(errors="surrogateescape"), "sha256"
    ).digest()
    return int.from_bytes(digest[:6], "big")
