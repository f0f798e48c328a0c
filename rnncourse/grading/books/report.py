"""A class: grade every submission that is new or changed on this machine's cores, and keep a `Result` of
each.
"""

import functools
import json
import queue
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import parse_utc
from traitlets.config import Config

from rnncourse.grading.books import feedback, gradebook
from rnncourse.grading.books.collect import STAMP, Contents, Submission, line, read
from rnncourse.grading.books.course import seed_of
from rnncourse.grading.books.plugin import lab_of
from rnncourse.grading.books.received import Received
from rnncourse.grading.books.release import register
from rnncourse.grading.books.result import Result, Task, failed, forget_result, standings, write_result
from rnncourse.grading.books.writing import remove, write_folder, write_whole
from rnncourse.grading.judge.engine import Engine, NoIsolation, Worker
from rnncourse.grading.judge.grade import Graded, grade
from rnncourse.grading.judge.notebook import Lab

SECRET = "submission_secret.txt"  # by which nbgrader gives feedback to whoever handed in


def grade_all(
    config: Config, to_do: list[Task], received: Received, engine: Engine, workers: int, seed: int | None
) -> Iterator[Result]:
    """Grade submissions by so many workers; results come as they are ready.

    Only this process writes: gradebook, autograded notebook, feedback, result. Whatever is raised about one
    submission, or about a lab, is the result of that submission, or of the lab's, and ends nothing else.

    Raises:
        NoIsolation: students' code can't be isolated on this machine; nothing was written.
    """
    engine.wait()
    received.save()
    refused: dict[str, Exception] = {}
    for name in sorted({task.submission.lab for task in to_do}):
        try:
            register(config, name)
        except Exception as error:
            refused[name] = error
    crew = [Worker(engine) for _ in range(workers)]
    try:
        with _books(config) as books, ThreadPoolExecutor(workers) as pool:
            timeout = config.Execute.get("timeout", 30)
            labs: dict[str, Lab] = {}
            for name in {task.submission.lab for task in to_do} - set(refused):
                try:
                    labs[name] = lab_of(books.coursedir, books.gb, name, name)
                except Exception as error:
                    refused[name] = error
            idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
            for worker in crew:
                idle.put(worker)

            def one(submission: Submission) -> tuple[Contents, Graded]:
                worker = idle.get()
                try:
                    lab = labs[submission.lab]
                    contents = read(submission, lab.files)
                    own = seed_of(books.root, contents.handed_in) if seed is None else seed
                    return contents, grade(worker, lab, contents.handed_in, own, timeout)
                finally:
                    idle.put(worker)

            running: dict[Future, tuple[Task, str]] = {}
            waiting = iter(to_do)
            try:
                while True:
                    # not all at once, for what comes of them takes memory
                    while len(running) < 2 * workers and (task := next(waiting, None)):
                        try:
                            if task.submission.lab in refused:
                                raise refused[task.submission.lab]
                            received.stamp(task.submission, task.time)
                            entry = books.begin(task)
                        except Exception as error:
                            yield books.failed(task, error)
                        else:
                            running[pool.submit(one, task.submission)] = task, entry
                    if not running:
                        break
                    for job in wait(running, return_when=FIRST_COMPLETED).done:
                        task, entry = running.pop(job)
                        try:
                            result = books.enter(task, entry, *job.result(), labs[task.submission.lab].given)
                        except NoIsolation:
                            raise
                        except Exception as error:
                            result = books.failed(task, error)
                        yield result
            finally:
                for worker in crew if running else ():  # something ended this
                    worker.end()
                pool.shutdown(cancel_futures=True)
    finally:
        for worker in crew:
            worker.close()


def publish_again(config: Config, old: list[Task], received: Received) -> Iterator[Result]:
    """Feedback and results of graded submissions for which something else holds by now: a person has graded,
    a date or the configuration has changed.
    """
    received.save()
    with _books(config) as books:
        for task in old:
            submission = task.submission
            try:
                received.stamp(submission, task.time)
                entry = gradebook.key_of(books.gb, submission.lab, submission.student, submission.lab)
                path = books.folder("autograded", submission) / f"{submission.lab}.ipynb"
                result = books.publish(task, entry, nbformat.read(path, as_version=4))
            except Exception as error:
                result = books.failed(task, error)
            yield result


def withdraw(config: Config, gone: list[Submission]) -> None:
    """Take back what came of submissions that are there no more; what a person entered for them stays."""
    with _books(config) as books:
        for submission in gone:
            gradebook.withdraw(books.gb, submission.lab, submission.student, submission.lab)
            remove(books.folder("autograded", submission))
            remove(books.folder("feedback", submission))
            forget_result(books.root, submission.student, submission.lab)


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

    def folder(self, name: str, of: Submission) -> Path:
        """A submission's own in `autograded` or in `feedback`."""
        return Path(
            self.coursedir.format_path(getattr(self.coursedir, f"{name}_directory"), of.student, of.lab)
        )

    def begin(self, task: Task) -> str:
        """Nothing is left that an earlier run gave; the key of the submission in the gradebook."""
        submission = task.submission
        forget_result(self.root, submission.student, submission.lab)
        time, _ = _parsed(task.time)
        return gradebook.reset(self.gb, submission.lab, submission.student, submission.lab, time)

    def enter(
        self, task: Task, entry: str, contents: Contents, graded: Graded, given: dict[str, bytes]
    ) -> Result:
        """Write down what a run gave; `given` are the lab's own files."""
        submission = task.submission
        gradebook.save(self.gb, entry, graded.cells)
        graded.notebook.metadata["rnncourse"]["aside"] = contents.note
        notebook = json.dumps(graded.notebook, ensure_ascii=False) + "\n"
        files = contents.kept(given) | {f"{submission.lab}.ipynb": notebook}
        write_folder(self.folder("autograded", submission), files)
        return self.publish(task, entry, graded.notebook, graded.complete)

    def publish(self, task: Task, entry: str, notebook: NotebookNode, complete: bool = True) -> Result:
        """Write the student's page, and the result for the table, by what files, gradebook and configuration
        say now; what isn't `complete` the next run tries again.
        """
        student, lab = task.submission.student, task.submission.lab
        time, problem = _parsed(task.time)
        gradebook.set_time(self.gb, lab, student, time)
        names = {"student": student, "assignment": lab, "notebook": lab, "db_url": self.coursedir.db_url}
        due = gradebook.due(self.gb, entry)
        if not due:
            gradebook.no_penalty(self.gb, entry)
        self.gb.db.commit()  # once, for each waits for the disk
        if due:
            AssignLatePenalties(config=self.config).preprocess(notebook, {"nbgrader": names})
        names |= gradebook.marks(self.gb, entry, notebook)
        kept, pages = (self.folder(name, task.submission) for name in ("autograded", "feedback"))
        stamp = {STAMP: f"{time} UTC\n"} if time else {}
        for name, words in stamp.items():
            write_whole(kept / name, words)
        if (kept / SECRET).is_file():
            stamp[SECRET] = (kept / SECRET).read_bytes()
        write_folder(pages, {f"{lab}.html": feedback.page(notebook, names, kept), **stamp})
        run, waiting = notebook.metadata["rnncourse"], names["waiting"]
        notes = [run["problem"], problem, *run.get("person", [])]
        looks = any(notes) or bool(waiting)
        notes += [f"{name}: a person grades it" for name in waiting]
        notes += [*run.get("remarks", []), run.get("aside", "")]
        standing = standings(self.gb.db.connection(), student, lab)[student, lab]
        result = Result(
            student, lab, max(0.0, names["score"] - (names["late_penalty"] or 0.0)), names["max_score"],
            not looks, "; ".join(filter(None, notes)), task.fingerprint if complete else "",
            task.time, standing, task.rules, gradebook.tasks(notebook),
        )  # fmt: skip
        write_result(self.root, result)
        return result

    def failed(self, task: Task, error: Exception) -> Result:
        """What was begun is given up, and the next run tries again."""
        with suppress(Exception):
            self.gb.db.rollback()
        with suppress(Exception):
            forget_result(self.root, task.submission.student, task.submission.lab)
        return failed(task.submission.student, task.submission.lab, error)


@functools.lru_cache(100)
def _parsed(time: str) -> tuple[datetime | None, str]:
    """The time of a hand-in as nbgrader reads it, or why a person must look."""
    try:
        return parse_utc(time) if time else None, ""
    except Exception:  # dateutil has several for what is no time
        return None, f"{STAMP} is no time that can be read: {line(time)[:60]!r}"
