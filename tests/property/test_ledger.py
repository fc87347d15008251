"""Whatever order of appending, buffering, flushing, interrupting and reopening: a prefix of what was tried, and a chain that holds."""

import tempfile
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.ledger import Keys, Ledger, Owner, StateDir
from engine.model.events.events import Draft, StepStarted, StepSucceeded
from engine.model.values.ids import SubjectId

AT = datetime(2026, 3, 1, tzinfo=UTC)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("buffer"), st.integers(1, 3)),
        st.tuples(st.just("append"), st.integers(1, 3)),
        st.tuples(st.just("value"), JSON),
        st.tuples(st.just("fail"), st.sampled_from(["before", "written"])),
        st.tuples(st.just("flush"), st.none()),
        st.tuples(st.just("tick"), st.integers(0, 400)),
        st.tuples(st.just("close"), st.none()),
        st.tuples(st.just("vanish"), st.none()),
    ),
    max_size=25,
)


class Interrupted(Exception):
    """The process was interrupted at a probe."""


class Machine:
    """A ledger driven by a list of actions, with a plain list as its model."""

    def __init__(self, folder: str) -> None:
        self.state = StateDir.of("w", env={"XDG_STATE_HOME": folder})
        self.tried: list[int] = []
        self.durable = 0
        self.values: dict[str, object] = {}
        self.at, self.fail = AT, ""
        self.enter()

    def enter(self) -> None:
        self.keys = Keys.open(self.state)
        owner = Owner.take(self.state)
        assert owner is not None
        self.owner = owner
        self.ledger = Ledger.open(self.state, keys=self.keys, owner=owner, probe=self.probe)

    def probe(self, point: str, /) -> None:
        if self.fail and point.startswith(f"append:{self.fail}:"):
            raise Interrupted

    def leave(self, *, cleanly: bool) -> None:
        if cleanly:
            self.durable = len(self.tried)
            self.ledger.close()
        else:
            # What a kill leaves: nothing of the buffer is written. Handles are let go, so that this process may go on.
            self.ledger._journal.batch.clear()
            self.ledger.close()
        self.owner.release()
        self.keys.close()

    def add(self, count: int, *, durable: bool) -> None:
        numbers = [len(self.tried) + n for n in range(count)]
        self.ledger.append([Draft(body=StepStarted(attempt=n)) for n in numbers], at=self.at, durable=durable)
        self.tried += numbers
        if durable:
            self.durable = len(self.tried)

    def act(self, name: str, argument: object) -> None:
        self.at += timedelta(milliseconds=argument if name == "tick" and isinstance(argument, int) else 1)
        match name, argument:
            case "buffer", int():
                self.add(argument, durable=False)
            case "append", int():
                self.add(argument, durable=True)
            case "value", _:
                id_ = self.ledger.seal(argument, self.subject())
                self.values[id_] = argument
                body = StepSucceeded(attempt=len(self.tried), outputs=id_)
                self.ledger.append([Draft(body=body)], at=self.at, durable=True)
                self.tried.append(len(self.tried))
                self.durable = len(self.tried)
            case "fail", str():
                self.fail = argument
                try:
                    self.ledger.append([Draft(body=StepStarted(attempt=-1))], at=self.at, durable=True)
                except Interrupted:
                    pass
                self.fail = ""
            case "flush", _:
                self.ledger.flush()
                self.durable = len(self.tried)
            case "tick", _:
                self.ledger.tick(self.at)
                self.durable = max(self.durable, self.ledger.head()[0])
            case _:
                self.leave(cleanly=name == "close")
                self.enter()
                seen = self.attempts()
                assert len(seen) >= self.durable
                del self.tried[len(seen) :]
                self.durable = len(seen)

    def subject(self) -> SubjectId:
        return self.keys.subject(f"person {len(self.tried) % 3}")

    def attempts(self) -> list[int]:
        return [
            one.body.attempt
            for one in self.ledger.events()
            if isinstance(one.body, StepStarted | StepSucceeded)
        ]


@settings(max_examples=60, deadline=None)
@given(ACTIONS)
def test_any_history_gives_a_prefix_and_a_chain_that_holds(actions):
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(folder)
        try:
            for name, argument in actions:
                machine.act(name, argument)
                assert machine.attempts() == machine.tried
            assert machine.ledger.head()[0] >= machine.durable
            assert machine.ledger.verify().ok
            for id_, value in machine.values.items():
                assert machine.ledger.unseal(id_) == value
        finally:
            machine.leave(cleanly=True)
