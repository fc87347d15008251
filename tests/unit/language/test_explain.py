import re

import pytest

from engine.language.build import explain
from engine.language.diagnostics.codes import CODES
from engine.language.diagnostics.codes.config_files import FILES


@pytest.mark.parametrize("code", explain.codes())
def test_every_page_shows_what_fails_and_what_is_right(code):
    page = explain.page(code)

    assert page is not None
    title, _, rest = page.partition("\n\n")
    assert title[0].isupper() or not title[0].isalpha()
    assert code not in title
    assert "\n" not in title
    assert "Wrong" in rest
    assert "Right" in rest


@pytest.mark.parametrize(("code", "make"), CODES.items())
def test_a_code_stands_in_its_own_docstring(code, make):
    assert re.match(rf"{code}: \S", make.__doc__)


def test_the_codes_of_files_keep_to_their_numbers():
    assert all("SW050" <= code <= "SW099" for code in FILES)


def test_an_unknown_code_has_no_page():
    assert explain.page("SW999") is None


def test_the_functions_have_a_page():
    page = explain.page("FUNCTIONS")

    assert page is not None
    assert "default" in page
    assert "startsWith" in page


def test_a_page_fits_a_terminal():
    long = [
        line
        for code in explain.codes()
        for line in (explain.page(code) or "").splitlines()
        if len(line) > 140
    ]

    assert long == []
