"""Webhooks prove themselves or start nothing: forged, stale, replayed, oversized and malformed ones, and what the spool keeps."""

import base64
import hmac
import json
import random
from datetime import UTC, datetime, timedelta

import pytest

from engine.connectors.webhooks import MAX_BODY, Delivery, Webhooks, judge, put
from engine.governance.secrets import SecretResolver
from engine.model.values.timestamps import stamp

SECRET = "shop-secret"
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
BODY = b'{"id": "evt_1", "order": "A-7"}'


def standard(body=BODY, *, id="msg_1", at=NOW, secret=SECRET, prefix="webhook"):
    """A call signed as Standard Webhooks say."""
    seconds = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_")) if secret.startswith("whsec_") else secret.encode()
    signature = base64.b64encode(hmac.digest(key, f"{id}.{seconds}.".encode() + body, "sha256")).decode()
    headers = {f"{prefix}-id": id, f"{prefix}-timestamp": seconds, f"{prefix}-signature": f"v1,{signature}"}
    return Delivery(path="orders", headers=headers, body=body, received=stamp(NOW))


def stripe(body=BODY, *, at=NOW, secret=SECRET):
    """A call signed as Stripe does."""
    seconds = str(int(at.timestamp()))
    signature = hmac.new(secret.encode(), f"{seconds}.".encode() + body, "sha256").hexdigest()
    headers = {"stripe-signature": f"t={seconds},v1={'0' * 64},v0=x,v1={signature}"}
    return Delivery(path="orders", headers=headers, body=body, received=stamp(NOW))


def changed(delivery, **change):
    """The same call with something else in it."""
    return Delivery(
        **{
            **{name: getattr(delivery, name) for name in ("path", "headers", "body", "received", "size")},
            **change,
        }
    )


@pytest.mark.parametrize(
    ("delivery", "id_"),
    [
        (standard(), "msg_1"),
        (standard(prefix="svix"), "msg_1"),
        (standard(secret="whsec_" + base64.b64encode(b"k" * 24).decode()), "msg_1"),
        (stripe(), "evt_1"),
    ],
)
def test_a_call_signed_with_the_secret_is_believed(delivery, id_):
    secrets = [SECRET, "whsec_" + base64.b64encode(b"k" * 24).decode()]

    found = judge(delivery, secrets)

    assert (found.reason, found.id, found.signed) == ("", id_, stamp(NOW))
    assert found.fields == json.loads(BODY)


@pytest.mark.parametrize("sign", [standard, stripe])
def test_any_changed_byte_is_forged(sign):
    """Of the body, of the moment, of the id, of the signature."""
    whole = sign()
    for place in range(len(BODY)):
        body = BODY[:place] + bytes([BODY[place] ^ 1]) + BODY[place + 1 :]
        assert judge(changed(whole, body=body), [SECRET]).reason == "forged"
    assert judge(changed(whole, body=b'{"order": "A-7", "id": "evt_1"}'), [SECRET]).reason == "forged"
    assert judge(whole, ["another"]).reason == "forged"
    for name, value in whole.headers.items():
        for other in (value.replace("1", "2", 1), value[::-1], value[:-4] + "0000"):
            found = judge(changed(whole, headers={**whole.headers, name: other}), [SECRET])
            assert other == value or found.reason in {"forged", "unsigned"}, (name, other)


def test_a_call_without_a_signature_or_a_known_secret_is_unsigned():
    assert judge(changed(standard(), headers={}), [SECRET]).reason == "unsigned"
    assert judge(changed(standard(), headers={"stripe-signature": "t=1"}), [SECRET]).reason == "unsigned"
    assert judge(standard(), []).reason == "unsigned"


@pytest.mark.parametrize("sign", [standard, stripe])
@pytest.mark.parametrize(
    ("minutes", "reason"), [(-5, ""), (5, ""), (-5.1, "stale"), (5.1, "stale"), (-60 * 24, "stale")]
)
def test_five_minutes_either_way_are_fresh(sign, minutes, reason):
    assert judge(sign(at=NOW + timedelta(minutes=minutes)), [SECRET]).reason == reason


def test_a_stale_call_that_is_forged_too_is_called_forged():
    """Its moment is nobody's word."""
    old = standard(at=NOW - timedelta(days=1), secret="another")

    assert judge(old, [SECRET]).reason == "forged"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'"words"',
        b"order=A-7",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\ud800"}',
        b"\xff{}",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_a_body_that_is_no_map_of_data_is_unreadable(body):
    assert judge(standard(body), [SECRET]).reason == "unreadable"


def test_stripes_body_names_the_event():
    assert judge(stripe(b'{"order": 1}'), [SECRET]).reason == "unreadable"
    assert judge(stripe(b'{"id": 7}'), [SECRET]).reason == "unreadable"
    assert judge(standard(id="x" * 201), [SECRET]).reason == "unreadable"


def test_a_large_body_is_refused_before_it_is_read():
    assert judge(standard(b" " * MAX_BODY), [SECRET]).reason == "unreadable"
    assert judge(standard(b" " * (MAX_BODY + 1)), [SECRET]).reason == "too-big"
    assert judge(changed(standard(), size=MAX_BODY + 1), [SECRET]).reason == "too-big"


def test_noise_in_headers_and_bodies_never_raises():
    """Three thousand calls of chance."""
    chance = random.Random(7)
    names = ["webhook-id", "webhook-timestamp", "webhook-signature", "stripe-signature", "svix-id"]
    for _ in range(3_000):
        headers = {
            name: "".join(chance.choice("v1,=.t0 \u00e9\u0660A/+") for _ in range(chance.randrange(40)))
            for name in chance.sample(names, 3)
        }
        body = bytes(chance.randrange(256) for _ in range(chance.randrange(30)))
        assert judge(changed(standard(), headers=headers, body=body), [SECRET]).reason


# ---------------------------------------------------------------- the spool


def source(folder, *, secrets=None, hooks=None):
    """A source over a spool."""
    return Webhooks(
        state=str(folder),
        index_key=b"k" * 32,
        secrets=SecretResolver(
            order=("env",), env={"HOOK": SECRET} if secrets is None else secrets, store={}
        ),
        hooks=lambda: {"orders": ("HOOK",)} if hooks is None else hooks,
    )


def polled(found, seen=()):
    return list(found.poll(set(seen).__contains__))


def test_what_is_put_into_the_spool_comes_out_and_goes_once_the_ledger_has_it(tmp_path):
    put(tmp_path, standard(), token="a")
    (arrival,) = polled(source(tmp_path))

    assert (arrival.kind, arrival.ignored) == ("webhook", "")
    assert arrival.event == {"id": "evt_1", "order": "A-7", "path": "orders", "at": stamp(NOW)}
    assert polled(source(tmp_path), seen=[arrival.mark]) == []
    assert list((tmp_path / "spool/webhooks").iterdir()) == []


def test_the_spool_keeps_no_header_that_proves_nothing(tmp_path):
    """Cookies and credentials of whoever called are none of ours."""
    delivery = changed(standard(), headers={**standard().headers, "authorization": "Bearer x", "cookie": "y"})
    put(tmp_path, delivery, token="a")

    (file,) = (tmp_path / "spool/webhooks").iterdir()
    assert b"Bearer" not in file.read_bytes()
    assert b"cookie" not in file.read_bytes()


def test_calls_come_in_the_order_they_were_signed(tmp_path):
    for number in (3, 1, 2):
        put(tmp_path, standard(id=f"msg_{number}", at=NOW + timedelta(seconds=number)), token=str(9 - number))
    put(tmp_path, standard(secret="another"), token="z")

    found = polled(source(tmp_path))

    assert [one.ignored for one in found] == ["forged", "", "", ""]
    signed = [
        judge(standard(id=f"msg_{n}", at=NOW + timedelta(seconds=n)), [SECRET]).signed for n in (1, 2, 3)
    ]
    assert sorted(signed) == signed
    (tmp_path / "alone").mkdir()
    for number in (1, 2, 3):
        put(tmp_path / "alone", standard(id=f"msg_{number}"), token=str(number))
    assert [one.source for one in found[1:]] == [one.source for one in polled(source(tmp_path / "alone"))]


def test_a_forged_call_does_not_take_the_id_of_the_real_one(tmp_path):
    put(tmp_path, standard(secret="another"), token="a")
    put(tmp_path, standard(), token="b")
    forged, real = polled(source(tmp_path))

    assert (forged.ignored, real.ignored) == ("forged", "")
    assert forged.source != real.source
    assert forged.event == {}


def test_the_same_id_is_the_same_source_whatever_came_with_it(tmp_path):
    put(tmp_path, standard(b'{"id": "x"}'), token="a")
    put(tmp_path, standard(b'{"id": "y"}'), token="b")
    one, two = polled(source(tmp_path))

    assert one.source == two.source
    assert one.mark != two.mark


def test_an_address_nobody_listens_to_and_a_secret_nobody_has(tmp_path):
    put(tmp_path, standard(), token="a")

    assert [one.ignored for one in polled(source(tmp_path, hooks={}))] == ["no-playbook"]
    assert [one.ignored for one in polled(source(tmp_path, secrets={}))] == ["no-secret"]


def test_a_body_too_large_is_not_kept_but_noted(tmp_path):
    put(tmp_path, standard(b" " * (MAX_BODY + 1)), token="a")

    (file,) = (tmp_path / "spool/webhooks").iterdir()
    assert file.stat().st_size < 1000
    assert [one.ignored for one in polled(source(tmp_path))] == ["too-big"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"path": 1}',
        b"\xff" * 10,
        b'{"path":"orders","headers":[],"body":"","received":"x","size":1}',
    ],
)
def test_a_spoiled_file_is_put_aside_and_stops_no_other(tmp_path, data):
    put(tmp_path, standard(), token="b")
    (tmp_path / "spool/webhooks/0.json").write_bytes(data)

    assert sorted(one.ignored for one in polled(source(tmp_path))) == ["", "unreadable"]


def test_half_a_file_and_a_link_are_passed_over(tmp_path):
    put(tmp_path, standard(), token="b")
    (tmp_path / "spool/webhooks/.c.tmp").write_bytes(b"{")
    (tmp_path / "elsewhere").write_text("{}")
    (tmp_path / "spool/webhooks/d.json").symlink_to(tmp_path / "elsewhere")

    assert sorted(one.ignored for one in polled(source(tmp_path))) == ["", "unreadable"]
