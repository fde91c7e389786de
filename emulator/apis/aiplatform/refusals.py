"""How Vertex AI says no.

Source: recordings vertex_custom_job/minimal (a malformed name), create-cancel-delete and vertex_pipeline_job/minimal (a
name that is not there). The frame of the first one holds several findings; what the texts of others say inside it is in
the service's style, not seen there.
"""

from collections.abc import Iterable

from emulator.core.failures import ApiFailure


def invalid(*findings: tuple[str, str]) -> ApiFailure:
    """A refused request: pairs of field and message."""
    found = "".join(f"{n}.Field: {field}; Message: {text}\t" for n, (field, text) in enumerate(findings, 1))
    return ApiFailure("INVALID_ARGUMENT", f"List of found errors:\t{found}")


def refuse(findings: Iterable[tuple[str, str]]) -> None:
    """Say everything that was found wrong at once.

    Raises:
        ApiFailure: INVALID_ARGUMENT, unless nothing was found.
    """
    if found := list(findings):
        raise invalid(*found)


def malformed(noun: str, field: str = "name") -> ApiFailure:
    """A name that could not be one of these."""
    return invalid((field, f"Invalid {noun} resource name."))


def missing(noun: str) -> ApiFailure:
    """A name that is not there."""
    return ApiFailure("NOT_FOUND", f"The {noun} does not exist.")


def taken(noun: str, name: str) -> ApiFailure:
    """An id that is in use: general knowledge, not recorded."""
    return ApiFailure("ALREADY_EXISTS", f"The {noun} {name} already exists.")
