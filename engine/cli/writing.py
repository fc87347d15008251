"""check, explain, plan, schema: what is written here, before anything runs."""

import argparse
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from engine.app import checking
from engine.cli.talk import colour, put, put_json, put_table, say, visible
from engine.cli.verbs import VERBS
from engine.language import render
from engine.language.near import nearest
from engine.model.errors import EngineError, UsageError
from engine.model.span import Diagnostic, Severity
from engine.vault import find_root

if TYPE_CHECKING:
    from engine.app.moments import Moment

EXIT_FOUND = 3


def check(args: argparse.Namespace) -> int:
    """Compile the working folder for its diagnostics, all of them or those of some places; exit 3 when there is an error."""
    here = Path.cwd()
    root = _root_of(here, args.paths)
    places = [checking.within(root, one, here=here) for one in args.paths]
    whole = checking.diagnostics(root, os.environ)
    found = checking.about(whole, places) if places else whole
    errors = sum(one.severity is Severity.ERROR for one in found)
    if args.sarif:
        from engine.app.sarif import log

        put(json.dumps(log(found), ensure_ascii=False, indent=2))
    elif args.json:
        put_json("check", [render.to_json(one) for one in found])
    else:
        _tell(found)
        if found:
            say(f"{errors} {'error' if errors == 1 else 'errors'}, {len(found) - errors} warnings")
        else:
            say("nothing is wrong there" if places else "nothing is wrong")
        if elsewhere := sum(one.severity is Severity.ERROR for one in whole) - errors:
            say(f"and {elsewhere} {'error' if elsewhere == 1 else 'errors'} elsewhere:  steward check")
    return EXIT_FOUND if errors else 0


def _root_of(here: Path, given: list[str]) -> Path:
    """The workspace one stands in, else the one the first path lies in."""
    try:
        return find_root(here)
    except EngineError:
        place = here / Path(given[0]).expanduser() if given else here
        if not given or not place.exists():
            raise
        return find_root(place if place.is_dir() else place.parent)


def _tell(found: tuple[Diagnostic, ...]) -> None:
    color = render.wants_color(os.environ, terminal=sys.stdout.isatty())
    for one in found:
        put(render.text(one, color=color))
        put()


def explain(args: argparse.Namespace) -> int:
    """What a code means, or a word of the language, the glossary or the command line."""
    from engine.language import explain as pages

    word = " ".join(args.words)
    if not word:
        for code in pages.codes():
            title = (pages.page(code) or "").partition("\n")[0]
            put(f"{code}  {title}")
        return 0
    page = pages.page(word.upper())
    if page is None:
        from engine.app import lexicon

        page = "\n".join(filter(None, (_verb(word), lexicon.page(word) or lexicon.action(word))))
        if not page:
            best = nearest(word, (*VERBS, *lexicon.words(), *pages.codes()))
            raise UsageError(
                f"there is no code or word {word}",
                way_out=f"steward explain {best}" if best else "steward explain",
            )
    put(page)
    return 0


def _verb(word: str) -> str:
    """The page of a command; empty when there is none."""
    return f"{word}: a command\n    {VERBS[word].help}\n    steward {word} -h\n" if word in VERBS else ""


def plan(args: argparse.Namespace) -> int:
    """What a playbook would do, from the working folder; or what differs between two moments."""
    from engine.app import moments

    root = find_root(Path.cwd())
    if args.diff is not None:
        return _compared(root, args)
    now = moments.folder(root, os.environ)
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
    from engine.app import plan_json, planning
    from engine.connectors.email.account import remote

    plans = [now.compiled.plans[name] for name in names]
    far = frozenset(remote(now.config.connector("email")))
    seen = [
        planning.look(one, policy=now.policy, unsaid=planning.unsaid(one, now.tree), far=far) for one in plans
    ]
    if args.json:
        put_json("plan", {one.plan.id: plan_json.to_json(one) for one in seen})
    elif args.mermaid:
        from engine.app.drawing import flowchart

        put(flowchart(seen))
    else:
        for one in seen:
            _put_lines(planning.lines(one))
            put()
    broken = sorted(now.compiled.broken - set(names)) if not args.name else []
    if broken:
        say(f"left out, because they do not compile: {', '.join(broken)} (steward check)")


def _compared(root: Path, args: argparse.Namespace) -> int:
    from engine.app import comparing, moments

    if args.name or args.mermaid or len(args.diff) > 2:
        raise UsageError(
            "--diff takes one or two commits or branches, and nothing else",
            way_out="steward plan --diff main   or   steward plan --diff main~1 main",
        )
    before = moments.commit(root, args.diff[0], os.environ)
    after = (
        moments.commit(root, args.diff[1], os.environ)
        if len(args.diff) == 2
        else moments.folder(root, os.environ)
    )
    found = comparing.compare(before, after)
    if args.json:
        put_json("plan-diff", comparing.to_json(found))
    else:
        _put_lines(comparing.lines(found))
    return 0


def _put_lines(lines: Iterable[tuple[str, str]]) -> None:
    for sign, text in lines:
        flat = visible(text).replace("\n", " ")
        put(f"{colour(sign, _SIGNS.get(sign.strip(), 'dim')) if sign else ''}{flat}".rstrip())


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
    from engine.app import keys

    things = keys.things()
    if args.thing is None:
        if args.json:
            put_json("schema", things)
        else:
            put_table([[name, title] for name, title in things.items()])
            say("steward schema playbook")
        return 0
    if args.thing not in things:
        raise UsageError(
            f"there is no schema {args.thing}; there are: {', '.join(things)}", way_out="steward schema"
        )
    if args.json:
        put(json.dumps(keys.schema(args.thing), ensure_ascii=False, indent=2))
        return 0
    put_table([[row.name, row.kind, row.meaning] for row in keys.rows(args.thing)])
    return 0
