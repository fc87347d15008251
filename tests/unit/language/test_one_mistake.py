"""One mistake gives one diagnostic: what reads a step that is wrong brings none of its own."""

import pytest

from tests.unit.language.mending import mended
from tests.unit.language.trees import compiled

HEAD = "name: A\nstage: shadow\non: { manual: {} }\n"
TELL = "uses: notify/me, with: { text: "
ROWS = "inputs: { rows: [{ id: text, parts: [{ hours: number }] }], loose: any }\n"


def playbook(text: str):
    """What is wrong with a playbook."""
    return compiled({"playbooks/case.yaml": text.encode()}).diagnostics


def sop(text: str):
    """What is wrong with a SOP, beside a note and another SOP."""
    front = "---\ntype: sop\ntitle: A\non: { manual: {} }\n---\n"
    tidy = "---\ntype: sop\ntitle: Tidy\non: { call: {} }\n---\n- [ ] Do it ^do\n"
    return compiled(
        {
            "vault/sops/case.md": f"{front}{text}".encode(),
            "vault/sops/tidy.md": tidy.encode(),
            "vault/knowledge/tone.md": b"Kind.\n",
        }
    ).diagnostics


def codes(found) -> list[str]:
    return [one.code for one in found]


@pytest.mark.parametrize(
    "expression",
    [
        "inputs.rows.exists(r, r.parts.exists(p, p.hours > 3))",
        "inputs.rows[0].parts.all(p, p.hours > 1)",
        "inputs.loose.list.exists(i, i.due == 'x')",
        "inputs.loose['list'].map(i, i.due).exists(d, d == 'x')",
    ],
)
def test_a_list_in_a_row_is_gone_through_like_any_other(expression):
    assert (
        playbook(f'{HEAD}{ROWS}steps:\n  - {{ id: a, if: "${{{{ {expression} }}}}", {TELL} x }} }}\n') == ()
    )


def test_a_wrong_argument_says_nothing_of_those_who_go_through_the_list_it_would_give():
    found = playbook(
        f"{HEAD}steps:\n"
        "  - { id: notes, uses: memory/recall, with: { query: x, limit: many } }\n"
        f'  - {{ id: a, {TELL} "n ${{{{ size(steps.notes.outputs.notes.filter(n, n.score > 0.5)) }}}}" }} }}\n'
    )
    assert codes(found) == ["SW110"]


def test_a_step_whose_uses_cannot_be_read_stays_a_step():
    found = playbook(
        f'{HEAD}steps:\n  - {{ id: a, uses: "${{{{ inputs.x }}}}" }}\n'
        f'  - {{ id: b, needs: [a], {TELL} "${{{{ steps.a.outputs.y }}}}" }} }}\n'
    )
    assert codes(found) == ["SW126"]


def test_of_two_steps_with_one_id_readers_take_neither_for_the_meant_one():
    found = playbook(
        f"{HEAD}steps:\n  - {{ id: a, {TELL} x }} }}\n  - {{ id: a, uses: memory/recall, with: {{ query: x }} }}\n"
        f'  - {{ id: b, {TELL} "n ${{{{ size(steps.a.outputs.notes) }}}}" }} }}\n'
    )
    assert codes(found) == ["SW201"]


def test_the_fields_of_a_misspelt_event_are_not_known():
    text = (
        "name: A\nstage: shadow\non: { event: { type: shop/order.payed } }\nsubject: ${{ event.customer_email }}\n"
        'steps:\n  - { id: who, uses: identity/resolve, with: { email: "${{ event.customer_email }}" } }\n'
    )
    assert codes(playbook(text)) == ["SW409"]


def test_an_item_s_misspelt_type_is_said_once():
    found = sop(
        "- [ ] How much: `amount: mony` ^much\n  ```yaml step\n  with: { fields: { amount: { max: 5 EUR } } }\n  ```\n"
        "- [ ] Say `why: text` when it is much ^why\n  ```yaml step\n"
        "  if: ${{ above(steps.much.outputs.amount, '2 EUR') }}\n  ```\n"
    )
    assert codes(found) == ["SW127"]


def test_an_item_whose_fence_cannot_be_read_stays_a_step():
    found = sop(
        "- [ ] Look ^look\n  ```yaml step\n  uses: memory/recall\n  uses: memory/recall\n  ```\n"
        "- [ ] Read ^read\n  ```yaml step\n  needs: [look]\n  if: ${{ size(steps.look.outputs.notes) > 0 }}\n  ```\n"
    )
    assert codes(found) == ["SW011"]


def test_a_link_to_a_note_that_is_not_there_is_said():
    (found,) = sop("- [ ] Then [clean up](tidi.md#all) ^then\n")
    assert (found.code, found.span.column, found.fix and found.fix.text) == ("SW130", 23, "tidy")


@pytest.mark.parametrize(
    "link", ["tidy.md", "../knowledge/tone.md", "../../README.md", "https://a.example/x.md"]
)
def test_a_link_that_leads_somewhere_is_followed_or_left_alone(link):
    assert sop(f"- [ ] Then [go on]({link}) ^then\n") == ()


@pytest.mark.parametrize(
    ("head", "keys"),
    [
        ("", "key: item.id"),
        ("", 'key: "${{ item.id }}", once: item.id'),
        ("", 'key: "${{ item.id }}", subject: item.id'),
        ("once: inputs.loose\n", 'key: "${{ item.id }}"'),
        ("subject: inputs.loose\n", 'key: "${{ item.id }}"'),
        ("concurrency: inputs.loose\n", 'key: "${{ item.id }}"'),
        ("concurrency: { group: inputs.loose }\n", 'key: "${{ item.id }}"'),
    ],
)
def test_a_path_without_its_braces_would_be_one_for_all_runs_and_items(head, keys):
    inputs = "inputs: { rows: [{ id: text }], loose: text }\n"
    text = (
        f"{HEAD}{inputs}{head}steps:\n"
        f'  - {{ id: a, foreach: "${{{{ inputs.rows }}}}", {keys}, {TELL} x }} }}\n'
    )
    (found,) = playbook(text)
    assert found.code == "SW110"
    assert playbook(mended(text.encode(), found).decode()) == ()


@pytest.mark.parametrize("words", ["backup", "inputs.example.com", "event.", "item.id of all"])
def test_words_that_are_no_path_stay_words(words):
    assert playbook(f"{HEAD}concurrency: {words}\nsteps:\n  - {{ id: a, {TELL} x }} }}\n") == ()


@pytest.mark.parametrize(
    ("inputs", "mended_to"),
    [
        ("{ way: one of low, high, note: text }", '"one of low, high"'),
        ("{ way: one of low, middle, high }", '"one of low, middle, high"'),
        ("{ note: { type: text, description: first, then } }", '"first, then"'),
    ],
)
def test_a_comma_that_ends_a_value_in_braces_is_one_mistake_with_its_quotes(inputs, mended_to):
    text = f"{HEAD}inputs: {inputs}\nsteps:\n  - {{ id: a, {TELL} x }} }}\n"
    (found,) = playbook(text)
    assert (found.code, found.fix and found.fix.text) == ("SW014", mended_to)
    assert playbook(mended(text.encode(), found).decode()) == ()


@pytest.mark.parametrize(
    ("inputs", "code"),
    [("{ price: { type: money, default: 20,00 EUR } }", "SW014"), ("{ a: text, b: }", "SW127")],
)
def test_a_comma_in_an_amount_is_said_once_and_an_empty_value_is_no_comma(inputs, code):
    assert codes(playbook(f"{HEAD}inputs: {inputs}\nsteps:\n  - {{ id: a, {TELL} x }} }}\n")) == [code]
