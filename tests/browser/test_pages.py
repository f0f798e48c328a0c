"""Every page of the book, as a reader meets it: in a browser, from a folder and from a server, light, dark, small, on paper."""

import re
import unicodedata
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import expect
from pypdf import PdfReader

from tests.browser.conftest import WORDS

THEMES = pytest.mark.parametrize("theme", ["light", "dark"])
PHONE = 360


def luminance(colour):
    """WCAG's relative luminance of a CSS colour rgb(…)."""
    channels = [int(c) / 255 for c in re.findall(r"\d+", colour)[:3]]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def ground_and_ink(page):
    """The luminances of the page's background and of its text."""
    colours = page.evaluate("""() => [getComputedStyle(document.body).backgroundColor,
                                      getComputedStyle(document.querySelector("h1")).color]""")
    return map(luminance, colours)


# --- every page, from a folder ----------------------------------------------------------------------------------------


def test_one_search_box(visit):
    page = visit.show()
    assert page.locator(".search-button__button:visible, input[type=search]:visible").count() == 1


def test_light_and_dark(visit):
    page = visit.show("light")
    ground, ink = ground_and_ink(page)
    assert ground > 0.9 and ground > ink
    button = page.locator(".theme-switch-button:visible")
    modes = set()
    for _ in range(3):  # the button goes round light, dark and what the system says
        button.click()
        mode = page.evaluate("document.documentElement.dataset.mode")
        modes.add(mode)
        page.wait_for_function(
            "theme => document.documentElement.dataset.theme === theme", arg="dark" if mode == "dark" else "light"
        )
        ground, ink = ground_and_ink(page)
        assert (ground < 0.05) == (mode == "dark")
        assert (max(ground, ink) + 0.05) / (min(ground, ink) + 0.05) > 7  # WCAG AAA
    assert modes == {"light", "dark", "auto"}


@THEMES
def test_fits_a_phone(visit, theme):
    page = visit.show(theme, PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE
    unreachable = page.evaluate("""() => {
        // What is wider than the page must stand in a box of the article that scrolls, and begin at its left edge.
        const scrolls = (e) => ["auto", "scroll"].includes(getComputedStyle(e).overflowX);
        const bad = [];
        for (const e of document.querySelectorAll("article :is(table, pre, img, code, .katex-html, figure)")) {
            const { left, right, width } = e.getBoundingClientRect();
            if (!width || (left >= 0 && right <= innerWidth)) continue;
            let box = e;
            while (box && box.tagName !== "ARTICLE" && !scrolls(box)) box = box.parentElement;
            const edge = box?.getBoundingClientRect();
            const reachable = box && box.tagName !== "ARTICLE" && edge.right <= innerWidth && left >= edge.left;
            if (!reachable) bad.push(e.outerHTML.slice(0, 200));
        }
        return bad;
    }""")
    assert unreachable == []


def test_equations(visit):
    page = visit.show()
    counts = page.evaluate("""() => ({
        formulas: document.querySelectorAll("article .math").length,
        set: document.querySelectorAll("article .math .katex").length,
        errors: [...document.querySelectorAll(".katex-error")].map((e) => e.title),
        fonts: [...document.fonts].filter((f) => f.family.startsWith("KaTeX") && f.status === "loaded").length,
        lost: [...document.fonts].filter((f) => f.status === "error").map((f) => f.family),
    })""")
    assert counts["errors"] == [] and counts["lost"] == []
    assert counts["set"] == counts["formulas"]
    assert bool(counts["fonts"]) == bool(counts["formulas"])


def test_figures(visit):
    page = visit.show()
    images = page.evaluate("""() => [...document.querySelectorAll("article img")].map((image) => ({
        image: image.outerHTML.slice(0, 200),
        loaded: image.complete && image.naturalWidth > 0,
        alt: image.alt.trim(),
        caption: image.closest("figure")?.querySelector("figcaption")?.innerText ?? "",
    }))""")
    for image in images:
        assert image["loaded"], image
        assert len(image["alt"]) > 20, image  # a description, not a name
        assert re.match(r"Fig\. [\d.]+ \S.{20}", image["caption"]), image


def test_explore(visit):
    """Each interactive figure moves when its sliders are moved, by mouse and by keyboard."""
    page = visit.show()
    figures, places = page.locator(".explore"), page.locator("script[type='application/vnd.jupyter.widget-view+json']")
    expect(figures).to_have_count(places.count())
    for figure in figures.all():
        image = figure.locator("img")
        for slider in figure.locator("input").all():
            seen = []
            for move in (
                lambda s=slider: s.click(position={"x": 1, "y": 8}),
                lambda s=slider: s.press("End"),
                lambda s=slider: s.press("ArrowLeft"),
            ):
                move()
                seen.append((image.get_attribute("src"), image.get_attribute("alt"), slider.get_attribute("aria-valuetext")))
            start, end, before_end = seen
            assert all(a != b for a, b in zip(start, end, strict=True)), "from the first frame to the last"
            assert all(a != b for a, b in zip(end, before_end, strict=True)), "one step back from the last"


def test_paper(visit):
    page = visit.show("dark")
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function("document.documentElement.dataset.theme === 'light'")
    ground, ink = ground_and_ink(page)
    assert ground > 0.9 and ink < 0.1
    assert page.locator("#pst-primary-sidebar, .bd-header-article, #pst-secondary-sidebar").locator("visible=true").count() == 0
    assert page.locator("article details:not([open])").count() == 0
    assert page.evaluate("[...document.querySelectorAll('article pre')].every((e) => e.scrollWidth <= e.clientWidth)")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.wait_for_function("document.documentElement.dataset.theme === 'dark'")


def test_paper_is_complete(visit, tmp_path):
    """A real PDF has the last paragraph, a sample of all others, and the code in folds."""
    if visit.name == "search":
        pytest.skip("a form")
    page = visit.page.context.new_page()  # as it is, without the style sheet of the other tests
    page.goto(visit.page.url)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate("document.getAnimations().length") == 0, "what still fades in is printed transparent"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    file = tmp_path / "page.pdf"
    page.pdf(path=file, format="A4")
    printed = letters("".join(sheet.extract_text() for sheet in PdfReader(file).pages))
    seen = """e => e.matches("article :is(p, li, dd, td)") && e.textContent.trim() && !e.querySelector(".math, p, li, img, svg")
                 && !e.closest(".tag_hidden, .toctree-wrapper") && !e.closest("article details.hide > summary")"""
    texts = page.evaluate(f"[...document.querySelectorAll('article *')].filter({seen}).map((e) => e.textContent)")
    ends = [" ".join(text.split()[-6:]) for text in texts]
    code = page.evaluate("[...document.querySelectorAll('article details.hide pre')].map((e) => e.textContent)")
    ends += [text.strip().splitlines()[-1] for text in code]
    page.close()
    lost = [end for end in ends[len(texts) - 1 :] + ends[:: max(1, len(ends) // 50)] if not stands(end, printed)]
    assert lost == [], f"{visit.name}.html: not on paper: {lost}"


def stands(text, printed):
    """Whether a text is there, in one piece or, at the end of a sheet, in two."""
    words = text.split()
    pieces = [(letters(" ".join(words[:cut])), letters(" ".join(words[cut:]))) for cut in range(len(words))]
    return any(first in printed and second in printed for first, second in pieces)


def letters(text):
    """What is left of a text whatever a PDF does to its spaces, hyphens and ligatures."""
    return re.sub(r"[^a-z0-9]", "", unicodedata.normalize("NFKD", text).lower())


@THEMES
def test_accessible(visit, axe, theme):
    page = visit.show(theme)
    page.evaluate("document.querySelectorAll('article details').forEach((fold) => { fold.open = true; })")
    page.evaluate("document.querySelectorAll('article button.toggle-button-hidden').forEach((b) => b.click())")
    if not page.evaluate("'axe' in window"):
        page.evaluate(axe)
    options = {"preload": False, "resultTypes": ["violations"]}
    if theme == "dark":
        options["runOnly"] = "color-contrast"  # nothing but colours changes with the theme
    result = page.evaluate(
        """async (options) => {
            const { passes, violations } = await axe.run(document, options);
            return { passes: passes.length, violations };
        }""",
        options,
    )
    assert result["passes"], "axe looked at nothing"
    violations = [(v["id"], n["html"][:200], n["failureSummary"]) for v in result["violations"] for n in v["nodes"]]
    assert violations == []


def test_quiet(visit):
    """After all of the above: nothing asked for from elsewhere, nothing missing, no error."""
    assert visit.complaints == []


# --- every page, from a server ----------------------------------------------------------------------------------------


def test_quiet_over_http(visit_http):
    assert visit_http.complaints == []


# --- the book ---------------------------------------------------------------------------------------------------------


def test_first_page(visit_first):
    page = visit_first.page
    page.wait_for_url("**/intro.html")
    assert page.locator("h1:visible").count() == 1
    assert visit_first.complaints == []


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_page_opens_with_a_figure_that_moves(visit_first, width, height):
    page = visit_first.page
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_function("document.querySelector('.explore img')?.complete")
    slider, image = page.locator(".explore input").first, page.locator(".explore img").first
    assert slider.bounding_box()["y"] + 44 < height and image.bounding_box()["y"] < 0.75 * height, "on the first screen"
    before = image.get_attribute("src")
    slider.press("End")
    assert image.get_attribute("src") != before


def test_the_map_of_chapters_leads_to_them(visit_first, html):
    page = visit_first.page
    links = page.locator(".chapter-map a").evaluate_all("links => links.map((a) => a.getAttribute('href'))")
    assert sorted(links) == sorted(f"{name}.html" for name in WORDS if (html / f"{name}.html").exists()) != []
    page.locator(".chapter-map a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/recurrence.html")
    assert visit_first.complaints == []


def test_claims_can_be_filtered_and_sorted(visit_first):
    page = visit_first.page
    page.goto(f"{visit_first.home}/claims.html")
    rows = page.locator("article table").last.locator("tbody tr")
    everything = rows.count()
    page.get_by_label("Verdict").select_option("wrong")
    wrong = rows.locator("visible=true")
    assert 0 < wrong.count() < everything
    page.get_by_label("Words").fill("gradient")
    assert 0 < wrong.count() < everything and all("gradient" in row.lower() for row in wrong.all_inner_texts())
    page.get_by_label("Words").fill("")
    for _ in range(2):
        page.get_by_role("button", name="claim", exact=True).click()  # rising, then falling
    names = [row.split()[0] for row in wrong.all_inner_texts()]
    assert names == sorted(names, reverse=True)


def test_one_switch_shows_all_code(visit):
    """Cells tagged `hidden` and folded code appear together, by keyboard, and on the next page too."""
    page = visit.show()
    page.evaluate("document.querySelectorAll('article details').forEach((fold) => { fold.open = false; })")
    hidden, folds = page.locator("article .cell.tag_hidden:not(.solution *)"), page.locator("article details.hide")
    switch = page.get_by_role("button", name="Show all code")
    if hidden.count() + folds.count() == 0:
        assert switch.count() == 0
        return
    assert hidden.locator("visible=true").count() == 0
    assert page.locator("article details.hide[open]").count() == 0
    assert switch.get_attribute("aria-pressed") == "false"
    for width in (1280, PHONE):
        visit.show(width=width)
        switch.focus()
        page.keyboard.press("Enter")
        assert switch.get_attribute("aria-pressed") == "true"
        assert hidden.locator("visible=true").count() == hidden.count()
        assert page.locator("article details.hide:not([open])").count() == 0
        assert page.locator("article details:not(.hide)[open]").count() == 0, "solutions stay folded"
        page.keyboard.press("Enter")
        assert hidden.locator("visible=true").count() == 0


def test_the_switch_is_remembered(visit_first):
    page = visit_first.page
    page.get_by_role("button", name="Show all code").click()
    page.goto(f"{visit_first.home}/lstm.html")
    assert page.get_by_role("button", name="Show all code").get_attribute("aria-pressed") == "true"
    page.goto(f"{visit_first.home}/intro.html")
    hidden = page.locator("article .cell.tag_hidden:not(.solution *)")
    assert hidden.locator("visible=true").count() == hidden.count() > 0
    page.get_by_role("button", name="Show all code").click()
    page.reload()
    assert hidden.locator("visible=true").count() == 0


def test_has_equations_and_interactive_figures(pages):
    """The tests above would pass on a book without any."""
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert 'class="katex"' in text and "widget-view+json" in text
    assert "@jupyter-widgets/controls" not in text  # dead without a kernel, and megabytes of script with one


def test_links(pages):
    pages = {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in pages}
    ids = {path: {tag["id"] for tag in soup.find_all(id=True)} for path, soup in pages.items()}
    broken = []
    for path, soup in pages.items():
        for link in soup.find_all("a", href=True):
            address, anchor = urldefrag(link["href"])
            if urlsplit(address).scheme:
                continue
            target = (path.parent / unquote(address)).resolve() if address else path
            if not target.exists() or (anchor and unquote(anchor) not in ids[target]):
                broken.append(f"{path.name}: {link['href']}")
    assert broken == []
