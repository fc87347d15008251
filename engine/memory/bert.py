"""The forward pass of a BERT sentence model in NumPy, from the files it is published as: no machine-learning framework is needed.

Arrays are float32; a text's hidden states are (tokens, size). Imported in the memory process only.
"""

import json
import math
from pathlib import Path
from typing import Any

from engine.memory.model import LENGTH, WEIGHTS

Array = Any
"""A NumPy array of float32."""

_ROWS = 32
"""GELU is computed over this many tokens at a time, so that they stay in the processor's cache."""

_ERF_ABOVE = (
    -2.72614225801306e-10, 2.77068142495902e-08, -2.10102402082508e-06, -5.69250639462346e-05, -7.34990630326855e-04,
    -2.95459980854025e-03, -1.60960333262415e-02,
)  # fmt: skip
_ERF_BELOW = (
    -1.45660718464996e-05, -2.13374055278905e-04, -1.68282697438203e-03, -7.37332916720468e-03, -1.42647390514189e-02,
)  # fmt: skip
"""erf(x) = x * above(x²) / below(x²) for |x| <= 4, highest power first; float32 holds no better."""


class Bert:
    """A loaded model. Safe to use from several threads, which then compute side by side.

    Raises OSError when a file is missing, ValueError when it describes a model of another make.
    """

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_bytes())
        pooling = folder / "1_Pooling" / "config.json"
        pooled = json.loads(pooling.read_bytes()) if pooling.is_file() else {"pooling_mode_mean_tokens": True}
        self._mean = bool(pooled.get("pooling_mode_mean_tokens"))
        if not (self._mean or pooled.get("pooling_mode_cls_token")):
            raise ValueError("it pools neither by the mean nor by the first token")
        if (config.get("model_type"), config.get("hidden_act")) != ("bert", "gelu"):
            raise ValueError("it is no BERT with GELU")
        if config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError("its positions are not absolute")
        self._heads, self._eps = int(config["num_attention_heads"]), float(config["layer_norm_eps"])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(min(LENGTH, int(config["max_position_embeddings"])))
        self._tokenizer.no_padding()
        weights = {name.removeprefix("bert."): array for name, array in _arrays(folder / WEIGHTS).items()}
        try:
            self._words = weights["embeddings.word_embeddings.weight"]
            self._places = (
                weights["embeddings.position_embeddings.weight"]
                + weights["embeddings.token_type_embeddings.weight"][0]
            )
            self._norm = _pair(weights, "embeddings.LayerNorm")
            self._layers = [
                _Layer(weights, f"encoder.layer.{number}.", self._heads, self._eps)
                for number in range(int(config["num_hidden_layers"]))
            ]
        except KeyError as error:
            raise ValueError(f"its weights lack {error}") from error

    def vector(self, text: str) -> Array:
        """The unit vector of a text, of which the first `LENGTH` tokens count."""
        import numpy as np

        tokens = self._tokenizer.encode(text).ids
        states = _normed(self._words[tokens] + self._places[: len(tokens)], self._norm, self._eps)
        for layer in self._layers:
            states = layer(states)
        pooled = states.mean(axis=0) if self._mean else states[0]
        return pooled / max(float(np.sqrt(pooled @ pooled)), 1e-12)


class _Layer:
    """Self-attention and a feed-forward network, each added to what came in and normalised."""

    def __init__(self, weights: dict[str, Array], prefix: str, heads: int, eps: float) -> None:
        import numpy as np

        parts = [_pair(weights, f"{prefix}attention.self.{name}") for name in ("query", "key", "value")]
        size = parts[0][0].shape[0] // heads
        # The scale of the scores goes into the queries: once here instead of once a text.
        scale = np.float32(1 / math.sqrt(size))
        query = (parts[0][0] * scale, parts[0][1] * scale)
        self._heads, self._eps = heads, eps
        self._in = (
            np.concatenate([query[0], parts[1][0], parts[2][0]]).T,
            np.concatenate([query[1], parts[1][1], parts[2][1]]),
        )
        self._out = _dense(weights, f"{prefix}attention.output.dense")
        self._norm = _pair(weights, f"{prefix}attention.output.LayerNorm")
        self._wide = _dense(weights, f"{prefix}intermediate.dense")
        self._narrow = _dense(weights, f"{prefix}output.dense")
        self._last = _pair(weights, f"{prefix}output.LayerNorm")

    def __call__(self, states: Array) -> Array:
        tokens, size = states.shape
        parts = (states @ self._in[0] + self._in[1]).reshape(tokens, 3, self._heads, size // self._heads)
        query, key, value = parts.transpose(1, 2, 0, 3)
        heads = _softmax(query @ key.transpose(0, 2, 1)) @ value
        attended = heads.transpose(1, 0, 2).reshape(tokens, size) @ self._out[0] + self._out[1]
        states = _normed(attended + states, self._norm, self._eps)
        wide = states @ self._wide[0] + self._wide[1]
        for start in range(0, tokens, _ROWS):
            _gelu(wide[start : start + _ROWS])
        return _normed(wide @ self._narrow[0] + self._narrow[1] + states, self._last, self._eps)


def _arrays(path: Path) -> dict[str, Array]:
    """The float32 arrays of a safetensors file, left on the disk until they are read: of most words, that is never."""
    import numpy as np

    raw = np.memmap(path, dtype=np.uint8, mode="r")
    start = 8 + int.from_bytes(raw[:8].tobytes(), "little")
    arrays = {}
    for name, about in json.loads(raw[8:start].tobytes()).items():
        if about.get("dtype") == "F32":
            first, last = about["data_offsets"]
            arrays[name] = raw[start + first : start + last].view(np.float32).reshape(about["shape"])
    return arrays


def _pair(weights: dict[str, Array], name: str) -> tuple[Array, Array]:
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def _dense(weights: dict[str, Array], name: str) -> tuple[Array, Array]:
    weight, bias = _pair(weights, name)
    return weight.T, bias


def _normed(states: Array, norm: tuple[Array, Array], eps: float) -> Array:
    import numpy as np

    states = states - states.mean(axis=-1, keepdims=True)
    variance = np.mean(np.square(states), axis=-1, keepdims=True)
    states /= np.sqrt(variance + np.float32(eps))
    states *= norm[0]
    states += norm[1]
    return states


def _softmax(scores: Array) -> Array:
    import numpy as np

    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    scores /= scores.sum(axis=-1, keepdims=True)
    return scores


def _gelu(states: Array) -> None:
    """x/2 * (1 + erf(x/√2)), in place."""
    import numpy as np

    scaled = np.clip(states * np.float32(math.sqrt(0.5)), -4, 4)
    square = scaled * scaled
    above, below = _polynomial(_ERF_ABOVE, square), _polynomial(_ERF_BELOW, square)
    above *= scaled
    above /= below
    above += 1
    above *= 0.5
    states *= above


def _polynomial(factors: tuple[float, ...], square: Array) -> Array:
    total = square * factors[0]
    total += factors[1]
    for factor in factors[2:]:
        total *= square
        total += factor
    return total
