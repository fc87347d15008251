"""`default` of a field, `undo: {uses, with}`, secrets, and whom an item is about: what the compiler makes of them."""

import pytest

from engine.language.diagnostics.render import text, to_json
from engine.language.passes import plan_codec
from engine.model.definitions.actions import Reach
from engine.model.definitions.plan import Expr, Fixed
from tests.unit.language.mending import codes
from tests.unit.language.trees import compiled, playbook

BY_HAND = "name: Case\nstage: approval\non: { manual: {} }\n"
BY_LETTER = "name: Case\nstage: approval\non: { email: { mailbox: leads } }\nsubject: ${{ event.from }}\n"


def plan(source):
    found = playbook(source)
    assert [(one.code, one.message) for one in found.diagnostics] == []
    return found.plans["case"]


def wrong(source):
    return codes(playbook(source).diagnostics)


# ---------------------------------------------------------------- default


def asks(fields):
    return BY_HAND + f"steps:\n  - {{ id: ask, uses: human/ask, with: {{ title: T, fields: {fields} }} }}\n"


def test_a_default_makes_a_field_that_always_has_a_value():
    found = plan(
        asks("{ days: { type: integer, default: 3 }, 'note?': { type: text, default: x }, 'who?': text }")
    )

    ask = found.node("ask").ask
    assert ask is not None
    assert {name: type_.nullable for name, type_ in ask.fields} == {"days": False, "note": True, "who": True}
    assert dict(ask.defaults) == {"days": Fixed(value=3), "note": Fixed(value="x")}


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("{ days: { type: integer, default: soon } }", ["SW110"]),
        ("{ days: { type: integer, default: 5, max: 3 } }", ["SW110"]),
        ("{ days: { type: integer, default: 3, max: 3 } }", []),
        ("{ day: { type: date, default: '${{ 1 + 1 }}' } }", ["SW110"]),
        ("{ words: { type: text, default: '${{ steps.ask.outputs.words }}' } }", ["SW105"]),
    ],
)
def test_a_default_is_of_its_fields_type_within_its_limits_and_read_above(fields, expected):
    assert wrong(asks(fields)) == expected


def test_a_question_whose_default_reads_a_step_is_skipped_with_it():
    found = plan(
        BY_HAND + "steps:\n"
        "  - { id: look, uses: stripe/find-charge, with: { id: ch_1 } }\n"
        "  - { id: ask, uses: human/ask, with: { title: T, fields: "
        "{ sum: { type: money, default: '${{ steps.look.outputs.amount }}' } } } }\n"
    )

    assert found.node("ask").reads == ("look",)


# ---------------------------------------------------------------- undo


def sends(undo, *, head=BY_HAND, more=""):
    return (
        head + f"steps:\n{more}  - {{ id: send, uses: parcels/send, with: {{ weight: 2 }}, undo: {undo} }}\n"
    )


def test_what_takes_a_step_back_is_a_node_of_its_own():
    found = plan(sends("{ uses: notify/me, with: { text: 'Stop ${{ steps.send.outputs.number }}' } }"))

    node = found.node("send")
    assert node.action is not None
    assert (node.action.undo.action, node.action.undo.none) == ("notify/me", "")
    assert node.undo is found.node("send~undo")
    assert (node.undo.kind, node.undo.uses, node.undo.gate, node.undo.undo) == (
        "effect",
        "notify/me",
        None,
        None,
    )
    assert (node.highest_reach, node.undo.highest_reach) == (Reach.CUSTOMER, Reach.INTERNAL)
    assert plan_codec.from_bytes(plan_codec.to_bytes(found)) == found


def test_what_only_the_undo_reads_is_settled_before_and_skips_nothing():
    look = "  - { id: look, uses: stripe/find-charge, with: { id: ch_1 } }\n  - { id: other, needs: [], uses: notify/me, with: { text: x } }\n"
    found = plan(sends("{ uses: notify/me, with: { text: '${{ steps.look.outputs.id }}' } }", more=look))

    node = found.node("send")
    assert (node.reads, node.soft_reads) == ((), ("look",))
    assert node.undo is not None
    assert node.undo.reads == ("look",)


@pytest.mark.parametrize("stage", ["shadow", "approval", "auto"])
def test_an_undo_is_held_to_the_rule_of_trust_at_the_files_stage(stage):
    """It has no gate to stand behind: where nothing asks about it, a stranger's words reach no recipient, path or amount by it."""
    source = sends(
        "{ uses: files/write, with: { path: '${{ event.subject }}.txt', text: x } }", head=BY_LETTER
    ).replace("stage: approval", f"stage: {stage}")

    assert wrong(source) == ([] if stage == "shadow" else ["SW301"])


def test_an_undo_may_not_read_what_stands_below_it():
    below = "  - { id: next, uses: notify/me, with: { text: x } }\n"

    assert wrong(sends("{ uses: notify/me, with: { text: '${{ steps.next.status }}' } }") + below) == [
        "SW105"
    ]


def test_somebody_an_undo_alone_is_about_needs_a_subject():
    source = sends("{ uses: notify/me, with: { text: '${{ event.from }}' } }", head=BY_LETTER)

    assert wrong(source) == []
    assert wrong(source.replace("subject: ${{ event.from }}\n", "")) == ["SW303"]


# ---------------------------------------------------------------- secrets


HOOK = "name: Case\non: { webhook: { path: orders, secret: SECRET } }\nsteps:\n  - { id: tell, uses: notify/me, with: { text: x } }\n"


@pytest.mark.parametrize("name", ["ORDERS", "orders_key", "O2"])
def test_a_plan_holds_the_name_of_a_webhooks_secret(name):
    found = plan(HOOK.replace("SECRET", f'"${{{{ secrets.{name} }}}}"'))

    assert dict(found.triggers[0].params) == {"path": "orders", "secret": name}


@pytest.mark.parametrize(
    "written", ["hunter2", '"pre-${{ secrets.A }}"', "[hunter2]", '""', '"${{ inputs.a }}"']
)
def test_anything_else_is_refused_and_the_line_with_it_is_not_shown(written):
    found = playbook(HOOK.replace("SECRET", written).replace("orders", "Orders")).diagnostics

    assert codes(found) == ["SW408", "SW411"]
    for one in found:
        assert "hunter2" not in text(one)
        assert "hunter2" not in str(to_json(one))


@pytest.mark.parametrize(
    "line",
    [
        'subject: "${{ secrets.A }}"',
        'once: "${{ secrets.A }}"',
        'outputs: { key: "${{ secrets.A }}" }',
        'inputs: { key: { type: text, default: "${{ secrets.A }}" } }',
        'name: "${{ secrets.A }}"',
        'gates: { g: { title: "${{ secrets.A }}" } }',
    ],
)
def test_a_secret_stands_nowhere_else(line):
    key = line.partition(":")[0]
    source = "".join(one for one in HOOK.splitlines(keepends=True) if not one.startswith(f"{key}:"))

    assert wrong(source.replace("SECRET", '"${{ secrets.A }}"') + line + "\n") != []


# ---------------------------------------------------------------- whom an item is about


LATE = (
    BY_HAND + "steps:\n  - { id: late, uses: stripe/invoices, with: { status: overdue } }\n"
    '  - { id: tell, foreach: "${{ steps.late.outputs.invoices }}", key: "${{ item.id }}", uses: email/send, '
    'with: { to: "TO", template: late, values: { invoice: "${{ item }}" } } }\n'
)
TEMPLATE = {"vault/templates/late.md": b"---\nsubject: Late\nvalues: { invoice: any }\n---\nPlease pay.\n"}


def late(to, source=LATE):
    return compiled({"playbooks/case.yaml": source.replace("TO", to).encode(), **TEMPLATE})


def test_a_step_that_writes_to_a_field_of_its_item_is_about_that_address():
    found = late("${{ item.email }}")

    assert codes(found.diagnostics) == []
    subject = found.plans["case"].node("tell").subject
    assert isinstance(subject, Expr)
    assert subject.written.strip() == "item.email"


def test_what_is_said_counts_more_and_an_address_that_is_computed_says_nothing():
    said = late("${{ item.email }}", LATE.replace("uses: email", 'subject: "${{ item.id }}", uses: email'))
    subject = said.plans["case"].node("tell").subject
    assert isinstance(subject, Expr)
    assert subject.written.strip() == "item.id"

    assert codes(late("me@example.com").diagnostics) == ["SW303"]


def test_a_file_that_names_its_subject_keeps_it_for_items():
    source = LATE.replace("steps:", "inputs: { who: email }\nsubject: ${{ inputs.who }}\nsteps:")

    assert late("${{ item.email }}", source).plans["case"].node("tell").subject is None
