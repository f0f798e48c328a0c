"""One submission, all steps: read it, rebuild it, run it, and write down in the notebook itself what came of it."""

import hashlib
import hmac
import os
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from rnncourse.grading.books import collect
from rnncourse.grading.judge.engine import Worker, WorkerEnded
from rnncourse.grading.judge.failure import BEGIN
from rnncourse.grading.judge.notebook import MAX_BYTES, Cell, Lab, Unreadable, read

NOT_REACHED = "the run ended before this test"


@dataclass
class Graded:
    """A submission after its run; the cells' nodes hold outputs and, in `metadata.rnncourse`, scores and messages."""

    cells: list[Cell]
    notebook: NotebookNode
    problem: str  # why a person must look, or empty
    complete: bool  # False: something of ours died, so another run may come further


def seed_of(course: Path, *parts: str) -> int:
    """The seed of a run: the same for the same files of the same student, and not to be guessed without the course's secret."""
    path = course / "grading.secret"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
    digest = hmac.new(path.read_bytes(), "\0".join(parts).encode(errors="surrogateescape"), "sha256").digest()
    return int.from_bytes(digest[:6], "big")


def grade(worker: Worker, lab: Lab, path: Path, course: Path, who: tuple[str, str], given: dict[str, bytes], timeout: float,
          seed: int | None = None) -> Graded:  # fmt: skip
    """Grade the notebook `path` of a submission; `who` is student and lab, `given` the lab's own files.

    Raises:
        NoIsolation: students' code can't be isolated here.
    """
    data, problem = collect.regular(path, MAX_BYTES) or b"", ""
    try:
        submitted = read(path)
        if not {raw.grade_id for raw in submitted} & {cell.id for cell in lab.cells if cell.id}:
            problem = f"{path.name} has none of this lab's cells"
    except Unreadable as reason:
        submitted, problem = [], str(reason)
    sha256 = hashlib.sha256(data).hexdigest()
    seed = seed_of(course, *who, sha256) if seed is None else seed
    cells = lab.rebuild(submitted)
    files = dict(given)
    for name in lab.files:
        own = collect.regular(path.parent / name, collect.MAX_BYTES) if _lies_in(path.parent, name) else None
        files |= {name: own} if own is not None else {}
    run = {
        "forbid": lab.forbid,
        "files": {name: content.hex() for name, content in files.items()},
        "seed": seed,
        "timeout": timeout,
    }
    results, shown, complete = {}, {}, True
    if not problem:
        try:
            outcome = worker.run(cells, **run)
            results, shown, complete = outcome.scores, outcome.shown, outcome.complete
        except WorkerEnded:
            complete = False
        problem = "" if complete else "the run ended early"
    _enter(cells, results, shown)
    notebook = lab.notebook(cells)
    notebook.metadata["rnncourse"] = {
        "student": who[0], "lab": who[1], "sha256": sha256, "seed": seed, "problem": problem, "note": _note(cells),
        "graded": datetime.now(UTC).isoformat(timespec="seconds"),
    }  # fmt: skip
    return Graded(cells, notebook, problem, complete)


def _lies_in(folder: Path, name: str) -> bool:
    """Whether no part of a file's path is a link that leads elsewhere."""
    return (folder / name).parent.resolve() == (folder.resolve() / name).parent


def _enter(cells: list[Cell], results: dict[int, dict], shown: dict[int, dict]) -> None:
    """Write into each cell's node what the runs gave: fail closed, so a test without a result has earned nothing."""
    for i, cell in enumerate(cells):
        result, seen = results.get(i), shown.get(i, {})
        cell.node.metadata["rnncourse"] = {"kind": cell.kind}
        own = cell.node.metadata["rnncourse"]
        if cell.kind == "test":
            own["score"] = result["score"] if result else 0.0
            if result is None:
                result = {
                    "where": "hidden" if BEGIN in cell.source else "visible",
                    "message": NOT_REACHED,
                    "hint": "",
                    "kind": "",
                    "fault": NOT_REACHED,
                }
            if result["where"]:
                own |= {key: result[key] for key in ("where", "hint", "kind", "fault")}
                own["message"] = seen.get("message", result["fault"]) if result["where"] == "visible" else ""
                lines = result["message"].splitlines() or [""]
                name = result["kind"] or "Fault"
                cell.node.outputs = [nbformat.v4.new_output("error", ename=name, evalue=lines[0], traceback=[name, *lines])]
        elif cell.kind == "manual":
            own["score"] = 0.0 if cell.unanswered else None
            if not cell.is_code:  # the formgrader renders it
                cell.node.source = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", cell.source)
        if cell.is_code and cell.kind != "test":
            cell.node.outputs = [nbformat.from_dict(output) for output in seen.get("outputs", [])]
            if fault := seen.get("fault"):
                own["fault"] = fault
                cell.node.outputs.append(nbformat.v4.new_output("error", ename="Fault", evalue=fault, traceback=[fault]))


def _note(cells: list[Cell]) -> str:
    """The first error in each solution cell, for the instructor's table: it explains the zeros in the tests below it."""
    errors = []
    for cell in cells:
        if cell.kind in ("solution", "manual") and cell.is_code:
            found = [output for output in cell.node.outputs if output.output_type == "error"]
            errors += [f"{cell.id}: {o.evalue if o.ename == 'Fault' else o.ename}" for o in found[:1]]
    return ", ".join(errors)
