"""One warm engine for all tests: a worker of it, and `rnncourse grade` within the tests' own process."""

import json
import sys

import pytest
from click.testing import CliRunner

import rnncourse.grading.judge.engine as engines
from rnncourse.cli import main


@pytest.fixture(scope="session")
def warm_engine():
    engine = engines.Engine()
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def worker(warm_engine):
    """A worker of that engine."""
    worker = engines.Worker(warm_engine)
    yield worker
    worker.close()


class Lent:
    """An engine that nobody but its owner closes."""

    def __init__(self, engine):
        self.engine = engine

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def close(self):
        pass


@pytest.fixture
def grade(warm_engine, monkeypatch):
    """`grade(course, …)` runs the command in a course; the exit status, results by student, and what was said."""
    monkeypatch.setattr(engines, "Engine", lambda *_, **__: Lent(warm_engine))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def grade(course, *arguments):
        monkeypatch.chdir(course.folder)
        monkeypatch.syspath_prepend(course.folder)
        sys.modules.pop("late", None)  # a plug-in may have changed
        outcome = CliRunner().invoke(main, ["grade", "--json", *arguments])
        if outcome.exit_code not in (0, 3):
            return outcome.exit_code, {}, outcome.stderr
        results = {result["student"]: result for result in json.loads(outcome.stdout)}
        return outcome.exit_code, results, outcome.stderr

    return grade
