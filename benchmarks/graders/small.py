"""A lab of three short answers, as nbgrader, otter-grader and mograder write one, and a class that hands it in."""

import ast
from dataclasses import dataclass
from itertools import product

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_raw_cell

LAB = "small"
KERNEL = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


@dataclass(frozen=True)
class Task:
    """A function, a right answer and a wrong one, and what must be true of it for its one point."""

    name: str
    right: str
    wrong: str
    checks: tuple[str, ...]

    def answer(self, right: bool) -> str:
        return self.right if right else self.wrong


TASKS = [
    Task(
        "double", "def double(x):\n    return 2 * x", "def double(x):\n    return x + 2",
        ("double(2) == 4", "np.array_equal(double(np.arange(3)), [0, 2, 4])"),
    ),
    Task(
        "spread", "def spread(x):\n    return float(np.max(x) - np.min(x))", "def spread(x):\n    return float(x[-1] - x[0])",
        ("spread(np.arange(5.0)) == 4", "spread(np.array([3.0, -1.0, 2.0])) == 4"),
    ),
    Task(
        "centred", "def centred(A):\n    return A - A.mean(axis=0)", "def centred(A):\n    return A - A.mean()",
        ("np.allclose(centred(np.eye(3)).sum(axis=0), 0)", "centred(np.eye(3)).shape == (3, 3)"),
    ),
]  # fmt: skip


def answers(size: int) -> dict[str, dict[str, str]]:
    """So many students' answers by task, right and wrong in every mixture."""
    mixtures = list(product((True, False), repeat=len(TASKS)))
    some = {f"student-{i:02d}": mixtures[i % len(mixtures)] for i in range(size)}
    return {
        student: {task.name: task.answer(right) for task, right in zip(TASKS, mix, strict=True)}
        for student, mix in some.items()
    }


REFERENCE = {task.name: task.right for task in TASKS}


def for_nbgrader(answer: dict[str, str], marked: bool = False) -> NotebookNode:
    """A notebook with these answers; `marked`: the instructor's."""

    def cell(name, source, **flags):
        known = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": name}
        return new_code_cell(source, id=name.replace("_", "-"), metadata={"nbgrader": known | flags})

    cells = [cell("setup", "import numpy as np", locked=True)]
    for task in TASKS:
        source = f"### BEGIN SOLUTION\n{answer[task.name]}\n### END SOLUTION" if marked else answer[task.name]
        cells.append(cell(task.name, source, solution=True))
        tests = "\n".join(f"assert {check}" for check in task.checks)
        cells.append(cell(f"test_{task.name}", tests, grade=True, locked=True, points=1))
    return new_notebook(cells=cells, metadata=KERNEL)


def for_otter(answer: dict[str, str], marked: bool = False) -> NotebookNode:
    """The same for otter-grader."""
    config = "# ASSIGNMENT CONFIG\ngenerate: true\nexport_cell: false\nenvironment: null"
    cells = [*([new_raw_cell(config)] if marked else []), new_code_cell("import numpy as np")]
    for task in TASKS:
        if marked:
            head, _, body = answer[task.name].partition("\n")
            solution = new_code_cell(f"{head}\n    # BEGIN SOLUTION\n{body}\n    # END SOLUTION")
            tests = new_code_cell("\n".join(f"assert {check}" for check in task.checks))
            marks = [new_raw_cell(f"# {words}") for words in ("BEGIN SOLUTION", "END SOLUTION", "BEGIN TESTS", "END TESTS")]
            cells += [new_raw_cell(f"# BEGIN QUESTION\nname: {task.name}\npoints: 1"), marks[0], solution, *marks[1:3], tests]
            cells += [marks[3], new_raw_cell("# END QUESTION")]
        else:
            cells.append(new_code_cell(answer[task.name]))
    return new_notebook(cells=cells, metadata=KERNEL)


def for_mograder(answer: dict[str, str], marked: bool = False) -> str:
    """The same for mograder: a marimo notebook, a Python file."""
    blocks = [
        "    import numpy as np\n    from mograder.runtime import Grader\n\n"
        f"    check = Grader({dict.fromkeys(REFERENCE, 1)}).check\n    return check, np"
    ]
    needed = ["()"]
    for task in TASKS:
        head, _, body = answer[task.name].replace("\n", "\n    ").partition("\n")
        body = f"        ### BEGIN SOLUTION\n{body}\n        ### END SOLUTION" if marked else body
        blocks.append(f"    {head}\n{body}\n    return ({task.name},)")
        blocks.append(f"    check({task.name!r}, [({' and '.join(task.checks)}, 'not yet')])\n    return")
        needed += ["(np)", f"(check, np, {task.name})"]
    cells = "\n\n".join(f"@app.cell\ndef _{names}:\n{block}\n" for names, block in zip(needed, blocks, strict=True))
    head = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["marimo", "mograder", "numpy"]\n# ///\n\n'
    source = f'{head}import marimo\n\napp = marimo.App()\n\n\n{cells}\n\nif __name__ == "__main__":\n    app.run()\n'
    ast.parse(source)
    return source
