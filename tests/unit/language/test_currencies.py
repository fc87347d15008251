"""Two currencies: which two, and where each comes from. Where nothing is certain, nothing is said."""

import pytest

from engine.model.definitions.diagnostics import Diagnostic
from tests.unit.language.expressing import attempt, value
from tests.unit.language.trees import compiled, playbook

CASE = (
    "name: Case\non: { manual: {}, call: {} }\ninputs: { price: money, go: bool }\n"
    "steps:\n  - { id: tell, uses: notify/me, with: { text: hi } }\noutputs:\n"
)


def said(outputs: str) -> list[Diagnostic]:
    """What is wrong with a playbook that gives this."""
    return [one for one in playbook(CASE + outputs).diagnostics if one.code != "SW307"]


@pytest.mark.parametrize(
    "text",
    [
        "plus('10.00 EUR', '2.50 USD')",
        "minus('10.00 EUR', times('2.50 USD', 3))",
        "plus(inputs.price, plus('10.00 EUR', '2.50 USD'))",
        "sum(['10.00 EUR', inputs.price, '2.50 USD'])",
        "sum(['10.00 EUR', '2.50 USD'])",
        "sum(inputs.words.map(w, plus('10.00 EUR', percent('2.50 USD', 7))))",
        "above('10.00 EUR', '2.50 USD')",
        "below(inputs.rush ? times('10.00 EUR', 2) : inputs.price, '2.50 USD')",
        "plus(inputs.rush ? '10.00 EUR' : '2.50 USD', '1.00 EUR')",
        "times('10.00 EUR', 2) == '2.50 USD'",
    ],
)
def test_two_currencies_do_not_add_up(text):
    _, (found,) = attempt(text)

    assert found.code == "SW134"
    assert found.message.startswith("`10.00 EUR` and `2.50 USD` ")
    first, second = (text.index(amount) for amount in ("'10.00", "'2.50"))
    assert f"(line 1, column {first + 1}), USD from `2.50 USD`" in found.hint
    assert found.span.column == second + 1


@pytest.mark.parametrize(
    "text",
    [
        "plus('10.00 EUR', '2.50 EUR')",
        "sum(['10.00 EUR', '2.50 EUR'])",
        "plus(inputs.rush ? '10.00 EUR' : '2.50 EUR', inputs.price)",
        "plus(inputs.rush ? '1 EUR' : '1 USD', inputs.rush ? '2 EUR' : '2 USD')",
        "inputs.words[0] == '10.00 EUR' || inputs.words[0] == '2.50 USD'",
        "inputs.words[0] == (inputs.rush ? '10.00 EUR' : '2.50 USD')",
    ],
)
def test_one_currency_and_what_can_be_meant_are_left_alone(text):
    assert value(text) is not None


def test_the_place_is_the_second_amount_and_the_hint_says_where_the_first_stands():
    (found,) = said("  total: \"${{ plus('10.00 EUR', '2.50 USD') }}\"\n")

    assert (found.span.line, found.span.column) == (7, 33)
    assert "EUR comes from `10.00 EUR` (line 7, column 20)" in found.hint


@pytest.mark.parametrize(
    "output",
    [
        "total: \"${{ inputs.go ? '10.00 EUR' : '2.50 USD' }}\"",
        "total: \"${{ inputs.go ? plus(inputs.price, '10.00 EUR') : times('2.50 USD', 2) }}\"",
        "total: \"${{ inputs.go ? '10.00 EUR' : inputs.go ? '11.00 EUR' : '2.50 USD' }}\"",
        "row: { total: \"${{ inputs.go ? '10.00 EUR' : '2.50 USD' }}\" }",
        "rows: [ { total: \"${{ inputs.go ? '10.00 EUR' : '2.50 USD' }}\" } ]",
    ],
)
def test_an_output_in_one_currency_or_another_is_told_and_no_error(output):
    (found,) = said(f"  {output}\n")

    assert (found.code, found.severity.value) == ("SW135", "warning")
    assert found.message == "`total` is in EUR or in USD"
    assert "EUR comes from `10.00 EUR`" in found.hint


@pytest.mark.parametrize(
    "output",
    [
        "total: \"${{ inputs.go ? '10.00 EUR' : '2.50 EUR' }}\"",
        "total: \"${{ plus(inputs.price, '2.50 USD') }}\"",
        "words: \"${{ '10.00 EUR' }} or ${{ '2.50 USD' }}\"",
        "a: \"${{ '10.00 EUR' }}\"\n  b: \"${{ '2.50 USD' }}\"",
        "ours: \"${{ inputs.go ? 'EUR' : 'USD' }}\"",
    ],
)
def test_outputs_in_one_currency_each_are_right(output):
    assert said(f"  {output}\n") == []


def test_a_template_is_told_as_well():
    words = b"---\nvalues: { go: bool }\n---\n${{ plus('10.00 EUR', '2.50 USD') }}\n"
    (found,) = compiled({"vault/templates/sum.md": words}).diagnostics

    assert (found.code, found.span.line) == ("SW134", 4)
