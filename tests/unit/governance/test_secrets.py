"""Where secrets are looked up: each resolver by what it really does, in the order of steward.yaml."""

import sys
import time
from types import ModuleType

import pytest

from engine.governance.secrets import SecretResolver
from engine.model.errors import PermanentError


def resolver(*order, env=None, store=None, patience=5.0):
    return SecretResolver(order=order, env=env or {}, store=store or {}, patience=patience)


def fake_op(folder, body):
    """A program called `op` that a PATH leads to; it notes how it was called."""
    file = folder / "op"
    file.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/asked"\n{body}\n')
    file.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


class FakeKeyring(ModuleType):
    """The package `keyring` with one secret in it, or one that can't be opened."""

    def __init__(self, kept, *, locked=False):
        super().__init__("keyring")
        self.errors = ModuleType("keyring.errors")
        setattr(self.errors, "KeyringError", type("KeyringError", (Exception,), {}))  # noqa: B010 - a module knows no such name
        self.kept, self.locked = kept, locked

    def get_password(self, service, name):
        if self.locked:
            raise self.errors.KeyringError
        return self.kept.get((service, name))


def installed(monkeypatch, fake):
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", fake.errors if fake else None)


def test_the_first_resolver_that_has_it_wins():
    both = {"env": {"MAIL": "from-env"}, "store": {"MAIL": "from-store"}}

    assert resolver("env", "keyring", **both).secret("MAIL") == "from-env"
    assert resolver("keyring", "env", **both).secret("MAIL") == "from-store"


def test_what_the_system_s_keyring_does_not_hold_is_no_secret(monkeypatch):
    """And what it holds is one."""
    installed(monkeypatch, FakeKeyring({("steward", "MAIL"): "from-the-system"}))

    assert resolver("keyring").secret("MAIL") == "from-the-system"
    with pytest.raises(PermanentError, match="OTHER"):
        resolver("keyring").secret("OTHER")


def test_a_resolver_that_is_not_named_is_not_asked(tmp_path):
    env = {**fake_op(tmp_path, "printf secret"), "MAIL": "from-env"}

    with pytest.raises(PermanentError):
        resolver("keyring", env=env).secret("MAIL")

    assert not (tmp_path / "asked").exists()


def test_1password_is_asked_by_argument_list_for_one_field_of_one_item(tmp_path):
    env = fake_op(tmp_path, 'printf "s3cret with spaces; and \\$signs\\n"')

    found = resolver("op", env=env).secret("STRIPE_KEY")

    assert found == "s3cret with spaces; and $signs"
    assert (tmp_path / "asked").read_text().split("\n")[:3] == [
        "read",
        "--no-newline",
        "op://Steward/STRIPE_KEY/credential",
    ]


def test_1password_that_says_no_lets_the_next_one_answer(tmp_path):
    env = {**fake_op(tmp_path, "echo 'not signed in' >&2; exit 1"), "MAIL": "from-env"}

    assert resolver("op", "env", env=env).secret("MAIL") == "from-env"


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("echo account-of-mine >&2; exit 6", "op: exit code 6"),
        ("head -c 70000 /dev/zero", "more than a secret can be"),
        ("printf ''", "looked in op"),
    ],
)
def test_what_1password_could_not_give_is_said_without_its_words(tmp_path, body, says):
    with pytest.raises(PermanentError) as refused:
        resolver("op", env=fake_op(tmp_path, body)).secret("MAIL")

    assert refused.value.code == "secret-missing"
    assert says in refused.value.message
    assert "account-of-mine" not in refused.value.message
    assert "1Password" in refused.value.way_out


@pytest.mark.parametrize(
    ("order", "helps"),
    [
        (("env",), "set MAIL in the environment"),
        (("env", "keyring"), "steward secrets set MAIL"),
        (("op",), "keep MAIL in 1Password"),
    ],
)
def test_the_way_out_of_a_missing_secret_is_one_that_is_looked_at(order, helps):
    """`steward secrets set` keeps it in the workspace's own store, which only `keyring` reads."""
    with pytest.raises(PermanentError) as refused:
        resolver(*order, env={"PATH": ""}).secret("MAIL")

    assert refused.value.way_out.startswith(helps)


def test_1password_that_never_answers_is_given_up_in_time(tmp_path):
    env = fake_op(tmp_path, "exec sleep 30")
    begun = time.monotonic()

    with pytest.raises(PermanentError, match=r"no answer in 0\.3 s"):
        resolver("op", env=env, patience=0.3).secret("MAIL")

    assert time.monotonic() - begun < 5


def test_1password_that_is_not_there_is_said(tmp_path):
    with pytest.raises(PermanentError, match="command line is not installed"):
        resolver("op", env={"PATH": str(tmp_path)}).secret("MAIL")


@pytest.mark.parametrize("name", ["--help", "A/../B", "A B", "", "1A", "A\nB"])
def test_a_name_that_is_none_reaches_no_program(tmp_path, name):
    with pytest.raises(PermanentError):
        resolver("op", env=fake_op(tmp_path, "printf x")).secret(name)

    assert not (tmp_path / "asked").exists()


def test_the_systems_keyring_is_asked_after_the_workspaces_own_store(monkeypatch):
    installed(monkeypatch, FakeKeyring({("steward", "MAIL"): "from-system", ("steward", "OTHER"): "other"}))

    assert resolver("keyring", store={"MAIL": "from-store"}).secret("MAIL") == "from-store"
    assert resolver("keyring", store={"MAIL": "from-store"}).secret("OTHER") == "other"


def test_a_locked_keyring_lets_the_next_one_answer(monkeypatch):
    installed(monkeypatch, FakeKeyring({}, locked=True))

    assert resolver("keyring", "env", env={"MAIL": "from-env"}).secret("MAIL") == "from-env"
    with pytest.raises(PermanentError, match="it can't be read"):
        resolver("keyring").secret("MAIL")


def test_without_the_package_the_message_names_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)

    with pytest.raises(PermanentError, match="needs the Python package `keyring`"):
        resolver("keyring").secret("MAIL")


def test_where_names_the_resolver_and_not_the_value(tmp_path):
    env = {**fake_op(tmp_path, '[ "$3" = op://Steward/A/credential ] && printf a || exit 1'), "B": "b"}

    found = resolver("op", "env", env=env)

    assert [found.where(name) for name in ("A", "B", "C")] == ["op", "env", ""]
