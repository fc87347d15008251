"""What a person wrote stays before the operator until somebody has looked at it: answers, other versions, and what may be an answer."""

import base64
import quopri
from datetime import timedelta

import pytest

from engine.model.events.events import WaitEnded
from engine.testing.scenario import Scenario, letter
from tests.simulate.letterbox import ANNA, WAITS, WORDS, first, ours, rows, waits
from tests.simulate.terminal import environment, plainly, typed

pytestmark = pytest.mark.slow


@pytest.fixture
def company(tmp_path):
    return Scenario.make(tmp_path / "company", files={"playbooks/mail.yaml": WAITS}, bare=True)


# -- copies of one letter


def _relayed(raw: bytes) -> bytes:
    return b"X-TUID: abcdefgh1234\nX-Gateway-Verdict: clean\n" + raw


def _base64(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\n\n")
    head = head.replace(b"Content-Transfer-Encoding: 7bit", b"Content-Transfer-Encoding: base64")
    assert b"base64" in head
    return head + b"\n\n" + base64.encodebytes(body)


def _quoted_printable(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\n\n")
    head = head.replace(b"Content-Transfer-Encoding: 7bit", b"Content-Transfer-Encoding: quoted-printable")
    return head + b"\n\n" + quopri.encodestring(body)


def _wrapped(raw: bytes) -> bytes:
    return raw.replace(
        b"Please send me a quote for a small shop.", b"Please send me\na quote for\na small   shop."
    )


def _scanned(raw: bytes) -> bytes:
    return (
        raw + b"\n-- \nThis email has been checked for viruses by Avast antivirus software.\nwww.avast.com\n"
    )


def _disclaimed(raw: bytes) -> bytes:
    return (
        raw
        + "\n________________\nDiese E-Mail enthält vertrauliche Informationen und ist nur für den Empfänger bestimmt.\n".encode()
    )


def _warned(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\n\n")
    banner = b"CAUTION: This email originated from outside of the organization.\n\n"
    return head.replace(b"Subject: ", b"Subject: [EXTERNAL] ") + b"\n\n" + banner + body


def _from_a_list(raw: bytes) -> bytes:
    return (
        raw
        + b"\n_______________________________________________\nOffice mailing list\nOffice@lists.example.org\nhttps://lists.example.org/listinfo/office\n"
    )


_LINK = b"https://shop.example/list?id=7"
_SAFE = b"https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2Fshop.example%2Flist%3Fid%3D7&data=05%7C02"


def _with_links_that_are_checked(raw: bytes) -> bytes:
    return raw.replace(_LINK, _SAFE)


COPIES = (
    _relayed, _base64, _quoted_printable, _wrapped, _scanned, _disclaimed, _warned, _from_a_list, _with_links_that_are_checked,
)  # fmt: skip


def test_a_copy_of_a_letter_is_no_answer_to_it_and_starts_nothing(company):
    raw = first(company)
    for copy in COPIES:
        assert copy(raw) != raw
        company.drop(copy.__name__, copy(raw))
    company.run()

    assert waits(company)
    assert company.book().ignored == {"duplicate": len(COPIES)}
    assert rows(company) == []


VERSIONS = (
    "Please send me a quote for a small shop.\n\nIt has twenty articles, and we start in May.\n",
    WORDS + "\nWe pay to another account now.\n",
    WORDS + "\n-- \nAnna\n",
    "Please send me a quote for a small shop.\n",
    WORDS.replace("twelve", "1.2"),
    WORDS.replace(_LINK.decode(), _SAFE.replace(b"shop", b"bank").decode()),
)


def test_other_words_under_a_known_id_are_shown_and_start_nothing(company):
    first(company)
    for number, words in enumerate(VERSIONS):
        company.drop(str(number), letter("Quote for a shop", words, sender=ANNA, id="q1@example.org"))
    company.run()

    assert waits(company)
    assert sorted(rows(company)) == sorted(
        ("new", f"anna@example.org: {' '.join(words.split())}") for words in VERSIONS
    )
    # A version that is known says nothing new.
    again = letter("Quote for a shop", VERSIONS[0], sender=ANNA, id="q1@example.org")
    company.drop("again", b"X-Again: 1\n" + again)
    company.run()
    assert len(rows(company)) == len(VERSIONS)


def test_a_forged_copy_that_came_first_silences_no_letter(company):
    company.drop("forged", letter("Quote for a shop", "Never mind.", sender=ANNA, id="q1@example.org"))
    company.run()
    company.drop("real", letter("Quote for a shop", WORDS, sender=ANNA, id="q1@example.org"))
    company.run()
    (row,) = company.queue()
    assert (row.kind, row.about.split(": ")[1][:16]) == ("new", "Please send me a")

    said = typed(["answer", row.short, "new"], cwd=company.root, env=environment(company.env))

    assert said.code == 0, said.text
    assert len(company.runs()) == 2
    assert company.queue() == []


def test_an_attachment_that_only_one_of_two_has_makes_them_two(company):
    first(company)
    body = (
        b'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="b"\n\n--b\nContent-Type: text/plain\n\n' + WORDS.encode()
        + b"\n--b\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=a.pdf\n\n%PDF\n--b--\n"
    )  # fmt: skip
    head = b"From: Anna <anna@example.org>\nTo: robin@example.com\nSubject: Quote for a shop\nMessage-ID: <q1@example.org>\n"
    company.drop("second", head + body)
    company.run()
    assert [kind for kind, _ in rows(company)] == ["new"]


def test_another_person_may_use_the_same_id(company):
    first(company)
    company.drop(
        "other", letter("A logo", "Could you draw one?", sender="Ben <ben@example.net>", id="q1@example.org")
    )
    company.run()
    assert len(company.runs()) == 2
    # It is named after the same conversation, so its run waits its turn, in sight.
    assert rows(company) == [("new", "ben@example.net: Could you draw one?")]


# -- answers


def test_a_letter_that_only_ended_a_wait_stands_in_the_queue_until_somebody_looked(company):
    first(company)
    company.drop(
        "answer",
        letter("Re: Quote for a shop", "Yes! Please call me today.", sender=ANNA, answers=ours(company)),
    )
    company.run()

    (run,) = company.runs()
    assert run.status == "succeeded"
    (row,) = company.queue()
    assert (row.kind, row.title, row.about) == (
        "new",
        "Re: Quote for a shop",
        "anna@example.org: Yes! Please call me today.",
    )
    env = environment(company.env)
    queue = plainly(["queue"], cwd=company.root, env=env)
    assert queue.code == 4
    assert "Please call me today" in queue.text
    shown = plainly(["show", row.short], cwd=company.root, env=env)
    assert "Yes! Please call me today." in shown.text
    assert f"steward dismiss {row.short}" in shown.text

    assert typed(["dismiss", row.short], cwd=company.root, env=env).code == 0
    assert plainly(["queue"], cwd=company.root, env=env).text.strip() == "nothing waits for you"
    assert typed(["undo", row.short], cwd=company.root, env=env).code == 0
    assert [one.kind for one in company.queue()] == ["new"]
    # Looked at twice is looked at once.
    assert [company.ask("dismiss", target=row.id).verdict for _ in range(2)] == ["accepted", "noop"]


def test_a_letter_that_ended_a_run_by_stop_on_stands_in_the_queue(tmp_path):
    text = WAITS.replace("steps:", 'stop-on: [ { email: { thread: "${{ event.thread }}" } } ]\nsteps:', 1)
    text = text.replace(
        'with: { any: { reply: { email: { thread: "${{ event.thread }}" } } }, time: 3d }',
        "with: { time: 3d }",
    )
    company = Scenario.make(tmp_path / "company", files={"playbooks/mail.yaml": text}, bare=True)
    first(company)
    company.drop(
        "answer",
        letter("Re: Quote for a shop", "Stop, we changed our minds.", sender=ANNA, answers=ours(company)),
    )
    company.run()
    assert rows(company) == [("new", "anna@example.org: Stop, we changed our minds.")]


def test_the_starter_goes_on_with_the_answer_on_a_card_that_shows_it(tmp_path):
    company = Scenario.make(tmp_path / "company")
    company.drop(
        "first",
        letter(
            "Website check",
            "Could you give us a quote for a website check?",
            sender=ANNA,
            id="s1@example.org",
        ),
    )
    company.run()
    (offer,) = company.cards()
    company.approve(offer)
    sent = next(raw for raw in company.outbox().values() if b"auto-replied" not in raw)
    answers = sent.decode().split("Message-ID: <")[1].split(">")[0]
    company.drop(
        "answer",
        letter(
            "Re: Website check",
            "Yes, please. Can you start on Monday?",
            sender=ANNA,
            id="s2@example.org",
            answers=answers,
        ),
    )
    company.run()

    (card,) = company.cards()
    assert card.card.gate == "next"
    assert [one["text"].strip() for one in card.content["letters"]] == [
        "Yes, please. Can you start on Monday?"
    ]
    assert [row.kind for row in company.queue()] == ["card"]
    assert "Can you start on Monday?" in company.queue()[0].about
    company.approve(card)
    last = next(raw for raw in company.outbox().values() if b"s2@example.org" in raw)
    # It answers what they wrote last, and quotes that.
    assert b"In-Reply-To: <s2@example.org>" in last
    assert b"> Yes, please. Can you start on Monday?" in last
    assert company.queue() == []


def test_a_card_that_expired_gives_the_letter_back_to_the_queue(tmp_path):
    company = Scenario.make(tmp_path / "company")
    company.drop(
        "first",
        letter(
            "Website check",
            "Could you give us a quote for a website check?",
            sender=ANNA,
            id="s1@example.org",
        ),
    )
    company.run()
    company.approve(company.cards()[0])
    company.drop(
        "answer",
        letter(
            "Re: Website check",
            "Yes, please.",
            sender=ANNA,
            id="s2@example.org",
            In_Reply_To="<s1@example.org>",
        ),
    )
    company.run()
    assert [row.kind for row in company.queue()] == ["card"]
    company.later(timedelta(days=8))
    assert ("new", "anna@example.org: Yes, please.") in rows(company)


# -- answers that name no letter


def test_an_answer_without_references_ends_the_wait_where_the_mailbox_is_a_folder(company):
    first(company)
    company.drop(
        "answer", letter("AW: Quote for a shop", "Yes please, go ahead.", sender=ANNA, id="q2@example.org")
    )
    company.run()

    (run,) = company.runs()
    assert run.step("answer").because == "reply"
    assert rows(company) == [("new", "anna@example.org: Yes please, go ahead.")]


def test_another_subject_or_person_is_no_answer(company):
    first(company)
    others = (
        ("Quote for a shop", ANNA),
        ("Re: Quote for a barn", ANNA),
        ("Re: Quote for a shop", "Ben <ben@example.net>"),
        ("Re:", ANNA),
        ("Reform of a shop: Quote for a shop", ANNA),
    )
    for number, (subject, sender) in enumerate(others):
        company.drop(
            str(number), letter(subject, "Something else.", sender=sender, id=f"o{number}@example.org")
        )
    company.run()
    assert len(company.runs()) == 1 + len(others)
    assert company.runs()[0].step("answer").status == "waiting"


@pytest.fixture
def unproven(company, monkeypatch):
    """As if the letters came from a server that vouches for nobody."""
    from dataclasses import replace

    from engine.connectors.email.source import EmailSource

    real = EmailSource.poll
    monkeypatch.setattr(
        EmailSource, "poll", lambda self, seen: (replace(one, proven=False) for one in real(self, seen))
    )
    return company


def test_of_a_sender_nobody_vouches_for_the_operator_is_asked_and_yes_ends_the_wait(unproven):
    first(unproven)
    unproven.drop("answer", letter("Re: Quote for a shop", "Yes please.", sender=ANNA, id="q2@example.org"))
    unproven.run()
    assert len(unproven.runs()) == 1
    assert waits(unproven)
    (row,) = unproven.queue()
    assert (row.kind, row.title) == ("question", "is this the answer? Re: Quote for a shop")

    # While it is asked, nobody is reminded.
    unproven.later(timedelta(days=10))
    assert waits(unproven)
    said = typed(["answer", row.short, "yes"], cwd=unproven.root, env=environment(unproven.env))
    assert said.code == 0, said.text
    ended = [event.body for event in unproven.events() if isinstance(event.body, WaitEnded)]
    assert [body.got for body in ended] == ["reply"]
    value = unproven.value(ended[0].outputs)
    assert value["event"]["text"].strip() == "Yes please."
    assert unproven.queue() == []


def test_no_begins_a_run_and_the_wait_goes_on(unproven):
    first(unproven)
    unproven.drop(
        "answer", letter("Re: Quote for a shop", "Quite another thing.", sender=ANNA, id="q2@example.org")
    )
    unproven.run()
    (row,) = unproven.queue()
    assert unproven.ask("answer", target=row.id, body={"choice": "maybe"}).exit == 2
    assert unproven.ask("answer", target=row.id, body={"choice": "no"}).verdict == "accepted"
    assert [run.step("answer").status for run in unproven.runs()] == ["waiting", "waiting"]
    unproven.later(timedelta(days=4))
    assert [run.step("answer").because for run in unproven.runs()] == ["nothing", "nothing"]
    assert unproven.queue() == []


def test_a_dismissed_doubt_lets_the_time_run_on(unproven):
    first(unproven)
    unproven.drop("answer", letter("Re: Quote for a shop", "?", sender=ANNA, id="q2@example.org"))
    unproven.run()
    (row,) = unproven.queue()
    unproven.ask("dismiss", target=row.id)
    unproven.later(timedelta(days=4))
    assert unproven.runs()[0].step("answer").because == "nothing"
