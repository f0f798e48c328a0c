"""Links that mean one thing in Jupyter and another in the built book: to a lab, which lies outside the book and is downloaded
there, and to a page, from HTML that a cell has put out.
"""

import re

from sphinx.util.osutil import relative_uri


def setup(app):
    app.connect("source-read", _mark)
    app.connect("html-page-context", _to_pages)
    return {"parallel_read_safe": True}


def _mark(app, docname, source):
    source[0] = re.sub(r"\]\(((?:\.\./)+labs/)", r"](path:\1", source[0])  # myst's word for a file that is no page


def _to_pages(app, pagename, templatename, context, doctree):
    def link(match):
        return f'href="{relative_uri(pagename, match[1])}.html' if match[1] in app.env.found_docs else match[0]

    if "body" in context:
        context["body"] = re.sub(r'(?<=<a )href="([\w/]+)\.ipynb(?=["#])', link, context["body"])
