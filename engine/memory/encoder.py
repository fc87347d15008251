"""The packaged (or configured) model behind txtai: one text a call and one thread, so that a vector depends on its text alone."""

import os
import sys
import threading
from collections import OrderedDict
from typing import Any

from engine.memory.model import LENGTH, Model, verify

_MOST_CHARACTERS = 20_000
_REMEMBERED = 4096


class SentenceEncoder:
    """Texts to unit vectors. Safe to use from several threads; loading takes seconds and is done by `load`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._vectors: Any = None
        self._recent: OrderedDict[str, bytes] = OrderedDict()

    @property
    def version(self) -> str:
        """The model's."""
        return self._model.version

    def load(self) -> None:
        """Import and load. Raises PermanentError(code='no-memory') when the files are not the pinned ones."""
        verify(self._model)
        txtai()
        import torch
        from txtai.vectors import VectorsFactory

        torch.set_num_threads(1)
        settings = {
            "path": os.fspath(self._model.folder), "method": "transformers", "gpu": False, "maxlength": LENGTH, "encodebatch": 1,
        }  # fmt: skip
        with self._lock:
            self._vectors = VectorsFactory.create(settings, None, None)

    def encode_one(self, text: str) -> bytes:
        """The vector of a text: little-endian float32, of length 1."""
        with self._lock:
            if (found := self._recent.get(text)) is None:
                made = self._vectors.batchtransform([(None, text[:_MOST_CHARACTERS], None)])
                found = made[0].astype("<f4").tobytes()
                self._recent[text] = found
                if len(self._recent) > _REMEMBERED:
                    self._recent.popitem(last=False)
            return found


def txtai() -> Any:
    """The search engine, imported so that it neither phones home nor unpickles: what pickles it finds stay shut."""
    for name in ("ALLOW_PICKLE", "ALLOW_RESOLVE_TRANSFORM"):
        os.environ.pop(name, None)
    os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1", LITELLM_LOCAL_MODEL_COST_MAP="True")
    os.environ.update(HF_HUB_DISABLE_PROGRESS_BARS="1", TOKENIZERS_PARALLELISM="false")
    # An optional part of it that asks for a price list over the network when it is imported.
    sys.modules.setdefault("litellm", None)  # type: ignore[arg-type]  # None is how an import is refused
    import faiss
    import txtai as found

    # One thread: others would only wait for each other, and sums would depend on how many there are.
    faiss.omp_set_num_threads(1)
    return found
