"""The house: what a module may import, by the contracts in pyproject.toml, which `make lint` checks."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def lint(folder):
    command = [Path(sys.executable).with_name("lint-imports"), "--no-logo", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def house(tmp_path):
    """A copy of the package that can be changed."""
    shutil.copytree(ROOT / "rnncourse", tmp_path / "rnncourse", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def test_the_contracts_are_kept():
    outcome = lint(ROOT)
    assert outcome.returncode == 0, outcome.stdout


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("grading/cell/student.py", "rnncourse.grading.judge.failure"),
        ("grading/judge/score.py", "rnncourse.grading.books.gradebook"),
        ("grading/judge/score.py", "rnncourse.grading.cell.walls"),
        ("grading/books/check.py", "rnncourse.grading.cell.sandbox"),
        ("grading/judge/grade.py", "torch"),
        ("grading/judge/notebook.py", "nbgrader"),
        ("grading/books/course.py", "rnncourse.layers"),
        ("layers.py", "rnncourse.grading.wire"),
        ("layers.py", "rnncourse.lstm"),
        ("lstm.py", "rnncourse.gru"),
        ("ssm/scan.py", "rnncourse.layers"),
    ],
)
def test_a_forbidden_import_is_refused_and_named(module, imported, house):
    path = house / "rnncourse" / module
    path.write_text(f"{path.read_text()}\n\ndef late():\n    import {imported}\n")
    outcome = lint(house)
    assert outcome.returncode == 1
    name = "rnncourse." + module.removesuffix(".py").replace("/", ".")
    assert f"{name} -> {imported}" in outcome.stdout


LOOPS = (ast.For, ast.AsyncFor, ast.comprehension)


@pytest.mark.parametrize("path", sorted((ROOT / "rnncourse").rglob("*.py")), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_a_loop_header_holds_at_most_five_names(path):
    for loop in (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, LOOPS)):
        names = [node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)]
        assert len(names) <= 5, f"{path}, line {loop.target.lineno}: {', '.join(names)}"
