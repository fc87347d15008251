from decimal import Decimal
from pathlib import Path

import pytest

from engine.language.documents import settings
from engine.model.definitions.settings import Config, MemoryConfig, ModelConfig, Person, SecretRef
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
        "people: { partner: { name: A Partner, address: partner@example.com } }\n"
        "secrets: [op, keyring, env]\n"
        "connectors:\n"
        '  email: { host: mail.example.com, port: 587, password: "${{ secrets.MAIL }}", mailboxes: { a: INBOX/a } }\n'
        "  stripe: { live: true }\n"
    )

    assert diagnostics == ()
    assert config is not None
    assert (config.id, config.deploy, config.currency) == ("3f9c1e0a7b52", "live", "PLN")
    assert config.people == (Person(id="partner", name="A Partner", email="partner@example.com"),)
    assert config.secrets == ("op", "keyring", "env")
    assert config.connector("email") == {
        "host": "mail.example.com",
        "port": 587,
        "password": SecretRef(name="MAIL"),
        "mailboxes": {"a": "INBOX/a"},
    }
    assert config.connector("stripe") == {"live": True}


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
        ("connectors: { email: { password: hunter2 } }\n", "SW055"),
        ("models: { default: { uses: openai, model: m, key: sk-abc123 } }\n", "SW056"),
        ("models: { default: { uses: opneai, model: m } }\n", "SW053"),
        ('connectors:\n  email:\n    password: "hunter2"\n', "SW055"),
        ("connectors: { email: { hots: mail.example.com } }\n", "SW050"),
        ("connectors: { email: { imap-tls: sssl } }\n", "SW053"),
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
        ("people: { partner: { name: A Partner, ask: email } }\n", "SW057"),
        ("people: { partner: { name: A Partner, ask: emial } }\n", "SW057"),
        ("people: { partner: { name: A Partner, ask: null } }\n", "SW057"),
        ("people: { partner: { name: A Partner, ask: [email, post] } }\n", "SW057"),
        ("deploy:\n", "SW052"),
        ("connectors: { email: now }\n", "SW052"),
        ("connectors: { email: { sent: maybe } }\n", "SW053"),
        ("connectors: { email: { imap-port: 70000 } }\n", "SW053"),
        ("connectors: { email: { since: last week } }\n", "SW053"),
        ("connectors: { email: { mailboxes: [INBOX] } }\n", "SW052"),
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


def test_models_are_read_as_written():
    config, diagnostics = parse(
        "models:\n"
        '  default: { uses: openai, model: gpt-5-mini, key: "${{ secrets.OPENAI_KEY }}" }\n'
        "  small:\n"
        "    uses: openai\n"
        "    model: llama-3\n"
        "    base-url: http://127.0.0.1:11434/v1\n"
        "    usd-per-million: { in: 0.25, out: 2.00 }\n"
        "    timeout: 5m\n"
    )

    assert diagnostics == ()
    assert config is not None
    assert config.models == (
        ModelConfig(name="default", uses="openai", model="gpt-5-mini", key=SecretRef(name="OPENAI_KEY")),
        ModelConfig(
            name="small",
            uses="openai",
            model="llama-3",
            base_url="http://127.0.0.1:11434/v1",
            usd_per_million_in=Decimal("0.25"),
            usd_per_million_out=Decimal("2.00"),
            timeout=300,
        ),
    )
    assert config.model("small") == config.models[1]
    assert config.model("large") is None
    assert config.secret_names() == {"OPENAI_KEY"}


def test_the_way_a_model_is_asked_is_read_as_written():
    config, diagnostics = parse(
        "models:\n"
        "  default: { uses: openai, model: m, temperature: none, max-tokens: 4000 }\n"
        "  warm: { uses: openai, model: m, temperature: 0.7, parameters: { reasoning_effort: low, top_p: 0.9, seed: 7, provider: { order: [a, b] } } }\n"
    )

    assert diagnostics == ()
    assert config is not None
    plain, warm = config.models
    assert (plain.temperature, plain.max_tokens, plain.parameters) == (None, 4000, ())
    assert (warm.temperature, warm.max_tokens) == (0.7, None)
    assert dict(warm.parameters) == {
        "reasoning_effort": "low", "top_p": 0.9, "seed": 7, "provider": {"order": ["a", "b"]},
    }  # fmt: skip


def test_memory_is_read_as_written():
    pin = "5" * 64
    config, diagnostics = parse(f"memory: {{ model: models/other, sha256: {pin} }}\n")

    assert diagnostics == ()
    assert config is not None
    assert config.memory == MemoryConfig(model="models/other", sha256=pin)


@pytest.mark.parametrize(("text", "code"), [("sha256: abc", "SW053"), ("modle: none", "SW050")])
def test_a_memory_that_can_not_be_is_refused(text, code):
    config, diagnostics = parse(f"memory: {{ {text} }}\n")

    assert codes(diagnostics) == [code]
    assert config is None


def model(text):
    return f"models: {{ default: {{ uses: openai, model: m, {text} }} }}\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("models: { default: { uses: openai } }\n", "SW051"),
        ("models: { default: { model: m } }\n", "SW051"),
        ("models: [openai]\n", "SW052"),
        ("models: { default: openai }\n", "SW052"),
        ("models: { default: { uses: carrier-pigeon, model: m } }\n", "SW053"),
        ("models: { The Best: { uses: openai, model: m } }\n", "SW053"),
        ("models: { none: { uses: openai, model: m } }\n", "SW060"),
        (model("warmth: 1"), "SW050"),
        (model("temperature: hot"), "SW052"),
        (model("temperature: 3"), "SW053"),
        (model("max-tokens: 0"), "SW053"),
        (model("max-tokens: many"), "SW052"),
        (model("parameters: [top_p]"), "SW052"),
        (model("parameters: { max_tokens: 9 }"), "SW060"),
        (model("parameters: { stream: true }"), "SW060"),
        (model('parameters: { user: "${{ secrets.X }}" }'), "SW054"),
        (model("base-url: http://models.example.com/v1"), "SW053"),
        (model("base-url: file:///etc/passwd"), "SW053"),
        (model('base-url: "${{ secrets.URL }}"'), "SW054"),
        (model('key: "sk-${{ secrets.OPENAI_KEY }}"'), "SW054"),
        (model("key: [a]"), "SW054"),
        (model("usd-per-million: { in: 0.25 }"), "SW051"),
        (model("usd-per-million: 2"), "SW052"),
        (model("usd-per-million: { in: -1, out: 2 }"), "SW053"),
        (model("timeout: soon"), "SW053"),
        (model("timeout: 0s"), "SW053"),
        (model("timeout: 2d"), "SW053"),
    ],
)
def test_a_model_that_could_not_be_asked_is_refused(text, code):
    config, diagnostics = parse(text)

    assert codes(diagnostics) == [code]
    assert config is None


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
