"""A reply drafted without a model: the operator's own words for the letter's intent.

The words are `vault/templates/replies/<intent>.md`, or `unsure.md` when the intent has none. What is to be paid comes from
notes of `type: price-list`: a line counts when the letter has one of its `words`, as whole words. Numbers in a
letter are never read; without a match there is no item, and without an item there is no payment link.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

from engine.agents import DRAFT
from engine.model.definitions.actions import ActionSpec
from engine.model.definitions.taint import Label, Labels
from engine.model.effects import Call
from engine.model.errors import PermanentError
from engine.model.ports import Templates, Tree
from engine.model.text.placeholders import leftovers
from engine.model.values.canonical_json import Json
from engine.model.values.money import Money

REPLIES = "vault/templates/replies/"
UNSURE = "unsure"
_KNOWLEDGE = "vault/knowledge/"
_DOUBTS = "doubts"
_INTENT = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_MAX_MESSAGE = 200_000
_MAX_NOTE = 1_000_000
_QUOTES = str.maketrans({"’": "'", "‘": "'", "–": "-", "—": "-", "\u00a0": " ", "\u00ad": None})


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReply:
    """Port Reader for `agent/draft-reply`.

    `intent` gives (name, confidence) of a text; `tree` the workspace that runs now; `front_matter` reads a note's (path,
    bytes) into a map; `zone` is the operator's time zone. The plan's own files (`call.files`) win over the tree's.
    """

    tree: Callable[[], Tree]
    front_matter: Callable[[str, bytes], dict[str, Json] | None]
    intent: Callable[[Call, str], tuple[str, float]]
    templates: Templates
    zone: str

    def declare(self) -> tuple[ActionSpec, ...]:
        """One action."""
        return (DRAFT,)

    def read(self, call: Call) -> tuple[dict[str, Json], Labels]:
        """Words, items and confidence. Raises PermanentError when there is no template to answer with."""
        message, contact = call.args.get("message"), call.args.get("contact")
        if not isinstance(message, str) or not isinstance(contact, dict):
            raise PermanentError("agent/draft-reply takes a `message` and a `contact`", code="wrong-argument")
        if set(call.args) - {"message", "contact", "sources"}:
            raise PermanentError(
                "agent/draft-reply takes `message`, `contact` and `sources`", code="unknown-argument"
            )
        name, confidence = self.intent(call, message)
        path, source = self._template(call, name)
        items = self._items(call, message)
        values = {
            "message": message,
            "contact": contact,
            "sources": call.args.get("sources") or [],
            "items": items,
        }
        declared = (self.front_matter(path, source) or {}).get("values")
        accepted = {name.rstrip("?") for name in declared} if isinstance(declared, dict) else set()
        template_values = {name: value for name, value in values.items() if name in accepted}
        rendered = self.templates.render(
            source.decode("utf-8", "replace"), template_values, path=path, zone=self.zone
        )
        outputs: dict[str, Json] = {
            "body": str(rendered["body"]).strip("\n"),
            "items": items,
            "confidence": confidence,
        }
        own = self.templates.words(source.decode("utf-8", "replace"), path=path)
        if (left := next(leftovers(own), None)) is not None:
            outputs[_DOUBTS] = [f"`{left.written}` stands in {path} as it is: nothing filled it in"]
        return outputs, frozenset({Label.MODEL})

    def _template(self, call: Call, intent: str) -> tuple[str, bytes]:
        for name in (intent, UNSURE):
            if not _INTENT.fullmatch(name):
                continue
            path = f"{REPLIES}{name}.md"
            source = self._file(call, path)
            if source is not None:
                call.seen.add(path)
                return path, source
        raise PermanentError(
            "there are no words to answer with",
            code="no-template",
            now_true="nothing was drafted",
            way_out=f"write {REPLIES}{UNSURE}.md (and one named after each intent), commit it, and run again",
        )

    def _file(self, call: Call, path: str) -> bytes | None:
        pinned = dict(call.files).get(path)
        if pinned is not None:
            return pinned.encode()
        try:
            return self.tree().read(path)[:_MAX_NOTE]
        except KeyError:
            return None

    def _items(self, call: Call, message: str) -> list[dict[str, Json]]:
        """Lines of the price lists whose words the letter has, each once, in the order of the lists."""
        letter = _folded(message)
        items: dict[str, dict[str, Json]] = {}
        tree = self.tree()
        for path, _ in tree.paths():
            if not path.startswith(_KNOWLEDGE) or not path.endswith(".md"):
                continue
            source = self._file(call, path)
            matter = self.front_matter(path, source) if source is not None else None
            if matter is None or matter.get("type") != "price-list":
                continue
            call.seen.add(path)
            for label, words, amount in _prices(path, matter.get("prices")):
                if any(_mentions(letter, word) for word in words):
                    items.setdefault(label, {"what": label, "amount": amount.text()})
        return list(items.values())


def _prices(path: str, value: Json) -> list[tuple[str, list[str], Money]]:
    prices = []
    for row in value if isinstance(value, list) else []:
        try:
            label, words, amount = row["what"], row["words"], Money.parse(row["amount"])
            if not isinstance(label, str) or not isinstance(words, list):
                raise TypeError("`what` is text, `words` a list")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # A price half read is a wrong price: better no draft than one with it.
            raise PermanentError(
                f"{path}: each of `prices` has what, words and amount ({error})",
                code="price-list",
                way_out="write it like { what: Website check, words: [website check], amount: 490.00 EUR }",
            ) from error
        prices.append((" ".join(label.split()), [word for word in words if isinstance(word, str)], amount))
    return prices


def _folded(text: str) -> str:
    lines = [line for line in text[:_MAX_MESSAGE].split("\n") if not line.lstrip().startswith(">")]
    normalised = unicodedata.normalize("NFC", " ".join(lines)).translate(_QUOTES)
    return " ".join(normalised.casefold().split())


def _mentions(letter: str, phrase: str) -> bool:
    words = _folded(phrase)
    return bool(words) and re.search(rf"(?<!\w){re.escape(words)}(?!\w)", letter) is not None
