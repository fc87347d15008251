import re
from datetime import timedelta

import pytest

from engine.app.plans import plan_json, plan_view
from engine.app.plans.mermaid import flowchart, quoted
from engine.language.passes import plan_codec
from engine.model.definitions.actions import Reach
from engine.model.definitions.settings import PolicyRules
from engine.model.values.durations import exact
from tests.unit.language.trees import MemoryTree, compiled

HEAD = """\
name: Case
stage: {stage}
on: {{ email: {{ mailbox: leads }} }}
subject: ${{{{ event.from }}}}
gates:
  offer: {{ title: Offer, expires-after: 2d }}
steps:
"""
WHO = '  - { id: who, uses: identity/resolve, with: { email: "${{ event.from }}" } }\n'
INTENT = '  - { id: intent, uses: intent/resolve, with: { text: "${{ event.text }}" } }\n'
SPAM = "  - { id: spam, if: \"${{ steps.intent.outputs.name == 'spam' }}\", uses: run/end, with: { as: succeeded, because: spam } }\n"
NOTES = '  - { id: notes, uses: memory/recall, with: { query: "${{ event.text }}" } }\n'
PAPER = "  - { id: paper, uses: documents/render, with: { template: got-it } }\n"
TELL = "  - { id: tell, uses: notify/me, with: { text: Somebody wrote } }\n"
THANKS = "  - { id: thanks, uses: email/acknowledge, with: { template: got-it }, undo-within: 20s }\n"
REPLY = "  - { id: reply, uses: email/reply, with: { body: Hello }, gate: offer }\n"
WORDS = "  - { id: words, uses: email/reply, with: { body: Hello } }\n"


def seen(*steps: str, stage: str = "approval", policy: PolicyRules | None = None) -> plan_view.PlanView:
    text = HEAD.format(stage=stage) + "".join(steps)
    if "gate: offer" not in text:
        text = text.replace("gates:\n  offer: { title: Offer, expires-after: 2d }\n", "")
    found = compiled({"playbooks/case.yaml": text.encode()})
    assert not found.broken, found.diagnostics
    plan = found.plans["case"]
    tree = MemoryTree({"playbooks/case.yaml": text.encode()})
    return plan_view.analyze(
        plan, policy=policy or PolicyRules(), unsaid=plan_view.implicit_order(plan, tree)
    )


def row(found: plan_view.PlanView, id_: str) -> plan_view.PlanRow:
    return next(one for one in found.rows if one.node.id == id_)


@pytest.mark.parametrize(
    ("stage", "signs"),
    [("shadow", "·???"), ("approval", "·+~~"), ("auto", "·+~+")],
)
def test_each_step_has_the_sign_of_what_it_does_at_that_stage(stage, signs):
    found = seen(WHO, THANKS, REPLY, WORDS, stage=stage)

    assert "".join(one.sign for one in found.rows) == signs


def test_a_denied_action_never_runs_and_a_floor_always_asks():
    found = seen(
        WHO,
        THANKS,
        WORDS,
        stage="auto",
        policy=PolicyRules(deny=("email/ack*",), always_ask=(Reach.CUSTOMER,)),
    )

    assert (row(found, "thanks").does, row(found, "words").does) == ("skip", "ask")
    assert "policy.yaml denies it" in row(found, "thanks").what


def test_the_reach_has_two_ends_when_an_argument_may_be_null():
    link = '  - { id: reply, uses: email/reply, with: { template: got-it, link: "${{ default(steps.pay.outputs.url, null) }}" }, gate: offer }\n'
    pay = "  - { id: pay, uses: payments/request, with: { items: [] }, if: \"${{ event.subject == 'pay' }}\" }\n"
    found = row(seen(pay, link), "reply")

    assert (found.low, found.high) == (Reach.LOW, Reach.PAYMENT)
    assert found.what == "asks at gate offer (low to payment)"


def test_a_step_says_what_takes_it_back_and_a_question_what_counts_unsaid():
    undo = "{ uses: email/reply, with: { body: '${{ steps.thanks.outputs.message-id }}' } }"
    thanks = f"  - {{ id: thanks, uses: email/acknowledge, with: {{ template: got-it }}, undo: {undo} }}\n"
    ask = "  - { id: ask, uses: human/ask, with: { title: T, fields: { days: { type: integer, default: 3 } } } }\n"
    found = seen(thanks, ask)

    words = [text.strip() for _, text in plan_view.lines(found)]
    assert "undo: email/reply with {body: ${{ steps.thanks.outputs.message-id }}} (customer at most)" in words
    assert "days is 3 unless something else is said" in words


def test_order_says_why_a_step_waits():
    found = seen(WHO, INTENT, SPAM, "  - { id: last, needs: [who], uses: notify/me, with: { text: x } }\n")

    assert row(found, "who").after == ()
    assert [(e.step, e.because, e.implicit) for e in row(found, "intent").after] == [("who", "order", True)]
    assert [(e.step, e.because) for e in row(found, "spam").after] == [("intent", "reads")]
    assert [(e.step, e.because, e.implicit) for e in row(found, "last").after] == [("who", "needs", False)]


def test_a_step_that_only_the_file_holds_back_could_start_at_once():
    found = seen(WHO, INTENT)

    assert row(found, "intent").earlier == ()
    assert any("could start at once with `needs: []`" in text for _, text in plan_view.lines(found))


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param((INTENT, SPAM, NOTES), id="behind an end"),
        pytest.param((THANKS, NOTES), id="behind an effect"),
        pytest.param((WHO, THANKS), id="itself an effect"),
        pytest.param((WHO, NOTES.replace("{ id: notes", "{ id: notes, needs: [who]")), id="written out"),
        pytest.param((WHO,), id="first"),
    ],
)
def test_an_order_that_may_be_meant_is_left_alone(steps):
    assert [one.earlier for one in seen(*steps).rows] == [None] * len(steps)


def test_what_must_stay_above_is_kept_in_the_needs():
    found = seen(INTENT, SPAM, NOTES, PAPER)

    assert row(found, "notes").earlier is None
    assert row(found, "paper").earlier == ("spam",)


def test_the_needs_that_is_printed_gives_a_plan_in_which_the_step_waits_for_less():
    before = seen(INTENT, SPAM, NOTES, PAPER)
    needs = ", ".join(row(before, "paper").earlier or ())
    after = seen(INTENT, SPAM, NOTES, PAPER.replace("{ id: paper", f"{{ id: paper, needs: [{needs}]"))

    assert row(before, "paper").node.before == ("notes",)
    assert row(after, "paper").node.before == ("spam",)
    assert row(after, "paper").earlier is None


def test_looking_is_linear_in_the_number_of_steps():
    found = seen(*(WHO.replace("id: who", f"id: who{at}") for at in range(400)))

    assert {one.earlier for one in found.rows[1:]} == {()}


def test_a_sop_is_read_for_its_order_too():
    text = b"---\ntype: sop\nstage: approval\n---\n# S\n- [ ] Read it ^read\n- [ ] Say yes **yes** or **no** ^say\n"
    found = compiled({"vault/sops/s.md": text})
    plan = found.plans["s"]

    assert plan_view.implicit_order(plan, MemoryTree({"vault/sops/s.md": text})) == {"read", "say"}


def test_a_file_that_went_away_says_nothing_about_its_order():
    plan = seen(WHO).plan

    assert plan_view.implicit_order(plan, MemoryTree({})) == frozenset()


def test_text_shows_gates_with_members_and_expiry_and_the_layout_free_digest():
    found = seen(WHO, REPLY, WORDS)
    text = "\n".join(sign + line for sign, line in plan_view.lines(found))

    assert "~ gate offer “Offer” covers reply; no answer in 2d is a no" in text
    assert "~ card words covers words; no answer in 7d is a no" in text
    assert f"plan {plan_codec.digest(found.plan)[:12]}" in text
    assert "undo: none: a letter that left can't be called back" in text
    assert "about ${{ event.from }}" in text


def test_json_has_the_digest_every_step_and_every_gate_that_decides():
    found = plan_json.to_json(seen(WHO, THANKS, REPLY))

    assert {"digest", "steps", "gates", "triggers", "highest-reach", "subject"} <= found.keys()
    assert [one["id"] for one in found["steps"]] == ["who", "thanks", "reply"]
    assert found["gates"] == [
        {
            "id": "offer",
            "title": "Offer",
            "members": ["reply"],
            "expires-after-seconds": 172800.0,
            "own": False,
        }
    ]
    assert found["steps"][1]["after"] == [{"step": "who", "because": "order", "implicit": True}]
    assert found["steps"][1]["undo-within-seconds"] == 20.0
    assert (found["steps"][2]["does"], found["steps"][2]["reach"]["highest"]) == ("ask", "customer")


PLAN_KEYS = set(
    "id name description path source digest stage highest-reach triggers stop-on subject concurrency if-running once if-failed"
    " budget-usd time-zone currency event-labels inputs outputs steps gates files".split()
)
STEP_KEYS = set(
    "id name uses kind line column does acts what stage reach if with after verdicts behind could-start-earlier foreach"
    " max-parallel waits-for until asks expect once subject gate undo undo-within-seconds timeout-seconds attempts"
    " continue-on-error pause-seconds repeat".split()
)


def test_the_keys_of_version_1_stay():
    """Programs read them: one that goes or changes its meaning needs another version."""
    found = plan_json.to_json(seen(WHO, REPLY))

    assert found.keys() == PLAN_KEYS
    assert found["steps"][0].keys() == STEP_KEYS
    assert found["gates"][0].keys() == {"id", "title", "members", "expires-after-seconds", "own"}


def test_a_condition_that_is_never_true_is_said_to_be_so():
    found = seen(WHO, TELL.replace("{ id: tell", "{ id: tell, if: false"))

    assert (row(found, "tell").does, row(found, "tell").sign) == ("skip", "-")


def test_the_flowchart_dots_what_nobody_wrote_and_draws_gates_as_diamonds():
    chart = flowchart([seen(WHO, INTENT, REPLY.replace("{ id: reply", "{ id: reply, needs: [who]"))])

    assert chart.splitlines()[0] == "flowchart TD"
    assert 'p0g0{"Offer"}' in chart
    assert "p0g0 ==> p0s2" in chart
    assert "p0s0 -. file order .-> p0s1" in chart
    assert "p0s0 --> p0s2" in chart


@pytest.mark.parametrize(
    "text", ['say "no"', "a]b}c)", "`x` <b> &amp; #1;", "end\nclick p0 call x", "\u202eleft", "%% x"]
)
def test_words_of_a_playbook_cannot_leave_their_box(text):
    made = quoted(text)

    assert re.fullmatch(r'"(?:[^\W_]|[ \-_./,:()+=…]|#[0-9]+;)*"', made)


def test_the_flowchart_says_when_a_step_runs_and_how_often():
    """A condition stays inside its box, whatever stands in it."""
    lines = flowchart([
        seen(
            WHO.replace("{ id: who", "{ id: who, if: \"${{ event.subject != '<b>]' }}\""),
            TELL.replace("{ id: tell", "{ id: tell, repeat: { until: true, at-most: 3 }"),
        )
    ]).splitlines()  # fmt: skip
    assert any(
        "<br/>if event.subject !#61;" in line or "<br/>if event.subject #33;= " in line for line in lines
    )
    assert any("<br/>until true" in line for line in lines)
    assert not any("<b>" in line or "]']" in line for line in lines)


def test_a_hostile_title_stays_inside_its_diamond():
    found = seen(WHO, REPLY)
    plan = found.plan
    evil = plan_view.analyze(
        plan.__class__(
            **{
                **{f: getattr(plan, f) for f in plan.__dataclass_fields__},
                "name": 'x"]\n  click p0s0 "javascript:1',
            }
        ),
        policy=PolicyRules(),
        unsaid=frozenset(),
    )

    assert not any(line.strip().startswith("click") for line in flowchart([evil]).splitlines())


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (20, "20s"), (90, "90s"), (600, "10m"), (7200, "2h"), (604800, "7d")]
)
def test_a_length_is_written_as_an_operator_would(seconds, text):
    assert exact(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(("stage", "own"), [("approval", ["words"]), ("auto", []), ("shadow", [])])
def test_a_step_names_the_gates_whose_refusal_cancels_it_unless_it_reads_their_verdict(stage, own):
    sorry = "  - { id: sorry, needs: [who], if: \"${{ gates.offer.verdict == 'rejected' }}\", uses: notify/me, with: { text: Sorry } }\n"
    found = plan_json.to_json(seen(WHO, WORDS, REPLY, TELL, sorry, PAPER, stage=stage))

    assert {step["id"]: step["behind"] for step in found["steps"]} == {
        "who": [], "words": [], "reply": own, "tell": [*own, "offer"], "sorry": [], "paper": [],
    }  # fmt: skip
