"""What Cloud Storage answers when it refuses: the JSON error document of the JSON API, v1."""

from __future__ import annotations

from typing import Any


class StorageError(Exception):
    """A refusal, in the shape of the JSON API.

    Source:
        cloud.google.com/storage/docs/json_api/v1/status-codes, "Error Response Format".
    """

    def __init__(self, code: int, reason: str, message: str, *, location: tuple[str, str] | None = None) -> None:
        """`location` is (type, name), as in ("parameter", "project")."""
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.location = location

    def body(self) -> dict[str, Any]:
        """The document a client reads."""
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            detail |= {"locationType": self.location[0], "location": self.location[1]}
        return {"error": {"code": self.code, "message": self.message, "errors": [detail]}}


def no_bucket() -> StorageError:
    """Source: the service's own answer, quoted in googleapis/python-storage and hashicorp/terraform issues."""
    return StorageError(404, "notFound", "The specified bucket does not exist.")


def no_object(bucket: str, name: str) -> StorageError:
    """Source: quoted in googleapis/python-storage issues, "No such object: bucket/name"."""
    return StorageError(404, "notFound", f"No such object: {bucket}/{name}")


def precondition() -> StorageError:
    """Source: cloud.google.com/storage/docs/json_api/v1/status-codes, 412."""
    message = "At least one of the pre-conditions you specified did not hold."
    return StorageError(412, "conditionNotMet", message, location=("header", "If-Match"))


def not_modified() -> StorageError:
    """Source: cloud.google.com/storage/docs/json_api/v1/status-codes, 304; it has no body."""
    return StorageError(304, "notModified", "Not Modified")


def bucket_taken() -> StorageError:
    """Source: terraform-google-modules/terraform-google-cloud-storage pull request 238."""
    message = "Your previous request to create the named bucket succeeded and you already own it."
    return StorageError(409, "conflict", message)


def bucket_not_empty() -> StorageError:
    """Source: hashicorp/terraform-provider-google issues, "googleapi: Error 409: …, conflict"."""
    return StorageError(409, "conflict", "The bucket you tried to delete is not empty.")


def invalid(message: str) -> StorageError:
    """A value Cloud Storage does not take."""
    return StorageError(400, "invalid", message)


def required(parameter: str) -> StorageError:
    """Source: the service's own answer, quoted in fsouza/fake-gcs-server and gsutil issues."""
    message = f"Required parameter: {parameter}"
    return StorageError(400, "required", message, location=("parameter", parameter))


def unimplemented(what: str) -> StorageError:
    """What this emulator does not do. It says so: it never pretends."""
    return StorageError(501, "notImplemented", f"the emulator does not implement {what}")
