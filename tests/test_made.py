"""`rnncourse labs` makes what would come out anew, and nothing else."""

import pytest
from traitlets.config import Config

from rnncourse.grading.books.course import Made


@pytest.fixture
def course(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text("c = get_config()")
    for folder in ("solutions", "labs"):
        (tmp_path / folder / "one").mkdir(parents=True)
        (tmp_path / folder / "one" / "one.ipynb").write_text("{}")
    config = Config()
    config.CourseDirectory.source_directory = str(tmp_path / "solutions")
    config.CourseDirectory.release_directory = str(tmp_path / "labs")
    return tmp_path, config


def test_a_lab_is_current_once_it_was_made(course):
    folder, config = course
    made = Made(config, folder)
    assert not made.is_current("one")
    made.note("one")
    assert Made(config, folder).is_current("one"), "in the next run too"
    assert not Made(config, folder).is_current("two")


CHANGES = ["solutions/one/one.ipynb", "solutions/one/data.csv", "labs/one/one.ipynb", "nbgrader_config.py"]


@pytest.mark.parametrize("changed", CHANGES)
def test_a_change_makes_it_anew(course, changed):
    folder, config = course
    Made(config, folder).note("one")
    (folder / changed).write_text("changed")
    assert not Made(config, folder).is_current("one")


@pytest.mark.parametrize("text", ["", "[1]", '{"one": 3}', "not json"])
def test_a_spoilt_note_is_no_note(course, text):
    folder, config = course
    (folder / "labs" / ".made.json").write_text(text)
    assert not Made(config, folder).is_current("one")
