"""What a pass did, as one JSON document per shard in the state bucket: the job writes them, people's commands read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.bundle import BundleError, Pointer
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from schemas.kept import KeptError, PassReport, compact
from schemas.redaction import redacted_data

FORMAT = PassReport.form()
LARGEST = 32 << 20
ROOT = "operators"


@dataclass(frozen=True, slots=True)
class Latest:
    """What the shards reported last.

    Args:
        reports: By shard.
        unreadable: Objects that cannot be read, and why.
    """

    reports: tuple[PassReport, ...] = ()
    unreadable: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reports:
    """The reports of one operator.

    Args:
        session: The run's means.
        operator: Its name.
    """

    session: Session
    operator: str

    def write(self, report: Mapping[str, Any]) -> None:
        """Keep a report as the shard's latest, and for ever where something was changed or is wrong."""
        body = json.dumps(redacted_data(dict(report)), indent=1)
        shard = report["shard"]["index"]
        self._put(f"latest/{shard}.json", body)
        if report["changed"] or report["exitCode"]:
            day, _, time = str(report["started"]).partition("T")
            self._put(f"{day}/{time[:8].replace(':', '')}-{report['run']}-{shard}.json", body)

    def read(self) -> Latest:
        """Read the latest report of every shard. One that cannot be read hides no other."""
        blobs = list(self._listed("latest/"))
        read = self.session.pool.gather([partial(self._parsed, blob) for blob in blobs])
        found = [each for each in read if isinstance(each, PassReport)]
        return Latest(
            tuple(sorted(found, key=lambda report: report.shard.index)),
            tuple(each for each in read if isinstance(each, str)),
        )

    def latest(self) -> list[dict[str, Any]]:
        """Give the latest report of every shard as plain data, in their order. One that cannot be read is left out."""
        return [report.to_json() for report in self.read().reports]

    def of_shard(self, index: int) -> PassReport | None:
        """Give the latest report of one shard; None where there is none, or none that can be read."""
        try:
            content = self._get(f"latest/{index}.json")
            return PassReport.read(json.loads(content)) if content else None
        except (ValueError, RecursionError):
            return None

    def applied(self) -> Pointer | None:
        """Give the pointer of the bundle that was applied last; None where none was, or it cannot be read."""
        content = self._get("applied.json")
        try:
            return Pointer.read(content) if content else None
        except BundleError:
            return None

    def note_applied(self, pointer: Pointer) -> None:
        """Remember which bundle was applied last."""
        self._put("applied.json", json.dumps(pointer.to_json(), indent=1))

    def document(self, name: str) -> dict[str, Any] | None:
        """Read a JSON document of the operator's; None where there is none, an empty one where it cannot be read."""
        content = self._get(name) if self.session.connection.state.there else b""
        return _document(content) if content else None

    def documents(self, below: str) -> list[dict[str, Any]]:
        """Read the JSON documents below a folder; one that cannot be read is an empty one."""
        found = self.session.pool.gather([partial(self._content, blob) for blob in self._listed(below)])
        return [_document(content) for content in found if content is not None]

    def keep(
        self, name: str, document: Mapping[str, Any], *, generation: int | None = None, large: bool = False
    ) -> None:
        """Write a JSON document.

        Args:
            name: Below the operator's folder.
            document: Its content.
            generation: Of the one that it may replace, 0 for none; None: of any.
            large: It may be, and only programs read it.

        Raises:
            Conflict: Another generation is there.
        """
        self._put(name, compact(document) if large else json.dumps(document, indent=1), generation)

    def generation(self, name: str) -> int:
        """Give the generation of an object; 0 where there is none."""
        if not self.session.connection.state.there:
            return 0
        with calling("read", f"gs://{self._bucket.name}/{self._name(name)}"):
            blob = self._bucket.get_blob(self._name(name), timeout=CALL_TIMEOUT_S)
        return int(blob.generation) if blob else 0

    def _put(self, name: str, body: str, generation: int | None = None) -> None:
        blob = self._bucket.blob(self._name(name))
        with calling("write", f"gs://{self._bucket.name}/{blob.name}"):
            blob.upload_from_string(
                body, "application/json", if_generation_match=generation, timeout=CALL_TIMEOUT_S, checksum="crc32c"
            )

    def _get(self, name: str) -> bytes:
        with calling("read", f"gs://{self._bucket.name}/{self._name(name)}"):
            blob = self._bucket.get_blob(self._name(name), timeout=CALL_TIMEOUT_S)
            return b"" if blob is None or blob.size > LARGEST else blob.download_as_bytes(timeout=CALL_TIMEOUT_S)

    def _listed(self, below: str) -> Iterator[Any]:
        if not self.session.connection.state.there:
            return
        with calling("list", f"gs://{self._bucket.name}/{self._name(below)}"):
            yield from list(self._bucket.list_blobs(prefix=self._name(below), timeout=CALL_TIMEOUT_S))

    def _parsed(self, blob: Any) -> PassReport | str | None:
        """Read one; a text that says why it cannot be read; None where it is gone since it was listed."""
        name = f"gs://{self._bucket.name}/{blob.name}"
        if blob.size > LARGEST:
            return f"cannot read {name}: it has {blob.size} bytes, more than {LARGEST}"
        try:
            with calling("read", name):
                content = blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
            return PassReport.read(json.loads(content))
        except errors.NotFoundError:
            return None
        except KeptError as error:
            return f"cannot read {name}: {error}"
        except (ValueError, RecursionError):
            return f"cannot read {name}: it is no JSON"

    def _content(self, blob: Any) -> bytes | None:
        """Read what was listed; None where it is gone, nothing where it is too large to be ours."""
        if blob.size > LARGEST:
            return b""
        try:
            with calling("read", f"gs://{self._bucket.name}/{blob.name}"):
                return bytes(blob.download_as_bytes(timeout=CALL_TIMEOUT_S))
        except errors.NotFoundError:
            return None

    @property
    def _bucket(self) -> Any:
        return self.session.connection.state.use()

    def _name(self, name: str) -> str:
        return f"{ROOT}/{self.operator}/{name}"


def _document(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
