"""Forty mistakes of forty kinds, each with a printed fix: all fixes applied as printed leave a clean workspace."""

from pathlib import Path

from engine.language.diagnostics.render import text
from engine.model.definitions.diagnostics import Severity
from tests.unit.language.mending import mended
from tests.unit.language.trees import compiled

GOLDEN = Path(__file__).parents[2] / "golden" / "compile"
WANTED = 40
OTHERS: dict[str, tuple[str, str]] = {
    "SW050": ("vault/intents/a.yaml", "fair: { mean: Wants a stand at a fair, rules: [trade fair] }\n"),
    "SW052": ("vault/intents/b.yaml", "press: { means: Wants an interview, rules: interview }\n"),
    "SW072": ("vault/policy.yaml", "always-ask: [payment, legal]\ndeny: [email/replay]\n"),
    "SW082": ("vault/templates/list.md", "---\nvalues: { rows: [text] }\n---\n${{ for row in rows }}\n${{ row }}\n"),
    "SW111": (
        "playbooks/sw111.yaml",
        ("name: Case\non: { manual: {} }\ninputs: { note?: text }\nsteps:\n"
        '  - { id: tell, uses: notify/me, with: { text: "So ${{ inputs.note }}" } }\n'),
    ),
    "SW212": (
        "playbooks/sw212.yaml",
        ("name: Case\non: { manual: {} }\ninputs: { rows: [{ id: text }] }\nsteps:\n"
        '  - { id: tell, foreach: "${{ inputs.rows }}", uses: notify/me, with: { text: "${{ item.id }}" } }\n'),
    ),
}  # fmt: skip
"""Mistakes in other files, and of kinds whose golden case has more than one."""


def seeded() -> dict[str, tuple[str, bytes]]:
    """Code → (path, file) of one case each: a file of its own with exactly one error, for which a fix is printed."""
    found: dict[str, tuple[str, bytes]] = {}
    for case in sorted(GOLDEN.glob("sw*")):
        code = case.name[:5].upper()
        for source, place in (("playbook.yaml", "playbooks/{}.yaml"), ("sop.md", "vault/sops/{}.md")):
            if code in found or not (case / source).exists() or (case / "tree").exists():
                continue
            path, data = place.format(case.name[:5]), (case / source).read_bytes()
            alone = compiled({path: data}).diagnostics
            if [one.code for one in alone] == [code] and alone[0].fix and alone[0].severity is Severity.ERROR:
                found[code] = (path, data)
    return found | {code: (path, data.encode()) for code, (path, data) in OTHERS.items()}


def test_forty_printed_fixes_leave_a_clean_workspace():
    cases = dict(list(seeded().items())[-WANTED:])
    assert len(cases) == WANTED
    files = dict(cases.values())
    before = compiled(files)
    assert sorted(one.code for one in before.diagnostics) == sorted(cases), "\n".join(
        map(text, before.diagnostics)
    )
    places = {one.code: (one.span.path, one.span.line, one.span.column) for one in before.diagnostics}
    alone = {
        code: next(
            (one.span.path, one.span.line, one.span.column) for one in compiled({path: data}).diagnostics
        )
        for code, (path, data) in cases.items()
    }
    assert places == alone

    for one in before.diagnostics:
        files[one.span.path] = mended(files[one.span.path], one)

    after = compiled(files)
    assert after.diagnostics == (), "\n".join(map(text, after.diagnostics))
    assert after.broken == frozenset()
    wanted = {Path(path).stem for path in files if path.startswith(("playbooks/", "vault/sops/"))}
    assert set(after.plans) == wanted
