"""The only place that chooses the implementation of each port."""

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from engine.app.adapters import mailboxes, memory_process, registry
from engine.app.adapters.consent import WorkspaceConsents
from engine.app.health.daily_brief import Briefs
from engine.app.health.doctor import PROBES
from engine.app.queries.notices import OperatorNotices
from engine.app.workspace import outbox_location, sealed_secrets
from engine.app.workspace.anchor import settle as settle_anchor
from engine.app.workspace.clock import mark, present
from engine.app.workspace.deployment import deploy
from engine.app.workspace.state_check import Health
from engine.app.workspace.workspace import Workspace, settle_in
from engine.governance.policy import Rules, amount_of
from engine.kernel.core.event_recorder import EventQueue
from engine.kernel.core.services import Deployment, LedgerWriter, Services
from engine.ledger import Keys, Ledger, Owner, SealedBlobs
from engine.model import effects
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import PolicyRules
from engine.model.errors import PermanentError
from engine.model.events.events import Event
from engine.model.health import Mark
from engine.model.ports import Clock, Connector, Executor, Models, Probe, Reader, Recorder, Secrets, Tree
from engine.model.state.state import State
from engine.model.values.canonical_json import Json
from engine.model.values.ids import ValueId
from engine.model.values.money import Money
from engine.model.values.timestamps import stamp
from engine.observe.drift import version_of
from engine.runtime.broker import Broker
from engine.runtime.executor import ThreadExecutor
from engine.runtime.model_dialects import Dialects
from engine.runtime.model_gateway import Gateway
from engine.vault import pin


class RealClock:
    """The machine's clock. Waiting ends early when another process pokes the owner."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner

    def now(self) -> datetime:
        """Now, UTC."""
        return present()

    def wait(self, seconds: float) -> None:
        """Wait, or until poked."""
        self._owner.wait(seconds)

    def mark(self) -> Mark:
        """Now on both of the machine's clocks."""
        return mark()


class SpentToday:
    """Today's effects by action, counted from the state; the amounts come from the sealed proposals."""

    def __init__(self, ledger: Ledger, clock: Clock, zone: str) -> None:
        self._ledger, self._clock, self._zone = ledger, clock, zone
        self.book = State()
        self._amounts: dict[str, Money | None] = {}

    def count(self, action: str, but: str) -> int:
        """How many effects since midnight in the workspace's time zone."""
        return self.book.acts.count(action, self._midnight(), but=but)

    def amounts(self, action: str, but: str) -> tuple[Money, ...]:
        """Their amounts; each proposal is opened once."""
        amounts = (
            self._amount(proposal) for proposal in self.book.acts.proposals(action, self._midnight(), but=but)
        )
        return tuple(amount for amount in amounts if amount is not None)

    def _amount(self, proposal: str) -> Money | None:
        if proposal not in self._amounts:
            self._amounts[proposal] = amount_of(effects.load(self._ledger.unseal(ValueId(proposal))))
        return self._amounts[proposal]

    def _midnight(self) -> str:
        from zoneinfo import ZoneInfo

        local = self._clock.now().astimezone(ZoneInfo(self._zone))
        return stamp(local.replace(hour=0, minute=0, second=0, microsecond=0))


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A house ready for the loop, and what must be closed after it."""

    house: Services
    spent: SpentToday
    workspace: Workspace
    close: Callable[[], None]
    models: Models

    def settle(self, journal: LedgerWriter) -> None:
        """Let the caps see what happened."""
        self.spent.book = journal.book

    def anchor(self) -> None:
        """Keep the deployed commit readable, and the chain's head where a push takes it along. Both may fail without harm."""
        pin(self.workspace.root, self.workspace.tree.commit)
        settle_anchor(self.workspace.root, self.house.ledger, self.spent.book, stamp(self.house.clock.now()))


def build_app(
    workspace: Workspace, *, ledger: Ledger, keys: Keys, owner: Owner, listen: Callable[[Event], None],
    probe: Probe | None = None, clock: Clock | None = None, executor: Executor | None = None,
    additions: "Extra | None" = None,
    screen: Callable[[str], None] | None = None, chance: Callable[[], float] = random.random,
) -> App:  # fmt: skip
    """Wire a house for `workspace`. `clock`, `executor`, `additions` and `chance` are chosen by the simulator only."""
    from engine.language.expressions.expressions import Expressions
    from engine.language.templates.renderer import TemplateRenderer

    chosen = clock or RealClock(owner)
    threads = None if executor else ThreadExecutor()
    carrying: Executor = executor or threads  # type: ignore[assignment]  # one of the two is there
    blobs = SealedBlobs(workspace.state, keys, ledger)
    index_key = keys.index_key(workspace.id)
    evaluate = Expressions()
    templates = TemplateRenderer(evaluate)
    resolver = sealed_secrets.resolver(workspace, keys)
    deployed: list[Deployment] = []

    def deployed_now() -> Deployment:
        deployed[:] = [deploy(workspace, wired.specs)]
        return deployed[0]

    records = EventQueue()
    spent = SpentToday(ledger, chosen, workspace.config.time_zone)
    models = _gateway(workspace, ledger, resolver, records, spent, chosen)
    # Under virtual time nothing may depend on how fast another process gets warm.
    memory = memory_process.client(workspace, os.environ) if clock is None else None
    wired, mail = registry.build(
        workspace, blobs=blobs, index_key=index_key, secrets=resolver, templates=templates, screen=screen,
        models=models, recorder=records, encoder=memory, index=memory, working=registry.working(workspace, keys, now=stamp(chosen.now())),
        attached=mailboxes.attached(workspace, chosen, chance) if clock is None else None,
        left=mailboxes.letters_left(lambda: spent.book, chosen),
    )  # fmt: skip
    sources = (mail, *registry.file_and_webhook_sources(
        workspace, index_key=index_key, secrets=resolver, patterns=lambda: watched(deployed), hooks=lambda: hooks(deployed),
    ))  # fmt: skip
    wired = _with_additions(wired, additions, Briefs(
        workspace=workspace, book=lambda: spent.book, deployed=lambda: deployed[0] if deployed else None,
        memory=memory.status if memory is not None else dict, probes=PROBES if clock is None else (),
    ))  # fmt: skip
    broker = Broker(
        connectors=wired, heads=sources, durable=lambda seq: 0 < seq <= ledger.head()[0], probe=probe
    )
    health = _checked_health(workspace, ledger, keys, chosen, screen)
    flag = workspace.state.path / "stop"
    house = Services(
        ledger=ledger, keys=keys, clock=chosen, executor=carrying, evaluate=evaluate, templates=templates,
        connectors=wired, broker=broker, policy=_rules(workspace, ledger, wired.specs, spent, chosen), blobs=blobs,
        sources=sources, deployment=deployed_now, workspace=workspace.id,
        index_key=index_key, flag=flag.exists, lower=partial(flag.unlink, missing_ok=True), chance=chance,
        listen=listen, health=health.ask, records=records, project=registry.address_book(workspace).project,
        version=partial(version_of, workspace.tree),
        office=OperatorNotices(workspace=workspace, ledger=ledger, keys=keys, specs=wired.specs)
        if _channels(workspace) else None,
    )  # fmt: skip
    close: Callable[[], None] = threads.close if threads else lambda: None
    return App(house=house, spent=spent, workspace=workspace, close=close, models=models)


def _gateway(
    workspace: Workspace, ledger: Ledger, secrets: Secrets, records: Recorder, spent: SpentToday, clock: Clock
) -> Gateway:
    return Gateway(
        config=workspace.config, secrets=secrets, recorder=records, costs=lambda: spent.book.costs, now=clock.now,
        commitment=lambda text, call: ledger.commitment(text.encode(), str(call.subject or "")),
        dialects=Dialects(workspace.state.path),
    )  # fmt: skip


def _channels(workspace: Workspace) -> bool:
    """Whether a channel is configured, so that notices reach more than a log."""
    return any(
        connector.name == "notify" and connector.settings.get("channels")
        for connector in workspace.config.connectors
    )


def _checked_health(
    workspace: Workspace, ledger: Ledger, keys: Keys, clock: Clock, screen: Callable[[str], None] | None
) -> Health:
    """Put the outbox in its place, and check a sample of the stored bytes."""
    settle_in(workspace)
    if (words := outbox_location.settle(workspace)) and screen is not None:
        screen(words)
    health = Health(workspace, ledger, clock)
    health.sampled(keys)
    return health


def _with_additions(
    wired: registry.ConnectorRegistry, additions: "Extra | None", briefs: Reader
) -> registry.ConnectorRegistry:
    """The registry with the reader of the brief, and with what the simulator adds."""
    extra = additions or Extra(connectors={}, specs={})
    return replace(
        wired,
        connectors={**wired.connectors, **extra.connectors},
        readers={**wired.readers, "notify": briefs},
        specs={**wired.specs, **extra.specs},
    )


def _rules(
    workspace: Workspace, ledger: Ledger, specs: Mapping[str, ActionSpec], spent: SpentToday, clock: Clock
) -> Rules:
    return Rules(
        rules=policy_of(workspace.tree, specs),
        usage=spent,
        now=clock.now,
        zone=workspace.config.time_zone,
        consents=WorkspaceConsents(stored=ledger.load_content, tree=lambda: workspace.tree),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """Further connectors by their names, with the declarations of their actions by whole name."""

    connectors: Mapping[str, Connector]
    specs: Mapping[str, ActionSpec]


def policy_of(tree: Tree, specs: Mapping[str, ActionSpec]) -> PolicyRules:
    """The deployed policy. A file that can't be read leaves the floors and denies nothing away: everything above low asks."""
    from engine.language.documents import agents, policy

    own = {f"agent/{agents.name_of(path)}": None for path, _ in tree.paths() if agents.is_agent(path)}
    try:
        content = tree.read(policy.PATH)
    except KeyError:
        return PolicyRules()
    rules, _ = policy.parse(policy.PATH, content, context=policy.PolicyContext(actions={**own, **specs}))
    if rules is None:
        raise PermanentError(
            "the deployed vault/policy.yaml can't be read",
            code="policy",
            now_true="Nothing was sent: without the policy nothing may leave.",
            way_out="steward check",
        )
    return rules


def watched(deployments: Sequence[Deployment]) -> tuple[str, ...]:
    """The file patterns that deployed playbooks listen to."""
    return tuple(str(params["path"]) for params in _triggers(deployments, "file"))


def hooks(deployments: Sequence[Deployment]) -> dict[str, tuple[str, ...]]:
    """The addresses that deployed playbooks listen to, each with the names of the secrets that prove a call."""
    heard: dict[str, tuple[str, ...]] = {}
    for params in _triggers(deployments, "webhook"):
        path, name = str(params["path"]), str(params["secret"])
        heard[path] = tuple(dict.fromkeys((*heard.get(path, ()), name)))
    return heard


def _triggers(deployments: Sequence[Deployment], kind: str) -> list[dict[str, Json]]:
    plans = [plan for deployment in deployments for plan in deployment.plans.values()]
    return [dict(trigger.params) for plan in plans for trigger in plan.triggers if trigger.kind == kind]
