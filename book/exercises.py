"""Sphinx extension of this book: exercises, theorems and proofs, which are boxes in the book and read complete in Jupyter.

In a notebook an exercise starts with `**Exercise: its title.**<!--exercise label-->` and ends with `<!--/exercise-->`. Its
solution, which may hold cells of code, stands between `**Solution.**<!--solution label-->` and `<!--/solution-->`, a theorem
between `**Theorem: its title.**<!--theorem label-->` and `<!--/theorem-->`, its proof between `**Proof.**<!--proof of label-->`
and `<!--/proof-->`. Jupyter and GitHub show all but the marks; here they become the directives of sphinx-exercise and
sphinx-proof.
"""

import re

DIRECTIVES = [  # in the JSON of a notebook, where the end of a line is \n in two characters
    (r"\*\*Exercise: ((?:[^*\"\\]|\\\\)+?)\.?\*\*<!--exercise ([\w-]+)-->", r"```{exercise-start} \1\\n:label: \2\\n```"),
    (r"<!--/exercise-->", r"```{exercise-end}\\n```"),
    (r"\*\*Solution\.\*\*<!--solution ([\w-]+)-->", r"```{solution-start} \1\\n:class: dropdown\\n```"),
    (r"<!--/solution-->", r"```{solution-end}\\n```"),
    (r"\*\*Theorem: ((?:[^*\"\\]|\\\\)+?)\.?\*\*<!--theorem ([\w-]+)-->", r":::{prf:theorem} \1\\n:label: \2"),
    (r"\*\*Proof\.\*\*<!--proof of [\w-]+-->", r":::{prf:proof}"),
    (r"<!--/(?:theorem|proof)-->", r":::"),
]


def setup(app):
    app.connect("source-read", to_directives)
    return {"parallel_read_safe": True}


def to_directives(app, docname, source):
    for pattern, directive in DIRECTIVES:
        source[0] = re.sub(pattern, directive, source[0])
