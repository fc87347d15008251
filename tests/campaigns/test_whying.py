"""The chain of why of one company's effects: complete, and a planted hole is named. The campaign goes on from here."""

from tests.campaigns import whying


def test_every_chain_of_a_company_is_complete_and_planted_holes_are_named(tmp_path):
    tally = whying.Tally()
    whying.unit(tmp_path, 0, tally)
    assert tally.violations == []
    assert tally.counts["runs"] >= 30
    assert tally.counts["holes"] == 0
    assert tally.counts["planted"] == tally.counts["planted_found"] >= 30
    for link in ("trigger", "intent", "passages", "model", "rule", "approval", "sent", "undo", "chain"):
        assert tally.counts[f"with {link}"] > 0
