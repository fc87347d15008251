"""What `check` holds the settings, the policy and the agents of a whole workspace to: everything there is."""

import pytest

from engine.app import composition
from engine.app.workspace import check
from engine.app.workspace.action_catalog import declared
from engine.app.workspace.workspace import read_config
from engine.model.errors import EngineError
from engine.model.values.paths import SETTINGS
from tests.unit.language.mending import mended
from tests.unit.language.trees import STARTER, MemoryTree

OPERATOR = b"operator: { name: Robin Park, email: robin@example.com }\n"
AGENT = b"---\ndescription: Writes.\noutputs: { text: text }\nmodel: %s\n---\nWrite.\n"


def workspace(path, data):
    return check.compile_tree(MemoryTree({**STARTER, SETTINGS: OPERATOR, path: data})).diagnostics


@pytest.mark.parametrize(
    ("path", "data", "code"),
    [
        (SETTINGS, OPERATOR + b"connectors: { emial: { host: a } }\n", "SW050"),
        ("vault/policy.yaml", b"deny: [email/replay]\n", "SW072"),
        ("vault/policy.yaml", b"deny: [agent/draft-relpy]\n", "SW072"),
        ("vault/policy.yaml", b"caps:\n  - { action: payments/requset, each: 5 EUR }\n", "SW072"),
        ("vault/policy.yaml", b"may-run:\n  - { action: stripe/refnud, up-to: 5 EUR, per-day: 9 EUR }\n", "SW072"),
        ("vault/agents/writer.md", AGENT % b"defualt", "SW090"),
    ],
)  # fmt: skip
def test_a_misspelt_name_is_said_with_the_nearest_one(path, data, code):
    (found,) = workspace(path, data)
    assert (found.code, found.span.path) == (code, path)

    assert workspace(path, mended(data, found)) == ()


def test_a_policy_may_name_an_agent_of_the_workspace_and_what_is_declared_only():
    policy = b"deny: [agent/writer]\ncaps:\n  - { action: stripe/refund, each: 500 EUR }\n"

    files = {
        **STARTER, SETTINGS: OPERATOR, "vault/policy.yaml": policy, "vault/agents/writer.md": AGENT % b"none"
    }  # fmt: skip

    assert check.compile_tree(MemoryTree(files)).diagnostics == ()


def test_an_agent_may_ask_any_model_of_the_settings():
    models = b"models: { fast: { uses: openai, model: m } }\n"
    files = {**STARTER, SETTINGS: OPERATOR + models, "vault/agents/writer.md": AGENT % b"fast"}

    assert check.compile_tree(MemoryTree(files)).diagnostics == ()


def test_a_deployed_policy_about_an_action_that_is_not_there_lets_nothing_leave():
    tree = MemoryTree({"vault/policy.yaml": b"deny: [email/replay]\n"})

    with pytest.raises(EngineError) as refused:
        composition.policy_of(tree, declared())

    assert refused.value.code == "policy"
    assert refused.value.way_out == "steward check"


def test_a_deployed_policy_knows_the_workspaces_agents():
    tree = MemoryTree(
        {"vault/policy.yaml": b"deny: [agent/writer]\n", "vault/agents/writer.md": AGENT % b"none"}
    )

    assert composition.policy_of(tree, declared()).deny == ("agent/writer",)


def test_deployed_settings_of_no_connector_are_refused_and_a_hint_is_not():
    data = {SETTINGS: OPERATOR + b"deploy: live\nconnectors: { emial: { host: a } }\n"}

    with pytest.raises(EngineError, match=r"steward\.yaml can't be used"):
        read_config(data, strict=True)
    assert read_config(data, strict=False).deploy == "live"
