"""test: the scenario tests of the working folder."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.cli.output import colour, err, out, put_json
from engine.model.errors import UsageError
from engine.vault import find_root

if TYPE_CHECKING:
    from engine.testing.cases.suite import CaseResult, TestFile


def test(args: argparse.Namespace) -> int:
    """Run every case, or those of one playbook; exit 1 when one fails."""
    from engine.language.diagnostics import render
    from engine.testing.cases import report
    from engine.testing.cases.suite import Tests

    tests = Tests(find_root(Path.cwd()))
    files = tests.files()
    chosen = tuple(file for file in files if not args.name or args.name in {file.playbook, file.name})
    if args.name and not chosen:
        known = ", ".join(dict.fromkeys(file.name for file in files)) or "none"
        raise UsageError(f"there is no test of {args.name}; there are: {known}", way_out="steward test")
    color = render.wants_color(os.environ, terminal=sys.stdout.isatty())
    results = []
    for file in chosen:
        for case in file.runnable:
            results.append(tests.run(file, case))
            if not args.json:
                _tell(results[-1], file, color=color)
    wrong = [file for file in chosen if file.wrong]
    coverage = tests.coverage(chosen)
    failed = sum(not result.passed for result in results)
    if args.json:
        payload = report.to_json(tuple(results), coverage)
        diagnostics = [render.to_json(diagnostic) for file in chosen for diagnostic in file.diagnostics]
        put_json("test", {**payload, "diagnostics": diagnostics})
    else:
        for file in chosen:
            for diagnostic in file.diagnostics:
                out(render.text(diagnostic, color=color))
        for covered in coverage:
            out("\n".join(report.covered(covered)))
        unread = f", {len(wrong)} files can't be read" if wrong else ""
        err(f"{len(results) - failed} passed, {failed} failed{unread}")
    return 1 if failed or wrong else 0


def _tell(result: "CaseResult", file: "TestFile", *, color: bool) -> None:
    from engine.testing.cases import report

    mark = colour("✓", "green") if result.passed else colour("✗", "red")
    out(f"{mark} {file.name}: {result.case}")
    if not result.passed:
        out(report.text(result, file.source, color=color))
        out()
