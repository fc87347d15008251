"""Who an address belongs to."""

import pytest

from engine.identity.resolve import Identity, display_name, folded
from engine.model.errors import PermanentError
from engine.model.labels import Label
from tests.contract.world import call
from tests.unit.memory.notes import Notes, front_matter

ADA = "---\ntype: contact\nname: Ada Winter\nemail: Ada@Winterlight.example.com\ncompany: Winterlight\n---\n# Ada\n"
TWO = "---\ntype: contact\nname: Kim\nemail: [kim@example.org, kim@münchen.example]\n---\n"
NOTES = {
    "vault/knowledge/contacts/ada.md": ADA,
    "vault/knowledge/contacts/kim.md": TWO,
    "vault/knowledge/contacts/broken.md": "no front matter ada@winterlight.example.com",
    "vault/knowledge/other.md": "---\nemail: stranger@example.net\nname: Not a contact\n---\n",
}


def resolve(email, trigger=None, notes=None):
    reader = Identity(tree=lambda: Notes(notes or NOTES), front_matter=front_matter)
    return reader.read(call("identity/resolve", {"email": email}, trigger=trigger))


def letter(email, name="", *, aligned=False):
    return {"from": email, "name": name, "auth": {"aligned": aligned}}


def test_a_contact_is_known_by_exactly_its_address():
    person, _ = resolve("ada@WINTERLIGHT.example.com")
    assert person == {
        "name": "Ada Winter",
        "email": "ada@WINTERLIGHT.example.com",
        "known": True,
        "note": "vault/knowledge/contacts/ada.md",
        "company": "Winterlight",
    }


@pytest.mark.parametrize("email", ["kim@example.org", "KIM@xn--mnchen-3ya.example", "kim@münchen.example"])
def test_one_note_may_have_several_addresses_in_any_spelling(email):
    assert resolve(email)[0]["name"] == "Kim"


@pytest.mark.parametrize(
    "email",
    [
        "ada@winterlight.example.co",
        "xada@winterlight.example.com",
        "ada@mail.winterlight.example.com",
        "stranger@example.net",
    ],
)
def test_nearly_the_address_is_a_stranger(email):
    person, labels = resolve(email, letter(email, "Ada Winter"))
    assert (person["known"], person["note"], person["name"]) == (False, None, "Ada Winter")
    assert labels == frozenset({Label.UNTRUSTED})


def test_a_known_address_is_a_customer_only_when_proven():
    email = "ada@winterlight.example.com"
    assert resolve(email, letter(email))[1] == frozenset({Label.UNTRUSTED})
    assert resolve(email, letter(email, aligned=True))[1] == frozenset({Label.CUSTOMER})
    assert resolve(email, letter("other@example.org", aligned=True))[1] == frozenset({Label.UNTRUSTED})
    assert resolve(email)[1] == frozenset({Label.UNTRUSTED})


def test_a_proven_stranger_is_still_a_stranger():
    assert resolve("x@example.net", letter("x@example.net", aligned=True))[1] == frozenset({Label.UNTRUSTED})


def test_the_name_of_the_letter_is_used_for_its_own_author_alone():
    assert resolve("x@example.net", letter("y@example.net", "Ypsilon"))[0]["name"] == ""


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Ada Winter", "Ada Winter"),
        ("  Ada\n\tWinter ", "Ada Winter"),
        ("Nils Østby", "Nils Østby"),
        ("Ek, Jonas", "Ek Jonas"),
        ("robin@example.com", ""),
        ("Click https://evil.example", ""),
        ("www.evil.example", ""),
        ("${{ event.from }}", "event.from"),
        ("<b>Ada</b>", "b Ada b"),
        ("12345678", ""),
        ("x" * 61, ""),
        ("Ada\u202e\u200b", "Ada"),
        ("- -", ""),
        ("", ""),
    ],
)
def test_a_strangers_name_is_a_name_or_nothing(written, shown):
    assert display_name(written) == shown


@pytest.mark.parametrize(
    "args", [{}, {"email": 7}, {"email": "nobody"}, {"email": "@x"}, {"email": "a@b.example", "more": 1}]
)
def test_refuses_what_is_no_address(args):
    reader = Identity(tree=lambda: Notes({}), front_matter=front_matter)
    with pytest.raises(PermanentError):
        reader.read(call("identity/resolve", args))


def test_folding():
    assert folded(" A@B.Example. ") == "a@b.example"
    assert folded("a") == folded("a@") == folded("@b") == folded("a@" + "x" * 70 + ".example") == ""
