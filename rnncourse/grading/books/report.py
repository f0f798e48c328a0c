"""A class: grade every submission that is new or changed on this machine's cores, and keep a `Result` of
each.
"""

import functools
import json
import queue
import re
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

from rnncourse.grading.books import gradebook, registered
from rnncourse.grading.books.collect import STAMP, Contents, Submission, line, read
from rnncourse.grading.books.copies import lab_of
from rnncourse.grading.books.course import cell_time, folder, seed_of
from rnncourse.grading.books.received import Received
from rnncourse.grading.books.result import Result, Task, failed, forget_result, standings, write_result
from rnncourse.grading.books.tables import Gradebook
from rnncourse.grading.books.writing import remove, write_folder, write_whole
from rnncourse.grading.judge.engine import Engine, NoIsolation, Worker
from rnncourse.grading.judge.grade import Graded, grade
from rnncourse.grading.judge.notebook import Lab

_UTC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{6})? UTC")  # as it is written here and by nbgrader
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
            registered.ensure(config, name)
        except Exception as error:
            refused[name] = error
    crew = [Worker(engine) for _ in range(workers)]
    try:
        with _books(config) as books, ThreadPoolExecutor(workers) as pool:
            timeout = cell_time(config)
            labs: dict[str, dict[str, Lab]] = {}  # the notebooks of each by name
            for name in {task.submission.lab for task in to_do} - set(refused):
                try:
                    labs[name] = lab_of(config, books.gb, name)
                except Exception as error:
                    refused[name] = error
            idle: queue.SimpleQueue[Worker] = queue.SimpleQueue()
            for worker in crew:
                idle.put(worker)

            def one(submission: Submission) -> tuple[Contents, dict[str, Graded]]:
                worker = idle.get()
                try:
                    lab, graded = labs[submission.lab], {}
                    contents = read(submission, lab, [name for copy in lab.values() for name in copy.files])
                    for name, handed_in in contents.notebooks.items():
                        own = seed_of(books.root, handed_in) if seed is None else seed
                        graded[name] = grade(worker, lab[name], handed_in, own, timeout)
                    return contents, graded
                finally:
                    idle.put(worker)

            running: dict[Future, Task] = {}
            waiting = iter(to_do)
            try:
                while True:
                    # not all at once, for what comes of them takes memory
                    while len(running) < 2 * workers and (task := next(waiting, None)):
                        try:
                            if task.submission.lab in refused:
                                raise refused[task.submission.lab]
                            received.stamp(task.submission, task.time)
                            books.begin(task, labs[task.submission.lab])
                        except Exception as error:
                            yield books.failed(task, error)
                        else:
                            running[pool.submit(one, task.submission)] = task
                    if not running:
                        break
                    _pages()
                    for job in wait(running, return_when=FIRST_COMPLETED).done:
                        task = running.pop(job)
                        try:
                            given = next(iter(labs[task.submission.lab].values())).given
                            result = books.enter(task, *job.result(), given)
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
                names = sorted(gradebook.entries(books.gb, submission.lab, submission.student))
                place = books.folder("autograded", submission)
                graded = {name: nbformat.read(place / f"{name}.ipynb", as_version=4) for name in names}
                if not all("rnncourse" in notebook.metadata for notebook in graded.values()):
                    raise RuntimeError("nbgrader itself has graded it since: the next run grades it again")
                result = books.publish(task, graded)
            except Exception as error:
                result = books.failed(task, error)
            yield result


def withdraw(config: Config, gone: list[Submission]) -> None:
    """Take back what came of submissions that are there no more; what a person entered for them stays."""
    with _books(config) as books:
        for submission in gone:
            gradebook.withdraw(books.gb, submission.lab, submission.student)
            remove(books.folder("autograded", submission))
            remove(books.folder("feedback", submission))
            forget_result(books.autograded, submission.student, submission.lab)


def _pages():
    """What makes the students' pages: half a second of imports, while the first submissions run."""
    from rnncourse.grading.books import feedback

    return feedback


@contextmanager
def _books(config: Config):
    with Gradebook(config.CourseDirectory.db_url) as gb:
        yield Books(config, gb)


@dataclass
class Books:
    """A course's gradebook and the folders of what was graded."""

    config: Config
    gb: Gradebook

    @property
    def root(self) -> Path:
        return Path(self.config.CourseDirectory.root)

    @property
    def autograded(self) -> Path:
        return folder(self.config, "autograded")

    def folder(self, name: str, of: Submission) -> Path:
        """A submission's own in `autograded` or in `feedback`."""
        return folder(self.config, name) / of.student / of.lab

    def begin(self, task: Task, notebooks: Iterable[str]) -> None:
        """Nothing is left that an earlier run gave."""
        student, lab = task.submission.student, task.submission.lab
        forget_result(self.autograded, student, lab)
        gradebook.reset(self.gb, lab, student, notebooks, _parsed(task.time)[0])

    def enter(
        self, task: Task, contents: Contents, graded: dict[str, Graded], given: dict[str, bytes]
    ) -> Result:
        """Write down what the runs of a submission's notebooks gave; `given` are the lab's own files."""
        submission, files = task.submission, contents.kept(given)
        entries = gradebook.entries(self.gb, submission.lab, submission.student)
        for name, one in graded.items():
            gradebook.save(self.gb, entries[name], one.cells)
            one.notebook.metadata["rnncourse"]["aside"] = contents.note
            files[f"{name}.ipynb"] = json.dumps(one.notebook, ensure_ascii=False) + "\n"
        write_folder(self.folder("autograded", submission), files)
        complete = all(one.complete for one in graded.values())
        return self.publish(task, {name: one.notebook for name, one in graded.items()}, complete)

    def publish(self, task: Task, graded: dict[str, NotebookNode], complete: bool = True) -> Result:
        """Write the student's pages, and the result for the table, by what files, gradebook and
        configuration say now; what isn't `complete` the next run tries again.
        """
        student, lab = task.submission.student, task.submission.lab
        time, problem = _parsed(task.time)
        marks = self._marks(task.submission, graded, time)
        kept, pages = (self.folder(name, task.submission) for name in ("autograded", "feedback"))
        stamp = {STAMP: f"{time} UTC\n"} if time else {}
        for name, words in stamp.items():
            write_whole(kept / name, words)
        if (kept / SECRET).is_file():
            stamp[SECRET] = (kept / SECRET).read_bytes()
        told = {f"{name}.html": _pages().page(graded[name], marks[name], kept) for name in graded}
        write_folder(pages, told | stamp)
        total = {
            what: sum(mark[what] or 0.0 for mark in marks.values())
            for what in ("score", "late_penalty", "max_score")
        }
        looks, notes, by_hand, tasks = bool(problem), [problem], [], []
        for name, notebook in graded.items():
            run, of = notebook.metadata["rnncourse"], "" if name == lab else f"{name}/"
            reasons = [run["problem"], *run.get("person", [])]
            looks |= any(reasons)
            by_hand += [f"{of}{cell}" for cell in marks[name]["waiting"]]
            notes += [f"{of}{said}" for said in (*reasons, *run.get("remarks", [])) if said]
            tasks += [one | {"name": of + one["name"]} for one in gradebook.tasks(notebook)]
        notes += [f"a person grades {', '.join(by_hand)}"] if by_hand else []
        notes += {notebook.metadata["rnncourse"].get("aside", "") for notebook in graded.values()}
        result = Result(
            student, lab, max(0.0, total["score"] - total["late_penalty"]), total["max_score"],
            not looks and not by_hand, "; ".join(filter(None, notes)), task.fingerprint if complete else "",
            task.time, standings(self.gb.db.connection(), student, lab)[student, lab], task.rules,
            tasks,
        )  # fmt: skip
        write_result(self.autograded, result)
        return result

    def _marks(
        self, of: Submission, graded: dict[str, NotebookNode], time: datetime | None
    ) -> dict[str, dict]:
        """Enter what lateness costs, and write each notebook's marks into it; see `gradebook.marks`."""
        entries = gradebook.entries(self.gb, of.lab, of.student)
        names = {"student": of.student, "assignment": of.lab, "db_url": self.config.CourseDirectory.db_url}
        names["book"] = self.config.Grader.get("book", "")
        due = gradebook.due(self.gb, of.lab)
        gradebook.set_time(self.gb, of.lab, of.student, time)
        for name in graded if not due else ():
            gradebook.no_penalty(self.gb, entries[name])
        self.gb.db.commit()  # once, for each waits for the disk
        if due:
            self._penalise(graded, names)
        return {
            name: names | {"notebook": name} | gradebook.marks(self.gb, entries[name], notebook)
            for name, notebook in graded.items()
        }

    def _penalise(self, graded: dict[str, NotebookNode], names: dict) -> None:
        """Enter what lateness costs, as nbgrader's plug-in says."""
        from nbgrader.preprocessors import AssignLatePenalties

        for name, notebook in graded.items():
            resources = {"nbgrader": names | {"notebook": name}}
            AssignLatePenalties(config=self.config).preprocess(notebook, resources)

    def failed(self, task: Task, error: Exception) -> Result:
        """What was begun is given up, and the next run tries again."""
        with suppress(Exception):
            self.gb.db.rollback()
        with suppress(Exception):
            forget_result(self.autograded, task.submission.student, task.submission.lab)
        return failed(task.submission.student, task.submission.lab, error)


@functools.lru_cache(100)
def _parsed(time: str) -> tuple[datetime | None, str]:
    """The time of a hand-in as nbgrader reads it, or why a person must look."""
    try:
        if not time or _UTC.fullmatch(time):
            return datetime.fromisoformat(time.removesuffix(" UTC")) if time else None, ""
        from nbgrader.utils import parse_utc  # which knows all other forms

        return parse_utc(time), ""
    except Exception:  # dateutil has several for what is no time
        return None, f"{STAMP} is no time that can be read: {line(time)[:60]!r}"
