"""Sphinx extension of this book: pages that are light to load.

The theme's thirteen style sheets become two without the fonts of icons (book.css draws the icons that are used), scripts that
the book doesn't need stay away, and the others become one. Every picture states its size, so nothing jumps while it loads.
"""

import base64
import gzip
import json
import re
import shutil
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from docutils import nodes
from sphinx.builders.html._assets import _CascadingStyleSheet, _JavaScript
from sphinx.errors import ExtensionError

THEME_STYLES = ["basic.css", "styles/pydata-sphinx-theme.css"]  # linked by the theme's frame, before all others
# Sphinx's marks of what was searched for (search.js has ours), and tabs, of which the book has none.
NOT_NEEDED = {"doctools.js", "sphinx_highlight.js", "translations.js", "design-tabs.js"}
ALONE = {"", "documentation_options.js", "afm.js", "claims.js"}  # not on every page; "" stands in the page itself
LATE_STYLE = "_static/pygments.css"  # the theme rewrites it at the end of the build
USUAL_FONTS = r"url\((katex/fonts/KaTeX_(?:Main-Regular|Math-Italic|Size\d-Regular)\.woff2)\)"  # on every page with formulas
# They stand in the style sheet: unpack them before there is text that would jump when they come.
UNPACK = """for (const font of ["1em KaTeX_Main", "italic 1em KaTeX_Math", "1em KaTeX_Size1", "1em KaTeX_Size2"])
  document.fonts.load(font);"""
WIDGET = "application/vnd.jupyter.widget"
NOT_LOADED = ["scripts/fontawesome.js", "scripts/*.map", "styles/*.map", "vendor", "searchtools.js", "language_data.js"]
PIXELS = {"pt": 4 / 3, "px": 1, "": 1, "in": 96}


def setup(app):
    app.connect("doctree-resolved", without_double_ids)
    app.connect("html-page-context", slim, priority=1000)  # when all others have added theirs
    app.connect("build-finished", put_together, priority=1000)  # when all others have written theirs
    return {"parallel_read_safe": True, "parallel_write_safe": False}


def without_double_ids(app, doctree, docname):
    """sphinx_exercise and sphinx_proof give every proof, and the inside of every exercise and theorem, the same id."""
    for node in doctree.findall(lambda n: isinstance(n, (nodes.section, nodes.admonition))):
        if node["ids"] and re.fullmatch(r"proof|(exercise|solution|proof)-content", node["ids"][0]):
            node["ids"] = []


def slim(app, pagename, templatename, context, doctree):
    together, alone = [], []
    for script in context["script_files"]:
        name = PurePosixPath(script.filename or "").name
        if name not in NOT_NEEDED:
            (alone if name in ALONE else together).append(script)
    if not hasattr(app, "light_pages"):
        app.light_pages, app.light_styles = together, context["css_files"]
    if together != app.light_pages:
        extra = set(together) ^ set(app.light_pages)
        raise ExtensionError(f"{pagename} wants scripts that other pages don't, name them in light.ALONE: {extra}")
    context["css_files"] = [_CascadingStyleSheet(LATE_STYLE), _CascadingStyleSheet("_static/all.css")]
    unpack = [_JavaScript(None, body=UNPACK)] if 'class="katex' in context.get("body", "") else []
    context["script_files"] = [*alone, *unpack, _JavaScript("_static/all.js")]
    if "body" in context:
        state = next((s.attributes["body"] for s in alone if s.attributes.get("type") == f"{WIDGET}-state+json"), None)
        body = with_places(context["body"], json.loads(state)["state"]) if state else context["body"]
        pictures = {name: Path(app.srcdir, source) for source, name in app.builder.images.items()}  # not yet in _images
        context["body"] = re.sub(r"<img [^>]*>", lambda tag: with_size(tag[0], pictures), body)


def write_scripts(app, files):
    texts = [Path(app.outdir, file.filename).read_text(encoding="utf-8") for file in files]
    Path(app.outdir, "_static", "all.js").write_text(";\n".join(texts), encoding="utf-8")


def write_styles(static, files):
    names = [str(PurePosixPath(file.filename).relative_to("_static")) for file in files if file.filename != LATE_STYLE]
    rules = []
    for name in [*THEME_STYLES, *names]:
        text = (static / name).read_text(encoding="utf-8")
        folder = PurePosixPath(name).parent
        text = re.sub(r"url\((?![\"']?(?:data:|#))[\"']?([^)\"']+)[\"']?\)", lambda m, f=folder: f"url({f / m[1]})", text)
        text = re.sub(r"@font-face\s*\{[^}]*(?:Font Awesome|FontAwesome)[^}]*\}", "", text)
        text = re.sub(r"(?:\.fa[\w-]*(?:::?before)?,?)+\{--fa:[^}]*\}|\.fa-[\w-]+(?:::?before)?\{content:[^}]*\}", "", text)
        text = re.sub(r"(?:,url\([^)]*\.(?:woff|ttf)\)\s*format\(\"(?:woff|truetype)\"\))", "", text)  # all browsers read woff2
        text = re.sub(USUAL_FONTS, lambda m: f"url({embedded(static / m[1])})", text)
        rules.append(re.sub(r"@charset[^;]*;|/\*# sourceMappingURL.*?\*/", "", text))
    (static / "all.css").write_text("\n".join(rules), encoding="utf-8")


def embedded(file):
    """A font as a part of the style sheet: text that waits for a font would jump when it comes."""
    return f"data:font/woff2;base64,{base64.b64encode(file.read_bytes()).decode()}"


def with_size(tag, pictures):
    """An <img> of an SVG with the size that it states, in a box that scrolls where a phone is too narrow for its text."""
    name = re.search(r'src="[^"]*_images/([^"]+\.svg)"', tag)
    sizes = sizes_of(pictures[unquote(name[1])].read_text(encoding="utf-8")) if name else None
    if sizes is None:
        return tag
    width, height, least = sizes
    tag = tag.replace("<img ", f'<img width="{width:.0f}" height="{height:.0f}" ', 1)
    return f'<span class="picture" style="--least: {least:.0f}px">{tag}</span>'


def with_places(body, states):
    """A place for each widget of the kind Explore, of the size that it will have."""

    def place(script):
        state = states[json.loads(script[1])["model_id"]]
        frames = [buffer["data"] for buffer in state.get("buffers", []) if buffer["path"] == ["frames"]]
        sizes = frames and sizes_of(gzip.decompress(base64.b64decode(frames[0])).decode().split("\0")[0])
        if not sizes:
            return script[0]
        width, height, least = sizes
        rows = len(state["state"]["spec"])
        style = f"--width: {width:.0f}; --height: {height:.0f}; --rows: {rows}; --least: {least:.0f}px"
        return f'<div class="widget-place" style="{style}">{script[0]}</div>'

    return re.sub(rf'<script type="{re.escape(WIDGET)}-view\+json">(.*?)</script>', place, body, flags=re.DOTALL)


def sizes_of(svg):
    """Width and height of an SVG in pixels, and the width at which its smallest text is 8 pixels high; None where it has none.

    matplotlib draws text as outlines of 100 units, scaled to the size of the font in points.
    """
    head = re.search(r"<svg[^>]*>", svg)
    found = head and [re.search(rf'\b{side}="([\d.]+)(pt|px|in|)"', head[0]) for side in ("width", "height")]
    if not found or not all(found):
        return None
    width, height = [float(m[1]) * PIXELS[m[2]] for m in found]
    fonts = [100 * float(scale) * 4 / 3 for scale in re.findall(r"scale\(([\d.]+) -[\d.]+\)", svg)]
    return width, height, 8 * width / min(fonts) if fonts else 0


def put_together(app, exception):
    if exception or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    if hasattr(app, "light_pages"):  # a page was written
        write_styles(static, app.light_styles)
        write_scripts(app, app.light_pages)
    for pattern in NOT_LOADED:
        for path in static.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
