"""How a registry says no.

Source: error codes of the distribution specification; `GOOGLE_MANIFEST_DANGLING_…` as users of Google's
    registries quote them (https://github.com/containers/image/issues/1616).
"""

from typing import Any


class RegistryError(Exception):
    """A refusal: HTTP status, code, and a sentence."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def body(self) -> dict[str, Any]:
        """As clients read it."""
        return {"errors": [{"code": self.code, "message": self.message}]}


def blob_unknown(digest: str) -> RegistryError:
    """The repository does not have a file."""
    return RegistryError(404, "BLOB_UNKNOWN", f"blob unknown to registry: {digest}")


def manifest_unknown(reference: str) -> RegistryError:
    """No image has this tag or digest."""
    return RegistryError(404, "MANIFEST_UNKNOWN", f'Failed to fetch "{reference}"')


def manifest_invalid(why: str) -> RegistryError:
    """It is no manifest, or one that may not be put there."""
    return RegistryError(400, "MANIFEST_INVALID", f"manifest invalid: {why}")


def upload_unknown() -> RegistryError:
    """No upload of that name is under way."""
    return RegistryError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")


def digest_invalid(why: str) -> RegistryError:
    """It is no digest, or not that of what was sent."""
    return RegistryError(400, "DIGEST_INVALID", why)


def unsupported(what: str) -> RegistryError:
    """There is no such operation."""
    return RegistryError(405, "UNSUPPORTED", f"The operation is unsupported: {what}")
