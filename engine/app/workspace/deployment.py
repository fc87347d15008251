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
_CACHE: deque[tuple[tuple[object, ...], Deployment]] = deque(maxlen=8)
"""The deployments this process compiled last, by all of their inputs."""


def deploy(workspace: Workspace, specs: Mapping[str, ActionSpec]) -> Deployment:
    """As `deployment`, for the process that owns the ledger: remembers the commit as the last good one, and what it compiled to."""
    deployed = deployment(workspace, specs, remember=True)
    if deployed.commit == workspace.tree.commit and not deployed.broken:
        set_ref(workspace.root, LAST_GOOD, deployed.commit)
    return deployed


def deployment(
    workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool = False
) -> Deployment:
    """The plans of the deployed commit. A tip that does not compile leaves the last good commit deployed, and says so.

    Changes nothing; `remember` keeps what was compiled in the cache that commands share.
    """
    tip = workspace.tree
    tip_deployment = _compiled(tip, workspace, specs, remember=remember)
    if not tip_deployment.broken:
        return tip_deployment
    try:
        last_good = GitTree.at(workspace.root, LAST_GOOD)
    except EngineError:
        return replace(
            tip_deployment,
            notice=f"{', '.join(sorted(tip_deployment.broken))} does not compile and does not run: steward check",
        )
    fallback = _compiled(last_good, workspace, specs, remember=remember)
    notice = f"commit {tip.commit[:8]} does not compile; {last_good.commit[:8]} stays deployed: steward check"
    return replace(fallback, notice=notice)


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
        commit_words = f"{self.commit[:8]} of {self.branch}"
        return "; ".join(part for part in (commit_words, self.notice, self.aside) if part)


def standing(workspace: Workspace, deployed: Deployment | None = None) -> DeploymentStatus:
    """What runs now; every command that names it asks here. `deployed` is what was compiled already.

    Without it the compiler is asked only where the tip is not the commit that ran last.
    """
    tip, branch = workspace.tree.commit, workspace.config.deploy
    if deployed is None:
        try:
            last = GitTree.at(workspace.root, LAST_GOOD).commit
        except EngineError:
            last = ""
        if last in {"", tip}:
            notice = "" if last else "nothing has run yet"
            return DeploymentStatus(commit=tip, branch=branch, notice=notice, aside=aside(workspace))
        from engine.app.workspace.action_catalog import declared

        deployed = deployment(workspace, declared(workspace.config))
    stays = f"commit {tip[:8]} does not compile: steward check"
    notice = stays if deployed.commit != tip else deployed.notice
    return DeploymentStatus(commit=deployed.commit, branch=branch, notice=notice, aside=aside(workspace))


def aside(workspace: Workspace) -> str:
    """The commits of the checked-out branch that the deployed branch lacks, and how to merge them; empty for none."""
    branch = workspace.config.deploy
    checkout, count = beside(workspace.root, branch)
    if not count:
        return ""
    singular = count == 1
    sentence = f"{count} {'commit' if singular else 'commits'} on {checkout} {'is' if singular else 'are'} not in {branch} and {'does' if singular else 'do'} not run"
    return f"{sentence}: git switch {branch} && git merge {checkout if checkout != 'no branch' else 'COMMIT'}"


def _compiled(
    tree: Tree, workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool
) -> Deployment:
    """What a tree compiles to with these actions. The last few are cached: `steward up` asks again at every look."""
    of = (tree.commit, tuple(tree.paths()), workspace.config, dict(specs), remember)
    compiled = next((known_deployment for known, known_deployment in tuple(_CACHE) if known == of), None)
    if compiled is None:
        compiled = _compile(tree, workspace, specs, remember=remember)
        _CACHE.append((of, compiled))
    return compiled


def _compile(
    tree: Tree, workspace: Workspace, specs: Mapping[str, ActionSpec], *, remember: bool
) -> Deployment:
    from engine.language.build.compile import compile_tree

    compiled = compile_tree(
        tree,
        actions=specs,
        config=workspace.config,
        events=events(),
        cache_file=check.shelf(workspace.root, workspace.state.path.parent) if remember else None,
        code=check.code(),
    )
    digests = {path: sha for plan in compiled.plans.values() for path, sha in plan.files}
    contents = {}
    for path, sha in digests.items():
        content = tree.read(path)
        if sha256(content) != sha:
            raise PermanentError(f"{path} changed while it was read", code="tree")
        contents[sha] = content
    return Deployment(
        commit=tree.commit, plans=dict(compiled.plans), contents=contents, broken=compiled.broken
    )
