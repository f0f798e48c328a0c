"""The experiments of the chapters: each still runs, and what is stored of it was measured with the settings that it has."""

import json
import runpy
import sys
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[1] / "book" / "experiments"
SCRIPTS = sorted(path for path in FOLDER.glob("*.py") if path.name not in ("stored.py", "sweep.py"))


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("TQDM_DISABLE", "1")
    yield
    torch.set_flush_denormal(False)  # a script switches it on, for the whole process


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_it_runs(script, monkeypatch, capsys):
    before = script.with_suffix(".json").read_bytes()
    monkeypatch.setattr(sys, "argv", [script.name, "--quick"])
    runpy.run_path(str(script), run_name="__main__")
    assert json.loads(capsys.readouterr().out)
    assert script.with_suffix(".json").read_bytes() == before


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_is_stored_is_what_it_measures(script):
    record = json.loads(script.with_suffix(".json").read_text())
    settings = runpy.run_path(str(script))["SETTINGS"]
    assert record["settings"] == json.loads(json.dumps(settings))
    assert record["command"] == f"python book/experiments/{script.name}"
    assert record["device"] and record["results"]
