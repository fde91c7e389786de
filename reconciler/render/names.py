"""What people call an object: `project role roles/storage.objectViewer for churn-run@…`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.address import GLOBAL, Address

_EVERYONE = {"allUsers": "everyone", "allAuthenticatedUsers": "everyone with a Google account"}
_ACCOUNT = "serviceAccount:"


@dataclass(frozen=True, slots=True)
class Names:
    """Names objects for the reader of one plan.

    Args:
        titles: What people call each kind.
        project: Accounts of this project are named without it.
    """

    titles: Mapping[str, str]
    project: str

    def title(self, address: Address) -> str:
        """Give what people call the kind."""
        return self.titles.get(address.kind, address.kind)

    def name(self, address: Address) -> str:
        """Give the object's own name. That of a grant is its words: what, whose, and under which condition."""
        words = address.name.split(" ")
        whose = next((i for i, word in enumerate(words) if word in _EVERYONE or ":" in word.split("/")[-1]), 0)
        if not whose:
            return address.name
        condition = "".join(f" ({word})" for word in words[whose + 1 :])
        return f"{' '.join(words[:whose])} for {self._member(words[whose])}{condition}"

    def place(self, address: Address) -> str:
        """Say where it is, unless it belongs to the project as a whole."""
        return "" if address.location == GLOBAL else f" in {address.location}"

    def __call__(self, address: Address) -> str:
        """Give title and name."""
        return f"{self.title(address)} {self.name(address)}"

    def _member(self, member: str) -> str:
        ours = f"@{self.project}.iam.gserviceaccount.com"
        if member.startswith(_ACCOUNT):
            email = member.removeprefix(_ACCOUNT)
            return f"{email.removesuffix(ours)}@…" if email.endswith(ours) else email
        return _EVERYONE.get(member, member)
