"""Experiments that take longer than a chapter may: run once by hand, their results stored beside the script.

A script `book/experiments/<word>_<what>.py` ends with `run(measure, SETTINGS, QUICK)`:

    python book/experiments/lstm_memory.py            measures with SETTINGS and writes lstm_memory.json
    python book/experiments/lstm_memory.py --quick    measures with QUICK instead and stores nothing: does it still run?

A chapter reads the results with `load("lstm_memory")`.
"""

import argparse
import json
import os
import time
from pathlib import Path

import torch

from rnncourse.cost import processor

HERE = Path(__file__).parent


def run(measure, settings, quick):
    """Call `measure(**settings)` and store the JSON values that it returns, with all that is needed to repeat it."""
    script = Path(measure.__code__.co_filename)
    parser = argparse.ArgumentParser(description=measure.__globals__["__doc__"].partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="measure with tiny settings and store nothing")
    if parser.parse_args().quick:
        print(json.dumps(measure(**quick), indent=1))
        return
    start = time.perf_counter()
    results = measure(**settings)
    record = dict(
        command=f"python book/experiments/{script.name}",
        settings=settings,
        device=processor(),
        threads=torch.get_num_threads(),
        torch=torch.__version__,
        minutes=round((time.perf_counter() - start) / 60, 1),
        results=results,
    )
    part = script.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n")
    os.replace(part, script.with_suffix(".json"))  # an interrupted run leaves the old results


def load(name):
    """The stored record of the experiment `name`: command, settings, device, threads, torch, minutes, results."""
    path = HERE / f"{name}.json"
    if not path.exists():
        raise FileNotFoundError(f"no results of the experiment {name}; make them with: python book/experiments/{name}.py")
    return json.loads(path.read_text())
