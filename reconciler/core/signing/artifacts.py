"""How attestations name an image."""

from __future__ import annotations

import re

_BY_DIGEST = re.compile(r"(?P<name>[^@\s\"]+?)(?::[\w.-]+)?@(?P<digest>sha256:[0-9a-f]{64})")
_SCHEME = "https://"


def artifact_of(reference: str) -> str:
    """Give an image as attestations are of it, `HOST/PATH@sha256:…`; empty for one that no digest names."""
    found = _BY_DIGEST.fullmatch(reference)
    return f"{found['name']}@{found['digest']}" if found else ""


def digest_of(artifact: str) -> str:
    """Give the digest in it, which is what is signed."""
    return artifact.rpartition("@")[2]


def uris_of(artifact: str) -> tuple[str, str]:
    """Give both ways in which occurrences name an image: `gcloud` attests without the scheme that scans write.

    Source:
        Google Cloud SDK 528.0.0, `gcloud container binauthz attestations create` (`RemoveArtifactUrlScheme`).
    """
    return f"{_SCHEME}{artifact}", artifact
