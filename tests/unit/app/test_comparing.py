from pathlib import Path

import pytest

from engine.app.plans import plan_diff
from engine.app.setup.starter_files import files
from engine.app.workspace import snapshots
from engine.model.errors import UsageError
from engine.vault import commit_all, init_repository
from tests.unit.language.trees import MemoryTree

FILES = files()
LEAD = "playbooks/lead-capture.yaml"


def moment(
    swaps: dict[str, tuple[str, str]] | None = None,
    name: str = "now",
    more: dict[str, bytes | None] | None = None,
) -> snapshots.Moment:
    made: dict[str, bytes] = dict(FILES)
    for path, (old, new) in (swaps or {}).items():
        assert old in made[path].decode(), old
        made[path] = made[path].decode().replace(old, new).encode()
    for path, data in (more or {}).items():
        if data is None:
            del made[path]
        else:
            made[path] = data
    return snapshots.snapshot_at(MemoryTree(made), name)


def text(found: plan_diff.Comparison) -> str:
    return "\n".join(sign + line for sign, line in plan_diff.lines(found))


def test_nothing_differs_from_itself():
    found = plan_diff.compare(moment(), moment())

    assert (found.settings, found.playbooks, found.words) == ((), (), ())
    assert "nothing that is compiled differs" in text(found)


def test_layout_and_comments_are_no_difference():
    found = plan_diff.compare(moment(), moment({LEAD: ("budget:", "# money\nbudget:   ")}))

    assert found.playbooks == ()


def test_lengths_and_what_is_new_or_gone_are_said_in_words():
    """Programs read seconds; people read 2d."""
    before = moment({LEAD: ("timeout: 30s", "timeout: 90s")}) if b"timeout: 30s" in FILES[LEAD] else moment()
    slow = FILES[LEAD].decode().replace("uses: intent/resolve", "uses: intent/resolve\n    timeout: 2h")
    after = moment(more={LEAD: slow.encode()})
    said = text(plan_diff.compare(before, after))
    assert "timeout: 10m → 2h" in said
    assert "seconds" not in said
    assert "  ~ step" in said


def test_a_playbook_that_compiles_again_is_mended_and_not_added():
    broken = moment(more={"playbooks/odd.yaml": b"name: Odd\n"}, name="broken")
    good = b"name: Odd\non: { manual: {} }\nsteps:\n  - { id: tell, uses: notify/me, with: { text: x } }\n"
    found = plan_diff.compare(broken, moment(more={"playbooks/odd.yaml": good}))
    assert "odd  (playbooks/odd.yaml)  mended" in text(found)
    assert "odd  (playbooks/odd.yaml)  added" in text(
        plan_diff.compare(moment(), moment(more={"playbooks/odd.yaml": good}))
    )


def test_authority_comes_first_then_steps_then_words():
    after = moment({
        LEAD: ("    gate: nudge\n", ""),
        "vault/policy.yaml": ("[payment, legal]", "[payment]"),
        "vault/templates/got-it.md": ("thank you", "many thanks"),
    })  # fmt: skip
    after = snapshots.snapshot_at(
        MemoryTree({
            **{path: after.tree.read(path) for path, _ in after.tree.paths()},
            LEAD: after.tree.read(LEAD).replace(b"  nudge: { title: Reminder, expires-after: 2d }\n", b"").replace(b"3d }", b"4d }"),
        }),
        "after",
    )  # fmt: skip
    found = text(plan_diff.compare(moment(), after))

    order = [
        "2 changes raise authority",
        "▲ always-ask: legal is gone",
        "~ lead-capture  (playbooks/lead-capture.yaml)  changed",
        "▲ follow-up: gate nudge is gone",
        "~ step answer  until: 3d → 4d",
        "~ step follow-up  does: ask → run",
        "- gate nudge  covers follow-up",
        "~ vault/templates/got-it.md  changed  used by lead-capture",
        "+many thanks",
    ]
    places = [found.index(one) for one in order]
    assert places == sorted(places)


def test_a_new_a_removed_and_a_broken_playbook():
    copy = FILES[LEAD]
    new = plan_diff.compare(moment(), moment(more={"playbooks/two.yaml": copy}))
    gone = plan_diff.compare(moment(more={"playbooks/two.yaml": copy}), moment())
    bad = plan_diff.compare(moment(), moment({LEAD: ("steps.who.outputs", "steps.whom.outputs")}))

    assert [(one.id, one.status) for one in new.playbooks] == [("two", "added")]
    assert {one.kind for one in new.rises} >= {"stage", "action", "trigger"}
    assert [(one.id, one.status) for one in gone.playbooks] == [("two", "removed")]
    assert gone.rises == ()
    assert [(one.id, one.status) for one in bad.playbooks] == [("lead-capture", "broken")]
    assert "does not compile" in text(bad)


def test_a_file_only_some_playbook_reads_is_said_once_with_its_users():
    found = plan_diff.compare(
        moment(), moment({"vault/templates/services-agreement.md": ("\n---\n", "\n---\nNew.\n")})
    )

    assert found.playbooks == ()
    assert [(one.path, one.used_by) for one in found.words] == [
        ("vault/templates/services-agreement.md", ("lead-capture", "quote-to-contract"))
    ]


def test_a_long_change_of_words_is_cut_and_says_so():
    after = moment(more={"vault/templates/got-it.md": FILES["vault/templates/got-it.md"] + b"more\n" * 60})
    (found,) = plan_diff.compare(moment(), after).words

    assert len(found.lines) < 20
    assert found.more > 40


def test_json_has_the_same_in_it():
    found = plan_diff.to_json(
        plan_diff.compare(moment(), moment({LEAD: ("stage: approval", "stage: auto")}, "later"))
    )

    assert (found["before"], found["after"], found["raises-authority"]) == ("now", "later", True)
    (one,) = found["playbooks"]
    assert one["changes"][0] | {"text": ""} == {
        "kind": "stage", "raises": True, "where": "", "before": "approval", "after": "auto", "text": "",
    }  # fmt: skip
    assert one["digests"]["before"] != one["digests"]["after"]


def test_a_commit_without_settings_is_compared_all_the_same():
    found = plan_diff.compare(moment(more={"steward.yaml": None}), moment())

    assert {one.kind for one in found.settings} >= {"recipient"}


def test_a_commit_is_found_by_branch_tag_and_id_and_the_folder_is_another_moment(tmp_path: Path):
    for path, data in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(data)
    init_repository(tmp_path, "R", "r@example.com")
    id_ = commit_all(tmp_path, "one")
    (tmp_path / LEAD).write_bytes(FILES[LEAD].replace(b"stage: approval", b"stage: auto"))

    assert snapshots.from_commit(tmp_path, "main").tree.commit == id_
    assert snapshots.from_commit(tmp_path, id_[:10]).name == id_[:10]
    found = plan_diff.compare(snapshots.from_commit(tmp_path, "main"), snapshots.from_folder(tmp_path))
    assert [one.text for one in found.rises][:1] == ["stage approval → auto"]
    assert found.before == f"main ({id_[:8]})"
    with pytest.raises(UsageError, match="no branch, tag or commit 'nowhere'"):
        snapshots.from_commit(tmp_path, "nowhere")
