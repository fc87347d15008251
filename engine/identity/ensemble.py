"""The second tier: three heads on the encoder's vectors, one score for "this is right", one for "this is about something we know".

The trained ensemble is a cache. Its name is the digest of the examples, the encoder's version and `CODE`; the same name gives
the same answer to the same text, on every machine that has it. It is kept as arrays and JSON, never as objects.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from engine.identity.calibration import Calibration, calibrate, features, judge, score
from engine.identity.classifiers import Array, Classifiers, Lexicon, ask, nearest_example, train
from engine.identity.text_normalize import same

CODE = "1"
"""The version of everything that turns examples into a decision. Raise it when the same examples would decide otherwise."""
MIN_EXAMPLES = 2
_ARRAYS = ("examples", "owner", "weights", "bias", "planes", "offsets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """Words of the operator, and the intent they stand under."""

    text: str
    intent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ensemble:
    """Trained and calibrated. `texts` are the examples in the order of the heads' rows, `outside` vectors about nothing we know."""

    name: str
    heads: Classifiers
    calibration: Calibration
    texts: tuple[str, ...]
    outside: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What the ensemble says of one text. `score`: chance of being right; `scope`: similarity to the nearest example less that to the
    nearest text about nothing we know. `example` is the operator's nearest one.
    """

    intent: str
    score: float
    scope: float
    example: str


def seeds() -> tuple[str, ...]:
    """The generic texts that are about nothing we know."""
    text = resources.files("engine.identity").joinpath("outside.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.split("\n") if line and not line.startswith("#"))


def usable(examples: Sequence[Example]) -> tuple[Example, ...]:
    """Examples that say one thing, each once, ascending by intent and text; empty unless two intents have two each."""
    intents: dict[str, set[str]] = {}
    for example in examples:
        intents.setdefault(same(example.text), set()).add(example.intent)
    unambiguous = {
        same(example.text): example
        for example in examples
        if same(example.text) and len(intents[same(example.text)]) == 1
    }
    counts: dict[str, int] = {}
    for example in unambiguous.values():
        counts[example.intent] = counts.get(example.intent, 0) + 1
    known = {name for name, count in counts.items() if count >= MIN_EXAMPLES}
    examples_ = [example for example in unambiguous.values() if example.intent in known]
    return (
        tuple(sorted(examples_, key=lambda example: (example.intent, example.text))) if len(known) > 1 else ()
    )


def name_of(examples: Sequence[Example], encoder: str) -> str:
    """The digest that names an ensemble of these (usable) examples; 24 hexadecimal digits."""
    parts = [CODE, encoder, hashlib.sha256("\n".join(seeds()).encode()).hexdigest()]
    parts += [f"{example.intent}\t{example.text}" for example in examples]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:24]


def build(examples: Sequence[Example], vectors: Array, outside: Array, *, name: str) -> Ensemble:
    """Train on usable examples. Rows of `vectors` are theirs, of `outside` those of `seeds()`; all of length one."""
    import numpy as np
    from threadpoolctl import threadpool_limits

    vectors, outside = np.asarray(vectors, dtype=np.float64), np.asarray(outside, dtype=np.float64)
    names = tuple(sorted({example.intent for example in examples}))
    owner = np.array([names.index(example.intent) for example in examples])
    texts = [example.text for example in examples]
    # One thread: sums are then added in the same order on every machine.
    with threadpool_limits(limits=1):
        judged = judge(texts, vectors, owner, names, outside=outside, outside_texts=seeds())
        return Ensemble(
            name=name,
            heads=train(texts, vectors, owner, names),
            calibration=calibrate(judged),
            texts=tuple(texts),
            outside=outside,
        )


def opinion(ensemble: Ensemble, text: str, vector: Array) -> Opinion:
    """What it says of a text with this unit vector. Scores have 4 decimals; of equals the first name counts."""
    import numpy as np

    heads = ensemble.heads
    row = np.asarray(vector, dtype=np.float64)[None]
    opinions = ask(heads, [text], row)
    outside = (row @ ensemble.outside.T).max(axis=1)
    first, table = features(opinions, outside, [len(text)])
    intent = int(np.unique(heads.owner)[int(first[0])])
    near = float(opinions.similarity.max())
    return Opinion(
        intent=heads.names[intent],
        score=float(score(ensemble.calibration, table)[0]),
        scope=round(near - float(outside[0]), 4),
        example=ensemble.texts[nearest_example(heads, row[0], intent)],
    )


def to_bytes(ensemble: Ensemble) -> bytes:
    """The ensemble as bytes that `from_bytes` takes back."""
    import numpy as np

    heads, calibration = ensemble.heads, ensemble.calibration
    plain = {
        "name": ensemble.name, "names": heads.names, "texts": ensemble.texts,
        "words": heads.lexicon.words, "letters": heads.lexicon.letters, "bias": calibration.bias, "likely": calibration.likely,
        "proven": calibration.proven, "cases": calibration.cases, "answered": calibration.answered, "wrong": calibration.wrong,
    }  # fmt: skip
    archive = io.BytesIO()
    arrays: dict[str, Any] = {f"heads-{name}": getattr(heads, name) for name in _ARRAYS}
    np.savez(
        archive, allow_pickle=False, **arrays, idf=heads.lexicon.idf, outside=ensemble.outside, centre=calibration.centre,
        spread=calibration.spread, calibrated=calibration.weights, plain=np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8),
    )  # fmt: skip
    return archive.getvalue()


def from_bytes(archived: bytes) -> Ensemble:
    """What `to_bytes` wrote. Nothing in it is ever run. The caller knows that the bytes are its own."""
    import numpy as np

    with np.load(io.BytesIO(archived), allow_pickle=False) as archive:
        plain = json.loads(archive["plain"].tobytes())
        lexicon = Lexicon(words=plain["words"], letters=plain["letters"], idf=archive["idf"])
        arrays = {name: archive[f"heads-{name}"] for name in _ARRAYS}
        calibration = Calibration(
            centre=archive["centre"], spread=archive["spread"], weights=archive["calibrated"],
            **{name: plain[name] for name in ("bias", "likely", "proven", "cases", "answered", "wrong")},
        )  # fmt: skip
        return Ensemble(
            name=plain["name"],
            heads=Classifiers(names=tuple(plain["names"]), lexicon=lexicon, **arrays),
            calibration=calibration,
            texts=tuple(plain["texts"]),
            outside=archive["outside"],
        )
