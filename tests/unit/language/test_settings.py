from decimal import Decimal
from pathlib import Path

import pytest

from engine.language import settings
from engine.model.config import Config, Person, SecretRef
from engine.model.span import Severity
from tests.unit.language.mending import codes, mended

OPERATOR = b"operator: { name: Robin Park, email: robin@example.com }\n"
STARTER = Path(__file__).parents[3] / "steward.yaml"


def parse(text: str, **more):
    return settings.parse("steward.yaml", OPERATOR + text.encode(), **more)


def test_the_starter_is_read():
    config, diagnostics = settings.parse("steward.yaml", STARTER.read_bytes())

    assert diagnostics == ()
    assert config == Config(
        operator=Person(id="operator", name="Robin Park", email="robin@example.com"),
        time_zone="Europe/Warsaw",
        budget_usd_per_day=Decimal(3),
        budget_usd_per_month=Decimal(40),
    )


def test_everything_an_operator_may_write():
    config, diagnostics = parse(
        "id: 3f9c1e0a7b52\n"
        "deploy: live\n"
        "currency: PLN\n"
        "people: { partner: { name: A Partner, ask: email, address: partner@example.com } }\n"
        "secrets: [keyring, env]\n"
        "connectors:\n"
        '  email: { host: mail.example.com, port: 587, tls: true, password: "${{ secrets.MAIL }}", boxes: { a: INBOX/a } }\n'
    )

    assert diagnostics == ()
    assert config is not None
    assert (config.id, config.deploy, config.currency) == ("3f9c1e0a7b52", "live", "PLN")
    assert config.people == (Person(id="partner", name="A Partner", email="partner@example.com"),)
    assert config.secrets == ("keyring", "env")
    assert config.connector("email") == {
        "host": "mail.example.com",
        "port": 587,
        "tls": True,
        "password": SecretRef(name="MAIL"),
        "boxes": {"a": "INBOX/a"},
    }


def test_words_that_look_like_numbers_stay_words():
    config, _ = parse("id: 0123456789\npeople: { no: { name: 010 } }\n")

    assert config is not None
    assert (config.id, config.people[0].name) == ("0123456789", "010")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("time_zone: Europe/Warsaw\n", "SW050"),
        ("budget: { usd-per-dya: 3 }\n", "SW050"),
        ('budget: { usd-per-day: "3" }\n', "SW052"),
        ("secrets: env\n", "SW052"),
        ("time-zone: Warsaw\n", "SW053"),
        ("secrets: [environ]\n", "SW053"),
        ("people: { partner: { name: A Partner, ask: emial } }\n", "SW053"),
        ("connectors: { email: { password: hunter2 } }\n", "SW055"),
        ('connectors:\n  email:\n    password: "hunter2"\n', "SW055"),
    ],
)
def test_the_printed_fix_removes_the_diagnostic(text, code):
    _, diagnostics = parse(text)
    assert codes(diagnostics) == [code]

    _, after = settings.parse("steward.yaml", mended(OPERATOR + text.encode(), diagnostics[0]))

    assert after == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("tea: green\n", "SW050"),
        ("budget: 3\n", "SW052"),
        ("people: [partner]\n", "SW052"),
        ("deploy:\n", "SW052"),
        ("connectors: { email: now }\n", "SW052"),
        ("budget: { usd-per-day: -1 }\n", "SW053"),
        ("currency: euro\n", "SW053"),
        ("id: ../../etc\n", "SW053"),
        ("id: a\n", "SW053"),
        ("deploy: a..b\n", "SW053"),
        ("deploy: --force\n", "SW053"),
        ("time-zone: ../Warsaw\n", "SW053"),
        ("time-zone: Mars/Olympus\n", "SW053"),
        ("people: { A Partner: { name: A } }\n", "SW053"),
        ("people: { partner: { name: A, address: nobody } }\n", "SW053"),
        ("people: { partner: {} }\n", "SW051"),
        ('deploy: "${{ secrets.BRANCH }}"\n', "SW054"),
        ('connectors: { email: { host: "${{ secrets.A }}.example.com" } }\n', "SW054"),
        ('connectors: { email: { host: "${{ event.from }}" } }\n', "SW054"),
        ('people: { partner: { name: "${{ secrets.A }}" } }\n', "SW054"),
        ("people: { operator: { name: A } }\n", "SW060"),
    ],
)
def test_what_is_refused(text, code):
    config, diagnostics = parse(text)

    assert codes(diagnostics) == [code]
    assert config is None
    assert diagnostics[0].source


@pytest.mark.parametrize("text", ["", "deploy: main\n", "operator: Robin\n", "operator: { name: Robin }\n"])
def test_there_is_always_an_operator_with_an_address(text):
    config, diagnostics = settings.parse("steward.yaml", text.encode())

    assert config is None
    assert diagnostics


def test_models_are_understood_and_said_to_change_nothing():
    config, diagnostics = parse('models: { default: { uses: openai, key: "${{ secrets.OPENAI_KEY }}" } }\n')

    assert config is not None
    assert [(one.code, one.severity) for one in diagnostics] == [("SW056", Severity.WARNING)]


def test_a_secret_is_looked_for_in_models_too():
    config, diagnostics = parse('models: { default: { key: "sk-${{ secrets.OPENAI_KEY }}" } }\n')

    assert config is None
    assert codes(diagnostics) == ["SW056", "SW054"]


def test_a_connector_that_does_not_exist_is_named():
    config, diagnostics = parse("connectors: { emial: { host: a } }\n", connectors=("email", "files"))

    assert config is None
    assert diagnostics[0].hint == "did you mean `email`?"


def test_everything_wrong_is_found_in_one_pass():
    _, diagnostics = settings.parse("steward.yaml", b"operater: {}\ntime-zone: Warsaw\nbudget: []\n")

    assert codes(diagnostics) == ["SW050", "SW051", "SW053", "SW052"]


def test_what_is_no_yaml_is_left_to_the_reader():
    config, diagnostics = settings.parse("steward.yaml", b"a: [")

    assert config is None
    assert codes(diagnostics) == ["SW007"]
