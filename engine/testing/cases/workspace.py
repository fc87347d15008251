"""A company of its own for one case: a real house in a temporary folder, whose connectors only write down."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.app.composition import build_app
from engine.app.workspace.workspace import Workspace
from engine.governance import second_factor
from engine.kernel.core.services import Deployment
from engine.kernel.scheduler.loop import Loop
from engine.language.documents.test_file import Case
from engine.language.documents.test_sections import family
from engine.ledger import Keys, Ledger, Owner, StateDir
from engine.model.definitions.plan import Node, Plan
from engine.model.definitions.settings import Config
from engine.model.events.events import Event
from engine.model.ports import Source, Tree
from engine.model.requests import Decided, Request, RequestKind
from engine.model.values.canonical_json import Json, sha256
from engine.runtime.executor import InLine
from engine.testing.cases.fakes import Script, Switch, make_files_real
from engine.testing.clock import VirtualClock, jitter

_ID = "test"
_PASSPHRASE = "a passphrase of nobody"  # noqa: S105 - it opens nothing but this temporary folder
_REWRITTEN = frozenset({"playbook", "find", "human"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledFolder:
    """The working folder, compiled."""

    tree: Tree
    config: Config
    plans: Mapping[str, Plan]
    broken: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Bench:
    """Everything one case runs on."""

    folder: CompiledFolder
    root: Path
    clock: VirtualClock
    keys: Keys
    ledger: Ledger
    loop: Loop
    script: Script
    mail: tuple[Source, ...]
    events: list[Event]
    asked: int = field(default=0)
    enrolled: bool = False

    def ask(
        self, kind: RequestKind, *, target: str, digest: str = "", body: Json = None, proof: bool = False
    ) -> Decided:
        """One request of the operator, decided; then everything that follows from it."""
        self.asked += 1
        request = Request(
            id=f"case-{self.asked}", kind=kind, actor="operator", channel="terminal", target=target,
            digest=digest, body=body,
        )  # fmt: skip
        if proof:
            request = self._proven(request)
        self.ledger.ask(request)
        self.loop.run()
        return self.ledger.decided(request.id) or Decided(
            request=request.id, verdict="noop", message="it was not decided"
        )

    def _proven(self, request: Request) -> Request:
        if not self.enrolled:
            second_factor.enrol_passphrase(self.keys, _PASSPHRASE, salt=bytes(16))
            self.enrolled = True
        proof = second_factor.prove_passphrase(self.keys, _PASSPHRASE, request)
        return replace(request, strength=2, proof=proof)

    def deployment(self) -> Deployment:
        """What is deployed in this case."""
        return self.loop.deployment()


@contextmanager
def bench(folder: CompiledFolder, plan: Plan, case: Case) -> Iterator[Bench]:
    """A fresh one for `case`, gone afterwards."""
    with TemporaryDirectory(prefix="steward-test-") as place:
        root = Path(place) / "work"
        root.mkdir()
        state = StateDir.of(_ID, env={"XDG_STATE_HOME": str(Path(place) / "state")}).make()
        workspace = Workspace(
            root=root, tree=folder.tree, config=_harmless(folder.config), id=_ID, state=state
        )
        keys = Keys.open(state)
        owner = Owner.take(state)
        if owner is None:
            raise RuntimeError("somebody else owns a folder made a moment ago")
        ledger = Ledger.open(state, keys=keys, owner=owner)
        try:
            with _furnished(folder, plan, case, workspace, keys, owner, ledger) as bench_:
                yield bench_
        finally:
            ledger.close()
            owner.release()
            keys.close()


@contextmanager
def _furnished(
    folder: CompiledFolder,
    plan: Plan,
    case: Case,
    workspace: Workspace,
    keys: Keys,
    owner: Owner,
    ledger: Ledger,
) -> Iterator[Bench]:
    clock, events = VirtualClock(), list[Event]()
    home = build_app(
        workspace, ledger=ledger, keys=keys, owner=owner, listen=events.append, clock=clock, executor=InLine(),
        chance=jitter(),
    )  # fmt: skip
    real, blobs = home.house.connectors, home.house.blobs
    outputs_by_playbook = {
        id_: {step: make_files_real(outputs, folder.tree, blobs) for step, outputs in steps.items()}
        for id_, steps in _outputs_by_playbook(plan, folder.plans, case).items()
    }
    script = Script(
        made_up=outputs_by_playbook, run_state=lambda run: loop.journal.book.runs[run], tested=plan.id
    )
    # Only this playbook is tested: what its effects are to others starts none of them here.
    others = {id_: replace(plan_, triggers=()) for id_, plan_ in folder.plans.items()}
    plans = {
        id_: _rewritten(plan_, outputs_by_playbook[id_]) if id_ in outputs_by_playbook else plan_
        for id_, plan_ in {**others, plan.id: plan}.items()
    }
    specs = {n.action.name: n.action for plan_ in plans.values() for n in plan_.nodes if n.action is not None}
    wired = Switch(
        connectors=getattr(real, "connectors", {}), readers=getattr(real, "readers", {}),
        specs={**specs, **getattr(real, "specs", {})}, script=script, blobs=blobs, clock=clock,
    )  # fmt: skip
    deployed = Deployment(commit="", plans=plans, contents=_contents(folder.tree, plans))
    house = replace(
        home.house, connectors=wired, broker=replace(home.house.broker, connectors=wired), sources=(),
        deployment=lambda: deployed, chance=lambda: 1.0,
    )  # fmt: skip
    loop = Loop(house)
    home.settle(loop.journal)
    loop.own(epoch=owner.epoch, host=owner.host, pid=owner.pid)
    try:
        yield Bench(
            folder=folder, root=workspace.root, clock=clock, keys=keys, ledger=ledger, loop=loop,
            script=script, mail=home.house.sources, events=events,
        )  # fmt: skip
    finally:
        home.close()


def _outputs_by_playbook(plan: Plan, plans: Mapping[str, Plan], case: Case) -> dict[str, dict[str, Json]]:
    """What a case gives, by playbook: a step of the tested one, or of one that it calls."""
    by_playbook: dict[str, dict[str, Json]] = {}
    members = family(plan, plans)
    for step, outputs in case.given.items():
        owner = next(member for member in members if any(node.id == step for node in member.nodes))
        by_playbook.setdefault(owner.id, {})[step] = outputs
    return by_playbook


def _harmless(config: Config) -> Config:
    """Settings whose secrets resolve nowhere and whose mailboxes are in the temporary folder."""
    connectors = tuple(
        replace(connector, settings={k: value for k, value in connector.settings.items() if k != "mailboxes"})
        if connector.name == "email"
        else connector
        for connector in config.connectors
    )
    return replace(config, id=_ID, secrets=(), connectors=connectors)


def _rewritten(plan: Plan, outputs: Mapping[str, Json]) -> Plan:
    """The plan in which calls, look-ups and questions with given outputs are answered at once."""

    def node(node_: Node) -> Node:
        if node_.id not in outputs or node_.kind not in _REWRITTEN:
            return node_
        return replace(node_, kind="call", action=None, ask=None, args=())

    return replace(plan, nodes=tuple(node(node_) for node_ in plan.nodes))


def _contents(tree: Tree, plans: Mapping[str, Plan]) -> dict[str, bytes]:
    paths = {path for plan in plans.values() for path, _ in plan.files}
    files = [tree.read(path) for path in sorted(paths)]
    return {sha256(content_): content_ for content_ in files}
