"""A first part of the deaths of `steward up`, and that what counts them would see what it looks for."""

import json
import random
import shutil

import pytest

from engine.testing.scenario import PROVIDER_FILE
from tests.campaigns import upping


@pytest.mark.slow
def test_a_few_deaths_of_up_lose_and_double_nothing_and_every_planted_fault_is_found(tmp_path):
    with upping.world(tmp_path) as made:
        made.write(random.Random(0))
        made.save(random.Random(0))
        for index in range(3):
            made.live(random.Random(index))
        made.finish()
        assert list(made.violations()) == []

        made.letters.add("nobody@example.org")
        made.files.add(("forms/gone.csv", "0" * 64))
        assert {"lost: letter nobody@example.org", "nobody@example.org was thanked 0 times"} <= set(
            made.violations()
        )
        assert "lost: file ('forms/gone.csv', '" + "0" * 64 + "')" in set(made.violations())
        made.letters.remove("nobody@example.org")
        made.files.remove(("forms/gone.csv", "0" * 64))

        sent = next(path for path in (made.company.root / "outbox").rglob("*.eml"))
        again = sent.with_name("again.eml")
        shutil.copy(sent, again)
        assert any("was thanked 2 times" in one or "was answered 2 times" in one for one in made.violations())
        again.unlink()

        books = made.company.folder / PROVIDER_FILE
        whole = books.read_text()
        done = next(one for one in whole.splitlines() if json.loads(one)["what"] == "effect")
        books.write_text(f"{whole}{done}\n")
        assert any(one.startswith("duplicate:") for one in made.violations())
        books.write_text(whole)
        assert list(made.violations()) == []
