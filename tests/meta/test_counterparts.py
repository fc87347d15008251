"""A missing counterpart is NOT RUN by hand and a failure where everything must be there."""

import pytest
from _pytest.outcomes import Skipped

from tests.counterparts import REQUIRED, need, need_module


def test_what_is_there_goes_on(monkeypatch):
    monkeypatch.setenv(REQUIRED, "1")
    need("/usr/bin/server", "a server")
    need_module("json.decoder")


def test_what_is_missing_is_said_and_left_out(monkeypatch, capsys):
    monkeypatch.delenv(REQUIRED, raising=False)
    with pytest.raises(Skipped, match="NOT RUN: needs a server"):
        need(None, "a server")
    with pytest.raises(Skipped):
        need_module("no_such_module.below")
    assert capsys.readouterr().err.splitlines() == [
        "NOT RUN: needs a server",
        "NOT RUN: needs no_such_module.below",
    ]


def test_where_everything_must_be_there_it_fails(monkeypatch):
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(pytest.fail.Exception, match="needs a server"):
        need(None, "a server")
    with pytest.raises(pytest.fail.Exception):
        need_module("no_such_module")


def test_what_nothing_can_install_is_left_out_even_there(monkeypatch):
    monkeypatch.setenv(REQUIRED, "1")
    with pytest.raises(Skipped):
        need("", "a corpus", by_hand=True)
