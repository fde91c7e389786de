"""Every method of the protocol: verb, path behind the image's name, and what does it."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from emulator.apis.registry import blobs, manifests, tags, uploads
from emulator.apis.registry.wire import Call, Reply


@dataclass(frozen=True, slots=True)
class Method:
    """What a verb does behind a word of the path.

    Attributes:
        name: As faults, counts of calls and permissions know it.
    """

    name: str
    run: Callable[[Call], Reply]

    @property
    def mutating(self) -> bool:
        """Whether it writes."""
        return not self.name.endswith((".get", ".list"))


PATH = re.compile(r"(?P<name>.+?)/(?P<word>blobs/uploads|blobs|manifests|tags|referrers)/(?P<last>[^/]*)", re.DOTALL)
"""An image may be called `blobs`: what counts is the last such word that leaves one word behind it."""
METHODS = {
    ("GET", "blobs"): Method("docker.blobs.get", blobs.get),
    ("HEAD", "blobs"): Method("docker.blobs.get", blobs.get),
    ("DELETE", "blobs"): Method("docker.manifests.delete", blobs.delete),
    ("POST", "blobs/uploads"): Method("docker.blobs.upload", uploads.start),
    ("GET", "blobs/uploads"): Method("docker.blobs.upload", uploads.status),
    ("PATCH", "blobs/uploads"): Method("docker.blobs.upload", uploads.append),
    ("PUT", "blobs/uploads"): Method("docker.blobs.upload", uploads.end),
    ("DELETE", "blobs/uploads"): Method("docker.blobs.upload", uploads.cancel),
    ("GET", "manifests"): Method("docker.manifests.get", manifests.get),
    ("HEAD", "manifests"): Method("docker.manifests.get", manifests.get),
    ("PUT", "manifests"): Method("docker.manifests.put", manifests.put),
    ("DELETE", "manifests"): Method("docker.manifests.delete", manifests.delete),
    ("GET", "tags"): Method("docker.tags.list", tags.names),
    ("GET", "referrers"): Method("docker.referrers.list", tags.referrers),
}


def find(verb: str, path: str) -> tuple[Method, str, str] | None:
    """The method of a request, the image's name and the last word of the path; None: there is none."""
    found = PATH.fullmatch(path if not path.endswith("/blobs/uploads") else f"{path}/")
    method = METHODS.get((verb, found["word"])) if found else None
    return None if found is None or method is None else (method, found["name"], found["last"])
