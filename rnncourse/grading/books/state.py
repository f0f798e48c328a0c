"""What `rnncourse grade` has to do: what it keeps is computed from files, gradebook and configuration as
they are now, and here is where they are compared with what it has kept.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from traitlets.config import Config

from rnncourse.grading.books.collect import Submission, is_gone, read, submissions
from rnncourse.grading.books.course import cell_time, declared, folder, lab_fingerprint, notebooks, rules
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


def state_of(config: Config, root: Path, labs: list[str], student: str | None = None,
             watch=lambda found, name: found, again: bool = False) -> State:  # fmt: skip
    """Compare everything; `student` alone, who is then to be graded whether anything changed or not, as all
    are `again`.

    `root` holds nbgrader_config.py, `watch` may show how far along the list of a lab's submissions it is.

    Raises:
        RuntimeError, OSError: the gradebook or the course's folders can't be read.
    """
    received = Received(Path(config.CourseDirectory.root), bool(config.Grader.get("timestamps", False)))
    state, standing, rule = State(received), read_standings(config), rules(config, root)
    submitted, autograded, feedback = (
        folder(config, step) for step in ("submitted", "autograded", "feedback")
    )

    def compare(one: Submission, names: Iterable[str], files: list[str], print_of_lab: str) -> None:
        contents, old = read(one, names, files), read_result(autograded, one)
        fingerprint, stands = contents.fingerprint(), standing.get((one.student, one.lab))
        whole = f"{print_of_lab}:{fingerprint}"
        before = old.time if old and old.fingerprint.endswith(f":{fingerprint}") else ""
        task = Task(one, whole, received.of(one, fingerprint, before), rule)
        graded = all((autograded / one.student / one.lab / f"{name}.ipynb").exists() for name in names)
        told = all((feedback / one.student / one.lab / f"{name}.html").exists() for name in names)
        anew = again or student is not None
        if anew or not old or not stands or old.fingerprint != whole or not graded:
            state.to_do.append(task)
        elif (
            (old.standing, old.time, old.rules) != (stands, task.time, rule) or old.tasks is None or not told
        ):
            state.changed.append(task)
        else:
            state.results.append(old)

    for lab in labs:
        source = folder(config, "source") / lab
        found = [one for one in submissions(submitted, lab) if student in (None, one.student)]
        try:
            print_of_lab = f"{lab_fingerprint(config, lab)}:{cell_time(config)}"
            of_lab = notebooks(source), declared(source), print_of_lab
        except (RuntimeError, OSError) as error:
            state.results += [failed(one.student, lab, error) for one in found]
            continue
        for one in watch(found, lab):
            try:
                compare(one, *of_lab)
            except Exception as error:
                state.results.append(failed(one.student, lab, error))
        there = {one.student for one in found}
        state.gone += [
            Submission(name, lab, submitted / name / lab)
            for name in students_with_result(autograded, lab)
            if student in (None, name) and name not in there and is_gone(submitted, name, lab)
        ]
    return state
