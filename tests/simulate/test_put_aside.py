"""What was put aside and may be a person's stands before the operator; what a form only claims stays a claim; whoever is away is waited for."""

import argparse
import json
from datetime import timedelta

import pytest

from engine.app.health import daily_brief
from engine.cli.commands import queue
from engine.cli.screen import card_view
from engine.model.events import events as e
from engine.model.events.set_aside import AsideDismissed, AsideReturned, AsideTaken, WaitPostponed
from engine.testing.scenario import Scenario, letter

ASKS = """\
name: Asks
stage: approval
on:
  email: { mailbox: leads }
subject: ${{ event.from }}
steps:
  - id: who
    uses: identity/resolve
    with: { email: "${{ event.from }}" }
  - id: thanks
    uses: email/acknowledge
    with: { template: got-it }
  - id: reply
    uses: email/reply
    with: { template: just-checking }
"""
WAITS = """\
name: Waits
stage: approval
on:
  email: { mailbox: leads }
subject: ${{ event.from }}
concurrency: ${{ event.thread }}
steps:
  - id: hello
    uses: email/reply
    with: { template: just-checking }
  - id: answer
    uses: wait/for
    with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d }
  - id: nudge
    if: ${{ steps.answer.outputs.got == 'nothing' }}
    uses: human/ask
    with: { title: Nobody answered, choices: [write] }
"""
CONTACT = "---\ntype: contact\nname: Anna Berg\nemail: anna@example.org\ncompany: Secret Works\n---\nOwes us 400 EUR.\n"
pytestmark = pytest.mark.slow

FORM = {"sender": "WordPress <wordpress@robin-shop.example>", "Reply_To": "Anna Berg <anna@example.org>"}


def made(tmp_path, text=ASKS, **files):
    files = {"playbooks/mail.yaml": text, "vault/knowledge/contacts/anna.md": CONTACT, **files}
    company = Scenario.make(tmp_path / "company", files=files, bare=True)
    company.enrol()
    return company


@pytest.fixture
def company(tmp_path):
    return made(tmp_path)


def rows(company, kind="put-aside"):
    return [row for row in company.queue() if row.kind == kind]


def bodies(company, type_):
    return [event.body for event in company.events() if isinstance(event.body, type_)]


def two_authors():
    return letter(
        "Quote", "Could you send me a quote?", sender="Anna <anna@example.org>, Bo <bo@example.org>"
    )


# -- in sight, taken up, dismissed, put back -----------------------------------------------------------------------------


PERHAPS = {
    "two-authors": (two_authors(), ""),
    "no-author": (letter("Quote", "Hello", sender="Anna Berg"), ""),
    "crm": (letter("Quote 2", "Hello", List_Unsubscribe="<mailto:u@crm.example>"), "fold"),
    "typed": (letter("Automatic reply: Quote", "I am away."), "fold"),
    "discussed": (
        letter(
            "Quote 3",
            "Hello",
            Cc="talk@lists.example.net",
            List_Id="<talk.lists.example.net>",
            List_Post="<mailto:talk@lists.example.net>",
        ),
        "fold",
    ),
    "unreadable": (b"From: \0\0\0\n" + b"\0" * 400, ""),
}
SURELY_NOT = (
    {"Auto_Submitted": "auto-replied"},
    {"Precedence": "bulk"},
    {"List_Id": "<x.example.org>"},
    {"Return_Path": "<>"},
    {"sender": "Shop <ne-pas-repondre@shop.example>"},
    {"sender": "Robin <robin@example.com>"},
)  # fmt: skip


def test_what_may_be_a_persons_is_a_row_with_sender_and_subject(company):
    for name, (text, _) in PERHAPS.items():
        company.drop(name, text)
    for number, head in enumerate(SURELY_NOT):
        company.drop(f"no{number}", letter("News", "Hello", id=f"{number}@example.org", **head))
    company.run()
    assert company.runs() == []
    found = rows(company)
    assert company.queue() == found
    assert len(found) == len(PERHAPS)
    assert all(row.about for row in found)
    assert sum(bool(row.fold) for row in found) == sum(bool(fold) for _, fold in PERHAPS.values())
    # An unreadable one has nothing but its place.
    assert any("unreadable.eml" in row.about for row in found)


def test_a_letter_that_no_playbook_reads_waits_for_the_operator(tmp_path):
    company = made(tmp_path, ASKS.replace("mailbox: leads", "mailbox: sales"))
    company.drop("one", letter("Quote", "Hello"))
    company.run()
    (row,) = rows(company)
    assert "Quote · Ada Byron <ada@example.org>" in row.about
    said = company.ask("take", target=row.id)
    assert (said.exit, "no playbook reads the mailbox leads" in said.message) == (2, True)
    assert company.ask("take", target=row.id, body={"playbook": "mail"}).exit == 0
    (run,) = company.runs()
    # Nothing speaks against the letter: it is taken at its word.
    assert run.caution == ""
    assert rows(company) == []


def test_a_letter_taken_up_runs_once_and_nothing_leaves_without_a_person(company):
    company.drop("one", letter("Quote", "Hello", sender="Ada <ada@example.org>", List_Unsubscribe="<mailto:u@crm.example>"))  # fmt: skip
    company.run()
    (row,) = rows(company)
    said = company.ask("take", target=row.id)
    assert said.exit == 0
    (run,) = company.runs()
    assert run.step("thanks").status == "skipped"
    assert company.outbox() == {}
    (card,) = company.cards()
    assert card.content["letter"]["from"] == "ada@example.org"
    assert rows(company) == []
    again = company.ask("take", target=row.id)
    assert (again.verdict, len(company.runs())) == ("noop", 1)
    assert company.approve(card).exit == 0
    assert len(company.outbox()) == 1
    # What left is taken back by itself; the letter stays taken.
    assert company.ask("undo", target=row.id).verdict == "refused"
    (taken,) = bodies(company, AsideTaken)
    assert (taken.letter, taken.by, taken.runs) == (row.id, "robin", (run.id,))


def test_taking_up_and_dismissing_can_be_undone_and_repeated(company):
    company.drop("one", two_authors())
    company.run()
    (row,) = rows(company)
    company.ask("take", target=row.id)
    assert company.ask("undo", target=row.id).exit == 0
    (first,) = company.runs()
    assert first.status == "cancelled"
    assert company.cards() == []
    assert rows(company) == [row]
    assert company.ask("dismiss", target=row.id).exit == 0
    assert company.queue() == []
    assert company.ask("dismiss", target=row.id).verdict == "noop"
    assert company.ask("undo", target=row.id).exit == 0
    assert rows(company) == [row]
    company.ask("take", target=row.id)
    assert [run.status for run in company.runs()] == ["cancelled", "running"]
    assert [len(bodies(company, type_)) for type_ in (AsideTaken, AsideDismissed, AsideReturned)] == [
        2,
        1,
        2,
    ]


def test_attachments_of_a_letter_that_was_put_aside_come_with_it(company):
    raw = two_authors().decode().replace("Content-Type: text/plain", "X-Was: text/plain").partition("\n\n")
    mixed = (
        raw[0] + '\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\nHi\n--b\n'
    )
    mixed += "Content-Type: application/pdf\nContent-Disposition: attachment; filename=plan.pdf\n\n%PDF-1.4\n--b--\n"
    company.drop("one", mixed.encode())
    company.run()
    (path,) = (company.root / "vault/inbox/leads").glob("*.eml")
    path.unlink()
    (row,) = rows(company)
    company.ask("take", target=row.id)
    (run,) = company.runs()
    (file,) = company.value(run.event)["attachments"]
    assert (file["name"], bool(file["handle"])) == ("plan.pdf", True)


def test_the_same_letter_again_is_no_second_row(company):
    company.drop("one", two_authors())
    company.drop("two", two_authors())
    company.run()
    assert len(rows(company)) == 1


def test_the_queue_folds_what_looks_automatic_and_the_brief_names_it(company, monkeypatch, capsys):
    for number in range(3):
        company.drop(f"r{number}", letter(f"Automatic reply: {number}", "away", id=f"r{number}@example.org"))
    company.drop("one", two_authors())
    company.run()
    for name, value in company.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(company.root)
    assert queue.queue(argparse.Namespace(json=False, all=False)) == 4
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2
    assert any("3 put aside, look automatic" in text and "Automatic reply: " in text for text in shown)
    queue.queue(argparse.Namespace(json=False, all=True))
    assert len(capsys.readouterr().out.splitlines()) == 4
    queue.queue(argparse.Namespace(json=True, all=False))
    assert {row["kind"] for row in json.loads(capsys.readouterr().out)["data"]} == {"put-aside"}
    with company.reading() as reading:
        now = company.clock.now()
        words = daily_brief.render_brief([], reading, now=now, since=now - timedelta(days=1), zone="UTC")
    assert words.waiting == 2
    assert "Quote · anna@example.org → steward take" in words.text.replace(
        "Anna <anna@example.org>", "anna@example.org"
    )
    assert "3 put aside, look automatic" in words.text


# -- a customer who is only claimed --------------------------------------------------------------------------------------


def test_a_claimed_customer_has_a_subject_of_its_own_no_contact_and_no_acknowledgement(company):
    company.drop(
        "known", letter("Quote", "Hello", sender="Anna Berg <anna@example.org>", id="known@example.org")
    )
    company.drop("form", letter("Quote", "Hello", id="form@example.org", **FORM))
    company.run()
    known, claimed = sorted(company.runs(), key=lambda run: run.caution)
    assert (known.caution, claimed.caution) == ("", "claimed")
    assert known.subject != claimed.subject
    assert claimed.step("thanks").status == "skipped"
    assert known.step("thanks").status == "succeeded"
    event = company.value(claimed.event)
    assert (event["from"], event["via"]) == ("anna@example.org", "wordpress@robin-shop.example")
    who = company.value(claimed.step("who").outputs)
    assert (who["known"], who["note"], who["company"], who["level"]) == (False, None, None, "stranger")
    assert company.value(known.step("who").outputs)["company"] == "Secret Works"


def test_nothing_leaves_for_a_claimed_customer_without_a_card_that_says_so(tmp_path):
    company = made(tmp_path, ASKS.replace("stage: approval", "stage: auto"))
    company.drop("form", letter("Quote", "Hello", **FORM))
    company.run()
    assert company.outbox() == {}
    (card,) = company.cards()
    shown = "\n".join(card_view.lines(card.content, card.card, "ABCD", whole=False))
    assert "a web form wrote this letter" in shown
    assert "wordpress@robin-shop.example" in shown
    assert company.approve(card).exit == 0
    (sent,) = company.outbox().values()
    assert b'To: "Anna Berg" <anna@example.org>' in sent


def test_a_claim_uses_up_nothing_of_the_real_customers(tmp_path):
    once = ASKS.replace(
        "steps:",
        'once: ${{ event.from }}\nconcurrency: { group: "${{ event.from }}", if-running: drop }\nsteps:',
        1,
    )
    company = made(tmp_path, once)
    company.drop("form", letter("Quote", "Hello", id="form@example.org", **FORM))
    company.run()
    company.drop(
        "known", letter("Quote", "Hello", sender="Anna Berg <anna@example.org>", id="known@example.org")
    )
    company.run()
    assert len(company.runs()) == 2
    assert all(run.status != "no-op" for run in company.runs())


def test_a_form_answers_no_conversation(tmp_path):
    company, ours = waiting(tmp_path)
    company.drop("form", letter("Re: Quote", "Cancel it", id="form@example.org", answers=ours, **FORM))
    company.run()
    assert bodies(company, e.WaitEnded) == []
    assert len(company.runs()) == 2


# -- another Steward -----------------------------------------------------------------------------------------------------


def test_two_stewards_do_not_answer_each_other_by_themselves(tmp_path):
    company = made(tmp_path, ASKS.replace("stage: approval", "stage: auto"))
    company.drop("one", letter("Quote", "Hello", X_Steward_Thread="ab" * 32))
    company.run()
    assert company.outbox() == {}
    assert len(company.cards()) == 1


# -- away ----------------------------------------------------------------------------------------------------------------


def waiting(tmp_path):
    """A company that wrote at noon and waits three days for an answer; with the Message-ID of what it wrote."""
    company = made(tmp_path, WAITS)
    company.drop("one", letter("Quote", "Hello"))
    company.run()
    (run,) = company.runs()
    assert run.step("answer").status == "waiting"
    return company, bodies(company, e.EffectSucceeded)[-1].provider.strip("<>")


def away(company, ours, text="I am out of the office.", name="away", **head):
    head = {"Auto_Submitted": "auto-replied", **head}
    company.drop(name, letter("Automatic reply: Quote", text, id=f"{name}@example.org", answers=ours, **head))
    company.run()
    (run,) = company.runs()
    return run.step("answer")


def test_an_out_of_office_ends_no_wait_and_moves_the_reminder_by_its_own_length_once(tmp_path):
    company, ours = waiting(tmp_path)
    due = company.runs()[0].step("answer").due
    step = away(company, ours)
    assert step.status == "waiting"
    assert bodies(company, e.WaitEnded) == []
    assert step.due[:10] == "2026-03-08"
    assert step.due > due
    assert away(company, ours, name="again").due == step.due
    assert rows(company) == []
    company.later(timedelta(days=4))
    assert rows(company, "question") == []
    company.later(timedelta(days=3))
    assert len(rows(company, "question")) == 1


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("I am back on 12 March.", "2026-03-15"),
        ("back on 12 March 2099", "2026-03-08"),
    ],
)
def test_the_day_of_return_is_waited_for(tmp_path, text, until):
    company, ours = waiting(tmp_path)
    assert away(company, ours, text).due[:10] == until


def test_a_real_answer_ends_the_wait_that_was_moved(tmp_path):
    company, ours = waiting(tmp_path)
    away(company, ours)
    company.drop("real", letter("Re: Quote", "Yes", id="real@example.org", answers=ours))
    company.run()
    assert [body.got for body in bodies(company, e.WaitEnded)] == ["reply"]


def test_an_out_of_office_about_something_else_moves_nothing(tmp_path):
    company, _ = waiting(tmp_path)
    before = company.runs()[0].step("answer").due
    company.drop(
        "away", letter("Automatic reply: Else", "away", id="away@example.org", Auto_Submitted="auto-replied")
    )
    company.run()
    assert company.runs()[0].step("answer").due == before
    assert bodies(company, WaitPostponed) == []


@pytest.mark.parametrize(
    ("results", "left", "caution"),
    [
        ("mx.example.com; dmarc=fail header.from=example.org", 0, "unproven"),
        (
            "mx.example.com; spf=pass smtp.mailfrom=other.example; dmarc=fail header.from=example.org",
            0,
            "unproven",
        ),
        ("mx.example.com; dmarc=pass header.from=example.org", 2, ""),
        ("mx.example.com; dmarc=none header.from=example.org", 2, ""),
        ("mx.attacker.example; dmarc=fail header.from=example.org", 2, ""),
    ],
)
def test_whom_nobody_vouches_for_is_written_to_by_nobody_unasked(tmp_path, results, left, caution):
    """What the operator's own server found false gets no acknowledgement, and its card says why."""
    company = made(tmp_path)
    settings = (company.root / "steward.yaml").read_text()
    company.commit(
        {"steward.yaml": f"{settings}\nconnectors: {{ email: {{ trusted-receiver: mx.example.com }} }}\n"}
    )
    company.drop(
        "one", letter("A quote", "Please.", sender="Anna <anna@example.org>", Authentication_Results=results)
    )
    company.run()
    assert len(company.outbox()) == left
    shown = [
        (one.content["letter"]["caution"], "\n".join(card_view.lines(one.content, one.card, "X", whole=True)))
        for one in company.cards()
    ]
    assert [name for name, _ in shown] == ([caution] if caution else [])
    assert all("DMARC fails" in words for _, words in shown)
