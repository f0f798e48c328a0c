"""What a page weighs, and whether everything on it fits and can be touched: at 1280 px and on a phone."""

import re
from urllib.parse import unquote, urlsplit

import pytest

PHONE = 390
LEAST_TEXT = 8  # pixels, in a figure
MEGABYTES, REQUESTS = 2.5, 35
SHIFT = """
    window.shift = 0;
    new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def test_weight(visit):
    visit.show()
    asked = {url for url in visit.requests if url.startswith("file:")}
    sizes = {url: (visit.html / unquote(urlsplit(url).path)).stat().st_size for url in asked}
    heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:3]
    assert len(asked) <= REQUESTS, f"{visit.name}.html asks for {len(asked)} files, {REQUESTS} at most"
    megabytes = sum(sizes.values()) / 1e6
    assert megabytes <= MEGABYTES, f"{visit.name}.html weighs {megabytes:.2f} MB, {MEGABYTES} at most; most by {heaviest}"


def test_ids_are_unique(visit):
    twice = visit.show().evaluate("""() => {
        const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
        return ids.filter((id, k) => ids.indexOf(id) !== k);
    }""")
    assert twice == [], f"{visit.name}.html: ids that stand twice: {twice}"


def test_every_icon_is_drawn(visit):
    blank = visit.show().evaluate("""() => [...document.querySelectorAll(".fa-solid, .fas")]
        .filter((e) => !getComputedStyle(e).maskImage.includes("data:image/svg"))
        .map((e) => e.outerHTML)""")
    assert blank == [], f"{visit.name}.html: draw these in book.css: {blank}"


def test_few_tab_stops(visit):
    page = visit.show()
    stops = page.evaluate("""() => [...document.querySelectorAll("article :is(button, a[href], input, select, [tabindex])")]
        .filter((e) => e.tabIndex >= 0 && e.checkVisibility() && !e.closest("p, li, td, th, dd, figcaption"))
        .map((e) => e.outerHTML.slice(0, 80))""")
    aside = [stop for stop in stops if "copybtn" in stop or "headerlink" in stop]
    assert aside == [], f"{visit.name}.html: {len(aside)} buttons and marks stand in the way of Tab"
    assert len(stops) <= 40, f"{visit.name}.html: {len(stops)} stops beside links: {stops}"


def test_nothing_is_wider_than_the_text(visit):
    wide = visit.show().evaluate("""() => [...document.querySelectorAll("article :is(.katex-display, pre)")]
        .filter((e) => e.checkVisibility() && !e.closest("details.hide") && e.scrollWidth > e.clientWidth + 1)
        .map((e) => [e.scrollWidth, e.clientWidth, (e.querySelector("annotation") ?? e).textContent.slice(0, 200)])""")
    assert wide == [], f"{visit.name}.html at 1280 px: {wide}: break the equation or the line"


def test_what_is_cut_on_a_phone_shows_that_it_scrolls(visit):
    page = visit.show(width=PHONE)
    page.evaluate("document.querySelectorAll('article details').forEach((fold) => { fold.open = true; })")
    page.wait_for_timeout(200)  # the observer of sizes is told after the next frame
    silent = page.evaluate("""() => [...document.querySelectorAll("article :is(.katex-display, pre, .picture)")]
        .filter((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth + 1)
        .filter((e) => !getComputedStyle(e).maskImage.includes("gradient") || e.tabIndex !== 0)
        .map((e) => e.outerHTML.slice(0, 200))""")
    assert silent == [], f"{visit.name}.html: cut without a sign: {silent}"


def test_the_shade_goes_where_the_end_is_reached(visit):
    page = visit.show(width=PHONE)
    cut = page.locator("article .more-right:visible")
    if cut.count() == 0:
        pytest.skip("everything fits")
    box = cut.first.element_handle()
    box.evaluate("e => e.scrollTo({ left: e.scrollWidth, behavior: 'instant' })")
    page.wait_for_function("e => e.matches('.more-left:not(.more-right)')", arg=box)
    box.evaluate("e => e.scrollTo({ left: 0, behavior: 'instant' })")
    page.wait_for_function("e => e.matches('.more-right:not(.more-left)')", arg=box)


def test_the_text_of_figures_can_be_read_on_a_phone(visit):
    page = visit.show(width=PHONE)
    pictures = page.evaluate("""() => [...document.querySelectorAll("article img")].filter((e) => e.checkVisibility())
        .map((e) => ({ source: e.src, width: e.clientWidth }))""")
    small = []
    for picture in pictures:
        address = picture["source"]
        if address.startswith("data:image/svg+xml,"):
            svg = unquote(address.partition(",")[2])
        elif address.endswith(".svg"):
            svg = (visit.html / unquote(urlsplit(address).path)).read_text(encoding="utf-8")
        else:
            continue
        natural = float(re.search(r'<svg[^>]* width="([\d.]+)pt"', svg)[1])
        # matplotlib draws letters as outlines of 100 units, scaled to the font's size in points
        fonts = [100 * float(scale) for scale in re.findall(r"scale\(([\d.]+) -[\d.]+\)", svg)]
        height = min(fonts, default=LEAST_TEXT) * picture["width"] / natural
        if fonts and height < LEAST_TEXT - 0.1:
            small.append((round(height, 1), address[:80]))
    assert small == [], f"{visit.name}.html at {PHONE} px, heights of text and figures: {small}"


def test_sliders_are_made_for_fingers(visit):
    page = visit.show(width=PHONE)
    for slider in page.locator(".explore input").all():
        box = slider.bounding_box()
        assert box["height"] >= 44 and box["width"] >= 0.8 * PHONE, f"{visit.name}.html: a slider of {box}"


@pytest.mark.parametrize("width", [1280, PHONE])
def test_nothing_jumps_while_the_page_loads(visit, width):
    page = visit.page.context.new_page()
    page.set_viewport_size({"width": width, "height": 800})
    page.add_init_script(SHIFT)
    page.goto(visit.page.url.partition("#")[0], wait_until="load")
    page.wait_for_function("document.querySelectorAll('.explore').length === document.querySelectorAll('.widget-place').length")
    page.wait_for_timeout(300)
    shift = page.evaluate("window.shift")
    sizes = page.evaluate("""() => [...document.querySelectorAll(".widget-place")].map((place) => {
        const height = () => place.getBoundingClientRect().height;
        const drawn = height();
        place.querySelector(".explore").style.display = "none";
        return [height(), drawn];
    })""")
    page.close()
    assert shift < 0.02, f"{visit.name}.html: layout shift {shift:.3f}"
    assert all(abs(empty - drawn) < 1 for empty, drawn in sizes), f"{visit.name}.html: places before and after: {sizes}"
