"""Connectors and readers that look like the real ones and do nothing: effects are previewed for real and only written down."""

import mimetypes
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from engine.language.documents.test_file import FOLDER
from engine.language.documents.test_values import Stand
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.plan import undone_by
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.types import Field, Type
from engine.model.effects import Call, Effect, Outcome, Preview
from engine.model.errors import PermanentError, TransientError
from engine.model.ports import Blobs, Clock, Connector, Reader, Tree
from engine.model.state.state import RunState
from engine.model.values import canonical_json
from engine.model.values.canonical_json import Json
from engine.model.values.ids import SubjectId
from engine.model.values.timestamps import stamp

MADE_TO_FAIL = "made-to-fail"


@dataclass(slots=True, kw_only=True)
class Script:
    """What a case says about steps of its run, and what was performed in it. `made_up` are outputs by playbook and step; those of the
    `tested` playbook count for its own run only. `run_state` looks a run up.

    `preparing` are those of the performed steps that bind only once another step sends their result.
    """

    made_up: Mapping[str, Mapping[str, Json]]
    run_state: Callable[[str], RunState]
    tested: str
    run: str = ""
    failing: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    preparing: set[str] = field(default_factory=set)
    undone: list[str] = field(default_factory=list)

    def outputs(self, run: str, step: str) -> dict[str, Json] | None:
        """The outputs made up for a step or one item of it; None when none are."""
        base, _, key = step.partition("#")
        state = self.run_state(run)
        mine = run == self.run or state.playbook != self.tested
        outputs = self.made_up.get(state.playbook, {}).get(base) if mine else None
        if isinstance(outputs, list):
            place = state.step(base).keys.index(key) if key else 0
            outputs = outputs[place] if place < len(outputs) else {}
        return dict(outputs) if isinstance(outputs, dict) else None

    def attempt(self, run: str, step: str) -> None:
        """Raises TransientError when the case makes this attempt fail."""
        base = step.partition("#")[0]
        if run == self.run and base in self.failing:
            self.failing.remove(base)
            raise TransientError("the test makes this attempt fail", code=MADE_TO_FAIL)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordingConnector:
    """Ports Connector and Undo. `real` is None for a declared action that nothing here performs."""

    real: Connector | None
    spec: Callable[[str], ActionSpec | None]
    script: Script
    blobs: Blobs
    clock: Clock

    def declare(self) -> tuple[ActionSpec, ...]:
        """What the real one declares."""
        return self.real.declare() if self.real is not None else ()

    def preview(self, call: Call) -> Preview:
        """The real one's; without one a plain list of the arguments, so that it can be asked about and rejected.

        A step with given outputs needs nothing that the test doesn't have, such as the letters of a conversation.
        """
        if self.real is not None:
            try:
                return self.real.preview(call)
            except PermanentError:
                if self.script.outputs(call.run, call.step) is None:
                    raise
        body = canonical_json.encode({"action": call.action, "args": call.args, "key": call.key})
        facts = tuple((name, str(value)) for name, value in call.args.items())
        return Preview(body=body, media="application/json", facts=facts)

    def edited(self, call: Call, preview: Preview, text: str) -> Preview:
        """The real one's, too. Raises PermanentError when it has no words to edit."""
        edit = getattr(self.real, "edited", None)
        if edit is None:
            raise PermanentError(f"{call.action} has no words to edit", code="not-editable")
        changed: Preview = edit(call, preview, text)
        return changed

    def perform(self, effect: Effect) -> Outcome:
        """Write it down. Raises TransientError when the case makes it fail, PermanentError: `no-connector`."""
        self.script.attempt(effect.run, effect.step)
        outputs = self.script.outputs(effect.run, effect.step)
        undone = undone_by(effect.step).partition("#")[0]
        if self.real is None and outputs is None and not undone:
            raise _no_performer(effect.action)
        spec, base = self.spec(effect.action), effect.step.partition("#")[0]
        (self.script.undone if undone else self.script.sent).append(undone or base)
        if spec is not None and spec.prepares:
            self.script.preparing.add(base)
        shown = effect.preview.outputs or {}
        # A case gives what it is about; what else the action promises is there all the same.
        made_up = {
            field.name: shown[field.name] if field.name in shown else self._stand_in(field, effect)
            for field in (spec.outputs if spec else ())
            if outputs is None or not (field.name in outputs or field.optional or field.type.nullable)
        }
        return Outcome(outputs={**made_up, **(outputs or {})})

    def find(self, effect: Effect) -> Outcome | None:
        """Never asked: nothing dies here between an intent and its outcome."""
        return None

    def undo(self, effect: Effect, outputs: Mapping[str, Json]) -> Outcome:
        """Write it down."""
        self.script.undone.append(effect.step.partition("#")[0])
        return Outcome(outputs={})

    def _stand_in(self, field: Field, effect: Effect) -> Json:
        if field.optional or field.type.nullable:
            return None
        if field.type.kind == "file":
            ending = mimetypes.guess_extension(effect.preview.media) or ".bin"
            name = f"{effect.step.partition('#')[0]}{ending}"
            return sealed(self.blobs, name, effect.preview.body, effect.subject)
        return neutral(field.type, now=stamp(self.clock.now()), name=f"{effect.step}-{field.name}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """Port Reader: what the case gives, else what the real one reads."""

    real: Reader | None
    spec: Callable[[str], ActionSpec | None]
    script: Script

    def declare(self) -> tuple[ActionSpec, ...]:
        """What the real one declares."""
        return self.real.declare() if self.real is not None else ()

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """Outputs and origins. Raises TransientError when the case makes it fail, PermanentError: `no-connector`."""
        self.script.attempt(call.run, call.step)
        outputs = self.script.outputs(call.run, call.step)
        if outputs is not None:
            spec = self.spec(call.action)
            return outputs, spec.labels if spec is not None else frozenset({Label.OPERATOR})
        if self.real is None:
            raise _no_performer(call.action)
        return self.real.read(call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """The Connectors port of a case."""

    connectors: Mapping[str, Connector]
    readers: Mapping[str, Reader]
    specs: Mapping[str, ActionSpec]
    script: Script
    blobs: Blobs
    clock: Clock

    def connector(self, action: str) -> Connector:
        """A recorder over who performs `action`, if anybody does."""
        real = self.connectors.get(action.partition("/")[0])
        real = real if real is not None and _does(real, action) else None
        return RecordingConnector(
            real=real, spec=self.spec, script=self.script, blobs=self.blobs, clock=self.clock
        )

    def reader(self, action: str) -> Reader:
        """Who answers `action`, behind what the case gives."""
        real = self.readers.get(action.partition("/")[0])
        real = real if real is not None and _does(real, action) else None
        return Given(real=real, spec=self.spec, script=self.script)

    def spec(self, action: str) -> ActionSpec | None:
        """What it was declared as."""
        return self.specs.get(action)


def _does(real: Connector | Reader, action: str) -> bool:
    return any(spec.name == action for spec in real.declare())


def _no_performer(action: str) -> PermanentError:
    return PermanentError(
        f"nothing here performs {action}: say what it gives under `given`", code="no-connector"
    )


def sealed(blobs: Blobs, name: str, content_: bytes, subject: SubjectId | None) -> dict[str, Json]:
    """A file as steps carry it."""
    return {
        "name": name.rpartition("/")[2],
        "media": mimetypes.guess_type(name)[0] or "application/octet-stream",
        "size": len(content_),
        "sha256": canonical_json.sha256(content_),
        "handle": blobs.put(content_, subject),
    }


def content(tree: Tree, stand: Stand) -> bytes:
    """The bytes of a test's file; one that isn't there stands for a file of that name, with its name as content."""
    try:
        return tree.read(f"{FOLDER}{stand.path}")
    except KeyError:
        return f"{stand.path}\n".encode()


def make_files_real(value: Json, tree: Tree, blobs: Blobs) -> Json:
    """Data with its files made real."""
    match value:
        case Stand():
            return sealed(blobs, value.path, content(tree, value), None)
        case dict():
            return {name: make_files_real(element, tree, blobs) for name, element in value.items()}
        case list():
            return [make_files_real(element, tree, blobs) for element in value]
        case _:
            return value


def neutral(type_: Type, *, now: str, name: str) -> Json:
    """A value of a type that says as little as possible."""
    match type_.kind:
        case "text" | "template" | "any" | "choice":
            return type_.options[0] if type_.options else name
        case "integer" | "number":
            return 0
        case "bool":
            return True
        case "money":
            return None
        case "time":
            return now
        case "date":
            return now[:10]
        case "length":
            return "1d"
        case "url":
            return f"https://example.org/{name}"
        case "email":
            return "somebody@example.org"
        case "list":
            return []
        case "map":
            return {field.name: neutral(field.type, now=now, name=field.name) for field in type_.fields}
        case "person":
            return {"name": "Somebody", "email": "somebody@example.org", "known": False}
        case "note" | "file":
            return None
