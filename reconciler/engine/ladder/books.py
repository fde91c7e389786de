"""The book of each service's budget, one object in the state bucket beside its inventory.

Passes write it, and whoever lifts a step; always under the condition that nobody else did in between. Whoever plans
reads it: so a laptop and the job want the same.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import errors
from reconciler.core.inventory import Key
from reconciler.engine.inventory_store import BUDGETS, book_of, calling
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S
from schemas.kept import BudgetBook, KeptError

LARGEST = 1 << 20
"""Bytes of a book that is read, at most."""
BROKEN = "delete it: the next pass begins a new one, and takes again what is due"
"""What helps against a book that cannot be read. What it held of the month is lost, lifts among it."""
_TRIES = 5


@dataclass(frozen=True, slots=True)
class Kept:
    """A book as it was read.

    Args:
        book: Its content; None where there is none yet.
        generation: Of the object; 0 where there is none.
    """

    book: BudgetBook | None = None
    generation: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """Books that were looked for.

    Args:
        books: By service; those without one are left out.
        unreadable: Why one cannot be read, by service.
    """

    books: Mapping[Key, Kept] = field(default_factory=dict)
    unreadable: Mapping[Key, str] = field(default_factory=dict)

    def of(self, key: Key) -> BudgetBook | None:
        """Give a service's book; None where there is none that can be read."""
        return self.books[key].book if key in self.books else None


@dataclass(frozen=True, slots=True)
class Books:
    """Reads and writes books."""

    session: Session

    def find(self, keys: Iterable[Key]) -> Found:
        """Read the books of some services: one list, and one read for each that has one, one after the other.

        Args:
            keys: Regions and names.

        Raises:
            ApiError: The bucket cannot be read.
        """
        wanted = {book_of(key): key for key in keys}
        if not wanted or not self.session.connection.state.there:
            return Found()
        found, broken = dict[Key, Kept](), dict[Key, str]()
        for blob in self._listed():
            if blob.name in wanted:
                try:
                    if kept := self._read(blob):
                        found[wanted[blob.name]] = kept
                except KeptError as error:
                    broken[wanted[blob.name]] = f"gs://{blob.bucket.name}/{blob.name}: {error}"
        return Found(found, broken)

    def write(self, book: BudgetBook, generation: int) -> int:
        """Keep a book; give its generation.

        Args:
            book: Its content.
            generation: Of the one that it replaces; 0 for none.

        Raises:
            Conflict: Somebody else wrote meanwhile.
        """
        blob = self._bucket.blob(book_of((book.region, book.service)))
        body = json.dumps(book.to_json(), indent=1)
        with calling("write", f"gs://{self._bucket.name}/{blob.name}"):
            blob.upload_from_string(
                body, "application/json", if_generation_match=generation, timeout=CALL_TIMEOUT_S, checksum="crc32c"
            )
        return int(blob.generation)

    def _listed(self) -> list[Any]:
        try:
            with calling("list", f"gs://{self._bucket.name}/{BUDGETS}/"):
                return list(self._bucket.list_blobs(prefix=f"{BUDGETS}/", timeout=CALL_TIMEOUT_S))
        except errors.NotFoundError:
            self.session.connection.state.forget()
            return []

    def _read(self, blob: Any) -> Kept | None:
        """Read a book as it was listed, or as it is by now, if somebody wrote it since; None where it is gone.

        Raises:
            KeptError: It is none, or is rewritten all the time.
        """
        name = f"gs://{blob.bucket.name}/{blob.name}"
        for _ in range(_TRIES):
            if blob.size > LARGEST:
                raise KeptError(f"it has {blob.size} bytes, more than {LARGEST}")
            try:
                with calling("read", name):
                    return _parsed(blob.download_as_bytes(timeout=CALL_TIMEOUT_S), int(blob.generation))
            except errors.NotFoundError:  # of the generation that was listed
                with calling("read", name):
                    blob = self._bucket.get_blob(blob.name, timeout=CALL_TIMEOUT_S)
            if blob is None:
                return None
        raise KeptError("others write it all the time")

    @property
    def _bucket(self) -> Any:
        return self.session.connection.state.use()


def _parsed(content: bytes, generation: int) -> Kept:
    try:
        return Kept(BudgetBook.read(json.loads(content)), generation)
    except (ValueError, RecursionError) as error:
        raise error if isinstance(error, KeptError) else KeptError("it is no JSON") from error
