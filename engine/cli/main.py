"""Entry point of the `steward` command."""

import argparse
import importlib
import sys
from collections.abc import Sequence

from engine import __version__
from engine.cli.verbs import GROUPS, VERBS

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 done, 1 failed, 2 usage, 3 check, 4 waiting, 5 refused, 130 interrupted)."""
    args = parser(sys.argv[1:] if argv is None else list(argv)).parse_args(argv)
    if args.verb is None:
        print(overview())
        return 0
    module, _, function = VERBS[args.verb].run.partition(":")
    try:
        code: int = getattr(importlib.import_module(module), function)(args)
    except KeyboardInterrupt:
        from engine.cli.talk import say

        say("interrupted; what was acknowledged is kept, nothing else happened")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as problem:
        from engine.cli.trouble import report

        return report(problem)
    return code


def parser(argv: Sequence[str]) -> argparse.ArgumentParser:
    """The argument parser; only the verb in `argv` gets its arguments, the others their name."""
    top = argparse.ArgumentParser(
        prog="steward",
        usage="steward <verb> [arguments]",
        description=overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"steward {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="", help=argparse.SUPPRESS)
    for name, verb in VERBS.items():
        one = verbs.add_parser(name, help=verb.help, description=verb.help, epilog=verb.epilog)
        if name in argv:
            for option in verb.options:
                one.add_argument(*option.flags, **option.settings)
    return top


def overview() -> str:
    """Help: the verbs that work, in groups."""
    lines = [
        "Steward runs your playbooks and SOPs, asks before anything leaves, and remembers what happened.",
        "",
    ]
    for title, names in GROUPS:
        lines.append(f"{title}:")
        lines += [f"  {name:<9} {VERBS[name].help}" for name in names]
        lines.append("")
    lines.append("first time:  steward demo        your own:  steward init ~/business")
    return "\n".join(lines)


if __name__ == "__main__":
    # `python -m` puts the folder one stands in first on the path; a workspace is no place to import from.
    if not sys.flags.safe_path:
        del sys.path[0]
    sys.exit(main())
