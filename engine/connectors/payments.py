"""Payment requests without a provider: a reference, a sum, and where to pay.

The reference follows from the effect key, so the same request has the same one. With `connectors.payments.pay-url` in
steward.yaml the link is that address with the reference in it; without it Steward knows no place to pay,
and the link is a `urn:` that letters show as a reference to quote. Requests are in `outbox/payments/`, as JSON and as text.
"""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from engine.connectors import action_specs, safe_paths
from engine.connectors.arguments import key_of, one_line, spec_of, token_of
from engine.model.definitions.actions import ActionSpec
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError
from engine.model.values.canonical_json import Json, decode, encode, sha256
from engine.model.values.money import Money
from engine.model.values.timestamps import stamp

FOLDER = ("outbox", "payments")
URN = "urn:steward:payment:"
MAX_ITEMS = 100
_MAX = 1_000_000
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_REFERENCE = re.compile(r"[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}")
_NOTHING: dict[str, Json] = {"url": None, "reference": None, "total": None}


def reference_of(key: str) -> str:
    """Twelve characters people can read out: XXXX-XXXX-XXXX."""
    number = int(sha256(f"payment:{key}".encode())[:16], 16)
    digits = "".join(_ALPHABET[(number >> (5 * place)) & 31] for place in range(12))
    return f"{digits[:4]}-{digits[4:8]}-{digits[8:]}"


def pay_url_of(settings: Mapping[str, Json]) -> str:
    """The configured address with its `{reference}`; empty without one. Raises PermanentError(code='setting')."""
    url = settings.get("pay-url")
    if url in {None, ""}:
        return ""
    if (
        not isinstance(url, str)
        or not url.startswith("https://")
        or "{reference}" not in url
        or not url.isascii()
    ):
        raise PermanentError(
            "connectors.payments.pay-url is an https address with {reference} in it", code="setting"
        )
    return url


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments:
    """Port Connector and Undo for `payments/*`. `pay_to`: lines for the payer, such as an account, for the text form."""

    root: str
    pay_url: str = ""
    pay_to: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def declare(self) -> tuple[ActionSpec, ...]:
        """Request, and declare void."""
        return action_specs.payments()

    def preview(self, call: Call) -> Preview:
        """The request as JSON. Raises PermanentError on amounts that make no sense or do not add up."""
        spec_of(self.declare(), call)
        if call.action == "payments/void":
            reference = _reference(call.args.get("reference"))
            body = encode({"at": stamp(call.at), "void": reference})
            return Preview(body=body, media="application/json", facts=(("Void", reference or "nothing"),))
        items = _items(call.args["items"])
        if not items:
            return Preview(
                body=encode({"items": [], "key": key_of(call)}),
                media="application/json",
                facts=(("Payment request", "none"),),
                warnings=("nothing to pay for was found: no request is made and there is no link",),
                outputs=dict(_NOTHING),
            )
        record = self._record(call, items)
        warnings = () if self.pay_url else ("no pay-url is configured: a letter can only name the reference",)
        facts = [(line_item["what"], line_item["amount"]) for line_item in record["items"]]
        return Preview(
            body=encode(record),
            media="application/json",
            facts=(
                *facts,
                ("Total", record["total"]),
                ("Reference", record["reference"]),
                ("Link", record["url"]),
            ),
            warnings=warnings,
            outputs=_outputs(record),
        )

    def _record(self, call: Call, items: list[tuple[str, Money]]) -> dict[str, Json]:
        total = items[0][1]
        for _, amount in items[1:]:
            try:
                total = total.plus(amount)
            except ValueError as error:
                raise PermanentError(str(error), code="two-currencies") from error
        reference = reference_of(key_of(call))
        return {
            "at": stamp(call.at),
            "items": [{"what": label, "amount": amount.text()} for label, amount in items],
            "key": key_of(call),
            "reference": reference,
            "total": total.text(),
            "url": self._url(reference, total),
        }

    def _url(self, reference: str, total: Money) -> str:
        if not self.pay_url:
            return f"{URN}{reference}"
        amount, currency = total.text().split(" ")
        blanks = {"{reference}": reference, "{amount}": amount, "{currency}": currency}
        url = self.pay_url
        for blank, value in blanks.items():
            url = url.replace(blank, quote(value, safe=""))
        return url

    def perform(self, effect: Effect) -> Outcome:
        """Write the request, once. Raises TransientError when the disk refuses."""
        record = decode(effect.preview.body)
        if effect.action == "payments/void":
            return self._void(record["void"], effect.preview.body, effect.key)
        if not record["items"]:
            return Outcome(outputs=dict(_NOTHING))
        if record["key"] != effect.key:
            raise PermanentError("this request belongs to another key", code="wrong-key")
        name, token = record["reference"], token_of(effect.key)
        with self._lock, safe_paths.disk_errors("the payment request"):
            if self._stored(f"{name}.json") is not None:
                return Outcome(outputs=_outputs(record), provider_id=name, repeated=True)
            with safe_paths.folder(self.root, FOLDER, create=True) as here:
                # The text first: where the JSON is, the request is whole.
                safe_paths.write(here, f"{name}.txt", self._text(record), token=token)
                safe_paths.write(here, f"{name}.json", effect.preview.body, token=token)
        return Outcome(outputs=_outputs(record), provider_id=name)

    def find(self, effect: Effect) -> Outcome | None:
        """Look for the request's file. A request for nothing leaves none, and making it again is harmless."""
        record = decode(effect.preview.body)
        if effect.action == "payments/void":
            void = record["void"]
            done = void is None or self._stored(f"{void}.void.json") is not None
            return Outcome(outputs={"reference": void}, repeated=True) if done else None
        if not record["items"] or self._stored(f"{record['reference']}.json") != effect.preview.body:
            return None
        return Outcome(outputs=_outputs(record), provider_id=record["reference"], repeated=True)

    def undo(self, effect: Effect, outputs: Mapping[str, Json]) -> Outcome:
        """Declare the request void. Repeating is harmless; a request for nothing needs no undo."""
        reference = _reference(outputs.get("reference"))
        return self._void(reference, encode({"void": reference}), effect.key)

    def _void(self, reference: str | None, body: bytes, key: str) -> Outcome:
        if reference is None:
            return Outcome(outputs={"reference": None})
        with self._lock, safe_paths.disk_errors("the payment request"):
            if self._stored(f"{reference}.void.json") is not None:
                return Outcome(outputs={"reference": reference}, repeated=True)
            if self._stored(f"{reference}.json") is None:
                raise PermanentError(f"there is no request {reference}", code="no-request")
            with safe_paths.folder(self.root, FOLDER, create=True) as here:
                safe_paths.write(here, f"{reference}.void.json", body, token=token_of(f"void:{key}"))
        return Outcome(outputs={"reference": reference}, provider_id=reference)

    def _stored(self, name: str) -> bytes | None:
        try:
            with safe_paths.folder(self.root, FOLDER) as here:
                return safe_paths.read_if_there(here, name, _MAX)
        except FileNotFoundError:
            return None

    def _text(self, record: dict[str, Json]) -> bytes:
        lines = [f"Payment request {record['reference']}", ""]
        lines += [f"{line_item['amount']:>16}  {line_item['what']}" for line_item in record["items"]]
        lines += [f"{record['total']:>16}  total", ""]
        lines += [record["url"]] if self.pay_url else [f"Please quote {record['reference']}."]
        return "\n".join([*lines, *([self.pay_to] if self.pay_to else []), ""]).encode()


def _outputs(record: dict[str, Json]) -> dict[str, Json]:
    return {name: record[name] for name in ("url", "reference", "total")}


def _items(value: Json) -> list[tuple[str, Money]]:
    items = []
    for line_item in value:
        if line_item is None:
            continue
        if (
            not isinstance(line_item, dict)
            or not isinstance(line_item.get("what"), str)
            or "amount" not in line_item
        ):
            raise PermanentError("an item has `what` and `amount`", code="wrong-argument")
        try:
            amount = Money.of(line_item["amount"])
        except ValueError as error:
            raise PermanentError(str(error), code="wrong-argument") from error
        if amount.minor <= 0:
            raise PermanentError(f"nobody is asked to pay {amount.text()}", code="wrong-argument")
        items.append((one_line(line_item["what"]), amount))
    if len(items) > MAX_ITEMS:
        raise PermanentError(f"more than {MAX_ITEMS} items", code="too-big")
    return items


def _reference(value: Json) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not _REFERENCE.fullmatch(value):
        raise PermanentError("not a payment reference", code="wrong-argument")
    return value
