"""What the cells of every chapter use: numbers for the text, claims they settle, and the package's own code."""

import inspect

from IPython.display import Markdown
from myst_nb import glue

claims = {}  # id -> verdict and section


def put(name, value):
    """Let the text around the cells quote `value`."""
    glue(name, value, display=False)


def settle(where, **verdicts):
    """Record what the section `where` has found about claims of the documents: settle("bptt-step", C030="holds")."""
    claims.update({claim: (verdict, where) for claim, verdict in verdicts.items()})


def settled(*numbers):
    """Print the verdicts and let the table of claims quote them; the chapter must have settled these numbers, no others."""
    assert sorted(claims) == sorted(f"C{n:03d}" for n in numbers), sorted({f"C{n:03d}" for n in numbers} ^ claims.keys())
    for claim, (verdict, where) in sorted(claims.items()):
        assert verdict.startswith(("holds", "does not hold", "not settled here")), f"{claim}: {verdict}"
        print(f"{claim} | {verdict} | {where}")
        put(claim, verdict)


def source(function):
    """Show the code of the package."""
    return Markdown(f"```python\n{inspect.getsource(function)}```")
