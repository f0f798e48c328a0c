"""A worker: one warm trusted process, which forks a `score.run` for each notebook, and the sandbox beside it."""

import contextlib
import gc
import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from rnncourse.grading import forbid, score
from rnncourse.grading.failure import without_hidden
from rnncourse.grading.notebook import Cell
from rnncourse.grading.sandbox import ENVIRONMENT, NoIsolation, Sandbox

LIMITS = {"memory": 2 << 30, "cpu": 60.0, "processes": 32, "files": 64, "size": 32 << 20}
NOTEBOOK = 5  # times the time of a cell: the time of a notebook
RUNS = 2  # of a notebook, at most
GRACE = 15  # seconds more before a scoring process itself is ended


class WorkerEnded(RuntimeError):
    """The worker died, of the machine's lack of memory for one."""


class Worker:
    """The parent's handle of one worker process."""

    def __init__(self, hidden: tuple[Path, ...] = (), isolated: bool = True, cwd: Path | None = None):
        self.options = json.dumps({"hidden": [str(path) for path in hidden], "isolated": isolated, "cwd": cwd and str(cwd)})
        self.start()

    def start(self) -> None:
        execution = "autograde" if json.loads(self.options)["cwd"] is None else "validate"  # labs written for nbgrader ask
        environment = os.environ | ENVIRONMENT | {"NBGRADER_EXECUTION": execution, "MPLBACKEND": "Agg"}
        path = [str(Path(__file__).parents[2]), *filter(None, [environment.get("PYTHONPATH")])]
        environment["PYTHONPATH"] = os.pathsep.join(path)
        command = [sys.executable, "-m", "rnncourse.grading.worker", self.options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)

    def wait(self) -> None:
        """Until it can work.

        Raises:
            NoIsolation: students' code can't be isolated on this machine.
        """
        self._ask(b"\n")

    def run(self, cells: list[Cell], forbid=(), files=None, seed: int | None = None, timeout: float = 20.0):
        """Run a notebook; the results are `score.run`'s for each code cell that was reached, by its index.

        Returns two dicts, of the run for the scores and of that for what the student reads.

        Raises:
            NoIsolation: see above.
            WorkerEnded: it did; the next run starts another.
        """
        job = {
            "cells": [
                {name: getattr(c, name) for name in ("kind", "id", "source", "points", "defines", "imports", "is_code")}
                for c in cells
            ],
            "forbid": list(forbid), "files": files or {}, "seed": seed, "limits": LIMITS,
            "timeout": timeout, "notebook_timeout": NOTEBOOK * timeout,
        }  # fmt: skip
        if self.process.poll() is not None:
            self.start()
        results = {True: {}, False: {}}
        for result in self._ask(json.dumps(job).encode() + b"\n"):
            results[result["shown"]][result["index"]] = result
        return results[False], results[True]

    def _ask(self, line: bytes) -> list[dict]:
        try:
            self.process.stdin.write(line)
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            self.process.wait()
            raise WorkerEnded("the grading process ended")
        reply = json.loads(line)
        if "error" in reply:
            raise NoIsolation(reply["error"])
        return reply["results"]

    def close(self) -> None:
        """End it and its sandbox."""
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()


def main() -> None:
    options = json.loads(sys.argv[1])
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sandbox, error = None, None
    try:
        sandbox = _sandbox(options)
        _warm()
        sandbox.wait()
    except NoIsolation as reason:
        error = str(reason)
    for line in sys.stdin:
        results, ended_well = [], True
        if line.strip() and not error:
            job = json.loads(line)
            if sandbox.rules not in (None, job["forbid"]):
                sandbox = _another(sandbox, options)
            sandbox.rules = job["forbid"]
            results, ended_well = _run(job, sandbox)
        replies.write(json.dumps({"error": error} if error else {"results": results}) + "\n")
        replies.flush()
        if not ended_well:  # nobody knows what was said between those two
            sandbox = _another(sandbox, options)
    if sandbox:
        sandbox.close()


def _sandbox(options: dict) -> Sandbox:
    return Sandbox(options["isolated"], tuple(map(Path, options["hidden"])), options["cwd"] and Path(options["cwd"]))


def _another(sandbox: Sandbox, options: dict) -> Sandbox:
    sandbox.close()
    sandbox = _sandbox(options)
    sandbox.wait()  # here, for a fork's knowledge that it is ready dies with the fork
    return sandbox


def _warm() -> None:
    with contextlib.suppress(ImportError):
        import matplotlib.pyplot  # noqa: F401
    with contextlib.suppress(ImportError):
        import torch

        torch.set_num_threads(1)
        torch.testing.assert_close(torch.ones(1), torch.ones(1))  # the first call imports for half a second
    import numpy.testing  # noqa: F401

    gc.collect()
    gc.freeze()


def _run(job: dict, sandbox: Sandbox) -> tuple[list[dict], bool]:
    """Score in a fork; the results it gave, which count when it ends badly too, and whether it ended well."""
    forbid.module_files(tuple(job["forbid"]))  # these two are remembered for the next submission
    for cell in job["cells"]:
        if cell["kind"] in ("instructor", "test"):
            for source in {cell["source"]: None, without_hidden(cell["source"]): None}:
                with contextlib.suppress(SyntaxError):
                    score.compiled(source, "<test>" if cell["kind"] == "test" else "<lab>")
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            gc.disable()  # it does not live long enough
            os.close(read)
            own_errors = os.dup(2)
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):  # a test may print what it likes
                os.dup2(null, stream)
            with open(write, "w") as out:
                score.run(job, sandbox, lambda result: print(json.dumps(result), file=out, flush=True))
            os._exit(0)
        except BaseException:
            os.write(own_errors, traceback.format_exc().encode())
        finally:
            os._exit(1)
    os.close(write)
    end = time.monotonic() + RUNS * job["notebook_timeout"] + GRACE
    data = b""
    while select.select([read], [], [], max(0.0, end - time.monotonic()))[0]:
        part = os.read(read, 1 << 16)
        if not part:
            break
        data += part
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(read)
    _, status = os.waitpid(pid, 0)
    return [json.loads(line) for line in data.split(b"\n")[:-1]], status == 0


if __name__ == "__main__":
    main()
