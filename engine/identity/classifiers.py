"""Three cheap ways to say which intent a text is nearest to; their probabilities are added.

1. logistic regression on the encoder's vectors,
2. per intent the similarity of its nearest example,
3. a linear SVM on the words and letters of the text (TF-IDF), because words keep the top end clean.

Trained with scikit-learn, applied with NumPy alone. Texts come in one by one or in rows; nothing here is random.
"""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Array: TypeAlias = Any
"""A NumPy array. NumPy is imported where it computes, so that it is only a name where this is imported."""

_SHARP_SIMILARITY, _SHARP_MARGIN = 12.0, 5.0
_MAX_WORDS, _LONGEST_WORD, _MANY = 400, 40, 5000
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexicon:
    """The TF-IDF features: place and inverse document frequency of every kind of piece that was seen."""

    words: dict[str, int]
    letters: dict[str, int]
    idf: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Classifiers:
    """The trained heads. Rows of `examples` are unit vectors, `owner` the intent (a place in `names`) of each, ascending."""

    names: tuple[str, ...]
    examples: Array
    owner: Array
    weights: Array
    bias: Array
    lexicon: Lexicon
    planes: Array
    offsets: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinions:
    """What the heads say of some texts: probabilities per intent, and the raw similarities and margins."""

    regression: Array
    nearest: Array
    lexical: Array
    similarity: Array
    margin: Array

    @property
    def total(self) -> Array:
        """The mean of the three probabilities."""
        return (self.regression + self.nearest + self.lexical) / 3.0


def train(texts: Sequence[str], vectors: Array, owner: Array, names: tuple[str, ...]) -> Classifiers:
    """Fit the heads. `owner` holds places in `names`, each of at least two intents; rows need not be sorted."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.svm import LinearSVC

    order = np.argsort(owner, kind="stable")
    vectors, owner = np.asarray(vectors, dtype=np.float64)[order], np.asarray(owner)[order]
    texts = [texts[int(at)] for at in order]
    regression = LogisticRegression(C=10.0, max_iter=200, tol=1e-3).fit(vectors, owner)
    lexicon = _lexicon(texts)
    svm = LinearSVC(C=1.0, random_state=0).fit(_matrix(lexicon, texts), owner)
    weights, bias = _both(np, regression.coef_, regression.intercept_, low=0.0)
    planes, offsets = _both(np, svm.coef_, svm.intercept_, low=-1.0)
    return Classifiers(
        names=names, examples=vectors, owner=owner, weights=weights, bias=bias, lexicon=lexicon,
        planes=np.ascontiguousarray(planes.T.astype(np.float32)), offsets=offsets,
    )  # fmt: skip


def _both(np: Any, rows: Array, offsets: Array, *, low: float) -> tuple[Array, Array]:
    """A row per intent also where there are two, of which scikit-learn keeps the second alone."""
    if len(rows) > 1:
        return rows, offsets
    return np.vstack([low * rows[0], rows[0]]), np.array([low * offsets[0], offsets[0]])


def ask(heads: Classifiers, texts: Sequence[str], vectors: Array) -> Opinions:
    """What the heads say of texts with these unit vectors (a row each). Columns are the intents that had examples, ascending."""
    import numpy as np

    vectors = np.asarray(vectors, dtype=np.float64)
    starts = np.searchsorted(heads.owner, np.unique(heads.owner))
    similarity = np.maximum.reduceat(vectors @ heads.examples.T, starts, axis=1)
    margin = np.vstack([_margin(np, heads, text) for text in texts])
    return Opinions(
        regression=_softmax(np, vectors @ heads.weights.T + heads.bias, 1.0),
        nearest=_softmax(np, similarity, _SHARP_SIMILARITY),
        lexical=_softmax(np, margin, _SHARP_MARGIN),
        similarity=similarity,
        margin=margin,
    )


def nearest_example(heads: Classifiers, vector: Array, intent: int) -> int:
    """Which example (a row of `heads.examples`) of an intent is nearest; the first of equals."""
    import numpy as np

    rows = np.flatnonzero(heads.owner == intent)
    return int(rows[int(np.argmax(np.round(heads.examples[rows] @ vector, 6)))])


def _softmax(np: Any, values: Array, sharp: float) -> Array:
    scaled = values * sharp
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def _pieces(text: str) -> tuple[list[str], list[str]]:
    """Words and pairs of words; and the runs of two to four letters inside words."""
    words = [word[:_LONGEST_WORD] for word in _WORD.findall(text.casefold())[:_MAX_WORDS]]
    pairs = [f"{word} {following}" for word, following in itertools.pairwise(words)]
    letters = [
        f" {word} "[at : at + size]
        for word in words
        for size in (2, 3, 4)
        for at in range(max(1, len(word) + 3 - size))
    ]
    return words + pairs, letters


def _lexicon(texts: Sequence[str]) -> Lexicon:
    import numpy as np

    seen: tuple[dict[str, int], dict[str, int]] = ({}, {})
    for text in texts:
        for kind, pieces in zip(seen, _pieces(text), strict=True):
            for piece in set(pieces):
                kind[piece] = kind.get(piece, 0) + 1
    minimum = 2 if len(texts) > _MANY else 1
    words, letters = (sorted(piece for piece, count in kind.items() if count >= minimum) for kind in seen)
    counts = [seen[0][word] for word in words] + [seen[1][piece] for piece in letters]
    idf = np.log((1 + len(texts)) / (1 + np.array(counts, dtype=np.float64))) + 1
    return Lexicon(
        words={word: at for at, word in enumerate(words)},
        letters={piece: at + len(words) for at, piece in enumerate(letters)},
        idf=idf,
    )


def _features(np: Any, lexicon: Lexicon, text: str) -> tuple[list[int], Array]:
    """Places and values of a text's features: each of the two kinds has length one, both together too."""
    places: list[int] = []
    values: list[Array] = []
    for known, pieces in zip((lexicon.words, lexicon.letters), _pieces(text), strict=True):
        counted: dict[int, int] = {}
        for piece in pieces:
            if (at := known.get(piece)) is not None:
                counted[at] = counted.get(at, 0) + 1
        here = sorted(counted)
        weights = (1 + np.log([counted[at] for at in here])) * lexicon.idf[here]
        length = float(np.sqrt((weights * weights).sum())) or 1.0
        places += here
        values.append(weights / length * 0.5**0.5)
    return places, np.concatenate(values)


def _margin(np: Any, heads: Classifiers, text: str) -> Array:
    places, values = _features(np, heads.lexicon, text)
    return values @ heads.planes[places].astype(np.float64) + heads.offsets


def _matrix(lexicon: Lexicon, texts: Sequence[str]) -> Any:
    import numpy as np
    from scipy.sparse import csr_matrix

    rows = [_features(np, lexicon, text) for text in texts]
    places = np.array([at for row, _ in rows for at in row], dtype=np.int64)
    bounds = np.cumsum([0, *(len(row) for row, _ in rows)])
    values = np.concatenate([row for _, row in rows])
    return csr_matrix((values, places, bounds), shape=(len(rows), len(lexicon.idf)))
