"""The built-in connectors and readers of a workspace, behind one table."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from engine.app.adapters import agents
from engine.app.workspace.action_catalog import declared, unperformed
from engine.app.workspace.workspace import Workspace
from engine.language.text import nodes as authored
from engine.ledger import Keys
from engine.memory.recall import NoteIndex, Recall
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import Intent
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.ports import (
    Blobs,
    Connector,
    Connectors,
    Encoder,
    Models,
    Reader,
    Recorder,
    Secrets,
    Source,
    Templates,
)
from engine.model.values.canonical_json import Json

if TYPE_CHECKING:
    from engine.connectors.email.imap.sync import ImapRuntime
    from engine.connectors.email.sending.outbox import SentKnowledge as KnownLetters
    from engine.identity.person_resolver import CurrentAddressBook
    from engine.memory.conversation_store import Working


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorRegistry:
    """The Connectors port. Tables go by an action's part before the slash; `specs` by its whole name."""

    connectors: Mapping[str, Connector]
    readers: Mapping[str, Reader]
    specs: Mapping[str, ActionSpec]
    unperformed: frozenset[str] = frozenset()

    def connector(self, action: str) -> Connector:
        """Who performs `action`."""
        connector = self.connectors.get(action.partition("/")[0])
        if connector is None or action in self.unperformed:
            raise _no_connector(action)
        return connector

    def reader(self, action: str) -> Reader:
        """Who answers `action`."""
        reader = self.readers.get(action.partition("/")[0])
        if reader is None or action in self.unperformed:
            raise _no_connector(action)
        return reader

    def spec(self, action: str) -> ActionSpec | None:
        """What it was declared as."""
        return self.specs.get(action)


def _no_connector(action: str) -> PermanentError:
    """Its message is all that a run's story keeps of it, on one line: so it says what to do, too."""
    return PermanentError(
        f"nothing does {action} yet: do it by hand (steward explain SW307)",
        code="no-connector",
        now_true="Nothing was sent or changed by this step.",
        way_out="steward explain SW307",
    )


def build(
    workspace: Workspace,
    *,
    blobs: Blobs,
    index_key: bytes,
    secrets: Secrets,
    templates: Templates,
    screen: Callable[[str], None] | None = None,
    models: Models | None = None,
    recorder: Recorder | None = None,
    encoder: Encoder | None = None,
    index: NoteIndex | None = None,
    attached: "ImapRuntime | None" = None,
    left: "KnownLetters | None" = None,
    working: "Working | None" = None,
) -> tuple[ConnectorRegistry, Source]:
    """The rooms of `workspace`. Knowledge is read at the tip; what a run must not see change is in its plan's files.

    `screen` shows a notice on the terminal. Without `attached` no mailbox on a server is read. `left`: what the ledger knows of letters.
    `encoder` and `index` are None where meanings can't be compared: then intents are the rules' alone, and recall finds words.
    `working` is what conversations keep in mind. `models` and `recorder` are what agents and intents ask and write with; without them no model is there.
    """
    from engine import connectors

    built = connectors.build(
        workspace.config,
        root=str(workspace.root),
        home=str(workspace.state.letters),
        index_key=index_key,
        blobs=blobs,
        secrets=secrets,
        screen=screen,
        attached=attached,
        known=left,
    )

    readers = _readers(
        workspace,
        index_key=index_key,
        templates=templates,
        models=models,
        recorder=recorder,
        encoder=encoder,
        index=index,
        working=working,
        tools=lambda: wired,
    )
    wired = ConnectorRegistry(
        connectors=built.connectors,
        readers=readers,
        specs=declared(workspace.config),
        unperformed=unperformed(),
    )
    return wired, built.source


def _readers(
    workspace: Workspace,
    *,
    index_key: bytes,
    templates: Templates,
    models: Models | None,
    recorder: Recorder | None,
    encoder: Encoder | None,
    index: NoteIndex | None,
    working: "Working | None",
    tools: Callable[[], Connectors],
) -> dict[str, Reader]:
    """Who answers what: identity, intents, memory, agents. `tools` are what agents look things up with."""
    from engine.agents.template_draft import DraftReply
    from engine.app.adapters.conversation_memory import RememberedIntent, RememberedRecall
    from engine.app.adapters.cross_check import ConfirmedPerson, ConfirmedPrices
    from engine.identity.intent_resolver import Intents, Tiers
    from engine.identity.person_resolver import Identity
    from engine.memory.note_tables import Symbolic

    tiers = Tiers(encoder=encoder, folder=workspace.state.path / "intents", key=index_key, wait=time.sleep)
    intents = Intents(intents=pinned_intents, tiers=tiers, record=recorder)

    def intent(call: Call, text: str) -> tuple[str, float]:
        decision = intents.decide(call, text)
        return decision.name, decision.confidence

    drafts = DraftReply(
        tree=lambda: workspace.tree,
        front_matter=front_matter,
        intent=intent,
        templates=templates,
        zone=workspace.config.time_zone,
    )
    tables = Symbolic(lambda: workspace.tree, front_matter)
    people = (workspace.config.operator, *workspace.config.people)
    identity = Identity(known=address_book(workspace), people=people)
    note_recall = recall(workspace, index)
    return {
        "identity": ConfirmedPerson(reader=identity, tables=tables),
        "intent": intents
        if working is None
        else RememberedIntent(reader=intents, working=working, intents=pinned_intents),
        "memory": note_recall
        if working is None
        else RememberedRecall(reader=note_recall, working=working, tree=lambda: workspace.tree),
        "agent": ConfirmedPrices(
            reader=agents.reader(workspace.config, models=models, drafts=drafts, tools=tools), tables=tables
        ),
    }


def file_and_webhook_sources(
    workspace: Workspace,
    *,
    index_key: bytes,
    secrets: Secrets,
    patterns: Callable[[], tuple[str, ...]],
    hooks: Callable[[], Mapping[str, tuple[str, ...]]],
) -> tuple[Source, ...]:
    """What else arrives: files and calls. `patterns` are the files that deployed playbooks listen to, `hooks` the addresses with the names
    of their secrets.
    """
    from engine.connectors.file_source import WatchedFiles
    from engine.connectors.webhooks import Webhooks

    return (
        WatchedFiles(root=str(workspace.root), index_key=index_key, patterns=patterns),
        Webhooks(state=str(workspace.state.path), index_key=index_key, secrets=secrets, hooks=hooks),
    )


def recall(workspace: Workspace, index: NoteIndex | None) -> Recall:
    """What finds notes again: by `index` where it can, by full text where not."""
    from engine.memory.fulltext import FullText

    words = FullText(tree=lambda: workspace.tree, front_matter=front_matter)
    return Recall(words=words, index=index, tree=lambda: workspace.tree)


def pinned_intents(call: Call) -> tuple[Intent, ...]:
    """The intents of the plan a call belongs to."""
    return _intents(tuple((path, text) for path, text in call.files if path.startswith("vault/intents/")))


@cache
def _intents(files: tuple[tuple[str, str], ...]) -> tuple[Intent, ...]:
    from engine.language.documents.intents import parse

    return parse((path, text.encode()) for path, text in files)[0]


def address_book(workspace: Workspace) -> "CurrentAddressBook":
    """The address book of the deployed commit."""
    from engine.identity.person_resolver import CurrentAddressBook

    return CurrentAddressBook(lambda: workspace.tree, front_matter)


def working(workspace: Workspace, keys: Keys, *, now: str = "") -> "Working":
    """What conversations of this workspace keep in mind for a while. What was over at `now` (a stamp) is removed."""
    from engine.memory.conversation_store import Working

    memory = Working(workspace.state.path / "working.db", keys)
    memory.sweep(now)
    return memory


def front_matter(path: str, content: bytes) -> dict[str, Json] | None:
    """A note's front matter as plain data; None when it has none or it can't be read."""
    from engine.language.yaml.reader import front_matter as read

    node, _, _, _ = read(path, content)
    fields = _plain(node) if node is not None else None
    return fields if isinstance(fields, dict) else None


def _plain(node: authored.Node) -> Json:
    """Authored YAML as data: text stays as written, only an unquoted null is one."""
    match node:
        case authored.Scalar():
            return None if node.plain and node.text in {"", "~", "null"} else node.text
        case authored.Sequence():
            return [_plain(element) for element in node.items]
        case authored.Mapping():
            return {entry.key: _plain(entry.value) for entry in node.entries}
