"""Sphinx extension of this book: an index of its sections, which assets/search.js searches, from a folder as from a server.

An entry is a section, a term of the glossary or a work cited: page, anchor, title of the page, heading, and its own text
without code, formulas and subsections.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.addnodes import glossary

OUT_OF_INDEX = (  # code, formulas, pictures, headings, and what has an entry of its own
    nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment, nodes.image, nodes.title, nodes.label,
    nodes.citation, glossary,
)  # fmt: skip


def setup(app):
    app.connect("build-finished", write_index)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def write_index(app, exception):
    if exception or app.builder.format != "html":
        return
    entries = []
    for page in sorted(app.env.all_docs):
        doctree = app.env.get_doctree(page)
        if any(node.tagname == "bibliography" for node in doctree.findall()):  # its list is made when the page is written
            doctree = app.env.get_and_resolve_doctree(page, app.builder)
        entries += entries_of(page, doctree)
    script = f"const SECTIONS = {json.dumps(entries, ensure_ascii=False, separators=(',', ':'))};\n"
    Path(app.outdir, "_static", "sections.js").write_text(script, encoding="utf-8")


def entries_of(page, doctree):
    """The sections, terms and works of a page, in their order: [page, anchor, title, heading, text]."""
    title = next(doctree.findall(nodes.title)).astext()
    for node in doctree.findall(lambda n: isinstance(n, (nodes.term, nodes.citation)) or is_section(n)):
        if isinstance(node, nodes.term):
            definition = node.next_node(nodes.definition, descend=False, siblings=True)
            if node["ids"] and definition:
                yield [page, node["ids"][0], title, node.astext(), text_of(definition)]
        elif isinstance(node, nodes.citation):
            text = text_of(node)
            yield [page, node["ids"][0], title, text.partition(". ")[0], text]
        else:
            heading = node[node.first_child_matching_class(nodes.title)].astext()
            yield [page, node["ids"][0], title, heading, text_of(node)]


def is_section(node):
    """Whether it has a heading: exercises and theorems are made of sections that have none."""
    return isinstance(node, nodes.section) and node.first_child_matching_class(nodes.title) is not None


def text_of(node):
    """The text of a node, without what has an entry of its own."""
    parts = []
    for child in node.children:
        if isinstance(child, nodes.Text):
            parts.append(child.astext())
        elif not (isinstance(child, OUT_OF_INDEX) or is_section(child) or "tag_hidden" in child.get("classes", [])):
            parts.append(text_of(child) + " " * isinstance(child, (nodes.Body, nodes.Part)))
    return " ".join("".join(parts).split()) if isinstance(node, (nodes.Body, nodes.Part)) else "".join(parts)
