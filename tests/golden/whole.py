"""A whole workspace in memory, as `steward check` reads one: steward.yaml and the tests, too."""

from engine.language.build.compile import Compiled
from engine.language.documents import settings, test_file
from tests.unit.language.trees import CONFIG, STARTER, MemoryTree, compiled


def whole(files: dict[str, bytes]) -> Compiled:
    """These files with the starter's vault. Settings that can't be used are diagnostics, and the usual ones hold."""
    config, wrong = (
        settings.parse("steward.yaml", files["steward.yaml"]) if "steward.yaml" in files else (CONFIG, ())
    )
    found = compiled(files, config=config or CONFIG)
    return found.with_diagnostics(
        (*wrong, *test_file.check(MemoryTree({**STARTER, **files}), found.plans, found.broken))
    )
