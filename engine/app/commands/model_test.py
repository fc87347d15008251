"""One real question to a model of steward.yaml, which shows whether agents can work with it and how it wants to be asked."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from engine.app.workspace.clock import present
from engine.app.workspace.workspace import Workspace
from engine.language.text.suggest import join_names, nearest
from engine.ledger import Keys, Ledger, Owner
from engine.model.definitions.settings import ModelConfig
from engine.model.effects import Call
from engine.model.errors import Refused, UsageError
from engine.model.events.owner import OwnerTaken
from engine.model.ports import ModelReply, ModelRequest, Models
from engine.model.values.canonical_json import Json
from engine.model.values.ids import RunId
from engine.runtime.model_dialects import Dialect, Dialects

QUESTION = (
    ("system", "Answer in exactly this form, with one word in the place of WORD:\n\n[[ ## word ## ]]\nWORD\n\n[[ ## completed ## ]]"),
    ("user", "What is the opposite of closed?"),
)  # fmt: skip
MAX_TOKENS = 2000
_STEP = "try"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTrial:
    """What one question showed. `form`: it answered in the form that agents ask for. `counted`: the provider said how many tokens it took."""

    model: ModelConfig
    reply: ModelReply
    dialect: Dialect
    seconds: float
    form: bool

    @property
    def counted(self) -> bool:
        """Whether the provider counted tokens."""
        return bool(self.reply.tokens_in or self.reply.tokens_out)

    @property
    def good(self) -> bool:
        """Whether agents can work with it."""
        return self.form and not self.reply.cut


def find_model(workspace: Workspace, name: str) -> ModelConfig:
    """The model of this name. Raises UsageError naming those there are."""
    config = workspace.config.model(name)
    if config is not None:
        return config
    names = [model.name for model in workspace.config.models]
    best = nearest(name, names)
    there = f"there are {join_names(names)}" if names else "it names none"
    raise UsageError(
        f"steward.yaml names no model {name}; {f'did you mean {best}?' if best else there}",
        now_true="No model was asked.",
        way_out=f"steward models test {best or names[0]}"
        if names
        else "write one under models: in steward.yaml",
    )


def try_model(workspace: Workspace, name: str) -> ModelTrial:
    """Ask one real question, reserved, counted against the budgets and written down like any call; what was learned before is forgotten.

    Raises what the gateway raises, UsageError for an unknown name, Refused while another process owns the ledger.
    """
    model = find_model(workspace, name)
    keys = Keys.open(workspace.state)
    try:
        owner = Owner.take(workspace.state)
        if owner is None:
            raise Refused(
                "another steward process is at work in this workspace",
                code="owned",
                now_true="No model was asked and nothing was spent.",
                way_out="end `steward up` (or wait for the command that runs), then ask again: steward status",
            )
        try:
            return _ask_as_owner(workspace, keys, owner, model)
        finally:
            owner.release()
    finally:
        keys.close()


def _ask_as_owner(workspace: Workspace, keys: Keys, owner: Owner, model: ModelConfig) -> ModelTrial:
    from engine.app.composition import build_app
    from engine.kernel.scheduler.loop import Loop
    from engine.model.events.events import Draft
    from engine.runtime.model_gateway import address

    dialects = Dialects(workspace.state.path)
    dialects.forget(address(model), model.model)
    ledger = Ledger.open(workspace.state, keys=keys, owner=owner, probe=None)
    try:
        house = build_app(workspace, ledger=ledger, keys=keys, owner=owner, listen=lambda _: None)
        try:
            loop = Loop(house.house)
            house.settle(loop.journal)
            taken = OwnerTaken(epoch=owner.epoch, host=owner.host, pid=owner.pid)
            loop.journal.write(Draft(body=taken), durable=False)
            began = time.monotonic()
            try:
                reply = _ask(house.models, model.name)
            finally:
                ledger.flush()
            return ModelTrial(
                model=model, reply=reply, seconds=time.monotonic() - began, form=_in_form(reply.text),
                dialect=Dialects(workspace.state.path).dialect_of(address(model), model.model),
            )  # fmt: skip
        finally:
            house.close()
    finally:
        ledger.close()


def _ask(models: Models, name: str) -> ModelReply:
    call = Call(action=f"models/{_STEP}", args={}, run=RunId(""), step=f"{_STEP} {name}", subject=None, trigger={}, at=present())  # fmt: skip
    return models.complete(
        ModelRequest(model=name, messages=QUESTION, max_tokens=MAX_TOKENS), call=call, budget=None
    )


def _in_form(text: str) -> bool:
    from engine.agents.answer_format import dressed

    return dressed(text, ("word",)).lstrip().startswith("[[ ## word ## ]]")


def sentences(trial: ModelTrial) -> Iterator[tuple[bool, str]]:
    """What works and what does not, a line each."""
    reply, model, dialect = trial.reply, trial.model, trial.dialect
    served = f" as {reply.served}" if reply.served and reply.served != model.model else ""
    yield True, f"{model.name}: {model.model} answered{served} in {trial.seconds:.1f} s"
    how = f" ({reply.ended})" if reply.ended else " (it does not say how)"
    yield not reply.cut, f"the answer ended by itself{how}" if not reply.cut else f"the answer was cut off{how}: more room is max-tokens in steward.yaml"  # fmt: skip
    yield trial.form, "it answers in the form that agents ask for" if trial.form else f"it does not answer in the form that agents ask for: {' '.join(reply.text.split())[:80]}"  # fmt: skip
    yield True, f"it takes {', '.join(_taken(model, dialect))}"
    if trial.counted:
        yield (
            True,
            f"it counts tokens: {reply.tokens_in} in, {reply.tokens_out} out, {reply.usd} USD, counted against your budgets",
        )
    else:
        yield (
            True,
            f"it counts no tokens: nothing is booked, and budgets set {reply.usd} USD aside for this call",
        )


def _taken(model: ModelConfig, dialect: Dialect) -> Iterator[str]:
    if model.temperature is not None:
        yield f"temperature {model.temperature:g}" if dialect.cold else "no temperature (it is left out)"
    yield f"{dialect.length} for the longest answer"
    yield "a system role" if dialect.system else "no system role (it goes before the question)"
    yield from (name for name, _ in model.parameters)


def as_json(trial: ModelTrial) -> dict[str, Json]:
    """The same as data."""
    return {
        "name": trial.model.name, "model": trial.model.model, "served": trial.reply.served, "seconds": round(trial.seconds, 3), "good": trial.good,
        "form": trial.form, "ended": trial.reply.ended, "cut": trial.reply.cut, "takes": list(_taken(trial.model, trial.dialect)),
        "tokens-in": trial.reply.tokens_in, "tokens-out": trial.reply.tokens_out, "counted": trial.counted, "usd": str(trial.reply.usd),
    }  # fmt: skip
