from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from engine.app.plans.authority_diff import Authority, authority_increases, changes
from engine.model.definitions.actions import Reach
from engine.model.definitions.plan import Plan
from engine.model.definitions.settings import Cap, Config, ConnectorConfig, Person, PolicyRules, SecretRef
from engine.model.values.money import Money
from tests.unit.language.trees import compiled

CONFIG = Config(operator=Person(id="operator", name="R", email="r@example.com"), id="w")

TEXT = """\
name: Case
stage: approval
on: { email: { mailbox: leads } }
subject: ${{ event.from }}
budget: { usd: 1 }
gates:
  offer: { title: Offer }
steps:
  - id: who
    uses: identity/resolve
    with: { email: "${{ event.from }}" }
  - id: thanks
    if: ${{ steps.who.outputs.known }}
    uses: email/acknowledge
    with: { template: got-it }
    undo-within: 20s
  - id: paper
    uses: files/write
    with: { path: notes/a.txt, text: x }
    reach: low
  - id: reply
    uses: email/reply
    with: { body: Hello }
    gate: offer
"""


def plan(*swaps: tuple[str, str]) -> Plan:
    text = TEXT
    for old, new in swaps:
        assert old in text, old
        text = text.replace(old, new)
    found = compiled({"playbooks/case.yaml": text.encode()})
    assert not found.broken, found.diagnostics
    return found.plans["case"]


def at(one: Plan | None = None, config: Config = CONFIG, policy: PolicyRules | None = None) -> Authority:
    return Authority(plan=one, config=config, policy=policy or PolicyRules())


def raised(*swaps: tuple[str, str]) -> list[tuple[str, str]]:
    return [(one.kind, one.where) for one in authority_increases(at(plan()), at(plan(*swaps)))]


def lowered(*swaps: tuple[str, str]) -> list[tuple[str, str]]:
    """The same change taken back."""
    return [(one.kind, one.where) for one in authority_increases(at(plan(*swaps)), at(plan()))]


RISES = {
    "stage up": ([("stage: approval", "stage: auto")], [("stage", "")]),
    "gate gone": ([("    gate: offer\n", ""), ("gates:\n  offer: { title: Offer }\n", "")], [("gate", "reply")]),
    "declared reach gone": ([("    reach: low\n", "")], [("reach", "paper")]),
    "reaches farther": (
        [("{ body: Hello }", '{ body: Hello, attach: ["${{ default(steps.pdf.outputs.file, null) }}"] }'),
         ("  - id: reply", "  - { id: pdf, uses: documents/render, with: { template: got-it } }\n  - id: reply")],
        [("reach", "reply"), ("action", "pdf"), ("connector", "")],
    ),
    "new action": (
        [("  - id: reply", "  - { id: tell, uses: notify/me, with: { text: x } }\n  - id: reply")],
        [("action", "tell"), ("connector", "")],
    ),
    "new trigger": ([("mailbox: leads }", "mailbox: leads }, manual: {}"), ("${{ event.from }}\nbudget", "r@example.com\nbudget"),
                     ('email: "${{ event.from }}"', "email: r@example.com")], [("trigger", "")]),
    "another place to write": ([("notes/a.txt", "notes/b.txt")], [("path", "files/write path")]),
    "condition gone": ([("    if: ${{ steps.who.outputs.known }}\n", "")], [("if", "thanks")]),
    "held shorter": ([("undo-within: 20s", "undo-within: 5s")], [("hold", "thanks")]),
    "not held": ([("    undo-within: 20s\n", "")], [("hold", "thanks")]),
    "budget up": ([("usd: 1", "usd: 2")], [("cap", "budget")]),
    "budget gone": ([("budget: { usd: 1 }\n", "")], [("cap", "budget")]),
}  # fmt: skip


@pytest.mark.parametrize("name", RISES)
def test_this_raises_authority(name):
    swaps, expected = RISES[name]

    assert sorted(raised(*swaps)) == sorted(expected)


@pytest.mark.parametrize("name", [name for name in RISES if name != "another place to write"])
def test_and_taken_back_it_does_not(name):
    swaps, _ = RISES[name]

    assert lowered(*swaps) == []


@pytest.mark.parametrize(
    "swaps",
    [
        [],
        [("name: Case", "name: Another")],
        [("id: thanks", "id: got-it")],
        [("stage: approval", "stage: shadow")],
        [("body: Hello", "body: Good day")],
        [("title: Offer", "title: My offer")],
        [("gates:\n  offer", "gates:\n  other"), ("gate: offer", "gate: other")],
        [("    uses: files/write\n", "    stage: shadow\n    uses: files/write\n")],
        [("  - id: reply", "  - { id: tell, stage: shadow, uses: notify/me, with: { text: x } }\n  - id: reply")],
    ],
    ids=["nothing", "name", "id of a step", "stage down", "words", "title", "name of a gate", "step to shadow", "new in shadow"],
)  # fmt: skip
def test_this_raises_nothing(swaps):
    assert raised(*swaps) == []


GUARDED = """\
name: Case
stage: approval
on: { manual: {} }
inputs: { rows: [text], id: text }
once: ${{ inputs.id }}
stop-on:
  - email: { thread: abc }
gates:
  offer: { title: Offer }
steps:
  - id: draft
    uses: agent/draft-reply
    with: { message: x, contact: { name: A, email: a@example.com, known: true } }
  - id: tell
    once: ${{ inputs.id }}
    uses: notify/me
    with: { text: x }
  - id: reply
    uses: email/reply
    with: { thread: abc, link: "https://pay.example.com/a?b" }
    gate: offer
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("once: ${{ inputs.id }}\nstop", "stop", [("once", "")]),
        ("    once: ${{ inputs.id }}\n", "", [("once", "tell")]),
        ("stop-on:\n  - email: { thread: abc }\n", "", [("stop-on", "")]),
        ("email: { thread: abc }", "email: { thread: other }", [("stop-on", "")]),
        ("    with: { text: x }", "    foreach: ${{ inputs.rows }}\n    key: ${{ item }}\n    with: { text: x }", [("foreach", "tell")]),
        (
            "    once: ${{ inputs.id }}\n",
            "    repeat: { until: false, at-most: 9 }\n",
            [("repeat", "tell"), ("once", "tell")],
        ),
        ("thread: abc, link", "thread: xyz, link", [("recipient", "email/reply thread")]),
        ("pay.example.com", "pay.example.org", [("host", "email/reply link")]),
        ("pay.example.com/a?b", "pay.example.com/c", []),
        ("thread: abc, link", "link", []),
        ("once: ${{ inputs.id }}\nstop", "once: ${{ inputs.id + inputs.id }}\nstop", []),
        ("stop-on:\n", "stop-on:\n  - email: { thread: x }\n", []),
    ],
)  # fmt: skip
def test_what_guards_a_step_and_where_it_reaches(old, new, expected):
    assert old in GUARDED
    before, after = (
        compiled({"playbooks/case.yaml": text.encode()}) for text in (GUARDED, GUARDED.replace(old, new, 1))
    )
    assert not before.broken | after.broken, (*before.diagnostics, *after.diagnostics)
    found = authority_increases(at(before.plans["case"]), at(after.plans["case"]))

    assert [(one.kind, one.where) for one in found] == expected


def test_what_takes_a_step_back_is_an_effect_that_was_not_there_before():
    """Its path, too, and another one later."""
    undo = "reach: low\n    undo: { uses: files/write, with: { path: notes/b.txt, text: x } }\n"
    new = ("reach: low\n", undo)

    assert raised(new) == [("action", "paper~undo"), ("path", "files/write path")]
    before, after = plan(new), plan((new[0], undo.replace("b.txt", "c.txt")))
    assert [(one.kind, one.after) for one in authority_increases(at(before), at(after))] == [
        ("path", "notes/c.txt")
    ]


def test_another_agent_is_another_tool():
    without = GUARDED[: GUARDED.index("  - id: draft")] + GUARDED[GUARDED.index("  - id: tell") :]
    before, after = (
        compiled({"playbooks/case.yaml": text.encode()}).plans["case"] for text in (without, GUARDED)
    )

    assert [(one.kind, one.after) for one in authority_increases(at(before), at(after))] == [
        ("tool", "agent/draft-reply")
    ]


def test_a_declared_reach_does_not_hide_what_new_arguments_reach():
    link = ("{ body: Hello }", '{ body: Hello, link: "${{ default(steps.pay.outputs.url, null) }}" }')
    pay = (
        "  - id: reply",
        "  - { id: pay, stage: shadow, uses: payments/request, with: { items: [] } }\n  - id: reply",
    )
    floor = ("    gate: offer", "    reach: legal\n    gate: offer")

    assert ("reach", "reply") in raised(link, pay, floor)
    assert raised(floor) == []


def test_a_rise_is_not_bought_off_by_what_another_line_takes_back():
    found = raised(
        ("stage: approval", "stage: shadow"),
        ("    gate: offer\n", ""),
        ("gates:\n  offer: { title: Offer }\n", ""),
    )

    assert found == [("gate", "reply")]


def test_leaving_shadow_counts_everything_that_acts_then():
    shadow = plan(("stage: approval", "stage: shadow"))
    found = authority_increases(at(shadow), at(plan()))

    assert [(one.kind, one.where) for one in found] == [
        ("stage", ""), ("action", "thanks"), ("action", "paper"), ("action", "reply"), ("trigger", ""),
        ("path", "files/write path"), ("connector", ""), ("connector", ""),
    ]  # fmt: skip
    assert "gate offer" in next(one.after for one in found if one.where == "reply")


def test_a_new_playbook_in_shadow_reaches_only_what_it_reads():
    found = authority_increases(at(None), at(plan(("stage: approval", "stage: shadow"))))

    assert [(one.kind, one.after) for one in found] == [("connector", "identity")]


def test_a_new_playbook_above_shadow_is_a_rise_and_a_removed_one_is_none():
    assert ("stage", "approval") in [
        (one.kind, one.after) for one in authority_increases(at(None), at(plan()))
    ]
    assert changes(at(plan()), at(None)) == ()


def test_a_changed_subject_is_shown_and_raises_nothing():
    found = changes(at(plan()), at(plan(("subject: ${{ event.from }}", "subject: ${{ event.thread }}"))))

    assert [(one.kind, one.raises) for one in found] == [("subject", False)]


HOOK = """\
name: Hook
on: { webhook: { path: paid, secret: "${{ secrets.HOOK }}" } }
steps:
  - { id: tell, uses: notify/me, with: { text: Paid } }
"""


def test_a_webhook_brings_its_secret_even_in_shadow():
    found = authority_increases(at(None), at(compiled({"playbooks/hook.yaml": HOOK.encode()}).plans["hook"]))

    assert [(one.kind, one.after) for one in found] == [("secret", "HOOK")]


GOLDEN = sorted(Path(__file__).parents[2].glob("golden/compile/*/playbook.yaml"))


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.parent.name)
def test_nothing_rises_from_itself_and_what_rises_from_nothing_is_said_in_words(path):
    for one in compiled({"playbooks/case.yaml": path.read_bytes()}).plans.values():
        assert changes(at(one), at(one)) == ()
        found = authority_increases(at(None), at(one))
        assert all(change.text and "\n" not in change.text for change in found)
        assert one.stage.rank == 0 or "stage" in {change.kind for change in found}


def test_rises_stand_first():
    found = changes(
        at(plan()),
        at(plan(("subject: ${{ event.from }}", "subject: ${{ event.thread }}"), ("usd: 1", "usd: 2"))),
    )

    assert [one.raises for one in found] == [True, False]


# ---------------------------------------------------------------- settings and policy


def settings(**more) -> Config:
    return replace(CONFIG, **more)


SMTP = ConnectorConfig(
    name="email", settings={"smtp": {"host": "a.example.com", "password": SecretRef(name="SMTP")}}
)
MOVED = ConnectorConfig(
    name="email", settings={"smtp": {"host": "b.example.com", "password": SecretRef(name="SMTP")}}
)
OTHER = ConnectorConfig(
    name="email", settings={"smtp": {"host": "a.example.com", "password": SecretRef(name="NEW")}}
)


@pytest.mark.parametrize(
    ("before", "after", "kinds"),
    [
        (settings(), settings(id="other"), ["id"]),
        (settings(), settings(deploy="live"), ["deploy"]),
        (
            settings(),
            settings(operator=Person(id="operator", name="R", email="x@example.com")),
            ["recipient"],
        ),
        (settings(), settings(people=(Person(id="p", name="P", email="p@example.com"),)), ["recipient"]),
        (settings(budget_usd_per_day=Decimal(1)), settings(budget_usd_per_day=Decimal(2)), ["cap"]),
        (settings(budget_usd_per_month=Decimal(1)), settings(), ["cap"]),
        (settings(), settings(secrets=("env", "keyring")), ["secret"]),
        (settings(), settings(connectors=(SMTP,)), ["connector", "connector", "host", "secret"]),
        (settings(connectors=(SMTP,)), settings(connectors=(MOVED,)), ["host"]),
        (settings(connectors=(SMTP,)), settings(connectors=(OTHER,)), ["connector", "secret"]),
        (settings(connectors=(SMTP,)), settings(), []),
        (settings(budget_usd_per_day=Decimal(2)), settings(budget_usd_per_day=Decimal(1)), []),
        (settings(), settings(time_zone="Europe/Warsaw"), []),
    ],
)
def test_settings(before, after, kinds):
    assert sorted(one.kind for one in authority_increases(at(config=before), at(config=after))) == kinds


EUR = Money(minor=5000, currency="EUR")
MORE = Money(minor=6000, currency="EUR")
CAP = Cap(action="payments/request", each=EUR, count_per_day=5)


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        (PolicyRules(), PolicyRules(always_ask=(Reach.PAYMENT,)), 1),
        (PolicyRules(), PolicyRules(always_ask=(Reach.PAYMENT, Reach.LEGAL, Reach.CUSTOMER)), 0),
        (PolicyRules(deny=("payments/request",)), PolicyRules(), 1),
        (PolicyRules(deny=("payments/request",)), PolicyRules(deny=("payments/*",)), 0),
        (PolicyRules(deny=("payments/*",)), PolicyRules(deny=("payments/request",)), 1),
        (PolicyRules(caps=(CAP,)), PolicyRules(), 1),
        (PolicyRules(caps=(CAP,)), PolicyRules(caps=(replace(CAP, each=MORE),)), 1),
        (PolicyRules(caps=(CAP,)), PolicyRules(caps=(replace(CAP, each=Money(minor=1, currency="USD")),)), 1),
        (PolicyRules(caps=(CAP,)), PolicyRules(caps=(replace(CAP, count_per_day=None),)), 1),
        (PolicyRules(caps=(CAP,)), PolicyRules(caps=(replace(CAP, count_per_day=3),)), 0),
        (PolicyRules(caps=(CAP,)), PolicyRules(caps=(replace(CAP, action="payments/*"),)), 0),
        (PolicyRules(caps=(CAP,)), PolicyRules(caps=(CAP, replace(CAP, action="email/*"))), 0),
        (PolicyRules(), PolicyRules(caps=(CAP,)), 0),
    ],
)
def test_policy(before, after, count):
    assert len(authority_increases(at(policy=before), at(policy=after))) == count


def test_every_change_is_said_on_one_line():
    found = changes(
        at(plan(), policy=PolicyRules(caps=(CAP,))),
        at(plan(("stage: approval", "stage: auto"), ("usd: 1", "usd: 2")), policy=PolicyRules(always_ask=())),
    )

    assert [one.text for one in found] == [
        "always-ask: payment is gone",
        "always-ask: legal is gone",
        "payments/request: cap each 50.00 EUR, 5 a day is gone",
        "stage approval → auto",
        "budget: cap 1 USD → 2 USD",
    ]
