"""Where an image lies, as scans are asked for, and what to do about one that lies elsewhere."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.core.keeping import Image

_BY_GCR = re.compile(r"((us|eu|asia)\.)?gcr\.io")
_GCR = re.compile(
    r"(?P<name>(?:(?:us|eu|asia)\.)?gcr\.io/(?P<project>(?:[^/.:\s]*\.[^/:\s]*/)?[^/.\s]+)/[^@:\s]+)"
    r"(?::[\w.-]+)?(?P<digest>@sha256:[0-9a-f]{64})"
)
_SCHEME = "https://"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image lies, as its scan is asked for.

    Args:
        project: Project id.
        uri: `https://…@sha256:…`.
    """

    project: str
    uri: str


def place_of(reference: str) -> Place | None:
    """Give where an image lies that is named by digest in a registry of Google's; None for any other."""
    found = Image.parse(reference)
    if found is not None:
        if not found.digest:
            return None
        bare = Image(found.repository, found.package, found.digest)
        return Place(found.repository.split("/")[1], f"{_SCHEME}{bare.reference}")
    gcr = _GCR.fullmatch(reference)
    return gcr and Place(gcr["project"].replace("/", ":"), f"{_SCHEME}{gcr['name']}{gcr['digest']}")


def elsewhere(reference: str) -> str:
    """Say why nothing can be known of an image that has no place, and what to do about it.

    Source:
        https://cloud.google.com/artifact-registry/docs/pull-cached-dockerhub-images: mirror.gcr.io is no project's.
    """
    if Image.parse(reference) is not None:
        return "it is named by a tag, which may move: image.resolve: Digest, or write its digest"
    written = reference.partition("/")[0]
    host = written.partition(":")[0].lower()
    if host.endswith("-docker.pkg.dev") or _BY_GCR.fullmatch(host):
        if written != host:
            return f"scans know its host as {host}, without a port and in lower case: write that"
        if "@sha256:" not in reference:
            return "it is named by a tag, which may move, and of this registry none is resolved: write its digest"
        return "its name is not as scans have it: write HOST/PROJECT/NAME@sha256: and 64 digits"
    return "it is in no registry of Google's, whose scans are the only ones that are read: push it to Artifact Registry"


def short(reference: str) -> str:
    """Give a reference with the start of its digest."""
    name, at, digest = reference.partition("@sha256:")
    return f"{name}{at}{digest[:12]}"
