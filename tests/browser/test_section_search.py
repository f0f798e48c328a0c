"""The search: it finds sections, from a folder too, lands on the word and marks it."""

import re

import pytest

QUERIES = [  # what a learner types; the page that answers; the heading of the section or term that must come first
    ("teacher forcing", r"glossary", r"teacher forcing"),
    ("what is a hidden state", r"glossary", r"hidden state"),
    ("spectral radius", r"glossary", r"spectral radius"),
    ("gradient clipping", r"glossary|bptt.*", r"clipping|explode"),
    ("vanishing gradients", r"glossary|bptt.*", r"vanish"),
    ("truncated backpropagation through time", r"glossary|bptt.*", r"truncated|never ends"),
    ("forget gate bias", r"lstm.*", r"bias|forget gate|training"),
    ("reset before or after", r"gru.*", r"reset|disagree"),
    ("LSTM or GRU?", r"gru.*", r"LSTM.*GRU|GRU.*LSTM"),
    ("Hochreiter Schmidhuber 1997 long short-term memory", r"bibliography|lstm.*", r"Hochreiter|Long short-term memory"),
    ("perplexity", r"glossary", r"perplexity"),
]


@pytest.fixture
def search(visit_first):
    """The first hit for a query, [page, anchor, heading], and the page of results."""
    page = visit_first.page
    page.goto(f"{visit_first.home}/search.html")
    field = page.locator("input[type=search]:visible")

    def first(query):
        field.fill(query)
        hit = page.locator("#search-results li").first
        link = hit.locator("a")
        name, anchor = re.fullmatch(r"(?:\./)?(.*)\.html\?find=.*#(.*)", link.get_attribute("href")).groups()
        return name, anchor, link.inner_text()

    yield first, page
    assert visit_first.complaints == []


def test_ten_queries_find_their_section_first(search):
    first, _ = search
    missed = []
    for query, pages, headings in QUERIES:
        name, _, heading = first(query)
        if not (re.fullmatch(pages, name) and re.search(headings, heading, re.IGNORECASE)):
            missed.append(f"{query!r} finds {name}: {heading!r} first, expected {pages}: {headings}")
    assert not missed, missed


def test_a_heading_finds_its_section(search):
    """Whoever types a heading word for word gets that section, or a term of the same name."""
    _, page = search
    found = page.evaluate("""() => SECTIONS.map(([page, , , heading]) => {
        const field = document.querySelector(".bd-search-container input[type=search]");
        field.value = heading;
        field.dispatchEvent(new Event("input"));
        return [page, heading, document.querySelector("#search-results a").innerText];
    })""")

    def key(heading):
        return re.sub(r"^(a|the) |\W", "", heading.lower())

    headings = [key(heading) for _, heading, _ in found]
    missed = [
        f"{page}: {heading!r} finds {first!r}"
        for page, heading, first in found
        if page != "bibliography" and headings.count(key(heading)) == 1 and key(first) != key(heading)
    ]
    assert len(found) > 50 and missed == []


def test_the_index_holds_text_alone(html):
    text = (html / "_static" / "sections.js").read_text(encoding="utf-8")
    assert "Contents" not in text and "import torch" not in text and "\\odot" not in text


@pytest.mark.parametrize("query", ["vanishing gradients", "Elman", "forget gates"])
@pytest.mark.parametrize("width", [1280, 390])
def test_a_result_lands_on_the_word_and_marks_it(visit_first, query, width):
    page = visit_first.page
    page.set_viewport_size({"width": width, "height": 800})
    page.locator(".search-button__button:visible").click()
    page.locator("input[type=search]:visible").fill(query)
    page.keyboard.press("Enter")
    page.wait_for_url("**/search.html?q=*")
    hit = page.locator("#search-results li").nth(1)
    assert hit.locator("p mark").count() > 0, "an excerpt with the words"
    hit.locator("a").click()
    page.wait_for_url(lambda url: "search.html" not in url, wait_until="load")
    marks = page.locator("article mark")
    assert marks.count() > 0
    stems = [word[:4].lower() for word in query.split()]
    assert all(text.lower().startswith(tuple(stems)) for text in marks.all_inner_texts())
    page.wait_for_function("""() => [...document.querySelectorAll("article mark")].some((mark) => {
        const { top, bottom } = mark.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
    })""")
    assert visit_first.complaints == []


def test_no_match_and_no_words(search):
    _, page = search
    field = page.locator("input[type=search]:visible")
    for query, said in [("xylophone", "No sections"), ("<i>xylophone</i>", "No sections"), ("", "")]:
        field.fill(query)
        assert page.locator("#search-count").inner_text() == said
        assert page.locator("#search-results li").count() == 0
