"""What `rnncourse grade` has to do: what it keeps is computed from files, gradebook and configuration as
they are now, and here is where they are compared with what it has kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from traitlets.config import Config

from rnncourse.grading.books.collect import Submission, is_gone, read, submissions
from rnncourse.grading.books.course import declared, lab_fingerprint, rules
from rnncourse.grading.books.received import Received
from rnncourse.grading.books.result import (
    Result,
    Task,
    failed,
    read_result,
    read_standings,
    students_with_result,
)


@dataclass
class State:
    """The submissions of a course, sorted by what is to be done about them."""

    received: Received
    results: list[Result] = field(default_factory=list)  # as they were kept, or why there can be none
    changed: list[Task] = field(default_factory=list)  # the run holds; points, dates or rules changed
    to_do: list[Task] = field(default_factory=list)
    gone: list[Submission] = field(default_factory=list)  # graded once, and handed in no more


def state_of(config: Config, root: Path, course: Path, labs: list[str], student: str | None = None,
             watch=lambda found, name: found, again: bool = False) -> State:  # fmt: skip
    """Compare everything; `student` alone, who is then to be graded whether anything changed or not, as all
    are `again`.

    `root` holds nbgrader_config.py, `watch` may show how far along the list of a lab's submissions it is.

    Raises:
        RuntimeError, OSError: the gradebook or the course's folders can't be read.
    """
    state = State(Received(course, bool(config.Grader.get("timestamps", False))))
    standing, rule = read_standings(config), rules(config, root)
    for lab in labs:
        found = [one for one in submissions(course, lab) if student in (None, one.student)]
        try:
            print_of_lab = f"{lab_fingerprint(config, lab)}:{config.Execute.get('timeout', 30)}"
            files = declared(Path(config.CourseDirectory.source_directory, lab, f"{lab}.ipynb"))
        except (RuntimeError, OSError) as error:
            state.results += [failed(one.student, lab, error) for one in found]
            continue
        for one in watch(found, lab):
            try:
                stands = standing.get((one.student, lab))
                _compare(state, one, files, print_of_lab, rule, stands, again or student is not None)
            except Exception as error:
                state.results.append(failed(one.student, lab, error))
        state.gone += _gone(course, lab, found, student)
    return state


def _compare(state: State, one: Submission, declared: list[str], print_of_lab: str, rule: str,
             standing: str | None, again: bool) -> None:  # fmt: skip
    course = state.received.path.parent
    contents, old = read(one, declared), read_result(course, one)
    fingerprint = contents.fingerprint()
    whole = f"{print_of_lab}:{fingerprint}"
    before = old.time if old and old.fingerprint.endswith(f":{fingerprint}") else ""
    task = Task(one, whole, state.received.of(one, fingerprint, before), rule)
    page = course / "feedback" / one.student / one.lab / f"{one.lab}.html"
    notebook = course / "autograded" / one.student / one.lab / f"{one.lab}.ipynb"
    if again or not old or not standing or old.fingerprint != whole or not notebook.exists():
        state.to_do.append(task)
    elif (
        (old.standing, old.time, old.rules) != (standing, task.time, rule)
        or old.tasks is None
        or not page.exists()
    ):
        state.changed.append(task)
    else:
        state.results.append(old)


def _gone(course: Path, lab: str, found: Iterable[Submission], student: str | None) -> list[Submission]:
    there = {one.student for one in found}
    return [
        Submission(name, lab, course / "submitted" / name / lab)
        for name in students_with_result(course, lab)
        if student in (None, name) and name not in there and is_gone(course, name, lab)
    ]
