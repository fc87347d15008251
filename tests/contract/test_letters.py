"""Every odd letter goes through without a traceback, with an event or one reason of the closed list."""

import email
import email.policy
import os
import random
import re
from collections import Counter
from pathlib import Path

from engine.model.definitions.triggers import EMAIL_EVENT, IGNORED_REASONS
from engine.model.values import canonical_json
from tests.contract.world import PAPER, TEMPLATE, World, call, effect
from tests.counterparts import need

ODD = Path(__file__).parents[1] / "corpus" / "odd"
CORPUS = os.environ.get("STEWARD_MAIL_CORPUS", "")

EXPECTED = {
    "02-binary-garbage": "unreadable",
    "04-no-from": "no-author",
    "05-two-froms": "many-authors",
    "06-two-authors-in-one-from": "many-authors",
    "07-sixty-nested-multiparts": "unreadable",
    "17-group-address": "many-authors",
    "28-delivery-report": "bounce",
    "32-a-no-reply-sender": "no-reply",
}


def read_all(tmp_path, paths):
    world = World(tmp_path)
    for number, path in enumerate(paths):
        world.drop(f"{number:04d}-{path.name}", path.read_bytes())
    return world, world.arrivals()


def check(arrivals):
    names = {field.name for field in EMAIL_EVENT.fields}
    for arrival in arrivals:
        assert arrival.ignored == "" or arrival.ignored in IGNORED_REASONS, arrival.place
        assert re.fullmatch(r"[0-9a-f]{64}", arrival.source)
        canonical_json.encode(arrival.event)
        if arrival.ignored and not arrival.doubt:
            assert set(arrival.event) == {"mailbox"} or arrival.away is not None
            continue
        if "subject" not in arrival.event:
            assert arrival.ignored in {"unreadable", "too-big"}
            continue
        assert set(arrival.event) == names
        assert "@" not in arrival.event["thread"]
        assert "\n" not in arrival.event["subject"] + arrival.event["name"] + arrival.event["to"]
        assert len(arrival.event["attachments"]) == len(arrival.files)


def answer(world, arrivals):
    """Acknowledge and answer each: the head of the answer is ours alone."""
    letters = world.wired().connectors["email"]
    for number, arrival in enumerate(arrivals):
        if arrival.ignored:
            continue
        for action, args in (
            ("email/acknowledge", {"template": TEMPLATE}),
            ("email/reply", {"body": PAPER["body"], "attach": [], "link": None}),
        ):
            asked = call(action, args, trigger=arrival.event, step=f"s{number}")
            one = effect(asked, letters.preview(asked))
            head = one.preview.body.partition(b"\r\n\r\n")[0]
            fields = [line.partition(b":")[0] for line in re.split(rb"\r\n(?![ \t])", head)]
            assert len(fields) == len(set(fields)), arrival.place
            assert set(fields) <= HEADERS, arrival.place
            # The author, or where the author's own domain wants answers.
            assert recipient_of(one.preview.body).domain.lower() == arrival.event["from"].rpartition("@")[2]
            assert max(map(len, head.split(b"\r\n"))) <= 998
            assert letters.edited(asked, one.preview, one.preview.text).body == one.preview.body, (
                arrival.place
            )
            letters.perform(one)


def recipient_of(body):
    """As a reader that isn't ours sees it."""
    (address,) = email.message_from_bytes(body, policy=email.policy.default)["to"].addresses
    return address


HEADERS = {
    b"From", b"To", b"Subject", b"Date", b"Message-ID", b"In-Reply-To", b"References", b"Auto-Submitted",
    b"X-Steward-Thread", b"X-Steward-Once", b"MIME-Version", b"Content-Type", b"Content-Transfer-Encoding",
    b"Content-Language",
}  # fmt: skip


def test_odd_letters(tmp_path):
    paths = sorted(ODD.glob("*.eml"))
    assert len(paths) >= 30
    world, arrivals = read_all(tmp_path, paths)
    check(arrivals)
    found = {Path(one.place).stem[5:]: one.ignored for one in arrivals if one.ignored}
    assert found == EXPECTED
    answer(world, arrivals)


def test_two_hundred_letters_of_an_outside_corpus(tmp_path):
    need(CORPUS, "STEWARD_MAIL_CORPUS", by_hand=True)
    everything = sorted(Path(CORPUS).rglob("*.eml"))
    drawn = sorted(random.Random(2).sample(everything, 200))
    world, arrivals = read_all(tmp_path, drawn)
    check(arrivals)
    assert len(arrivals) == 200
    counts = Counter(one.ignored or "starts" for one in arrivals)
    assert counts["starts"] >= 60, counts
    answer(world, arrivals)


def test_many_odd_letters_never_stop_the_good_one(tmp_path):
    world, _ = read_all(tmp_path, sorted(ODD.glob("*.eml")))
    world.drop("zz-good.eml")
    assert world.arrivals()[-1].event["from"] == "ada@winterlight.example.com"
