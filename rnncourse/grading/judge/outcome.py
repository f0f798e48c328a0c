"""What came of one code cell in one run: the record that the scoring process sends and everybody reads."""

from dataclasses import dataclass, field

NOT_REACHED = "the run ended before this test"
KEPT = 2000  # characters of a message
BEGIN, END = "BEGIN HIDDEN TESTS", "END HIDDEN TESTS"  # around what students don't receive of a test


@dataclass
class Outcome:
    """`score` is a test's, None for any other cell; `where` says in which half a test failed, "visible" or
    "hidden".
    """

    index: int  # of the cell
    outputs: list[dict] = field(default_factory=list)
    fault: str = ""  # what the student's side did wrong, in words that no student can choose
    score: float | None = None
    where: str = ""
    message: str = ""  # for whoever may see the tests
    hint: str = ""  # the author's words about the failing line
    kind: str = ""  # the built-in exception that a test ended with
    shown: bool = False  # of the run for what the student reads
    at: list[int] = field(default_factory=list)  # cell and line of the student's own error
    rests: list[str] = field(default_factory=list)  # functions that the lab's own stood in for
    person: str = ""  # why the instructor must look at the lab, or empty

    @property
    def error(self) -> str:
        """The error that a cell of a student's ended with, or an empty string."""
        errors = [f"{o['ename']}: {o['evalue']}" for o in self.outputs if o["output_type"] == "error"]
        return "".join(errors[:1])
