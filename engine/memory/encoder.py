"""The packaged (or configured) model as the memory process uses it: several texts side by side, each computed by itself and alone."""

import os
import sys
import threading
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from engine.memory.model import Model, unreadable, verify

_NEEDED = frozenset({"txtai", "msgpack", "numpy", "regex"}) | sys.stdlib_module_names
"""What the search engine is let import. It looks for dozens of packages and takes what is there: a second, 500 MB, and one that asks for
a price list over the network when it is imported.
"""

_MAX_CHARACTERS = 20_000
_MAX_REMEMBERED = 4096


class SentenceEncoder:
    """Texts to unit vectors. Safe to use from several threads; loading takes a few tenths of a second and is done by `load`."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._lock = threading.Lock()
        self._network: Any = None
        self._pool: ThreadPoolExecutor | None = None
        self._recent: OrderedDict[str, bytes] = OrderedDict()

    @property
    def version(self) -> str:
        """The model's."""
        return self._model.version

    def load(self) -> None:
        """Import and load. Raises PermanentError(code='no-memory') when the files are not the pinned ones, or can't be read."""
        verify(self._model)
        from threadpoolctl import threadpool_limits

        from engine.memory.bert import Bert

        try:
            self._network = Bert(self._model.folder)
        except Exception as error:  # whatever a library makes of a damaged file
            raise unreadable(self._model, error) from error
        # A sum's last bits depend on how many cores share it: each text has one of them to itself. (Now, for NumPy is loaded.)
        threadpool_limits(limits=1)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="encode")

    def encode(self, texts: Sequence[str]) -> tuple[bytes, ...]:
        """One vector a text: little-endian float32, of length 1. Each is computed by itself on one core, so that it never depends on
        its neighbours or on how many cores there are; several texts take all of them.
        """
        with self._lock:
            known = {text: self._recent[text] for text in texts if text in self._recent}
        missing = list(dict.fromkeys(text for text in texts if text not in known))
        if len(missing) == 1 or self._pool is None:
            computed = [self._vector(text) for text in missing]
        else:
            computed = list(self._pool.map(self._vector, missing))
        known.update(zip(missing, computed, strict=True))
        with self._lock:
            for text in missing:
                self._recent[text] = known[text]
            while len(self._recent) > _MAX_REMEMBERED:
                self._recent.popitem(last=False)
        return tuple(known[text] for text in texts)

    def _vector(self, text: str) -> bytes:
        return bytes(self._network.vector(text[:_MAX_CHARACTERS]).astype("<f4").tobytes())


def txtai() -> Any:
    """The search engine, imported so that it neither phones home nor unpickles: what pickles it finds stay shut."""
    for name in ("ALLOW_PICKLE", "ALLOW_RESOLVE_TRANSFORM"):
        os.environ.pop(name, None)
    with _OnlyNeeded():
        import txtai as engine

    return engine


class _OnlyNeeded:
    """While this thread is inside, a package that is not needed can't be imported."""

    def __enter__(self) -> None:
        self._thread = threading.get_ident()
        sys.meta_path.insert(0, self)

    def __exit__(self, *_: object) -> None:
        sys.meta_path.remove(self)

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        """Refuse, or leave it to the next finder."""
        if threading.get_ident() == self._thread and name.partition(".")[0] not in _NEEDED:
            raise ModuleNotFoundError(f"{name} is not needed here", name=name)
