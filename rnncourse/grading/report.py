"""A class: grade every submission that is new or changed on this machine's cores, and keep a `Result` of each."""

import itertools
import json
import queue
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config

from rnncourse.grading import feedback, gradebook
from rnncourse.grading.collect import Submission, received
from rnncourse.grading.engine import Engine, Worker
from rnncourse.grading.grade import Graded, grade, seed_of
from rnncourse.grading.plugin import lab_of
from rnncourse.grading.release import register
from rnncourse.grading.result import Result, write_result, write_whole


def grade_all(
    config: Config, to_do: list[tuple[Submission, str]], engine: Engine, workers: int, seed: int | None
) -> Iterator[Result]:
    """Grade submissions, given with their fingerprints, by so many workers; results come as they are ready.

    Only this process writes: gradebook, autograded notebook, feedback, result.

    Raises:
        NoIsolation: students' code can't be isolated on this machine; nothing was written.
        RuntimeError: nbgrader can't enter a lab in the gradebook.
    """
    coursedir = CourseDirectory(config=config)
    root, timeout = Path(coursedir.root), config.Execute.get("timeout", 30)
    engine.wait()
    crew = [Worker(engine) for _ in range(workers)]
    try:
        names = sorted({submission.lab for submission, _ in to_do})
        for name in names:
            register(config, name)
        with Gradebook(coursedir.db_url, coursedir.course_id) as gb, ThreadPoolExecutor(workers) as pool:
            seed_of(root)  # makes the secret, once
            labs = {name: lab_of(coursedir, gb, name, name) for name in names}
            times = received(root, [submission for submission, _ in to_do])
            waiting = zip(to_do, times, strict=True)
            idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
            for worker in crew:
                idle.put(worker)

            def one(submission: Submission) -> Graded:
                worker = idle.get()
                try:
                    lab, given = labs[submission.lab]
                    who = submission.student, submission.lab
                    return grade(worker, lab, submission.notebook, root, who, given, timeout, seed)
                finally:
                    idle.put(worker)

            running: dict[Future, tuple[str, Submission, str]] = {}

            def start(count: int) -> None:
                for (submission, fingerprint), time in itertools.islice(waiting, count):
                    entry = gradebook.reset(gb, submission.lab, submission.student, submission.lab, time)
                    running[pool.submit(one, submission)] = entry, submission, fingerprint

            try:
                start(2 * workers)  # not all at once, for what comes of them takes memory
                while running:
                    for job in wait(running, return_when=FIRST_COMPLETED).done:
                        entry, submission, fingerprint = running.pop(job)
                        start(1)
                        given = labs[submission.lab][1]
                        yield _enter(config, coursedir, gb, entry, submission, fingerprint, job.result(), given)
            finally:
                pool.shutdown(cancel_futures=True)
    finally:
        for worker in crew:
            worker.close()


def _enter(config, coursedir, gb, entry: str, submission: Submission, fingerprint: str, graded: Graded,
           given: dict[str, bytes]) -> Result:  # fmt: skip
    student, lab = submission.student, submission.lab
    gradebook.save(gb, entry, graded.cells)
    folder = Path(coursedir.format_path(coursedir.autograded_directory, student, lab))
    write_whole(folder / f"{lab}.ipynb", json.dumps(graded.notebook, ensure_ascii=False) + "\n")
    for name, data in given.items():
        write_whole(folder / name, data)
    handed_in, due = gradebook.times(gb, entry)
    write_whole(folder / "timestamp.txt", f"{handed_in} UTC\n")
    names = {"student": student, "assignment": lab, "notebook": lab, "db_url": coursedir.db_url}
    if due:
        AssignLatePenalties(config=config).preprocess(graded.notebook, {"nbgrader": names})
    names |= gradebook.marks(gb, entry, graded.notebook)
    page = Path(coursedir.format_path(coursedir.feedback_directory, student, lab), f"{lab}.html")
    write_whole(page, feedback.page(graded.notebook, names))
    waiting = [cell.id for cell in graded.cells if cell.kind == "manual" and cell.node.metadata["rnncourse"]["score"] is None]
    notes = [graded.problem, *[f"{name}: a person grades it" for name in waiting], graded.note]
    fingerprint = fingerprint if graded.complete else ""  # the next run tries again
    result = Result(
        student,
        lab,
        names["score"],
        names["max_score"],
        not (graded.problem or waiting),
        ", ".join(filter(None, notes)),
        fingerprint,
    )
    write_result(coursedir.root, result)
    return result
