"""The engine's own steps: waiting, asking a person, ending the run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.language.diagnostics.codes import graph, playbook_shape, triggers
from engine.language.diagnostics.codes import references as code
from engine.language.documents.ast import AuthoredStep, Word
from engine.language.documents.playbook_fields import Taker, describe
from engine.language.expressions import expressions
from engine.language.passes import foreach, subplaybooks, type_errors
from engine.language.passes.resolve import Special, StepResolver
from engine.language.passes.resolved import ResolvedStep, World
from engine.language.passes.triggers import TriggerType, awaited, union_event_type
from engine.language.passes.values import Built, ValueBuilder
from engine.language.text import nodes
from engine.language.types import type_syntax
from engine.language.types.type_syntax import certain, nullable, place
from engine.model.definitions.plan import Arg, Ask, Ending, Fixed, Text, WaitFor
from engine.model.definitions.taint import Label, Labels
from engine.model.definitions.types import ANY, NUMBER, TEXT, TIME, Field, Type, choice, listing, record
from engine.model.definitions.value_range import BOUNDED, range_error
from engine.model.values import durations

ENDINGS: tuple[Ending, ...] = ("succeeded", "cancelled", "failed")
_SYSTEM: Labels = frozenset({Label.SYSTEM})
_OPERATOR: Labels = frozenset({Label.OPERATOR})


def _arguments(
    values: ValueBuilder, node: nodes.Mapping | None, *, of: str, known: tuple[str, ...]
) -> dict[str, nodes.Entry]:
    taker = Taker()
    entries = taker.arguments(node, of=of, known=known) if node else {}
    values.diagnostics += taker.diagnostics
    return entries


# ---------------------------------------------------------------- wait/for


def wait(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`wait/for`: named triggers, a time, or both; outputs which of them came, and its event."""
    arguments = _arguments(values, step.args, of="wait/for", known=("any", "time"))
    until = _until(values, arguments["time"].value) if "time" in arguments else None
    waits, heard, others = _awaited_triggers(resolver.world, values, arguments.get("any"))
    if not arguments or ("time" not in arguments and not waits and not values.wrong):
        values.note(triggers.waits_for_nothing(step.key("with")))
    if values.wrong:
        return None
    names = [wait_for.name for wait_for in waits]
    # Without a time only one of the triggers ends it.
    nothing = ("nothing",) if "time" in arguments or not names else ()
    outputs = record(got=choice(*names, *nothing), event=nullable(union_event_type(heard) or ANY))
    labels = _SYSTEM | frozenset(trigger_type.label for trigger_type in heard)
    return ResolvedStep(
        step=step, kind="wait", outputs=outputs, waits=waits, until=until, others=tuple(others), labels=labels
    )


def _until(values: ValueBuilder, node: nodes.Node) -> Built | None:
    if isinstance(node, nodes.Scalar) and "${{" not in node.text:
        span = durations.parse(node.text)
        if span is not None and span.total_seconds() > 0:
            return Built(arg=Fixed(value=span.total_seconds()))
        values.note(
            playbook_shape.bad_number(place(node), value=node.text, expected="a length", example="time: 3d")
        )
        return None
    if isinstance(node, nodes.Scalar):
        return _computed(values, node)
    values.note(
        code.wrong_type(place(node), expected=str(TIME), actual="a list or map", hint="write `time: 3d`")
    )
    return None


def _computed(values: ValueBuilder, node: nodes.Scalar) -> Built | None:
    """An expression that gives a length, or the day or time to wait for, converted to one that gives seconds."""
    piece = expressions.whole(node.text)
    compiled = values.compiled(node, piece) if piece is not None else None
    if piece is None:
        values.note(
            code.wrong_type(
                place(node),
                expected="a length",
                actual="text with expressions inside",
                hint="write one `${{ … }}`",
            )
        )
    if piece is None or compiled is None:
        return None
    type_ = compiled.expr.type
    if type_.kind not in {"length", "time", "date"} or type_.nullable:
        values.note(
            type_errors.result(values.source, node, piece, compiled, Type(kind="length"), values.scope)
        )
        return None
    built = values.built_from(node, piece, compiled)
    seconds = replace(compiled.expr, cel=f"seconds({compiled.expr.cel}, now_, zone_)", type=NUMBER)
    return replace(built, arg=seconds)


def _awaited_triggers(
    world: World, values: ValueBuilder, entry: nodes.Entry | None
) -> tuple[tuple[WaitFor, ...], list[TriggerType], list[Built]]:
    if entry is None:
        return (), [], []
    taker = Taker()
    top = taker.mapping(entry.value, example="any: { reply: { email: { thread: … } } }")
    waits: list[WaitFor] = []
    kinds: list[TriggerType] = []
    others: list[Built] = []
    for wait_entry in top.entries if top else ():
        name = taker.named(wait_entry.key, wait_entry.key_span, of="something to wait for")
        body = taker.mapping(wait_entry.value, example=f"{wait_entry.key}: {{ email: {{ thread: … }} }}")
        if name is None or body is None:
            continue
        if wait_entry.key == "nothing" or len(body.entries) != 1:
            taker.note(
                playbook_shape.wrong_shape(
                    place(body),
                    expected="one trigger",
                    actual=f"{len(body.entries)}",
                    example="{ email: { thread: … } }",
                )
            )
            continue
        resolved_wait = awaited(world, values, wait_entry.key, body.entries[0])
        if resolved_wait is not None:
            wait_for, heard, built = resolved_wait
            waits.append(wait_for)
            kinds.append(heard)
            others += built
    values.diagnostics += taker.diagnostics
    if top is not None and not top.entries:
        values.note(triggers.waits_for_nothing(entry.key_span))
    return tuple(waits), kinds, others


# ---------------------------------------------------------------- run/end


def end(_resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`run/end`: succeeded, cancelled or failed, and why."""
    arguments = _arguments(values, step.args, of="run/end", known=("as", "because"))
    taker = Taker()
    word = (
        taker.text(arguments["as"].value, name="as", example="as: succeeded")
        if "as" in arguments
        else "succeeded"
    )
    end_as = next((ending for ending in ENDINGS if ending == word), None)
    if word is not None and end_as is None:
        taker.note(playbook_shape.not_one_of(arguments["as"].value.span, value=word, options=ENDINGS))
    values.diagnostics += taker.diagnostics
    because = (
        values.for_people().value(arguments["because"].value, nullable(TEXT), name="because")
        if "because" in arguments
        else None
    )
    if values.wrong:
        return None
    args = (("because", because),) if because is not None else ()
    return ResolvedStep(step=step, kind="end", outputs=Type(kind="map"), args=args, end_as=end_as)


# ---------------------------------------------------------------- human/ask


def ask(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    """`human/ask`, and every item of a SOP without an action."""
    if step.question is not None:
        return _resolved_item(resolver, values, step)
    arguments = _arguments(values, step.args, of="human/ask", known=("title", "choices", "fields", "who"))
    if "title" not in arguments:
        values.note(code.missing_argument(step.key("with"), name="title", of="human/ask", type_="text"))
        return None
    title = values.for_people().value(arguments["title"].value, TEXT, name="title")
    taker = Taker()
    choices, offers = _choices(taker, values, arguments.get("choices"))
    fields = _fields(taker, values, arguments.get("fields"))
    person = taker.id(arguments["who"].value, of="a person") if "who" in arguments else None
    values.diagnostics += taker.diagnostics
    person = _person(resolver, values, person)
    if title is None or values.wrong:
        return None
    question = Ask(
        title=title.arg,
        who=person.text if person else None,
        choices=choices,
        offers=offers.arg if offers is not None else None,
        offered=_item_type(offers) if offers is not None else TEXT,
        fields=fields.types,
        least=fields.args("min"),
        most=fields.args("max"),
        defaults=fields.args("default"),
    )
    return _resolved_ask(step, question, (title, *fields.built(), *((offers,) if offers is not None else ())))


def _item_type(offers: Built) -> Type:
    """The type of a choice: an address among addresses is an address; an untyped row may be anything."""
    return certain(foreach.type_of(offers.arg).items or ANY)


def _choices(
    taker: Taker, values: ValueBuilder, entry: nodes.Entry | None
) -> tuple[tuple[str, ...], Built | None]:
    """Fixed words, or one expression that gives the texts to choose from."""
    if entry is None:
        return (), None
    if isinstance(entry.value, nodes.Scalar) and "${{" in entry.value.text:
        return (), values.value(entry.value, listing(TEXT), name="choices")
    words = taker.words(entry.value, of="choices", example="choices: [yes, no]") or ()
    choices = tuple(word.text for word in words)
    twice = next((word for word in words if choices.count(word.text) > 1), None)
    if twice is not None:
        taker.note(playbook_shape.same_choice(twice.span, word=twice.text))
    return choices, None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fields:
    """The fields a person fills in, with their limits and defaults: (field, `min`, `max` or `default`, value)."""

    types: tuple[tuple[str, Type], ...] = ()
    limits: tuple[tuple[str, str, Built], ...] = ()

    def args(self, key: str) -> tuple[tuple[str, Arg], ...]:
        """The values of one of these keys, by field."""
        return tuple(
            sorted(((name, limit.arg) for name, which, limit in self.limits if which == key), key=_field_name)
        )

    def built(self) -> tuple[Built, ...]:
        """All values of limits and defaults, for what they read."""
        return tuple(limit for _, _, limit in self.limits)


def _field_name(pair: tuple[str, Arg]) -> str:
    return pair[0]


def _fields(taker: Taker, values: ValueBuilder, entry: nodes.Entry | None) -> _Fields:
    node = taker.mapping(entry.value, example="fields: { amount: money }") if entry else None
    if node is None:
        return _Fields()
    declarations, diagnostics = type_syntax.declared(node)
    taker.diagnostics += diagnostics
    limits: list[tuple[str, str, Built]] = []
    # A field with a default always has a value, unless its name says that it may be empty.
    empty = {entry.key.removesuffix("?") for entry in node.entries if entry.key.endswith("?")}
    types = []
    for declaration in declarations:
        type_ = (
            nullable(declaration.field.type) if declaration.field.name in empty else declaration.field.type
        )
        types.append((declaration.field.name, type_))
        limits += _limits(values, declaration.field.name, type_, declaration.value_entries())
    return _Fields(types=tuple(types), limits=tuple(limits))


def _limits(
    values: ValueBuilder, name: str, type_: Type, entries: Iterable[nodes.Entry]
) -> list[tuple[str, str, Built]]:
    """The limits and the default of a field's long form; the default has to be within the limits that are fixed."""
    entries = list(entries)
    limits = []
    for entry in entries:
        if entry.key == "default":
            built = values.value(entry.value, type_, name=entry.key)
            limits += [] if built is None else [(name, entry.key, built)]
        elif type_.kind not in BOUNDED:
            why = "only numbers, amounts and dates have limits"
            kind = f"a field of {type_}"
            values.note(graph.key_does_not_fit(entry.key_span, key=entry.key, kind=kind, why=why))
        elif (built := values.value(entry.value, certain(type_), name=entry.key)) is not None:
            limits.append((name, entry.key, built))
    _check_default_in_range(values, type_, entries, limits)
    return limits


def _check_default_in_range(
    values: ValueBuilder,
    type_: Type,
    entries: Iterable[nodes.Entry],
    limits: Iterable[tuple[str, str, Built]],
) -> None:
    fixed = {key: limit.arg.value for _, key, limit in limits if isinstance(limit.arg, Fixed)}
    default = next((entry.value for entry in entries if entry.key == "default"), None)
    if default is None or fixed.get("default") is None:
        return
    wrong = range_error(type_.kind, fixed["default"], minimum=fixed.get("min"), maximum=fixed.get("max"))
    if wrong:
        values.note(
            code.wrong_type(place(default), expected=wrong, actual=describe(default), hint="mend one of them")
        )


def _item_limits(values: ValueBuilder, step: AuthoredStep, fields: tuple[tuple[str, Type], ...]) -> _Fields:
    """A SOP's item: its words declare the fields, its fence may add `with: { fields: { amount: { max: … } } }`."""
    arguments = _arguments(values, step.args, of="human/ask", known=("fields",))
    taker = Taker()
    node = (
        taker.mapping(arguments["fields"].value, example="fields: { amount: { max: … } }")
        if arguments
        else None
    )
    limits: list[tuple[str, str, Built]] = []
    types = dict(fields)
    for entry in node.entries if node else ():
        body = taker.mapping(entry.value, example=f"{entry.key}: {{ max: … }}")
        if entry.key not in types:
            taker.note(code.unknown_field(entry.key_span, name=entry.key, of="this item", known=types))
        elif body is not None:
            keys = taker.keys(body, of="a field", known=("default", "min", "max"))
            limits += _limits(values, entry.key, types[entry.key], keys.values())
    values.diagnostics += taker.diagnostics
    return _Fields(types=fields, limits=tuple(limits))


def _resolved_item(resolver: StepResolver, values: ValueBuilder, step: AuthoredStep) -> ResolvedStep | None:
    question = step.question
    if question is None:
        return None
    fields = _item_limits(values, step, question.fields)
    person = _person(resolver, values, question.person)
    title = values.for_people().value(question.title, TEXT, name="title")
    if title is None or values.wrong:
        return None
    ask_spec = Ask(
        title=title.arg,
        who=person.text if person else None,
        choices=question.choices,
        fields=fields.types,
        least=fields.args("min"),
        most=fields.args("max"),
        defaults=fields.args("default"),
        context=tuple(path.text for path in question.context),
    )
    return _resolved_ask(step, ask_spec, (title, *fields.built()))


def _person(resolver: StepResolver, values: ValueBuilder, person: Word | None) -> Word | None:
    if person is None or person.text in {"operator", *resolver.world.people}:
        return person
    values.note(
        code.unknown_person(person.span, name=person.text, known=("operator", *resolver.world.people))
    )
    return None


def _resolved_ask(step: AuthoredStep, question: Ask, built: tuple[Built, ...]) -> ResolvedStep:
    fields = [Field(name=name, type=type_) for name, type_ in question.fields]
    if question.choices or question.offers is not None:
        type_ = choice(*question.choices) if question.choices else question.offered
        fields.insert(0, Field(name="choice", type=type_))
    title = question.title
    if isinstance(title, Text) and not title.parts:
        question = replace(question, title=Fixed(value=step.name))
    return ResolvedStep(
        step=step,
        kind="human",
        outputs=Type(kind="map", fields=tuple(fields)),
        ask=question,
        others=built,
        labels=_OPERATOR,
    )


KINDS: dict[str, Special] = {
    "wait/for": wait,
    "human/ask": ask,
    "run/end": end,
    "run/find": subplaybooks.find,
    subplaybooks.CALL: subplaybooks.call,
}
