"""models: which models there are and how each is asked, and one real question that shows whether one works."""

import argparse

from engine.app.commands import command_bus, model_test
from engine.app.queries import models
from engine.cli import context
from engine.cli.output import err, out, put_json
from engine.model.errors import UsageError


def models_verb(args: argparse.Namespace) -> int:
    """List the models of steward.yaml, or ask one a question."""
    if args.action == "list":
        return _list(json=args.json)
    if not args.name:
        raise UsageError("say which", now_true="No model was asked.", way_out="steward models test NAME")
    return _test(args.name, json=args.json)


def _list(*, json: bool) -> int:
    workspace = context.workspace()
    reading = command_bus.open_reader(workspace)
    try:
        standings = list(models.standings(workspace, reading.book))
    finally:
        reading.close()
    if json:
        put_json(
            "models", [{"name": model.name, "words": model.words, "ill": model.ill} for model in standings]
        )
        return 0
    for model in standings:
        out(f"{'✗' if model.ill else '·'} {model.name}: {model.words}{f'; {model.ill}' if model.ill else ''}")
    if not standings:
        err("no model is configured: your templates draft, and you decide")
    return 0


def _test(name: str, *, json: bool) -> int:
    trial = model_test.try_model(context.workspace(), name)
    if json:
        put_json("model", model_test.as_json(trial))
    else:
        for good, words in model_test.sentences(trial):
            out(f"  {'✓' if good else '✗'} {words}")
    return 0 if trial.good else 1
