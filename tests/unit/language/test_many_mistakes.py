"""Forty mistakes of forty kinds in one workspace give forty diagnostics, each where it belongs."""

import os
import subprocess
import sys
from pathlib import Path

from engine.language.diagnostics.render import text
from engine.model.definitions.diagnostics import Severity
from tests.unit.language.trees import compiled

GOLDEN = Path(__file__).parents[2] / "golden" / "compile"
WANTED = 40


def seeded() -> dict[str, Path]:
    """One case per code: a single playbook, no other file, exactly one error when compiled alone."""
    found: dict[str, Path] = {}
    for case in sorted(GOLDEN.glob("sw*")):
        source = case / "playbook.yaml"
        if not source.exists() or (case / "tree").exists() or case.name[:5] in found:
            continue
        alone = compiled({"playbooks/case.yaml": source.read_bytes()}).diagnostics
        if len(alone) == 1 and alone[0].severity is Severity.ERROR:
            found[case.name[:5]] = source
    return dict(list(found.items())[:WANTED])


def test_forty_mistakes_give_exactly_forty_diagnostics_at_their_places():
    """Same code, line and column as alone; none is hidden by another, none is added."""
    cases = seeded()
    assert len(cases) == WANTED
    files = {f"playbooks/{code}.yaml": source.read_bytes() for code, source in cases.items()}
    expected = {}
    for code, source in cases.items():
        (alone,) = compiled({"playbooks/case.yaml": source.read_bytes()}).diagnostics
        expected[f"playbooks/{code}.yaml"] = (alone.code, alone.span.line, alone.span.column)
    found = compiled(files).diagnostics
    assert len(found) == WANTED, "\n".join(map(text, found))
    assert {one.span.path: (one.code, one.span.line, one.span.column) for one in found} == expected
    assert len({one.code for one in found}) == WANTED


def test_mistakes_at_one_place_always_stand_in_one_order():
    """Whatever the process's hash seed is: what `check` prints can be compared."""
    code = (
        "from tests.unit.language.trees import compiled\n"
        "found = compiled({'playbooks/case.yaml': b'stage: approval\\n'}).with_diagnostics(())\n"
        "print([one.message for one in found.diagnostics])"
    )
    root = Path(__file__).parents[3]
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1
