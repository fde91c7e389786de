"""Vertex AI over REST: what its resources have in common. Each region has a host of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.gcp.calls import calling

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.gcp.connection import Connection
    from reconciler.gcp.rest import Rest


def host(region: str) -> str:
    """Give the host of a region."""
    return f"{region}-aiplatform.googleapis.com"


@dataclass(frozen=True, slots=True)
class Vertex:
    """One sort of resource.

    Args:
        connection: To the project.
        collection: What stands before a resource's name: `models`.
        version: Of the API.
    """

    connection: Connection
    collection: str
    version: str = "v1"

    @property
    def patience_s(self) -> float:
        """How long to wait for an operation."""
        return self.connection.patience_s

    def api(self, region: str) -> Rest:
        """Give the API in a region."""
        return self.connection.rest(host(region), self.version)

    def place(self, region: str) -> str:
        """Give what every name in a region begins with."""
        return f"projects/{self.connection.project}/locations/{region}"

    def name(self, address: Address) -> str:
        """Give the full name of a resource whose name is ours to choose."""
        return f"{self.place(address.location)}/{self.collection}/{address.name}"

    def listed(self, kind: str, region: str, **query: str) -> list[dict[str, Any]]:
        """List those of a region.

        Args:
            kind: Ours, for messages.
            region: Where.
            query: Parameters.

        Raises:
            ApiError: They cannot be read.
        """
        with calling("list", f"{kind}/{region}"):
            return list(self.api(region).listed(f"{self.place(region)}/{self.collection}", self.collection, **query))

    def picked(self, addresses: Iterable[Address]) -> Iterable[tuple[Address, dict[str, Any]]]:
        """List those of one region, and give those that are asked for.

        Args:
            addresses: All of one kind and region.
        """
        wanted = {address.name: address for address in addresses}
        first = next(iter(wanted.values()))
        for live in self.listed(first.kind, first.location):
            name = str(live["name"]).rpartition("/")[2].partition("@")[0]  # versions of models stand behind @
            if name in wanted:
                yield wanted[name], live

    def delete(self, address: Address, name: str) -> None:
        """Delete one, and wait until it is gone; one that is not there is fine.

        Args:
            address: For messages, and where it is.
            name: Its full name.

        Raises:
            ApiError: It cannot be deleted.
        """
        try:
            with calling("delete", address):
                self.api(address.location).write("DELETE", name, patience_s=self.patience_s)
        except errors.NotFoundError:
            return
