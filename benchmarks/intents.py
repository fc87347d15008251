"""How much of the traffic intents may be decided without a person: ``python -m benchmarks.intents FOLDER``.

FOLDER holds `clinc150_train_val.json` (clinc/oos-eval: train, val and both out-of-scope lists) and `banking77_train.csv`
(PolyAI task-specific-datasets). Training rows give the examples; what is tested is CLINC's validation rows with all its 200
out-of-scope rows, counted as 18 % of the traffic, and a quarter of BANKING77's training rows that is never drawn from.

A *draw* is N random examples of each intent. Every method gets the same examples, the same vectors and no out-of-scope row of the
data; its threshold is the lowest one that was 99 % precise in five-fold cross-validation of the examples. An out-of-scope text that
is decided is an error, and coverage is of all traffic. `best` is the coverage at the lowest threshold that would have been 99 %
precise on the tested rows themselves: no method, but a mark for how well its score orders texts.

Vectors are computed once, one text at a time as in the product, and kept below the cache folder of whoever runs this.
"""

import argparse
import csv
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from engine.identity import calibration, classifiers
from engine.identity.ensemble import Ensemble, Example, build, seeds, usable

Array = Any
GOAL, OUTSIDE_SHARE, FOLDS = 0.99, 0.18, 5
_ENCODED_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """(text, intent) pairs to draw examples from and to test on; `outside` are texts about none of the intents."""

    name: str
    pool: list[tuple[str, str]]
    tested: list[tuple[str, str]]
    outside: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One method on one draw; shares in percent. `proven` and `proven_precision` are for methods that prove a threshold."""

    accuracy: float
    best: float
    coverage: float
    precision: float
    proven: float = float("nan")
    proven_precision: float = float("nan")


def clinc(folder: Path) -> Data:
    """CLINC150."""
    held = json.loads((folder / "clinc150_train_val.json").read_text(encoding="utf-8"))
    return Data(
        name="CLINC150",
        pool=[(text, name) for text, name in held["train"]],
        tested=[(text, name) for text, name in held["val"]],
        outside=[text for key in ("oos_train", "oos_val") for text, _ in held[key]],
    )


def banking(folder: Path) -> Data:
    """BANKING77, split here with a fixed seed: a quarter of each intent is tested and never drawn from."""
    with (folder / "banking77_train.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))[1:]
    pool, tested = [], []
    for name, texts in sorted(_by_intent((text, name) for text, name in rows).items()):
        order = np.random.default_rng(7).permutation(len(texts))
        cut = max(5, len(texts) // 4)
        tested += [(texts[at], name) for at in order[:cut]]
        pool += [(texts[at], name) for at in order[cut:]]
    return Data(name="BANKING77", pool=pool, tested=tested, outside=[])


def _by_intent(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text, name in pairs:
        found.setdefault(name, []).append(text)
    return found


def draw(data: Data, number: int, each: int) -> tuple[Example, ...]:
    """Draw `number`: `each` examples of every intent."""
    chance = np.random.default_rng(number)
    found = []
    for name, given in sorted(_by_intent(data.pool).items()):
        texts = sorted(set(given))
        found += [Example(text=texts[at], intent=name) for at in chance.permutation(len(texts))[:each]]
    return usable(found)


class Vectors:
    """A vector for every text, computed once."""

    def __init__(self, file: Path, texts: Sequence[str]) -> None:
        known: dict[str, Array] = {}
        if file.exists():
            with np.load(file, allow_pickle=False) as held:
                known = dict(zip(held["texts"].tolist(), held["rows"], strict=True))
        missing = sorted({text for text in texts if _name(text) not in known})
        if missing:
            known |= _encoded(missing)
            file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(
                file, allow_pickle=False, texts=np.array(list(known)), rows=np.vstack(list(known.values()))
            )
        self._known = known

    def of(self, texts: Sequence[str]) -> Array:
        """A row a text."""
        return np.vstack([self._known[_name(text)] for text in texts]).astype(np.float64)


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _encoded(texts: list[str]) -> dict[str, Array]:
    from engine.memory.encoder import SentenceEncoder
    from engine.memory.model import find
    from engine.model.definitions.settings import MemoryConfig

    encoder = SentenceEncoder(find(MemoryConfig()))
    encoder.load()
    found: dict[str, Array] = {}
    for start in range(0, len(texts), _ENCODED_AT_ONCE):
        part = texts[start : start + _ENCODED_AT_ONCE]
        rows = [np.frombuffer(one, dtype="<f4") for one in encoder.encode(part)]
        found |= dict(zip(map(_name, part), rows, strict=True))
        print(f"\r  {start + len(part)} of {len(texts)} texts encoded", end="", file=sys.stderr)
    print(file=sys.stderr)
    return found


# ---------------------------------------------------------------- the methods

Scores = tuple[Array, Array]
"""(place of the first choice, its score) of every text asked."""
Method = Callable[[list[str], Array, Array, list[str], Array], Scores]
"""From examples (texts, vectors, owners) and what is asked (texts, vectors) to scores."""


def _firsts(table: Array) -> Scores:
    return table.argmax(axis=1), table.max(axis=1)


def regression(_: list[str], rows: Array, owner: Array, __: list[str], asked: Array) -> Scores:
    """Logistic regression on the vectors; score: its probability."""
    return _firsts(LogisticRegression(C=10.0, max_iter=200, tol=1e-3).fit(rows, owner).predict_proba(asked))


def neighbours(_: list[str], rows: Array, owner: Array, __: list[str], asked: Array) -> Scores:
    """The ten nearest examples vote by similarity; score: the share of the votes."""
    near = asked @ rows.T
    top = np.argsort(-near, axis=1, kind="stable")[:, :10]
    votes = np.zeros((len(asked), owner.max() + 1))
    for column in top.T:
        here = np.arange(len(asked))
        np.add.at(votes, (here, owner[column]), np.maximum(near[here, column], 0))
    return _firsts(votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-9))


def centroid(_: list[str], rows: Array, owner: Array, __: list[str], asked: Array) -> Scores:
    """The nearest mean of an intent's examples; score: a softmax over the similarities."""
    means = np.vstack([rows[owner == one].mean(axis=0) for one in range(owner.max() + 1)])
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    powers = np.exp(20 * (asked @ means.T))
    return _firsts(powers / powers.sum(axis=1, keepdims=True))


def lexical(texts: list[str], _: Array, owner: Array, words: list[str], __: Array) -> Scores:
    """A linear SVM on TF-IDF of words and pairs of words; score: a softmax over the margins."""
    features = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True).fit(texts)
    svm = LinearSVC(C=1.0, random_state=0).fit(features.transform(texts), owner)
    powers = np.exp(3 * svm.decision_function(features.transform(words)))
    return _firsts(powers / powers.sum(axis=1, keepdims=True))


def top_k_mean(_: list[str], rows: Array, owner: Array, __: list[str], asked: Array) -> Scores:
    """What semantic-router does by default: of the five nearest examples the intent with the highest mean similarity."""
    near = asked @ rows.T
    top = np.argsort(-near, axis=1, kind="stable")[:, :5]
    firsts, scores = [], []
    for line, places in zip(near, top, strict=True):
        means = {int(one): float(line[places][owner[places] == one].mean()) for one in owner[places]}
        firsts.append(max(means, key=lambda one, means=means: means[one]))  # type: ignore[misc]
        scores.append(means[firsts[-1]])
    return np.array(firsts), np.array(scores)


BASELINES: dict[str, Method] = {
    "logistic regression": regression,
    "10 nearest neighbours": neighbours,
    "centroid": centroid,
    "TF-IDF SVM": lexical,
    "semantic-router (top-5 mean)": top_k_mean,
}


# ---------------------------------------------------------------- measuring


def lowest(scores: Array, right: Array, counts: Array) -> float:
    """The lowest threshold that was 99 % precise; infinite when there is none."""
    order = np.argsort(-scores, kind="stable")
    good = np.flatnonzero(np.cumsum((counts * right)[order]) / np.cumsum(counts[order]) >= GOAL)
    return float(scores[order[good[-1]]]) if len(good) else float("inf")


def at(threshold: float, scores: Array, right: Array, counts: Array) -> tuple[float, float]:
    """(coverage, precision) in percent of deciding at or above a threshold."""
    above = scores >= threshold
    total = counts[above].sum()
    return 100 * total / counts.sum(), 100 * (counts * right)[above].sum() / total if total else float("nan")


def measure(data: Data, vectors: Vectors, examples: tuple[Example, ...]) -> dict[str, Row]:
    """Every method on one draw."""
    names = sorted({one.intent for one in examples})
    texts, owner = [one.text for one in examples], np.array([names.index(one.intent) for one in examples])
    rows = vectors.of(texts)
    asked = [text for text, _ in data.tested] + data.outside
    truth = np.array([names.index(name) for _, name in data.tested] + [-1] * len(data.outside))
    counts = np.ones(len(asked))
    if data.outside:
        counts[truth < 0] = OUTSIDE_SHARE / (1 - OUTSIDE_SHARE) * len(data.tested) / len(data.outside)
    given = vectors.of(asked)
    found = {}
    for name, method in BASELINES.items():
        first, scores = method(texts, rows, owner, asked, given)
        threshold = _cross_validated(method, texts, rows, owner)
        found[name] = _row(first == truth, scores, truth, counts, threshold)
    found["the ensemble"] = _ours(
        build(examples, rows, vectors.of(seeds()), name="bench"), asked, given, truth, counts
    )
    return found


def _cross_validated(method: Method, texts: list[str], rows: Array, owner: Array) -> float:
    turn = np.random.default_rng(0).permutation(len(texts)) % FOLDS
    scores, right = np.zeros(len(texts)), np.zeros(len(texts), dtype=bool)
    for number in range(FOLDS):
        kept, left = np.flatnonzero(turn != number), np.flatnonzero(turn == number)
        present, dense = np.unique(owner[kept], return_inverse=True)
        first, score = method(
            [texts[one] for one in kept], rows[kept], dense, [texts[one] for one in left], rows[left]
        )
        scores[left], right[left] = score, present[first] == owner[left]
    return lowest(scores, right, np.ones(len(texts)))


def _row(right: Array, scores: Array, truth: Array, counts: Array, threshold: float) -> Row:
    coverage, precision = at(threshold, scores, right, counts)
    return Row(
        accuracy=100 * right[truth >= 0].mean(),
        best=at(lowest(scores, right, counts), scores, right, counts)[0],
        coverage=coverage,
        precision=precision,
    )


def _ours(made: Ensemble, asked: list[str], given: Array, truth: Array, counts: Array) -> Row:
    outside = (given @ made.outside.T).max(axis=1)
    first, table = calibration.features(
        classifiers.ask(made.heads, asked, given), outside, [len(one) for one in asked]
    )
    scores, right = calibration.score(made.calibration, table), first == truth
    row = _row(right, scores, truth, counts, made.calibration.likely)
    proven, precise = at(made.calibration.proven, scores, right, counts)
    return Row(
        accuracy=row.accuracy, best=row.best, coverage=row.coverage, precision=row.precision, proven=proven,
        proven_precision=precise,
    )  # fmt: skip


def main() -> int:
    """Print a table for each set and size; 1 when the ensemble orders texts worse than a baseline does in the mean of all draws."""
    parser = argparse.ArgumentParser(description="coverage of intents at 99 % precision")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--first", type=int, default=10, help="number of the first draw")
    parser.add_argument("--each", type=int, nargs="+", default=[10], help="examples of each intent")
    given = parser.parse_args()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "steward-benchmarks"
    worse = 0
    for data in (clinc(given.folder), banking(given.folder)):
        texts = [text for text, _ in data.pool + data.tested] + data.outside + list(seeds())
        vectors = Vectors(cache / f"{data.name}.npz", texts)
        for each in given.each:
            draws = [
                measure(data, vectors, draw(data, number, each))
                for number in range(given.first, given.first + given.draws)
            ]
            _print(data.name, each, draws)
            best = {method: float(np.mean([one[method].best for one in draws])) for method in draws[0]}
            worse += best["the ensemble"] < max(best[method] for method in BASELINES)
    return int(worse > 0)


def _print(name: str, each: int, draws: list[dict[str, Row]]) -> None:
    print(f"\n{name}, {each} examples of each intent, {len(draws)} draws (means; percent)\n")
    print(
        "| method | accuracy | best @ 99 | coverage | realised precision (worst) | kept >= 99 | proven: coverage @ precision |"
    )
    print("|---|--:|--:|--:|--:|--:|--:|")
    for method in draws[0]:
        rows = [one[method] for one in draws]
        decided = [one.precision for one in rows if not np.isnan(one.precision)]
        proven = [one for one in rows if not np.isnan(one.proven_precision)]
        mean = f"{np.mean(decided):.2f} ({min(decided):.2f})" if decided else "-"
        shown = "-"
        if method == "the ensemble":
            precise = f" @ {np.mean([one.proven_precision for one in proven]):.2f}" if proven else ""
            shown = (
                f"{np.mean([one.proven for one in rows]):.1f}{precise} ({len(proven)} of {len(rows)} draws)"
            )
        print(
            f"| {method} | {np.mean([one.accuracy for one in rows]):.1f} | {np.mean([one.best for one in rows]):.1f} "
            f"| {np.mean([one.coverage for one in rows]):.1f} | {mean} "
            f"| {sum(one >= 100 * GOAL for one in decided)} of {len(decided)} | {shown} |"
        )


if __name__ == "__main__":
    sys.exit(main())
