"""Who an address belongs to."""

import pytest

from engine.identity.address_book import folded
from engine.identity.person_resolver import CurrentAddressBook, Identity, display_name
from engine.model.definitions.settings import Person
from engine.model.definitions.taint import Label
from engine.model.errors import PermanentError
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


def identity(notes):
    tree = Notes(notes)
    return Identity(
        known=CurrentAddressBook(lambda: tree, front_matter),
        people=(Person(id="operator", name="Robin", email="robin@Example.com"),),
    )


def resolve(email, trigger=None, notes=None):
    return identity(notes or NOTES).read(call("identity/resolve", {"email": email}, trigger=trigger))


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
        "level": "unproven",
        "project": None,
        "reason": "exact address of vault/knowledge/contacts/ada.md; nothing proves the sender",
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
    with pytest.raises(PermanentError):
        identity({}).read(call("identity/resolve", args))


def test_folding():
    assert folded(" A@B.Example. ") == "a@b.example"
    assert folded("a") == folded("a@") == folded("@b") == folded("a@" + "x" * 70 + ".example") == ""


CONTACT, PROJECT = "vault/knowledge/contacts/", "vault/knowledge/projects/"
SHOP = "---\ntype: project\ndomains: [Shop.example, münchen.example]\naddresses: [boss@elsewhere.example]\ntags: [shop]\n---\n"
COMPANY = {
    **NOTES,
    f"{CONTACT}lee.md": "---\nname: Lee\nemail: lee@shop.example\nproject: fair\n---\n",
    f"{CONTACT}mo.md": "---\nname: Mo\nemail: [mo@a.example, mo@b.example]\ntags: [shop]\n---\n",
    f"{PROJECT}shop.md": SHOP,
    f"{PROJECT}fair.md": "---\ntype: project\n---\n",
    f"{PROJECT}Not a name.md": "---\ntype: project\ndomains: [evil.example]\n---\n",
    f"{PROJECT}note.md": "---\ndomains: [evil.example]\n---\n",
}


@pytest.mark.parametrize(
    ("email", "level", "project", "reason"),
    [
        (
            "lee@shop.example",
            "customer",
            "fair",
            f"exact address of {CONTACT}lee.md; project fair by its note",
        ),
        ("mo@b.example", "customer", "shop", f"another address of {CONTACT}mo.md; tag of project shop"),
        ("new@SHOP.example", "project", "shop", "domain of project shop"),
        ("x@xn--mnchen-3ya.example", "project", "shop", "domain of project shop"),
        ("boss@elsewhere.example", "project", "shop", "address of project shop"),
        ("x@mail.shop.example", "stranger", None, "no contact note has this address"),
        ("x@evil.example", "stranger", None, "no contact note has this address"),
        ("robin@example.com", "user", None, "no contact note has this address"),
    ],
)
def test_who_it_is_comes_with_the_reason(email, level, project, reason):
    person, _ = resolve(email, letter(email, aligned=True), COMPANY)
    assert (person["level"], person["project"], person["reason"]) == (level, project, reason)


@pytest.mark.parametrize("email", ["lee@shop.example", "new@shop.example", "robin@example.com"])
def test_nobody_is_anybody_on_the_letters_word_alone(email):
    person, labels = resolve(email, letter(email), COMPANY)
    assert person["level"] == "unproven"
    assert labels == frozenset({Label.UNTRUSTED})


def test_an_address_in_two_notes_is_nobody_s_and_both_are_named():
    notes = {**COMPANY, f"{CONTACT}zoe.md": "---\nname: Zoe\nemail: lee@shop.example\n---\n"}
    person, labels = resolve("lee@shop.example", letter("lee@shop.example", aligned=True), notes)
    assert (person["level"], labels) == ("unproven", frozenset({Label.UNTRUSTED}))
    assert f"several notes have this address: {CONTACT}lee.md, {CONTACT}zoe.md" in person["reason"]


def test_two_projects_that_claim_it_equally_get_neither():
    notes = {**COMPANY, f"{PROJECT}other.md": SHOP}
    person, _ = resolve("new@shop.example", notes=notes)
    assert (person["project"], person["reason"]) == (None, "domain of several projects: other, shop")


def test_a_project_is_found_for_a_run_before_it_begins():
    tree = Notes(COMPANY)
    known = CurrentAddressBook(lambda: tree, front_matter)
    assert known.project({"from": "mo@a.example"}, None) == "shop"
    assert known.project({"from": "mo@a.example"}, {"project": "fair"}) == "fair"
    assert known.project({"from": "x@y.example"}, {"project": "../shop"}) == ""
    assert known.project({"at": "now"}, None) == known.project(None, None) == ""


def test_the_notes_are_read_once_a_commit():
    tree = Notes(COMPANY)
    known = CurrentAddressBook(lambda: tree, front_matter)
    for _ in range(3):
        known.project({"from": "mo@a.example"}, None)
    assert len(tree.reads) == len(set(tree.reads))
