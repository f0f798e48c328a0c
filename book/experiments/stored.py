"""Experiments that take longer than a chapter may: run once by hand, their results stored beside the script.

A script `book/experiments/<word>_<what>.py` ends with `run(measure, SETTINGS, QUICK)`:

    python book/experiments/lstm_recall.py            measures with SETTINGS and writes lstm_recall.json
    python book/experiments/lstm_recall.py --quick    measures with QUICK instead and stores nothing: does it still run?

A chapter reads the results with `load`, and those of a sweep over rates and seeds with `best`:

    record = load("lstm_recall")
    found = best(record, model="LSTM, bias 1", lag=50)
    found.rate                        the learning rate that served this model best at this lag
    found.learnt, len(found.runs)     how many seeds learnt the task at that rate, of how many
    found.updates                     after how many updates each seed had learnt it; None for one that hadn't
    found.losses                      what each seed's loss was at the end
    found.values("accuracy")          anything else that was measured for each seed
    record["settings"]                rates, seeds, the budget in updates and all else that the script was run with
"""

import argparse
import inspect
import json
import math
import os
import platform
import time
from pathlib import Path
from typing import NamedTuple

import torch

from rnncourse.cost import processor

HERE = Path(__file__).parent


def run(measure, settings, quick):
    """Call `measure(**settings)` and store the JSON values that it returns, with all that is needed to repeat it.

    A measure of many parts takes `remember` as its first argument and calls it for each, `remember(part, lag=20)`: part()
    returns a list of dicts, the runs, which are stored at once with `lag=20` in each. Where the script was stopped and is
    started again, parts that are stored aren't measured a second time. What it remembers are the results.
    """
    script = Path(measure.__code__.co_filename)
    parser = argparse.ArgumentParser(description=measure.__globals__["__doc__"].partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="measure with tiny settings and store nothing")
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)  # numbers below 1e-38, which vanishing gradients reach, take a hundred times as long
    in_parts = "remember" in inspect.signature(measure).parameters
    if parser.parse_args().quick:
        memory = Memory()
        results = measure(memory.remember, **quick) if in_parts else measure(**quick)
        print(json.dumps(memory.results if in_parts else results, indent=1))
        return
    start, memory = time.perf_counter(), None
    if in_parts:
        memory = Memory(script.with_suffix(".part"), settings)
        measure(memory.remember, **settings)
        results, minutes = memory.results, memory.seconds / 60
    else:
        results = measure(**settings)
        minutes = (time.perf_counter() - start) / 60
    record = dict(
        command=f"python book/experiments/{script.name}",
        settings=settings,
        device=processor(),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        python=platform.python_version(),
        minutes=round(minutes, 1),
    )
    whole = script.with_suffix(".new")
    whole.write_text(dumps(record, results))
    os.replace(whole, script.with_suffix(".json"))  # an interrupted run leaves the old results
    if memory:
        memory.path.unlink()


def dumps(record, results):
    """The record as JSON; where the results are a list, each on a line of its own."""
    if not isinstance(results, list):
        return json.dumps(record | {"results": results}, indent=1) + "\n"
    head = json.dumps(record, indent=1).removesuffix("\n}")
    return head + ',\n "results": [\n' + ",\n".join("  " + json.dumps(r, allow_nan=False) for r in results) + "\n ]\n}\n"


class Memory:
    """What the parts of a measurement returned, in a file of one line a part where `path` is given.

    results: all runs so far. seconds: the processor time that they took.
    """

    def __init__(self, path=None, settings=None):
        self.path, self.results, self.seconds = path, [], 0.0
        first, self.known = json.dumps(settings), {}
        lines = path.read_text().splitlines() if path and path.exists() else []
        if lines[:1] == [first]:  # else it was measured with other settings
            self.known = {json.dumps(part["key"]): part for part in map(json.loads, lines[1:])}
        elif path:
            path.write_text(first + "\n")

    def remember(self, part, **key):
        """The runs that part() returns, each with `key` in it; from the file where it has them."""
        found = self.known.get(json.dumps(key))
        if found is None:
            start = time.process_time()
            runs = [key | run for run in part()]
            found = dict(key=key, seconds=time.process_time() - start, runs=runs)
            if self.path:
                with self.path.open("a") as file:
                    file.write(json.dumps(found, allow_nan=False) + "\n")
        self.results += found["runs"]
        self.seconds += found["seconds"]
        return found["runs"]


def load(name):
    """The stored record of an experiment: command, settings, device, threads, torch, python, minutes, results."""
    path = HERE / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"no results of the experiment {name}; make them with: python book/experiments/{name}.py")
    return json.loads(path.read_text())


class Best(NamedTuple):
    """The runs of one network at its best learning rate, one for each seed: see the head of this file."""

    rate: float
    runs: list[dict]

    @property
    def updates(self):
        return self.values("learnt")

    @property
    def learnt(self):
        return sum(updates is not None for updates in self.updates)

    @property
    def losses(self):
        """The mean loss over the last stretch of each training; infinite where it diverged."""
        return [math.inf if run["losses"][-1] is None else run["losses"][-1] for run in self.runs]

    def values(self, what):
        return [run[what] for run in self.runs]


def best(record, **setting):
    """The runs of a sweep that have this setting (`model="GRU", lag=50`), at the rate that did best.

    That is the rate at which most seeds learnt the task; of rates with all of them, the one whose slowest seed was the
    first to be done; else the one with the lowest mean loss at the end. No rate is chosen by what is measured on test data.

    Raises:
        ValueError: the record has no such runs.
    """
    runs = [run for run in record["results"] if all(key in run and run[key] == value for key, value in setting.items())]
    if not runs:
        raise ValueError(f"setting: got {setting}, of which {record['command']} has no run")
    rates = dict.fromkeys(run["rate"] for run in runs)
    return min((Best(rate, [run for run in runs if run["rate"] == rate]) for rate in rates), key=_order)


def _order(found):
    loss = sum(found.losses) / len(found.losses)
    slowest = max(found.updates) if found.learnt == len(found.runs) else math.inf
    return -found.learnt, slowest, math.inf if math.isnan(loss) else loss
