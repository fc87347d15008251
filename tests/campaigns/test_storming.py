"""The storm is counted by the provider: a call before its time is seen there, whatever the engine wrote down."""

from datetime import UTC, datetime, timedelta

from engine.testing.provider import Provider, ask

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def perform(provider: Provider) -> None:
    ask(provider.address, {"do": "perform", "mode": "idempotent", "key": "k", "body": "b", "pid": 0})


def test_a_call_before_the_time_it_asked_for_is_seen(tmp_path):
    with Provider.start(tmp_path / "books.jsonl") as provider:
        provider.keep_time(NOW)
        provider.behave("429", times=1, wait_seconds=60.0)
        perform(provider)
        provider.keep_time(NOW + timedelta(seconds=10))
        perform(provider)

        assert provider.early() == [50.0]


def test_a_call_at_the_very_moment_is_in_time(tmp_path):
    with Provider.start(tmp_path / "books.jsonl") as provider:
        provider.keep_time(NOW)
        perform(provider)
        provider.behave("429", times=2, wait_seconds=60.0)
        perform(provider)
        provider.keep_time(NOW + timedelta(seconds=60))
        perform(provider)
        provider.keep_time(NOW + timedelta(seconds=120))
        perform(provider)

        assert provider.early() == []
