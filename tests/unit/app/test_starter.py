import json
import re
from email import message_from_bytes, policy
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml

import engine
from engine.app.plans import plan_view
from engine.app.reference import schema_table
from engine.app.setup import starter_files
from engine.app.workspace import snapshots
from engine.cli.verbs import VERBS
from engine.model.definitions.actions import Reach
from engine.model.definitions.plan import Stage
from engine.model.errors import PermanentError

LETTERS = sorted((Path(starter_files.__file__).parent / "letters").glob("*.eml"))


def test_a_new_workspace_has_a_file_of_every_kind():
    names = set(starter_files.files())

    assert {
        ".gitignore", ".idea/jsonSchemas.xml", ".vscode/settings.json", ".zed/settings.json", "AGENTS.md", "steward.yaml", "vault/policy.yaml",
        "playbooks/lead-capture.yaml", "vault/sops/answer-a-lead.md", "vault/agents/draft-reply.md",
        "vault/templates/got-it.md", "vault/templates/replies/unsure.md", "vault/intents/work.yaml",
        "vault/knowledge/price-list.md", "vault/knowledge/contacts/ada-winter.md", "vault/inbox/.gitkeep",
    } <= names  # fmt: skip


def test_the_starter_has_no_id_and_an_operator_at_an_example_domain():
    settings = yaml.safe_load(starter_files.files()["steward.yaml"])

    assert "id" not in settings
    assert settings["operator"]["email"].endswith("@example.com")


def test_writing_puts_id_and_operator_into_steward_yaml(tmp_path):
    starter_files.write(tmp_path, id="012345678901", operator='Zoë "Z" Ørsted: #1', email="zoe@example.org")

    settings = yaml.safe_load((tmp_path / "steward.yaml").read_text(encoding="utf-8"))
    assert settings["id"] == "012345678901"
    assert settings["operator"] == {"name": 'Zoë "Z" Ørsted: #1', "email": "zoe@example.org"}
    assert settings["time-zone"] == "Europe/Warsaw"


def test_a_line_break_in_a_name_stays_inside_the_name(tmp_path):
    starter_files.write(tmp_path, id=None, operator="Robin\nid: stolen", email=None)

    settings = yaml.safe_load((tmp_path / "steward.yaml").read_text(encoding="utf-8"))
    assert settings["operator"] == {"name": "Robinid: stolen", "email": "robin@example.com"}
    assert "id" not in settings


def test_everything_else_is_written_byte_for_byte(tmp_path):
    written = starter_files.write(tmp_path, id=None)

    assert set(written) == set(starter_files.files())
    assert {name: (tmp_path / name).read_bytes() for name in written} == starter_files.files()


def test_a_file_that_is_already_there_is_kept(tmp_path):
    (tmp_path / "steward.yaml").write_text("mine", encoding="utf-8")

    written = starter_files.write(tmp_path, id="a1")

    assert "steward.yaml" not in written
    assert (tmp_path / "steward.yaml").read_text(encoding="utf-8") == "mine"


def test_a_symlink_in_the_way_is_not_written_through(tmp_path):
    outside = tmp_path / "outside"
    room = tmp_path / "room"
    room.mkdir()
    (room / "steward.yaml").symlink_to(outside)

    starter_files.write(room, id=None)

    assert not outside.exists()


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A copy of the starter beside a package folder, as a clone has it."""
    starter_files.write(tmp_path, id=None)
    (tmp_path / "engine").mkdir()
    monkeypatch.setattr(engine, "__file__", str(tmp_path / "engine" / "__init__.py"))
    return tmp_path


def test_letters_that_lie_in_a_checkout_do_not_travel(checkout):
    (checkout / "vault/inbox/private.md").write_text("secret", encoding="utf-8")
    (checkout / "vault/.obsidian").mkdir()
    (checkout / "vault/.obsidian/workspace.json").write_text("{}", encoding="utf-8")
    (checkout / "vault/photo.jpg").write_bytes(b"jpg")

    assert not {"vault/inbox/private.md", "vault/.obsidian/workspace.json", "vault/photo.jpg"} & set(
        starter_files.files()
    )


def test_an_installed_wheel_is_read_from_its_own_copy(checkout):
    (checkout / "steward.yaml").rename(checkout / "engine" / "steward.yaml")
    (checkout / "engine/starter/playbooks").mkdir(parents=True)
    (checkout / "engine/steward.yaml").rename(checkout / "engine/starter/steward.yaml")

    assert starter_files.source() == checkout / "engine" / "starter"


def test_an_installation_without_starter_files_says_so(checkout):
    (checkout / "steward.yaml").unlink()

    with pytest.raises(PermanentError, match="no starter files") as caught:
        starter_files.files()
    assert caught.value.way_out


def test_the_editors_are_pointed_at_schemas_that_exist():
    made = starter_files.files()
    vscode = json.loads(made[".vscode/settings.json"])["yaml.schemas"]
    zed = json.loads(made[".zed/settings.json"])["lsp"]["yaml-language-server"]["settings"]["yaml"]["schemas"]

    assert vscode == zed
    assert {schema.removeprefix("./") for schema in vscode} <= set(made)


def test_no_rule_of_one_intent_stands_in_a_rule_or_example_of_another():
    intents: dict[str, dict] = {}
    for name, content in starter_files.files().items():
        if name.startswith("vault/intents/"):
            intents |= yaml.safe_load(content)

    clashes = [
        (rule, other)
        for name, intent in intents.items()
        for rule in intent["rules"]
        for other, their in intents.items()
        for text in (*their["rules"], *their["examples"])
        if other != name and f" {rule} " in f" {text.casefold().rstrip('?.')} "
    ]

    assert clashes == []


def test_every_intent_but_spam_has_a_reply():
    made = starter_files.files()
    intents = {
        key for name in made if name.startswith("vault/intents/") for key in yaml.safe_load(made[name])
    }

    assert {f"vault/templates/replies/{name}.md" for name in {*intents, "unsure"} - {"spam"}} <= set(made)


def test_there_are_fourteen_letters_and_the_last_is_the_first_one_again():
    first, last = (message_from_bytes(LETTERS[at].read_bytes(), policy=policy.default) for at in (0, -1))

    assert len(LETTERS) == 14
    assert first["message-id"] == last["message-id"]
    assert first.get_content() == last.get_content()
    assert first["received"] != last["received"]


@pytest.mark.parametrize("letter", LETTERS, ids=lambda path: path.stem)
def test_nobody_in_the_letters_is_real(letter):
    addresses = str(message_from_bytes(letter.read_bytes(), policy=policy.default)["from"])

    assert addresses.rstrip(">").endswith((".example.com", ".example.net", ".example.org"))


def test_three_editors_get_the_same_schemas():
    made = starter_files.files()
    vscode = json.loads(made[".vscode/settings.json"])["yaml.schemas"]
    tree = ET.fromstring(made[".idea/jsonSchemas.xml"])
    jetbrains = {
        one.findall("option[@name='relativePathToSchema']")[0].get("value", ""): [
            item.get("value") for item in one.findall(".//Item/option[@name='path']")
        ]
        for one in tree.iter("SchemaInfo")
    }

    assert jetbrains == {schema.removeprefix("./"): files for schema, files in vscode.items()}
    assert all(schema in made for schema in jetbrains)


def test_git_keeps_one_file_of_jetbrains_and_none_of_the_rest():
    lines = starter_files.files()[".gitignore"].decode().splitlines()

    assert lines.index(".idea/*") < lines.index("!.idea/jsonSchemas.xml")


AGENTS = starter_files.AGENTS.read_text(encoding="utf-8")
EXAMPLE = AGENTS.partition("```yaml\n")[2].partition("```")[0]


def test_a_new_workspace_tells_coding_agents_how_to_write(tmp_path):
    starter_files.write(tmp_path, id=None)

    assert (tmp_path / "AGENTS.md").read_text(encoding="utf-8") == AGENTS


def test_the_example_for_coding_agents_compiles_in_a_new_workspace_and_does_what_the_page_says(tmp_path):
    starter_files.write(tmp_path, id=None)
    (tmp_path / "playbooks/partner-letters.yaml").write_text(EXAMPLE, encoding="utf-8")
    now = snapshots.from_folder(tmp_path)
    plan = now.compiled.plans["partner-letters"]
    seen = plan_view.analyze(plan, policy=now.policy, unsaid=plan_view.implicit_order(plan, now.tree))
    rows = {row.node.id: row for row in seen.rows}

    assert {one.code for one in now.compiled.diagnostics} == {"SW307"}
    assert "partner-letters" not in {Path(one.span.path).stem for one in now.compiled.diagnostics}
    assert (rows["who"].after, rows["notes"].after) == ((), ())
    assert {edge.step for edge in rows["draft"].after} == {"who", "notes"}
    assert plan.stage is Stage.SHADOW
    assert {row.does for row in seen.rows} == {"run", "preview"}
    assert [row.node.id for row in seen.rows if row.earlier is not None] == []


def test_above_shadow_nothing_of_the_example_leaves_unread(tmp_path):
    starter_files.write(tmp_path, id=None)
    text = EXAMPLE.replace("stage: shadow", "stage: auto")
    (tmp_path / "playbooks/partner-letters.yaml").write_text(text, encoding="utf-8")
    now = snapshots.from_folder(tmp_path)
    plan = now.compiled.plans["partner-letters"]
    seen = plan_view.analyze(plan, policy=now.policy, unsaid=frozenset())

    assert [row.node.id for row in seen.rows if row.high is not Reach.INTERNAL and row.does != "ask"] == []


def test_the_example_begins_with_the_lines_editors_read():
    first, second, *_ = EXAMPLE.splitlines()

    assert first.startswith("# yaml-language-server: $schema=")
    assert second.startswith("# $schema: ")
    assert first.rpartition("=")[2] == second.rpartition(" ")[2]


def test_the_page_for_coding_agents_names_only_verbs_and_kinds_of_file_that_exist():
    named = set(re.findall(r"`steward ([a-z]+)", AGENTS))
    kinds = set(re.findall(r"`steward schema ([a-z]+)`", AGENTS))

    assert named <= set(VERBS)
    assert kinds <= set(schema_table.file_kinds())


@pytest.mark.parametrize(
    "words",
    [
        "no secret",
        "no stage above",
        "no loosening",
        "steward check",
        "steward plan",
        "steward test",
        "order rule",
    ],
)
def test_the_page_for_coding_agents_says_what_matters(words):
    assert words in AGENTS.casefold()
