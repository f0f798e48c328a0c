"""What nbgrader is configured with, so that `nbgrader autograde` and the formgrader's button grade with this
engine.

nbgrader's autograding converts each notebook twice: first it sanitises what was submitted, then it executes
and scores. `Grader` does all of it in the first, from the submitted file; in the second `SaveScores` enters
in the gradebook what stands in the cells.
"""

import atexit
import os
from pathlib import Path

import nbformat
from nbconvert.exporters import Exporter, NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import find_all_files, parse_utc
from traitlets import Bool, Unicode, default

from rnncourse.grading.books import collect, feedback, gradebook
from rnncourse.grading.books.course import declared, own_folders, seed_of
from rnncourse.grading.books.received import Received
from rnncourse.grading.books.writing import write_whole
from rnncourse.grading.judge.engine import Engine, Worker
from rnncourse.grading.judge.grade import grade
from rnncourse.grading.judge.notebook import Lab

_workers: dict[tuple, Worker] = {}


def worker(hidden: tuple[Path, ...], isolated: bool) -> Worker:
    """The worker of this process, which stays warm for the next submission."""
    key = hidden, isolated
    if key not in _workers:
        engine = Engine(hidden, isolated)
        _workers[key] = Worker(engine)
        atexit.register(engine.close)
        atexit.register(_workers[key].close)  # before the engine
    return _workers[key]


def lab_of(coursedir, gb: Gradebook, lab: str, notebook: str) -> Lab:
    """The instructor's copy of a notebook.

    Raises:
        RuntimeError: it is not in the gradebook, or has changed since.
    """
    source = Path(coursedir.format_path(coursedir.source_directory, ".", lab))
    cells = gradebook.stored(gb, lab, notebook)
    given = {
        os.path.relpath(path, source): Path(path).read_bytes()
        for path in find_all_files(str(source), [*coursedir.ignore, "*.ipynb"])
    }
    return Lab(nbformat.read(source / f"{notebook}.ipynb", as_version=4), cells, given)


def _source(coursedir, lab: str) -> Path:
    return Path(coursedir.format_path(coursedir.source_directory, ".", lab), f"{lab}.ipynb")


class Grader(NotebookExporter):
    """Reads a submitted notebook and gives it back rebuilt, run and scored."""

    isolated = Bool(
        True, help="Whether students' code is shut in; without, grade only what you wrote yourself."
    ).tag(config=True)
    timestamps = Bool(
        False, help="Whether timestamp.txt in a submission was written by whoever collected it."
    ).tag(config=True)

    book = Unicode(
        "", help="The address of the course's built book, for links to its chapters in feedback."
    ).tag(config=True)

    def __init__(self, **keywords):
        super().__init__(**keywords)
        if isinstance(self.parent, Autograde):
            self.parent.__class__ = (
                SafeAutograde  # the one way in: nbgrader names its converter in code, not in a setting
            )
            self.parent.coursedir.get_existing_timestamp = self.time_of

    def from_filename(self, filename, resources=None, **_):
        coursedir, names = self.parent.coursedir, resources["nbgrader"]
        if not self.parent._sanitizing:
            return super().from_filename(filename, resources)
        if self.config.Execute.get("enabled") is False:
            raise RuntimeError("--no-execute would take the outputs in the submission for results")
        lab, student, notebook = names["assignment"], names["student"], names["notebook"]
        with Gradebook(coursedir.db_url, coursedir.course_id) as gb:
            gradebook.reset(gb, lab, student, notebook, gb.find_submission(lab, student).timestamp)
            copy = lab_of(coursedir, gb, lab, notebook)
        timeout = self.config.Execute.get("timeout", 30) or 30
        source = Path(coursedir.format_path(coursedir.source_directory, ".", "."))
        root, engine = Path(coursedir.root), worker(own_folders(Path(coursedir.root), source), self.isolated)
        contents = collect.read(collect.Submission(student, lab, Path(filename).parent), copy.files)
        graded = grade(engine, copy, contents.handed_in, seed_of(root, contents.handed_in), timeout)
        graded.notebook.metadata["rnncourse"]["aside"] = contents.note
        for reason in filter(None, [graded.problem, *graded.person]):
            self.log.error("%s: %s", filename, reason)
        return self.from_notebook_node(graded.notebook, resources)

    def time_of(self, folder: str):
        """When a submission was handed in, as nbgrader asks for it; of an autograded one the time it was
        graded for.
        """
        coursedir, path = self.parent.coursedir, Path(folder)
        submitted = Path(coursedir.format_path(coursedir.submitted_directory, ".", ".")).resolve()
        if not path.resolve().is_relative_to(submitted):
            return parse_utc((collect.regular(path / collect.STAMP, 1000) or b"").decode().strip() or None)
        submission = collect.Submission(path.parent.name, path.name, path)
        received = Received(Path(coursedir.root), self.timestamps)
        files = collect.read(submission, declared(_source(coursedir, submission.lab)))
        time = received.of(submission, files.fingerprint())
        received.save()
        received.stamp(submission, time)
        return parse_utc(time or None)


class _SafeCopy(BaseConverter):
    """nbgrader copies a submission's files to `autograded/` for the grader to see; here as `rnncourse grade`
    does.
    """

    def init_assignment(self, assignment_id, student_id):
        source = Path(self._format_source(assignment_id, student_id))
        target = Path(self._format_dest(assignment_id, student_id))
        submission = collect.Submission(student_id, assignment_id, source)
        contents = collect.read(submission, declared(_source(self.coursedir, assignment_id)))
        for name, data in contents.kept({}).items():
            write_whole(target / name, data)
        if time := self.coursedir.get_existing_timestamp(str(source)):
            write_whole(target / collect.STAMP, f"{time} UTC\n")


class SafeAutograde(Autograde, _SafeCopy):
    """nbgrader's autograding with that copying."""


class SaveScores(SaveAutoGrades):
    """Enters in the gradebook the scores that `Grader` left in the cells, and none that it did not."""

    def _add_score(self, cell, resources):
        grade = self.gradebook.find_grade(
            cell.metadata.nbgrader.grade_id, self.notebook_id, self.assignment_id, self.student_id
        )
        grade.auto_score = cell.metadata.get("rnncourse", {}).get("score", 0.0)
        grade.needs_manual_grade = grade.manual_score is not None or grade.auto_score is None
        self.gradebook.db.commit()

    def _add_comment(self, cell, resources):
        comment = self.gradebook.find_comment(
            cell.metadata.nbgrader.grade_id, self.notebook_id, self.assignment_id, self.student_id
        )
        comment.auto_comment = (
            "No response." if cell.metadata.get("rnncourse", {}).get("unanswered") else None
        )
        self.gradebook.db.commit()


class Marks(NbGraderPreprocessor):
    """Writes into the cells what the gradebook says of them, for `FeedbackPage`."""

    def preprocess(self, nb, resources):
        names = resources["nbgrader"]
        with Gradebook(names["db_url"]) as gb:
            entry = gradebook.key_of(gb, names["assignment"], names["student"], names["notebook"])
            names |= gradebook.marks(gb, entry, nb)
        return nb, resources


class FeedbackPage(Exporter):
    """Makes the student's page of an autograded notebook."""

    output_mimetype = "text/html"

    @default("file_extension")
    def _file_extension(self):
        return ".html"

    def from_notebook_node(self, nb, resources=None, **_):
        nb, resources = super().from_notebook_node(nb, resources)
        names = resources["nbgrader"] | {"book": self.config.Grader.get("book", "")}
        return feedback.page(nb, names, Path(resources["metadata"]["path"])), resources
