"""What holds effects back whole: a state that can't be trusted, or a clock that leapt. Asked before every effect, and again until it is over."""

from engine.kernel.core.services import LedgerWriter
from engine.kernel.core.step_context import StepContext
from engine.kernel.resilience import clock_leaps
from engine.kernel.resilience.call_guard import may_call
from engine.model.events.connectors import StepAdmitted, StepDelayed
from engine.model.events.events import Draft
from engine.model.events.outages import FLEETING
from engine.model.health import UNWELL, ClockDoubted, ClockTrusted, Ill, leap


def ill(journal: LedgerWriter) -> Ill | None:
    """Why no effect may leave now; None when they may."""
    return journal.house.health(journal.book)


def leaves(place: StepContext, action: str, *, until: str = "") -> bool:
    """Whether an effect may touch the world now. If not it waits, visibly, and its turn comes by itself; for a connector `until` then at
    most, and as long as it takes to mend what is ill, but for what is worth something soon only.
    """
    journal = place.journal
    if ill(journal) is None:
        return may_call(place, action, until=until)
    if not place.fresh().state.wait:
        soon = until if action in FLEETING else ""
        journal.write(place.draft(StepDelayed(connector="", because=UNWELL, until=soon)), durable=False)
    return False


def readmit(journal: LedgerWriter) -> bool:
    """Once effects may leave again, let everything that waited for that go on; whether there was anything."""
    waiting = [step_ref for step_ref, connector in journal.book.delayed.items() if not connector]
    if not waiting or ill(journal) is not None:
        return False
    bodies = [(step_ref, StepAdmitted(connector="", next="")) for step_ref in waiting]
    runs = journal.book.runs
    journal.write(
        *(Draft(body=body, run=run, step=step, subject=runs[run].subject) for (run, step), body in bodies)
    )
    return True


def watch(journal: LedgerWriter) -> bool:
    """Write down that the clock leapt, or that it is back where it should be; whether either was so."""
    book, clock = journal.book, journal.house.clock
    off = leap(book.clock, book.seen, clock.mark())
    if off and not book.doubted:
        journal.write(Draft(body=ClockDoubted(seconds=int(off.total_seconds()))))
        return True
    if book.doubted and not off:
        journal.write(Draft(body=trusted(journal, by="engine")), *clock_leaps.reopened(journal))
        return True
    return False


def trusted(journal: LedgerWriter, *, by: str, channel: str = "") -> ClockTrusted:
    """The event that makes the clock count again, as it stands now."""
    mark = journal.house.clock.mark()
    return ClockTrusted(by=by, channel=channel, boot=mark.boot, up=mark.up)
