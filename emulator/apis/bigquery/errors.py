"""What BigQuery answers when it refuses."""

from __future__ import annotations

from typing import Any

STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    412: "FAILED_PRECONDITION",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
}


class BigQueryError(Exception):
    """A refusal, in the shape of the API.

    Source:
        Recordings bigquery_table/basic (404); cloud.google.com/bigquery/docs/error-messages for codes and reasons.
    """

    def __init__(self, code: int, reason: str, message: str, *, location: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.location = location

    def body(self) -> dict[str, Any]:
        """The document that a client reads."""
        detail = {"message": self.message, "domain": "global", "reason": self.reason}
        if self.location:
            detail |= {"location": self.location, "locationType": "parameter"}
        error = {"code": self.code, "message": self.message, "errors": [detail]}
        return {"error": error | ({"status": STATUS[self.code]} if self.code in STATUS else {})}

    def proto(self) -> dict[str, Any]:
        """As an `ErrorProto`, which jobs and streamed rows carry."""
        return {"reason": self.reason, "message": self.message} | ({"location": self.location} if self.location else {})


def not_found(sort: str, shown: str) -> BigQueryError:
    """Source: recordings bigquery_table/basic."""
    return BigQueryError(404, "notFound", f"Not found: {sort} {shown}")


def duplicate(sort: str, shown: str) -> BigQueryError:
    """Source: answers quoted in issues of googleapis/python-bigquery."""
    return BigQueryError(409, "duplicate", f"Already Exists: {sort} {shown}")


def invalid(message: str, location: str = "") -> BigQueryError:
    """A value that BigQuery does not take."""
    return BigQueryError(400, "invalid", message, location=location)


def required(field: str) -> BigQueryError:
    """A field that must be there. Source: answers quoted in issues of googleapis/python-bigquery."""
    return BigQueryError(400, "required", f"Required parameter is missing: {field}")


def bad_query(message: str) -> BigQueryError:
    """A statement that is wrong."""
    return BigQueryError(400, "invalidQuery", message, location="query")


def stale() -> BigQueryError:
    """An etag that is no longer the resource's. Source: cloud.google.com/bigquery/docs/error-messages."""
    return BigQueryError(412, "conditionNotMet", "Precondition check failed.")


def in_use(shown: str) -> BigQueryError:
    """Source: answers quoted in issues of hashicorp/terraform-provider-google."""
    return BigQueryError(400, "resourceInUse", f"Dataset {shown} is still in use")


def without(missing: ModuleNotFoundError) -> BigQueryError:
    """What cannot be done for want of a library, and how to get it."""
    return unimplemented(f"this without {missing.name}: pip install 'mlservice[bigquery]'")


def unimplemented(what: str) -> BigQueryError:
    """What this emulator does not do. It says so: it never pretends."""
    return BigQueryError(501, "notImplemented", f"the emulator does not implement {what}")
