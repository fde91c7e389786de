"""Waiting for Google's long-running operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google
from google.api_core.future.polling import DEFAULT_POLLING

from reconciler.core import errors
from reconciler.gcp.calls import READING, StillGoingError, calling, ended, timed_out

if TYPE_CHECKING:
    from reconciler.core.address import Address

_POLLING = DEFAULT_POLLING.with_delay(initial=0.05, multiplier=1.6, maximum=5.0)


def wait(operation: Any, verb: str, address: Address, *, timeout_s: float) -> Any:
    """Wait until an operation is done.

    Args:
        operation: As the client gave it.
        verb: What it does.
        address: To what.
        timeout_s: Patience, from the connection.

    Returns:
        The operation's response.

    Raises:
        OperationFailed: It ended badly; Google's reason is in the message.
        OperationTimeout: It is still going. Nothing is lost: the next run observes the object.
    """
    try:
        with calling(f"wait for the {verb} of", address):
            return operation.result(timeout=timeout_s, polling=_POLLING, retry=READING)
    except errors.ApiError as error:
        cause = error.__cause__
        if isinstance(cause, (google.RetryError, TimeoutError)) and not operation.operation.done:
            raise timed_out(verb, address, StillGoingError(timeout_s)) from cause
        if operation.operation.done and isinstance(cause, google.GoogleAPICallError):
            raise ended(verb, address, cause) from cause
        raise
