"""check, explain, plan: what is written here, before anything runs."""

import argparse
import os
import sys
from pathlib import Path

from engine.app import checking
from engine.cli.talk import colour, put, put_json, say
from engine.language import render
from engine.model.errors import UsageError
from engine.model.plan import Plan
from engine.model.span import Diagnostic, Severity
from engine.vault import find_root

EXIT_FOUND = 3


def check(args: argparse.Namespace) -> int:
    """Compile the working folder for its diagnostics; exit 3 when there is an error."""
    found = checking.diagnostics(find_root(Path.cwd()), os.environ)
    errors = sum(one.severity is Severity.ERROR for one in found)
    if args.json:
        put_json("check", [render.to_json(one) for one in found])
    else:
        _tell(found)
        if found:
            say(f"{errors} {'error' if errors == 1 else 'errors'}, {len(found) - errors} warnings")
        else:
            say("nothing is wrong")
    return EXIT_FOUND if errors else 0


def _tell(found: tuple[Diagnostic, ...]) -> None:
    color = render.wants_color(os.environ, terminal=sys.stdout.isatty())
    for one in found:
        put(render.text(one, color=color))
        put()


def explain(args: argparse.Namespace) -> int:
    """What a code means."""
    from engine.language import explain as pages

    if args.code is None:
        for code in pages.codes():
            title = (pages.page(code) or "").partition("\n")[0]
            put(f"{code}  {title}")
        return 0
    page = pages.page(args.code.upper())
    if page is None:
        raise UsageError(f"there is no code {args.code}", way_out="steward explain")
    put(page)
    return 0


def plan(args: argparse.Namespace) -> int:
    """What a playbook would do, from the working folder."""
    compiled = checking.compile_folder(find_root(Path.cwd()))
    names = [args.name] if args.name else sorted(compiled.plans)
    for name in names:
        if name not in compiled.plans:
            bad = name in compiled.broken
            known = ", ".join(sorted(compiled.plans)) or "none"
            raise UsageError(
                f"{name} does not compile" if bad else f"no playbook or SOP {name}; there are: {known}",
                way_out="steward check" if bad else "steward plan",
            )
    if args.json:
        from engine.language import serial
        from engine.model.canonical import decode

        put_json("plan", {name: decode(serial.to_bytes(compiled.plans[name])) for name in names})
        return 0
    for name in names:
        _show_plan(compiled.plans[name])
    return 0


def _show_plan(one: Plan) -> None:
    from engine.app.planning import lines

    for sign, text in lines(one):
        put(f"{colour(sign, _SIGNS.get(sign.strip(), 'dim'))}{text}")
    put()


_SIGNS = {"+": "green", "~": "yellow", "?": "yellow", "·": "dim", "-": "dim"}
