"""Image references.

Source:
    https://pkg.go.dev/github.com/distribution/reference: the grammar every container tool follows.
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding
from schemas.refusal import shown
from schemas.sections.image import Image
from schemas.sections.model import Model

_DOMAIN = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.[a-zA-Z0-9-]+)*(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_REFERENCE = re.compile(rf"(?:{_DOMAIN}/)?{_PART}(?:/{_PART})*(?::{_TAG})?(?:@sha256:[0-9a-f]{{64}})?")
_LONGEST = 512


def image_or_model(image: Image | None, model: Model | None) -> Iterator[Finding]:
    """One of the two says what runs."""
    if image is None and model is None:
        hint = "give an image of yours, or a model for the bundled server"
        yield Finding("image", "image-or-model", "neither image nor model is given", hint, at_key=True)


def image_uri(image: Image | None) -> Iterator[Finding]:
    """The reference has the shape of one."""
    if image is not None:
        yield from reference("image.uri", image.uri)


def reference(path: str, uri: str) -> Iterator[Finding]:
    """`host/path:tag`, `path@sha256:…`."""
    if len(uri) <= _LONGEST and _REFERENCE.fullmatch(uri):
        return
    hint = "write registry/repository:tag or registry/repository@sha256:<64 hex digits>"
    if "://" in uri:
        hint = "leave the scheme out: " + uri.split("://", 1)[1][:80]
    elif uri != uri.lower() and _REFERENCE.fullmatch(uri.lower()):
        hint = "the repository is written in lower case"
    yield Finding(path, "image-reference", f"{shown(uri)} is not an image reference", hint)
