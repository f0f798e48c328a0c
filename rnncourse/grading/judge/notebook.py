"""Rebuild, don't trust: the notebook that runs is the instructor's copy, with the student's sources in their
places.

From a submission come the sources of solution cells, found by grade_id, and of the code cells the student
added. Of several cells with the same grade_id the last one is the solution (so says nbgrader too) and the
others count as added. A solution cell that is missing is as it was released. An instructor's cell without
grade_id stays as it is; where the student edited it, the edited copy runs after it.
"""

import copy
import json
import re
from dataclasses import dataclass, field, replace

import nbformat
from nbformat import NotebookNode

from rnncourse.grading.judge.source import defined

MAX_CELLS = 2000
MAX_SOURCE = 1 << 20  # characters of one cell


class Unreadable(ValueError):
    """A submitted file that is no notebook; the message is for the instructor's table."""


@dataclass(frozen=True)
class Raw:
    """All that is read of a submitted cell."""

    cell_type: str
    id: str
    grade_id: str
    source: str


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

    @property
    def is_code(self) -> bool:
        return self.node.cell_type == "code"

    @property
    def unanswered(self) -> bool:
        """Whether a solution is as released."""
        return self.node.metadata.get("nbgrader", {}).get("released") == self.source


def parse(data: bytes) -> list[Raw]:
    """The cells of a submitted notebook, of format 3 or 4; what is malformed within is passed over.

    Raises:
        Unreadable: the bytes are not a notebook.
    """
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise Unreadable(str(error).splitlines()[0].split(":")[0][:80]) from None
    if not isinstance(notebook, dict):
        raise Unreadable("no object in it")
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        sheets = notebook.get("worksheets")
        sheets = sheets if isinstance(sheets, list) else [{}]
        cells = sheets[0].get("cells") if sheets and isinstance(sheets[0], dict) else None
    if not isinstance(cells, list):
        raise Unreadable("no cells in it")
    if len(cells) > MAX_CELLS:
        raise Unreadable(f"{len(cells)} cells")
    return [raw for raw in map(_raw, cells) if raw]


def _raw(cell) -> Raw | None:
    if not isinstance(cell, dict):
        return None
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    if not isinstance(source, str):
        return None
    if len(source) > MAX_SOURCE:
        raise Unreadable(f"a cell of {len(source)} characters, {MAX_SOURCE} at most are read")
    source = source.encode("utf-8", "replace").decode()  # half a surrogate pair is valid JSON
    return Raw(
        str(cell.get("cell_type"))[:20], str(cell.get("id", ""))[:64], str(grade_id or "")[:200], source
    )


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
        self.files: list[str] = list(
            settings.get("files", [])
        )  # what students may hand in beside the notebook
        self.given = given or {}
        self.cells = [_lab_cell(node, stored) for node in notebook.cells]

    def rebuild(self, submitted: list[Raw]) -> list[Cell]:
        """The notebook that runs for a submission."""
        by_grade_id = {cell.id: i for i, cell in enumerate(self.cells) if cell.id}
        by_id = {
            cell.node.get("id"): i
            for i, cell in enumerate(self.cells)
            if not cell.id and cell.node.get("id")
        }
        by_source = {
            (cell.node.cell_type, cell.source): i for i, cell in enumerate(self.cells) if not cell.id
        }
        last = {raw.grade_id: raw for raw in submitted}
        cells = [replace(cell, node=_own(cell.node)) for cell in self.cells]
        others = "\n".join(raw.source for raw in submitted if not raw.grade_id and raw.cell_type == "code")
        for cell in cells:
            if (
                cell.kind == "solution"
                and cell.id not in last
                and any(_binds(others, name) for name in cell.defines)
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
                continue
            known = None
            if raw.grade_id not in by_grade_id:
                known = by_id.get(raw.id, by_source.get((raw.cell_type, raw.source)))
            if known is not None:
                place = known
            if (
                raw.cell_type == "code"
                and (known is None or raw.source != cells[known].source)
                and raw.source.strip()
            ):
                node = nbformat.v4.new_code_cell(raw.source)
                added.setdefault(place, []).append(Cell("added", "", raw.source, node))
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
        return nbformat.from_dict(
            {"cells": nodes, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4}
        )  # the last without ids


def _binds(source: str, name: str) -> bool:
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
    if kind in ("solution", "manual"):
        flags["released"] = node.source
        for source in (full, node.source) if node.cell_type == "code" else ():
            names, imports = defined(source)
            cell.defines += [n for n in names if n not in cell.defines]
            cell.imports += imports
    return cell
