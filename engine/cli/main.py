"""Entry point of the `steward` command."""

import argparse
import importlib
import io
import sys
from collections.abc import Sequence
from typing import NoReturn

from engine import __version__
from engine.cli.verbs import GROUPS, VERBS
from engine.model.text.safe_text import line

EXIT_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code (0 done, 1 failed, 2 usage, 3 check, 4 waiting, 5 refused, 130 interrupted)."""
    _speak()
    args = parsed(sys.argv[1:] if argv is None else list(argv))
    if args.verb is None:
        from engine.cli.output import out

        out(overview())
        return 0
    module, _, function = VERBS[args.verb].run.partition(":")
    try:
        code: int = getattr(importlib.import_module(module), function)(args)
    except KeyboardInterrupt:
        from engine.cli.output import err

        err("interrupted; what was acknowledged is kept, nothing else happened")
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except Exception as problem:
        from engine.cli.errors import report

        return report(problem)
    return code


def _speak() -> None:
    """A terminal that lacks a character gets a `?` for it, never a fault."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command the way every other error is said: what, how it is written, what to type."""

    def error(self, message: str) -> NoReturn:
        """Say it and end with 2."""
        from engine.cli.output import error
        from engine.model.errors import UsageError

        way_out = f"steward {self.prog.partition(' ')[2]} -h".replace("  ", " ")
        error(UsageError(message, now_true=self.format_usage().strip(), way_out=way_out))
        sys.exit(2)


def parsed(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command; an unknown one ends here, with the nearest that exists."""
    if argv[:1] == ["help"]:
        argv = [*argv[1:], "-h"]
    top, verbs = parsers(argv)
    if unread := next((word for word in argv if not word.isprintable() and _broken(word)), ""):
        top.error(f"`{line(unread)}` holds bytes that are no text in this terminal's encoding")
    word = next((word for word in argv if not word.startswith("-")), None)
    if word is not None and word not in VERBS:
        from engine.language.text.suggest import nearest

        best = nearest(word, VERBS)
        meant = f"did you mean `steward {best}`?" if best else "`steward` alone lists what there is"
        top.error(f"there is no `steward {line(word)}`; {meant}")
    args, unknown = top.parse_known_args(argv)
    if unknown:
        from engine.language.text.suggest import nearest

        verb = verbs.get(args.verb, top)
        flags = [flag for option in VERBS[args.verb].options for flag in option.flags] if args.verb else []
        best = nearest(unknown[0], [flag for flag in flags if flag.startswith("-")])
        verb.error(f"it takes no `{line(unknown[0])}`" + (f"; did you mean `{best}`?" if best else ""))
    return args


def _broken(word: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in word)


def parsers(argv: Sequence[str]) -> tuple[Parser, dict[str, Parser]]:
    """The parser, and that of each verb in `argv`; making those of all others would be most of the start-up time.

    A flag must be written in full: an abbreviated `--yes` does not count as a yes.
    """
    top = Parser(
        prog="steward",
        usage="steward <verb> [arguments]",
        description=overview(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    top.add_argument("--version", action="version", version=f"steward {__version__}")
    verbs = top.add_subparsers(dest="verb", metavar="", prog="steward", help=argparse.SUPPRESS)
    by_verb = {}
    for name in (name for name in VERBS if name in argv):
        verb = VERBS[name]
        by_verb[name] = verbs.add_parser(
            name, help=verb.help, description=verb.help, epilog=verb.epilog, allow_abbrev=False
        )
        for option in verb.options:
            by_verb[name].add_argument(*option.flags, **option.settings)
    return top, by_verb


_COLUMNS = 80


def _entry(name: str, words: str) -> list[str]:
    """A verb and its help, in lines of 80 columns."""
    lines = [f"  {name:<10}"]
    indent = " " * len(lines[0])
    for word in words.split():
        if len(lines[-1]) + 1 + len(word) > _COLUMNS:
            lines.append(indent)
        lines[-1] += f" {word}"
    return lines


def overview() -> str:
    """Help: the verbs that work, in groups."""
    lines = [
        "Steward runs your playbooks and SOPs, asks before anything leaves, and",
        "remembers what happened.",
        "",
    ]
    for title, names in GROUPS:
        lines.append(f"{title}:")
        lines += [row for name in names for row in _entry(name, VERBS[name].help)]
        lines.append("")
    lines.append("first time:  steward demo        your own:  steward init ~/business")
    return "\n".join(lines)


if __name__ == "__main__":
    # `python -m` puts the current folder first on the path; nothing may be imported from a workspace.
    if not sys.flags.safe_path:
        del sys.path[0]
    sys.exit(main())
