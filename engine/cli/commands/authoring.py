"""check, explain, plan, schema: what is written here, before anything runs."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.app.workspace import check as workspace_check
from engine.cli.output import colour, err, out, put_json, put_table, visible
from engine.cli.verbs import VERBS
from engine.language.diagnostics import render
from engine.language.text.suggest import nearest
from engine.model.definitions.diagnostics import Diagnostic, Severity
from engine.model.errors import EngineError, UsageError
from engine.vault import find_root

if TYPE_CHECKING:
    from engine.app.workspace.snapshots import Moment

EXIT_FOUND = 3


def check(args: argparse.Namespace) -> int:
    """Compile the working folder for its diagnostics, all of them or those of some places; exit 3 when there is an error."""
    here = Path.cwd()
    root = _root_of(here, args.paths)
    places = [workspace_check.within(root, path, here=here) for path in args.paths]
    whole = workspace_check.diagnostics(root, os.environ)
    diagnostics = workspace_check.filter_by_path(whole, places) if places else whole
    errors = sum(diagnostic.severity is Severity.ERROR for diagnostic in diagnostics)
    if args.sarif:
        from engine.app.plans.sarif import log

        out(json.dumps(log(diagnostics), ensure_ascii=False, indent=2))
    elif args.json:
        put_json("check", [render.to_json(diagnostic) for diagnostic in diagnostics])
    else:
        _tell(diagnostics)
        if diagnostics:
            err(f"{errors} {'error' if errors == 1 else 'errors'}, {len(diagnostics) - errors} warnings")
        else:
            err("nothing is wrong there" if places else "nothing is wrong")
        if elsewhere := sum(diagnostic.severity is Severity.ERROR for diagnostic in whole) - errors:
            err(f"and {elsewhere} {'error' if elsewhere == 1 else 'errors'} elsewhere:  steward check")
    return EXIT_FOUND if errors else 0


def _root_of(here: Path, paths: list[str]) -> Path:
    """The workspace of the current folder, else that of the first path."""
    try:
        return find_root(here)
    except EngineError:
        place = here / Path(paths[0]).expanduser() if paths else here
        if not paths or not place.exists():
            raise
        return find_root(place if place.is_dir() else place.parent)


def _tell(diagnostics: tuple[Diagnostic, ...]) -> None:
    color = render.wants_color(os.environ, terminal=sys.stdout.isatty())
    for diagnostic in diagnostics:
        out(render.text(diagnostic, color=color))
        out()


def explain(args: argparse.Namespace) -> int:
    """What a code means, or a word of the language, the glossary or the command line."""
    from engine.language.build import explain as pages

    word = " ".join(args.words)
    if not word:
        for code in pages.codes():
            title = (pages.page(code) or "").partition("\n")[0]
            out(f"{code}  {title}")
        return 0
    page = pages.page(word.upper())
    if page is None:
        from engine.app.reference import vocabulary

        page = "\n".join(filter(None, (_verb(word), vocabulary.page(word) or vocabulary.action(word))))
        if not page:
            best = nearest(word, (*VERBS, *vocabulary.words(), *pages.codes()))
            raise UsageError(
                f"there is no code or word {word}",
                way_out=f"steward explain {best}" if best else "steward explain",
            )
    out(page)
    return 0


def _verb(word: str) -> str:
    """The page of a command; empty when there is none."""
    return f"{word}: a command\n    {VERBS[word].help}\n    steward {word} -h\n" if word in VERBS else ""


def plan(args: argparse.Namespace) -> int:
    """What a playbook would do, from the working folder; or what differs between two moments."""
    from engine.app.workspace import snapshots

    root = find_root(Path.cwd())
    if args.diff is not None:
        return _compared(root, args)
    now = snapshots.from_folder(root, os.environ)
    names = [args.name] if args.name else sorted(now.compiled.plans)
    for name in names:
        _must_compile(now, name)
    _put_plans(now, names, args)
    return 0


def _must_compile(now: "Moment", name: str) -> None:
    if name in now.compiled.plans:
        return
    bad = name in now.compiled.broken
    known = ", ".join(sorted(now.compiled.plans)) or "none"
    raise UsageError(
        f"{name} does not compile" if bad else f"no playbook or SOP {name}; there are: {known}",
        way_out="steward check" if bad else "steward plan",
    )


def _put_plans(now: "Moment", names: list[str], args: argparse.Namespace) -> None:
    from engine.app.plans import plan_json, plan_view
    from engine.connectors.email.account.imap_account import remote

    plans = [now.compiled.plans[name] for name in names]
    far = frozenset(remote(now.config.connector("email")))
    seen = [
        plan_view.analyze(plan, policy=now.policy, unsaid=plan_view.implicit_order(plan, now.tree), far=far)
        for plan in plans
    ]
    if args.json:
        put_json("plan", {analysis.plan.id: plan_json.to_json(analysis) for analysis in seen})
    elif args.mermaid:
        from engine.app.plans.mermaid import flowchart

        out(flowchart(seen))
    else:
        for analysis in seen:
            _put_lines(plan_view.lines(analysis))
            out()
    broken = sorted(now.compiled.broken - set(names)) if not args.name else []
    if broken:
        err(f"left out, because they do not compile: {', '.join(broken)} (steward check)")


def _compared(root: Path, args: argparse.Namespace) -> int:
    from engine.app.plans import plan_diff
    from engine.app.workspace import snapshots

    if args.name or args.mermaid or len(args.diff) > 2:
        raise UsageError(
            "--diff takes one or two commits or branches, and nothing else",
            way_out="steward plan --diff main   or   steward plan --diff main~1 main",
        )
    old = snapshots.from_commit(root, args.diff[0], os.environ)
    new = (
        snapshots.from_commit(root, args.diff[1], os.environ)
        if len(args.diff) == 2
        else snapshots.from_folder(root, os.environ)
    )
    diff = plan_diff.compare(old, new)
    if args.json:
        put_json("plan-diff", plan_diff.to_json(diff))
    else:
        _put_lines(plan_diff.lines(diff))
    return 0


def _put_lines(lines: Iterable[tuple[str, str]]) -> None:
    for sign, text in lines:
        flat = visible(text).replace("\n", " ")
        out(f"{colour(sign, _SIGNS.get(sign.strip(), 'dim')) if sign else ''}{flat}".rstrip())


_SIGNS = {
    "+": "green",
    "~": "yellow",
    "?": "yellow",
    "·": "dim",
    "-": "red",
    "!": "red",
    "▲": "red",
    "▽": "green",
}


def schema(args: argparse.Namespace) -> int:
    """The keys of a kind of file, as a table or as its JSON Schema."""
    from engine.app.reference import schema_table

    kinds = schema_table.file_kinds()
    if args.thing is None:
        if args.json:
            put_json("schema", kinds)
        else:
            put_table([[name, title] for name, title in kinds.items()])
            err("steward schema playbook")
        return 0
    if args.thing not in kinds:
        raise UsageError(
            f"there is no schema {args.thing}; there are: {', '.join(kinds)}", way_out="steward schema"
        )
    if args.json:
        out(json.dumps(schema_table.schema(args.thing), ensure_ascii=False, indent=2))
        return 0
    put_table([[row.name, row.kind, row.meaning] for row in schema_table.rows(args.thing)])
    return 0
