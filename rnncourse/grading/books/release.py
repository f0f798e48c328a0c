"""Labs as nbgrader generates them: what students receive, and the entry in the gradebook."""

import copy
import os
import re
import tempfile
from pathlib import Path

import nbformat
import nbgrader.api
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from sqlalchemy import create_engine, inspect
from traitlets.config import Config

from rnncourse.grading.books.course import notebooks
from rnncourse.grading.books.writing import replace_folder
from rnncourse.grading.judge.outcome import BEGIN


def release(config: Config, lab: str) -> bool:
    """Write what students receive of a lab, `labs/<lab>/`, as `nbgrader generate_assignment` does; return
    whether it changed.

    Raises:
        RuntimeError: nbgrader's reason; what stood in `labs/` stays.
    """
    target = Path(config.CourseDirectory.release_directory, lab)
    with tempfile.TemporaryDirectory() as folder:
        throwaway = copy.deepcopy(config)
        throwaway.CourseDirectory.db_url = f"sqlite:///{folder}/gradebook.db"
        _generate(throwaway, lab, f"{folder}/labs")
        new = Path(folder, "labs", lab)
        for source in notebooks(Path(config.CourseDirectory.source_directory, lab)).values():
            _say_what_is_hidden(source, new / source.name)
        if _files(new) == _files(target):
            return False
        replace_folder(target, new)
    return True


def _say_what_is_hidden(source: Path, released: Path) -> None:
    """Note in each test cell that has hidden tests that it has: the students' copy holds no line of them."""
    with_hidden = {
        cell.metadata.nbgrader.grade_id
        for cell in nbformat.read(source, as_version=4).cells
        if BEGIN in cell.source and cell.metadata.get("nbgrader", {}).get("grade")
    }
    if not with_hidden or not released.exists():
        return
    nb = nbformat.read(released, as_version=nbformat.NO_CONVERT)
    for cell in nb.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") in with_hidden:
            cell.metadata.setdefault("rnncourse", {})["hidden"] = True
    nbformat.write(nb, released)


def register(config: Config, lab: str) -> None:
    """Enter a lab in the gradebook, which nbgrader wants before it grades.

    Raises:
        RuntimeError: nbgrader's reason.
    """
    with tempfile.TemporaryDirectory() as folder:
        _generate(config, lab, folder)


def _generate(config: Config, lab: str, folder: str) -> None:
    config = copy.deepcopy(config)
    config.CourseDirectory.update(assignment_id=lab, release_directory=folder)
    create_gradebook(config.CourseDirectory.db_url)
    app = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    app.create_assignment = app.force = True
    outcome = capture_log(app)
    if not outcome["success"]:
        if outcome["error"].rstrip().endswith("KeyboardInterrupt"):  # which it takes for one more failure
            raise KeyboardInterrupt
        source = os.path.relpath(Path(config.CourseDirectory.source_directory, lab))
        raise RuntimeError(f"{lab}: {_reason(outcome, source)}")


def _reason(outcome: dict, source: str) -> str:
    """Why nbgrader made no lab of this folder, and what to do."""
    raised, said = outcome["error"], (outcome.get("log") or outcome["error"]).strip().splitlines()
    if "SchemaTooOldError" in raised:
        return (
            f"an older nbgrader wrote its cells: keep a copy of {source}, and run: nbgrader update {source}"
        )
    if "SchemaTooNewError" in raised:
        return "a newer nbgrader wrote its cells: update nbgrader (pip install --upgrade nbgrader)"
    reason = next(
        (
            line
            for line in map(str.strip, reversed(said))
            if re.match(r"[\w.]*(Error|Exception|Invalid|Exit): ", line)
        ),
        said[-1].strip(),
    )
    if "submissions associated" in reason:
        reason += " (undo the change, or give the lab another name: "
        reason += "its submissions' grades are kept under this one)"
    return f"nbgrader can't generate the lab: {reason}"


def create_gradebook(url: str) -> None:
    """Make the tables of a gradebook, where there are none.

    nbgrader does it when it opens one, but starts a program to know their version, which imports for two
    seconds.
    """
    engine = create_engine(url)
    with engine.begin() as connection:
        if not inspect(connection).get_table_names():
            nbgrader.api.Base.metadata.create_all(connection)
            scripts = ScriptDirectory(str(Path(nbgrader.__file__).with_name("alembic")))
            MigrationContext.configure(connection).stamp(scripts, "head")
    engine.dispose()


def _files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
