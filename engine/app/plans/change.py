"""One difference in what may happen."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind = Literal[
    "stage", "gate", "reach", "action", "tool", "recipient", "account", "amount", "host", "command", "path", "trigger",
    "stop-on", "once", "if", "foreach", "repeat", "hold", "cap", "subject", "connector", "secret", "policy", "deploy", "id",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference in what may happen. `playbook` is empty for settings and policy; `before` and `after` are empty for none."""

    kind: Kind
    raises: bool
    playbook: str = ""
    where: str = ""
    before: str = ""
    after: str = ""

    @property
    def text(self) -> str:
        """On one line."""
        place = f"{self.where}: " if self.where else ""
        kind = "" if self.kind == "policy" else f"{self.kind} "
        if not self.before:
            return f"{place}{kind}{self.after} is new"
        if not self.after:
            return f"{place}{kind}{self.before} is gone"
        return f"{place}{kind}{self.before} → {self.after}"


Rise: TypeAlias = Change
"""A change that raises authority."""
