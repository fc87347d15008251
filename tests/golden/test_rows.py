import pytest

from tests.golden.rows import PAGE, ROWS, compiling, page


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number} {row.of} {row.name}")
def test_a_row_of_the_language_has_a_case_that_compiles(row):
    assert compiling(row) != ""


def test_the_page_of_rows_is_that_of_the_cases():
    assert PAGE.read_text() == page(), "run: python -m tests.golden.rows"
