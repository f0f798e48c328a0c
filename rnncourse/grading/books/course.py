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
import re
import secrets
import sys
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from traitlets.config import Config, LazyConfigValue, PyFileConfigLoader

from rnncourse.grading.judge.libraries import LIBRARIES
from rnncourse.grading.judge.submitted import HandedIn

IGNORED = [".ipynb_checkpoints", "*.pyc", "__pycache__", "feedback"]  # as nbgrader leaves them out
STRUCTURE = os.path.join("{nbgrader_step}", "{student_id}", "{assignment_id}")  # nbgrader's own


def course_config(root: Path, course: Path) -> Config:
    """nbgrader's configuration in `root`, with submissions, grades and gradebook in the folder `course`. All
    its folders are absolute.

    Raises:
        RuntimeError: nbgrader_config.py raises something, or sets what is not known here.
    """
    # nbgrader starts `alembic` by name, also where .venv is not activated
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    except Exception as error:
        raise RuntimeError(f"nbgrader_config.py: {type(error).__name__}: {error}") from error
    folders, parts = config.CourseDirectory, config.IncludeHeaderFooter
    if folders.get("directory_structure", STRUCTURE) != STRUCTURE:
        raise RuntimeError(f"nbgrader_config.py: rnncourse knows no directory_structure but {STRUCTURE}")
    home = root / folders.get("root", "")
    course = home if course == root else course
    for step in ("source", "release"):
        folders[f"{step}_directory"] = str(home / folders.get(f"{step}_directory", step))
    for step in ("submitted", "autograded", "feedback"):
        folders[f"{step}_directory"] = str(course / folders.get(f"{step}_directory", step))
    for part in ("header", "footer"):
        if parts.get(part):
            parts[part] = str(home / parts[part])
    folders.root = str(course)
    database = folders.get("db_url", "sqlite:///gradebook.db?timeout=60")  # seconds another may hold it
    folders.db_url = re.sub(r"^sqlite:///(?=\w)", lambda _: f"sqlite:///{course}/", database)
    return config


def folder(config: Config, step: str) -> Path:
    """One of the course's folders: source, release, submitted, autograded or feedback."""
    return Path(config.CourseDirectory[f"{step}_directory"])


def cell_time(config: Config) -> float:
    """The seconds that a cell may run."""
    seconds = config.Execute.get("timeout", 30)
    return seconds if seconds and seconds > 0 else 30  # to nbgrader the others are no limit


def libraries(config: Config) -> tuple[tuple[str, ...], list[str]]:
    """The libraries that grading imports once for all, where labs name them; and of those that the course
    adds, what isn't installed.

    Raises:
        RuntimeError: `c.Grader.libraries` is no list of names.
    """
    names = config.Grader.get("libraries", [])
    if isinstance(names, LazyConfigValue):  # of c.Grader.libraries.append(…)
        names = names.get_value([])
    if not isinstance(names, list) or not all(map(_is_module, names)):
        raise RuntimeError(f"c.Grader.libraries is a list of names such as ['pandas'], and not {names!r}")
    missing = [name for name in names if not importlib.util.find_spec(name.partition(".")[0])]
    return tuple(dict.fromkeys((*LIBRARIES, *names))), missing


def _is_module(name) -> bool:
    return isinstance(name, str) and all(part.isidentifier() for part in name.split("."))


def settings(config: Config) -> str:
    """A configuration as text: the same for the same settings, whatever has been asked for."""
    said = {section: set_to for section, set_to in config.items() if set_to}
    return json.dumps(
        said, sort_keys=True, default=lambda value: getattr(value, "__qualname__", type(value).__name__)
    )


def rules(config: Config, root: Path) -> str:
    """SHA-256 over what decides how points are published: the configuration, the plug-in for lateness."""
    digest = hashlib.sha256(settings(config).encode() + (root / "nbgrader_config.py").read_bytes())
    plugin = config.AssignLatePenalties.get("plugin_class", "")
    module = plugin.rpartition(".")[0] if isinstance(plugin, str) else plugin.__module__
    with contextlib.suppress(ImportError, ValueError, AttributeError, OSError, TypeError):
        digest.update(Path(importlib.util.find_spec(module).origin).read_bytes())
    return digest.hexdigest()


def labs(config: Config) -> list[str]:
    """The labs that have a source, by name."""
    return sorted(path.name for path in folder(config, "source").glob("[!.]*") if notebooks(path))


def notebooks(lab: Path) -> dict[str, Path]:
    """The notebooks of a lab by name, in order; `lab` is its folder in the source."""
    return {path.stem: path for path in sorted(lab.glob("[!.]*.ipynb"))}


def sources(lab: Path) -> list[Path]:
    """The notebooks and modules of a lab."""
    return [*notebooks(lab).values(), *lab.rglob("*.py")]


def declared(lab: Path) -> list[str]:
    """The files that students may hand in beside a lab's notebooks; `lab` is its folder in the source.

    Raises:
        RuntimeError: the source of one is no notebook.
    """
    files = []
    for path in notebooks(lab).values():
        try:
            files += json.loads(path.read_bytes())["metadata"].get("rnncourse", {}).get("files", [])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RuntimeError(f"{path} is no notebook: {type(error).__name__}: {error}") from None
    return files


class Made:
    """What the labs in the release folder were made from, kept beside them in `.made.json`:
    a lab that would come out as it lies there needn't be made.
    """

    NAME = ".made.json"

    def __init__(self, config: Config, root: Path):
        self.config, self.root = config, root
        self.file = folder(config, "release") / self.NAME
        try:
            self.known = dict(json.loads(self.file.read_bytes()))
        except (OSError, ValueError, TypeError):
            self.known: dict[str, str] = {}

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
        digest.update(lab_fingerprint(self.config, lab).encode())
        digest.update(_files_digest(folder(self.config, "release") / lab))
        return digest.hexdigest()


class Known(Made):
    """The labs that were verified as they are, kept beside them in `.verified.json`."""

    NAME = ".verified.json"

    def _fingerprint(self, lab: str) -> str:
        return f"{super()._fingerprint(lab)}:{importlib.metadata.version('rnncourse')}"


def lab_fingerprint(config: Config, lab: str) -> str:
    """SHA-256 of a lab's source: when it changes, what was graded by it is out of date."""
    digest = hashlib.sha256(_files_digest(folder(config, "source") / lab))
    for part in ("header", "footer"):
        path = Path(config.IncludeHeaderFooter.get(part, ""))
        digest.update(path.read_bytes() if path.is_file() else b"")
    return digest.hexdigest()


def _files_digest(folder: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder)
        if not any(is_any(part, IGNORED) for part in name.parts):  # what an editor or an import leaves
            digest.update(f"\0{name}\0".encode() + path.read_bytes())
    return digest.digest()


def is_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a name is one of these, as a shell writes them."""
    return any(fnmatch(name, pattern) for pattern in patterns)


def own_folders(*folders: str) -> tuple[Path, ...]:
    """Where the course keeps what students' code must not see: these, and where it is run."""
    return tuple(dict.fromkeys(path.resolve() for path in (*map(Path, folders), Path.cwd())))


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
