"""Where the examples of the kinds stand: a project, a region, and what every name in them begins with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.naming import account_email


@dataclass(frozen=True)
class Place:
    """One project and region.

    Args:
        project: Its id.
        region: Such as `europe-west1`.
        prefix: What names of what is made there begin with, so that it meets nothing of anybody else's.
        labels: On all that has labels.
        state: Name of the bucket of inventories and files; empty for the prefix and `state`.
    """

    project: str = "local"
    region: str = "europe-west1"
    prefix: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    state: str = ""

    @property
    def bucket(self) -> str:
        """Name of the bucket of inventories and files."""
        return self.state or self.name("state")

    def name(self, name: str) -> str:
        """Give what an object is called here."""
        return f"{self.prefix}{name}"

    def role(self, name: str) -> str:
        """Give the id of a custom role, which may have no hyphens."""
        return self.name(name).replace("-", "_")

    def email(self, account: str) -> str:
        """Give the address of a service account."""
        return account_email(self.name(account), self.project)

    def member(self, account: str) -> str:
        """Give a service account as a policy names it."""
        return f"serviceAccount:{self.email(account)}"

    @property
    def top(self) -> str:
        """The project's resource name."""
        return f"projects/{self.project}"

    @property
    def here(self) -> str:
        """The region's resource name."""
        return f"{self.top}/locations/{self.region}"

    def of_project(self, collection: str, name: str) -> str:
        """Give the resource name of something of the project."""
        return f"{self.top}/{collection}/{self.name(name)}"

    def of_region(self, collection: str, name: str) -> str:
        """Give the resource name of something of the region."""
        return f"{self.here}/{collection}/{self.name(name)}"


LOCAL = Place(state="local-mlservice")
"""The place of tests: the emulator's own project."""
