"""completion: what a shell needs to complete `steward` with Tab, printed. Made from the very parser that reads commands."""

import argparse

from engine.cli.verbs import VERBS

_PATHS = {"paths", "file"}
_FOLDERS = {"folder", "save"}
"""Arguments that are files and folders, by the names they are read under."""


def completion(args: argparse.Namespace) -> int:
    """Print the script for one shell. Nothing of it calls this command: completing costs no start."""
    import shtab

    from engine.cli.main import parsers

    top, verbs = parsers(list(VERBS))
    for parser in (top, *verbs.values()):
        for action in parser._actions:  # noqa: SLF001  # argparse has no other way to its arguments
            if action.help is argparse.SUPPRESS:
                action.help = None  # the verbs: left out of the usage, not of what is completed
            if action.dest in _PATHS | _FOLDERS:
                action.complete = shtab.FILE if action.dest in _PATHS else shtab.DIRECTORY  # type: ignore[attr-defined]
    print(shtab.complete(top, args.shell))
    return 0
