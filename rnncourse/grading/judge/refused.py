"""Which of a student's cells are not run, for what the lab forbids: the search in the source."""

import contextlib
import functools
import traceback

from rnncourse.grading.judge.cells import compiled
from rnncourse.grading.judge.clock import clock
from rnncourse.grading.judge.conversation import OverTime
from rnncourse.grading.judge.source import Search, parsed

UNSEARCHED = "the cell can't be searched for what this lab forbids"


def refused(job: dict) -> dict[int, str | dict]:
    """What comes of a student's cell that is not run, by index: why, where it uses what the lab forbids, or
    can't be searched for that; the error's output, where it is no Python.
    """
    if not job["forbid"]:
        return {}
    search, reasons, nodes = prepare(job).copy(), {}, {}

    def each(cells: dict, step) -> None:
        for index, cell in cells.items():
            try:
                with clock(job["timeout"]):
                    step(index, cell)
            except SyntaxError as error:
                error.filename = "the cell"
                text = "".join(traceback.format_exception_only(error)).rstrip()
                output = {
                    "ename": type(error).__name__,
                    "evalue": str(error),
                    "traceback": text.splitlines(),
                }
                reasons[index] = {"output_type": "error", **output}
            except OverTime:
                reasons[index] = f"{UNSEARCHED}: that takes over {job['timeout']:g} s"
            except Exception as error:
                reasons[index] = f"{UNSEARCHED}: {type(error).__name__}"

    def learn(index: int, cell: dict) -> None:
        nodes[index] = search.learn(parsed(cell["source"]))

    def find(index: int, cell: dict) -> None:
        if rule := search.find(nodes[index]):
            reasons[index] = f"this lab forbids {rule}: write it yourself"

    theirs = {i: c for i, c in enumerate(job["cells"]) if c["is_code"] and c["kind"] in _THEIRS}
    each(theirs, learn)
    each({i: c for i, c in theirs.items() if i not in reasons}, find)
    return reasons


def prepare(job: dict) -> Search:
    """What the search for a job starts from, once for all the processes that are forked from this one."""
    return _searching(*_to_search(job))


_THEIRS = ("solution", "added", "manual")


def _to_search(job: dict) -> tuple[tuple, tuple]:
    """What the lab forbids, and the sources of its own cells before the last of a student's."""
    cells = [cell for cell in job["cells"] if cell["is_code"]] if job["forbid"] else []
    last = max((i for i, cell in enumerate(cells) if cell["kind"] in _THEIRS), default=-1)
    return tuple(job["forbid"]), tuple(c["source"] for c in cells[:last] if c["kind"] == "instructor")


@functools.lru_cache(8)
def _searching(rules: tuple[str, ...], sources: tuple[str, ...]) -> Search:
    """A search that knows what the lab's own cells bind."""
    search = Search(rules)
    for source in sources:
        with contextlib.suppress(Exception):  # the lab's own, which are run all the same
            search.learn(compiled(source, "<lab>")[0])
    return search
