"""The count of the mailing campaign is per person: two faults never cancel out."""

from tests.campaigns.mailing import accounts, sender

PEOPLE = [sender(n) for n in range(10)]
ALL = dict.fromkeys(PEOPLE, 1)


def without(*people: str) -> dict[str, int]:
    return {who: times for who, times in ALL.items() if who not in people}


def test_everybody_answered_or_asked_about_is_right():
    assert accounts(PEOPLE, ALL, []) == []
    assert accounts(PEOPLE, without(PEOPLE[3]), [PEOPLE[3]]) == []
    # Taken by the server and unknown to us: the operator is asked, and nobody was written to twice.
    assert accounts(PEOPLE, ALL, [PEOPLE[3]]) == []


def test_a_lost_letter_beside_an_unknown_one_is_seen():
    assert accounts(PEOPLE, without(PEOPLE[7]), [PEOPLE[8]]) == [
        f"{PEOPLE[7]} is neither answered nor asked about"
    ]


def test_every_planted_fault_is_seen_beside_every_other():
    taken = {**without(PEOPLE[7]), PEOPLE[2]: 2, "stranger@example.org": 1}
    assert accounts(PEOPLE, taken, [PEOPLE[8], "nobody@example.org"]) == [
        f"{PEOPLE[2]} was written to 2 times",
        "stranger@example.org was written to and never wrote",
        f"{PEOPLE[7]} is neither answered nor asked about",
        "nobody@example.org is asked about and never wrote",
    ]
