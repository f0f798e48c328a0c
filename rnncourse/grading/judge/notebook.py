"""Rebuild, don't trust: the notebook that runs is the instructor's copy, with the student's sources in their
places.

From a submission come the sources of solution cells, found by grade_id, and of the cells the student added:
code, which runs, and text with its pictures, which a person reads. Of several cells with the same grade_id
the last one is the solution (so says nbgrader too) and the others count as added. A solution cell that is
missing is as it was released. An instructor's cell without grade_id stays as it is; where the student edited
it, the edited copy comes after it.
"""

import copy
import re
from dataclasses import dataclass, field, replace

import nbformat
from nbformat import NotebookNode

from rnncourse.grading.judge.picture import bundle, decoded
from rnncourse.grading.judge.source import defined, shared_names
from rnncourse.grading.judge.submitted import Raw


@dataclass
class Cell:
    """A cell of the notebook that runs.

    `kind`: text; instructor (runs on both sides); solution and added (run in the student's process); test;
    manual (graded by a person).
    """

    kind: str
    id: str
    source: str
    node: NotebookNode
    points: float = 0.0
    defines: list[str] = field(default_factory=list)  # what a solution cell is there to define
    imports: str = ""  # and the imports in it, which tests may rely on
    uses: list[str] = field(default_factory=list)  # of a test: the earlier functions that the answer calls
    added: bool = False  # by the student

    @property
    def is_code(self) -> bool:
        return self.node.cell_type == "code"

    @property
    def unanswered(self) -> bool:
        """Whether a solution is as released."""
        released = self.node.metadata.get("nbgrader", {}).get("released")
        return released is not None and bare(released) == bare(self.source)


class Lab:
    """The instructor's copy of a lab's notebook."""

    def __init__(self, notebook: NotebookNode, stored: dict[str, dict] | None = None,
                 given: dict[str, bytes] | None = None):  # fmt: skip
        """`notebook` is the source; `stored` what the gradebook keeps of its graded cells: source, checksum,
        points; `given` are the files that the lab comes with.

        Without `stored` the notebook is all there is, as at home.

        Raises:
            RuntimeError: not a Python notebook, or changed since it was entered in the gradebook.
        """
        kernel = notebook.metadata.get("kernelspec", {})
        language = (
            kernel.get("language") or notebook.metadata.get("language_info", {}).get("name") or "python"
        )
        if language != "python":
            raise RuntimeError(f"the lab is written in {language}; only Python is graded")
        self.metadata = notebook.metadata
        settings = notebook.metadata.get("rnncourse", {})
        self.forbid: list[str] = list(settings.get("forbid", []))
        self.files: list[str] = list(settings.get("files", []))  # that students may hand in beside it
        self.given = given or {}
        self.cells = [_lab_cell(node, stored) for node in notebook.cells]
        _check_uses(self.cells)
        answers = [
            replace(cell, source=node.source) for cell, node in zip(self.cells, notebook.cells, strict=True)
        ]
        # the lab's own answers, by cell, and the names that tests and answers share
        self.reference = {
            cell.id: cell.source for cell in answers if cell.id and cell.kind in ("solution", "manual")
        }
        self.shared = shared_names(answers)

    def rebuild(self, submitted: list[Raw]) -> list[Cell]:
        """The notebook that runs for a submission."""
        by_grade_id = {cell.id: i for i, cell in enumerate(self.cells) if cell.id}
        by_id = {
            cell.node.get("id"): i
            for i, cell in enumerate(self.cells)
            if not cell.id and cell.node.get("id")
        }
        by_source = {
            (cell.node.cell_type, bare(cell.source)): i for i, cell in enumerate(self.cells) if not cell.id
        }
        last = {raw.grade_id: raw for raw in submitted}
        cells = [replace(cell, node=_own(cell.node)) for cell in self.cells]
        others = "\n".join(raw.source for raw in submitted if not raw.grade_id and raw.cell_type == "code")
        for cell in cells:
            if (
                cell.kind == "solution"
                and cell.id not in last
                and any(binds(others, name) for name in cell.defines)
            ):
                cell.source = cell.node.source = (
                    ""  # the stub would take the place of an answer in an added cell
                )
        added: dict[int, list[Cell]] = {}
        place = -1
        for raw in submitted:
            own = raw.grade_id in by_grade_id and last[raw.grade_id] is raw
            if own:
                place = by_grade_id[raw.grade_id]
                if cells[place].kind in ("solution", "manual"):
                    cells[place].source = cells[place].node.source = raw.source
                    if pictures := _pictures(raw):
                        cells[place].node.attachments = {
                            **cells[place].node.get("attachments", {}),
                            **pictures,
                        }
                continue
            known = None
            if raw.grade_id not in by_grade_id:
                known = by_id.get(raw.id, by_source.get((raw.cell_type, bare(raw.source))))
            if known is not None:
                place = known
            if raw.source.strip() and (known is None or bare(raw.source) != bare(cells[known].source)):
                added.setdefault(place, []).append(_added(raw))
        out = added.get(-1, [])
        for i, cell in enumerate(cells):
            out += [cell, *added.get(i, [])]
        return out

    def notebook(self, cells: list[Cell]) -> NotebookNode:
        """Such cells as a notebook file."""
        nodes = []
        for cell in cells:
            node = {key: value for key, value in cell.node.items() if key != "id"}
            if "nbgrader" in node["metadata"]:
                flags = {
                    key: value for key, value in node["metadata"]["nbgrader"].items() if key != "released"
                }
                node["metadata"] = {**node["metadata"], "nbgrader": flags}
            nodes.append(node)
        metadata = {
            key: self.metadata[key] for key in ("kernelspec", "language_info") if key in self.metadata
        }
        form = {"nbformat": 4, "nbformat_minor": 4}  # the last without ids
        return nbformat.from_dict({"cells": nodes, "metadata": metadata, **form})


def bare(source: str) -> str:
    """A source without what editors change of themselves."""
    return "\n".join(source.split("\r\n")).strip()


def _added(raw: Raw) -> Cell:
    """A cell that the student added; what isn't code becomes Markdown, for raw is HTML to a browser."""
    if raw.cell_type == "code":
        return Cell("added", "", raw.source, nbformat.v4.new_code_cell(raw.source), added=True)
    node = nbformat.v4.new_markdown_cell(raw.source)
    if pictures := _pictures(raw):
        node.attachments = pictures
    return Cell("text", "", raw.source, node, added=True)


def _pictures(raw: Raw) -> dict[str, dict[str, str]]:
    """What was pasted into a cell and is a picture."""
    found = {name: decoded(words) for name, words in raw.attachments.items()}
    return {name: bundle(data) for name, data in found.items() if data}


def binds(source: str, name: str) -> bool:
    """Whether code binds a name at its top level, as far as its lines tell: what students wrote is not
    parsed here.
    """
    return (
        re.search(rf"^((async )?def|class) +{re.escape(name)}\b|^{re.escape(name)} *=", source, re.MULTILINE)
        is not None
    )


def _own(node: NotebookNode) -> NotebookNode:
    """A cell's node whose fields and metadata can be set without changing the lab's."""
    return NotebookNode({**node, "metadata": NotebookNode(node.metadata)})


def _check_uses(cells: list[Cell]) -> None:
    """That each function that a test says it uses is there before it."""
    defined_so_far: list[str] = []
    for cell in cells:
        defined_so_far += cell.defines
        for name in cell.uses:
            if name not in defined_so_far:
                raise RuntimeError(
                    f"the cell {cell.id!r} uses {name!r}, which no solution cell before it defines"
                )


def _lab_cell(node: NotebookNode, stored: dict[str, dict] | None) -> Cell:
    node = copy.deepcopy(node)
    if node.cell_type == "code":
        node.outputs, node.execution_count = [], None
    flags = node.metadata.get("nbgrader", {})
    graded, solution = flags.get("grade", False), flags.get("solution", False)
    name = (
        flags.get("grade_id", "") if graded or solution or flags.get("locked") or flags.get("task") else ""
    )
    full = node.source
    if name and stored is not None:
        if name not in stored:
            raise RuntimeError(
                f"the cell {name!r} is new since the lab was released: run nbgrader generate_assignment"
            )
        kept = stored[name]
        node.source = kept["source"]
        if kept["checksum"]:  # a task for a person has none
            flags["checksum"] = kept["checksum"]
        if graded:
            flags["points"] = kept["points"]
    kind = "text" if node.cell_type != "code" else "instructor"
    if graded and solution:
        kind = "manual"
    elif graded and node.cell_type == "code":
        kind = "test"
    elif solution and node.cell_type == "code":
        kind = "solution"
    cell = Cell(kind, name, node.source, node, float(flags.get("points", 0.0)) if graded else 0.0)
    if kind == "test":
        cell.uses = list(node.metadata.get("rnncourse", {}).get("uses", []))
    if kind in ("solution", "manual"):
        flags["released"] = node.source
        for source in (full, node.source) if node.cell_type == "code" else ():
            names, imports = defined(source)
            cell.defines += [n for n in names if n not in cell.defines]
            cell.imports += imports
    return cell
