"""The experiments of the chapters: each still runs, and what is stored of it was measured with the settings that it has."""

import json
import runpy
import sys
from itertools import product
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
    before = stored_of(script)
    monkeypatch.setattr(sys, "argv", [script.name, "--quick"])
    runpy.run_path(str(script), run_name="__main__")
    assert json.loads(capsys.readouterr().out)
    assert stored_of(script) == before


def stored_of(script):
    path = script.with_suffix(".json")
    return path.read_text() if path.exists() else None


def record_of(script):
    stored = stored_of(script)
    assert stored is not None, f"not measured yet: python book/experiments/{script.name}"
    return json.loads(stored)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_what_is_stored_is_what_it_measures(script):
    record = record_of(script)
    settings = runpy.run_path(str(script))["SETTINGS"]
    assert record["settings"] == json.loads(json.dumps(settings))
    assert record["command"] == f"python book/experiments/{script.name}"
    assert record["device"] and record["results"]


SWEEPS = [path for path in SCRIPTS if "remember" in path.read_text()]
WITH_A_GOAL = [path for path in SWEEPS if '"solved"' in (stored_of(path) or "")]  # others train for a number of updates


@pytest.mark.parametrize("script", SWEEPS, ids=lambda path: path.stem)
def test_every_network_was_trained_at_every_rate_from_every_seed(script):
    record = record_of(script)
    settings, networks = record["settings"], {}
    for run in record["results"]:
        key = {name: run[name] for name in list(run)[: list(run).index("rate")]}  # what was swept stands before the rate
        networks.setdefault(json.dumps(key), []).append(run)
    for key, runs in networks.items():
        trained = [(run["rate"], run["seed"]) for run in runs]
        rates = sorted({run["rate"] for run in runs})
        assert sorted(trained) == sorted(product(rates, settings["seeds"])), key
        if "rates" in settings:  # else at the rate that another sweep found to be best
            allowed = settings["rates"]
            assert rates in (allowed.values() if isinstance(allowed, dict) else [allowed]) and len(rates) >= 3, key
    assert len(settings["seeds"]) >= 3


@pytest.mark.parametrize("script", WITH_A_GOAL, ids=lambda path: path.stem)
def test_what_counts_as_learnt_is_learnt_and_what_does_not_had_its_time(script):
    record = record_of(script)
    settings, ended = record["settings"], {}
    budget = settings["symbols"] if "symbols" in settings else settings["updates"]
    for run in record["results"]:
        key = json.dumps([run[name] for name in list(run)[: list(run).index("rate")]])
        took = settings["every"] * len(run["losses"])
        if "right" in run:
            done = run["right"][-1] > settings["solved"]
        else:
            done = run["losses"][-1] < settings["solved"] * run["guess"]
        assert run["learnt"] == (took if done else None)
        ended.setdefault(key, {}).setdefault(run["rate"], []).append((done, took))
    for rates in ended.values():
        whole = [seeds for seeds in rates.values() if all(done for done, _ in seeds)]
        first = min((max(took for _, took in seeds) for seeds in whole), default=budget)
        # a training that hasn't learnt goes on until some rate has learnt it from all seeds
        assert all(took == first for seeds in rates.values() for done, took in seeds if not done)
