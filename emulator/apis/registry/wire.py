"""One request to the registry and its answer, free of any HTTP library."""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import IO, Any

from emulator.apis.registry.errors import RegistryError, digest_invalid
from emulator.core.world import World
from emulator.images.reference import Reference

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Call:
    """A request for something of one image.

    Attributes:
        name: The image as the request names it: `europe-west1-docker.pkg.dev/local/models/scorer`.
        image: The same, taken apart.
        last: What stands behind `manifests/`, `blobs/uploads/` and the like.
    """

    world: World
    verb: str
    name: str
    image: Reference
    last: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: IO[bytes]
    caller: str

    def digest(self) -> str:
        """The digest that the path names.

        Raises:
            RegistryError: It names none.
        """
        return check_digest(self.last)

    def base(self) -> str:
        """The path of this image's addresses."""
        return f"/v2/{self.name}"


@dataclass(slots=True)
class Reply:
    """An answer: text, a document, a file, or nothing.

    Attributes:
        part: Of the file, from which byte on and how many; None: all of it.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""
    file: AbstractContextManager[IO[bytes]] | None = None
    part: tuple[int, int] | None = None

    def chunks(self) -> Iterator[bytes]:
        """The file's content, which may be larger than memory."""
        if self.file is None:
            return
        first, left = self.part or (0, sys.maxsize)
        with self.file as opened:
            opened.seek(first)
            while data := opened.read(min(CHUNK_BYTES, left)):
                left -= len(data)
                yield data


def document(
    value: Any, status: int = 200, *, media_type: str = "application/json", headers: Mapping[str, str] | None = None
) -> Reply:
    """An answer in JSON."""
    return Reply(status, {"Content-Type": media_type, **(headers or {})}, json.dumps(value).encode())


def failure(error: RegistryError) -> Reply:
    """The answer for a refusal."""
    return document(error.body(), error.status)


def check_digest(text: str) -> str:
    """A digest as it must be written.

    Raises:
        RegistryError: It is not; sha256 is the only algorithm that Artifact Registry knows.
    """
    if not DIGEST.fullmatch(text):
        raise digest_invalid(f"provided digest {text[:100]!r} is not of the form sha256:<64 hex digits>")
    return text
