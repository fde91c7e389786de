"""Resources of a REST API that stay for a while after they were deleted: their names are taken, and they come back.

What comes back is as it was, and cannot be changed before: it is disabled when it is deleted, so that it lets nobody in
by what was true of it once. Only what our mark is on comes back: a stranger's may be one that he deleted for a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions as google

from reconciler.core import errors
from reconciler.core.naming import noted
from reconciler.gcp.rest import Rest


@dataclass(frozen=True, slots=True)
class SoftDeleted:
    """Writes them, and waits for the operations.

    Args:
        api: Where.
        patience_s: How long to wait for one operation.
        id_field: Parameter that has the id of a new one.
        mask: Fields that a resource that is brought back is given anew, parted by commas.
    """

    api: Rest
    patience_s: float
    id_field: str
    mask: str

    def create(self, collection: str, name: str, body: Any) -> None:
        """Make one, or bring back the deleted one that has its name, as it should be.

        Args:
            collection: What it is to be in.
            name: Its id there.
            body: What it should be.

        Raises:
            google.api_core.exceptions.Conflict: Somebody has one of that name.
            NotOursError: A deleted one has it, and is somebody else's.
        """
        try:
            self._write("POST", collection, body, **{self.id_field: name})
        except google.Conflict:
            there = f"{collection}/{name}"
            found = self.api.get(there)
            if not _deleted(found):
                raise
            _check_ours(there, found, body)
            self._write("POST", f"{there}:undelete", {})
            self.update(there, body, self.mask)

    def update(self, name: str, body: Any, mask: str) -> None:
        """Write the masked fields."""
        self._write("PATCH", name, body, updateMask=mask)

    def delete(self, name: str) -> None:
        """Disable one and delete it; a deleted one is fine.

        Raises:
            google.api_core.exceptions.NotFound: There is none.
        """
        try:
            self.update(name, {"disabled": True}, "disabled")
            self._write("DELETE", name, None)
        except google.BadRequest:
            if not _deleted(self.api.get(name)):
                raise

    def _write(self, verb: str, path: str, body: Any, **query: str) -> None:
        self.api.write(verb, path, body, patience_s=self.patience_s, **query)


def _deleted(found: Mapping[str, Any]) -> bool:
    return bool(found.get("state") == "DELETED")


def _check_ours(name: str, found: Mapping[str, Any], body: Mapping[str, Any]) -> None:
    """Refuse to bring back, as one with our mark, what carries another one, or none.

    Raises:
        NotOursError: It does.
    """
    ours = noted(str(body.get("description", "")))
    if ours and noted(str(found.get("description", ""))) != ours:
        why = "a deleted one that is not ours has its name for 30 days"
        raise errors.NotOursError("create", name, why, hint="wait for these days, or name the operator otherwise")
