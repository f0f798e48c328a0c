"""Links from a page to a lab, which lies outside the book: in Jupyter they open it, in the built book they download it."""

import re


def setup(app):
    app.connect("source-read", _mark)
    return {"parallel_read_safe": True}


def _mark(app, docname, source):
    source[0] = re.sub(r"\]\(((?:\.\./)+labs/)", r"](path:\1", source[0])  # myst's word for a file that is no page
