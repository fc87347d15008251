"""A provider that asks to wait is left alone for as long as it asked, counted by the provider; then it is called, and not much later."""

from datetime import timedelta

import pytest

LOW = """\
name: low
stage: approval
on: { manual: {} }
steps:
  - id: tell
    uses: provider/idempotent
    with: { text: hello }
"""
SECOND = timedelta(seconds=1)


def calls(provider) -> int:
    return provider.asked()["perform"]


@pytest.mark.parametrize("seconds", [30, 60, 600, 3600])
def test_nobody_calls_before_the_time_it_asked_for(seconds, supplied, provider):
    company = supplied(low=LOW)
    provider.behave("429", times=1, wait_seconds=float(seconds))
    company.ask("start", target="low", body={"inputs": {}}, quietly=True)
    assert calls(provider) == 1

    company.clock.advance(timedelta(seconds=seconds) - SECOND)
    company.run(quietly=True)
    early = calls(provider)
    company.clock.advance(timedelta(seconds=seconds / 2) + 2 * SECOND)
    company.run(quietly=True)
    company.run(quietly=True)

    assert early == 1
    assert calls(provider) == 2
    assert [run.status for run in company.runs()] == ["succeeded"]


def test_the_time_it_asks_for_the_second_time_counts_too(supplied, provider):
    company = supplied(low=LOW)
    provider.behave("429", times=2, wait_seconds=300.0)
    company.ask("start", target="low", body={"inputs": {}}, quietly=True)
    seen = []
    for wait in (299, 150, 299, 300):
        company.clock.advance(timedelta(seconds=wait))
        company.run(quietly=True)
        company.run(quietly=True)
        seen.append(calls(provider))

    assert seen == [1, 2, 2, 3]
    assert [run.status for run in company.runs()] == ["succeeded"]


def test_ten_runs_wait_behind_one_answer(supplied, provider):
    """Those that meet the wait don't call to be told the same."""
    company = supplied(low=LOW)
    provider.behave("429", times=1, wait_seconds=60.0)
    for _ in range(10):
        company.ask("start", target="low", body={"inputs": {}}, quietly=True)
    company.clock.advance(59 * SECOND)
    company.run(quietly=True)

    assert calls(provider) == 1
    company.later(timedelta(minutes=5))
    company.later(timedelta(minutes=5))
    assert calls(provider) == 11
    assert {run.status for run in company.runs()} == {"succeeded"}
