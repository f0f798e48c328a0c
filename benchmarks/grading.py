"""What grading costs: stock `nbgrader autograde` and this course's engine on the same submissions of one lab.

    python benchmarks/grading.py                  40 submissions of the recurrence lab; results/grading.json
    python benchmarks/grading.py --no-stock       without the minutes that stock nbgrader takes; nothing is stored

Both grade the same files into gradebooks of their own, and every cell must get the same score. Stock nbgrader grades one
submission after the other; ours uses a worker for each core. What a submission costs is the difference between grading
these and four times as many, so that the start of the workers does not count; the floor is the lab's own computing: its
cells, run once as plain Python in a fork of a process that has imported torch.
"""

import argparse
import contextlib
import itertools
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from importlib.metadata import version
from pathlib import Path

import nbformat
from tqdm import tqdm

from rnncourse.cost import processor
from rnncourse.grading.books.course import course_config
from rnncourse.grading.books.release import register

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from tests import stock  # noqa: E402
from tests.mistakes import submission  # noqa: E402
from tests.mistakes.recurrence import MISTAKES  # noqa: E402

LAB, TIMES, PERFECT = "recurrence", 4, 10


def class_of(size: int) -> dict[str, str]:
    """So many students' notebooks: a quarter without a mistake, the others with one each, from the whole catalogue."""
    perfect = min(PERFECT, size // 4)
    step = len(MISTAKES) / (size - perfect)
    wrong = [[MISTAKES[int(i * step)]] for i in range(size - perfect)]
    notebooks = [submission(LAB, mistakes) for mistakes in [[]] * perfect + wrong]
    return {f"student-{i:02d}": nbformat.writes(nb) for i, nb in enumerate(notebooks)}


def spent(command: list, folder: Path) -> tuple[float, float]:
    """Seconds and seconds of processor time, its children's included, of a command."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    outcome = subprocess.run(list(map(str, command)), cwd=folder, env=stock.environment(), capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if outcome.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit status {outcome.returncode}\n{outcome.stderr[-3000:]}")
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ours(texts: dict[str, str], folder: Path, workers: int):
    """Grade with `rnncourse grade`."""
    stock.hand_in(folder, LAB, texts)
    register(course_config(ROOT, folder), LAB)  # stock nbgrader has generated the lab before, too
    command = [sys.executable, "-c", "from rnncourse.cli import main; main()"]
    command += ["grade", LAB, "--course", folder, "--workers", workers, "--json"]
    return spent(command, ROOT), stock.scores(folder, LAB, texts)


def floor(texts: dict[str, str]) -> float:
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
    source = nbformat.read(ROOT / "solutions" / LAB / f"{LAB}.ipynb", as_version=4)
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
        for path in (ROOT / "labs" / LAB).iterdir():
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--size", type=int, default=40, help="submissions")
    parser.add_argument("--rounds", type=int, default=3, help="of ours; the median counts")
    parser.add_argument("--no-stock", action="store_true")
    arguments = parser.parse_args()
    texts = class_of(arguments.size)
    many = {f"{student}-{i}": text for i in range(TIMES) for student, text in texts.items()}
    workers = len(os.sched_getaffinity(0))
    watch = Watch()
    watch.start()
    runs, large_runs = [], []
    for _ in tqdm(range(arguments.rounds), desc="ours", unit="round"):
        for some, kept in ((many, large_runs), (texts, runs)):
            with tempfile.TemporaryDirectory() as folder:
                (wall, cpu), given = ours(some, Path(folder), workers)
                kept.append((wall, cpu + watch.behind_walls()))
    watch.over.set()
    (wall, cpu), (large_wall, large_cpu) = (map(statistics.median, zip(*kept, strict=True)) for kept in (runs, large_runs))
    more = len(many) - len(texts)
    each, own = 1e3 * (large_cpu - cpu) / more, floor(texts)
    result = {
        "command": f"python benchmarks/grading.py --size {arguments.size} --rounds {arguments.rounds}",
        "device": processor(), "cores": workers, "python": platform.python_version(), "nbgrader": version("nbgrader"),
        "submissions": len(texts), "seconds": round(wall, 2), "per_second": round(len(texts) / wall, 2),
        "per_second_when_warm": round(more / (large_wall - wall), 1),
        "processor_ms": round(each, 1), "floor_ms": round(own, 1), "above_floor_ms": round(each - own, 1),
        "memory_mb_per_worker": round(watch.peak / workers / 1e6),
    }  # fmt: skip
    if not arguments.no_stock:
        print(f"stock nbgrader: {len(texts)} submissions, one after the other …", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            stock_wall, _ = spent(stock.course(Path(folder), LAB, texts), Path(folder))
            expected = stock.scores(Path(folder), LAB, texts)
        different = {student for student in texts if given[student] != expected[student]}
        result |= {
            "stock_seconds": round(stock_wall, 1), "stock_per_second": round(len(texts) / stock_wall, 3),
            "ratio": round(stock_wall / wall, 1), "different_scores": len(different),
        }  # fmt: skip
    print(json.dumps(result, indent=1))
    if not arguments.no_stock:
        target = ROOT / "benchmarks" / "results" / "grading.json"
        target.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
