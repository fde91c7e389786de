"""Images into the user's Artifact Registry: the repository is made where it is not there, and what is there stays."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.keeping import Image
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.operations import wait
from reconciler.images.building import CONFIG, FRAMEWORKS
from reconciler.images.layers import Blob
from reconciler.images.registry import Place, Repository, Tell, nobody

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from reconciler.images.building import Built


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one image in one region.

    Args:
        image: By tag.
        digest: What the tag names now, or would.
        before: What it named before; None: there was no such tag.
        made_repository: The repository was not there.
        sent: Files, and their bytes, that the registry did not have.
        sent_bytes: Of them.
        kept_bytes: Of those that it had.
    """

    image: str
    digest: str
    before: str | None
    made_repository: bool
    sent: int
    sent_bytes: int
    kept_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As `--output json` has it."""
        return {
            "image": self.image,
            "digest": self.digest,
            "before": self.before,
            "repositoryCreated": self.made_repository,
            "filesSent": self.sent,
            "bytesSent": self.sent_bytes,
            "bytesThere": self.kept_bytes,
        }


def place_of(connection: Connection, image: str) -> Place:
    """Give the address of an image, without its tag, in Artifact Registry or the emulator."""
    host, _, path = image.rpartition(":")[0].partition("/")
    if connection.local is None:
        return Place(f"https://{host}", path, f"{host}/{path}", token=connection.access_token)
    token = connection.access_token if connection.local.key_file else None
    return Place(connection.local.http, f"{host}/{path}", f"{host}/{path}", token=token, direct=True)


def push(
    connection: Connection, built: Built, image: str, *, dry_run: bool, say: Callable[[str], None], tell: Tell = nobody
) -> Pushed:
    """Push an image, or find out what a push would send.

    Args:
        connection: Whose project.
        built: The image.
        image: Where it goes, by tag.
        dry_run: Change nothing.
        say: Told of steps.
        tell: Told of bytes as they go.

    Raises:
        ApiError: The registry or Artifact Registry's API refuses.
    """
    missing = ensure_repository(connection, image, dry_run=dry_run)
    if missing and dry_run:
        return _result(built, image, before=None, made=True, sent=built.blobs)
    tag = image.rpartition(":")[2]
    with Repository(place_of(connection, image)) as repository:
        before = repository.tagged(tag)
        lacking = [blob for blob in built.blobs if not repository.has(blob.digest)]
        if not dry_run:
            for number, blob in enumerate(lacking, 1):
                say(f"{image}: file {number} of {len(lacking)}, {blob.size_bytes / 1e6:.1f} MB")
                repository.upload(blob, tell)
            repository.put(tag, built.manifest, "application/vnd.oci.image.manifest.v1+json")
    return _result(built, image, before=before, made=missing, sent=lacking)


def frameworks_there(connection: Connection, image: str) -> frozenset[str]:
    """Tell which frameworks the image holds that a tag names; none: there is no such tag, or it does not say.

    Args:
        connection: Whose project.
        image: By tag.

    Raises:
        ApiError: It cannot be read.
    """
    with Repository(place_of(connection, image)) as repository:
        try:
            listed = json.loads(repository.manifest(image.rpartition(":")[2])[1])["config"]
            said = json.loads(repository.content(Blob(listed["digest"], listed["size"], CONFIG)))
            words = str(said["config"]["Labels"][FRAMEWORKS])
        except (errors.NotFoundError, ValueError, KeyError, TypeError):
            return frozenset()
    return frozenset(word for word in words.split(",") if word)


def _result(built: Built, image: str, *, before: str | None, made: bool, sent: Any) -> Pushed:
    amount = sum(blob.size_bytes for blob in sent)
    return Pushed(image, built.digest, before, made, len(sent), amount, built.size_bytes - amount)


def ensure_repository(connection: Connection, image: str, *, dry_run: bool) -> bool:
    """Make the repository of an image where it is not there; True where it was not.

    It carries no mark of ours: it is no service's, so no run deletes it.

    Raises:
        UsageError: The image lies in no registry of Google's.
    """
    if (found := Image.parse(image)) is None:
        raise errors.UsageError(f"{image} does not lie in Artifact Registry")
    name, (parent, _, repository) = found.repository, found.repository.partition("/repositories/")
    api = connection.client("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    try:
        with calling("read", f"repository {name}"):
            api.get_repository(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError:
        if not dry_run:
            _make_repository(connection, api, parent, repository)
        return True
    return False


def _make_repository(connection: Connection, api: Any, parent: str, repository: str) -> None:
    location = parent.rpartition("/")[2]
    wanted = {"format_": "DOCKER", "description": "Images of mlservice itself: mlservice image push"}
    request = {"parent": parent, "repository_id": repository, "repository": wanted}
    try:
        with calling("create", f"repository {parent}/repositories/{repository}"):
            operation = api.create_repository(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "create", Address("artifact_repository", location, repository), timeout_s=connection.patience_s)
    except errors.Conflict:
        return  # another run was first
