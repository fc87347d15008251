"""The pieces of the world Steward can change: letters, files, documents, payment requests, notices."""

from engine.connectors import declared
from engine.model.actions import ActionSpec, EffectClass
from engine.model.config import Config


def declare_all(config: Config | None = None) -> tuple[ActionSpec, ...]:
    """Every action of every built-in connector, without touching the world.

    `config` decides one thing: with an SMTP host the letters' class is opaque instead of idempotent.
    """
    host = config.connector("email").get("host") if config else None
    kind = EffectClass.OPAQUE if host else EffectClass.IDEMPOTENT
    return (
        *declared.email(kind=kind),
        *declared.files(),
        *declared.documents(),
        *declared.payments(),
        *declared.notify(),
    )
