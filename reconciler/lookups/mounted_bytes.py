"""What lies in a mounted folder of a bucket: whether there is one, fits on the card, and how long it takes to read."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from schemas.instance import Instance

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService
    from schemas.sections.mounts import Mount

_MOST_OBJECTS = 1000
"""Of a folder of weights, one page; a larger one is no model, and its size is not known then."""


def weights_of(service: MLService) -> dict[str, str]:
    """Give the folders that a service with a GPU mounts to read, by path below `spec`; none without a GPU."""
    if Instance.of(service.spec.resources, service.spec.sidecars).gpu is None:
        return {}
    return {path: str(mount.bucket) for path, mount in _buckets(service) if mount.read_only is not False}


def _buckets(service: MLService) -> Iterator[tuple[str, Mount]]:
    spec = service.spec
    found = {f"mounts.{path}": mount for path, mount in spec.mounts.items()}
    for name, each in spec.sidecars.items():
        found |= {f"sidecars.{name}.mounts.{path}": mount for path, mount in each.mounts.items()}
    yield from ((path, mount) for path, mount in found.items() if mount.bucket)


def bytes_at(uri: str, facts: Facts) -> int | None:
    """Give how many bytes lie in a folder; None where that is not known, or nothing lies there."""
    return (facts.find(MOUNTED_BYTES, uri) or 0) or None


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    del facts
    for path, mount in _buckets(loaded.service):
        yield Question(str(mount.bucket), f"{path}.bucket")


def _answer(connection: Connection, question: Question) -> int:
    """Add up the objects; whoever plans need not be able to see them, and the folder may be filled later.

    Raises:
        NotFoundError: There is no such bucket: no instance would start.
    """
    bucket, _, folder = question.key.removeprefix("gs://").partition("/")
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    try:
        with calling("list", f"files of {question.key}"):
            listed: Any = connection.storage.list_blobs(
                bucket,
                prefix=prefix,
                fields="items(name,size),nextPageToken",  # the client makes no blob that has no name
                page_size=1000,
                retry=READING,
                timeout=CALL_TIMEOUT_S,
            )
            sizes = [blob.size or 0 for blob in islice(listed, _MOST_OBJECTS + 1)]
    except errors.NotFoundError as error:
        hint = f"make it: gcloud storage buckets create gs://{bucket}"
        raise errors.NotFoundError("resolve", f"bucket gs://{bucket}", "it does not exist", hint=hint) from error
    except errors.NotPermitted:
        return 0
    return 0 if len(sizes) > _MOST_OBJECTS else sum(sizes)


# No `permission`: it is needed on this bucket, which others may have made, and not on the project.
MOUNTED_BYTES = Lookup("mounted_bytes", int, _asks, _answer, api="storage.googleapis.com")
