"""One submission, all steps: rebuild it, run it, and write down in the notebook itself what came of it."""

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import nbformat
from nbformat import NotebookNode

from rnncourse.grading.judge.engine import Worker, WorkerEnded
from rnncourse.grading.judge.notebook import Cell, Lab
from rnncourse.grading.judge.outcome import BEGIN, NOT_REACHED, Outcome
from rnncourse.grading.judge.remarks import about_the_notebook, about_the_run
from rnncourse.grading.judge.submitted import HandedIn, Unreadable, parse

ENDED = "the run ended early"


@dataclass
class Graded:
    """A submission after its run; the cells' nodes hold outputs and, in `metadata.rnncourse`, scores and
    messages.
    """

    cells: list[Cell]
    notebook: NotebookNode
    problem: str  # why there is nothing to tell the student, or empty
    person: list[str]  # what else a person must look at; the student is told none of it
    complete: bool  # False: something of ours died, so another run may come further


def grade(worker: Worker, lab: Lab, handed_in: HandedIn, seed: int, timeout: float) -> Graded:
    """Grade a submission of a lab.

    Raises:
        NoIsolation: students' code can't be isolated here.
    """
    submitted, problem, started = [], handed_in.problem, datetime.now(UTC)
    if not problem:
        try:
            submitted = parse(handed_in.notebook)
            if not {raw.grade_id for raw in submitted} & {cell.id for cell in lab.cells if cell.id}:
                problem = f"{handed_in.name} has none of this lab's cells"
        except Unreadable as reason:
            problem = f"{handed_in.name} is not a notebook: {reason}"
    cells = lab.rebuild(submitted)
    files = {name: content.hex() for name, content in (lab.given | handed_in.files).items()}
    outcomes, shown, complete, person = {}, {}, True, []
    if not problem:
        try:
            run = worker.run(cells, lab.forbid, files, seed, timeout, handed_in.files, lab)
            outcomes, shown, complete = run.scores, run.shown, run.complete
            problem = "" if run.told else ENDED
        except WorkerEnded:
            complete, problem = False, ENDED
        person = [outcome.person for outcome in outcomes.values() if outcome.person]
        missing = [cell.id for i, cell in enumerate(cells) if cell.kind == "test" and i not in outcomes]
        person += [f"{ENDED}, before {', '.join(missing)}"] if missing and not problem else []
    enter(cells, outcomes, shown)
    remarks = []
    if outcomes or not problem:
        remarks = about_the_notebook(lab, submitted) + about_the_run(cells, outcomes)
    notebook = lab.notebook(cells)
    notebook.metadata["rnncourse"] = {
        "student": handed_in.student, "lab": handed_in.lab, "seed": seed,
        "problem": problem, "person": person, "remarks": remarks,
        "sha256": hashlib.sha256(handed_in.notebook).hexdigest(),
        "graded": started.isoformat(timespec="seconds"),  # how long it took, a hidden test has a part in
    }  # fmt: skip
    return Graded(cells, notebook, problem, person, complete)


def enter(cells: list[Cell], outcomes: dict[int, Outcome], shown: dict[int, Outcome]) -> None:
    """Write into each cell's node what the runs gave: fail closed, so a test without an outcome has earned
    nothing.

    What is for the student comes from `shown`; of the run with hidden tests it has the score, and its
    author's hint.
    """
    elsewhere = any(cell.added for cell in cells)  # an answer may stand there, which a person must judge
    for i, cell in enumerate(cells):
        seen = shown.get(i)
        cell.node.metadata["rnncourse"] = {"kind": cell.kind, "added": cell.added}
        own = cell.node.metadata["rnncourse"]
        own["unanswered"] = cell.unanswered and not (cell.kind == "manual" and elsewhere)
        if cell.kind == "test":
            missing = Outcome(i, fault=NOT_REACHED, score=0.0, where="hidden", message=NOT_REACHED)
            outcome = outcomes.get(i, missing)
            if (
                BEGIN not in cell.source and not outcome.rests
            ):  # what the student reads of it is what it earned
                outcome = seen or outcome
            own["score"] = outcome.score
            own["rests"], own["uses"] = outcome.rests, cell.uses
            if outcome.where:
                own |= {"where": "hidden", "message": "", "hint": "", "kind": "", "fault": "", "at": None}
                if any((outcome.at, outcome.kind) == (other.at, other.kind) for other in shown.values()):
                    own["at"] = _place(cells, outcome.at)
                if seen and seen.where:
                    own |= {key: getattr(seen, key) for key in ("where", "message", "hint", "kind", "fault")}
                    own["at"] = _place(cells, seen.at)
                elif outcome.where == "hidden":
                    own["hint"] = outcome.hint
                cell.node.outputs = [_error(outcome)]
        elif cell.kind == "manual":
            own["score"] = 0.0 if own["unanswered"] else None
        if not cell.is_code and (cell.kind == "manual" or cell.added):  # the formgrader renders it
            cell.node.source = _without_script(cell.source)
        if cell.is_code and cell.kind != "test":
            cell.node.outputs = [nbformat.from_dict(output) for output in seen.outputs] if seen else []
            if seen and seen.fault:
                own["fault"] = seen.fault


def _place(cells: list[Cell], at: list[int]) -> dict | None:
    """Where in the student's own cells an error was raised, and what stands there."""
    if not at or at[0] >= len(cells):
        return None
    cell, lines = cells[at[0]], cells[at[0]].source.splitlines()
    text = lines[at[1] - 1].strip() if at[1] <= len(lines) else ""
    if cell.kind not in ("solution", "added", "manual"):
        return None
    number = [other is cell for other in cells if other.added].index(True) + 1 if cell.added else 0
    return {"cell": cell.id or f"added {number}", "line": at[1], "text": text[:200]}


def _error(outcome: Outcome) -> NotebookNode:
    """What the instructor reads of a test that failed: the engine's words bear a name that no exception of a
    student's can have, and what may be a student's is set in.
    """
    name, lines = outcome.kind or "Fault", outcome.message.splitlines() or [""]
    said = [f"    {line}" for line in lines] if outcome.kind else lines
    return nbformat.v4.new_output("error", ename=name, evalue=lines[0], traceback=[name, *said])


def _without_script(markdown: str) -> str:
    """What a student wrote, in which no tag is one and no link's address a script's, however it is spelt: a
    space ends an address, and nbconvert decodes entities in one more than once.
    """
    markdown = re.sub(r"&(?=#|\w+;)", "& ", markdown)
    markdown = re.sub(r"<(?=[a-zA-Z/!?])", "&lt;", markdown)
    return re.sub(r"(s\s*c\s*r\s*i\s*p\s*t)([\s\\]*:)", r"\1 \2", markdown, flags=re.IGNORECASE)
