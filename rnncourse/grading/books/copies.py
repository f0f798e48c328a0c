"""The instructor's copies of a lab's notebooks: what a submission is rebuilt from."""

import os
from pathlib import Path

import nbformat
from traitlets.config import Config

from rnncourse.grading.books import gradebook
from rnncourse.grading.books.course import IGNORED, folder, is_any, notebooks
from rnncourse.grading.books.tables import Gradebook
from rnncourse.grading.judge.notebook import Lab


def lab_of(config: Config, gb: Gradebook, lab: str, source: Path | None = None) -> dict[str, Lab]:
    """The copies by name; `source` is the lab's folder, where it is another than the course's.

    Raises:
        RuntimeError: one is not in the gradebook, or has changed since.
    """
    source = source or folder(config, "source") / lab
    given = _given(config, source)
    return {
        name: Lab(_whole(config, path), gradebook.stored(gb, lab, name), given)
        for name, path in notebooks(source).items()
    }


def _whole(config: Config, path: Path):
    """A notebook with the course's header and footer."""
    nb = nbformat.read(path, as_version=4)
    if any(config.IncludeHeaderFooter.get(part) for part in ("header", "footer")):
        from nbgrader.preprocessors import IncludeHeaderFooter  # a second of imports

        nb, _ = IncludeHeaderFooter(config=config)(nb, {})
    return nb


def _given(config: Config, source: Path) -> dict[str, bytes]:
    """The files that students receive beside a lab's notebooks."""
    ignored = IGNORED
    if "ignore" in config.CourseDirectory:
        from nbgrader.coursedir import CourseDirectory

        ignored = CourseDirectory(config=config).ignore
    files = {}
    for place, folders, names in os.walk(source):
        folders[:] = [name for name in folders if not is_any(name, ignored)]
        for name in names:
            if not is_any(name, [*ignored, "*.ipynb"]):
                path = Path(place, name)
                files[str(path.relative_to(source))] = path.read_bytes()
    return files
