"""The page book/support.md: every cell measured again."""

import pytest

from tests.support import CASES, COLUMNS, PAGE, measure, page


@pytest.fixture(scope="module")
def table():
    return {}


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("name", CASES)
def test_it_is_right_or_refused(name, column, table):
    table[name, column] = measure(name, column)


def test_the_page_says_what_was_measured(table):
    if len(table) < len(CASES) * len(COLUMNS):
        pytest.skip("needs all cells, measured in this run without a failure")
    assert PAGE.read_text(encoding="utf-8") == page(table), "python -m tests.support writes the page anew"
