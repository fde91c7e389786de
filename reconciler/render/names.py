"""What people call an object: `project role roles/storage.objectViewer for churn-run@…`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import EVERYONE, EVERYONE_SIGNED_IN, KIND, Membership

_EVERYONE = {EVERYONE: "everyone", EVERYONE_SIGNED_IN: "everyone with a Google account"}
_ACCOUNT = "serviceAccount:"
_PERMISSIONS = {
    "roles/iap.httpsResourceAccessor": "permission to sign in to",
    "roles/run.invoker": "permission to call",
    "roles/secretmanager.secretAccessor": "access to secret",
    "roles/pubsub.publisher": "permission to publish to",
    "roles/pubsub.subscriber": "permission to take messages of",
}
"""How people say a role on the resource that it is for."""


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
        """Give what people call the kind; of a member's role, what it permits."""
        if address.kind == KIND:
            there = Membership.of(address)
            return _PERMISSIONS.get(there.role, f"role {there.role}") if there.name else "project role"
        return self.titles.get(address.kind, address.kind)

    def name(self, address: Address) -> str:
        """Give the object's own name. That of a member's role is its words: on what, whose, under which condition."""
        return self._member_on(Membership.of(address)) if address.kind == KIND else address.name

    def place(self, address: Address) -> str:
        """Say where it is, unless it belongs to the project as a whole."""
        region = "" if address.location == GLOBAL else f" in {address.location}"
        return f"{region} of project {address.project}" if address.project else region

    def __call__(self, address: Address) -> str:
        """Give title and name."""
        return f"{self.title(address)} {self.name(address)}"

    def _member_on(self, there: Membership) -> str:
        known = there.role in _PERMISSIONS
        on = there.name if known else f"on {self.titles.get(there.on, there.on)} {there.name}"
        condition = f" ({there.title})" if there.title else ""
        return f"{on if there.name else there.role} for {self._member(there.member)}{condition}"

    def _member(self, member: str) -> str:
        ours = f"@{self.project}.iam.gserviceaccount.com"
        if member.startswith(_ACCOUNT):
            email = member.removeprefix(_ACCOUNT)
            return f"{email.removesuffix(ours)}@…" if email.endswith(ours) else email
        return _EVERYONE.get(member, member)
