"""Words of ours that nothing filled in ask a person before they leave, at every stage; a stranger's braces and a quote ask nobody."""

import pytest

from engine.model.events import events as e
from engine.testing.scenario import letter

BY_HAND = """\
name: Auto
stage: auto
on: {{ manual: {{}} }}
inputs: {{ client: text }}
steps:
  - id: tell
    uses: {action}
    with: {{ text: "{text}" }}
"""
BY_LETTER = """\
name: Answer
stage: auto
on: {{ email: {{ mailbox: leads }} }}
subject: ${{{{ event.from }}}}
steps:
  - id: thanks
    uses: email/acknowledge
    with: {{ template: thanks }}
  - id: tell
    needs: []
    uses: provider/customer
    with: {{ text: "{text}" }}
"""
TEMPLATE = "---\nsubject: Thanks\n---\n{words}\n"


def rules(company):
    """(step, why it asked; empty where it left by itself), in order."""
    gated = [one for one in company.events() if isinstance(one.body, e.EffectGated)]
    return [(one.step, one.body.rule if one.body.answer == "ask" else "") for one in gated]


ROWS = [
    ("provider/customer", "Hello {{ name }}", "Ada", "unfilled"),
    ("provider/customer", "Hello ${NAME}, ${{ inputs.client }}", "Ada", "unfilled"),
    ("provider/customer", "Hello ${{ inputs.client }}", "*|FNAME|*", "unfilled"),
    ("provider/customer", "Hello {{ ${{ inputs.client }} }}", "Ada", "unfilled"),
    ("provider/idempotent", "Hello <%= name %>", "Ada", "unfilled"),
    ("provider/customer", "Hello ${{ inputs.client }}", "Ada", ""),
    ("provider/customer", "Write ${{ '{{ name }}' }} there, ${{ inputs.client }}", "Ada", ""),
    ("notify/me", "Hello {{ name }}", "Ada", ""),
]


@pytest.mark.slow
def test_our_own_words_ask_when_something_is_left_to_fill_in(supplied, provider):
    playbooks = {f"p{at}": BY_HAND.format(action=row[0], text=row[1]) for at, row in enumerate(ROWS)}
    company = supplied(**playbooks)

    for at, (_, _, client, _) in enumerate(ROWS):
        company.start(f"p{at}", client=client)

    assert rules(company) == [("tell", rule) for *_, rule in ROWS]
    left = len(provider.effects())
    card = company.cards()[0]
    assert "`{{ name }}` stands in your own words as it is" in card.content["members"][0]["because"]
    company.approve(card)
    assert len(provider.effects()) == left + 1


def test_a_template_asks_and_a_stranger_s_braces_do_not(supplied):
    company = supplied(answer=BY_LETTER.format(text="They wrote: ${{ event.text }}"))
    company.commit({"vault/templates/thanks.md": TEMPLATE.format(words="Thank you {{ name }}.")})
    company.drop("one", letter("Hello", "Our form says {{ name }} and ${NAME}, why?"))
    company.run()
    assert rules(company) == [("thanks", "unfilled"), ("tell", "")]

    company.commit({"vault/templates/thanks.md": TEMPLATE.format(words="Thank you.")})
    company.drop("two", letter("Hello", "{{ name }} again", sender="Bob <bob@example.net>"))
    company.run()
    assert rules(company)[2:] == [("thanks", ""), ("tell", "")]
