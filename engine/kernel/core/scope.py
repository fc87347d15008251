"""What a step can read, and the origin of each thing it reads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.kernel.core.decide import broken_at
from engine.kernel.core.services import LedgerWriter
from engine.model.definitions.plan import Arg, Expr, Fixed, ListArg, MapArg, Node, Plan, Text, undone_by
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.taint import decode as decode_labels
from engine.model.errors import PermanentError
from engine.model.state.state import RunState
from engine.model.values.canonical_json import Json
from engine.model.values.timestamps import moment

_OPERATOR: Labels = frozenset({Label.OPERATOR})
_SYSTEM: Labels = frozenset({Label.SYSTEM})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The readable world of one run at one moment. Nothing here can be changed by what is read."""

    journal: LedgerWriter
    plan: Plan
    run: RunState
    now: str
    step: str = ""

    def evaluate(self, arg: Arg) -> tuple[Json, Labels]:
        """The value of an argument and the union of its origins. Raises PermanentError(code='expression')."""
        match arg:
            case Fixed():
                return arg.value, _OPERATOR
            case Expr():
                return self._expression(arg)
            case Text():
                return self._text(arg)
            case ListArg():
                evaluated = [self.evaluate(element) for element in arg.items]
                return [value for value, _ in evaluated], _union(labels for _, labels in evaluated)
            case MapArg():
                pairs = {name: self.evaluate(element) for name, element in arg.entries}
                return {k: value for k, (value, _) in pairs.items()}, _union(
                    labels for _, labels in pairs.values()
                )

    def _text(self, arg: Text) -> tuple[Json, Labels]:
        evaluated = [
            (part, _OPERATOR) if isinstance(part, str) else self._expression(part) for part in arg.parts
        ]
        as_text = self.journal.house.evaluate.as_text
        return "".join(value if isinstance(value, str) else as_text(value) for value, _ in evaluated), _union(
            labels for _, labels in evaluated
        )

    def _expression(self, expr: Expr) -> tuple[Json, Labels]:
        bindings: dict[str, Json] = {}
        origins = [_OPERATOR]
        for read in expr.reads:
            value, labels = self.read(read.path)
            bindings[read.variable] = value
            origins.append(labels)
        house = self.journal.house
        value = house.evaluate.evaluate(expr, bindings, now=moment(self.now), zone=self.plan.time_zone)
        return value, _union(origins)

    def read(self, path: str) -> tuple[Json, Labels]:
        """The value at a path as written (``steps.who.outputs.email``); None for a path without one."""
        root, _, subpath = path.partition(".")
        match root:
            case "event":
                labels = decode_labels(self.run.labels) or self.plan.event_labels
                return walk(self.journal.value(self.run.event), subpath), labels
            case "inputs":
                return walk(self.journal.value(self.run.inputs), subpath), self._input_labels(
                    subpath.partition(".")[0]
                )
            case "steps":
                return self._step(subpath)
            case "gates":
                gate, _, inner = subpath.partition(".")
                return self._who(gate) if inner == "who" else self.run.gates.get(gate), _SYSTEM
            case "item":
                return self._item(subpath)
            case "run":
                failed = broken_at(self.plan, self.run)
                return (failed, _SYSTEM) if subpath == "failed-step" else self._error(failed)
            case _:
                raise PermanentError(f"nothing is called {path}", code="expression")

    def _who(self, gate: str) -> str:
        """Who decided at a gate last; empty without a decision: nothing was asked, or the card expired."""
        cards = [
            card for card in self.journal.book.cards.values() if (card.run, card.gate) == (self.run.id, gate)
        ]
        last = next(
            (card for card in reversed(cards) if card.status in {"approved", "rejected", "answered"}), None
        )
        return last.by if last is not None else ""

    def _error(self, failed: str) -> tuple[Json, Labels]:
        """Why a step failed, or why a `run/end` says that the run did; empty where nothing is said."""
        if not failed:
            return "", _SYSTEM
        step = self.run.step(failed)
        if step.status == "succeeded":
            return walk(self.journal.value(step.outputs), "because") or "", decode_labels(step.labels)
        return self.journal.value(step.message), _SYSTEM

    def _input_labels(self, name: str) -> Labels:
        """The origins of one input, or of all of them."""
        labels_by_input = dict(pair.split("=", 1) for pair in self.run.input_labels)
        label_lists = [labels_by_input.get(name, "")] if name else ["", *labels_by_input.values()]
        return _union(
            decode_labels(label_list.split(",")) if label_list else _OPERATOR for label_list in label_lists
        )

    def _item(self, subpath: str) -> tuple[Json, Labels]:
        """The item of a `foreach` this step is about."""
        base, _, key = (undone_by(self.step) or self.step).partition("#")
        fanned = self.run.step(base)
        items = self.journal.value(fanned.items)
        return walk(items[fanned.keys.index(key)]["item"], subpath), decode_labels(fanned.labels)

    def _step(self, subpath: str) -> tuple[Json, Labels]:
        id_, _, inner = subpath.partition(".")
        # What takes a step back reads that step's outputs, of an item that item's, also when an `expect` failed it afterwards.
        undone = undone_by(self.step)
        own = undone.partition("#")[0] == id_
        step = self.run.step(undone if own else id_)
        if inner == "status":
            return step.status, _SYSTEM
        if step.status != "succeeded" and not (own and step.done):
            return self._previewed(id_, inner.partition(".")[2])
        return walk(self.journal.value(step.outputs), inner.partition(".")[2]), decode_labels(step.labels)

    def _previewed(self, id_: str, inner: str) -> tuple[Json, Labels]:
        """A field that a fellow member of the same gate can foresee exactly; nothing of any other step."""
        reader, step = self.plan.node(self.step) if self.step else None, self.run.step(id_)
        gate = reader.gate if reader is not None else None
        spec = self.plan.node(id_).action
        if gate is None or self.plan.node(id_).gate != gate or not step.proposal or spec is None:
            return None, _SYSTEM
        effect = self.journal.effect(step)
        if inner.partition(".")[0] not in spec.previewed:
            return None, _SYSTEM
        return walk(effect.preview.outputs or {}, inner), spec.labels.union(*effect.labels.values())


def walk(value: Json, path: str) -> Json:
    """The member of a value at a dotted path; None where there is none."""
    for name in path.split(".") if path else ():
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _union(origins: Iterable[Labels]) -> Labels:
    return frozenset().union(*origins)


def arguments(scope: Scope, node: Node) -> tuple[dict[str, Json], dict[str, Labels]]:
    """A step's evaluated arguments and their origins, with templates rendered.

    Raises PermanentError (expression, template).
    """
    args: dict[str, Json] = {}
    origins: dict[str, Labels] = {}
    for name, arg in node.args:
        args[name], origins[name] = scope.evaluate(arg)
    for param in node.action.params if node.action else ():
        if param.type.kind == "template" and isinstance(args.get(param.name), str):
            args[param.name] = _rendered(scope, args[param.name], args.get("values") or {})
            origins[param.name] = origins[param.name] | origins.get("values", frozenset())
        elif param.name not in args and param.default is not None:
            args[param.name], origins[param.name] = param.default, _OPERATOR
    return args, origins


def _rendered(scope: Scope, name: str, values: Mapping[str, Json]) -> dict[str, Json]:
    path = f"vault/templates/{name}.md"
    sha = dict(scope.plan.files).get(path)
    if sha is None:
        raise PermanentError(f"the template {name} is not part of this plan", code="template")
    house = scope.journal.house
    source = house.ledger.load_content(sha).decode("utf-8", "replace")
    return {"name": name, **house.templates.render(source, values, path=path, zone=scope.plan.time_zone)}
