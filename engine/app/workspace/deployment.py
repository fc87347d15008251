"""What is deployed: the plans of the tip, or of the last commit that compiled."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.app.workspace import check
from engine.app.workspace.action_catalog import events
from engine.app.workspace.workspace import Workspace
from engine.kernel.core.services import Deployment
from engine.model.definitions.actions import ActionSpec
from engine.model.errors import EngineError, PermanentError
from engine.model.ports import Tree
from engine.model.values.canonical_json import sha256
from engine.vault import GitTree, beside, set_ref

LAST_GOOD = "refs/steward/deployed"
_MADE: deque[tuple[tuple[object, ...], Deployment]] = deque(maxlen=8)
"""What this process compiled last, by everything that went into it."""


def deploy(workspace: Workspace, specs: Mapping[str, ActionSpec]) -> Deployment:
    """As `deployment`, for the process that owns the ledger: remembers the commit as the last good one, and what it compiled to."""
    made = deployment(workspace, specs, remember=True)
    if made.commit == workspace.tree.commit and not made.broken:
        set_ref(workspace.root, LAST_GOOD, made.commit)
    return made


def deployment(
    workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool = False
) -> Deployment:
    """The plans of the deployed commit. A tip that does not compile leaves the last good commit deployed, and says so.

    Changes nothing; `remember` keeps what was compiled in the cache that commands share.
    """
    tip = workspace.tree
    found = _compiled(tip, workspace, specs, remember=remember)
    if not found.broken:
        return found
    try:
        before = GitTree.at(workspace.root, LAST_GOOD)
    except EngineError:
        return replace(
            found,
            notice=f"{', '.join(sorted(found.broken))} does not compile and does not run: steward check",
        )
    kept = _compiled(before, workspace, specs, remember=remember)
    notice = f"commit {tip.commit[:8]} does not compile; {before.commit[:8]} stays deployed: steward check"
    return replace(kept, notice=notice)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentStatus:
    """What runs, for people: `commit` of `branch`; `notice` where that is not the tip, `aside` where commits beside the branch don't run."""

    commit: str
    branch: str
    notice: str = ""
    aside: str = ""

    @property
    def words(self) -> str:
        """In one line."""
        said = f"{self.commit[:8]} of {self.branch}"
        return "; ".join(one for one in (said, self.notice, self.aside) if one)


def standing(workspace: Workspace, made: Deployment | None = None) -> DeploymentStatus:
    """What runs now; every command that names it asks here. `made` is what was compiled already.

    Without it the compiler is asked only where the tip is not the commit that ran last.
    """
    tip, branch = workspace.tree.commit, workspace.config.deploy
    if made is None:
        try:
            last = GitTree.at(workspace.root, LAST_GOOD).commit
        except EngineError:
            last = ""
        if last in {"", tip}:
            notice = "" if last else "nothing has run yet"
            return DeploymentStatus(commit=tip, branch=branch, notice=notice, aside=aside(workspace))
        from engine.app.workspace.action_catalog import declared

        made = deployment(workspace, declared(workspace.config))
    stays = f"commit {tip[:8]} does not compile: steward check"
    notice = stays if made.commit != tip else made.notice
    return DeploymentStatus(commit=made.commit, branch=branch, notice=notice, aside=aside(workspace))


def aside(workspace: Workspace) -> str:
    """The commits of the branch one is on that the deployed branch doesn't hold, and how they get there; empty for none."""
    branch = workspace.config.deploy
    where, count = beside(workspace.root, branch)
    if not count:
        return ""
    one = count == 1
    said = f"{count} {'commit' if one else 'commits'} on {where} {'is' if one else 'are'} not in {branch} and {'does' if one else 'do'} not run"
    return f"{said}: git switch {branch} && git merge {where if where != 'no branch' else 'COMMIT'}"


def _compiled(
    tree: Tree, workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool
) -> Deployment:
    """What a tree compiles to with these actions. The last few are kept: who stays up asks again at every look for what has not changed."""
    of = (tree.commit, tuple(tree.paths()), workspace.config, dict(specs), remember)
    made = next((made for known, made in tuple(_MADE) if known == of), None)
    if made is None:
        made = _made(tree, workspace, specs, remember=remember)
        _MADE.append((of, made))
    return made


def _made(tree: Tree, workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool) -> Deployment:
    from engine.language.build.compile import compile_tree

    compiled = compile_tree(
        tree,
        actions=specs,
        config=workspace.config,
        events=events(),
        cache_file=check.shelf(workspace.root, workspace.state.path.parent) if remember else None,
        code=check.code(),
    )
    wanted = {path: sha for plan in compiled.plans.values() for path, sha in plan.files}
    contents = {}
    for path, sha in wanted.items():
        data = tree.read(path)
        if sha256(data) != sha:
            raise PermanentError(f"{path} changed while it was read", code="tree")
        contents[sha] = data
    return Deployment(
        commit=tree.commit, plans=dict(compiled.plans), contents=contents, broken=compiled.broken
    )
