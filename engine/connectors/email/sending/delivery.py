"""How a letter leaves: into the outbox folder, or through an SMTP server with a copy in the folder of sent letters."""

import time
from dataclasses import dataclass, field

from engine.connectors.email.sending import smtp
from engine.connectors.email.sending.missing_copies import MissingCopies
from engine.connectors.email.sending.outbox import SENDING, SENT, Outbox, outcome, summary
from engine.connectors.email.sending.outbox_index import Sent
from engine.model.definitions.actions import EffectClass
from engine.model.effects import Outcome
from engine.model.errors import EngineError, PermanentError, TransientError, UnknownOutcome
from engine.model.ports import Secrets

AGAIN = (1.0, 4.0)
"""After how many seconds the sent letters are looked into again: a server may file a copy late, or come back."""

_BEGUN = "the letter to {} began to leave"
_LOST = "the letter to {} may have left before the outbox was lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """`server` None: letters go to the outbox folder and a person sends them. `copies` None: the folder of sent letters is not searched."""

    outbox: Outbox
    secrets: Secrets
    sender: str
    server: smtp.SmtpServer | None = None
    copies: MissingCopies | None = None
    _carried: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kind(self) -> EffectClass:
        """What a repeated call does."""
        if self.server is None:
            return EffectClass.IDEMPOTENT
        return EffectClass.OPAQUE if self.copies is None else EffectClass.QUERYABLE

    @property
    def words(self) -> str:
        """Which way it is, for the card."""
        if self.server is None:
            return "to the outbox folder; nothing is sent from there"
        return f"through {self.server.host}"

    def doubt(self, to: str) -> str:
        """Why a letter to this address can't leave this way, for the card; empty when nothing is known against it."""
        if self.server is None or f"{self.sender}{to}".isascii():
            return ""
        host = self.server.host
        try:
            if to not in self._carried:
                self._carried[to] = smtp.carries(self.server, sender=self.sender, to=to)
            if self._carried[to]:
                return ""
        except (TransientError, PermanentError) as error:
            return (
                f"{to} needs a server that offers SMTPUTF8; whether {host} does is not known: {error.message}"
            )
        return f"{host} does not offer SMTPUTF8: nothing can leave for {to} from here, so answer from another mail program"

    def send(self, letter: Sent, body: bytes, *, again: bool = False) -> Outcome:
        """Let it leave. Raises as the port says; through a server a lost connection is UnknownOutcome. `again`: an outbox that was lost could
        have told that it left before, so the server is asked.
        """
        if self.server is None:
            return self.outbox.deliver(body)
        if (left := self.outbox.earlier_copy(letter, body, SENT)) is not None:
            return outcome(left, sent=True, repeated=True)
        if self.outbox.holds(letter.message_id, SENDING) is not None:
            raise _unknown(letter)
        if again and self._there(letter, body):
            return outcome(letter, sent=True, repeated=True)
        earlier: list[Sent] = []

        def begin() -> bool:
            # As late as can be: a letter that is noted as leaving has an unknown end until its end is known.
            predecessor = self.outbox.begin(letter, body)
            earlier.extend([predecessor] if predecessor else [])
            return predecessor is None

        if (claimed := self.outbox.claimed(letter.once, letter.message_id, to=letter.to)) is not None:
            return outcome(claimed, sent=False, repeated=True)
        try:
            smtp.transmit(self.server, self.secrets, sender=self.sender, to=letter.to, body=body, begin=begin)
        except (TransientError, PermanentError) as error:
            self.outbox.drop(letter.message_id)
            if error.code == "smtp-no-utf8" and letter.once:
                # Fixed words that no person asked for: what they were about goes on, and its card says why they stayed.
                return outcome(letter, sent=False)
            raise
        if earlier:
            return outcome(earlier[0], sent=False, repeated=True)
        self._finish(letter)
        if self.copies is not None:
            self.copies.file(letter, body)
        return outcome(letter, sent=True)

    def alive(self) -> None:
        """Greet the server as for a letter and leave. Raises TransientError or PermanentError."""
        if self.server is not None:
            smtp.reach(self.server, self.secrets, sender=self.sender)

    def find(self, letter: Sent, body: bytes, *, at: str = "") -> Outcome | None:
        """Whether it left, meant to at the moment `at`. None: its sending certainly never began. Raises UnknownOutcome when it may have begun
        and no copy proves its end.
        """
        if (left := self._earlier_copy(letter, body)) is not None:
            return outcome(left, sent=True, repeated=True)
        begun = self.outbox.holds(letter.message_id, SENDING)
        if self.server is None:
            return None
        if begun is None:
            if not self.outbox.silent(letter.message_id, at):
                return None
            if not self._there(letter, body):
                raise _unknown(letter, code="no-copy", why=_LOST)
            return outcome(letter, sent=True, repeated=True)
        if not self._filed(letter):
            # Who was asked has answered: that says nothing against the server.
            raise _unknown(letter, code="no-copy")
        self._finish(letter)
        return outcome(summary(begun), sent=True, repeated=True)

    def _earlier_copy(self, letter: Sent, body: bytes) -> Sent | None:
        try:
            return self.outbox.earlier_copy(letter, body, SENT if self.server else "")
        except PermanentError:
            # Other words are not this letter.
            return None

    def _there(self, letter: Sent, body: bytes) -> bool:
        """Whether a copy among the sent letters proves that it left; then it is remembered again. Raises UnknownOutcome when that folder can't be searched."""
        if self.copies is None:
            raise _unknown(letter, code="no-copy", why=_LOST)
        if not self._filed(letter, why=_LOST):
            return False
        self.outbox.remember(letter, body)
        return True

    def _filed(self, letter: Sent, *, why: str = _BEGUN) -> bool:
        if self.copies is None:
            return False
        for wait in (*AGAIN, 0.0):
            try:
                # After a crash many letters are looked for at once.
                with self.copies.turn:
                    if self.copies.box.holds(letter.message_id):
                        return True
            except EngineError as error:
                if not (wait and isinstance(error, TransientError)):
                    raise UnknownOutcome(
                        f"{why.format(letter.to)}, and the folder of sent letters can't be looked into: {error.message}",
                        code="no-copy",
                        way_out="look into your Sent folder, then answer the card",
                    ) from error
            time.sleep(wait)
        return False

    def _finish(self, letter: Sent) -> None:
        try:
            self.outbox.finish(letter.message_id)
        except TransientError:
            # The server has the letter, whatever our disk says: that is the outcome.
            pass


def _unknown(letter: Sent, *, code: str = "smtp-lost", why: str = _BEGUN) -> UnknownOutcome:
    return UnknownOutcome(
        f"{why.format(letter.to)} and nobody knows whether it arrived",
        code=code,
        way_out="look into your Sent folder, then answer the card",
    )
