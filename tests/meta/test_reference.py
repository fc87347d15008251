"""Documentation that is made from the code is the code's, and nothing is without words."""

from tests.meta.reference import FOLDER, pages, undocumented


def test_the_reference_pages_are_those_of_the_code() -> None:
    """Mend with: python -m tests.meta.reference"""
    for name, text in pages().items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, f"docs/reference/{name} is stale"


def test_nothing_is_undocumented() -> None:
    """Every event type, verb, action and argument says what it means."""
    assert undocumented() == []


def test_every_verb_stands_in_a_group_and_is_importable() -> None:
    """Help lists only what works."""
    import importlib

    from engine.cli.verbs import GROUPS, VERBS

    assert sorted(name for _, names in GROUPS for name in names) == sorted(VERBS)
    for verb in VERBS.values():
        module, _, function = verb.run.partition(":")
        assert callable(getattr(importlib.import_module(module), function))
