"""Runs the scenario tests of a working folder."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from engine.app.workspace import check
from engine.app.workspace.workspace import SETTINGS
from engine.language.documents import test_file
from engine.language.documents.settings import parse as settings
from engine.language.documents.test_file import Case, CaseFile
from engine.language.text.source import SourceText
from engine.model.definitions.diagnostics import Diagnostic, Severity
from engine.model.definitions.plan import Plan
from engine.model.definitions.settings import Config, Person
from engine.model.errors import EngineError
from engine.testing.cases.assertions import Failure, StoryLine, judge, story
from engine.testing.cases.coverage import Coverage, Tracks
from engine.testing.cases.runner import Play
from engine.testing.cases.trigger_fixtures import NotSo
from engine.testing.cases.workspace import Bench, CompiledFolder, bench
from engine.vault import FolderTree


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseResult:
    """What became of one case."""

    path: str
    playbook: str
    case: str
    line: int
    failures: tuple[Failure, ...]
    story: tuple[StoryLine, ...]

    @property
    def passed(self) -> bool:
        """Everything was as expected."""
        return not self.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class TestFile:
    """One test file: its cases, or what keeps it from being run."""

    __test__ = False

    path: str
    playbook: str
    cases: tuple[Case, ...]
    diagnostics: tuple[Diagnostic, ...]
    source: SourceText

    @property
    def name(self) -> str:
        """The file's name without folder and ending."""
        return self.path.removeprefix(test_file.FOLDER).removesuffix(test_file.ENDING)

    @property
    def wrong(self) -> bool:
        """It can't be run."""
        return any(diagnostic.severity is Severity.ERROR for diagnostic in self.diagnostics)

    @property
    def runnable(self) -> tuple[Case, ...]:
        """The cases that can be run."""
        return () if self.wrong else self.cases


class Tests:
    """The tests of one folder, compiled once. `tracks` follows every case that is run."""

    __test__ = False

    def __init__(self, root: Path) -> None:
        tree = FolderTree(root)
        compiled = check.compile_tree(tree)
        config, _ = settings(SETTINGS, check.settings_of(tree))
        self._diagnostics = compiled.diagnostics
        self.folder = CompiledFolder(
            tree=tree,
            config=config or Config(operator=Person(id="operator", name="The operator")),
            plans=compiled.plans,
            broken=compiled.broken,
        )
        self.tracks = Tracks()
        self._files: tuple[TestFile, ...] | None = None

    def files(self) -> tuple[TestFile, ...]:
        """Every test file, in the order of their paths."""
        if self._files is None:
            self._files = tuple(self._file(path) for path in test_file.paths(self.folder.tree))
        return self._files

    def _file(self, path: str) -> TestFile:
        raw_bytes = self.folder.tree.read(path)
        case_file, diagnostics = test_file.parse(path, raw_bytes, self.folder.plans, self.folder.broken)
        named = case_file or CaseFile(path=path, playbook="", cases=())
        if named.playbook in self.folder.broken:
            # The playbook's own mistakes are why nothing of it can be tested.
            diagnostics = (
                *diagnostics,
                *(diagnostic for diagnostic in self._diagnostics if _about(diagnostic) == named.playbook),
            )
        return TestFile(
            path=path,
            playbook=named.playbook,
            cases=named.cases,
            diagnostics=diagnostics,
            source=SourceText.from_bytes(path, raw_bytes),
        )

    def run(self, file: TestFile, case: Case) -> CaseResult:
        """One case."""
        return play(self.folder, file.path, self.folder.plans[file.playbook], case, tracks=self.tracks)

    def coverage(self, files: Iterable[TestFile]) -> tuple[Coverage, ...]:
        """Of every playbook that these files test, by name."""
        tested = sorted({file.playbook for file in files if file.runnable})
        return tuple(self.tracks.coverage(self.folder.plans[playbook]) for playbook in tested)


def play(folder: CompiledFolder, path: str, plan: Plan, case: Case, *, tracks: Tracks) -> CaseResult:
    """One case of the test file `path` against a plan of a compiled folder."""
    failures: tuple[Failure, ...] = ()
    lines: tuple[StoryLine, ...] = ()
    try:
        with bench(folder, plan, case) as bench_:
            failures, lines = _played(bench_, plan, case, tracks)
    except EngineError as error:
        failures = (_refused(case, error.message),)
    return CaseResult(
        path=path, playbook=plan.id, case=case.name, line=case.span.line, failures=failures, story=lines
    )


def _played(
    bench_: Bench, plan: Plan, case: Case, tracks: Tracks
) -> tuple[tuple[Failure, ...], tuple[StoryLine, ...]]:
    play_ = Play(bench=bench_, plan=plan, case=case)
    failures = list(_moved(play_, case))
    if not failures:
        failures = [wrong for expectation in case.expect if (wrong := judge(play_, expectation)) is not None]
    tracks.follow(bench_.events, bench_.loop.journal.book)
    return tuple(failures), story(play_)


def _about(diagnostic: Diagnostic) -> str:
    """The playbook or SOP a diagnostic is about: its file's name without the ending."""
    return diagnostic.span.path.rpartition("/")[2].rpartition(".")[0]


def _moved(play: Play, case: Case) -> Iterator[Failure]:
    """Begin and make the moves; the first one that can't be made ends it."""
    try:
        play.begin()
    except NotSo as why:
        yield Failure(claim="begin", place=case.start.span, expected="a run", happened=str(why))
        return
    for move in play.moves():
        try:
            play.make(move)
        except NotSo as why:
            words = f"{move.kind} {move.target}".strip()
            yield Failure(claim=move.kind, place=move.span, expected=words, happened=str(why))
            return


def _refused(case: Case, message: str) -> Failure:
    return Failure(claim="begin", place=case.span, expected="a run", happened=message)
