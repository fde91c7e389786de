"""What became of each service, one small object per change in the state bucket: the job writes them, and so does apply.

Names are `history/SERVICE/REGION/MOMENT-RUN.json`: one list gives what there is of a service, in the order of time, to
the millisecond: two commands of one second are told in the order they ran. A service keeps its last `KEPT`; who writes
one removes what is older.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from schemas.kept import HistoryEntry, KeptError
from schemas.redaction import redacted_data

ROOT = "history"
KEPT = 200
LARGEST = 1 << 20
"""Bytes of an entry that is read, at most."""
MOST_CHANGES = 100
"""Changes that an entry tells of."""
_NAME = re.compile(r"(operator_)?[a-z]([-a-z0-9]{0,62}[a-z0-9])?")
_PLACE = re.compile(r"[a-z0-9-]{1,63}")
_FILE = re.compile(r"(?P<moment>\d{8}T\d{6}\.\d{3})Z-[0-9A-Za-z-]{1,100}\.json")
_MOMENT = "%Y%m%dT%H%M%S.%f"


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of one service, the newest first.

    Args:
        entries: As many as were asked for.
        unreadable: Objects that cannot be read, and why.
        older: How many older ones there are.
    """

    entries: tuple[HistoryEntry, ...] = ()
    unreadable: tuple[str, ...] = ()
    older: int = 0


@dataclass(frozen=True, slots=True)
class History:
    """The history of a project's services."""

    session: Session

    def write(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Keep entries, all in parallel, and remove what is too old of the same services.

        Args:
            entries: As `schemas.kept.history` says, without their format.

        Raises:
            ReconcilerError: Some could not be written; the others were.
        """
        if self.session.connection.state.there:
            self.session.pool.gather([partial(self._write, entry) for entry in entries])

    def of(self, service: str, region: str | None = None, *, limit: int, since: datetime | None = None) -> Found:
        """Read what there is of a service: one list, and one read per entry, in parallel.

        Args:
            service: Its name.
            region: Where; None for every region.
            limit: How many, the newest ones.
            since: None older than this.

        Raises:
            UsageError: That is no service's name.
            ApiError: The bucket cannot be read.
        """
        if not _NAME.fullmatch(service) or (region is not None and not _PLACE.fullmatch(region)):
            raise errors.UsageError("no service has such a name", hint="lower case letters, digits and dashes")
        if not self.session.connection.state.there:
            return Found()
        names = [name for name in self._names(service) if _fits(name, region, since)]
        names.sort(key=lambda name: (name.rpartition("/")[2], name), reverse=True)
        read = self.session.pool.gather([partial(self._read, name, service) for name in names[:limit]])
        return Found(
            tuple(each for each in read if isinstance(each, HistoryEntry)),
            tuple(each for each in read if isinstance(each, str)),
            len(names) - len(names[:limit]),
        )

    def go_with_the_bucket(self) -> bool:
        """Take the bucket away where nothing but history is left in it, as after the last service went.

        Returns:
            False where the bucket stays.
        """
        state = self.session.connection.state
        if not state.there:
            return True
        try:
            names = self._alone_in_the_bucket()
        except errors.NotFoundError:  # another run's last service went in this moment, and took it
            state.forget()
            return True
        if names is None:
            return False
        self.session.pool.gather([partial(self._remove, name) for name in names])
        state.remove()
        return True

    def _alone_in_the_bucket(self) -> list[str] | None:
        """Name every entry there is; None where the bucket holds anything else."""
        with calling("list", f"gs://{self._bucket.name}"):
            top = self._bucket.list_blobs(delimiter="/", timeout=CALL_TIMEOUT_S)
            if list(top) or set(top.prefixes) - {f"{ROOT}/"}:
                return None
            return [blob.name for blob in self._bucket.list_blobs(prefix=f"{ROOT}/", timeout=CALL_TIMEOUT_S)]

    def _write(self, entry: Mapping[str, Any]) -> None:
        whole = HistoryEntry.model_validate(redacted_data(_bounded(dict(entry))) | {"format": HistoryEntry.form()})
        folder = f"{ROOT}/{whole.service}/{whole.region}/"
        moment = f"{datetime.fromisoformat(whole.ended).astimezone(UTC):{_MOMENT}}"[:-3]
        blob = self._bucket.blob(f"{folder}{moment}Z-{whole.by.run}.json")
        body = json.dumps(whole.to_json(), indent=1)
        with calling("write", f"gs://{self._bucket.name}/{blob.name}"):
            blob.upload_from_string(body, "application/json", timeout=CALL_TIMEOUT_S)
        for name in sorted(self._names(whole.service, whole.region))[:-KEPT]:
            self._remove(name)

    def _remove(self, name: str) -> None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        with calling("delete", f"gs://{self._bucket.name}/{name}"):
            try:
                self._bucket.blob(name).delete(timeout=CALL_TIMEOUT_S)
            except NotFound:  # another run was faster
                return

    def _names(self, service: str, region: str = "") -> list[str]:
        folder = f"{ROOT}/{service}/{region}/" if region else f"{ROOT}/{service}/"
        with calling("list", f"gs://{self._bucket.name}/{folder}"):
            return [blob.name for blob in self._bucket.list_blobs(prefix=folder, timeout=CALL_TIMEOUT_S)]

    def _read(self, name: str, service: str) -> HistoryEntry | str | None:
        """Read one; a text that says why it cannot be read; None where it is gone since it was listed."""
        try:
            content = self._content(name)
            found = HistoryEntry.read(json.loads(content)) if content is not None else None
        except (KeptError, ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, KeptError) else "it is no JSON"
            return f"cannot read gs://{self._bucket.name}/{name}: {why}"
        if found and (found.service, found.region) != (service, name.split("/")[2]):
            return f"cannot read gs://{self._bucket.name}/{name}: it says that it is of another service"
        return found

    def _content(self, name: str) -> bytes | None:
        with calling("read", f"gs://{self._bucket.name}/{name}"):
            blob = self._bucket.get_blob(name, timeout=CALL_TIMEOUT_S)
            if blob is None:
                return None
            if blob.size > LARGEST:
                raise KeptError(f"it has {blob.size} bytes, more than {LARGEST}")
            content: bytes = blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
            return content

    @property
    def _bucket(self) -> Any:
        return self.session.connection.state.use()


def _fits(name: str, region: str | None, since: datetime | None) -> bool:
    parts = name.split("/")
    found = _FILE.fullmatch(parts[-1])
    if found is None or len(parts) != len(("root", "service", "region", "file")):
        return False  # nothing of ours
    try:
        moment = datetime.strptime(found["moment"], _MOMENT).replace(tzinfo=UTC)
    except ValueError:
        return False
    return region in {None, parts[2]} and (since is None or moment >= since)


def _bounded(entry: dict[str, Any]) -> dict[str, Any]:
    """Keep an entry small; what was left out is counted."""
    changes: Sequence[Any] = entry.get("changes", ())
    return entry | {"changes": changes[:MOST_CHANGES], "leftOut": max(0, len(changes) - MOST_CHANGES)}
