"""What the cells of every page use: numbers for the text, claims they settle, and the package's own code.

A page in a folder of its own starts with `import sys; sys.path.append("..")` to reach this file.
"""

import inspect

from IPython.display import Markdown
from myst_nb import glue

from rnncourse.notebooks import VERDICTS


def put(name, value):
    """Give the text a number: `rnncourse notebooks` writes it between <!--name--> and <!--/-->."""
    glue(name, str(value), display=False)


def settle(where, **verdicts):
    """Record what the section `where` of this page, given as its anchor, has found about claims.

    settle("one-step-by-hand", C083="holds: by hand, PyTorch and the package agree to 14 digits")

    Raises:
        ValueError: a text that is not one of the five verdicts, a colon and what was found.
    """
    for claim, text in verdicts.items():
        verdict, _, found = text.partition(": ")
        if verdict not in VERDICTS or not found:
            raise ValueError(f"{claim}: got {text!r}, expected '<one of {', '.join(VERDICTS)}>: what was found'")
        glue(f"claim {claim}", f"{where} {verdict}: {found}", display=False)


def source(function):
    """Show the code of the package."""
    return Markdown(f"```python\n{inspect.getsource(function)}```")
