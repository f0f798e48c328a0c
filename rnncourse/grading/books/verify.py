"""A lab before students see it: the reference and the empty release, graded by stock nbgrader and by us."""

import copy
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from traitlets.config import Config

from rnncourse.grading.books import tables
from rnncourse.grading.books.collect import line
from rnncourse.grading.books.copies import lab_of
from rnncourse.grading.books.course import cell_time, folder, notebooks
from rnncourse.grading.books.release import register
from rnncourse.grading.judge.engine import Engine, NoIsolation, Worker
from rnncourse.grading.judge.grade import Graded, HandedIn, grade

REFERENCE, EMPTY = ANSWERS = "reference", "empty"
OURS = ("Autograde", "GenerateFeedback", "Grader", "HTMLExporter")  # sections that plug this engine in
CONFIG = """c = get_config()
load_subconfig("nbgrader_config.py", path={root!r})
for section in {ours}:
    c.pop(section, None)
c.CourseDirectory.update({folders!r})
"""
# It ends when its standard input does: with us, however we end.
PROGRAM = """
import os, signal, sys, threading

def watch():
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=watch, daemon=True).start()
from nbgrader.apps.nbgraderapp import main
main()
"""
PATIENCE = 10  # seconds that it has to take down its kernel


@dataclass(frozen=True)
class Finding:
    """A graded cell that differs between the two ways, refuses the reference, or pays an empty answer."""

    lab: str
    cell: str  # empty: what is found concerns the whole lab
    points: float
    answer: str
    stock: float | None
    ours: float | None
    reason: str


@dataclass
class Verified:
    """What came of a lab: its graded cells with their points, and what is wrong with them."""

    lab: str
    points: dict[str, float] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


class Stock:
    """nbgrader as it comes, in a folder of its own, with a course's settings but those that plug us in."""

    def __init__(self, config: Config, root: Path, place: Path):
        """`root` holds the course's nbgrader_config.py, `place` is an empty folder."""
        self.place, self.root, self.process, self.ended = place, root, None, False
        steps = ("submitted", "autograded", "feedback", "release")
        folders = {f"{step}_directory": str(place / step) for step in steps}
        folders |= {"source_directory": str(folder(config, "source")), "root": str(place)}
        folders["db_url"] = f"sqlite:///{place}/gradebook.db"
        self.config = copy.deepcopy(config)
        self.config.CourseDirectory.update(folders)
        text = CONFIG.format(root=str(root), ours=OURS, folders=folders)
        (place / "nbgrader_config.py").write_text(text, encoding="utf-8")

    def hand_in(self, student: str, lab: str, released: Path, changed: dict[str, NotebookNode]) -> None:
        """Hand in what was released, with these notebooks in their places."""
        target = self.place / "submitted" / student / lab
        shutil.copytree(released, target)
        for name, nb in changed.items():
            nbformat.write(nb, target / f"{name}.ipynb")

    def autograde(self, lab: str) -> str:
        """Grade all that was handed in of a lab; return what nbgrader said."""
        path = [str(self.root), *filter(None, [os.environ.get("PYTHONPATH")])]
        own = {"PYTHONPATH": os.pathsep.join(path), "TMPDIR": str(self.place)}
        command = [sys.executable, "-c", PROGRAM, "autograde", lab]
        said = self.place / "said.txt"
        with open(said, "wb") as file:
            self.process = subprocess.Popen(
                command, cwd=self.place, env=os.environ | own,
                stdin=subprocess.PIPE, stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        if self.ended:
            self.end()
        self.process.wait()
        self.process.stdin.close()
        return said.read_text(errors="replace")

    def end(self) -> None:
        """Give it up, from another thread."""
        self.ended = True
        if self.process:
            with suppress(OSError):
                self.process.stdin.close()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(PATIENCE)
            self.process.kill()

    def graded(self, student: str, lab: str, notebook: str) -> dict[str, tuple[float | None, str]]:
        """Score and error of each graded cell; none where nbgrader failed at the submission."""
        path = self.place / "autograded" / student / lab / f"{notebook}.ipynb"
        if not path.exists():
            return {}
        errors = {}
        for cell in nbformat.read(path, as_version=4).cells:
            raised = [one for one in cell.get("outputs", []) if one.output_type == "error"]
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            errors[name] = "".join(f"{one.ename}: {one.evalue}" for one in raised[:1])
        with Gradebook(self.config.CourseDirectory.db_url) as gb:
            grades = gb.find_submission_notebook(notebook, lab, student).grades
            return {grade.name: (grade.auto_score, errors.get(grade.name, "")) for grade in grades}


def verify(config: Config, root: Path, labs: list[str], engine: Engine, workers: int) -> Iterator[Verified]:
    """Verify labs that were released, so many side by side; they come as they are ready.

    Raises:
        NoIsolation: our way can't be had on this machine.
    """
    engine.wait()
    with tempfile.TemporaryDirectory() as place:
        stocks = {}
        for lab in labs:
            Path(place, lab).mkdir()
            stocks[lab] = Stock(config, root, Path(place, lab))
        crew: list[Worker] = []
        running: dict[Future, str] = {}
        pool = ThreadPoolExecutor(workers)
        try:
            for lab, stock in stocks.items():  # here, for nbgrader changes into its folder
                try:
                    register(stock.config, lab)
                except RuntimeError as error:
                    yield _refused(lab, error)
                    continue
                crew.append(Worker(engine))
                job = pool.submit(_verify, stock, crew[-1], lab, folder(config, "release") / lab)
                running[job] = lab
            for done in as_completed(list(running)):
                lab = running.pop(done)
                try:
                    yield done.result()
                except NoIsolation:
                    raise
                except RuntimeError as error:
                    yield _refused(lab, error)
        finally:
            if running:  # something ended this
                for end in (*(one.end for one in crew), *(one.end for one in stocks.values())):
                    end()
            pool.shutdown(cancel_futures=True)
            for worker in crew:
                worker.close()


def _refused(lab: str, error: Exception) -> Verified:
    return Verified(lab, {}, [Finding(lab, "", 0.0, "", None, None, line(error))])


def _verify(stock: Stock, worker: Worker, lab: str, released: Path) -> Verified:
    answers = {REFERENCE: reference(stock.config, lab, released), EMPTY: {}}
    for answer, changed in answers.items():
        stock.hand_in(answer, lab, released, changed)
    said = stock.autograde(lab)
    with tables.Gradebook(stock.config.CourseDirectory.db_url) as gb:
        copies = lab_of(stock.config, gb, lab)
    verified = Verified(lab)
    for answer in ANSWERS:
        for name, own in copies.items():
            data = (stock.place / "submitted" / answer / lab / f"{name}.ipynb").read_bytes()
            handed_in = HandedIn(answer, lab, f"{name}.ipynb", data, "", {})
            graded = grade(worker, own, handed_in, secrets.randbits(48), cell_time(stock.config))
            theirs = stock.graded(answer, lab, name)
            if not theirs:
                reason = f"nbgrader failed: {_last_error(said)}"
                verified.findings.append(Finding(lab, "", 0.0, answer, None, None, reason))
            verified.points |= {cell.id: cell.points for cell in own.cells if cell.id in theirs}
            verified.findings += _compare(lab, answer, graded, theirs)
        worker.close()  # what the reference has left is none of the empty answer's
    return verified


def reference(config: Config, lab: str, released: Path) -> dict[str, NotebookNode]:
    """The released notebooks of a lab with the source's solutions in their places, without the marks."""
    found = {}
    marks = [
        config.ClearSolutions.get(f"{end}_solution_delimeter", f"{end.upper()} SOLUTION")
        for end in ("begin", "end")
    ]
    for name, path in notebooks(folder(config, "source") / lab).items():
        whole = nbformat.read(path, as_version=4)
        source = {_id(cell): cell.source for cell in whole.cells if _solves(cell)}
        found[name] = nbformat.read(released / path.name, as_version=nbformat.NO_CONVERT)
        for cell in found[name].cells:
            if _solves(cell) and _id(cell) in source:
                lines = source[_id(cell)].split("\n")
                cell.source = "\n".join(text for text in lines if not any(mark in text for mark in marks))
    return found


def _id(cell: NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def _solves(cell: NotebookNode) -> bool:
    return bool(cell.metadata.get("nbgrader", {}).get("solution"))


def _compare(lab: str, answer: str, graded: Graded, theirs: dict[str, tuple]) -> Iterator[Finding]:
    for cell in graded.cells:
        if cell.id not in theirs or cell.kind not in ("test", "manual"):
            continue
        (stock, error), ours = theirs[cell.id], cell.node.metadata["rnncourse"]["score"]
        earned = max(stock or 0.0, ours or 0.0)
        if answer == EMPTY:
            otherwise = "" if _same(stock, ours) else "graded otherwise"
            reason = f"{earned:g} points for nothing" if earned else otherwise
        elif _same(stock, ours):
            full = ours is None or _same(ours, cell.points)
            reason = "" if full else f"the reference fails both ways: {_reason(graded, cell) or line(error)}"
        elif (ours or 0.0) < (stock or 0.0):
            reason = _reason(graded, cell) or f"{ours or 0:g} of {cell.points:g} points"
        else:
            reason = f"nbgrader's own: {line(error) or 'no full score'}"
        if reason:
            yield Finding(lab, cell.id, cell.points, answer, stock, ours, reason)


def _same(one: float | None, other: float | None) -> bool:
    return one is other if None in (one, other) else abs(one - other) < 1e-9


def _reason(graded: Graded, cell) -> str:
    """Why our way gave a test no more."""
    person = [said.removeprefix(f"{cell.id}: ") for said in graded.person if said.startswith(f"{cell.id}: ")]
    raised = [output.evalue for output in cell.node.get("outputs", []) if output.output_type == "error"]
    return line("".join(person[:1]) or graded.problem or "".join(raised[:1]))


def _last_error(said: str) -> str:
    raised = r"^(?!.*NbGraderException)\s*((?:[a-z_]\w*\.)*[A-Z]\w*: .+)$"
    errors = re.findall(raised, said, re.MULTILINE)
    return line((errors or said.splitlines() or ["it said nothing"])[-1])
