"""Resources of a REST API that stay for a while after they were deleted: their names are taken, and they come back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions as google

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
        """
        try:
            self._write("POST", collection, body, **{self.id_field: name})
        except google.Conflict:
            there = f"{collection}/{name}"
            if not self._deleted(there):
                raise
            self._write("POST", f"{there}:undelete", {})
            self.update(there, body, self.mask)

    def update(self, name: str, body: Any, mask: str) -> None:
        """Write the masked fields."""
        self._write("PATCH", name, body, updateMask=mask)

    def delete(self, name: str) -> None:
        """Delete one; a deleted one is fine.

        Raises:
            google.api_core.exceptions.NotFound: There is none.
        """
        try:
            self._write("DELETE", name, None)
        except google.BadRequest:
            if not self._deleted(name):
                raise

    def _deleted(self, name: str) -> bool:
        return bool(self.api.get(name).get("state") == "DELETED")

    def _write(self, verb: str, path: str, body: Any, **query: str) -> None:
        self.api.write(verb, path, body, patience_s=self.patience_s, **query)
