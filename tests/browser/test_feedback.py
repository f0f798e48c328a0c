"""A student's feedback, as a browser shows it: readable, and deaf to whatever a submission put in its way."""

from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import Visit
from tests.grading.course import HONEST, Course
from tests.grading.test_attacks import ATTACKS, hand_in

READERS = [path for path in ATTACKS if path.stem.startswith("script_in_")]


@pytest.fixture(scope="module")
def feedback(tmp_path_factory) -> dict[str, Path]:
    """The page of each student of a class with honest work, a mistake, and scripts wherever a student can write."""
    course = Course(tmp_path_factory.mktemp("course"))
    course.hand_in("honest", course.notebook(HONEST))
    course.hand_in("wrong", course.notebook(HONEST | {"double": "print('x' * 500)\ndef double(x):\n    return 3 * x"}))
    for path in READERS:
        hand_in(course, path)
    course.grade()
    pages = {page.parts[-3]: page for page in (course.folder / "feedback").glob("*/small/small.html")}
    assert set(pages) == {"honest", "wrong", *(path.stem for path in READERS)}
    return pages


@pytest.fixture(params=["honest", "wrong", *(path.stem for path in READERS)])
def opened(request, feedback, browser):
    with browser.new_context() as context:
        visit = Visit(context.new_page(), feedback[request.param].parent.as_uri(), "small")
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


@pytest.mark.parametrize("width", [360, 1280])
def test_it_can_be_read(opened, axe, width):
    page: Page = opened.page
    page.set_viewport_size({"width": width, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(axe)
    result = page.evaluate("async () => await axe.run(document, { preload: false, resultTypes: ['violations'] })")
    assert result["passes"], "axe looked at nothing"
    assert [(v["id"], n["html"][:200]) for v in result["violations"] for n in v["nodes"]] == []
