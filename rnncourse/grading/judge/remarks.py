"""What happened to a submission, for the instructor's table: a few remarks, each with the names of cells.

No word of them is a student's: names are the lab's, tags come from a list, and of exceptions the built-in
ones are named.
"""

import builtins
from collections import Counter

from rnncourse.grading.judge.notebook import Cell, Lab, bare, binds
from rnncourse.grading.judge.outcome import BEGIN, END, Outcome
from rnncourse.grading.judge.submitted import Raw

NAMED = 6  # cells in one remark
OURS = "the lab's own ran"
UNKNOWN = "an error of its own"  # for a name that a student gave
EXPECTED = {"", "AssertionError"}  # of a test whose answer is wrong
OF_A_CELL = {"NameError", "KeyError"}  # of one whose function's cell has failed
OF_A_STUB = {"NotImplementedError"}


def about_the_notebook(lab: Lab, submitted: list[Raw]) -> list[str]:
    """What of a submission was dropped: cells of the lab that are edited or missing, and metadata without an
    effect here.
    """
    times = Counter(raw.grade_id for raw in submitted)
    last = {raw.grade_id: raw for raw in submitted}
    own = [cell for cell in lab.cells if cell.id]
    names = {cell.id for cell in own}
    edited, missing, several, tried = [], [], [], {}
    for cell in own:
        raw = last.get(cell.id)
        if raw is None:
            missing += [cell.id] if cell.kind in ("test", "solution", "manual") else []
            continue
        several += [cell.id] if times[cell.id] > 1 else []
        if cell.kind in ("test", "instructor"):
            kinds = raw.cell_type, cell.node.cell_type
            same = kinds[0] == kinds[1] and _lines(raw.source) == _lines(_released(cell.source))
            edited += [] if same else [cell.id]
        for what in _claims(cell, raw):
            tried.setdefault(what, []).append(cell.id)
    for raw in submitted:
        for tag in raw.tags if raw.grade_id not in names else ():
            tried.setdefault(f"tag {tag}", []).append("an added cell")
    found = {f"edited, {OURS}": edited, f"missing, {OURS}": [n for n in missing if _kind(lab, n) == "test"]}
    found |= {"its cell is missing": [name for name in missing if _kind(lab, name) != "test"]}
    found |= {"there more than once, the last counts": several}
    alike: dict[tuple, list[str]] = {}
    for what, where in tried.items():
        alike.setdefault(tuple(where), []).append(what)
    found |= {f"{', '.join(what)} without effect": list(where) for where, what in alike.items()}
    return [_remark(where, why) for why, where in found.items() if where]


def about_the_run(cells: list[Cell], outcomes: dict[int, Outcome]) -> list[str]:
    """What went wrong in solution cells and inside the functions that tests called, and what isn't answered;
    `cells` hold what they put out.
    """
    found: dict[str, list[str]] = {}
    others = "\n".join(cell.source for cell in cells if cell.added and cell.is_code)
    blank = []
    for cell in cells:
        if cell.node.metadata["rnncourse"]["unanswered"]:
            blank += [] if any(binds(others, name) for name in cell.defines) else [cell.id]
        elif cell.kind in ("solution", "manual") and cell.is_code and (why := _error_of(cell)):
            found.setdefault(why, []).append(cell.id)
    usual = EXPECTED | (OF_A_CELL if found or blank else set()) | (OF_A_STUB if blank else set())
    for index, cell in enumerate(cells):
        outcome = outcomes.get(index) if cell.kind == "test" else None
        if outcome and outcome.where and not outcome.person:
            why = (
                outcome.fault
                or _raised(cells, outcome)
                or (outcome.kind if outcome.kind not in usual else "")
            )
            if why:
                found.setdefault(why, []).append(cell.id)
    remarks = [_remark(names, why) for why, names in found.items()]
    if blank:
        every = sum(cell.kind in ("solution", "manual") for cell in cells) == len(blank)
        remarks.append("nothing answered" if every and len(blank) > 1 else f"not answered: {_names(blank)}")
    return remarks


def _remark(names: list[str], why: str) -> str:
    return f"{_names(names)}: {why}"


def _names(names: list[str]) -> str:
    names = list(dict.fromkeys(names))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED + 1 else ""
    return ", ".join(names[:NAMED] if more else names) + more


def _kind(lab: Lab, name: str) -> str:
    return next(cell.kind for cell in lab.cells if cell.id == name)


def _released(source: str) -> str:
    """What students see of a cell of the lab."""
    lines, hidden = [], False
    for line in source.split("\n"):
        hidden = hidden or BEGIN in line
        lines += [] if hidden else [line]
        hidden = hidden and END not in line
    return "\n".join(lines)


def _lines(source: str) -> list[str]:
    return [line.rstrip() for line in bare(source).splitlines()]


def _claims(cell: Cell, raw: Raw) -> list[str]:
    """What a submitted cell's metadata say that the lab's don't."""
    flags = cell.node.metadata.get("nbgrader", {})
    tags = cell.node.metadata.get("tags", [])
    changed = [name for name, value in raw.flags.items() if float(flags.get(name) or 0) != value]
    tried = [tag for tag in raw.tags if tag not in tags]
    return [*(f"its own {name}" for name in changed), *(f"tag {tag}" for tag in tried)]


def _raised(cells: list[Cell], outcome: Outcome) -> str:
    """What a test met that a cell of the student's raised, and where."""
    place = cells[outcome.at[0]] if outcome.at and outcome.at[0] < len(cells) else None
    if place is None or place.unanswered or not (place.added or place.kind in ("solution", "manual")):
        return ""
    return f"{outcome.kind} in {place.id or 'an added cell'}, line {outcome.at[1]}"


def _error_of(cell: Cell) -> str:
    """What a cell of the student's ended with."""
    names = [output.ename for output in cell.node.outputs if output.output_type == "error"]
    known = [name if _is_built_in(name) else UNKNOWN for name in names[:1]]
    return cell.node.metadata["rnncourse"].get("fault") or "".join(known)


def _is_built_in(name: str) -> bool:
    kind = getattr(builtins, name, None)
    return isinstance(kind, type) and issubclass(kind, BaseException)
