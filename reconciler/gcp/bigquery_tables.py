"""Tables and views by BigQuery's REST API, each by its address: whatever a kind keeps in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import calling

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.gcp.connection import Connection


class Tables:
    """Thin and idempotent.

    Args:
        connection: How to reach it. Where an address names no project, its own is meant.
    """

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.rest(HOST, VERSION)

    def observe(self, addresses: Iterable[Address]) -> Iterator[tuple[Address, Mapping[str, Any]]]:
        """Read each that is there: a list tells neither columns, nor queries, nor descriptions."""
        for address in addresses:
            try:
                with calling("read", address):
                    live = self._api.get(self._path(address))
            except errors.NotFoundError:
                continue
            yield address, live

    def create(self, address: Address, parts: Mapping[str, Any]) -> Mapping[str, Any]:
        """Create one; synchronous. Gives what is there then."""
        _, _, name = address.name.partition(".")
        with calling("create", address):
            return self._api.post(self._parent(address), {"tableReference": {"tableId": name}, **parts})

    def update(self, address: Address, parts: Mapping[str, Any]) -> None:
        """Write parts of it, each whole; labels by their keys. What is not named is left."""
        with calling("update", address):
            self._api.patch(self._path(address), dict(parts))

    def delete(self, address: Address) -> None:
        """Delete it, with what is in it; what is gone already is fine."""
        try:
            with calling("delete", address):
                self._api.delete(self._path(address))
        except errors.NotFoundError:
            return

    def _parent(self, address: Address) -> str:
        dataset, _, _ = address.name.partition(".")
        return f"projects/{address.project or self._project}/datasets/{dataset}/tables"

    def _path(self, address: Address) -> str:
        return f"{self._parent(address)}/{address.name.partition('.')[2]}"
