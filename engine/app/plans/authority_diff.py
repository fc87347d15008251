"""What a change of plans, settings and policy means for what may happen, and which of it raises authority. Pure, over compiled data.

Deploying asks before a rise counts; ``plan --diff`` shows it first.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from engine.app.plans import policy_diff
from engine.app.plans.change import Change, Kind, Rise
from engine.app.plans.phrases import trigger_words, words
from engine.app.plans.plan_view import own_reach, stage_of
from engine.model.definitions.actions import Sink
from engine.model.definitions.agents import AgentSource
from engine.model.definitions.plan import Arg, Expr, Fixed, Node, Plan, Stage, Text
from engine.model.definitions.settings import Config, ModelConfig, Person, PolicyRules, SecretRef
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.model.values.durations import exact

_SINKS: Mapping[Sink, Kind] = {
    Sink.RECIPIENT: "recipient",
    Sink.AMOUNT: "amount",
    Sink.ACCOUNT: "account",
    Sink.URL: "host",
    Sink.COMMAND: "command",
    Sink.PATH: "path",
}
_OWN = ("wait", "human", "run")
"""Connectors of the language itself: they reach nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """What may happen: one playbook (None: it isn't there), under settings and a policy."""

    plan: Plan | None
    config: Config
    policy: PolicyRules
    agents: Mapping[str, AgentSource] = field(default_factory=dict)


def authority_increases(before: Authority, after: Authority) -> tuple[Rise, ...]:
    """The changes that raise authority.

    Authority rises where something may happen that could not before: a stage goes up, a step acts that stood in no playbook or only
    in shadow, its reach may be farther, it acts for a list, a trigger is new, a recipient, account, amount, host, command or path
    is another one, a connector, tool, setting of a connector, secret or source of secrets is new. And where a protection becomes
    weaker: a gate, cap, budget, denial, floor, declared reach, condition, `once`, `stop-on` or `undo-within` is gone or loosened.

    Each is judged by itself: what another line takes back doesn't make up for it. In shadow nothing acts, so a step that acts, a
    trigger or a recipient counts when the stage leaves shadow, and all of them count then. Whether one condition is wider than another isn't
    judged, nor words: both are shown by ``plan --diff`` as what they are.
    """
    return tuple(one for one in changes(before, after) if one.raises)


def changes(before: Authority, after: Authority) -> tuple[Change, ...]:
    """Every difference in what may happen, rises first; a playbook that is gone may do nothing, which is no change of its own."""
    found = [*_settings(before.config, after.config), *policy_diff.policy(before.policy, after.policy)]
    found += policy_diff.agents(before.agents, after.agents)
    if after.plan is not None:
        found += _plans(before.plan or _nothing(after.plan), after.plan)
    return tuple(sorted(found, key=lambda one: not one.raises))


def _nothing(plan: Plan) -> Plan:
    return Plan(
        id=plan.id, name=plan.name, description="", path=plan.path, source=plan.source, stage=Stage.SHADOW,
        triggers=(), nodes=(), budget_usd=plan.budget_usd, once=plan.once,
    )  # fmt: skip


# ---------------------------------------------------------------- one playbook


def _plans(a: Plan, b: Plan) -> Iterator[Change]:
    def change(kind: Kind, before: str, after: str, *, raises: bool, where: str = "") -> Change:
        return Change(kind=kind, raises=raises, playbook=b.id, where=where, before=before, after=after)

    if a.stage is not b.stage:
        yield change("stage", a.stage, b.stage, raises=b.stage.rank > a.stage.rank)
    pairs = _pairs(a, b)
    for old, node in pairs:
        if old is not None:
            yield from _step(a, b, old, node)
        if _acts(b, node) and (old is None or not _acts(a, old)):
            gate = f", gate {node.gate}" if node.gate else ", without a gate"
            yield change(
                "action", "", f"{node.uses} ({node.highest_reach} at most{gate})", raises=True, where=node.id
            )
    yield from _sets(b.id, "trigger", _triggers(a), _triggers(b))
    for one in (one for one in _stops(a) if one not in _stops(b)):
        yield change("stop-on", one, "", raises=True)
    for one in (one for one in _stops(b) if one not in _stops(a)):
        yield change("stop-on", "", one, raises=False)
    yield from _rewritten(b.id, "", "once", a.once, b.once)
    yield from _rewritten(b.id, "", "subject", a.subject, b.subject)
    if a.budget_usd != b.budget_usd:
        looser = b.budget_usd is None or (a.budget_usd is not None and b.budget_usd > a.budget_usd)
        yield change("cap", _usd(a.budget_usd), _usd(b.budget_usd), raises=looser, where="budget")
    old_sinks, new_sinks = _sunk(a), _sunk(b)
    for kind, where, value in (one for one in new_sinks if one not in old_sinks):
        yield change(kind, "", value, raises=True, where=where)
    for kind, where, value in (one for one in old_sinks if one not in new_sinks):
        yield change(kind, value, "", raises=False, where=where)
    yield from _sets(b.id, "connector", _connectors(a), _connectors(b))
    yield from _sets(b.id, "tool", _tools(a), _tools(b))
    yield from _sets(b.id, "secret", _secrets(a), _secrets(b))


def _pairs(a: Plan, b: Plan) -> list[tuple[Node | None, Node]]:
    """Each step of `b` with the one it was: the same id and action, else one of the same action that lost its id."""
    old = {node.id: node for node in a.every()}
    same = {node.id for node in b.every() if node.id in old and old[node.id].uses == node.uses}
    left = [node for node in a.every() if node.id not in same]
    found: list[tuple[Node | None, Node]] = []
    for node in b.every():
        if node.id in same:
            found.append((old[node.id], node))
            continue
        was = next((one for one in left if one.uses == node.uses), None)
        if was is not None:
            left.remove(was)
        found.append((was, node))
    return found


def _acts(plan: Plan, node: Node) -> bool:
    return node.kind in {"effect", "playbook"} and stage_of(plan, node) is not Stage.SHADOW


def _live(plan: Plan) -> list[Node]:
    """Steps of which something happens: what reads, and what acts above shadow."""
    return [node for node in plan.every() if node.kind not in {"effect", "playbook"} or _acts(plan, node)]


def _step(a: Plan, b: Plan, old: Node, node: Node) -> Iterator[Change]:
    def change(kind: Kind, before: str, after: str, *, raises: bool) -> Change:
        return Change(kind=kind, raises=raises, playbook=b.id, where=node.id, before=before, after=after)

    if old.stage is not node.stage:
        was, now = stage_of(a, old), stage_of(b, node)
        if was is not now:
            yield change("stage", was, now, raises=now.rank > was.rank)
    if old.gate != node.gate and not (old.gate and node.gate and _alike(a, b, old.gate, node.gate)):
        yield change("gate", old.gate or "", node.gate or "", raises=node.gate is None)
    yield from _reach(b, old, node)
    if node.kind not in {"effect", "playbook"}:
        return
    if _bare(old.condition) != _bare(node.condition) and node.condition is None and old.condition is not None:
        yield change("if", old.condition.written.strip(), "", raises=True)
    if node.foreach is not None and old.foreach is None:
        yield change("foreach", "", words(node.foreach), raises=True)
    if old.repeat != node.repeat:
        rounds, most = (one.repeat.at_most if one.repeat else 1 for one in (old, node))
        yield change("repeat", f"{rounds} times", f"{most} times", raises=most >= rounds)
    if old.undo_within != node.undo_within:
        before, after = (exact(one) if one else "" for one in (old.undo_within, node.undo_within))
        shorter = old.undo_within is not None and (
            node.undo_within is None or node.undo_within < old.undo_within
        )
        yield change("hold", before, after, raises=shorter)
    yield from _rewritten(b.id, node.id, "once", old.once, node.once)
    yield from _rewritten(b.id, node.id, "subject", old.subject, node.subject)


def _alike(a: Plan, b: Plan, old: str, new: str) -> bool:
    """Whether a gate only got another name."""
    return old not in {one.id for one in b.gates} and a.gate(old).members == b.gate(new).members


def _reach(b: Plan, old: Node, node: Node) -> Iterator[Change]:
    was, now = own_reach(old), own_reach(node)
    if was is not now:
        yield Change(
            kind="reach", raises=now.rank > was.rank, playbook=b.id, where=node.id, before=was, after=now
        )
    if old.reach is not node.reach:
        # A declared reach is a floor: it makes a step ask more.
        lowered = old.reach is not None and (node.reach is None or node.reach.rank < old.reach.rank)
        before, after = (f"{one} (declared)" if one else "" for one in (old.reach, node.reach))
        yield Change(kind="reach", raises=lowered, playbook=b.id, where=node.id, before=before, after=after)


def _bare(one: Expr | None) -> str:
    return "" if one is None else one.cel


def _rewritten(
    playbook: str, where: str, kind: Literal["once", "subject"], a: Arg | None, b: Arg | None
) -> Iterator[Change]:
    before, after = ("" if one is None else words(one) for one in (a, b))
    if before != after:
        raises = kind == "once" and not after
        yield Change(kind=kind, raises=raises, playbook=playbook, where=where, before=before, after=after)


def _sets(playbook: str, kind: Kind, a: Sequence[str], b: Sequence[str]) -> Iterator[Change]:
    """What is new raises; what is gone doesn't."""
    for one in (one for one in b if one not in a):
        yield Change(kind=kind, raises=True, playbook=playbook, after=one)
    for one in (one for one in a if one not in b):
        yield Change(kind=kind, raises=False, playbook=playbook, before=one)


def _triggers(plan: Plan) -> tuple[str, ...]:
    return () if plan.stage is Stage.SHADOW else tuple(map(trigger_words, plan.triggers))


def _stops(plan: Plan) -> tuple[str, ...]:
    return tuple(
        f"{one.trigger} {', '.join(f'{name}: {words(arg)}' for name, arg in one.match)}".strip()
        for one in plan.stop_on
    )


def _sunk(plan: Plan) -> dict[tuple[Kind, str, str], None]:
    """(kind, action and argument, value) of everything that decides who, how much, where or what is run."""
    found: dict[tuple[Kind, str, str], None] = {}
    for node in _live(plan):
        spec = node.action
        for name, arg in node.args if spec is not None else ():
            param = spec.param(name) if spec is not None else None
            if param is None or param.sink is None or (isinstance(arg, Fixed) and arg.value is None):
                continue
            kind = _SINKS[param.sink]
            found[kind, f"{node.uses} {name}", _host(arg) if kind == "host" else words(arg)] = None
    return found


def _host(arg: Arg) -> str:
    """The host of an address that is written out; else the whole of it, since anything may come."""
    from urllib.parse import urlsplit

    first = arg.parts[0] if isinstance(arg, Text) and arg.parts else None
    start = arg.value if isinstance(arg, Fixed) else first
    if isinstance(start, str):
        try:
            host = urlsplit(start).netloc
        except ValueError:
            return words(arg)
        # Text that begins with a host is bound to it only when a slash ends the host.
        if host and (isinstance(arg, Fixed) or start.count("/") >= 3):
            return host
    return words(arg)


def _connectors(plan: Plan) -> tuple[str, ...]:
    names = (node.uses.partition("/")[0] for node in _live(plan))
    return tuple(dict.fromkeys(name for name in names if name not in {*_OWN, "agent", "playbook"}))


def _tools(plan: Plan) -> tuple[str, ...]:
    return tuple(dict.fromkeys(node.uses for node in _live(plan) if node.uses.startswith("agent/")))


def _secrets(plan: Plan) -> tuple[str, ...]:
    """Names of secrets that prove a call from outside."""
    found = [value for one in plan.triggers for name, value in one.params if name == "secret"]
    heard = [*plan.stop_on, *(one for node in plan.nodes for one in node.waits)]
    found += [words(arg) for one in heard for name, arg in one.match if name == "secret"]
    return tuple(dict.fromkeys(map(str, found)))


def _usd(value: float | None) -> str:
    return "" if value is None else f"{value:g} USD"


# ---------------------------------------------------------------- settings


def _settings(a: Config, b: Config) -> Iterator[Change]:
    for kind, where, before, after in (("deploy", "", a.deploy, b.deploy), ("id", "", a.id, b.id)):
        if before != after:
            # Keys of effects are made from the id: under another one everything may be done once more.
            yield Change(
                kind="id" if kind == "id" else "deploy", raises=True, where=where, before=before, after=after
            )
    yield from _people((a.operator, *a.people), (b.operator, *b.people))
    for name, old, new in (
        ("budget usd-per-day", a.budget_usd_per_day, b.budget_usd_per_day),
        ("budget usd-per-month", a.budget_usd_per_month, b.budget_usd_per_month),
    ):
        if old != new:
            looser = new is None or (old is not None and new > old)
            before, after = ("" if one is None else f"{one} USD" for one in (old, new))
            yield Change(kind="cap", raises=looser, where=name, before=before, after=after)
    yield from _sets("", "secret", a.secrets, b.secrets)
    yield from _sets("", "secret", sorted(a.secret_names()), sorted(b.secret_names()))
    yield from _blocks(a, b)


def _people(a: Sequence[Person], b: Sequence[Person]) -> Iterator[Change]:
    old, new = ({one.id: one.email for one in people} for people in (a, b))
    for id_ in dict.fromkeys((*old, *new)):
        before, after = old.get(id_, ""), new.get(id_, "")
        if before != after:
            yield Change(kind="recipient", raises=bool(after), where=id_, before=before, after=after)


def _blocks(a: Config, b: Config) -> Iterator[Change]:
    """Settings of connectors and models: where they reach and whom they believe is their own matter, so every changed one counts."""
    old, new = (
        {one.name: _flat(one.settings) for one in config.connectors}
        | {f"models.{one.name}": _model(one) for one in config.models}
        for config in (a, b)
    )
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield Change(kind="connector", raises=False, where="steward.yaml", before=name)
            continue
        if name not in old:
            yield Change(kind="connector", raises=True, where="steward.yaml", after=name)
        was = old.get(name, {})
        for key in dict.fromkeys((*was, *new[name])):
            before, after = was.get(key, ""), new[name].get(key, "")
            if before != after:
                kind: Kind = (
                    "host" if key.rpartition(".")[2] in {"host", "url", "server", "base-url"} else "connector"
                )
                yield Change(kind=kind, raises=True, where=f"{name}.{key}", before=before, after=after)


def _model(one: ModelConfig) -> dict[str, str]:
    prices = (one.usd_per_million_in, one.usd_per_million_out)
    found = {
        "uses": one.uses,
        "model": one.model,
        "key": "" if one.key is None else f"secret {one.key.name}",
        "base-url": one.base_url,
        "usd-per-million": "" if None in prices else f"{prices[0]} in, {prices[1]} out",
        "max-tokens": "" if one.max_tokens is None else str(one.max_tokens),
        **{f"parameters.{name}": json.dumps(value) for name, value in one.parameters},
    }
    return {key: text for key, text in found.items() if text}


def _flat(value: Json, prefix: str = "") -> dict[str, str]:
    match value:
        case SecretRef():
            return {prefix: f"secret {value.name}"}
        case dict():
            found: dict[str, str] = {}
            for name, one in value.items():
                found |= _flat(one, f"{prefix}.{name}" if prefix else str(name))
            return found
        case list() if any(isinstance(one, dict | list | SecretRef) for one in value):
            return _flat({str(at): one for at, one in enumerate(value)}, prefix)
        case str():
            return {prefix: value}
        case _:
            return {prefix: canonical_json.encode(value).decode()}
