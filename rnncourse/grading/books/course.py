"""The course's folder: its configuration and its labs. What needs nbgrader itself, two seconds of imports,
is in `release`.
"""

import contextlib
import hashlib
import hmac
import importlib.metadata
import importlib.util
import json
import os
import secrets
import sys
from pathlib import Path

from traitlets.config import Config, PyFileConfigLoader

from rnncourse.grading.judge.grade import HandedIn


def course_config(root: Path, course: Path) -> Config:
    """nbgrader's configuration in `root`, with submissions, grades and gradebook in the folder `course`.

    Raises:
        RuntimeError: nbgrader_config.py raises something.
    """
    # nbgrader starts `alembic` by name, also where .venv is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    except Exception as error:
        raise RuntimeError(f"nbgrader_config.py: {type(error).__name__}: {error}") from error
    config.CourseDirectory.root = str(course)
    database = f"sqlite:///{course}/gradebook.db?timeout=60"  # seconds another may hold it
    config.CourseDirectory.setdefault("db_url", database)
    for name, usual in {"source_directory": "source", "release_directory": "release"}.items():
        config.CourseDirectory[name] = str(root / config.CourseDirectory.get(name, usual))
    return config


def rules(config: Config, root: Path) -> str:
    """SHA-256 over what decides how points are published: the configuration, the plug-in for lateness."""
    words = json.dumps(
        config, sort_keys=True, default=lambda value: getattr(value, "__qualname__", type(value).__name__)
    )
    digest = hashlib.sha256(words.encode() + (root / "nbgrader_config.py").read_bytes())
    plugin = config.AssignLatePenalties.get("plugin_class", "")
    module = plugin.rpartition(".")[0] if isinstance(plugin, str) else plugin.__module__
    with contextlib.suppress(ImportError, ValueError, AttributeError, OSError, TypeError):
        digest.update(Path(importlib.util.find_spec(module).origin).read_bytes())
    return digest.hexdigest()


def labs(config: Config) -> list[str]:
    """The labs that have a source, by name."""
    return sorted(
        {path.parent.name for path in Path(config.CourseDirectory.source_directory).glob("*/*.ipynb")}
    )


def declared(source: Path) -> list[str]:
    """The files that students may hand in beside a lab's notebook.

    Raises:
        RuntimeError: the source is no notebook.
    """
    try:
        return list(json.loads(source.read_bytes())["metadata"].get("rnncourse", {}).get("files", []))
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RuntimeError(f"{source} is no notebook: {type(error).__name__}: {error}") from None


class Made:
    """What the labs in the release folder were made from, kept beside them in `.made.json`:
    a lab that would come out as it lies there needn't be made.
    """

    def __init__(self, config: Config, root: Path):
        self.config, self.root = config, root
        self.file = Path(config.CourseDirectory.release_directory, ".made.json")
        try:
            self.known = dict(json.loads(self.file.read_bytes()))
        except (OSError, ValueError, TypeError):
            self.known = {}

    def is_current(self, lab: str) -> bool:
        """Whether source, settings, how it is made and the lab itself are as they were when it was made."""
        return self.known.get(lab) == self._fingerprint(lab)

    def note(self, lab: str) -> None:
        """A lab has just been made."""
        self.known[lab] = self._fingerprint(lab)
        self.file.write_text(json.dumps(self.known, indent=1, sort_keys=True) + "\n")

    def _fingerprint(self, lab: str) -> str:
        digest = hashlib.sha256((self.root / "nbgrader_config.py").read_bytes())
        digest.update(Path(__file__).with_name("release.py").read_bytes())
        digest.update(importlib.metadata.version("nbgrader").encode())
        folders = self.config.CourseDirectory
        for folder in (folders.source_directory, folders.release_directory):
            digest.update(_files_digest(Path(folder, lab)))
        return digest.hexdigest()


def lab_fingerprint(config: Config, lab: str) -> str:
    """SHA-256 of a lab's source: when it changes, what was graded by it is out of date."""
    return _files_digest(Path(config.CourseDirectory.source_directory, lab)).hex()


def _files_digest(folder: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"\0{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.digest()


def own_folders(root: Path, source: Path) -> tuple[Path, ...]:
    """Where the course keeps what students' code must not see: its own folder, the labs' sources, and where
    it is run.
    """
    return tuple(dict.fromkeys(path.resolve() for path in (root, source, Path.cwd())))


def seed_of(course: Path, handed_in: HandedIn) -> int:
    """The seed of a run: the same for the same files of the same student, and not to be guessed without the
    course's secret. All that runs counts, so no part of it can be changed while the seed stays.
    """
    path = course / "grading.secret"
    with (
        contextlib.suppress(FileExistsError),
        open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file,
    ):
        file.write(secrets.token_hex(32) + "\n")
    words = f"{handed_in.student}\0{handed_in.lab}\0".encode(errors="surrogateescape") + handed_in.digest()
    return int.from_bytes(hmac.digest(path.read_bytes(), words, "sha256")[:6], "big")
