"""What templates are for, and what people agreed to: governance's port Consents over a workspace."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.app.adapters.registry import front_matter
from engine.identity.person_resolver import agreements
from engine.model.definitions.plan import Fixed, Node, Plan
from engine.model.ports import Tree

_TEMPLATES = "vault/templates/"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkspaceConsents:
    """`stored` gives what was stored with a plan, by its digest; `tree` the workspace that runs now.

    A template is the one that the run began with. Consent is looked up as of now: a person who withdraws it gets no further letter.
    """

    stored: Callable[[str], bytes]
    tree: Callable[[], Tree]

    def purpose(self, plan: Plan, node: Node) -> str:
        """The `purpose` of the template a step sends; empty for none."""
        arg = dict(node.args).get("template")
        name = arg.value if isinstance(arg, Fixed) else None
        path = f"{_TEMPLATES}{name}.md"
        digest = dict(plan.files).get(path)
        if not isinstance(name, str) or digest is None:
            return ""
        purpose = (front_matter(path, self.stored(digest)) or {}).get("purpose")
        return purpose if isinstance(purpose, str) else ""

    def agreed(self, address: str) -> frozenset[str]:
        """The words under `consent` of the contact note with this address."""
        return agreements(self.tree(), front_matter, address)
