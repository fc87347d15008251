"""An approval binds the bytes, the plan, the time it lapses and every member of its card: each of them alone makes another card."""

import shutil
from datetime import timedelta

import pytest

from engine.model.values.timestamps import moment
from engine.testing.scenario import Scenario, Shown

ASKED = """\
name: Asked
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/customer
    with: { text: the first words }
"""


def performed(provider) -> int:
    return provider.asked()["perform"]


def with_digest(shown: Shown, digest: str) -> Shown:
    return Shown(card=shown.card, content={**shown.content, "digest": digest})


@pytest.mark.parametrize(
    "altered",
    [
        lambda digest: "",
        lambda digest: digest[:-1],
        lambda digest: digest + " ",
        lambda digest: digest.upper(),
        lambda digest: "0" * len(digest),
        lambda digest: digest[:8],
        lambda digest: "*",
    ],
    ids=["empty", "cut", "longer", "capitals", "zeros", "short", "anything"],
)
def test_no_other_digest_than_the_shown_one_approves(altered, supplied, provider):
    company = supplied(asked=ASKED)
    company.start("asked")
    (shown,) = company.cards()

    decided = company.approve(with_digest(shown, altered(shown.digest)))

    assert decided.verdict == "refused"
    assert performed(provider) == 0
    assert company.approve(shown).verdict == "accepted"
    assert performed(provider) == 1


def test_the_digest_of_another_card_with_the_same_words_approves_nothing(supplied, provider):
    company = supplied(asked=ASKED)
    company.start("asked")
    company.start("asked")
    first, second = company.cards()

    assert first.digest != second.digest
    assert company.approve(with_digest(second, first.digest)).verdict == "refused"
    assert performed(provider) == 0


def test_the_same_words_until_another_moment_are_another_card(supplied, provider, tmp_path):
    """Two copies of one company are asked the same a second apart: only the moment at which the card lapses differs."""
    folder = supplied(asked=ASKED).folder
    cards = []
    for name, wait in (("one", 0), ("two", 1)):
        shutil.copytree(folder, tmp_path / name, symlinks=True)
        company = Scenario.at(tmp_path / name, provider=provider.address)
        company.clock.advance(timedelta(seconds=wait))
        company.ask("start", id="the-same", target="asked", body={"inputs": {}})
        cards += company.cards()

    first, second = cards
    assert [one["digest"] for one in first.content["members"]] == [
        one["digest"] for one in second.content["members"]
    ]
    assert first.card.expires != second.card.expires
    assert first.digest != second.digest


def test_a_moment_after_it_lapsed_the_very_digest_approves_nothing(supplied, provider):
    company = supplied(asked=ASKED)
    company.start("asked")
    (shown,) = company.cards()
    company.clock.advance(moment(shown.card.expires) - company.clock.now() + timedelta(seconds=1))

    assert company.approve(shown).verdict == "refused"
    assert performed(provider) == 0
