"""Addresses, and who is really meant."""

import pytest

from engine.connectors.email.message.addresses import mailboxes, same, usable, written


@pytest.mark.parametrize(
    ("source", "name", "address"),
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
        # As people, phones and their programs write them.
        ("Berg, Anna <anna@example.org>", "Berg, Anna", "anna@example.org"),
        ("Berg, Anna, Dr. <anna@example.org>", "Berg, Anna, Dr.", "anna@example.org"),
        ("Berg; Anna <anna@example.org>", "Berg, Anna", "anna@example.org"),
        ("=?utf-8?q?M=C3=BCller,_Anna?= <anna@example.org>", "Müller, Anna", "anna@example.org"),
        ("Berg, Anna (Ltd.) <anna@example.org>", "Berg, Anna", "anna@example.org"),
        ('"Anna Berg <anna@example.org>', "Anna Berg", "anna@example.org"),
        ('Anna Berg" <anna@example.org>', "Anna Berg", "anna@example.org"),
        ('"Anna "Annie" Berg" <anna@example.org>', "Anna Annie Berg", "anna@example.org"),
        ("Anna (Berg <anna@example.org>", "Anna Berg", "anna@example.org"),
        ("Anna <anna@example.org", "Anna", "anna@example.org"),
        ("Anna anna@example.org", "Anna", "anna@example.org"),
        ("Anna <mailto:anna@example.org>", "Anna", "anna@example.org"),
        ("Anna <<anna@example.org>>", "Anna", "anna@example.org"),
        ("<anna@example.org> <anna@example.org>", "", "anna@example.org"),
        ("Anna <anna@example.org>, Berg Ltd.", "Anna", "anna@example.org"),
        ("Anna <anna.@example.ne.jp>", "Anna", "anna.@example.ne.jp"),
        ("Anna <a..nna@example.ne.jp>", "Anna", "a..nna@example.ne.jp"),
        ('"anna."@example.ne.jp', "", "anna.@example.ne.jp"),
        ('Anna <"anna berg"@example.org>', "Anna", '"anna berg"@example.org'),
        ("Jörg <jörg@example.org>", "Jörg", "jörg@example.org"),
        ("Jörg <jo\u0308rg@example.org>", "Jörg", "jörg@example.org"),
        ("Анна <анна@почта.example>", "Анна", "анна@xn--80a1acny.example"),
        ("Anna <anna@straße.example>", "Anna", "anna@xn--strae-oqa.example"),
        ("Pat\u202egnp.exe <pat@example.org>", "Patgnp.exe", "pat@example.org"),
    ],
)
def test_one_author(source, name, address):
    (one,) = mailboxes(source)
    assert (one.name, one.address) == (name, address)


@pytest.mark.parametrize(
    "written",
    ["ada", "ada@", "@example.org", "ada@localhost", "a da@example.org", "ada@exa mple.org", "ada@[192.0.2.1]", "a\u200bda@example.org",
     "a@b@example.org", "ada@-x.example", f"{'a' * 201}@example.org", '"a@b"@example.org', "a\u202eda@example.org",
     "ada@example.org\r\nBcc: x@example.net", "ada@example.org>x"],
)  # fmt: skip
def test_nobody_can_be_answered_there(written):
    assert usable(written) == ""


def test_groups_and_lists_are_taken_apart():
    found = mailboxes("The board: a@example.org, B <b@example.org>; c@example.org,, ;")
    assert [one.address for one in found] == ["a@example.org", "b@example.org", "c@example.org"]


@pytest.mark.parametrize("written", ["", "((((", '"', "<", "\\", ",;:", "<<>>", "a <b <c>", '"a\\'])
def test_nonsense_names_nobody(written):
    assert all(one.address == "" for one in mailboxes(written))


def test_a_thousand_addresses_are_cut_short():
    assert len(mailboxes("a@example.org, " * 1000)) == 200


def test_two_people_stay_two():
    for source in ("a@example.org, b@example.org", "Berg, Anna <a@example.org>, Meier, Karl <b@example.org>"):
        assert [one.address for one in mailboxes(source)] == ["a@example.org", "b@example.org"]
    assert mailboxes("a <<a@example.org> b <b@example.org>>")[0].address == ""


def test_odd_dots_are_quoted_where_they_are_written():
    assert written("anna.@example.ne.jp") == '"anna."@example.ne.jp'
    assert written("anna@example.org") == "anna@example.org"
    assert written('"anna berg"@example.org') == '"anna berg"@example.org'
    assert [one.address for one in mailboxes(written("a..b@example.ne.jp"))] == ["a..b@example.ne.jp"]


def test_case_and_spelling_of_the_domain_never_matter():
    assert same("Ada@Example.ORG", "ada@example.org")
    assert same("a@münchen.example", "A@xn--mnchen-3ya.example")
    assert not same("a@example.org", "b@example.org")
    assert not same("", "")
