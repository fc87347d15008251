"""What a shadow run would have said, to the letter, by every verb that tells of it and on the run's page; and nothing of it left."""

import json

import pytest

from engine.cli.main import main
from engine.observe import html, run_page, today_page
from engine.testing.scenario import Scenario, letter

pytestmark = pytest.mark.slow

HEAD = "name: {name}\nstage: {stage}\non: {{ manual: {{}} }}\nsteps:\n"
NOTICE = '  - id: tell\n    uses: notify/me\n    with: { text: "Bright words" }\n'
LETTER = (
    "name: Letter\nstage: shadow\non: { email: { mailbox: leads } }\nsteps:\n  - id: write\n    uses: email/reply\n"
    '    with: { body: "Bright words\\nand a second line" }\n'
)
ITEMS = (
    '  - id: each\n    uses: notify/me\n    foreach: ["red", "green"]\n    key: ${{ item }}\n'
    '    with: { text: "Bright words, ${{ item }}" }\n'
)
HOSTILE = '  - id: tell\n    uses: notify/me\n    with: { text: "Bright words \\e[31m" }\n'
SHADOWED = NOTICE.replace("uses:", "stage: shadow\n    uses:")
PLAYBOOKS = {
    "notice": HEAD.format(name="Notice", stage="shadow") + NOTICE,
    "letter": LETTER,
    "items": HEAD.format(name="Items", stage="shadow") + ITEMS,
    "hostile": HEAD.format(name="Hostile", stage="shadow") + HOSTILE,
    "partly": HEAD.format(name="Partly", stage="approval") + SHADOWED,
}


@pytest.fixture(scope="module")
def shadows(tmp_path_factory):
    """One run in shadow of each playbook."""
    files = {f"playbooks/{name}.yaml": text for name, text in PLAYBOOKS.items()}
    company = Scenario.make(tmp_path_factory.mktemp("shadow") / "company", files=files, bare=True)
    company.drop("1", letter("A quote", "How much is it?"))
    company.run()
    for name in PLAYBOOKS.keys() - {"letter"}:
        assert company.start(name).exit == 0
    return company


@pytest.fixture
def typed(shadows, monkeypatch, capsys):
    """What a command says to a run of a playbook, in this process."""
    monkeypatch.chdir(shadows.root)
    monkeypatch.setenv("NO_COLOR", "1")
    for name, value in shadows.env.items():
        monkeypatch.setenv(name, value)

    def say(verb, playbook, *more):
        (run,) = shadows.runs(playbook)
        assert main([verb, run.id[:10], *more]) == 0
        return capsys.readouterr().out

    return say


@pytest.mark.parametrize("playbook", PLAYBOOKS)
@pytest.mark.parametrize("verb", ["show", "why", "log", "timeline"])
def test_every_verb_that_tells_of_a_run_shows_the_words(typed, verb, playbook):
    """To people and to machines."""
    said = typed(verb, playbook)
    assert "Bright words" in said
    assert "\x1b[31m" not in said
    assert "Bright words" in json.dumps(json.loads(typed(verb, playbook, "--json")))


def test_a_letter_is_shown_whole_with_whom_it_would_have_gone_to(typed):
    for verb in ("show", "why"):
        said = typed(verb, "letter")
        assert "ada@example.org" in said
        assert "A quote" in said
        assert "and a second line" in said


def test_each_item_is_shown(typed):
    said = typed("show", "items")
    assert "Bright words, red" in said
    assert "Bright words, green" in said


@pytest.mark.parametrize("playbook", PLAYBOOKS)
def test_the_page_of_the_run_shows_the_words(shadows, playbook):
    (run,) = shadows.runs(playbook)
    with today_page.look(shadows.workspace().state) as seen:
        found = run_page.of(seen, run.id[:10], anchored=0)
    page = html.compared(found.effects)
    assert "Bright words" in page
    assert "nothing left" in page
    assert "not proven" not in page
    assert {step.state for step in found.steps} == {"previewed"}


def test_nothing_left_and_what_left_is_called_nothing_of_the_sort(shadows):
    assert shadows.outbox() == {}
    assert not (shadows.root / "outbox" / "notices.log").exists()
    company = shadows
    company.commit({"playbooks/real.yaml": HEAD.format(name="Real", stage="approval") + NOTICE})
    company.start("real")
    (run,) = company.runs("real")
    with today_page.look(company.workspace().state) as seen:
        (effect,) = run_page.of(seen, run.id[:10], anchored=0).effects
    assert (effect.proposed, effect.outcome) == ("", "succeeded")
