"""Port Reader for every `agent/<name>`: the program in the room, its questions to the gateway, and what is believed of its answer.

The child proposes words. Which model is asked, what it may cost and how often are decided here; so is whether the answer fits, which
is checked again on this side. What it names that its sources do not goes with it, as `doubts`.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from importlib.util import find_spec

from engine.agents import DRAFT, output_schema
from engine.agents.answer_cleanup import doubtful, tidied
from engine.agents.grounding import doubts, texts
from engine.model.definitions.actions import ActionSpec, Param
from engine.model.definitions.agents import NO_MODEL, AgentSource, examples_of
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.types import Field
from engine.model.effects import Call
from engine.model.errors import INSTALL_AGAIN, EngineError, PermanentError, TransientError
from engine.model.ports import Connectors, Limits, ModelReply, ModelRequest, Models, Reader, Sandbox
from engine.model.rate_limited import RateLimited
from engine.model.state.budgets import OverBudget
from engine.model.text.safe_text import stripped
from engine.model.values.canonical_json import Json

PROGRAM = "agent"
"""What the room calls :mod:`engine.agents.dspy_program`."""

LIMITS = Limits(seconds=240.0, cpu=30, memory=2_000_000_000, output=4_000_000, processes=1)
CALLS = 2
"""Times one attempt may ask the model: the answer, and one repair. With tools, :data:`LOOKS` more."""

LOOKS = 5
"""Times one attempt may look something up."""

MAX_TOKENS = 2000
MAX_ANSWER = 200_000
MAX_NOTES = 200_000
DOUBTS = "doubts"
"""The output with the check's findings: a list of plain lines, empty when a source supports everything."""

# How the asked form ends: where a provider does not say how an answer ended, this does.
_FORM_ENDS = "[[ ## completed ## ]]"
_TOO_LONG = frozenset({"", "length", "max_tokens", "model_length", "max_length"})
_FAULTS = frozenset({"error", "abort", "timeout", "insufficient_system_resource"})
_DATED = re.compile(r"-\d[\d.-]*")
_ROLES = {"system", "user", "assistant"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agents:
    """`agents` gives the agents of the plan a call belongs to, by name; `configured` the model asked for under a name of steward.yaml.

    `drafts` answers `agent/draft-reply` where there is no model, from the operator's own words. `tools` answers what an agent may
    look up.
    """

    agents: Callable[[Call], Mapping[str, AgentSource]]
    configured: Callable[[str], str]
    room: Sandbox
    models: Models
    drafts: Reader
    tools: Callable[[], Connectors]
    installed: Callable[[], bool] = lambda: find_spec("dspy") is not None

    def declare(self) -> tuple[ActionSpec, ...]:
        """The one that exists without a file of its own; the others are declared by their files."""
        return (DRAFT,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """The agent's outputs, and `doubts`. Raises TransientError where asking again may help, PermanentError where it won't.

        Where the model is of no use in the last attempt either, or may not be asked for its cost, `agent/draft-reply` answers with the
        operator's own words and says so. Raises OverBudget when a call exceeds a budget before any model was asked.
        """
        name = call.action.partition("/")[2]
        agent = self.agents(call).get(name)
        if agent is None or not self.models.available(agent.model):
            return self._without_model(call, name, agent)
        if call.model_disabled:
            return self._instead(call, agent, _thrifty(agent))
        try:
            return self._by_model(call, name, agent)
        except (OverBudget, RateLimited):
            # Whether more is spent, or it goes on without a model, is a person's to say; who is asked to wait waits.
            raise
        except (TransientError, PermanentError) as error:
            if call.action != DRAFT.name or (isinstance(error, TransientError) and not call.last):
                raise
            return self._instead(call, agent, error)

    def _instead(
        self, call: Call, agent: AgentSource, error: TransientError | PermanentError
    ) -> tuple[dict[str, Json], Labels]:
        """The operator's own words after a model that failed; that error again where they don't answer what the agent's file asks for."""
        if call.action != DRAFT.name:
            raise error
        try:
            outputs, labels = self.drafts.read(call)
        except EngineError:
            raise error from None
        if output_schema.misfits(outputs, agent.outputs):
            raise error
        doubt = f"no model drafted this, your template did ({error.code}: {stripped(error.message)})"
        return {**outputs, DOUBTS: [doubt]}, labels

    def _by_model(self, call: Call, name: str, agent: AgentSource) -> tuple[dict[str, Json], Labels]:
        if not self.installed():
            raise PermanentError(
                f"agent/{name} needs DSPy, which is not installed",
                code="not-installed",
                now_true="No model was asked.",
                way_out=f"{INSTALL_AGAIN}; or say `model: none` in {agent.path}",
            )
        tools = {name: spec for name in agent.tools if (spec := self.tools().spec(name)) is not None}
        attempt = _Attempt(
            agent=agent,
            call=call,
            models=self.models,
            tools=tools,
            readers=self.tools,
            isolation=self.room.level,
        )
        # Without tools it has nothing in its hands, so a separate process is enough.
        needs = 2 if agent.tools else 1
        answer = self.room.run(
            PROGRAM, _program_request(agent, call, tools), serve=attempt.serve, limits=LIMITS, needs=needs
        )
        sources = [*_sources(agent, call), *attempt.looked]
        raw, outputs, slipped = _checked_outputs(agent, answer)
        # The raw ones: characters that can't be seen are a doubt, and then gone.
        findings = [*attempt.model_doubts(self.configured(agent.model)), *slipped, *doubts(raw, sources)]
        findings += _about_words(agent, call, raw, sources)
        return {**outputs, DOUBTS: list(findings)}, frozenset({Label.MODEL}).union(attempt.labels)

    def _without_model(
        self, call: Call, name: str, agent: AgentSource | None
    ) -> tuple[dict[str, Json], Labels]:
        if call.action == DRAFT.name:
            return self.drafts.read(call)
        if agent is None:
            why = "it has no file in vault/agents"
        elif agent.model == NO_MODEL:
            why = f"{agent.path} says `model: {NO_MODEL}`"
        else:
            why = f"its model {agent.model!r} is not in steward.yaml"
        raise PermanentError(
            f"agent/{name} can't answer: {why}",
            code="no-model",
            now_true="No model was asked.",
            way_out="name a model of steward.yaml in its file, or let a person answer: human/ask in place of this step",
        )


@dataclass(slots=True)
class _Attempt:
    """One attempt's questions, to the model and to its tools. The child supplies only the words; everything else comes from the agent's file.

    `isolation` is the level of the room the child is in; `looked` is what tools found, `labels` where that came from.
    """

    agent: AgentSource
    call: Call
    models: Models
    tools: Mapping[str, ActionSpec]
    readers: Callable[[], Connectors]
    isolation: int = 0
    replies: list[ModelReply] = field(default_factory=list)
    looked: list[Json] = field(default_factory=list)
    labels: set[Label] = field(default_factory=set)

    def serve(self, asked: Json) -> Json:
        """Answer the child. Raises what the gateway raises, and PermanentError for a child that asks for anything else."""
        match asked:
            case {"messages": _, **rest} if not rest:
                return self._ask(asked["messages"])
            case {"tool": str(name), "args": dict(args), **rest} if not rest and name in self.tools:
                return self._look(name, args)
            case _:
                raise self._refused()

    def _refused(self) -> PermanentError:
        return PermanentError(
            f"the program of agent/{self.agent.name} asked for something it may not have",
            code="room-failed",
            now_true="It was ended; nothing it said is used.",
        )

    def _look(self, name: str, args: dict[str, Json]) -> Json:
        """A tool's result, or why there is none, in words the model may read."""
        spec = self.tools[name]
        if spec.kind.acts or name.startswith("agent/") or len(self.looked) >= LOOKS:
            raise self._refused()
        fields = tuple(
            Field(name=param.name, type=param.type, optional=not param.required) for param in spec.params
        )
        if wrong := output_schema.misfits(args, fields):
            result: Json = {"error": wrong}
        else:
            try:
                outputs, labels = self.readers().reader(name).read(replace(self.call, action=name, args=args))
                result = {"outputs": outputs}
                self.labels |= labels
            except (TransientError, PermanentError) as error:
                result = {"error": error.message}
        self.looked.append(result)
        return result

    def _ask(self, asked: Json) -> Json:
        messages = _messages(asked)
        if messages is None or len(self.replies) >= CALLS + (LOOKS if self.agent.tools else 0):
            raise self._refused()
        spent = sum((reply.usd for reply in self.replies), Decimal(0))
        left = None if self.agent.budget_usd is None else self.agent.budget_usd - spent
        request = ModelRequest(
            model=self.agent.model, messages=messages, max_tokens=MAX_TOKENS, isolation=self.isolation
        )
        reply = self.models.complete(request, call=self.call, budget=left)
        self.replies.append(reply)
        if len(reply.text) > MAX_ANSWER:
            raise _unusable(self.agent, f"it is {len(reply.text)} characters long")
        if reply.cut and not (reply.ended == "" and reply.text.rstrip().endswith(_FORM_ENDS)):
            raise _cut_off(self.agent, reply.ended)
        return {"text": _clean(reply.text)}

    def model_doubts(self, configured: str) -> list[str]:
        """A model other than the configured one answered. A dated version of the same name is the same model."""
        served = dict.fromkeys(reply.served for reply in self.replies)
        return [
            f"answered by the model {_shown(model)}, configured is {configured}"
            for model in served
            if model != configured
            and not (model.startswith(configured) and _DATED.fullmatch(model.removeprefix(configured)))
        ]


def _thrifty(agent: AgentSource) -> PermanentError:
    return PermanentError(
        "the budget is used up, and nothing was added to it",
        code="budget",
        now_true=f"No model was asked for agent/{agent.name}.",
        way_out="raise the budget (steward.yaml, the playbook or the agent), commit it, and run again",
    )


def _messages(prompt: Json) -> tuple[tuple[str, str], ...] | None:
    """The prompt a child asks with; None when it is anything but words in known roles."""
    if not isinstance(prompt, list) or not prompt or len(prompt) > 50:
        return None
    messages = []
    for message in prompt:
        match message:
            case [str(role), str(text)] if role in _ROLES:
                messages.append((role, text))
            case _:
                return None
    return tuple(messages)


def _program_request(agent: AgentSource, call: Call, tools: Mapping[str, ActionSpec]) -> Json:
    files = dict(call.files)
    notes = [(path, _clean(files[path])) for path in agent.links if path in files]
    examples = [(path, _clean(files[path])) for path in examples_of(agent, files)]
    call.seen.update([agent.path, *(path for path, _ in (*notes, *examples))])
    if sum(len(text) for _, text in (*notes, *examples)) > MAX_NOTES:
        raise PermanentError(
            f"the notes and examples of agent/{agent.name} are longer than {MAX_NOTES} characters",
            code="prompt-too-long",
            now_true="No model was asked.",
            way_out=f"name fewer or shorter notes in {agent.path}",
        )
    return {
        "name": agent.name,
        "instructions": _clean(agent.instructions),
        "notes": [list(note) for note in notes],
        "examples": [list(example) for example in examples],
        "inputs": [
            [field.name, field.description or str(field.type), _clean(_written(call.args[field.name]))]
            for field in agent.inputs
            if call.args.get(field.name) is not None
        ],
        "outputs": [output_schema.dump(field) for field in agent.outputs],
        "tools": [
            [name, spec.summary, [_param(param) for param in spec.params]] for name, spec in tools.items()
        ],
    }


def _param(param: Param) -> Json:
    return output_schema.dump(
        Field(name=param.name, type=param.type, optional=not param.required, description=param.description)
    )


def _written(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _clean(text: str) -> str:
    """Text that can travel: half a character can't."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _sources(agent: AgentSource, call: Call) -> list[Json]:
    """Everything the answer may have a name or a number from."""
    files = dict(call.files)
    paths = (*agent.links, *examples_of(agent, files))
    return [list(call.args.values()), agent.instructions, [files[path] for path in paths if path in files]]


def _checked_outputs(agent: AgentSource, answer: Json) -> tuple[Json, dict[str, Json], list[str]]:
    """The outputs as received, the outputs as they may be shown, and what slipped into their words. Raises where they don't fit the agent's declaration."""
    record = answer if isinstance(answer, dict) else {}
    outputs = record.get("outputs")
    if "wrong" in record or not isinstance(outputs, dict):
        raise _unusable(agent, str(record.get("wrong", "it says nothing")), str(record.get("kind", "")))
    words = _words_in(agent)
    tidy = {
        name: tidied(value) for name, value in outputs.items() if name in words and isinstance(value, str)
    }
    outputs = {**outputs, **{name: text for name, (text, _) in tidy.items()}}
    shown = _visible(outputs)
    if wrong := output_schema.misfits(shown, agent.outputs):
        raise _unusable(agent, wrong)
    slipped = [doubt for _, doubts_ in tidy.values() for doubt in doubts_]
    return outputs, shown if isinstance(shown, dict) else {}, slipped


def _words_in(agent: AgentSource) -> frozenset[str]:
    """The outputs that are free text."""
    return frozenset(field.name for field in agent.outputs if field.type.kind == "text")


def _about_words(agent: AgentSource, call: Call, outputs: dict[str, Json], sources: list[Json]) -> list[str]:
    """Doubts about the words beside what they answer: the longest text that was handed over."""
    arguments = sorted((argument for argument in call.args.values() if isinstance(argument, str)), key=len)
    known = [text for source in sources for text in texts(source)]
    findings = [
        doubt
        for name in sorted(_words_in(agent))
        if isinstance(outputs.get(name), str)
        for doubt in doubtful(
            outputs[name],
            sources=known,
            instructions=agent.instructions,
            letter=arguments[-1] if arguments else "",
        )
    ]
    return list(dict.fromkeys(findings))


def _visible(value: Json) -> Json:
    """Outputs whose text says what it shows."""
    match value:
        case str():
            return stripped(value)
        case list():
            return [_visible(child) for child in value]
        case dict():
            return {name: _visible(child) for name, child in value.items()}
        case _:
            return value


def _cut_off(agent: AgentSource, ended: str) -> EngineError:
    """An answer that did not end by itself is none. Too long or filtered, it comes back the same; a fault on the way may not."""
    kind = TransientError if ended.casefold() in _FAULTS else PermanentError
    longer = (
        "give it more room: max-tokens under models: in steward.yaml, "
        if ended.casefold() in _TOO_LONG
        else ""
    )
    return kind(
        f"the model's answer for agent/{agent.name} was cut off ({_shown(ended) or 'it does not say why'})",
        code="model-cut",
        now_true="Nothing of the answer is used; it is kept as it came in the ledger.",
        way_out=f"{longer}ask for less in {agent.path}, or answer this one by hand",
    )


def _unusable(agent: AgentSource, why: str, kind: str = "") -> EngineError:
    """A refusal comes back the same when asked again; anything else may not."""
    now_true = "Nothing of the answer is used; it is kept as it came in the ledger."
    why = _shown(why, 200)
    if kind == "refused":
        return PermanentError(
            f"the model refused to answer for agent/{agent.name}",
            code="model-refused",
            now_true=now_true,
            way_out=f"answer this one by hand, or look at the words of {agent.path}",
        )
    return TransientError(
        f"the model's answer for agent/{agent.name} can't be used: {why}",
        code="model-answer",
        now_true=now_true,
        way_out="answer this one by hand when it stays so",
    )


def _shown(text: str, limit: int = 60) -> str:
    return " ".join(stripped(text).split())[:limit]
