"""What the emulated cloud holds: named objects as bytes in SQLite, and files by their digest.

Survives kill -9: every write is a committed transaction (WAL), every file is renamed into place.
"""

import hashlib
import os
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

SCHEMA = """
CREATE TABLE IF NOT EXISTS object (
  kind TEXT NOT NULL, name TEXT NOT NULL, body BLOB NOT NULL, PRIMARY KEY (kind, name)
) WITHOUT ROWID
"""
AFTER_ALL = "\U0010ffff"
CHUNK = 1 << 20
KEPT_MOST = 8192
KEPT_LONGEST = 1 << 16
"""How many bodies stay in memory, and how long one of them may be in bytes: policies, projects, small resources."""
UNREAD = object()


class Store:
    """Objects by kind and name, in one folder.

    Thread-safe. `transaction` is re-entrant in one thread and keeps every other thread out, so a read followed by a
    write inside it is atomic; keep it short.

    What was read stays in memory until it is written: each call that is answered reads a dozen small objects, and with
    the lock for each of them, 64 threads spend more time waiting for one another than on anything else.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._blobs = path / "blobs"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._filled = {each for each in self._blobs.iterdir() if each.is_dir()}  # 256 folders, most of them empty
        self._lock = threading.RLock()
        self._depth = 0
        self._kept: dict[tuple[str, str], bytes | None] = {}
        self._written: set[tuple[str, str]] = set()
        self._after: list[Callable[[], None]] = []
        self._db = sqlite3.connect(path / "state.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together, or none of them when an exception leaves the block."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._after.clear()
                    if self._db.in_transaction:  # of a full disk SQLite has taken everything back itself
                        self._db.execute("ROLLBACK")
                    self._written.clear()
                    self._kept.clear()
                raise
            else:
                if outermost:
                    self._db.execute("COMMIT")
                    self._written.clear()
            finally:
                self._depth -= 1
            if outermost:
                self._tell()

    def after(self, work: Callable[[], None]) -> None:
        """Do `work` when what is written now is kept; never, if it is not. At once outside of a transaction.

        No other thread writes before it is done, so such work is done in the order of the writes. It must be short.
        """
        with self._lock:
            self._after.append(work)
            if self._depth == 0:
                self._tell()

    def _tell(self) -> None:
        while self._after:
            self._after.pop(0)()

    def get(self, kind: str, name: str) -> bytes | None:
        """Return the body of one object, or None."""
        key = (kind, name)
        found = self._kept.get(key, UNREAD)
        if found is not UNREAD:
            return cast("bytes | None", found)
        with self._lock:
            row = self._db.execute("SELECT body FROM object WHERE kind=? AND name=?", key).fetchone()
            body = None if row is None else bytes(row[0])
            if key not in self._written and len(body or b"") <= KEPT_LONGEST:
                if len(self._kept) >= KEPT_MOST:
                    self._kept.clear()
                self._kept[key] = body
        return body

    def _forget(self, kind: str, name: str) -> None:
        """Read it again next time; of a transaction's own writes nothing stays, since they may be taken back."""
        self._kept.pop((kind, name), None)
        if self._depth:
            self._written.add((kind, name))

    def put(self, kind: str, name: str, body: bytes) -> None:
        """Write one object, whether it was there or not."""
        with self._lock:
            self._forget(kind, name)
            self._db.execute("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", (kind, name, body))

    def put_all(self, kind: str, objects: Iterable[tuple[str, bytes]]) -> None:
        """Write many objects of a kind, in a transaction of the caller's: one by one takes several times as long."""
        rows = [(kind, name, body) for name, body in objects]
        with self._lock:
            for _, name, _ in rows:
                self._forget(kind, name)
            self._db.executemany("INSERT OR REPLACE INTO object VALUES (?, ?, ?)", rows)

    def delete_all(self, kind: str, names: Iterable[str]) -> None:
        """Remove many objects of a kind, in a transaction of the caller's; those that are not there are no mistake."""
        rows = [(kind, name) for name in names]
        with self._lock:
            for _, name in rows:
                self._forget(kind, name)
            self._db.executemany("DELETE FROM object WHERE kind=? AND name=?", rows)

    def delete(self, kind: str, name: str) -> bool:
        """Remove one object; False when it was not there."""
        with self._lock:
            self._forget(kind, name)
            return self._db.execute("DELETE FROM object WHERE kind=? AND name=?", (kind, name)).rowcount > 0

    def between(self, kind: str, low: str, high: str) -> list[tuple[str, bytes]]:
        """The objects of a kind whose names are `low` or later and before `high`, sorted by name."""
        query = "SELECT name, body FROM object WHERE kind=? AND name>=? AND name<? ORDER BY name"
        with self._lock:
            rows = self._db.execute(query, (kind, low, high)).fetchall()
        return [(str(name), bytes(body)) for name, body in rows]

    def last_between(self, kind: str, low: str, high: str) -> tuple[str, bytes] | None:
        """The last of those, or None."""
        query = "SELECT name, body FROM object WHERE kind=? AND name>=? AND name<? ORDER BY name DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (kind, low, high)).fetchone()
        return None if row is None else (str(row[0]), bytes(row[1]))

    def list(self, kind: str, prefix: str = "") -> list[tuple[str, bytes]]:
        """All objects of a kind whose names start with `prefix`, sorted by name."""
        return self.between(kind, prefix, prefix + AFTER_ALL)

    @property
    def changes(self) -> int:
        """How many rows were written or removed so far: while it is the same, nothing has changed."""
        return self._db.total_changes

    def names(self, kind: str) -> tuple[str, ...]:
        """The names of all objects of a kind, sorted, without reading their bodies."""
        with self._lock:
            rows = self._db.execute("SELECT name FROM object WHERE kind=? ORDER BY name", (kind,)).fetchall()
        return tuple(str(name) for (name,) in rows)

    def put_blob(self, content: bytes | BinaryIO) -> str:
        """Keep a file by its content; returns its sha256 in hex."""
        if isinstance(content, bytes):
            known = hashlib.sha256(content).hexdigest()
            if self.blob_path(known).exists():  # whole: it was renamed into place
                return known
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=self._blobs, delete=False) as file:
            for chunk in [content] if isinstance(content, bytes) else iter(lambda: content.read(CHUNK), b""):
                digest.update(chunk)
                file.write(chunk)
        final = self.blob_path(digest.hexdigest())
        final.parent.mkdir(exist_ok=True)
        self._filled.add(final.parent)
        Path(file.name).replace(final)
        return digest.hexdigest()

    def blob_path(self, sha256: str) -> Path:
        """Where the file with this digest lies (it need not be there)."""
        return self._blobs / sha256[:2] / sha256

    def clear(self) -> None:
        """Forget every object and every file."""
        with self._lock:
            self._kept.clear()
            self._db.execute("DELETE FROM object")
        filled, self._filled = self._filled, set()
        for folder in (self._blobs, *filled):
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_file():
                        Path(entry.path).unlink(missing_ok=True)

    def close(self) -> None:
        """Write the log back and let go of the file."""
        with self._lock:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._db.close()
