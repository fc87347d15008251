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


def authority_increases(old: Authority, new: Authority) -> tuple[Rise, ...]:
    """The changes that raise authority.

    Authority rises where something may happen that could not before: a stage goes up, a step acts that stood in no playbook or only
    in shadow, its reach may be farther, it acts for a list, a trigger is new, a recipient, account, amount, host, command or path
    is another one, a connector, tool, setting of a connector, secret or source of secrets is new. And where a protection becomes
    weaker: a gate, cap, budget, denial, floor, declared reach, condition, `once`, `stop-on` or `undo-within` is gone or loosened.

    Each is judged by itself: what another line takes back doesn't make up for it. In shadow nothing acts, so a step that acts, a
    trigger or a recipient counts when the stage leaves shadow, and all of them count then. Whether one condition is wider than another isn't
    judged, nor words: both are shown by ``plan --diff`` as what they are.
    """
    return tuple(change for change in changes(old, new) if change.raises)


def changes(old: Authority, new: Authority) -> tuple[Change, ...]:
    """Every difference in what may happen, rises first; a playbook that was removed may do nothing, which is not listed."""
    differences = [*_settings(old.config, new.config), *policy_diff.policy(old.policy, new.policy)]
    differences += policy_diff.agents(old.agents, new.agents)
    if new.plan is not None:
        differences += _plans(old.plan or _nothing(new.plan), new.plan)
    return tuple(sorted(differences, key=lambda change: not change.raises))


def _nothing(plan: Plan) -> Plan:
    return Plan(
        id=plan.id, name=plan.name, description="", path=plan.path, source=plan.source, stage=Stage.SHADOW,
        triggers=(), nodes=(), budget_usd=plan.budget_usd, once=plan.once,
    )  # fmt: skip


# ---------------------------------------------------------------- one playbook


def _plans(a: Plan, b: Plan) -> Iterator[Change]:
    def change(kind: Kind, old_value: str, new_value: str, *, raises: bool, place: str = "") -> Change:
        return Change(kind=kind, raises=raises, playbook=b.id, where=place, before=old_value, after=new_value)

    if a.stage is not b.stage:
        yield change("stage", a.stage, b.stage, raises=b.stage.rank > a.stage.rank)
    pairs = _pairs(a, b)
    for old, node in pairs:
        if old is not None:
            yield from _step(a, b, old, node)
        if _acts(b, node) and (old is None or not _acts(a, old)):
            gate = f", gate {node.gate}" if node.gate else ", without a gate"
            yield change(
                "action", "", f"{node.uses} ({node.highest_reach} at most{gate})", raises=True, place=node.id
            )
    yield from _sets(b.id, "trigger", _triggers(a), _triggers(b))
    for stop in (listener for listener in _stops(a) if listener not in _stops(b)):
        yield change("stop-on", stop, "", raises=True)
    for stop in (listener for listener in _stops(b) if listener not in _stops(a)):
        yield change("stop-on", "", stop, raises=False)
    yield from _rewritten(b.id, "", "once", a.once, b.once)
    yield from _rewritten(b.id, "", "subject", a.subject, b.subject)
    if a.budget_usd != b.budget_usd:
        looser = b.budget_usd is None or (a.budget_usd is not None and b.budget_usd > a.budget_usd)
        yield change("cap", _usd(a.budget_usd), _usd(b.budget_usd), raises=looser, place="budget")
    old_sinks, new_sinks = _sinks_of(a), _sinks_of(b)
    for kind, place, value in (sink for sink in new_sinks if sink not in old_sinks):
        yield change(kind, "", value, raises=True, place=place)
    for kind, place, value in (sink for sink in old_sinks if sink not in new_sinks):
        yield change(kind, value, "", raises=False, place=place)
    yield from _sets(b.id, "connector", _connectors(a), _connectors(b))
    yield from _sets(b.id, "tool", _tools(a), _tools(b))
    yield from _sets(b.id, "secret", _secrets(a), _secrets(b))


def _pairs(a: Plan, b: Plan) -> list[tuple[Node | None, Node]]:
    """Each step of `b` with the one it was: the same id and action, else one of the same action that lost its id."""
    old = {node.id: node for node in a.every()}
    same = {node.id for node in b.every() if node.id in old and old[node.id].uses == node.uses}
    left = [node for node in a.every() if node.id not in same]
    pairs: list[tuple[Node | None, Node]] = []
    for node in b.every():
        if node.id in same:
            pairs.append((old[node.id], node))
            continue
        was = next((candidate for candidate in left if candidate.uses == node.uses), None)
        if was is not None:
            left.remove(was)
        pairs.append((was, node))
    return pairs


def _acts(plan: Plan, node: Node) -> bool:
    return node.kind in {"effect", "playbook"} and stage_of(plan, node) is not Stage.SHADOW


def _live(plan: Plan) -> list[Node]:
    """Steps of which something happens: what reads, and what acts above shadow."""
    return [node for node in plan.every() if node.kind not in {"effect", "playbook"} or _acts(plan, node)]


def _step(a: Plan, b: Plan, old: Node, node: Node) -> Iterator[Change]:
    def change(kind: Kind, old_value: str, new_value: str, *, raises: bool) -> Change:
        return Change(
            kind=kind, raises=raises, playbook=b.id, where=node.id, before=old_value, after=new_value
        )

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
        rounds, limit = (step.repeat.at_most if step.repeat else 1 for step in (old, node))
        yield change("repeat", f"{rounds} times", f"{limit} times", raises=limit >= rounds)
    if old.undo_within != node.undo_within:
        old_hold, new_hold = (exact(hold) if hold else "" for hold in (old.undo_within, node.undo_within))
        shorter = old.undo_within is not None and (
            node.undo_within is None or node.undo_within < old.undo_within
        )
        yield change("hold", old_hold, new_hold, raises=shorter)
    yield from _rewritten(b.id, node.id, "once", old.once, node.once)
    yield from _rewritten(b.id, node.id, "subject", old.subject, node.subject)


def _alike(a: Plan, b: Plan, old: str, new: str) -> bool:
    """Whether a gate only got another name."""
    return old not in {gate.id for gate in b.gates} and a.gate(old).members == b.gate(new).members


def _reach(b: Plan, old: Node, node: Node) -> Iterator[Change]:
    was, now = own_reach(old), own_reach(node)
    if was is not now:
        yield Change(
            kind="reach", raises=now.rank > was.rank, playbook=b.id, where=node.id, before=was, after=now
        )
    if old.reach is not node.reach:
        # A declared reach is a floor: it makes a step ask more.
        lowered = old.reach is not None and (node.reach is None or node.reach.rank < old.reach.rank)
        old_floor, new_floor = (f"{reach} (declared)" if reach else "" for reach in (old.reach, node.reach))
        yield Change(
            kind="reach", raises=lowered, playbook=b.id, where=node.id, before=old_floor, after=new_floor
        )


def _bare(condition: Expr | None) -> str:
    return "" if condition is None else condition.cel


def _rewritten(
    playbook: str, place: str, kind: Literal["once", "subject"], a: Arg | None, b: Arg | None
) -> Iterator[Change]:
    old, new = ("" if arg is None else words(arg) for arg in (a, b))
    if old != new:
        raises = kind == "once" and not new
        yield Change(kind=kind, raises=raises, playbook=playbook, where=place, before=old, after=new)


def _sets(playbook: str, kind: Kind, a: Sequence[str], b: Sequence[str]) -> Iterator[Change]:
    """What is new raises; what is gone doesn't."""
    for added in (name for name in b if name not in a):
        yield Change(kind=kind, raises=True, playbook=playbook, after=added)
    for removed in (name for name in a if name not in b):
        yield Change(kind=kind, raises=False, playbook=playbook, before=removed)


def _triggers(plan: Plan) -> tuple[str, ...]:
    return () if plan.stage is Stage.SHADOW else tuple(map(trigger_words, plan.triggers))


def _stops(plan: Plan) -> tuple[str, ...]:
    return tuple(
        f"{listener.trigger} {', '.join(f'{name}: {words(arg)}' for name, arg in listener.match)}".strip()
        for listener in plan.stop_on
    )


def _sinks_of(plan: Plan) -> dict[tuple[Kind, str, str], None]:
    """(kind, action and argument, value) of everything that decides who, how much, where or what is run."""
    sinks: dict[tuple[Kind, str, str], None] = {}
    for node in _live(plan):
        spec = node.action
        for name, arg in node.args if spec is not None else ():
            param = spec.param(name) if spec is not None else None
            if param is None or param.sink is None or (isinstance(arg, Fixed) and arg.value is None):
                continue
            kind = _SINKS[param.sink]
            sinks[kind, f"{node.uses} {name}", _host(arg) if kind == "host" else words(arg)] = None
    return sinks


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
    names = [value for trigger in plan.triggers for name, value in trigger.params if name == "secret"]
    heard = [*plan.stop_on, *(wait for node in plan.nodes for wait in node.waits)]
    names += [words(arg) for listener in heard for name, arg in listener.match if name == "secret"]
    return tuple(dict.fromkeys(map(str, names)))


def _usd(value: float | None) -> str:
    return "" if value is None else f"{value:g} USD"


# ---------------------------------------------------------------- settings


def _settings(a: Config, b: Config) -> Iterator[Change]:
    for kind, was, now in (("deploy", a.deploy, b.deploy), ("id", a.id, b.id)):
        if was != now:
            # Keys of effects are made from the id: with a new id every effect may happen once more.
            yield Change(
                kind="id" if kind == "id" else "deploy",
                raises=True,
                before=was,
                after=now,
            )
    yield from _people((a.operator, *a.people), (b.operator, *b.people))
    for name, old, new in (
        ("budget usd-per-day", a.budget_usd_per_day, b.budget_usd_per_day),
        ("budget usd-per-month", a.budget_usd_per_month, b.budget_usd_per_month),
    ):
        if old != new:
            looser = new is None or (old is not None and new > old)
            old_cap, new_cap = ("" if budget is None else f"{budget} USD" for budget in (old, new))
            yield Change(kind="cap", raises=looser, where=name, before=old_cap, after=new_cap)
    yield from _sets("", "secret", a.secrets, b.secrets)
    yield from _sets("", "secret", sorted(a.secret_names()), sorted(b.secret_names()))
    yield from _blocks(a, b)


def _people(a: Sequence[Person], b: Sequence[Person]) -> Iterator[Change]:
    old, new = ({person.id: person.email for person in people} for people in (a, b))
    for id_ in dict.fromkeys((*old, *new)):
        old_email, new_email = old.get(id_, ""), new.get(id_, "")
        if old_email != new_email:
            yield Change(
                kind="recipient", raises=bool(new_email), where=id_, before=old_email, after=new_email
            )


def _blocks(a: Config, b: Config) -> Iterator[Change]:
    """Settings of connectors and models: where they reach and whom they believe is their own matter, so every changed one counts."""
    old, new = (
        {connector.name: _flat(connector.settings) for connector in config.connectors}
        | {f"models.{model.name}": _model(model) for model in config.models}
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
            old_value, new_value = was.get(key, ""), new[name].get(key, "")
            if old_value != new_value:
                kind: Kind = (
                    "host" if key.rpartition(".")[2] in {"host", "url", "server", "base-url"} else "connector"
                )
                yield Change(kind=kind, raises=True, where=f"{name}.{key}", before=old_value, after=new_value)


def _model(model: ModelConfig) -> dict[str, str]:
    prices = (model.usd_per_million_in, model.usd_per_million_out)
    settings = {
        "uses": model.uses,
        "model": model.model,
        "key": "" if model.key is None else f"secret {model.key.name}",
        "base-url": model.base_url,
        "usd-per-million": "" if None in prices else f"{prices[0]} in, {prices[1]} out",
        "max-tokens": "" if model.max_tokens is None else str(model.max_tokens),
        **{f"parameters.{name}": json.dumps(value) for name, value in model.parameters},
    }
    return {key: text for key, text in settings.items() if text}


def _flat(value: Json, prefix: str = "") -> dict[str, str]:
    match value:
        case SecretRef():
            return {prefix: f"secret {value.name}"}
        case dict():
            flat: dict[str, str] = {}
            for name, entry in value.items():
                flat |= _flat(entry, f"{prefix}.{name}" if prefix else str(name))
            return flat
        case list() if any(isinstance(element, dict | list | SecretRef) for element in value):
            return _flat({str(at): element for at, element in enumerate(value)}, prefix)
        case str():
            return {prefix: value}
        case _:
            return {prefix: canonical_json.encode(value).decode()}
