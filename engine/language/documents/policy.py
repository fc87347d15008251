"""vault/policy.yaml as frozen rules: only what is enforced is accepted."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from engine.language.diagnostics.codes import config_files as code
from engine.language.diagnostics.codes import policies
from engine.language.diagnostics.verify_fix import with_verified_fixes
from engine.language.documents.config_fields import Checked
from engine.language.text.nodes import Entry, Node, Sequence
from engine.language.text.nodes import Mapping as Map
from engine.language.yaml import reader
from engine.model.definitions.actions import ActionSpec, Reach, Sink
from engine.model.definitions.diagnostics import Diagnostic, Severity, Span
from engine.model.definitions.settings import DAYS, Cap, Consent, MayRun, PolicyRules, QuietHours

PATH = "vault/policy.yaml"
KEYS = ("always-ask", "deny", "may-run", "caps", "quiet-hours", "consent")
"""The keys of policy.yaml."""

CAP_KEYS = ("action", "each", "per-day", "count-per-day")
"""The keys of one cap."""

_ACTION = re.compile(r"[a-z][a-z0-9-]*/(?:[a-z][a-z0-9-]*|\*)")
_ONE_ACTION = re.compile(r"[a-z][a-z0-9-]*/[a-z][a-z0-9-]*")
_WORD = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
_CLOCK = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_REACHES = [reach.value for reach in Reach]


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyContext:
    """What rules may name. `actions` are all there are, None: any (an action of None is one whose arguments are not checked).

    `purposes` are those that templates have, None: unknown.
    """

    actions: Mapping[str, ActionSpec | None] | None = None
    purposes: Collection[str] | None = None


ANYTHING = PolicyContext()


def parse(
    path: str, raw: bytes, *, context: PolicyContext = ANYTHING
) -> tuple[PolicyRules | None, tuple[Diagnostic, ...]]:
    """The rules, or None when an error keeps them from being used. A rule about what isn't there is refused: it would never hold."""
    tree, unread = reader.read(path, raw)
    if tree is None:
        return None, unread
    rules, diagnostics = _read(path, raw, tree, context)
    usable = not any(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    return (rules if usable else None), with_verified_fixes(
        raw, diagnostics, lambda mended: _recheck(path, mended, context)
    )


def _recheck(path: str, raw: bytes, context: PolicyContext) -> tuple[Diagnostic, ...]:
    tree, unread = reader.read(path, raw)
    return unread if tree is None else _read(path, raw, tree, context)[1]


def _read(
    path: str, raw: bytes, tree: Node, context: PolicyContext
) -> tuple[PolicyRules, tuple[Diagnostic, ...]]:
    checked = Checked(path, raw)
    entries = checked.entries(tree, known=KEYS)
    asks, denied, runs, caps, quiet, consent = (
        entries[key].value if key in entries else None for key in KEYS
    )
    reading = _PolicyReader(checked=checked, context=context)
    rules = PolicyRules(
        deny=tuple(name for node in checked.items(denied) if (name := reading.action(node))),
        caps=tuple(cap for node in checked.items(caps) if (cap := reading.cap(node))),
        may_run=tuple(exception for node in checked.items(runs) if (exception := reading.exception(node))),
        quiet=reading.quiet(quiet, entries.get("quiet-hours")),
        consent=reading.consent(consent),
    )
    if asks is not None:
        rules = replace(rules, always_ask=reading.reaches(asks))
    return rules, checked.diagnostics()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PolicyReader:
    """The parts of one file."""

    checked: Checked
    context: PolicyContext

    def reaches(self, node: Node | None) -> tuple[Reach, ...]:
        """A list of reaches."""
        words = (self.checked.choice(child, _REACHES, "a reach") for child in self.checked.items(node))
        return tuple(Reach(word) for word in words if word in _REACHES)

    def action(self, node: Node, *, single: bool = False) -> str | None:
        """The name of an action there is; ``connector/*`` for all of a connector is refused when `single` is set."""
        expected = "one action, like stripe/refund" if single else "an action, like email/reply or email/*"
        name = self.checked.matching(node, _ONE_ACTION if single else _ACTION, expected)
        known = self.context.actions
        formed = name is not None and _ACTION.fullmatch(name)
        if not formed or known is None or name is None or any(fnmatchcase(each, name) for each in known):
            return name
        self.checked.note(code.unknown_action(node.span, action=name, known=known))
        return None

    def _fields(self, node: Node, known: tuple[str, ...], needed: list[tuple[str, str]]) -> dict[str, Node]:
        entries = self.checked.entries(node, known=known)
        if isinstance(node, Map):
            self.checked.required(entries, needed, node.span)
        return {key: entry.value for key, entry in entries.items()}

    def cap(self, node: Node) -> Cap | None:
        """One cap."""
        values = self._fields(node, CAP_KEYS, [("action", "action: email/reply")])
        if isinstance(node, Map) and "action" in values and len(node.entries) == 1:
            self.checked.note(code.no_limit(node.entries[0].key_span))
        action = self.action(values["action"]) if "action" in values else None
        each, per_day = self.checked.money(values.get("each")), self.checked.money(values.get("per-day"))
        count = self.checked.integer(values.get("count-per-day"), low=0, expected="a whole number")
        return None if action is None else Cap(action=action, each=each, per_day=per_day, count_per_day=count)

    def exception(self, node: Node) -> MayRun | None:
        """One exception: one action with a ceiling for each and one for the day."""
        needed = [
            ("action", "action: stripe/refund"),
            ("up-to", "up-to: 20 EUR"),
            ("per-day", "per-day: 60 EUR"),
        ]
        values = self._fields(node, ("action", "up-to", "per-day"), needed)
        action = self.action(values["action"], single=True) if "action" in values else None
        up_to, per_day = self.checked.money(values.get("up-to")), self.checked.money(values.get("per-day"))
        spec = (self.context.actions or {}).get(action or "")
        if spec is not None and (why := _never_excepted(spec)):
            self.checked.note(policies.useless_exception(values["action"].span, action=spec.name, why=why))
        if up_to is not None and per_day is not None and up_to.currency != per_day.currency:
            expected = f"an amount in {up_to.currency}, as `up-to` is"
            self.checked.note(
                code.not_allowed(values["per-day"].span, value=per_day.text(), allowed=(), expected=expected)
            )
        if action is None or up_to is None or per_day is None:
            return None
        return MayRun(action=action, up_to=up_to, per_day=per_day)

    def quiet(self, node: Node | None, entry: Entry | None) -> QuietHours | None:
        """The quiet hours."""
        if node is None or entry is None:
            return None
        fields = self._fields(node, ("reach", "from", "to", "days"), [("reach", "reach: [customer]")])
        begins, ends = self._minute(fields.get("from")), self._minute(fields.get("to"))
        items = self.checked.items(fields.get("days"))
        words = [self.checked.choice(child, DAYS, "a day, like sat") for child in items]
        days = tuple(sorted({DAYS.index(word) for word in words if word in DAYS}))
        reach = self.reaches(fields.get("reach"))
        why = _never_quiet(fields, begins, ends)
        if "reach" in fields and isinstance(fields["reach"], Sequence) and not fields["reach"].items:
            why = "no reach is quiet"
        if isinstance(node, Map) and why:
            self.checked.note(policies.never_quiet(_place(fields, entry.key_span), why=why))
        return QuietHours(reach=reach, begins=begins, ends=ends, days=days)

    def _minute(self, node: Node | None) -> int | None:
        text = self.checked.matching(node, _CLOCK, 'a time of day, like "20:00"')
        if text is None or not _CLOCK.fullmatch(text):
            return None
        return int(text[:2]) * 60 + int(text[3:])

    def consent(self, node: Node | None) -> Consent | None:
        """Whose agreement a purpose needs."""
        if node is None:
            return None
        needed = [("purpose", "purpose: marketing"), ("unless", "unless: double-opt-in")]
        fields = self._fields(node, ("purpose", "unless"), needed)
        purpose = self.checked.matching(fields.get("purpose"), _WORD, "a word, like marketing")
        unless = self.checked.matching(fields.get("unless"), _WORD, "a word, like double-opt-in")
        if purpose is None or unless is None:
            return None
        if self.context.purposes is not None and purpose not in self.context.purposes:
            self.checked.note(policies.nobody_asked(fields["purpose"].span, purpose=purpose))
        return Consent(purpose=purpose, unless=unless)


def _never_excepted(spec: ActionSpec) -> str:
    """Why no call of this action could run by an exception; empty when one could."""
    if not spec.kind.acts:
        return "only reads"
    if spec.reach is Reach.LEGAL:
        return "binds somebody and always asks"
    if not any(param.sink is Sink.AMOUNT for param in spec.params):
        return "moves no amount"
    return ""


def _never_quiet(fields: Mapping[str, Node], begins: int | None, ends: int | None) -> str:
    if ("from" in fields) != ("to" in fields):
        return "`from` and `to` belong together"
    if begins is not None and begins == ends:
        return "`from` and `to` are the same time"
    days = fields.get("days")
    if "from" not in fields and (days is None or (isinstance(days, Sequence) and not days.items)):
        return "these quiet hours never begin"
    return ""


def _place(fields: Mapping[str, Node], otherwise: Span) -> Span:
    return next((fields[key].span for key in ("to", "from") if key in fields), otherwise)
