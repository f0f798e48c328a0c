"""A class: grade every submission that is new or changed on this machine's cores, and keep a `Result` of
each.
"""

import hashlib
import itertools
import json
import queue
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from traitlets.config import Config

from rnncourse.grading.books import feedback, gradebook
from rnncourse.grading.books.collect import STAMP, Submission, read, received, stamp
from rnncourse.grading.books.course import seed_of
from rnncourse.grading.books.plugin import lab_of
from rnncourse.grading.books.release import register
from rnncourse.grading.books.result import Result, forget_result, standings, write_result, write_whole
from rnncourse.grading.judge.engine import Engine, Worker
from rnncourse.grading.judge.grade import Graded, grade


def grade_all(
    config: Config, to_do: list[tuple[Submission, str]], engine: Engine, workers: int, seed: int | None
) -> Iterator[Result]:
    """Grade submissions, given with their fingerprints, by so many workers; results come as they are ready.

    Only this process writes: gradebook, autograded notebook, feedback, result. Where nbgrader can't enter a
    lab in the gradebook, the results of its submissions say so, and nothing of them is written.

    Raises:
        NoIsolation: students' code can't be isolated on this machine; nothing was written.
    """
    engine.wait()
    refused = {}
    for name in sorted({submission.lab for submission, _ in to_do}):
        try:
            register(config, name)
        except RuntimeError as reason:
            refused[name] = str(reason)
    for submission, _ in to_do:
        if submission.lab in refused:
            yield Result(
                submission.student, submission.lab, 0.0, 0.0, False, refused[submission.lab], "", []
            )
    to_do = [(submission, fingerprint) for submission, fingerprint in to_do if submission.lab not in refused]
    crew = [Worker(engine) for _ in range(workers)]
    try:
        with _books(config) as books, ThreadPoolExecutor(workers) as pool:
            root, timeout = books.root, config.Execute.get("timeout", 30)
            seed_of(root)  # makes the secret, once
            labs = {
                name: lab_of(books.coursedir, books.gb, name, name)
                for name in {submission.lab for submission, _ in to_do}
            }
            handed_in = [submission for submission, _ in to_do]
            by_stamp = config.Grader.get("timestamps", False)  # the collector wrote them
            times = (
                [stamp(submission.folder) for submission in handed_in]
                if by_stamp
                else received(root, handed_in)
            )
            waiting = zip(to_do, times, strict=True)
            idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
            for worker in crew:
                idle.put(worker)

            def one(submission: Submission) -> Graded:
                worker = idle.get()
                try:
                    lab = labs[submission.lab]
                    handed_in = read(submission, lab.files)
                    sha256 = hashlib.sha256(handed_in.notebook).hexdigest()
                    own = seed_of(root, submission.student, submission.lab, sha256) if seed is None else seed
                    return grade(worker, lab, handed_in, own, timeout)
                finally:
                    idle.put(worker)

            running: dict[Future, tuple[str, Submission, str]] = {}

            def start(count: int) -> None:
                for (submission, fingerprint), time in itertools.islice(waiting, count):
                    forget_result(root, submission)
                    entry = gradebook.reset(
                        books.gb, submission.lab, submission.student, submission.lab, time
                    )
                    running[pool.submit(one, submission)] = entry, submission, fingerprint

            try:
                start(2 * workers)  # not all at once, for what comes of them takes memory
                while running:
                    for job in wait(running, return_when=FIRST_COMPLETED).done:
                        entry, submission, fingerprint = running.pop(job)
                        start(1)
                        yield books.enter(
                            entry, submission, fingerprint, job.result(), labs[submission.lab].given
                        )
            finally:
                pool.shutdown(cancel_futures=True)
    finally:
        for worker in crew:
            worker.close()


def publish_again(config: Config, old: list[Result]) -> Iterator[Result]:
    """Feedback and results of graded submissions of which the gradebook says something else by now: a person
    has graded.
    """
    with _books(config) as books:
        for result in old:
            entry = gradebook.key_of(books.gb, result.lab, result.student, result.lab)
            notebook = nbformat.read(books.autograded(result) / f"{result.lab}.ipynb", as_version=4)
            yield books.publish(entry, result.student, result.lab, result.fingerprint, notebook)


@contextmanager
def _books(config: Config):
    coursedir = CourseDirectory(config=config)
    with Gradebook(coursedir.db_url, coursedir.course_id) as gb:
        yield Books(config, coursedir, gb)


@dataclass
class Books:
    """A course's gradebook and the folders of what was graded."""

    config: Config
    coursedir: CourseDirectory
    gb: Gradebook

    @property
    def root(self) -> Path:
        return Path(self.coursedir.root)

    def autograded(self, of: Submission | Result) -> Path:
        return Path(self.coursedir.format_path(self.coursedir.autograded_directory, of.student, of.lab))

    def enter(
        self, entry: str, submission: Submission, fingerprint: str, graded: Graded, given: dict[str, bytes]
    ) -> Result:
        """Write down what a run gave; `given` are the lab's own files."""
        gradebook.save(self.gb, entry, graded.cells)
        folder = self.autograded(submission)
        write_whole(
            folder / f"{submission.lab}.ipynb", json.dumps(graded.notebook, ensure_ascii=False) + "\n"
        )
        for name, data in given.items():
            write_whole(folder / name, data)
        handed_in, _ = gradebook.times(self.gb, entry)
        if handed_in:
            write_whole(folder / STAMP, f"{handed_in} UTC\n")
        fingerprint = fingerprint if graded.complete else ""  # the next run tries again
        return self.publish(entry, submission.student, submission.lab, fingerprint, graded.notebook)

    def publish(
        self, entry: str, student: str, lab: str, fingerprint: str, notebook: NotebookNode
    ) -> Result:
        """Write the student's page, and the result for the table, by what the gradebook says now."""
        names = {"student": student, "assignment": lab, "notebook": lab, "db_url": self.coursedir.db_url}
        if gradebook.times(self.gb, entry)[1]:
            AssignLatePenalties(config=self.config).preprocess(notebook, {"nbgrader": names})
        names |= gradebook.marks(self.gb, entry, notebook)
        page = Path(
            self.coursedir.format_path(self.coursedir.feedback_directory, student, lab), f"{lab}.html"
        )
        write_whole(page, feedback.page(notebook, names))
        run, waiting = notebook.metadata["rnncourse"], names["waiting"]
        notes = [run["problem"], *run["person"], *[f"{name}: a person grades it" for name in waiting]]
        standing = standings(self.gb.db.connection(), student, lab)[student, lab]
        result = Result(
            student, lab, max(0.0, names["score"] - (names["late_penalty"] or 0.0)), names["max_score"],
            not (run["problem"] or run["person"] or waiting), ", ".join(filter(None, [*notes, run["note"]])),
            fingerprint, standing,
        )  # fmt: skip
        write_result(self.root, result)
        return result
