"""Labs as nbgrader generates them: what students receive, and the entry in the gradebook."""

import copy
import re
import tempfile
from pathlib import Path

from nbgrader.converters import GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import capture_log
from traitlets.config import Config

from rnncourse.grading.books.writing import replace_folder


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
        if _files(new) == _files(target):
            return False
        replace_folder(target, new)
    return True


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
    app = GenerateAssignment(coursedir=CourseDirectory(config=config), config=config)
    app.create_assignment = app.force = True
    outcome = capture_log(app)
    if not outcome["success"]:
        if outcome["error"].rstrip().endswith("KeyboardInterrupt"):  # which it takes for one more failure
            raise KeyboardInterrupt
        said = [line.strip() for line in (outcome.get("log") or outcome["error"]).strip().splitlines()]
        reason = next(
            (line for line in reversed(said) if re.match(r"[\w.]*(Error|Exception|Invalid|Exit): ", line)),
            said[-1],
        )
        if "submissions associated" in reason:
            reason += " (undo the change, or give the lab another name: "
            reason += "its submissions' grades are kept under this one)"
        raise RuntimeError(f"{lab}: nbgrader can't generate the lab: {reason}")


def _files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
