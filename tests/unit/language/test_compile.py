from datetime import timedelta
from pathlib import Path

import pytest

from engine.kernel.core.decide import decide
from engine.language.passes import dependencies, plan_codec
from engine.model import commands as c
from engine.model.definitions.actions import Reach
from engine.model.definitions.diagnostics import Severity
from engine.model.definitions.plan import Expr, Fixed, ListArg, Stage, Text
from engine.model.definitions.taint import Label
from engine.model.events import events as e
from engine.model.values import canonical_json
from tests.unit.kernel.plans import History, at
from tests.unit.language.mending import codes
from tests.unit.language.trees import STARTER, compiled, playbook

HEAD = "name: Case\nstage: approval\non: { email: { mailbox: leads } }\nsubject: ${{ event.from }}\n"
BY_HAND = "name: Case\nstage: approval\non: { manual: {} }\n"
ROOT = Path(__file__).parents[3]
FLAGSHIP = "playbooks/lead-capture.yaml"


def plan(text, **more):
    found = playbook(text, **more)
    assert found.diagnostics == ()
    return found.plans["case"]


def wrong(text, **more):
    found = playbook(text, **more)
    assert found.plans == {}
    assert found.broken == {"case"}
    return codes(found.diagnostics)


def tells(*names, head=BY_HAND, **extra):
    """Steps that notify, one after the other, with further keys."""
    rows = [
        f"  - {{ id: {name}, uses: notify/me, with: {{ text: Hello }}{extra.get(name, '')} }}"
        for name in names
    ]
    return head + "steps:\n" + "\n".join(rows) + "\n"


# ---------------------------------------------------------------- order


def test_a_step_needs_the_one_above_unless_it_says_otherwise():
    found = plan(tells("a", "b", "c", "d", c=", needs: []", d=", needs: [a, b]"))

    assert [node.needs for node in found.nodes] == [(), ("a",), (), ("a", "b")]


def test_reading_adds_an_edge_and_default_makes_it_soft():
    found = plan(
        HEAD + "steps:\n"
        "  - { id: who, uses: identity/resolve, with: { email: '${{ event.from }}' } }\n"
        "  - { id: a, needs: [], uses: notify/me, with: { text: '${{ steps.who.outputs.name }}' } }\n"
        "  - { id: b, needs: [], uses: notify/me, with: { text: \"${{ default(steps.who.outputs.name, '') }}\" } }\n"
        "  - { id: c, needs: [], uses: notify/me, with: { text: '${{ steps.who.status }}' } }\n"
    )

    assert [(node.reads, node.soft_reads) for node in found.nodes[1:]] == [
        (("who",), ()),
        ((), ("who",)),
        ((), ("who",)),
    ]


def test_the_graph_is_the_plans_public_face():
    import networkx as nx

    found = dependencies.graph(plan(tells("a", "b", "c", c=", needs: [a]")))

    assert nx.is_directed_acyclic_graph(found)
    assert sorted(found.edges(data="kind")) == [("a", "b", "needs"), ("a", "c", "needs")]


# ---------------------------------------------------------------- gates

GATED = (
    HEAD + "gates: { offer: { title: 'To ${{ steps.who.outputs.name }}', expires-after: 2d } }\nsteps:\n"
    "  - { id: who, uses: identity/resolve, with: { email: '${{ event.from }}' } }\n"
    "  - { id: send, uses: email/reply, with: { body: Hello }, gate: offer }\n"
    "  - { id: after, uses: notify/me, with: { text: Sent } }\n"
    "  - { id: sorry, needs: [who], if: \"${{ gates.offer.verdict == 'rejected' }}\", uses: notify/me, with: { text: Sorry } }\n"
    "  - { id: last, uses: notify/me, with: { text: Done } }\n"
)


def test_a_gate_names_its_members_and_reads_its_title_before_them():
    found = plan(GATED)

    gate = found.gate("offer")
    assert (gate.members, gate.expires_after, gate.own) == (("send",), timedelta(days=2), False)
    assert isinstance(gate.title, Text)
    assert found.node("send").reads == ("who",)


def test_a_refused_gate_cancels_what_stands_behind_it_but_not_who_reads_the_verdict():
    history = History().done("who").proposed("send", gate="offer").card("C1", "offer", "send")
    history.add(e.CardRejected(card="C1", by="me", channel="terminal"))

    assert decide(plan(GATED), history.run, now=at(0)) == [
        c.Cancel(step="after", because="behind `send`, which was refused"),
        c.Begin(step="sorry"),
    ]


def test_the_card_a_stage_asks_for_is_a_gate_like_any_other():
    steps = "steps:\n  - { id: send, uses: email/reply, with: { body: Hello } }\n  - { id: after, uses: notify/me, with: { text: Sent } }\n"

    history = History().proposed("send", gate="send").card("C1", "send", "send")
    history.add(e.CardRejected(card="C1", by="me", channel="terminal"))

    found = plan(HEAD + steps)
    assert (found.gate("send").members, found.gate("send").own) == (("send",), True)
    assert decide(found, history.run, now=at(0)) == [
        c.Cancel(step="after", because="behind `send`, which was refused")
    ]


def test_a_plan_kept_by_an_older_version_is_read_without_the_fields_that_are_gone():
    kept = canonical_json.decode(plan_codec.to_bytes(plan(GATED)))
    for node in kept["plan"]["nodes"]:
        node["behind"] = ["offer"]

    assert plan_codec.from_bytes(canonical_json.encode(kept)) == plan(GATED)


def test_a_text_of_a_thousand_expressions_is_refused():
    assert wrong(tells("a").replace("Hello", '"' + "${{ run.error }} " * 1000 + '"')) == ["SW113"]


def test_a_step_that_acts_without_a_gate_has_a_card_of_its_own():
    found = plan(tells("a"))

    assert [(gate.id, gate.own, gate.members) for gate in found.gates] == [("a", True, ("a",))]
    assert found.node("a").gate is None


def test_a_title_reads_what_stands_above_the_gates_steps():
    text = GATED.replace("steps.who.outputs.name }}',", "steps.after.status }}',")

    assert wrong(text) == ["SW105"]


def test_members_beside_each_other_are_one_decision():
    head = BY_HAND + "gates: { both: { title: Both } }\n"

    found = plan(tells("a", "b", head=head, a=", gate: both", b=", gate: both, needs: []"))

    assert found.gate("both").members == ("a", "b")


AT_ONE_GATE = (
    HEAD + "gates: { offer: { title: Offer } }\nsteps:\n"
    "  - { id: pay, uses: payments/request, with: { items: [{ what: Work, amount: 49.00 EUR }] }, gate: offer }\n"
    "  - { id: send, needs: [], uses: email/reply, with: { body: '${{ steps.pay.outputs.reference }}' }, gate: offer }\n"
)


def test_behind_one_gate_no_outcome_is_read():
    assert wrong(AT_ONE_GATE) == ["SW207"]


def test_behind_one_gate_what_can_be_shown_before_is_read():
    link = AT_ONE_GATE.replace(
        "body: '${{ steps.pay.outputs.reference }}'", "link: '${{ steps.pay.outputs.url }}'"
    )

    assert plan(link).node("send").reads == ("pay",)


# ---------------------------------------------------------------- reach and trust


@pytest.mark.parametrize(
    ("arguments", "reach"),
    [
        ("template: just-checking", Reach.LOW),
        ("body: Hello", Reach.CUSTOMER),
        ("body: Hello, link: 'https://pay.example.com'", Reach.PAYMENT),
        ("body: Hello, link: null", Reach.CUSTOMER),
    ],
)
def test_the_highest_reach_follows_the_shape_of_the_arguments(arguments, reach):
    found = plan(HEAD + f"steps:\n  - {{ id: send, uses: email/reply, with: {{ {arguments} }} }}\n")

    assert found.node("send").highest_reach is reach


WRITE = (
    "steps:\n  - id: intent\n    uses: intent/resolve\n    with: { text: '${{ event.text }}' }\n"
    "  - id: save\n    uses: files/write\n    with: { path: '%s', text: Hello }\n%s"
)


@pytest.mark.parametrize(
    ("stage", "path", "more", "expected"),
    [
        ("approval", "notes/${{ event.subject }}.txt", "", ["SW301"]),
        ("shadow", "notes/${{ event.subject }}.txt", "", []),
        ("approval", "notes/${{ event.subject }}.txt", "    reach: customer\n", []),
        ("auto", "notes/${{ event.subject }}.txt", "    reach: payment\n", []),
        ("auto", "notes/${{ event.subject }}.txt", "    stage: shadow\n", []),
        ("auto", "notes/${{ text(size(event.subject)) }}.txt", "", []),
        ("auto", "notes/${{ event.subject == ''a'' ? ''x'' : ''y'' }}.txt", "", []),
        ("auto", "notes/${{ event.subject == ''a'' ? event.text : ''y'' }}.txt", "", ["SW301"]),
        ("auto", "notes/${{ steps.intent.outputs.name }}.txt", "", []),
        ("auto", "notes/${{ text(day(event.at)) }}.txt", "", []),
    ],
)  # fmt: skip
def test_strangers_words_reach_no_path_unseen(stage, path, more, expected):
    head = HEAD.replace("approval", stage)
    found = playbook(head + WRITE % (path, more))

    assert codes(found.diagnostics) == expected


PREPARED = (
    HEAD + "gates: { offer: { title: Offer } }\nsteps:\n"
    "  - { id: who, uses: identity/resolve, with: { email: '${{ event.from }}' } }\n"
    "  - { id: draft, uses: agent/draft-reply, with: { message: Hello, contact: '${{ steps.who.outputs }}' } }\n"
    "  - { id: pay, uses: payments/request, with: { items: '${{ steps.draft.outputs.items }}' } }\n"
    "  - { id: send, uses: email/reply, with: { body: Hello, link: '${{ steps.pay.outputs.url }}' }, gate: offer }\n"
)


def test_what_is_only_prepared_is_discharged_by_the_gate_of_what_sends_it():
    assert plan(PREPARED).node("pay").highest_reach is Reach.LOW


def test_what_is_prepared_and_used_elsewhere_too_is_refused():
    loose = "  - { id: tell, uses: notify/me, with: { text: '${{ steps.pay.outputs.url }}' } }\n"

    assert wrong(PREPARED + loose) == ["SW301"]


def test_a_playbook_about_a_person_names_its_subject():
    text = PREPARED.replace("subject: ${{ event.from }}\n", "")

    assert wrong(text) == ["SW303"]


def test_a_step_says_itself_how_it_is_not_taken_back():
    found = plan(
        BY_HAND
        + "steps:\n  - { id: send, uses: parcels/send, with: { weight: 2 }, undo: { none: it has left } }\n"
    )

    action = found.node("send").action
    assert action is not None
    assert action.undo.none == "it has left"


# ---------------------------------------------------------------- values


def test_values_take_the_type_their_place_asks_for():
    found = plan(
        BY_HAND + "steps:\n"
        "  - { id: a, uses: memory/recall, with: { query: 010, limit: 3 } }\n"
        "  - { id: b, uses: payments/request, with: { items: [{ what: no, amount: 1.10 EUR }] } }\n"
    )

    assert dict(found.node("a").args) == {"query": Fixed(value="010"), "limit": Fixed(value=3)}
    assert dict(found.node("b").args)["items"] == Fixed(
        value=[{"what": "no", "amount": {"minor": 110, "currency": "EUR"}}]
    )


def test_a_whole_value_keeps_its_type_and_text_around_it_makes_text():
    found = plan(
        HEAD + "steps:\n"
        "  - { id: draft, uses: memory/recall, with: { query: '${{ event.subject }}' } }\n"
        "  - { id: tell, uses: notify/me, with: { text: 'From ${{ event.from }}: ${{ event.subject }}' } }\n"
    )

    assert isinstance(dict(found.node("draft").args)["query"], Expr)
    text = dict(found.node("tell").args)["text"]
    assert isinstance(text, Text)
    assert [one if isinstance(one, str) else one.written for one in text.parts] == [
        "From ",
        "event.from",
        ": ",
        "event.subject",
    ]


def test_a_list_keeps_a_null_for_what_is_not_there():
    found = compiled({FLAGSHIP: (ROOT / FLAGSHIP).read_bytes()})

    attach = dict(found.plans["lead-capture"].node("reply").args)["attach"]
    assert isinstance(attach, ListArg)
    assert isinstance(attach.items[0], Expr)
    assert attach.items[0].reads[0].through_default


def test_an_event_of_several_triggers_has_what_all_of_them_have():
    head = "name: Case\nstage: approval\non: { email: { mailbox: leads }, manual: {} }\nsubject: someone\n"
    step = "steps:\n  - {{ id: tell, uses: notify/me, with: {{ text: '${{{{ {} }}}}' }} }}\n"

    assert wrong(head + step.format("event.subject")) == ["SW111"]
    assert plan(head + step.format("event.at")).event_labels == {Label.UNTRUSTED, Label.OPERATOR}


# ---------------------------------------------------------------- the plan


def test_the_plan_pins_what_a_run_may_read():
    found = compiled({FLAGSHIP: (ROOT / FLAGSHIP).read_bytes()}).plans["lead-capture"]

    assert [path for path, _ in found.files] == sorted(
        {FLAGSHIP, *(path for path in STARTER if not path.startswith("vault/knowledge/"))}
    )


def test_the_flagship_is_what_it_says():
    found = compiled({FLAGSHIP: (ROOT / FLAGSHIP).read_bytes()})

    assert found.diagnostics == ()
    flagship = found.plans["lead-capture"]
    assert flagship.stage is Stage.APPROVAL
    assert {node.id: node.highest_reach.value for node in flagship.nodes if node.kind == "effect"} == {
        "acknowledge": "low", "contract": "internal", "payment-link": "low", "reply": "legal", "next-reply": "customer",
        "follow-up": "low",
    }  # fmt: skip
    assert flagship.node("answer").until == Fixed(value=3 * 86_400.0)
    assert flagship.node("acknowledge").undo_within == timedelta(seconds=20)
    assert flagship.node("reply").soft_reads == ("contract", "payment-link")


def test_bytes_and_back():
    found = compiled({FLAGSHIP: (ROOT / FLAGSHIP).read_bytes()}).plans["lead-capture"]

    assert plan_codec.from_bytes(plan_codec.to_bytes(found)) == found


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b'{"format":9,"plan":{}}', b'{"format":0,"plan":{}}', b"\x80"]
)
def test_other_bytes_are_refused(data):
    with pytest.raises(ValueError):
        plan_codec.from_bytes(data)


def test_the_digest_follows_meaning_and_not_layout():
    text = tells("a", "b")
    first = plan_codec.digest(plan(text))

    assert (
        plan_codec.digest(
            plan(
                "# why\n"
                + text.replace(
                    "uses: notify/me, with: { text: Hello }", "with: { text: Hello }, uses: notify/me"
                )
            )
        )
        == first
    )
    assert plan_codec.digest(plan(text.replace("Hello", "Bye"))) != first


# ---------------------------------------------------------------- the tree


def test_one_broken_file_leaves_the_others_alone():
    found = compiled({"playbooks/good.yaml": tells("a").encode(), "playbooks/bad.yaml": b"name: [\n"})

    assert set(found.plans) == {"good"}
    assert found.broken == {"bad"}


def test_scenario_tests_and_plain_notes_are_no_playbooks():
    found = compiled(
        {"playbooks/tests/a.test.yaml": b"x: [", "vault/knowledge/b.md": b"---\ntags: [a]\n---\n- [ ] c\n"}
    )

    assert (found.plans, found.diagnostics) == ({}, ())


def test_warnings_keep_nothing_from_running():
    found = compiled({"vault/sops/case.md": b"---\ntype: sop\n---\n- [ ] Read it\n"})

    assert [one.severity for one in found.diagnostics] == [Severity.WARNING]
    assert [node.id for node in found.plans["case"].nodes] == ["read-it"]


def test_more_diagnostics_are_put_in_their_place():
    found = playbook("name: Case\n")
    other = playbook("name: [").diagnostics

    assert set(found.with_diagnostics(other).diagnostics) == {*found.diagnostics, *other}


def test_every_mistake_is_one_diagnostic():
    text = """\
name: Mistakes
stages: approval
on: { email: { mailbx: leads } }
subject: ${{ event.form }}
gates: { offer: { titel: Offer } }
budget: { usd: much }
steps:
  - { id: Who, uses: identity/resolve, with: { email: "${{ event.from }}" } }
  - { id: intent, needs: [whoo], uses: intent/resolve, with: { txt: "${{ event.text }}" } }
  - { id: sops, uses: memory/recal, with: { query: a } }
  - { id: more, uses: memory/recall, with: { query: a, limit: three } }
  - { id: ack, if: "${{ steps.intnt.outputs.name == 'spam' }}", uses: email/acknowledge, with: { template: got-ti } }
  - { id: tell, uses: notify/me, with: { text: "${{ evnt.from }}" }, timeout: 5 minutes }
  - { id: reply, uses: email/reply, with: { body: Hello }, gate: ofer, reach: lwo }
  - { id: wait, uses: wait/for, with: { time: soon }, retry: { attempt: 3 } }
  - { id: tell, uses: notify/me, with: { text: "${{ length(event.text) > 3 ? 'a' : 'b' }}" } }
  - { id: end, uses: run/end, with: { as: suceeded } }
"""
    found = playbook(text).diagnostics

    assert codes(found) == [
        "SW020", "SW403", "SW103", "SW020", "SW027", "SW025", "SW202", "SW121", "SW120", "SW110", "SW102", "SW123", "SW101", "SW027",
        "SW106", "SW023", "SW027", "SW020", "SW201", "SW107", "SW023",
    ]  # fmt: skip


CALLED = (
    "name: Other\non: { call: {} }\ninputs: { word: text }\nsteps:\n"
    "  - { id: save, uses: files/write, with: { path: a.txt, text: '${{ inputs.word }}' } }\n"
    "outputs: { path: '${{ steps.save.outputs.path }}' }\n"
)
CALLS = (
    BY_HAND + "steps:\n  - { id: other, uses: playbook/other, with: { word: Hello } }\n"
    "  - { id: tell, uses: notify/me, with: { text: '${{ steps.other.outputs.path }}' } }\n"
)


def test_a_caller_is_checked_again_when_what_it_calls_changes():
    files = {"playbooks/case.yaml": CALLS.encode()}

    def found(called):
        return codes(compiled({**files, "playbooks/other.yaml": called.encode()}).diagnostics)

    assert found(CALLED) == []
    assert found(CALLED.replace("outputs: { path:", "outputs: { file:")) == ["SW103"]
    assert found(CALLED.replace("word: text", "words: text")) == ["SW121", "SW103"]
    assert found(CALLED.replace("call: {}", "manual: {}")) == ["SW132"]
    assert codes(compiled(files).diagnostics) == ["SW131"]
    assert found(CALLED) == []


def test_a_long_chain_of_calls_is_no_deep_recursion():
    def one(number):
        step = f"  - {{ id: next, uses: playbook/p{number + 1} }}\n" if number < 999 else ""
        return f"name: P\non: {{ call: {{}} }}\nsteps:\n{step}  - {{ id: tell, uses: notify/me, with: {{ text: Hello }} }}\n"

    files = {f"playbooks/p{number}.yaml": one(number).encode() for number in range(1000)}

    assert len(compiled(files).plans) == 1000
    assert len(compiled(files | {"playbooks/p999.yaml": one(999).encode() + b"#"}).plans) == 1000


def test_a_caller_of_a_file_that_cannot_be_read_brings_no_diagnostics_of_its_own():
    found = compiled({"playbooks/case.yaml": CALLS.encode(), "playbooks/other.yaml": b"name: ["})

    assert {one.span.path for one in found.diagnostics} == {"playbooks/other.yaml"}
    assert found.plans["case"].node("other").kind == "playbook"
