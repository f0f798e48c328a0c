"""Text and code as a page shows them: Markdown with formulas, and Python in colours, without script."""

import functools
import html
import re

import nh3
from latex2mathml.converter import convert
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

MAX_COLOURED = 8_000  # characters of a cell: what is longer is shown plain
_TAGS = {
    "table", "thead", "tbody", "tr", "th", "td", "p", "b", "i", "em", "strong", "code", "pre", "ul", "ol",
    "li", "br", "sub", "sup", "a", "blockquote", "del", "div", "hr", "span", "u", "img",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href"}, "img": {"src", "alt"}, "span": {"class"}, "div": {"class", "tabindex"}, "p": {"class"},
    "pre": {"tabindex"},
}  # fmt: skip
_ENVIRONMENTS = {  # those that the library doesn't know, by one that it does
    "aligned|alignedat|alignat|eqnarray": r"\\\1{align*}",
    "gather|gathered|multline": r"\\\1{matrix}",
    "equation": "",
}
_FORMULA = re.compile("\ue000(\\d+)\ue001")


def markdown(source: str, pictures: dict[str, str] | None = None) -> Markup:
    """The HTML of a text of the lab's; `pictures` are the addresses of those that are attached to it."""
    return _markdown(source, tuple(sorted((pictures or {}).items())))


@functools.lru_cache(500)
def _markdown(source: str, pictures: tuple) -> Markup:
    renderer = _Renderer(dict(pictures))
    page = MarkdownWithMath(renderer).render(_FORMULA.sub("", source))
    page = nh3.clean(
        page, tags=_TAGS, attributes=_ATTRIBUTES, url_schemes={"http", "https", "mailto", "data"}
    )
    return Markup(_FORMULA.sub(lambda found: renderer.formulas[int(found[1])], page))


class _Renderer(IPythonRenderer):
    """Formulas as MathML, headings as bold words, and of links those that lead somewhere from this page."""

    def __init__(self, pictures: dict[str, str]):
        super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)
        self.pictures, self.formulas = pictures, []

    def _kept(self, tex: str, block: bool) -> str:
        self.formulas.append(formula(tex.strip(), block))
        return f"\ue000{len(self.formulas) - 1}\ue001"

    def block_math(self, body: str) -> str:
        return self._kept(body, True)

    def inline_math(self, body: str) -> str:
        return self._kept(body, False)

    def latex_environment(self, name: str, body: str) -> str:
        return self._kept(f"\\begin{{{name}}}{body}\\end{{{name}}}", True)

    def heading(self, text: str, level: int, **attrs) -> str:
        return f'<p class="heading"><strong>{text}</strong></p>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        leads = re.match(r"https?://|mailto:", url)
        return f'<a href="{html.escape(url)}">{text}</a>' if leads else text

    def image(self, text: str, url: str, title: str | None = None) -> str:
        address = self.pictures.get(url.removeprefix("attachment:"))
        return (
            f'<img src="{address}" alt="{html.escape(text)}">'
            if address
            else f"<em>{html.escape(text)}</em>"
        )

    def table(self, text: str) -> str:
        return f'<div class="wide" tabindex="0"><table>\n{text}</table></div>\n'

    def block_code(self, code: str, info: str | None = None) -> str:
        return f'<pre tabindex="0">{_coloured(code) if info == "python" else html.escape(code)}</pre>\n'


def formula(tex: str, block: bool) -> str:
    """A formula as MathML, or as it is written where the library can't read it."""
    for pattern, name in _ENVIRONMENTS.items():
        tex = re.sub(rf"\\(begin|end){{(?:{pattern})\*?}}(?:{{\d+}})?", name, tex)
    try:
        shown = convert(tex, display="block" if block else "inline")
    except Exception:  # whatever it says of TeX that it doesn't know
        shown = f"<code>{html.escape(tex)}</code>"
    return f'<span class="formula" tabindex="0">{shown}</span>' if block else shown


def code(source: str, here: int = 0, coloured: bool = True) -> Markup:
    """The lines of a cell, numbered; `here` is one that is marked."""
    coloured = coloured and len(source) <= MAX_COLOURED
    lines = (_coloured(source) if coloured else html.escape(source)).split("\n")
    classes = ["line here" if number == here else "line" for number in range(1, len(lines) + 1)]
    return Markup(
        "\n".join(f'<span class="{c}">{line}</span>' for c, line in zip(classes, lines, strict=True))
    )


@functools.lru_cache(500)
def _coloured(source: str) -> str:
    return highlight(source, _LEXER, _FORMATTER).removesuffix("\n")


_LEXER = PythonLexer(stripnl=False, ensurenl=True)
_FORMATTER = HtmlFormatter(nowrap=True, classprefix="py-")
