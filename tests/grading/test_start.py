"""What a run does before it grades: two submissions wait for it as long as for the grading."""

import sqlite3
from contextlib import closing

from nbgrader.api import Gradebook

from rnncourse.grading.books.release import create_gradebook
from tests import stock


def schema(path):
    """Each table with its columns, their types and what must not be empty; and the version that nbgrader upgrades from."""
    with closing(sqlite3.connect(path)) as base:
        tables = [name for (name,) in base.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        columns = {name: [row[1:4] for row in base.execute(f"PRAGMA table_info('{name}')")] for name in tables}
        return columns, base.execute("SELECT version_num FROM alembic_version").fetchall()


def test_a_new_gradebook_is_the_one_that_nbgrader_makes(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", stock.environment()["PATH"])
    Gradebook(f"sqlite:///{tmp_path}/theirs.db").close()
    create_gradebook(f"sqlite:///{tmp_path}/ours.db")
    assert schema(tmp_path / "ours.db") == schema(tmp_path / "theirs.db")
    monkeypatch.setenv("PATH", "")  # nothing is left that it would start a program for
    with Gradebook(f"sqlite:///{tmp_path}/ours.db", "course") as gb:
        gb.add_student("ada")
    create_gradebook(f"sqlite:///{tmp_path}/ours.db")
    with Gradebook(f"sqlite:///{tmp_path}/ours.db", "course") as gb:
        assert [student.id for student in gb.students] == ["ada"]
