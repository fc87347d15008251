"""What is wrong or about to be, in plain words. The list was written before the code: docs/reference/doctor.md."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from engine.app.adapters import mailboxes
from engine.app.queries import connector_status, models, queue, waiting_steps
from engine.app.workspace import sealed_secrets, unfired_triggers
from engine.app.workspace.action_catalog import declared
from engine.app.workspace.deployment import deployment, standing
from engine.app.workspace.ledger_reader import LedgerReader
from engine.app.workspace.state_check import Verdicts
from engine.app.workspace.workspace import Workspace
from engine.connectors import ways
from engine.connectors.notify_channels import Missing
from engine.governance.secrets import wanting
from engine.kernel.alarms import expectations
from engine.kernel.alarms.alarms import lives_in
from engine.kernel.core.services import Deployment
from engine.ledger import current_owner
from engine.model.defaults import ABSENT_AFTER
from engine.model.definitions.diagnostics import Span
from engine.model.definitions.settings import Config
from engine.model.events.alarms import NOTICE
from engine.model.state.state import State
from engine.model.values import ids
from engine.model.values.durations import rough
from engine.model.values.timestamps import moment, stamp
from engine.vault import published, remotes

Grade = Literal["ok", "look", "ill"]

WAITS_LONG, EXPIRES_SOON = timedelta(days=3), timedelta(days=1)
LITTLE_ROOM, NO_ROOM = 1_000_000_000, 200_000_000
FAILS_IN_A_ROW = 3
OLD_SECRET = timedelta(days=365)
REPLICA_BEHIND = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFinding:
    """One thing looked at. `grade`: ok, look (will hurt), ill (hurts now). `way_out` is what to type, empty when all is well."""

    name: str
    grade: Grade
    said: str
    way_out: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSubject:
    """Everything that is looked at. `free` is the room left on the state's disk, in bytes; `memory` the status of the index."""

    workspace: Workspace
    reading: LedgerReader
    deployed: Deployment
    now: datetime
    free: int
    level: Callable[[], int]
    memory: Mapping[str, object]
    whole: bool


Probe = Callable[[Workspace, LedgerReader], Iterable[HealthFinding]]
"""A look at the world outside, over the network if need be."""


def examine(
    workspace: Workspace,
    reading: LedgerReader,
    *,
    now: datetime,
    level: Callable[[], int],
    memory: Callable[[], Mapping[str, object]],
    deployed: Deployment | None = None,
    probes: Iterable[Probe] | None = None,
    whole: bool = True,
) -> tuple[HealthFinding, ...]:
    """Every finding, the ills first. Reads; changes nothing. `deployed` is what runs, when it was compiled already; `probes`
    are `PROBES` unless others are given. Not `whole`: what takes long to look at and can't be ill is left out.
    """
    patient = HealthSubject(
        workspace=workspace,
        reading=reading,
        deployed=deployed or deployment(workspace, declared(workspace.config)),
        now=now,
        free=shutil.disk_usage(workspace.state.path).free,
        level=level,
        memory=memory(),
        whole=whole,
    )
    looks = (
        _stopped, _health, _connectors, _compiles, _absent, _triggers, _unheard, _unknown, _unfinished, _failing, _cards, _notices, _secrets,
        _clock, _disk, _index, _models, _isolation, _elsewhere,
    )  # fmt: skip
    findings = [finding for look in looks for finding in look(patient)]
    outside = PROBES if probes is None else probes
    findings += [finding for probe in outside for finding in probe(workspace, reading)]
    order: dict[Grade, int] = {"ill": 0, "look": 1, "ok": 2}
    return tuple(sorted(findings, key=lambda finding: order[finding.grade]))


def _stopped(patient: HealthSubject) -> Iterator[HealthFinding]:
    flag = patient.workspace.state.path / "stop"
    if patient.reading.book.stopped or flag.exists():
        yield HealthFinding(
            name="stop", grade="ill", said="effects are stopped: nothing leaves", way_out="steward resume"
        )
    else:
        yield HealthFinding(name="stop", grade="ok", said="nobody stopped effects")


def _health(patient: HealthSubject) -> Iterator[HealthFinding]:
    """Whether what is kept may be trusted, and when it was last looked at."""
    ill = patient.reading.ill
    if ill is not None:
        yield HealthFinding(name="health", grade="ill", said=ill.sentence, way_out=ill.way_out)
        return
    checks = {check.name: check for check in Verdicts(patient.workspace.state).all() if check.at}
    last = max((check.at for check in checks.values() if check.name != "sample"), default="")
    if not last:
        sentence = "the stored bytes were never looked at as a whole"
        yield HealthFinding(name="health", grade="ok", said=f"{sentence}: steward verify, or steward up")
    else:
        since = rough(patient.now - moment(last))
        sentence = f"what is kept may be trusted; the stored bytes were looked at {since} ago"
        yield HealthFinding(name="health", grade="ok", said=sentence)


def _connectors(patient: HealthSubject) -> Iterator[HealthFinding]:
    for connector in connector_status.held_connectors(patient.reading.book, now=stamp(patient.now)):
        yield HealthFinding(
            name="breaker" if connector.open else "limit",
            grade="ill" if connector.open else "look",
            said=connector.sentence,
            way_out=connector.way_out,
        )


def _compiles(patient: HealthSubject) -> Iterator[HealthFinding]:
    status = standing(patient.workspace, patient.deployed)
    sentence = (
        f"{status.commit[:8]} of {status.branch} runs, {len(patient.deployed.plans)} playbooks and SOPs"
    )
    if status.notice:
        why = status.notice.removesuffix(": steward check")
        yield HealthFinding(name="deployed", grade="ill", said=f"{sentence}; {why}", way_out="steward check")
    else:
        yield HealthFinding(name="deployed", grade="ok", said=sentence)
    if status.aside:
        problem, _, way_out = status.aside.partition(": ")
        yield HealthFinding(name="branch", grade="look", said=problem, way_out=way_out)


def _absent(patient: HealthSubject) -> Iterator[HealthFinding]:
    """What should have come and did not, also while no process was up to write it down."""
    book, now = patient.reading.book, patient.now
    for alarm in expectations.open_alarms(book, now=now, lives=lives_in(patient.deployed)):
        seen = f"steward answer {ids.short(alarm.id)} seen" if alarm.raised else ""
        way_out = " · ".join(way for way in (_WAYS[alarm.kind], seen) if way)
        yield HealthFinding(
            name=alarm.kind, grade="ill", said=expectations.sentence(alarm, now=now), way_out=way_out
        )


_WAYS = {
    "absent": "steward up (or steward run, once)",
    "silent": "look whether the mailbox or folder still gets anything, then: steward log",
    "untold": "look at connectors.notify in steward.yaml and at the channels in it",
}


def _triggers(patient: HealthSubject) -> Iterator[HealthFinding]:
    """Each trigger's last event against its usual gap, and whether a process is up to see the next one."""
    book, now = patient.reading.book, patient.now
    for (playbook, cron), (due, _) in sorted(book.expected.items()):
        if due and moment(due) > now:
            sentence = f"{playbook} ({cron}): next at {due[:16]}Z"
            yield HealthFinding(name="trigger", grade="ok", said=sentence)
    for (kind, playbook), times in sorted(book.arrivals.items()):
        gap = expectations.usual_gap(times)
        usual = f"usually something every {rough(gap)}" if gap is not None else "too few to know a usual gap"
        sentence = f"{kind} → {playbook}: the last one {rough(now - moment(times[-1]))} ago, {usual}"
        yield HealthFinding(name="trigger", grade="ok", said=sentence)
    owner = current_owner(patient.workspace.state)
    if owner:
        yield HealthFinding(name="up", grade="ok", said=f"process {owner.pid} on {owner.host} is up")
    elif book.expected:
        sentence = "nobody is up: schedules fire only when a command runs"
        yield HealthFinding(name="up", grade="look", said=sentence, way_out="steward up")


def _unheard(patient: HealthSubject) -> Iterator[HealthFinding]:
    """Triggers that nothing can fire: an unknown mailbox, an event that has no listener, a webhook secret that is missing."""
    config, root = patient.workspace.config, patient.workspace.root
    known = unfired_triggers.mailboxes(config, root)
    for trigger in unfired_triggers.unheard(patient.deployed.plans.values(), known):
        diagnostic = unfired_triggers.to_diagnostic(trigger, Span(path=trigger.path), known)
        sentence = f"{trigger.playbook}: {trigger.kind} `{trigger.name}`: {diagnostic.message}"
        yield HealthFinding(name="trigger", grade="look", said=sentence, way_out=diagnostic.hint)
    resolver = sealed_secrets.resolver(patient.workspace, patient.reading.keys)
    for name in sorted(unfired_triggers.hook_secrets(patient.deployed.plans.values())):
        if not resolver.where(name):
            sentence = f"the webhook secret {name} is nowhere to be found: no call could prove itself"
            yield HealthFinding(
                name="secret", grade="look", said=sentence, way_out=wanting(name, config.secrets)
            )


def _unknown(patient: HealthSubject) -> Iterator[HealthFinding]:
    for row in queue.rows(patient.reading, now=stamp(patient.now), snoozed=True):
        if row.kind == "unknown":
            yield HealthFinding(
                name="unknown",
                grade="ill",
                said=f"nobody knows whether it happened: {row.title}",
                way_out=row.needs,
            )


def _unfinished(patient: HealthSubject) -> Iterator[HealthFinding]:
    """Runs that failed with a person's letter in hand, what waits for another try, and what was left out."""
    reading, zone = patient.reading, patient.workspace.config.time_zone
    rows = [row for row in queue.rows(reading, now=stamp(patient.now)) if row.kind == "failed"]
    for playbook in sorted({row.playbook for row in rows}):
        failed = [row for row in rows if row.playbook == playbook]
        many = (
            f"{len(failed)} runs of {playbook} failed, the last one" if failed[1:] else f"{playbook} failed"
        )
        sentence = f"{many} at {failed[-1].title} ({failed[-1].about})"
        yield HealthFinding(
            name="failed",
            grade="ill",
            said=sentence,
            way_out="steward queue" if failed[1:] else failed[0].needs,
        )
    waits = waiting_steps.outstanding(reading)
    if waits:
        sentence = (
            f"{len(waits)} wait for another try, {waits[0].playbook} {waits[0].sentence(zone, patient.now)}"
        )
        yield HealthFinding(name="waiting", grade="look", said=sentence, way_out="steward run")
    if left_out := _left_out(reading.book, since=stamp(patient.now - timedelta(days=1))):
        sentence = (
            f"not acknowledged in a day: {sum(left_out.values())} letters ({', '.join(sorted(left_out))})"
        )
        yield HealthFinding(name="left-out", grade="look", said=sentence, way_out="steward log")


def _left_out(book: State, *, since: str) -> Counter[str]:
    """Why effects that are worth something soon only were left out in runs since then, and how often."""
    steps = [step for run in book.runs.values() if run.created >= since for step in run.steps.values()]
    return Counter(step.code for step in steps if step.status == "skipped" and step.code)


def _failing(patient: HealthSubject) -> Iterator[HealthFinding]:
    last: dict[str, list[bool]] = {}
    for run in patient.reading.book.runs.values():
        if run.terminal:
            last.setdefault(run.playbook, []).append(run.given_up)
    for playbook, given_up in sorted(last.items()):
        if len(given_up) >= FAILS_IN_A_ROW and all(given_up[-FAILS_IN_A_ROW:]):
            yield HealthFinding(
                name="failing",
                grade="ill",
                said=f"{playbook} failed {FAILS_IN_A_ROW} times in a row",
                way_out="steward log",
            )


def _cards(patient: HealthSubject) -> Iterator[HealthFinding]:
    waiting = queue.rows(patient.reading, now=stamp(patient.now), snoozed=True)
    for card in (row for row in waiting if row.expires):
        left, age = moment(card.expires) - patient.now, patient.now - moment(card.since)
        if left < EXPIRES_SOON:
            sentence = f"{card.short} {card.title} expires in {rough(left)}; silence means no"
            yield HealthFinding(name="card", grade="ill", said=sentence, way_out=card.needs)
        elif age > WAITS_LONG:
            sentence = f"{card.short} {card.title} has waited for {rough(age)}"
            yield HealthFinding(name="card", grade="look", said=sentence, way_out=card.needs)
    if waiting:
        oldest = rough(patient.now - min(moment(row.since) for row in waiting))
        count = len(queue.lines(waiting))
        yield HealthFinding(name="queue", grade="ok", said=f"{count} wait for you, the oldest for {oldest}")
    else:
        yield HealthFinding(name="queue", grade="ok", said="nothing waits for you")


def _notices(patient: HealthSubject) -> Iterator[HealthFinding]:
    """Whether the operator can be told anything while away."""
    config = patient.workspace.config
    channels = ways(config, sealed_secrets.resolver(patient.workspace, patient.reading.keys))
    for channel in channels:
        if isinstance(channel, Missing):
            sentence = f"the channel {channel.name} takes no notice: {channel.why}"
            yield HealthFinding(
                name="notify", grade="ill", said=sentence, way_out="mend connectors.notify in steward.yaml"
            )
    notifies = any(node.uses == NOTICE for plan in patient.deployed.plans.values() for node in plan.nodes)
    last = patient.reading.book.notice
    if not channels and notifies:
        sentence = "notices to you stay on this machine: no channel is set up"
        yield HealthFinding(
            name="notify", grade="look", said=sentence, way_out="name channels under connectors.notify"
        )
    elif channels and last is not None and not last.code and last.by not in {"", channels[0].name}:
        sentence = f"the last notice reached you through {last.by}: {channels[0].name} did not take it"
        yield HealthFinding(name="notify", grade="look", said=sentence, way_out=f"look at {channels[0].name}")
    elif channels:
        names = ", else ".join(channel.name for channel in channels)
        yield HealthFinding(name="notify", grade="ok", said=f"notices to you go through {names}")


def _secrets(patient: HealthSubject) -> Iterator[HealthFinding]:
    config, keys = patient.workspace.config, patient.reading.keys
    resolver, changed = sealed_secrets.resolver(patient.workspace, keys), sealed_secrets.changes(keys)
    used = _used(patient.reading.book, config)
    for name in sorted(config.secret_names()):
        source = resolver.where(name)
        if not source:
            sentence, way_out = f"the secret {name} is nowhere to be found", wanting(name, config.secrets)
            yield HealthFinding(name="secret", grade="ill", said=sentence, way_out=way_out)
            continue
        age = patient.now - moment(changed[name]) if source == "keyring" and name in changed else None
        words = f"{name} is in {source}, {f'set {rough(age)} ago' if age is not None else 'its age is not known here'}"
        words += (
            f", last used {rough(patient.now - moment(used[name]))} ago" if name in used else ", not used yet"
        )
        if age is not None and age > OLD_SECRET:
            yield HealthFinding(
                name="secret",
                grade="look",
                said=words,
                way_out=f"change it, then: steward secrets set {name}",
            )
        else:
            yield HealthFinding(name="secret", grade="ok", said=words)


def _used(book: State, config: Config) -> dict[str, str]:
    """Secret → when what it opens last answered: a model, or a connector's effect."""
    last: dict[str, str] = {}
    for cost in list(book.costs.values()):
        last[cost.model] = max(last.get(cost.model, ""), cost.at)
    for run in book.runs.values():
        for step in run.steps.values():
            if step.done:
                name = step.action.partition("/")[0]
                last[name] = max(last.get(name, ""), step.at)
    opened = {model.name: frozenset({model.key.name}) for model in config.models if model.key is not None}
    for connector in config.connectors:
        opened[connector.name] = replace(config, models=(), connectors=(connector,)).secret_names()
    last_used: dict[str, str] = {}
    for name in last.keys() & opened.keys():
        for secret in opened[name]:
            last_used[secret] = max(last_used.get(secret, ""), last[name])
    return last_used


def _clock(patient: HealthSubject) -> Iterator[HealthFinding]:
    seq, _ = patient.reading.ledger.head()
    last = next(iter(patient.reading.ledger.events(seq - 1)), None) if seq else None
    if last is not None and moment(last.ts) > patient.now + ABSENT_AFTER:
        ahead = rough(moment(last.ts) - patient.now)
        yield HealthFinding(
            name="clock",
            grade="ill",
            said=f"the clock stands {ahead} before the last event",
            way_out="set this machine's clock",
        )
    elif last is not None:
        sentence = f"the last event was {rough(patient.now - moment(last.ts))} ago by this machine's clock"
        yield HealthFinding(name="clock", grade="ok", said=sentence)


def _disk(patient: HealthSubject) -> Iterator[HealthFinding]:
    sentence = f"{patient.free // 1_000_000} MB are left where the state lies"
    if patient.free < LITTLE_ROOM:
        grade: Grade = "ill" if patient.free < NO_ROOM else "look"
        yield HealthFinding(
            name="disk", grade=grade, said=sentence, way_out=f"make room: {patient.workspace.state.path}"
        )
    else:
        yield HealthFinding(name="disk", grade="ok", said=sentence)


def _index(patient: HealthSubject) -> Iterator[HealthFinding]:
    indexed, tip = str(patient.memory.get("commit") or ""), patient.workspace.tree.commit
    if patient.memory.get("state") == "failed":
        sentence = f"full text answers, not the index: {patient.memory.get('because')}"
        yield HealthFinding(name="memory", grade="ill", said=sentence, way_out="steward rebuild")
    elif way_out := str(patient.memory.get("way-out") or ""):
        sentence = f"full text answers, not the index: {patient.memory.get('because')}"
        yield HealthFinding(name="memory", grade="look", said=sentence, way_out=way_out)
    elif indexed and indexed != tip:
        sentence = f"the index is of commit {indexed[:8]}, deployed is {tip[:8]}"
        yield HealthFinding(name="memory", grade="look", said=sentence, way_out="steward rebuild")
    elif indexed:
        yield HealthFinding(name="memory", grade="ok", said=f"the index is of commit {indexed[:8]}")
    else:
        sentence = f"the index is {patient.memory.get('state') or 'off'}: full text answers"
        yield HealthFinding(name="memory", grade="ok", said=sentence)
    lost = patient.memory.get("lost")
    if isinstance(lost, dict) and lost:
        path, why = next(iter(lost.items()))
        others = f", and {len(lost) - 1} more" if len(lost) > 1 else ""
        sentence = f"not or not wholly remembered: {path} ({why}){others}"
        yield HealthFinding(
            name="memory", grade="look", said=sentence, way_out="split or mend it; all: steward rebuild"
        )


def _models(patient: HealthSubject) -> Iterator[HealthFinding]:
    """How each model is asked, and what a person has to mend since its last call; no model is asked."""
    for model in models.standings(patient.workspace, patient.reading.book):
        if model.ill:
            yield HealthFinding(
                name="model",
                grade="ill",
                said=f"{model.name}: {model.words}; {model.ill}",
                way_out=f"mend it, then: steward models test {model.name}",
            )
        else:
            yield HealthFinding(name="model", grade="ok", said=f"{model.name}: {model.words}")


def _isolation(patient: HealthSubject) -> Iterator[HealthFinding]:
    agents = any(
        node.uses.startswith("agent/") for plan in patient.deployed.plans.values() for node in plan.nodes
    )
    needed = agents and bool(patient.workspace.config.models)
    level = patient.level() if needed or patient.whole else 1
    if needed and level < 1:
        yield HealthFinding(
            name="isolation",
            grade="ill",
            said="agents have no room to run in: isolation level 0",
            way_out="install bubblewrap (Debian, Ubuntu: apt install bubblewrap)",
        )
    elif patient.whole:
        yield HealthFinding(name="isolation", grade="ok", said=f"agents run at isolation level {level} of 3")


def _elsewhere(patient: HealthSubject) -> Iterator[HealthFinding]:
    root, tip = patient.workspace.root, patient.workspace.tree.commit
    if not remotes(root):
        sentence = "the repository has no remote: files and anchor are on this machine only"
        yield HealthFinding(
            name="backup", grade="look", said=sentence, way_out="git remote add origin … && git push"
        )
    elif tip in published(root, patient.workspace.config.deploy):
        yield HealthFinding(name="backup", grade="ok", said=f"commit {tip[:8]} is at a remote, too")
    else:
        sentence = f"commit {tip[:8]} is at no remote, as far as this machine knows"
        yield HealthFinding(name="backup", grade="look", said=sentence, way_out="git push")
    yield from _replica(patient)


def _replica(patient: HealthSubject) -> Iterator[HealthFinding]:
    """Whether Litestream follows the ledger, if it is set up: its copies are beside the database."""
    state = patient.workspace.state
    levels = list(state.path.glob(f".{state.ledger.name}-litestream/ltx/*"))
    if not levels:
        return
    newest = max(level.stat().st_mtime for level in levels)
    files = (state.ledger, state.ledger.with_name(f"{state.ledger.name}-wal"))
    behind = timedelta(seconds=max(file.stat().st_mtime for file in files if file.exists()) - newest)
    if behind > REPLICA_BEHIND:
        sentence = f"Litestream has taken nothing of the ledger for {rough(behind)}"
        yield HealthFinding(name="backup", grade="ill", said=sentence, way_out="look whether litestream runs")
    else:
        yield HealthFinding(name="backup", grade="ok", said="Litestream follows the ledger")


def _mailboxes(workspace: Workspace, _reading: LedgerReader) -> Iterator[HealthFinding]:
    for mailbox in mailboxes.alive(workspace):
        yield HealthFinding(
            name="mailbox",
            grade=mailbox.grade,
            said=f"{mailbox.mailbox}: {mailbox.words}",
            way_out=mailbox.way_out,
        )


PROBES: tuple[Probe, ...] = (_mailboxes,)
"""What is asked outside this machine, beside everything above."""
