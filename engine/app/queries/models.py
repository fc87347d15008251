"""The models of steward.yaml as their operator knows them: where each is, how it is asked, and how its last call ended. No model is asked."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

from engine.app.workspace.workspace import Workspace
from engine.model.definitions.settings import ModelConfig
from engine.model.state.state import State
from engine.runtime.model_dialects import Dialects

# What a person has to mend before this model drafts anything again.
_ILL = {
    "model-key": "it does not take the key", "model-money": "its account has no money left", "model-missing": "it is not there",
    "model-request": "it does not take the way it is asked", "no-price": "its price is written nowhere", "address": "its address is none",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelStatus:
    """A model of steward.yaml. `words` say where and how it is asked; `ill` what a person has to mend since its last call, or nothing."""

    name: str
    words: str
    ill: str = ""


def standings(workspace: Workspace, book: State) -> Iterator[ModelStatus]:
    """Every model, from what was learned and what the ledger says of its last call. No model is asked."""
    dialects = Dialects(workspace.state.path)
    last = {cost.model: cost for cost in book.costs.values()}
    for model in workspace.config.models:
        ill = _ILL.get(last[model.name].code, "") if model.name in last else ""
        at = f" (last asked {last[model.name].at[:16]}Z)" if ill else ""
        yield ModelStatus(name=model.name, words=_where(model, dialects), ill=f"{ill}{at}" if ill else "")


def _where(model: ModelConfig, dialects: Dialects) -> str:
    from engine.runtime.model_gateway import address

    differs = dialects.dialect_of(address(model), model.model).differences
    sentence = "; ".join((f"{model.model} at {urlsplit(address(model)).hostname or 'no address'}", *differs))
    bare = f"; {model.temperature:g} under temperature is not said" if model.temperature and "takes no temperature" in differs else ""  # fmt: skip
    return f"{sentence}{bare}"
