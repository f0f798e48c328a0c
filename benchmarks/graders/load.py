"""What grading takes of the machine: seconds, processor time, memory; and what a lab's own cells take of it."""

import contextlib
import itertools
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import nbformat

from graders.commands import ROOT, done


def spent(commands: list[list], folder: Path, programs: Path | None = None) -> tuple[float, float]:
    """Seconds, and seconds of processor time with its children's, of commands one after the other."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    for command in commands:
        done(command, folder, programs)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def floor(lab: str, texts: dict[str, str]) -> float:
    """Milliseconds of processor time that a submission's own cells take, hidden tests among them."""
    code = """
import json, os, re, resource, sys
import matplotlib; matplotlib.use("Agg")
import matplotlib.pyplot as plt, numpy as np, torch
torch.set_num_threads(1)
torch.testing.assert_close(torch.ones(1), torch.ones(1))
plt.figure().canvas.draw(); plt.close()
spent = []
for cells in json.load(sys.stdin):
    pid = os.fork()
    if pid == 0:
        names = {"__name__": "__main__"}
        null = os.open(os.devnull, os.O_WRONLY); os.dup2(null, 1); os.dup2(null, 2)
        for source in cells:
            try:
                exec(compile(source, "cell", "exec"), names)
            except BaseException:
                pass
        for number in plt.get_fignums():
            plt.figure(number).savefig(os.devnull, format="png")
        os._exit(0)
    usage = os.wait4(pid, 0)[2]
    spent.append(usage.ru_utime + usage.ru_stime)
print(json.dumps(spent))
"""
    source = nbformat.read(ROOT / "solutions" / lab / f"{lab}.ipynb", as_version=4)
    tests = {c.metadata.nbgrader.grade_id: c.source for c in source.cells if c.metadata.get("nbgrader", {}).get("grade")}
    submissions = []
    for text in texts.values():
        cells = [cell for cell in nbformat.reads(text, as_version=4).cells if cell.cell_type == "code"]
        names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in cells]
        last = max(i for i, name in enumerate(names) if name in tests)  # neither side needs what comes after it
        cells, names = cells[: last + 1], names[: last + 1]
        sources = [tests.get(name, cell.source) for name, cell in zip(names, cells, strict=True)]
        submissions.append(["\n".join(x for x in s.split("\n") if not x.lstrip().startswith("%")) for s in sources])
    with tempfile.TemporaryDirectory() as folder:
        for path in (ROOT / "labs" / lab).iterdir():
            if path.suffix != ".ipynb":
                shutil.copy(path, folder)
        outcome = subprocess.run(
            [sys.executable, "-c", code], input=json.dumps(submissions), capture_output=True, text=True, cwd=folder, check=True
        )
    return 1e3 * statistics.mean(json.loads(outcome.stdout))


class Watch(threading.Thread):
    """Watches the workers: how much memory they take, their share of pages that several map, and what no parent is told of,
    the processor time behind bubblewrap."""

    def __init__(self):
        super().__init__(daemon=True)
        self.peak, self.seconds, self.over = 0, {}, threading.Event()

    def run(self):
        for look in itertools.count():
            if self.over.wait(0.1):
                return
            workers = self.workers()
            if look % 20 == 0:  # to add up pages takes milliseconds, and holds the process up
                self.peak = max(self.peak, sum(map(self.share, workers)))
            for process in workers:
                with contextlib.suppress(OSError):
                    if b"rnncourse.grading.cell.server" in (process / "cmdline").read_bytes():
                        ticks = (process / "stat").read_bytes().rpartition(b")")[2].split()[11:15]
                        self.seconds[process] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def behind_walls(self) -> float:
        """Seconds of processor time since the last call."""
        total = sum(self.seconds.values())
        self.seconds.clear()
        return total

    @staticmethod
    def workers() -> list[Path]:
        """The processes of workers and their sandboxes: scoring and students' processes are forks of those."""
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with contextlib.suppress(OSError):
                if b"rnncourse.grading." in path.read_bytes():
                    found.append(path.parent)
        return found

    @staticmethod
    def share(process: Path) -> int:
        with contextlib.suppress(OSError, StopIteration):
            lines = (process / "smaps_rollup").read_text().splitlines()
            return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
        return 0
