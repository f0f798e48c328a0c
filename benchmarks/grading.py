"""What grading costs: `rnncourse grade`, nbgrader as it comes, and other graders, on the same submissions.

    python benchmarks/grading.py                  writes results/grading.json and .svg; about ten minutes
    python benchmarks/grading.py --no-stock       for the eye: without nbgrader, and nothing is stored
    python benchmarks/grading.py --peers BIN      with otter-grader and mograder, whose programs are in the folder BIN; they
                                                  bring much with them: `pip install otter-grader ipykernel mograder uv numpy`
                                                  in an environment of its own
    python benchmarks/grading.py --cold 1000      a size that takes nbgrader half an hour

**Cold** is a whole command, the start included: for so many submissions of the recurrence lab, new ones, and for one student
*again*. **Warm** is ours alone, for nbgrader starts anew with each notebook: everything is imported and the engine is up, and
so many submissions are graded, gradebook and feedback included. A submission's own time, the median and the 99th percentile,
is what one worker takes for it; nbgrader's is the time from one autograded notebook to the next. Ours and mograder use all
cores. Every cell must get the same score from all, but for those of our lab that depend on an earlier task: there ours counts
a mistake once (`uses` in their metadata), which nbgrader can't.

What a submission costs in processor time is the difference between many and a few, so that the start doesn't count; the
floor is the lab's own computing: its cells, run once as plain Python in a fork of a process that has its imports.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import matplotlib.pyplot as plt
import nbformat
from tqdm import tqdm

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]
from graders import small  # noqa: E402
from graders.commands import Ours, Stock, peers  # noqa: E402
from graders.load import Watch, floor, spent  # noqa: E402

from rnncourse.cost import processor  # noqa: E402
from rnncourse.grading.books.copies import lab_of  # noqa: E402
from rnncourse.grading.books.course import course_config, own_folders  # noqa: E402
from rnncourse.grading.books.report import grade_all  # noqa: E402
from rnncourse.grading.books.state import state_of  # noqa: E402
from rnncourse.grading.books.tables import Gradebook  # noqa: E402
from rnncourse.grading.judge.engine import Engine, Worker  # noqa: E402
from rnncourse.grading.judge.grade import grade  # noqa: E402
from rnncourse.grading.judge.libraries import mentioned  # noqa: E402
from rnncourse.grading.judge.submitted import HandedIn  # noqa: E402
from tests.mistakes import submission  # noqa: E402
from tests.mistakes.recurrence import MISTAKES  # noqa: E402

LAB = "recurrence"
SOURCE = ROOT / "solutions" / LAB
FEW, MANY = 40, 160  # for what one costs
RESULT = ROOT / "benchmarks" / "results" / "grading"


def class_of(size: int) -> dict[str, str]:
    """So many students' notebooks: a quarter without a mistake, the others with one each, from the whole catalogue."""
    perfect = min(10, size // 4)
    chosen = [[], *([mistake] for mistake in MISTAKES)]
    texts = [nbformat.writes(submission(LAB, mistakes)) for mistakes in chosen]
    wrong = [1 + i * len(MISTAKES) // (size - perfect) for i in range(min(size - perfect, FEW))]
    order = ([0] * perfect + wrong) * (1 + size // max(1, len(wrong)))
    return {f"student-{i:04d}": texts[kind] for i, kind in enumerate(order[:size])}


def independent() -> list[str]:
    """The graded cells whose points depend on no task before theirs."""
    cells = nbformat.read(SOURCE / f"{LAB}.ipynb", as_version=4).cells
    graded = [cell.metadata for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]
    return [flags.nbgrader.grade_id for flags in graded if not flags.get("rnncourse", {}).get("uses")]


def cold(grader, sizes: Iterable[int], rounds: int) -> tuple[dict[str, float], dict, list[float]]:
    """Seconds of a whole command by size, and for one student again; the scores of the largest class; and the seconds from
    one graded notebook to the next.
    """
    seconds, scores, steps = {}, {}, []
    for size in tqdm(sorted(sizes), desc=f"{grader.name}, cold", unit="size"):
        kept, again = [], []
        for _ in range(rounds if size <= FEW // 2 or grader.name != "nbgrader" else 1):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                grader.prepare(folder, SOURCE, class_of(size))
                kept.append(spent(grader.commands(), folder)[0])
                scores = grader.scores(folder)
                written = sorted(path.stat().st_mtime for path in (folder / "autograded").glob("*/*/*.ipynb"))
                steps = [after - before for before, after in itertools.pairwise(written)]
                if size == min(sizes):
                    again.append(spent(grader.again(next(iter(scores))), folder)[0])
        seconds[str(size)] = statistics.median(kept)
        if again:
            seconds["again"] = statistics.median(again)
    return seconds, scores, steps


def warm(sizes: Iterable[int]) -> tuple[dict[str, float], list[float]]:
    """Seconds of so many submissions where everything is up, and of each by itself."""
    texts, cores = class_of(max(sizes)), len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        Ours().prepare(folder, SOURCE, texts)
        config = course_config(folder, folder)
        notebook = folder / "solutions" / LAB / f"{LAB}.ipynb"
        engine = Engine(own_folders(folder), libraries=mentioned(notebook))
        with closing(engine):
            state = state_of(config, folder, [LAB])
            tasks, seconds = state.to_do, {}
            list(grade_all(config, tasks[:cores], state.received, engine, cores, None))  # what is imported once is imported
            for size in tqdm(sorted(sizes), desc="rnncourse, warm", unit="size"):
                start = time.perf_counter()
                list(grade_all(config, tasks[:size], state.received, engine, min(cores, size), None))
                seconds[str(size)] = time.perf_counter() - start
            with Gradebook(config.CourseDirectory.db_url) as gb:
                lab = lab_of(config, gb, LAB)[LAB]
            worker, each = Worker(engine), []
            with closing(worker):
                for seed, (student, text) in enumerate(tqdm(texts.items(), desc="each by itself", unit="submission")):
                    handed_in = HandedIn(student, LAB, notebook.name, text.encode(), "", {})
                    start = time.perf_counter()
                    grade(worker, lab, handed_in, seed, 20)
                    each.append(time.perf_counter() - start)
    return seconds, each[1:]  # the first has met a worker that wasn't there yet


def cost(rounds: int) -> dict[str, float]:
    """What a submission takes of processors and memory, and what of it is the lab's own."""
    watch, runs = Watch(), {FEW: [], MANY: []}
    watch.start()
    for size in tqdm([MANY, FEW] * rounds, desc="processor time", unit="run"):
        with tempfile.TemporaryDirectory() as name:
            ours = Ours()
            ours.prepare(Path(name), SOURCE, class_of(size))
            watch.behind_walls()
            runs[size].append(spent(ours.commands(), Path(name))[1] + watch.behind_walls())
    watch.over.set()
    each = 1e3 * (statistics.median(runs[MANY]) - statistics.median(runs[FEW])) / (MANY - FEW)
    own = floor(LAB, class_of(FEW))
    memory = watch.peak / len(os.sched_getaffinity(0)) / 1e6
    figures = {"processor_ms": each, "floor_ms": own, "above_floor_ms": each - own, "memory_mb_per_worker": memory}
    return {name: round(value, 1) for name, value in figures.items()}


def short_answers(size: int, programs: Path) -> dict:
    """Every grader that is there, cold, on so many submissions of a lab of three short answers."""
    classes, seconds, points = small.answers(size), {}, {}
    others = peers(programs)
    for grader in tqdm([Ours(), Stock(), *others], desc=f"{size} short answers", unit="grader"):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if grader in others:
                grader.prepare(folder, classes)
            else:
                source = folder / "sources" / small.LAB
                source.mkdir(parents=True)
                nbformat.write(small.for_nbgrader(small.REFERENCE, marked=True), source / f"{small.LAB}.ipynb")
                texts = {student: nbformat.writes(small.for_nbgrader(answer)) for student, answer in classes.items()}
                grader.prepare(folder, source, texts)
            seconds[grader.name] = round(spent(grader.commands(), folder, grader.programs)[0], 2)
            points[grader.name] = grader.scores(folder)
    for name, found in points.items():
        if found != points["nbgrader"]:
            wrong = [student for student in classes if found.get(student) != points["nbgrader"][student]]
            sys.exit(f"{name} gives other points than nbgrader to {', '.join(wrong)}")
    known = {peer.name: of_environment(programs, peer.name) for peer in others}
    return {"submissions": size, "cold_seconds": seconds, "versions": known}


def of_environment(programs: Path, package: str) -> str:
    """The version of a package in the environment that has these programs."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([programs / "python", "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def percentiles(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    if len(seconds) < 2:
        return {}
    at = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"median": round(1e3 * at[49], 1), "99th percentile": round(1e3 * at[98], 1), "of": len(seconds)}


def draw(result: dict, path: Path) -> None:
    """Left, seconds by number of submissions, cold and warm; right, the short answers."""
    fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
    lines = [("rnncourse, cold", result["cold_seconds"]["rnncourse"], "o-", "#2b6cb0")]
    lines += [("rnncourse, warm", result["warm_seconds"], "o--", "#2b6cb0")]
    lines += [("nbgrader", result["cold_seconds"]["nbgrader"], "s-", "#c05621")]
    for name, seconds, style, color in lines:
        points = sorted((int(size), value) for size, value in seconds.items() if size != "again")
        left.loglog(*zip(*points, strict=True), style, color=color, label=name)
    left.set_xlabel("submissions of the recurrence lab")
    left.set_ylabel("seconds")
    left.legend(frameon=False)
    short = result["short_answers"]["cold_seconds"]
    bars = right.barh(
        list(short), list(short.values()), color=["#2b6cb0" if name == "rnncourse" else "#c05621" for name in short]
    )
    right.bar_label(bars, fmt="%.1f", padding=2)
    right.invert_yaxis()
    right.margins(x=0.15)
    right.set_xlabel(f"seconds for {result['short_answers']['submissions']} submissions of short answers, cold")
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    with plt.rc_context({"svg.hashsalt": "rnncourse"}):
        fig.savefig(path, metadata={"Date": None})


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--cold", type=int, nargs="+", default=[1, 2, 40], metavar="N", help="submissions of whole commands")
    parser.add_argument("--warm", type=int, nargs="+", default=[1, 2, 40, 1000], metavar="N", help="and where all is up")
    parser.add_argument("--short", type=int, default=28, metavar="N", help="submissions of the lab of short answers")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts; nbgrader's large classes are graded once")
    parser.add_argument("--no-stock", action="store_true", help="without nbgrader, and nothing is stored")
    parser.add_argument(
        "--peers", type=Path, default=Path(sys.executable).parent, metavar="BIN", help="where otter and mograder are"
    )
    arguments = parser.parse_args()
    result = {
        "command": f"python benchmarks/{' '.join([Path(sys.argv[0]).name, *sys.argv[1:]])}",
        "device": processor(), "cores": len(os.sched_getaffinity(0)), "python": platform.python_version(),
        "nbgrader": version("nbgrader"), "cold_seconds": {}, "submission_ms": {},
    }  # fmt: skip
    given = {}
    for grader in [Ours()] if arguments.no_stock else [Ours(), Stock()]:
        seconds, given[grader.name], steps = cold(grader, arguments.cold, arguments.rounds)
        result["cold_seconds"][grader.name] = {size: round(value, 2) for size, value in seconds.items()}
        if grader.name == "nbgrader":
            result["submission_ms"][grader.name] = percentiles(steps)
    seconds, each = warm(arguments.warm)
    result["warm_seconds"] = {size: round(value, 2) for size, value in seconds.items()}
    result["submission_ms"]["rnncourse"] = percentiles(each)
    result |= cost(arguments.rounds)
    if arguments.no_stock:
        print(json.dumps(result, indent=1))
        return
    alone = independent()
    ours, theirs = (
        {who: {cell: of[cell] for cell in alone} for who, of in given[name].items()} for name in ("rnncourse", "nbgrader")
    )
    result["different_scores"] = sum(cells != ours[student] for student, cells in theirs.items())
    result["short_answers"] = short_answers(arguments.short, arguments.peers)
    print(json.dumps(result, indent=1))
    RESULT.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    draw(result, RESULT.with_suffix(".svg"))
    print(f"written: {RESULT.relative_to(ROOT)}.json and .svg")


if __name__ == "__main__":
    main()
