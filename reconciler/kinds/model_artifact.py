"""The files of a model folder beside the spec, uploaded under the digest of their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.kind import Kind, Permissions, Roles, by_project
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from reconciler.gcp.reading import opened, sha256_of
from reconciler.lookups.model_files import MODEL_FILES, ModelFiles, files_of
from reconciler.lookups.model_version import MODEL_VERSION, version_of

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

ROOT = "models"
TRAINED = "retraining"
"""Where trainings write, as the retraining function tells them to."""
_SHA256 = "sha256"
_DIGEST_LENGTH = 16
_CHUNK_BYTES = 8 * 1024 * 1024
"""Larger files are sent in pieces of this: between two of them a run that was stopped ends."""


@dataclass(frozen=True, slots=True)
class ModelArtifact:
    """The fields we manage.

    Args:
        files: SHA-256 of each file, by its path in the folder.
    """

    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ModelPlace:
    """Where a service's model is.

    Args:
        bucket: Bucket.
        prefix: Folder in it, with a slash at the end.
        below: Prefix that every version of this service's model shares.
        title: Of the condition under which the service's account reads there. The account is that of every region that
            the service is in: what differs between them has titles of its own.
    """

    bucket: str
    prefix: str
    below: str
    title: str

    @property
    def uri(self) -> str:
        """Give the gs:// form."""
        return f"gs://{self.bucket}/{self.prefix}"


def location_of(service: MLService, facts: Facts) -> ModelPlace | None:
    """Say where the container finds the model, or None when there is none in Cloud Storage."""
    return _registered(service, facts) or _named(service, facts)


def readable(service: MLService, facts: Facts) -> tuple[ModelPlace, ...]:
    """Say what the service's account reads: where the model is, and where `uri` is that served before it.

    While a model of the registry goes out, instances of the one before it are still started.
    """
    return tuple(place for place in (_named(service, facts), _registered(service, facts)) if place)


def _named(service: MLService, facts: Facts) -> ModelPlace | None:
    """Give the place that `model.uri` names."""
    model = service.spec.model
    if model is None or not model.uri:
        return None
    if files := files_of(service, facts):
        below = f"{ROOT}/{service.name}/"
        return ModelPlace(facts.bucket, f"{below}{files.digest[:_DIGEST_LENGTH]}/", below, _title(facts.bucket))
    bucket, _, prefix = model.uri.removeprefix("gs://").partition("/")
    return ModelPlace(bucket, prefix, "", _title(bucket))


def _registered(service: MLService, facts: Facts) -> ModelPlace | None:
    """Give the place of the version that `model.alias` names."""
    version = version_of(service, facts)
    if version is None:
        return None
    bucket, _, prefix = version.artifact.removeprefix("gs://").partition("/")
    if bucket != facts.bucket:
        return ModelPlace(bucket, prefix, "", _title(bucket))
    # The state bucket holds what others may not read: of it, only what this service's trainings made.
    trained = f"{TRAINED}/{service.spec.region}/{service.name}/runs/"
    below = trained if prefix.startswith(trained) else prefix
    return ModelPlace(bucket, prefix, below, _title(f"registry:{service.spec.region}"))


def _title(what: str) -> str:
    """Give a title, of a bucket or of what no bucket is called."""
    return f"mlservice-{what}"


def _uploaded(service: MLService, facts: Facts) -> ModelFiles | None:
    """Give the files that are uploaded: those of a folder, until the registry says what serves."""
    return None if version_of(service, facts) else files_of(service, facts)


def address_of(service: MLService, facts: Facts) -> Address | None:
    """Give the address of the upload, or None when the model is in Cloud Storage already."""
    files = _uploaded(service, facts)
    return Address("model_artifact", GLOBAL, f"{service.name}/{files.digest[:_DIGEST_LENGTH]}") if files else None


def desired(service: MLService, facts: Facts) -> Iterator[Desired[ModelArtifact]]:
    """Want the folder's files in the bucket."""
    address, files = address_of(service, facts), _uploaded(service, facts)
    if address and files:
        yield Desired(address, ModelArtifact(files.files), service.name, source=files.folder)


class ModelArtifactClient:
    """Thin and idempotent over Google's storage client."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._state = connection.state

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[ModelArtifact]]:
        """List every uploaded model of the project."""
        wanted = {a.name: a for a in addresses}
        found: dict[str, dict[str, Any]] = {}
        for blob in self._list(f"{ROOT}/"):
            name, _, path = blob.name.removeprefix(f"{ROOT}/").partition("/")
            digest, _, path = path.partition("/")
            if path and f"{name}/{digest}" in wanted:
                found.setdefault(f"{name}/{digest}", {})[path] = blob
        for name, blobs in found.items():
            seen = _observed(wanted[name], blobs)
            if seen.live:
                yield seen

    def create(self, want: Desired[ModelArtifact]) -> None:
        """Upload every file."""
        self._upload(want, want.fields.files)

    def update(
        self, want: Desired[ModelArtifact], seen: Observed[ModelArtifact], changes: tuple[FieldChange, ...]
    ) -> None:
        """Upload what an interrupted run left out, and delete what we uploaded and is not wanted."""
        del changes
        missing = [p for p, digest in want.fields.files.items() if seen.fields.files.get(p) != digest]
        self._upload(want, missing)
        for path in seen.fields.files.keys() - want.fields.files.keys():
            self._remove([b for b in seen.live if b.name.endswith(f"/{path}")], want.address)

    def delete(self, seen: Observed[ModelArtifact]) -> None:
        """Delete every file of ours. What somebody else put there stays."""
        self._remove(seen.live, seen.address)

    def _upload(self, want: Desired[ModelArtifact], paths: Iterable[str]) -> None:
        from google.cloud.storage.retry import DEFAULT_RETRY  # noqa: PLC0415 - late, for start-up

        bucket, stopped = self._state.use(), self._connection.stopped
        for path in sorted(paths):
            blob = bucket.blob(f"{ROOT}/{want.address.name}/{path}", chunk_size=_CHUNK_BYTES)
            file = Path(want.source) / path
            before = _version(file)
            blob.metadata = {_SHA256: want.fields.files[path]}
            with _content(want, path, stopped) as content, calling("upload", f"{want.address}/{path}"):
                # Content-addressed: writing it twice writes the same, so every failure may be tried again.
                blob.upload_from_file(
                    content,
                    size=content.seek(0, SEEK_END),
                    rewind=True,
                    content_type="application/octet-stream",
                    timeout=CALL_TIMEOUT_S,
                    checksum="crc32c",
                    retry=DEFAULT_RETRY,
                )
            if _version(file) != before:  # what is there now carries the digest of something else
                self._remove([blob], want.address)
                raise errors.StalePlan([f"{file} changed while it was uploaded"])

    def _list(self, prefix: str) -> list[Any]:
        if not self._state.there:  # nothing was ever applied in this project
            return []
        try:
            with calling("list", f"gs://{self._state.name}/{prefix}"):
                return list(self._state.use().list_blobs(prefix=prefix, timeout=CALL_TIMEOUT_S))
        except errors.NotFoundError:
            self._state.forget()
            return []

    def _remove(self, blobs: Iterable[Any], address: Address) -> None:
        from google.cloud.exceptions import NotFound  # noqa: PLC0415 - late, for start-up

        for blob in blobs:
            with calling("delete", f"{address} ({blob.name})"):
                try:
                    blob.delete(timeout=CALL_TIMEOUT_S)
                except NotFound:
                    continue


def _observed(address: Address, blobs: Mapping[str, Any]) -> Observed[ModelArtifact]:
    """Tell the files that we uploaded, which carry their digest, from those that somebody put beside them."""
    ours = {path: blob for path, blob in sorted(blobs.items()) if (blob.metadata or {}).get(_SHA256)}
    theirs = sorted(blobs.keys() - ours.keys())
    return Observed(
        address,
        ModelArtifact({path: blob.metadata[_SHA256] for path, blob in ours.items()}),
        mark=address.name.split("/", maxsplit=1)[0],
        problem=f"it holds what mlservice did not upload, and servers would load: {', '.join(theirs)}"
        if theirs
        else "",
        live=list(ours.values()),
    )


def notes(service: MLService, facts: Facts) -> Iterator[tuple[str, str]]:
    """Say what of the folder is left out, and that the registry has nothing to serve yet."""
    model = service.spec.model
    if model and model.alias and version_of(service, facts) is None:
        yield f"no version has the alias '{model.alias}' yet: model.uri serves until one has it", "model.alias"
    files = _uploaded(service, facts)
    if files and files.left_out:
        yield f"hidden files are no part of the model: {', '.join(files.left_out)}", "model.uri"


@contextmanager
def _content(want: Desired[ModelArtifact], path: str, stopped: Event) -> Iterator[BinaryIO]:
    """Open a file, refusing one that is not what the plan was made from.

    Raises:
        StalePlan: It changed since the plan was made.
        Interrupted: The run was stopped meanwhile.
    """
    file = Path(want.source) / path
    if sha256_of(file, stopped) != want.fields.files[path]:
        raise errors.StalePlan([f"{file} changed since the plan was made"])
    with opened(file, stopped) as content:
        yield content


def _version(file: Path) -> tuple[int, ...]:
    """Give what changes whenever a file is written or replaced."""
    now = file.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns


def always(address: Address) -> bool:
    """Keep every upload until the service goes: older revisions may still serve from theirs."""
    del address
    return True


KIND = Kind(
    name="model_artifact",
    title="model",
    fields=ModelArtifact,
    desired=desired,
    connect=ModelArtifactClient,
    acts_on=frozenset({"model.uri"}),
    permissions=Permissions(
        read=("storage.objects.list",),
        write=("storage.objects.create", "storage.objects.get", "storage.objects.delete"),
    ),
    apis=("storage.googleapis.com",),
    roles=Roles(read=("roles/storage.objectViewer",), write=("roles/storage.admin",), on="the state bucket"),
    lookups=(MODEL_FILES, MODEL_VERSION),
    notes=notes,
    read_together=by_project,
    retained=always,
)
