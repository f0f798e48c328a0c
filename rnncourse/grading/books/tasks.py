"""What there is to say about a notebook that was run, task by task, in words: `feedback` makes a page of it,
`check` an answer in the terminal.

A task begins at the text before a solution cell and ends before the next. What is said of a test that failed
comes from the run without hidden tests; of the other there are its score, its author's hint, and on which
earlier function it rests.
"""

import re
from dataclasses import dataclass, field

from nbformat import NotebookNode

from rnncourse.grading.books.collect import text
from rnncourse.grading.judge.failure import parted, without_hidden
from rnncourse.grading.judge.outcome import BEGIN

_HEADING = re.compile(r"^#{1,6}[ \t]*(.+?)[ \t]*#*$", re.MULTILINE)
_POINTS = re.compile(r"\s*\([^()]*\bpoints?\b[^()]*\)$")
_LABEL = re.compile(
    r"^((Visible|Hidden) test, )?[\d.]+ points?[.:]\s*|^(Visible|Hidden) test[.:]\s*", re.IGNORECASE
)
OWN, BY_HAND, WAITS = "Cells of your own", "For a person to grade", "for a person to grade"
SAME = "First mend what is said above: it may well fail for the same reason."


@dataclass
class Test:
    """A test cell."""

    label: str  # visible, hidden, or both
    about: str  # its author's first words
    points: float
    score: float | None  # None where it can't be known here
    extra: float = 0.0
    state: str = ""
    said: str = ""  # a message: the author's, or of what a student's function raised
    dump: str = ""  # of the values, as the library that compared them prints it
    kind: str = ""  # the exception that it ended with, by its built-in name
    at: dict = field(default_factory=dict)  # the line of the student's that raised it
    source: str = ""  # of its visible part, where that failed
    hint: str = ""  # the author's, for what failed in the hidden part
    note: str = ""  # ours, in whole sentences
    rests: list[str] = field(default_factory=list)  # the functions of earlier tasks that it fails for
    uses: list[str] = field(default_factory=list)  # and those that its answer calls
    hidden: str = ""  # "half" of it, or "all"

    @property
    def passed(self) -> bool:
        return self.score is None or self.score >= self.points

    @property
    def by_hand(self) -> bool:
        """Whether it is for a person to grade."""
        return self.label == BY_HAND


@dataclass
class Answer:
    """A cell that a student wrote."""

    name: str
    cell: NotebookNode
    added: bool = False
    fault: str = ""
    unanswered: bool = False

    @property
    def stops(self) -> str:
        """Why it did not run to its end, or nothing."""
        errors = [output for output in self.cell.get("outputs", []) if output.output_type == "error"]
        return self.fault or "".join(text(f"{error.ename}: {error.evalue}") for error in errors[:1])


@dataclass
class Task:
    """A task, `number` in the order of the lab."""

    number: int
    title: str
    text: str = ""  # Markdown
    node: NotebookNode | None = None  # the cell that it stands in
    function: str = ""  # the name of its first solution cell
    tests: list[Test] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)  # a person's, Markdown
    words: str = ""  # of its tests, as far as they are visible

    @property
    def name(self) -> str:
        """Its function where text or tests speak of it, or its title."""
        is_known = self.function and re.search(rf"\b{re.escape(self.function)}\b", self.text + self.words)
        return self.function if is_known else f"“{self.title}”"

    def defines(self, name: str) -> bool:
        """Whether a cell of it is there to bind a name, as far as lines tell."""
        binds = re.compile(
            rf"^((async )?def|class) +{re.escape(name)}\b|^{re.escape(name)} *=", re.MULTILINE
        )
        return name == self.function or any(binds.search(answer.cell.source) for answer in self.answers)

    @property
    def points(self) -> float:
        return sum(test.points for test in self.tests)

    @property
    def unknown(self) -> float:
        """The points of hidden tests that can't be known here."""
        return sum(test.points for test in self.tests if test.score is None and test.hidden)

    @property
    def known(self) -> float:
        """The points that can be known here."""
        return sum(test.points for test in self.tests if test.score is not None)

    @property
    def score(self) -> float:
        return sum(test.score or 0.0 for test in self.tests)

    @property
    def passed(self) -> bool:
        return all(test.passed for test in self.tests)

    @property
    def unanswered(self) -> bool:
        own = [answer for answer in self.answers if not answer.added]
        return bool(own) and all(answer.unanswered for answer in own) and not self.score


def tasks_of(nb: NotebookNode, home: bool = False) -> list[Task]:
    """The tasks of a notebook whose cells hold what came of them; at `home` nothing is final."""
    tasks = _grouped(nb)
    for task in tasks:
        faults = [answer.fault for answer in task.answers] + [test.note for test in task.tests]
        for test in task.tests:
            if home and (test.by_hand or test.hidden == "all" or (test.hidden and test.passed)):
                test.score = None
            if not test.state or (home and test.by_hand):
                test.state = _state(test, task, home)
            if test.hint and (task.unanswered or any(faults)):
                test.hint, test.note = "", "" if task.unanswered else SAME
            if test.at and test.hint:
                test.hint, test.note = "", "It raises what the visible test raises."
            if task.unanswered:
                test.said, test.dump = "", f"{test.said}\n{test.dump}".strip("\n")
                test.source, test.note, test.at = "", "", {}
    names = {answer.name: task for task in tasks for answer in task.answers}
    kinds = {str(test.at): test.kind for task in tasks for test in task.tests if test.kind}
    for task in tasks:
        for test in task.tests:
            said = re.match(r"the cell (\S+) failed: (['\"]?)(.*)\2$", test.said, re.DOTALL)
            if said and said[1] in names:
                which = "Your cell" if names[said[1]] is task else f"The cell of “{names[said[1]].title}”"
                test.said, test.source = f"{which} did not run to its end: {said[3]}", ""
            if test.at:
                test.kind = test.kind or kinds.get(str(test.at), "")
                test.said = test.said.removeprefix(f"{test.kind}: ")
                of = names.get(test.at["cell"])
                own = of and not test.at["cell"].startswith("added ")
                test.at["name"] = of.name if own else f"your own cell ({test.at['cell']})"
            if test.rests:
                others = " and ".join(test.rests)
                verb = "which is not" if len(test.rests) == 1 else "which are not"
                test.note = f"{task.name} is right; it calls {others}, {verb}."
    return tasks


def _grouped(nb: NotebookNode) -> list[Task]:
    tasks, pending, added = [], [], 0
    for i, cell in enumerate(nb.cells):
        own, flags = cell.metadata.get("rnncourse", {}), cell.metadata.get("nbgrader", {})
        kind, is_added, by_hand = own.get("kind", ""), own.get("added", False), flags.get("task")
        graded, answers = flags.get("grade") or by_hand, kind in ("solution", "manual")
        if kind == "text" and not is_added and not graded:
            is_title = not i and cell.source.startswith("# ")
            pending += [] if is_title else [cell]
            continue
        if not (graded or answers or is_added):
            continue
        if not tasks or by_hand or (answers and (pending or tasks[-1].tests or not tasks[-1].function)):
            texts = [cell] if by_hand else [] if is_added else pending
            tasks.append(_begun(texts, {"grade_id": OWN} if is_added else flags, len(tasks) + 1))
        task = tasks[-1]
        if is_added:
            added += 1
            task.answers.append(_answer(cell, own, f"added {added}"))
            continue
        pending = []
        if answers:
            task.answers.append(_answer(cell, own, ""))
            task.function = task.function or text(flags.get("grade_id", ""))
        if graded:
            task.tests.append(_test(cell, own, flags))
            task.words += without_hidden(cell.source)
        if flags.get("comment") and (answers or by_hand):
            task.comments.append(text(flags["comment"]))
    return tasks


def _begun(texts: list, flags: dict, number: int) -> Task:
    """A task with the last of these texts that has a heading, and what follows it."""
    with_heading = [i for i, cell in enumerate(texts) if _HEADING.search(cell.source)]
    texts = texts[with_heading[-1] :] if with_heading else texts[-1:]
    words = text("\n\n".join(cell.source for cell in texts))
    found, name = _HEADING.search(words), text(flags.get("grade_id", ""))
    title = f"Task {number}" if not name or re.fullmatch(r"cell-[0-9a-f]+", name) else name
    if found:
        title = re.sub(r"[`*$]", "", _POINTS.sub("", found[1]))
        words = f"{words[: found.start()]}\n{words[found.end() :]}"
    node = next((cell for cell in texts if cell.get("attachments")), None)
    return Task(number, title, re.sub(r"^\s*(-{3,}\s*)?|(\n-{3,})?\s*$", "", words), node)


def _answer(cell, own: dict, added: str) -> Answer:
    name = added or text(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
    return Answer(name, cell, bool(added), text(own.get("fault", "")), own.get("unanswered", False))


def _test(cell, own: dict, flags: dict) -> Test:
    source = cell.source
    visible = without_hidden(source) if BEGIN in source else source
    has_code = any(line.strip() and not line.strip().startswith("#") for line in visible.splitlines())
    is_test, hidden = cell.cell_type == "code" and not flags.get("solution"), ""
    if is_test and (BEGIN in source or own.get("hidden") or not has_code):
        hidden = "half" if has_code else "all"
    labels = {"": "Visible test", "half": "Test, half of it hidden", "all": "Hidden test"}
    label = labels[hidden] if is_test else BY_HAND
    in_hidden, fault = own.get("where") == "hidden", text(own.get("fault", ""))
    score = flags.get("score", own.get("score"))
    message = "" if in_hidden or fault else text(own.get("message", ""))
    test = Test(
        label, _about(visible, in_hidden) if is_test else "", flags.get("points", 0), score or 0.0,
        flags.get("extra_credit") or 0, hint=text(own.get("hint", "")) if in_hidden else "",
        note=f"The grader says: {fault}." if fault else "", at=_at(own.get("at")),
        rests=list(own.get("rests") or []), uses=list(own.get("uses") or []), hidden=hidden,
        kind=own.get("kind", "") if own.get("where") else "",
    )  # fmt: skip
    test.said, test.dump = parted(message)
    if own.get("where") == "visible":
        test.source = re.sub(r"\n{3,}", "\n\n", text(visible)).strip("\n")
    if flags.get("waits"):
        test.state = WAITS
    elif own.get("score") is None and not is_test:
        test.state = "graded by a person"
    return test


def _at(said) -> dict:
    """The line of a student's code where an error came from, if that is known."""
    known = isinstance(said, dict) and {"cell", "line", "text"} <= said.keys()
    return (
        {"cell": text(said["cell"]), "line": said["line"], "text": text(said["text"]).strip()}
        if known
        else {}
    )


def _about(visible: str, in_hidden: bool) -> str:
    comments = [line.lstrip("# ").strip() for line in visible.splitlines() if line.startswith("#")]
    comments = [line for line in comments if line and BEGIN not in line]
    of_hidden = [line for line in comments if line.startswith("Hidden")] if in_hidden else []
    said = re.match(r"\s*(\"\"\"|\'\'\')(.+?)(\1|\n)", visible)  # as nbgrader's own examples have it
    about = _LABEL.sub("", text((of_hidden or comments or [said[2].strip() if said else ""])[0]))
    return about[:1].upper() + about[1:] if re.match("[a-z]+ ", about) else about


def _state(test: Test, task: Task, home: bool) -> str:
    if test.score is None:
        if test.by_hand:
            return "a person grades it"
        return "not here" if test.hidden == "all" else "visible half passed"
    if test.rests:
        return f"counts, with a right {' and '.join(test.rests)}"
    if test.passed:
        return "passed"
    if task.unanswered:
        return "not answered"
    return "partly" if test.score else "not yet" if home else "not passed"


def advice(tasks: list[Task]) -> list[tuple[Task, str]]:
    """What to do first, second, …, and why: the task on which most others rest, then the others in order."""
    waiting: dict[int, list[str]] = {}
    for task in tasks:
        for name in {name for test in task.tests for name in test.rests}:
            if earlier := next((other for other in tasks if other.defines(name)), None):
                waiting.setdefault(earlier.number, []).append(task.title)
    failing = [task for task in tasks if any(not test.passed and test.state != WAITS for test in task.tests)]
    failing.sort(key=lambda task: (-len(waiting.get(task.number, [])), task.unanswered, task.number))
    return [(task, _why(task, waiting.get(task.number, []))) for task in failing]


def _why(task: Task, waiting: list[str]) -> str:
    failed = [test for test in task.tests if not test.passed]
    own = [test for test in failed if test.source or test.said or test.note not in ("", SAME)]
    if task.unanswered:
        why = "not answered"
    elif any(test.by_hand for test in failed):
        why = "a person has taken points off"
    elif any(answer.stops for answer in task.answers):
        why = "its cell does not run to its end"
    elif own:
        why = "its visible test fails"
    else:
        why = "only its hidden test fails"
    return why + (
        f"; {' and '.join(waiting)} {'rests' if len(waiting) == 1 else 'rest'} on it" if waiting else ""
    )
