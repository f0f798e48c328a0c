"""A student's feedback, as a browser shows it: readable, and deaf to whatever a submission put in its way."""

import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

from rnncourse.grading.books.feedback import SECTIONS, linked
from tests.browser.conftest import Visit
from tests.grading.course import HONEST, ROOT, Course
from tests.grading.test_attacks import ATTACKS, hand_in
from tests.grading.test_feedback import BLANK, RIGHT, solutions

UNPACKS = RIGHT | {"step": "def step(x):\n    a, b = None\n    return x", "last": "def last(items):\n    return [items]"}
STEPS = {"steps-perfect": RIGHT, "steps-raises": UNPACKS, "steps-blank": BLANK}
NAMES = ["honest", "wrong", *STEPS, "at-home"]
READERS = [path for path in ATTACKS if path.stem.startswith("script_in_")]


@pytest.fixture(scope="module")
def feedback(tmp_path_factory) -> dict[str, Path]:
    """The page of each student of a class with honest work, a mistake, and scripts wherever a student can write."""
    course = Course(tmp_path_factory.mktemp("course"), steps=solutions())
    for student, answers in STEPS.items():
        course.hand_in(student, course.notebook(answers, "steps"), "steps")
    course.hand_in("honest", course.notebook(HONEST))
    course.hand_in("wrong", course.notebook(HONEST | {"double": "print('x' * 500)\ndef double(x):\n    return 3 * x"}))
    for path in READERS:
        hand_in(course, path)
    course.grade()
    pages = {page.parts[-3]: page for page in (course.folder / "feedback").glob("*/*/*.html")}
    home = course.folder / "home"
    home.mkdir()
    nbformat.write(course.notebook(UNPACKS, "steps"), home / "steps.ipynb")
    command = [sys.executable, "-c", "from rnncourse.cli import main; main()", "check", "steps.ipynb", "--html", "page.html"]
    subprocess.run(command, cwd=home, env=course.environment(), capture_output=True, timeout=120)
    pages["at-home"] = home / "page.html"
    assert set(pages) == {*NAMES, *(path.stem for path in READERS)}
    return pages


@pytest.fixture(params=[*NAMES, *(path.stem for path in READERS)])
def opened(request, feedback, browser):
    with browser.new_context() as context:
        page = feedback[request.param]
        visit = Visit(context.new_page(), page.parent.as_uri(), page.stem)
        visit.page.on("dialog", lambda dialog: (visit.complain(f"dialog: {dialog.message}"), dialog.dismiss()))
        yield visit.open()


def test_no_script_runs_and_nothing_is_asked_for(opened):
    page: Page = opened.page
    page.mouse.move(200, 200)
    for summary in page.locator("summary").all():
        summary.click()
    page.wait_for_timeout(200)  # for what a script would start
    assert opened.complaints == []
    assert page.locator("script, iframe, object, embed, form, base, link[rel=stylesheet]").count() == 0
    assert page.evaluate("document.querySelectorAll('a[href^=javascript i], [onerror], [onload], [onclick]').length") == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_read(opened, axe, width, theme):
    page: Page = opened.page
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=theme)
    for _ in page.locator("details:not([open]) > summary").all():
        page.locator("details:not([open]) > summary").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    result = page.evaluate("async () => await axe.run(document, { preload: false, resultTypes: ['violations'] })")
    assert result["passes"], "axe looked at nothing"
    assert [(v["id"], n["html"][:200]) for v in result["violations"] for n in v["nodes"]] == []


def test_ids_are_unique_and_every_link_leads_to_something_that_is_seen(opened):
    page: Page = opened.page
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((e) => e.id)")
    assert len(ids) == len(set(ids))
    for link in page.locator("a[href^='#']").all():
        target = page.locator(link.get_attribute("href"))
        assert target.count() == 1
        link.click()
        target.wait_for()


def test_paper_has_all_that_is_folded(feedback, browser, tmp_path):
    """Chromium counts the pages before it opens a fold."""
    page = browser.new_page()
    page.goto(feedback["steps-raises"].as_uri())
    page.pdf(path=tmp_path / "page.pdf", format="A4")
    page.close()
    said = re.sub(r"\s+", " ", " ".join(sheet.extract_text() for sheet in PdfReader(tmp_path / "page.pdf").pages))
    for words in ("Write loop", "x = step(x)", "TypeError in step, line 2", "Receipt", "Seed of the random tests"):
        assert words in said, words


def test_the_line_of_an_error_is_marked_and_formulas_are_mathematics(feedback, browser):
    page = browser.new_page()
    page.goto(feedback["steps-raises"].as_uri())
    marked = page.locator(".here")
    assert marked.count() == 1 and marked.inner_text().strip() == "a, b = None"
    background = "e => getComputedStyle(e).backgroundColor"
    assert marked.evaluate(background) != page.locator(".line:not(.here)").first.evaluate(background)
    numbers = "e => getComputedStyle(e, '::before').content"
    assert "counter" in marked.evaluate(numbers)
    high, low = (page.locator(f"math {part}").first.bounding_box() for part in ("msub > :first-child", "msub > :last-child"))
    assert low["y"] + low["height"] > high["y"] + high["height"], "an index stands below its letter"
    page.close()


@pytest.mark.parametrize("lab", sorted(path.stem for path in (ROOT / "labs").glob("*/*.ipynb")))
def test_the_sections_that_a_lab_names_are_headings_of_its_chapter(lab, html):
    chapter = (html / f"{lab}.html").read_text(encoding="utf-8")
    cells = nbformat.read(ROOT / "labs" / lab / f"{lab}.ipynb", as_version=4).cells
    texts = "".join(line for cell in cells for line in SECTIONS.findall(cell.source))
    anchors = re.findall(r"\(#([^)]+)\)", linked(texts, ""))
    assert anchors and [anchor for anchor in anchors if f'id="{anchor}"' not in chapter] == []
