"""steward.yaml, intents and policy as frozen data."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from engine.model.definitions.actions import Reach
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRef:
    """A value written as ``${{ secrets.NAME }}``: resolved by the broker only, when needed."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person who can be asked. The operator is the person called ``operator``."""

    id: str
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectorConfig:
    """The block of one connector; leaves are JSON or :class:`SecretRef`."""

    name: str
    settings: dict[str, Json]


MODEL_SECONDS = 60.0
"""How long one call of a model may take where nothing else is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """One entry of `models:`. `uses` says how it is spoken to, `model` which one is asked there.

    `key` is None for an endpoint that asks for none. `base_url` is empty for the provider's own address. Prices are US dollars
    for a million tokens; None when the operator wrote none. `timeout` is one call's, in seconds. `temperature` None is not said;
    `max_tokens` bounds one answer, thoughts included, None leaves it to who asks. `parameters` are said as they are.
    """

    name: str
    uses: str
    model: str
    key: SecretRef | None = None
    base_url: str = ""
    usd_per_million_in: Decimal | None = None
    usd_per_million_out: Decimal | None = None
    timeout: float = MODEL_SECONDS
    temperature: float | None = 0.0
    max_tokens: int | None = None
    parameters: tuple[tuple[str, Json], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryConfig:
    """`memory:`: how notes are recalled. `model` is the packaged one's name, the path of a folder, or ``none`` for words alone.

    `sha256` pins the `model.safetensors` of a folder; the packaged model is pinned by us.
    """

    model: str = "all-MiniLM-L6-v2"
    sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """steward.yaml. `id` is empty in the project's own checkout and in demos: they get a throw-away one."""

    operator: Person
    id: str = ""
    deploy: str = "main"
    time_zone: str = "UTC"
    currency: str = "EUR"
    people: tuple[Person, ...] = ()
    budget_usd_per_day: Decimal | None = None
    budget_usd_per_month: Decimal | None = None
    models: tuple[ModelConfig, ...] = ()
    connectors: tuple[ConnectorConfig, ...] = ()
    memory: MemoryConfig = MemoryConfig()
    secrets: tuple[str, ...] = ("env",)

    def model(self, name: str) -> ModelConfig | None:
        """The model called `name`; None when there is none."""
        return next((model for model in self.models if model.name == name), None)

    def connector(self, name: str) -> dict[str, Json]:
        """The settings of connector `name`, empty when it has no block."""
        return next((c.settings for c in self.connectors if c.name == name), {})

    def secret_names(self) -> frozenset[str]:
        """Every name written as ``${{ secrets.NAME }}``."""
        keys = {model.key.name for model in self.models if model.key is not None}
        return frozenset(
            keys | {name for connector in self.connectors for name in _names(connector.settings)}
        )


def _names(value: Json) -> Iterator[str]:
    match value:
        case SecretRef():
            yield value.name
        case dict():
            for nested in value.values():
                yield from _names(nested)
        case list():
            for nested in value:
                yield from _names(nested)
        case _:
            return


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A canonical intent. `rules` are words that decide without a model; below `ask_below` a person is asked."""

    name: str
    means: str = ""
    examples: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    ask_below: float = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class Cap:
    """Past it: deny, whatever a person approved. `action` may end in ``/*``."""

    action: str
    each: Money | None = None
    per_day: Money | None = None
    count_per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MayRun:
    """An exception: at stage auto one action of reach payment runs without asking, up to this much each and a day in all."""

    action: str
    up_to: Money
    per_day: Money


DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Names of days, in the order of :meth:`datetime.date.weekday`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """When an effect of one of these reaches asks instead of acting on its own: each day between two minutes of it (over midnight
    when `ends` is the smaller), and all of some days (0: Monday).
    """

    reach: tuple[Reach, ...]
    begins: int | None = None
    ends: int | None = None
    days: tuple[int, ...] = ()

    def at(self, weekday: int, minute: int) -> bool:
        """Whether it is quiet on this day at this minute."""
        if weekday in self.days:
            return True
        if self.begins is None or self.ends is None:
            return False
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends

    def text(self) -> str:
        """``20:00-08:00, sat, sun``."""
        hours = [
            f"{begins // 60:02}:{begins % 60:02}-{ends // 60:02}:{ends % 60:02}"
            for begins, ends in [(self.begins, self.ends)]
            if begins is not None and ends is not None
        ]
        return ", ".join([*hours, *(DAYS[day] for day in self.days)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a template of this `purpose` needs of everybody it is sent to: the word `unless` under `consent` of their contact note."""

    purpose: str
    unless: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyRules:
    """policy.yaml: the floors no stage lowers, the exceptions to them, the caps, the quiet hours and who has to have agreed."""

    always_ask: tuple[Reach, ...] = (Reach.PAYMENT, Reach.LEGAL)
    deny: tuple[str, ...] = ()
    caps: tuple[Cap, ...] = ()
    may_run: tuple[MayRun, ...] = ()
    quiet: QuietHours | None = None
    consent: Consent | None = None
