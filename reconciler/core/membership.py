"""A member's role on something: one entry of an IAM policy, as an address that says everything about it.

Every such entry is of the one kind `iam_member`. Its name is what the role is on, the role, the member, and the title
of the condition where there is one: `run_service:churn roles/run.invoker user:ann@example.com`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from reconciler.core.address import Address

KIND = "iam_member"
IAP = "iap"
"""What is on who may sign in to a service of Cloud Run through Identity-Aware Proxy: its name is the service's."""
PROJECT = "project"
"""What a role on the project at hand as a whole is on; it needs no name."""

EVERYONE = "allUsers"
EVERYONE_SIGNED_IN = "allAuthenticatedUsers"

SECRET_READER = "roles/secretmanager.secretAccessor"  # noqa: S105 - the name of a role
"""Lets read a secret's versions."""

SQL_CLIENT = "roles/cloudsql.client"
"""Lets reach instances of Cloud SQL."""
MOUNTED = "mlservice-mount-"
"""How titles begin of conditions that hold a role to a mounted folder."""

ANY_MEMBER = "*"
"""In place of a member: every grant of the role that no spec wants, whoever has it."""
ANY_ROLE = "*"
"""In place of a role: every grant of the member's, whatever the role and under whatever condition."""

_WORDS = 3


@dataclass(frozen=True, slots=True)
class Membership:
    """One member's role on one resource.

    Args:
        on: Sort of resource: a kind's name, or `project`, `secret`, or `iap`.
        name: Its name, as in the address of its kind; empty for the project.
        role: Such as `roles/run.invoker`.
        member: Such as `user:ann@example.com`.
        title: Of the condition under which it holds; empty for always.
    """

    on: str
    name: str
    role: str
    member: str
    title: str = ""

    def at(self, location: str, project: str = "") -> Address:
        """Give the address.

        Args:
            location: Of the resource.
            project: Of the resource, when it is not the one at hand.
        """
        target = f"{self.on}:{self.name}" if self.name else self.on
        words = [target, self.role, self.member, self.title]
        return Address(KIND, location, " ".join(word for word in words if word), project)

    @classmethod
    def of(cls, address: Address) -> Membership:
        """Read an address.

        Raises:
            ValueError: It is none of a membership.
        """
        words = address.name.split(" ", _WORDS)  # the title is the rest: people put spaces in theirs
        if len(words) < _WORDS:
            raise ValueError(f"'{address}' names no member's role")
        on, _, name = words[0].partition(":")
        return cls(on, name, *words[1:])


def any_role(address: Address) -> Address:
    """Give the address of all roles of the same member on the same thing; any other kind's address is left."""
    if address.kind != KIND:
        return address
    there = Membership.of(address)
    everything = replace(there, role=ANY_ROLE, title="")
    return everything.at(address.location, address.project)


def any_member(address: Address) -> Address:
    """Give the address of everybody with the same role on the same thing; any other kind's address is left."""
    if address.kind != KIND:
        return address
    everybody = replace(Membership.of(address), member=ANY_MEMBER, title="")
    return everybody.at(address.location, address.project)


FORMER_KINDS = frozenset({"run_invoker", "project_role", "secret_accessor"})
"""Kinds that inventories of mlservice 0.1 list, one per role and resource."""


def from_former(address: Address) -> Address:
    """Give today's address of what an inventory of mlservice 0.1 lists."""
    words = address.name.split(" ")
    if address.kind == "run_invoker":
        return Membership("run_service", words[0], "roles/run.invoker", words[1]).at(address.location)
    if address.kind == "secret_accessor":
        project, secret = split_secret(words[0], "")
        found = Membership("secret", secret, "roles/secretmanager.secretAccessor", words[1])
        return found.at(address.location, project)
    return Membership(PROJECT, "", *words).at(address.location)


def split_secret(secret: str, here: str) -> tuple[str, str]:
    """Divide a secret as specs write it into its project, empty for the one at hand, and its name.

    Args:
        secret: An id, or `projects/P/secrets/S`, which may be of our own project.
        here: Project id of the run.
    """
    if not secret.startswith("projects/"):
        return "", secret
    _, project, _, name = secret.split("/", 3)
    return "" if project == here else project, name
