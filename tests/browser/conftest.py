"""The built book in a browser: Chromium started once, each page loaded once."""

import functools
import json
import os
import shutil
import threading
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Error, Page, sync_playwright

REPOSITORY = Path(__file__).parents[2]
HTML = REPOSITORY / "_build" / "html"
AXE = REPOSITORY / "node_modules" / "axe-core" / "axe.min.js"
WORDS = ("recurrence", "bptt", "lstm", "gru", "bidirectional", "seq2seq", "ssm", "linear", "practice", "cost")
GET_CHROMIUM = "apt-get install chromium, or playwright install chromium, or set CHROMIUM to its program"


def page_names():
    """The pages that the last build wrote: those of the table of contents, and the two that Sphinx adds."""
    index = HTML / "searchindex.js"
    if not index.exists():
        return ["intro"]  # its tests fail, and say why
    text = index.read_text(encoding="utf-8")
    return [*json.loads(text[text.index("{") : text.rindex("}") + 1])["docnames"], "genindex", "search"]


@pytest.fixture(scope="session")
def html():
    """The folder of the built book."""
    for path in (HTML / "index.html", AXE):
        if not path.exists():
            pytest.fail(f"there is no {path.relative_to(REPOSITORY)}: run `make book` first", pytrace=False)
    return HTML


@pytest.fixture(scope="session")
def pages(html):
    """The file of every page."""
    return [html / f"{name}.html" for name in page_names()]


@pytest.fixture(scope="session")
def axe(html):
    """The script that looks for what shuts readers out."""
    return AXE.read_text(encoding="utf-8")


def start_chromium(playwright):
    """Chromium: the one that CHROMIUM names, or the system's, or playwright's own."""
    installed = map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])
    program = os.environ.get("CHROMIUM") or next(filter(None, installed), None)
    return playwright.chromium.launch(executable_path=program)


@pytest.fixture(scope="session")
def browser():
    """Chromium, started once."""
    with sync_playwright() as playwright:
        browser = reason = None
        try:
            browser = start_chromium(playwright)
        except Error as error:
            reason = error.message.splitlines()[0]
        if browser is None:
            pytest.fail(f"no Chromium that starts: {GET_CHROMIUM} ({reason})", pytrace=False)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(html):
    """The address of a web server of the book."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=html)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@dataclass
class Visit:
    """A page in the browser, and all that it complained about since it was opened."""

    page: Page
    home: str
    name: str
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def open(self):
        page = self.page
        page.set_default_timeout(30_000)
        page.on("request", lambda r: self.complain(f"asks {r.url}", r.url.startswith((self.home, "data:", "blob:"))))
        page.on("request", lambda r: self.requests.append(r.url))
        left = ("net::ERR_ABORTED", "/_static/favicon.svg")  # the icon is on its way when a test goes on to the next page
        page.on(
            "requestfailed",
            lambda r: self.complain(f"does not get {r.url}: {r.failure}", r.failure == left[0] and r.url.endswith(left[1])),
        )
        page.on("response", lambda r: self.complain(f"gets {r.status} for {r.url}", r.ok))
        page.on("console", lambda m: self.complain(f"console: {m.text}", m.type != "error"))
        page.on("pageerror", lambda error: self.complain(f"error: {error}"))
        page.goto(f"{self.home}/{self.name}.html", wait_until="load")
        page.wait_for_function("document.fonts.status === 'loaded'")
        page.add_style_tag(content="* { transition: none !important; animation: none !important; }")  # nothing to wait for
        return self

    def complain(self, text, fine=False):
        if not fine:
            self.complaints.append(text)

    @property
    def html(self):
        """The folder of the built book."""
        return HTML

    def show(self, theme="light", width=1280):
        """Set the system's preference and the width of the window."""
        self.page.set_viewport_size({"width": width, "height": 800})
        self.page.emulate_media(media="screen", color_scheme=theme)
        self.page.mouse.move(0, 0)
        self.page.evaluate("document.activeElement.blur()")
        self.page.wait_for_function("theme => document.documentElement.dataset.theme === theme", arg=theme)
        return self.page


@pytest.fixture(scope="module", params=page_names())
def visit(request, browser, html):
    """Every page in turn, from its file, opened once for all tests."""
    with browser.new_context() as context:
        yield Visit(context.new_page(), html.as_uri(), request.param).open()


@pytest.fixture
def visit_first(browser, html):
    """The file that a reader opens first."""
    with browser.new_context() as context:
        yield Visit(context.new_page(), html.as_uri(), "index").open()


@pytest.fixture(params=page_names())
def visit_http(request, browser, server):
    """Every page in turn, from a web server."""
    with browser.new_context() as context:
        yield Visit(context.new_page(), server, request.param).open()
