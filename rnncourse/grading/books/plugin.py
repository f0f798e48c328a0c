"""What nbgrader is configured with, so that `nbgrader autograde` and the formgrader's button grade with this
engine.

nbgrader's autograding converts each notebook twice: first it sanitises what was submitted, then it executes
and scores. `Grader` does all of it in the first, from the submitted file; in the second `SaveScores` enters
in the gradebook what stands in the cells.
"""

import atexit
from pathlib import Path

from nbconvert.exporters import Exporter, NotebookExporter
from nbgrader.api import Gradebook
from nbgrader.converters import Autograde
from nbgrader.converters.base import BaseConverter
from nbgrader.preprocessors import NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import parse_utc
from traitlets import Bool, List, Unicode, default

from rnncourse.grading.books import collect, feedback, gradebook
from rnncourse.grading.books.copies import lab_of
from rnncourse.grading.books.course import (
    cell_time,
    declared,
    libraries,
    notebooks,
    own_folders,
    seed_of,
)
from rnncourse.grading.books.received import Received
from rnncourse.grading.books.writing import write_whole
from rnncourse.grading.judge.engine import Engine, Worker
from rnncourse.grading.judge.grade import grade

_workers: dict[tuple, Worker] = {}


def worker(hidden: tuple[Path, ...], isolated: bool, libraries: tuple[str, ...]) -> Worker:
    """The worker of this process, which stays warm for the next submission."""
    key = hidden, isolated, libraries
    if key not in _workers:
        engine = Engine(hidden, isolated, libraries=libraries)
        _workers[key] = Worker(engine)
        atexit.register(engine.close)
        atexit.register(_workers[key].close)  # before the engine
    return _workers[key]


def _source(coursedir, lab: str) -> Path:
    return Path(coursedir.format_path(coursedir.source_directory, ".", lab))


def _read(coursedir, submission: collect.Submission) -> collect.Contents:
    source = _source(coursedir, submission.lab)
    return collect.read(submission, notebooks(source), declared(source))


class Grader(NotebookExporter):
    """Reads a submitted notebook and gives it back rebuilt, run and scored."""

    isolated = Bool(
        True, help="Whether students' code is shut in; without, grade only what you wrote yourself."
    ).tag(config=True)
    timestamps = Bool(
        False, help="Whether timestamp.txt in a submission was written by whoever collected it."
    ).tag(config=True)

    libraries = List(
        Unicode(), help="What labs use and is slow to import: it is imported once for all submissions."
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
            gradebook.reset(gb, lab, student, [notebook], gb.find_submission(lab, student).timestamp)
            copies = lab_of(self.config, gb, lab, _source(coursedir, lab))
        hidden = own_folders(coursedir.root, _source(coursedir, "."))
        engine = worker(hidden, self.isolated, libraries(self.config)[0])
        contents = _read(coursedir, collect.Submission(student, lab, Path(filename).parent))
        handed_in = contents.notebooks[notebook]
        seed = seed_of(Path(coursedir.root), handed_in)
        graded = grade(engine, copies[notebook], handed_in, seed, cell_time(self.config))
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
        time = received.of(submission, _read(coursedir, submission).fingerprint())
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
        for name, data in _read(self.coursedir, submission).kept({}).items():
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
            entries = gradebook.entries(gb, names["assignment"], names["student"])
            names |= gradebook.marks(gb, entries[names["notebook"]], nb)
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
