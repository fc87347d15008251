"""What an approval binds of one effect: change any part of it, any byte of what leaves, and the digest is another."""

from dataclasses import replace

import pytest

from engine.model.definitions.actions import Reach
from engine.model.values.ids import EffectKey
from engine.runtime.broker import digest_of
from tests.contract.world import World, call, effect, letter_event

OFFER = b"%PDF-1.4 website check, 490 EUR"


@pytest.fixture
def world(tmp_path):
    return World(tmp_path)


def reply(world: World, *files: bytes, body: str = "Here it is."):
    """The frozen proposal of an answer with these files beside it."""
    email = world.wired().connectors["email"]
    records = [world.blobs.record(f"offer-{number}.pdf", data) for number, data in enumerate(files)]
    asked = call("email/reply", {"body": body, "attach": records}, trigger=letter_event(world))
    return effect(asked, email.preview(asked))


def test_another_price_in_the_attached_file_is_another_digest(world):
    assert digest_of(reply(world, OFFER)) != digest_of(reply(world, OFFER.replace(b"490", b"940")))


def test_one_file_more_less_or_in_another_order_is_another_digest(world):
    second = b"%PDF-1.4 terms"
    digests = [
        digest_of(reply(world, *files))
        for files in ((), (OFFER,), (OFFER, second), (second, OFFER), (OFFER, OFFER))
    ]
    assert len(set(digests)) == len(digests)


def test_every_byte_of_what_leaves_counts(world):
    frozen = reply(world, OFFER)
    body = frozen.preview.body
    digests = {digest_of(frozen)}
    for place in range(len(body)):
        altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        digests.add(digest_of(replace(frozen, preview=replace(frozen.preview, body=altered))))
    assert len(digests) == len(body) + 1


def test_every_other_part_counts(world):
    frozen = reply(world, OFFER)
    preview = frozen.preview
    others = [
        replace(frozen, action="email/acknowledge"),
        replace(frozen, key=EffectKey(frozen.key + "0")),
        replace(frozen, revision=frozen.revision + 1),
        *(replace(frozen, reach=reach) for reach in Reach if reach is not frozen.reach),
        replace(frozen, preview=replace(preview, media="text/html")),
        replace(frozen, preview=replace(preview, body=b"")),
        replace(frozen, preview=replace(preview, heads=(*preview.heads, ("thread:x", "1")))),
        replace(frozen, preview=replace(preview, heads=preview.heads[:-1])),
        *(
            replace(frozen, preview=replace(preview, heads=((name, f"{version}0"), *preview.heads[1:])))
            for name, version in preview.heads[:1]
        ),
    ]
    digests = {digest_of(frozen), *map(digest_of, others)}
    assert len(digests) == len(others) + 1
