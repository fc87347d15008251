"""Addresses, and who is really meant."""

import pytest

from engine.connectors.email.addresses import mailboxes, same, usable


@pytest.mark.parametrize(
    ("written", "name", "address"),
    [
        ("ada@example.org", "", "ada@example.org"),
        ("Ada Winter <ada@example.org>", "Ada Winter", "ada@example.org"),
        ('"Winter, Ada" <ada@example.org>', "Winter, Ada", "ada@example.org"),
        ('"robin@example.com" <thief@example.net>', "robin@example.com", "thief@example.net"),
        ("robin@example.com <thief@example.net>", "robin@example.com", "thief@example.net"),
        ("ada@example.org (Ada (the first))", "Ada (the first)", "ada@example.org"),
        ("=?utf-8?q?Nils_=C3=98stby?= <nils@example.org>", "Nils Østby", "nils@example.org"),
        ("<@relay.example,@b.example:ada@example.org>", "", "ada@example.org"),
        ("Ada <ada@EXAMPLE.Org.>", "Ada", "ada@example.org"),
        ("Ada <ada@münchen.example>", "Ada", "ada@xn--mnchen-3ya.example"),
        ("Pat\u202egnp.exe <pat@example.org>", "Patgnp.exe", "pat@example.org"),
    ],
)
def test_one_author(written, name, address):
    (one,) = mailboxes(written)
    assert (one.name, one.address) == (name, address)


@pytest.mark.parametrize(
    "written",
    ["ada", "ada@", "@example.org", "ada@localhost", "a da@example.org", "ada@exa mple.org", "ada@[192.0.2.1]", "ä@example.org",
     "a@b@example.org", ".ada@example.org", "ada..w@example.org", "ada@-x.example", f"{'a' * 65}@example.org",
     "ada@example.org\r\nBcc: x@example.net", "ada@example.org>x"],
)  # fmt: skip
def test_nobody_can_be_answered_there(written):
    assert usable(written) == ""


def test_groups_and_lists_are_taken_apart():
    found = mailboxes("The board: a@example.org, B <b@example.org>; c@example.org,, ;")
    assert [one.address for one in found] == ["a@example.org", "b@example.org", "c@example.org"]


@pytest.mark.parametrize("written", ["", "((((", '"', "<", "\\", ",;:", "<<>>", "a <b <c@d.example>", '"a\\'])
def test_nonsense_names_nobody(written):
    assert all(one.address == "" for one in mailboxes(written))


def test_a_thousand_addresses_are_cut_short():
    assert len(mailboxes("a@example.org, " * 1000)) == 200


def test_case_and_spelling_of_the_domain_never_matter():
    assert same("Ada@Example.ORG", "ada@example.org")
    assert same("a@münchen.example", "A@xn--mnchen-3ya.example")
    assert not same("a@example.org", "b@example.org")
    assert not same("", "")
