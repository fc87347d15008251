"""The agents of a workspace behind one reader: files of the plan, a room, the gateway, and the operator's own words without a model."""

import atexit
import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import cache, lru_cache

from engine.app.workspace.action_catalog import declared
from engine.model.definitions.agents import AgentSource
from engine.model.definitions.settings import Config
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.ports import Connectors, ModelReply, ModelRequest, Models, Reader, Sandbox


def reader(
    config: Config, *, models: Models | None, drafts: Reader, tools: Callable[[], Connectors]
) -> Reader:
    """Who answers `agent/<name>`; `drafts` answers `agent/draft-reply` where no model is, `tools` what agents look up.

    No room is opened before it is needed.
    """
    from engine.agents.agent_reader import Agents

    def configured(name: str) -> str:
        model = config.model(name)
        return model.model if model is not None else name

    return Agents(
        agents=pinned,
        configured=configured,
        room=room(),
        models=models or _None(),
        drafts=drafts,
        tools=tools,
    )


@cache
def room() -> Sandbox:
    """The room of this process. It holds nothing of a workspace, so all that this process opens share it; it ends with the process."""
    from engine.agents.agent_reader import PROGRAM
    from engine.runtime.sandbox import SandboxPool

    pool = SandboxPool(
        {PROGRAM: "engine.agents.dspy_program"}, env={"PATH": os.environ.get("PATH", os.defpath)}
    )
    atexit.register(pool.close)
    return pool


def pinned(call: Call) -> Mapping[str, AgentSource]:
    """The agents of the plan a call belongs to, by name, as they stood when its run began."""
    return _parsed(tuple(file for file in call.files if file[0].startswith("vault/")))


@lru_cache(maxsize=64)
def _parsed(files: tuple[tuple[str, str], ...]) -> Mapping[str, AgentSource]:
    from engine.language.documents import agents

    paths = [path for path, _ in files]
    around = agents.AgentContext(
        notes=agents.names_of(paths), paths=paths, models=_Every(), actions=declared()
    )
    own = [(path, text) for path, text in files if agents.is_agent(path)]
    read = [agents.parse(path, text.encode(), around)[0] for path, text in own]
    return {agent.name: agent for agent in read if agent is not None}


class _Every(frozenset[str]):
    """Every name: a model that is gone by now is told when it is asked for, not as a mistake of the file."""

    def __contains__(self, name: object) -> bool:
        return True


class _None:
    """No models at all."""

    def available(self, name: str) -> bool:
        return False

    def complete(self, request: ModelRequest, *, call: Call, budget: Decimal | None) -> ModelReply:
        raise PermanentError(f"there is no model {request.model}", code="no-model")
