"""The files of a model folder beside the spec, uploaded under the digest of their content."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from os import SEEK_END
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any, BinaryIO

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Kind, Permissions, Roles, always, by_project
from reconciler.core.naming import fingerprint
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, calling
from reconciler.gcp.reading import opened, sha256_of
from reconciler.lookups.model_files import MODEL_FILES, ModelFiles, files_of
from reconciler.lookups.model_version import MODEL_VERSION, version_of
from reconciler.lookups.state_bucket import MODELS as ROOT
from reconciler.lookups.state_bucket import STATE_BUCKET, TRAINED, made_here, owners
from schemas.sections.access import AUTO

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

_SHA256 = "sha256"
_DIGEST_LENGTH = 16
_SHOWN_LENGTH = 60
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
        below: What the service's account may read: of what we keep, the prefix that every version shares, so that a
            revision before this one can still start; else the folder itself. Empty where nobody is given anything.
        title: Of the condition under which the service's account reads there. The account is that of every region that
            the service is in: it tells all that the condition holds, so that no two places share one.
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
    return tuple(place for place in (_named(service, facts), _registered(service, facts)) if place and place.below)


def _named(service: MLService, facts: Facts) -> ModelPlace | None:
    """Give the place that `model.uri` names."""
    model = service.spec.model
    if model is None or not model.uri:
        return None
    if files := files_of(service, facts):
        below = f"{ROOT}/{service.name}/"
        return ModelPlace(facts.bucket, f"{below}{files.digest[:_DIGEST_LENGTH]}/", below, f"mlservice-{facts.bucket}")
    bucket, _, prefix = model.uri.removeprefix("gs://").partition("/")
    return _place(service, facts, bucket, prefix, given=bucket != facts.bucket)


def _registered(service: MLService, facts: Facts) -> ModelPlace | None:
    """Give the place of the version that `model.alias` names."""
    version = version_of(service, facts)
    if version is None:
        return None
    bucket, _, prefix = version.artifact.removeprefix("gs://").partition("/")
    return _place(service, facts, bucket, prefix, given=bucket != facts.bucket and _spec_names(service, bucket, prefix))


def _place(service: MLService, facts: Facts, bucket: str, prefix: str, *, given: bool) -> ModelPlace:
    """Give a place that somebody else wrote down, and what of it the service's account may read.

    The state bucket holds what others may not read: of it, only what trainings and uploads of this model made.
    """
    ours = made_here(prefix, owners(service)) if bucket == facts.bucket else ""
    below = ours or (f"{prefix.rstrip('/')}/" if given and prefix.strip("/") else "")
    if ours == f"{TRAINED}/{service.spec.region}/{service.name}/runs/":
        return ModelPlace(bucket, prefix, below, f"mlservice-registry:{service.spec.region}")
    title = f"mlservice-{bucket[:_SHOWN_LENGTH]}-{fingerprint([bucket, below], length=8)}"
    return ModelPlace(bucket, prefix, below, title)


def _spec_names(service: MLService, bucket: str, prefix: str) -> bool:
    """Tell whether a place is in the folder that `model.uri` names, or beside it.

    Whoever may upload a version to the registry says where it is: that alone gives nobody anything.
    """
    model = service.spec.model
    named, _, folder = (model.uri if model and model.uri else "").removeprefix("gs://").partition("/")
    beside, _, _ = folder.rstrip("/").rpartition("/")
    return named == bucket and bool(folder.strip("/")) and prefix.startswith(f"{beside or folder.rstrip('/')}/")


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
    registered = _registered(service, facts)
    if model and registered and not registered.below and service.spec.access.service_account == AUTO:
        lies = f"the version with the alias '{model.alias}' lies in {registered.uri}, which the spec does not name"
        yield (
            f"{lies}: its account is given nothing there; name the folder in model.uri, or give it access",
            "model.alias",
        )
    files = _uploaded(service, facts)
    if files and files.left_out:
        yield f"hidden files are no part of the model: {', '.join(files.left_out)}", "model.uri"
    if files and files.doubtful:
        named = ", ".join(files.doubtful)
        yield (
            f"what looks like a key or token stands in {named}, and is uploaded: whoever reads the model reads it",
            "model.uri",
        )


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


def flows(want: Desired[ModelArtifact], service: MLService, project: str) -> Iterator[Flow]:
    """Say which folder is uploaded, as the spec names it."""
    del project
    named = (service.spec.model.uri if service.spec.model else None) or ""
    yield Flow(Outside("folder here", named), want.address, "files")


KIND = Kind(
    name="model_artifact",
    title="model",
    fields=ModelArtifact,
    desired=desired,
    connect=ModelArtifactClient,
    paid=paid.NOTHING,
    group=Group.SERVING,
    flows=flows,
    acts_on=frozenset({"model.uri"}),
    permissions=Permissions(
        read=("storage.objects.list",),
        write=("storage.objects.create", "storage.objects.get", "storage.objects.delete"),
    ),
    apis=("storage.googleapis.com",),
    roles=Roles(read=("roles/storage.objectViewer",), write=("roles/storage.admin",), on="the state bucket"),
    lookups=(MODEL_FILES, MODEL_VERSION, STATE_BUCKET),
    notes=notes,
    read_together=by_project,
    retained=always,  # older revisions may still serve from what was uploaded for them
)
