"""The README's picture: `python -m tests.browser.screenshots`, or `make screenshots`, takes it from the built book."""

from playwright.sync_api import sync_playwright

from tests.browser.conftest import HTML, REPOSITORY, start_chromium

PICTURE = REPOSITORY / "book" / "assets" / "page.png"


def main():
    """Photograph the first screen of the first page."""
    if not (HTML / "intro.html").exists():
        raise SystemExit(f"there is no {HTML / 'intro.html'}: run `make book` first")
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto((HTML / "intro.html").as_uri(), wait_until="load")
        page.wait_for_function("document.fonts.status === 'loaded' && document.querySelector('.explore img')?.complete")
        page.screenshot(path=PICTURE)
        browser.close()
    print(f"{PICTURE.relative_to(REPOSITORY)}: written")


if __name__ == "__main__":
    main()
