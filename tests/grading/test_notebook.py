"""What is rebuilt from a submission: the sources of solution and added cells, each at its place, and nothing else."""

import json

import nbformat
import pytest

from rnncourse.grading.judge.notebook import Lab
from rnncourse.grading.judge.submitted import MAX_CELLS, Raw, Unreadable, parse
from tests.grading.course import HONEST, lab

LAB = Lab(lab())


def rebuilt(*raws):
    """Kinds and sources of the cells that run."""
    return [(cell.kind, cell.source) for cell in LAB.rebuild(list(raws))]


def source(name, cells):
    return next(cell.source for cell in cells if cell.id == name)


def test_a_missing_solution_is_as_released():
    cells = LAB.rebuild([Raw("code", "", "mean", HONEST["mean"])])
    assert source("mean", cells) == HONEST["mean"]
    assert source("double", cells) == source("double", LAB.cells)
    assert [cell.unanswered for cell in cells if cell.kind == "solution"] == [True, False, True]


def test_a_missing_solution_does_not_hide_an_answer_in_an_added_cell():
    cells = LAB.rebuild([Raw("code", "", "", HONEST["double"] + "\n\n" + HONEST["mean"])])
    assert [source(name, cells) for name in ("double", "mean")] == ["", ""]
    assert source("rnn", cells) == source("rnn", LAB.cells)


def test_the_last_of_several_answers_counts_and_the_others_are_added():
    cells = LAB.rebuild([Raw("code", "", "double", "first"), Raw("code", "", "double", "last")])
    assert source("double", cells) == "last"
    assert [cell.source for cell in cells if cell.kind == "added"] == ["first"]


@pytest.mark.parametrize("name", ["double_visible", "double_hidden", "setup", "mean_test"])
def test_what_a_student_writes_in_a_cell_of_the_lab_is_dropped(name):
    assert rebuilt(Raw("code", "", name, "print('mine')")) == rebuilt()


def test_added_cells_come_after_the_cell_they_stood_behind():
    cells = LAB.rebuild([Raw("code", "", "", "first"), Raw("code", "", "mean", "m"), Raw("code", "x", "", "second")])
    sources = [cell.source for cell in cells]
    assert sources[0] == "first"
    assert sources[sources.index("m") + 1] == "second"


def test_an_edited_cell_of_the_lab_runs_after_the_original():
    sources = [cell.source for cell in LAB.rebuild([Raw("code", "plain", "", "scale = 4")])]
    assert sources[sources.index("scale = 3") + 1] == "scale = 4"
    same = LAB.rebuild([Raw("code", "plain", "", "scale = 3")])
    assert [cell.source for cell in same] == [cell.source for cell in LAB.cells]


def test_order_and_metadata_of_a_submission_do_not_count():
    answers = [Raw("code", "", name, text) for name, text in HONEST.items()]
    assert rebuilt(*answers) == rebuilt(*reversed(answers))
    assert rebuilt(Raw("markdown", "", "double", "2 * x"))[2] == ("solution", "2 * x")


def test_a_rebuilt_notebook_is_valid_and_does_not_tell_what_was_released():
    nb = LAB.notebook(LAB.rebuild([Raw("code", "", "", "1")]))
    nbformat.validate(nb)
    assert "released" not in nbformat.writes(nb)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"{", "^expecting property name enclosed in double quotes in line 1, column 2$"), (b"[]", "no object"),
        (b'{"cells":\n ["cut', "^unterminated string in line 2, column 3$"), (b"{}", "no cells"),
        (b"\xff\xfe{\x00}\x00", "^not UTF-8 from byte 0 on$"), (b"[" * 100_000, "^nested too deep$"),
        (b"[" + b"1" * 5000 + b"]", "^numbers too long to read$"),
        (json.dumps({"cells": [{}] * (MAX_CELLS + 1)}).encode(), "cells"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_notebook_are_refused_with_a_reason(data, why):
    with pytest.raises(Unreadable, match=why):
        parse(data)


def test_malformed_cells_are_passed_over():
    cells = [None, 3, {"source": 5}, {"metadata": 7, "source": ["a", 1, "b"], "cell_type": "code"}]
    assert parse(json.dumps({"cells": cells}).encode()) == [Raw("code", "", "", "ab")]


def old(version, sheets, **more):
    return json.dumps({"nbformat": version, "nbformat_minor": 0, "metadata": {}, "worksheets": sheets, **more}).encode()


def task(name, words, **more):
    flags = {"grade_id": name, "solution": True}
    return {"cell_type": "code", "metadata": {"nbgrader": flags}, "input": words, "outputs": [], "language": "python",
            "collapsed": False, **more}  # fmt: skip


PYOUT = {"output_type": "pyout", "text": ["1"], "prompt_number": 1}
PYERR = {"output_type": "pyerr", "ename": "E", "evalue": "", "traceback": []}
HEADING = {"cell_type": "heading", "level": 2, "source": ["My\n", "answer"], "metadata": {}}
FORMATS = {
    "two worksheets": old(3, [{"cells": [task("double", "a\n")]}, {"cells": [task("mean", ["b\n", "c"])]}]),
    "an empty worksheet": old(3, [{"cells": []}, {"cells": [task("double", "a\n"), task("mean", "b\nc", prompt_number=3)]}]),
    "a heading": old(3, [{"cells": [HEADING, task("double", "a\n"), task("mean", "b\nc")]}], orig_nbformat=2),
    "input and source": old(3, [{"cells": [task("double", "a\n", source="no"), task("mean", "b\nc")]}]),
    "pyout": old(3, [{"cells": [task("double", "a\n", outputs=[PYOUT]), task("mean", "b\nc", outputs=[PYERR])]}]),
    "format 2, lines without ends": old(2, [{"cells": [task("double", ["a", ""]), task("mean", ["b", "c"])]}]),
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_an_old_notebook_is_read_as_nbformat_converts_it(name):
    data = FORMATS[name]
    theirs = nbformat.convert(nbformat.reader.reads(data.decode()), 4)
    ours = parse(data)
    assert [(raw.cell_type, raw.source) for raw in ours] == [(cell.cell_type, cell.source) for cell in theirs.cells]
    assert [raw.source for raw in ours if raw.grade_id] == ["a\n", "b\nc"]


@pytest.mark.parametrize("minor", range(6))
def test_minor_versions_and_cells_without_ids_or_with_the_same_read_alike(minor):
    nb = nbformat.from_dict(lab())
    for number, cell in enumerate(nb.cells):
        cell.metadata.get("nbgrader", {}).pop("schema_version", None)
        if "nbgrader" in cell.metadata and minor < 4:
            cell.metadata.nbgrader.schema_version = minor  # nbgrader's own has had four
        if minor < 5:
            cell.pop("id")
        elif number:
            cell.id = "same"
        if "nbgrader" in cell.metadata and cell.metadata.nbgrader.solution:
            cell.source = HONEST[cell.metadata.nbgrader.grade_id]
    nb.nbformat_minor = minor
    cells = LAB.rebuild(parse(json.dumps(nb).encode()))
    assert {name: source(name, cells) for name in HONEST} == HONEST
    assert not [cell for cell in cells if cell.added]


def test_text_that_a_student_added_or_edited_is_kept_and_what_editors_change_is_not():
    mine = [Raw("markdown", "", "", "My words."), Raw("raw", "", "", "raw"), Raw("markdown", "title", "", "# A small lab: me")]
    assert [cell.source for cell in LAB.rebuild(mine) if cell.added] == ["My words.", "raw", "# A small lab: me"]
    same = [Raw("markdown", "title", "", "# A small lab\r\n"), Raw("markdown", "", "", " ")]
    assert not [cell for cell in LAB.rebuild(same) if cell.added]
