"""How sure the heads may be: cross-validated cases, a score for "this intent is right", and the score an answer must reach.

Cases
-----
Every example is judged once by heads that never saw it. Besides, each intent is left out whole in one round, and its examples are
then about nothing we know: that is what a request for something that does not exist yet looks like. The generic texts of
`outside.txt` are cases of the same kind. The two kinds together count as a tenth of the traffic.

Two thresholds
--------------
*likely*   the lowest score at which the weighted cases were right 99 times in 100. A guess: the same cases were used to find it.
*proven*   the lowest score at which the Clopper-Pearson bound (95 %) of the error is at most 1 %, tested downwards from the
           smallest number of cases that could prove it (299 without an error), stopping at the first that fails; with many cases
           from several starts that share the doubt (as in "Learn then test", Angelopoulos et al.). So the bound holds for the one
           that is kept. Without it nothing is decided without a person.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.identity.classifiers import Array, Classifiers, Opinions, ask, train

ERROR, DOUBT = 0.01, 0.05
MIN_CASES = 299
"""Without a single error among so many, an error of at most 1 % is 95 % sure."""
_ROUNDS = 5
_NEAR, _FAR = 0.05, 0.05
_STEPS = 100
_OUT = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """From features to the chance of being right. Thresholds are scores; above 1 where there is none.

    `cases` were judged, `answered` of them are at or above the likely threshold, `wrong` of those (weighted) were wrong.
    """

    centre: Array
    spread: Array
    weights: Array
    bias: float
    likely: float
    proven: float
    cases: int
    answered: int
    wrong: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationCases:
    """Cases: a row of features each, whether the heads' first choice was right, and what each counts."""

    features: Array
    right: Array
    counts: Array


def features(opinions: Opinions, outside: Array, lengths: Sequence[int]) -> tuple[Array, Array]:
    """(first choice, rows of features). `outside` is each text's similarity to the nearest text about nothing we know."""
    import numpy as np

    total = opinions.total
    rows = np.arange(len(total))
    # Ties go to the intent whose name comes first.
    order = np.argsort(-np.round(total, 6), axis=1, kind="stable")
    first, second = order[:, 0], order[:, 1]
    others = np.arange(total.shape[1])[None] != first[:, None]
    near, margin = opinions.similarity[rows, first], opinions.margin[rows, first]
    top = total[rows, first]
    agree = sum(
        (scores.argmax(axis=1) == first) * 1.0
        for scores in (opinions.regression, opinions.nearest, opinions.lexical)
    )
    columns = [
        _odds(np, top),
        np.log(top / np.clip(total[rows, second], 1e-6, 1)),
        _odds(np, opinions.regression[rows, first]),
        near,
        near - np.where(others, opinions.similarity, -1).max(axis=1),
        margin,
        margin - np.where(others, opinions.margin, -9).max(axis=1),
        near - outside,
        agree,
        -(total * np.log(total + 1e-9)).sum(axis=1),
        np.log(np.maximum(lengths, 1)),
    ]
    return first, np.stack(columns, axis=1)


def _odds(np: Any, chance: Array) -> Array:
    return np.log(np.clip(chance, 1e-6, 1) / np.clip(1 - chance, 1e-6, 1))


def judge(
    texts: Sequence[str], vectors: Array, owner: Array, names: tuple[str, ...], *, outside: Array,
    outside_texts: Sequence[str],
) -> CalibrationCases:  # fmt: skip
    """Cross-validate. Rows of `vectors` and `outside` are unit vectors; `owner` holds places in `names`.

    Which example falls into which round follows from its place among its intent's examples, so that nothing is random.
    """
    import numpy as np

    owner = np.asarray(owner)
    turn = np.array([int((owner[:at] == owner_).sum() + owner_) % _ROUNDS for at, owner_ in enumerate(owner)])
    left_out = np.array([rank % _ROUNDS for rank in range(len(names))])[owner]
    far = np.arange(len(outside)) % _ROUNDS
    judged: list[tuple[Array, Array, Array]] = []
    for number in range(_ROUNDS):
        for whole in (False, True):
            gone = (left_out == number) & whole
            training = (turn != number) & ~gone
            tested = np.flatnonzero(gone if whole else turn == number)
            if len(np.unique(owner[training])) < 2:
                continue
            heads = train(
                [texts[int(at)] for at in np.flatnonzero(training)], vectors[training], owner[training], names
            )
            asked = [texts[int(at)] for at in tested]
            rows, truth = vectors[tested], np.where(gone, _OUT, owner)[tested]
            if not whole:
                asked += [outside_texts[int(at)] for at in np.flatnonzero(far == number)]
                rows = np.vstack([rows, outside[far == number]])
                truth = np.concatenate([truth, np.full((far == number).sum(), _OUT - 1)])
            if asked:
                judged.append(_judged(np, heads, asked, rows, truth, outside[far != number]))
    right, table, kind = (np.concatenate(parts) for parts in zip(*judged, strict=True))
    return CalibrationCases(features=table, right=right, counts=_counts(np, kind))


def _judged(
    np: Any, heads: Classifiers, asked: list[str], rows: Array, truth: Array, outside: Array
) -> tuple[Array, Array, Array]:
    first, table = features(
        ask(heads, asked, rows), (rows @ outside.T).max(axis=1), [len(text) for text in asked]
    )
    return np.unique(heads.owner)[first] == truth, table, truth


def _counts(np: Any, kind: Array) -> Array:
    """What each case counts: the shares of the traffic, in cases that are worth as many as there are."""
    counts = np.zeros(len(kind))
    shares = ((kind >= 0, 1 - _NEAR - _FAR), (kind == _OUT, _NEAR), (kind < _OUT, _FAR))
    for which, share in shares:
        if which.any():
            counts[which] = share / which.sum()
    return counts / counts.sum() * len(kind)


def calibrate(judged: CalibrationCases) -> Calibration:
    """Fit the score on the cases and find both thresholds."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    centre, spread = judged.features.mean(axis=0), judged.features.std(axis=0) + 1e-9
    scaled = (judged.features - centre) / spread
    if judged.right.all() or not judged.right.any():
        weights, bias = np.zeros(scaled.shape[1]), 0.0
    else:
        fitted = LogisticRegression(C=0.1, max_iter=500).fit(
            scaled, judged.right, sample_weight=judged.counts
        )
        weights, bias = fitted.coef_[0], float(fitted.intercept_[0])
    scores = np.round(_chance(np, scaled @ weights + bias), 4)
    likely = _likely(np, scores, judged)
    above = scores >= likely
    return Calibration(
        centre=centre, spread=spread, weights=weights, bias=bias, likely=likely,
        proven=_proven(np, scores, judged), cases=len(scores), answered=int(above.sum()),
        wrong=float(judged.counts[above & ~judged.right].sum()),
    )  # fmt: skip


def score(calibration: Calibration, table: Array) -> Array:
    """The chance that the first choice is right, rounded to 4 decimals, for rows of features."""
    import numpy as np

    return np.round(
        _chance(
            np, (table - calibration.centre) / calibration.spread @ calibration.weights + calibration.bias
        ),
        4,
    )


def _chance(np: Any, odds: Array) -> Array:
    return 1 / (1 + np.exp(-np.clip(odds, -30, 30)))


def _downwards(np: Any, scores: Array, judged: CalibrationCases) -> tuple[Array, Array, Array, Array]:
    """Scores from the top with the cases at or above each: counts, wrong counts, and the number of equal cases that is worth."""
    order = np.argsort(-scores, kind="stable")
    counts = judged.counts[order]
    wrong = np.cumsum(counts * ~judged.right[order])
    total = np.cumsum(counts)
    worth = total * total / np.cumsum(counts * counts)
    # Of equal scores only the last stands for all of them.
    last = np.append(np.diff(scores[order]) != 0, True)
    return scores[order][last], total[last], wrong[last], worth[last]


def _likely(np: Any, scores: Array, judged: CalibrationCases) -> float:
    steps, total, wrong, _ = _downwards(np, scores, judged)
    good = np.flatnonzero(wrong / total <= ERROR)
    return float(steps[good[-1]]) if len(good) else 2.0


def _proven(np: Any, scores: Array, judged: CalibrationCases) -> float:
    """Fixed-sequence tests from several starts, among which the doubt is shared: an early error costs one start, not all."""
    from scipy.stats import beta

    steps, total, wrong, worth = _downwards(np, scores, judged)
    bar, starts = 2.0, _starts(float(worth.max()))
    for start in starts:
        for at in range(int(np.searchsorted(worth, start)), len(steps), max(1, len(steps) // _STEPS)):
            errors = worth[at] * wrong[at] / total[at]
            bound = beta.ppf(1 - DOUBT / len(starts), errors + 1, max(worth[at] - errors, 1e-9))
            if bound > ERROR:
                break
            bar = min(bar, float(steps[at]))
    return bar


def _starts(cases: float) -> list[float]:
    """At how many cases the tests begin: as few as could prove it, then twice as many each time. Known before any is judged."""
    minimum, starts = float(MIN_CASES), 1
    while minimum * 2**starts <= cases:
        starts += 1
        minimum = math.log(DOUBT / starts) / math.log(1 - ERROR)
    return [minimum * 2**number for number in range(starts)]
