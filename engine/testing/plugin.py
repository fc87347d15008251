"""pytest collects ``playbooks/tests/*.test.yaml``: each case is an item, and a failure shows what `steward test` shows."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from engine.language.documents.test_file import Case
    from engine.testing.cases.suite import TestFile, Tests

_ENDING = ".test.yaml"
_SETTINGS = "steward.yaml"
_COMPILED: "pytest.StashKey[dict[Path, Tests]]" = pytest.StashKey()


class CaseFailed(Exception):
    """A case, or the file it stands in, is not as it should be. The message is the whole report."""


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "CaseCollector | None":
    """Test files below playbooks/tests of a workspace; everything else is left alone."""
    if not file_path.name.endswith(_ENDING):
        return None
    for folder in file_path.parents:
        if folder.name == "tests" and folder.parent.name == "playbooks":
            root = folder.parent.parent
            if (root / _SETTINGS).is_file():
                collector: CaseCollector = CaseCollector.from_parent(parent, path=file_path, root=root)
                return collector
    return None


class CaseCollector(pytest.File):
    """One test file."""

    def __init__(self, *, root: Path, **kwargs: Any) -> None:  # noqa: ANN401 - pytest's own arguments
        super().__init__(**kwargs)
        self.root = root

    def collect(self) -> Iterable[pytest.Item]:
        """Its cases; or one item that says what keeps it from being read."""
        tests = self._tests()
        relative = self.path.resolve().relative_to(self.root.resolve()).as_posix()
        for file in tests.files():
            if file.path != relative:
                continue
            if file.wrong:
                yield CaseItem.from_parent(self, name="can be read", tests=tests, file=file, case=None)
            for case in file.runnable:
                yield CaseItem.from_parent(self, name=case.name, tests=tests, file=file, case=case)

    def _tests(self) -> "Tests":
        from engine.testing.cases.suite import Tests

        known = self.config.stash.setdefault(_COMPILED, {})
        root = self.root.resolve()
        if root not in known:
            known[root] = Tests(root)
        return known[root]


class CaseItem(pytest.Item):
    """One case."""

    def __init__(
        self,
        *,
        tests: "Tests",
        file: "TestFile",
        case: "Case | None",
        **kwargs: Any,  # noqa: ANN401 - pytest's own arguments
    ) -> None:
        super().__init__(**kwargs)
        self.tests, self.file, self.case = tests, file, case

    def runtest(self) -> None:
        """Play it. Raises CaseFailed."""
        from engine.language.diagnostics import render
        from engine.testing.cases import report

        if self.case is None:
            raise CaseFailed("\n\n".join(render.text(diagnostic) for diagnostic in self.file.diagnostics))
        result = self.tests.run(self.file, self.case)
        if not result.passed:
            raise CaseFailed(report.text(result, self.file.source))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:  # noqa: ANN401 - as pytest declares it
        """The report itself for a case that failed, a traceback for a fault of ours."""
        if isinstance(excinfo.value, CaseFailed):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it stands."""
        line = self.case.span.line - 1 if self.case is not None else 0
        return self.path, line, f"{self.file.name}: {self.name}"
