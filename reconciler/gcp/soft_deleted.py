"""Resources of a REST API that stay for a while after they were deleted: their names are taken, and they come back.

What comes back is as it was, and cannot be changed before: it is disabled when it is deleted, so that it lets nobody in
by what was true of it once. Only what our mark is on comes back: a stranger's may be one that he deleted for a reason.

Source:
    cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers/delete: for 30 days
    it can be brought back, and not be changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google

from reconciler.core import errors
from reconciler.core.naming import noted
from reconciler.gcp.calls import calling

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.rest import Rest


@dataclass(frozen=True, slots=True)
class SoftDeleted:
    """Writes them, and waits for the operations.

    Args:
        api: Where.
        patience_s: How long to wait for one operation.
        id_field: Parameter that has the id of a new one.
        wire: The API's name of each field of ours; one that is brought back is given all of them anew.
    """

    api: Rest
    patience_s: float
    id_field: str
    wire: Mapping[str, str]

    def create(self, address: Address, name: str, body: Any) -> None:
        """Make one, or bring back the deleted one that has its name, as it should be.

        Args:
            address: For messages.
            name: Its full name.
            body: What it should be.

        Raises:
            Conflict: Somebody has one of that name.
            NotOursError: A deleted one has it, and is somebody else's.
        """
        collection, _, own = name.rpartition("/")
        with calling("create", address):
            try:
                self._write("POST", collection, body, **{self.id_field: own})
            except google.Conflict:
                found = self.api.get(name)
                if not _deleted(found):
                    raise
                _check_ours(address, found, body)
                self._write("POST", f"{name}:undelete", {})
                self._patch(name, body, self.wire.values())

    def update(self, address: Address, name: str, body: Any, changes: Iterable[FieldChange]) -> None:
        """Write the fields that change.

        Args:
            address: For messages.
            name: Its full name.
            body: What it should be.
            changes: In what it differs.
        """
        with calling("update", address):
            self._patch(name, body, {self.wire[change.field] for change in changes})

    def delete(self, address: Address, name: str) -> None:
        """Disable one and delete it; one that is deleted, or was never there, is fine."""
        try:
            with calling("delete", address):
                self._disable_and_delete(name)
        except errors.NotFoundError:
            return

    def _disable_and_delete(self, name: str) -> None:
        try:
            self._patch(name, {"disabled": True}, ["disabled"])
            self._write("DELETE", name, None)
        except google.BadRequest:
            if not _deleted(self.api.get(name)):
                raise

    def _patch(self, name: str, body: Any, fields: Iterable[str]) -> None:
        self._write("PATCH", name, body, updateMask=",".join(sorted(fields)))

    def _write(self, verb: str, path: str, body: Any, **query: str) -> None:
        self.api.write(verb, path, body, patience_s=self.patience_s, **query)


def _deleted(found: Mapping[str, Any]) -> bool:
    return bool(found.get("state") == "DELETED")


def _check_ours(address: Address, found: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Refuse to bring back, as one with our mark, what carries another one, or none.

    Raises:
        NotOursError: It does.
    """
    ours = noted(str(body.get("description", "")))
    if ours and noted(str(found.get("description", ""))) != ours:
        why = "a deleted one that is not ours has its name for 30 days"
        raise errors.NotOursError("create", address, why, hint="wait for these days, or name the operator otherwise")
