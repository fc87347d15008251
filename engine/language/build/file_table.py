"""A tree's files as the compiler wants them: each read and parsed at most once, and found by what names it."""

from collections.abc import Collection, Mapping

from engine.language.documents import agents, intents, playbook, sop
from engine.language.templates import parser
from engine.language.templates.parser import TEMPLATES, Takes
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.settings import Config
from engine.model.ports import Tree
from engine.model.values import canonical_json

MAX_KNOWN = 50_000
_SOPS: dict[str, bool] = {}
_SHAS: dict[str, str] = {}
"""What this process knows by blob id: whether it is a SOP, and its SHA-256."""


def trim() -> None:
    """Forget all of it once it is much."""
    for cache in (_SOPS, _SHAS):
        if len(cache) > MAX_KNOWN:
            cache.clear()


class FileTable:
    """The tree's files, each read and parsed at most once."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self.blobs: dict[str, str] = dict(tree.paths())
        self._data: dict[str, bytes] = {}
        self._templates: dict[str, parser.Parsed] = {}
        self._under: dict[tuple[str, str], list[str]] = {}
        self._intents: intents.Parsed | None = None
        self._notes: dict[str, str] | None = None
        self._agents: dict[str, agents.Parsed] | None = None
        self._always: frozenset[str] | None = None

    def read(self, path: str) -> bytes:
        """The bytes of a file; none for one that went away."""
        if path not in self._data:
            try:
                self._data[path] = self._tree.read(path)
            except KeyError:
                self._data[path] = b""
        return self._data[path]

    def under(self, folder: str, ending: str) -> list[str]:
        """Paths of files in a folder, sorted."""
        key = (folder, ending)
        if key not in self._under:
            self._under[key] = [
                path for path in self.blobs if path.startswith(folder) and path.endswith(ending)
            ]
        return self._under[key]

    def sources(self) -> list[str]:
        """Playbooks and SOPs."""
        playbooks = [
            path for path in self.under("playbooks/", ".yaml") if not path.startswith("playbooks/tests/")
        ]
        return [*playbooks, *(path for path in self.under("vault/", ".md") if self.is_sop(path))]

    def is_sop(self, path: str) -> bool:
        """Whether a note is a SOP."""
        blob = self.blobs.get(path, "")
        if blob not in _SOPS:
            _SOPS[blob] = path in self.blobs and sop.is_sop(self.read(path))
        return _SOPS[blob]

    def sha(self, path: str) -> str:
        """SHA-256 of a file's bytes."""
        blob = self.blobs[path]
        if blob not in _SHAS:
            _SHAS[blob] = canonical_json.sha256(self.read(path))
        return _SHAS[blob]

    def templates(self) -> tuple[str, ...]:
        """Names of templates, as steps write them."""
        return tuple(
            path.removeprefix(TEMPLATES).removesuffix(".md") for path in self.under(TEMPLATES, ".md")
        )

    def parsed(self, path: str) -> parser.Parsed:
        """A template with its diagnostics."""
        if path not in self._templates:
            self._templates[path] = parser.parse(path, self.read(path))
        return self._templates[path]

    def template(self, name: str) -> Takes:
        """What a template takes, by its name. Its diagnostics are reported for its own file."""
        path = f"{TEMPLATES}{name}.md"
        return parser.takes(self.parsed(path)[0], path, self.read(path))

    def intents(self) -> intents.Parsed:
        """All intents, and what is wrong with them."""
        if self._intents is None:
            intent_files = [(path, self.read(path)) for path in self.under("vault/intents/", ".yaml")]
            self._intents = intents.parse(intent_files)
        return self._intents

    def notes(self) -> dict[str, str]:
        """Notes by the names links use: the file's stem and its path below vault/, in lower case."""
        if self._notes is None:
            self._notes = agents.names_of(self.blobs)
        return self._notes

    def agents(self, config: Config, actions: Mapping[str, ActionSpec]) -> dict[str, agents.Parsed]:
        """Every agent by its name, and what is wrong with its file."""
        if self._agents is None:
            world = agents.context_for(config, actions, notes=self.notes(), paths=self.blobs)
            own = [path for path in self.under(agents.FOLDER, ".md") if agents.is_agent(path)]
            self._agents = {playbook.stem(path): agents.parse(path, self.read(path), world) for path in own}
        return self._agents

    def pinned(self, used: Collection[str]) -> tuple[tuple[str, str], ...]:
        """(path, SHA-256) of files a run may read, sorted."""
        if self._always is None:
            policy = ["vault/policy.yaml"] if "vault/policy.yaml" in self.blobs else []
            replies, intended = (
                self.under(f"{TEMPLATES}replies/", ".md"),
                self.under("vault/intents/", ".yaml"),
            )
            self._always = frozenset([*replies, *intended, *policy])
        paths = sorted((self._always | set(used)) & self.blobs.keys())
        return tuple((path, self.sha(path)) for path in paths)
