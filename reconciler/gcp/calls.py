"""The one place where Google's exceptions become ours."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions as google
from google.api_core import retry as retries
from google.auth import exceptions as auth

from reconciler.core import errors
from reconciler.core.pace import passes
from reconciler.gcp.roles import role_with

if TYPE_CHECKING:
    from reconciler.core.address import Address

CALL_TIMEOUT_S = 60.0
"""Patience with one call. Many of Google's clients have none of their own (kinds.md 1.2)."""

_PASSING = (
    google.TooManyRequests,
    google.ServiceUnavailable,
    google.BadGateway,
    google.GatewayTimeout,
    google.InternalServerError,
)


def _may_pass(error: Exception) -> bool:
    """Tell whether a read is worth another try. What was refused for its rate was tried again in `throttle`."""
    return isinstance(error, (*_PASSING, google.RetryError, ConnectionError)) and not rate_limited(error)


def rate_limited(error: Exception) -> bool:
    """Tell whether Google refused a call because there were too many, and not because something is used up."""
    if not isinstance(error, google.TooManyRequests):
        return False
    reason, metadata = _info(error)
    return passes(reason, str(metadata.get("quota_limit", "")), error.message or "")


READING = retries.Retry(
    predicate=_may_pass,
    initial=0.2,
    maximum=8.0,
    multiplier=2.0,
    timeout=45.0,
)
"""For calls that may be made twice: that change nothing, or say the whole of what they write. Other writes are retried
by the engine, which looks again first."""

_PERMISSION = re.compile(
    r"'?([a-z]+)\.([a-zA-Z]+)\.([a-zA-Z]+)'? (?:denied|permission|access)|[Pp]ermission ['\"]([\w.]+)['\"]"
)
_TOO_OFTEN = "more frequently than the maximum sampling period"
"""Google's words; its answer has no other mark of it."""
_API = re.compile(r"/([a-z]+\.googleapis\.com)/")
_NO_ACCOUNT_YET = re.compile(
    r"service account .* does not exist|account .* was not found|service account .*\(or it may not exist\)"
    # Cloud Scheduler and Cloud Tasks (googleapis/nodejs-tasks issue 249); of other permissions they say it as well.
    r"|iam\.serviceAccounts\.actAs.* \(or the resource may not exist\)",
    re.IGNORECASE,
)
_ASKED = re.compile(r"^[A-Z]+ https?://\S+: ")
"""What was asked, which api_core puts before the words of an answer over HTTP."""
_USED_UP = re.compile(r"\bquota exceeded\b", re.IGNORECASE)
"""A revision for which no GPU is free ends its operation with it (GoogleCloudPlatform/magic-modules 17149)."""
_MORE = (
    "waiting alone frees nothing: ask for more at https://console.cloud.google.com/iam-admin/quotas, or take less "
    "(scaling.maxInstances, services that are not needed); then run again"
)
_MAX_MESSAGE = 600


class StillGoingError(Exception):
    """An operation is not done in time.

    Args:
        patience_s: How long it was waited for.
    """

    def __init__(self, patience_s: float) -> None:
        super().__init__(f"still going after {patience_s:.0f} s")


class EndedBadlyError(Exception):
    """An operation ended badly.

    Args:
        error: Google's reason.
    """

    def __init__(self, error: google.GoogleAPICallError) -> None:
        super().__init__(error.message)
        self.error = error


@contextmanager
def calling(verb: str, address: Address | str) -> Iterator[None]:
    """Add verb and address to whatever Google answers.

    Raises:
        ApiError: The matching one; Google's own exception is its cause.
    """
    try:
        yield
    except google.GoogleAPICallError as error:
        raise translate(verb, address, error) from error
    except StillGoingError as error:
        raise timed_out(verb, address, error) from error
    except EndedBadlyError as error:
        raise ended(verb, address, error.error) from error
    except (google.RetryError, auth.TransportError, ConnectionError, TimeoutError) as error:
        last = error.cause if isinstance(error, google.RetryError) else None
        if isinstance(last, google.GoogleAPICallError):  # Google answered, and went on refusing
            raise translate(verb, address, last) from error
        raise errors.Unavailable(verb, address, _short(str(error)), hint="check the network, then run again") from error
    except auth.GoogleAuthError as error:
        hint = "run `gcloud auth application-default login`, or use --local for the emulator"
        raise errors.NotPermitted(verb, address, _short(str(error)), hint=hint) from error


def translate(verb: str, address: Address | str, error: google.GoogleAPICallError) -> errors.ApiError:
    """Choose our error for one of Google's, most specific first."""
    why = _short(_said(_ASKED.sub("", error.message or str(error))))
    if isinstance(error, (google.BadRequest, google.Forbidden)) and _NO_ACCOUNT_YET.search(why):
        remedy = "check that the account exists, and grant the caller roles/iam.serviceAccountUser on it"
        return errors.NotReadyYet(verb, address, why, hint=remedy)
    if isinstance(error, google.Forbidden):
        return _forbidden(verb, address, why, error)
    if isinstance(error, google.BadRequest) and _TOO_OFTEN in why:
        return errors.TooOften(verb, address, why)
    if rate_limited(error):
        return errors.RateLimited(verb, address, why, hint=_quota(error))
    for theirs, ours, hint in _TRANSLATIONS:
        if isinstance(error, theirs):
            return ours(verb, address, why, hint=hint if isinstance(hint, str) else hint(error))
    return errors.Unavailable(verb, address, why, hint=_MORE if _USED_UP.search(why) else "run again in a moment")


def timed_out(verb: str, address: Address | str, why: StillGoingError) -> errors.OperationTimeout:
    """Give the error of an operation that is still going."""
    hint = "Google carries on; run again to see how it ended"
    return errors.OperationTimeout(verb, address, str(why), hint=hint)


def ended(verb: str, address: Address | str, error: google.GoogleAPICallError) -> errors.OperationFailed:
    """Give the error of an operation that ended badly, with what helps where that is known."""
    told = translate(verb, address, error)
    return errors.OperationFailed(verb, address, told.why, hint=told.hint)


def _forbidden(verb: str, address: Address | str, why: str, error: google.Forbidden) -> errors.NotPermitted:
    reason, metadata = _info(error)
    if reason == "SERVICE_DISABLED":
        named = metadata.get("service") or (found.group(1) if (found := _API.search(error.message or "")) else "it")
        return errors.NotPermitted(verb, address, why, hint=f"enable the API: gcloud services enable {named}")
    found = _PERMISSION.search(error.message or "")
    named = (found.group(4) or ".".join(found.group(1, 2, 3))) if found else ""
    # Pub/Sub's words name no permission; what goes with them does.
    permission = metadata.get("permission", "") if reason == "IAM_PERMISSION_DENIED" else ""
    permission = permission or named
    role = role_with(permission) or "a role that has it"
    missing = f"permission {permission} is missing: grant {role}" if permission else "the caller lacks a role"
    return errors.NotPermitted(verb, address, why, hint=f"{missing}; see docs/permissions.md", permission=permission)


def _quota(error: google.GoogleAPICallError) -> str:
    _, metadata = _info(error)
    limit = metadata.get("quota_limit")
    return f"quota {limit} is used up: raise it, or run again later" if limit else "run again in a moment"


def _info(error: google.GoogleAPICallError) -> tuple[str, dict[str, Any]]:
    # The reason and metadata of google.rpc.ErrorInfo, which gRPC and REST answers both carry.
    return str(error.reason or ""), dict(error.metadata or {})


def _said(text: str) -> str:
    """Give the sentence of an answer that uploads of Cloud Storage put there whole, with a word of their own behind."""
    if not text.startswith("{"):
        return text
    try:
        told, _ = json.JSONDecoder().raw_decode(text)
        return str(told["error"]["message"])
    except (ValueError, LookupError, TypeError):
        return text


def _short(text: str) -> str:
    first = " ".join(text.split())
    return first if len(first) <= _MAX_MESSAGE else first[:_MAX_MESSAGE] + " ..."


# Aborted and AlreadyExists are Conflicts, ResourceExhausted is TooManyRequests, and InvalidArgument,
# FailedPrecondition and OutOfRange are BadRequests.
_TRANSLATIONS: tuple[tuple[type[Exception], type[errors.ApiError], str | Callable[[Any], str]], ...] = (
    (google.Unauthorized, errors.NotPermitted, "run `gcloud auth application-default login`"),
    (google.NotFound, errors.NotFoundError, ""),
    (google.Conflict, errors.Conflict, "it changed since it was looked at; run again"),
    (google.PreconditionFailed, errors.Conflict, "it changed since it was looked at; run again"),
    (google.TooManyRequests, errors.QuotaExhausted, _quota),
    (google.BadRequest, errors.InvalidRequest, ""),
    (google.MethodNotImplemented, errors.InvalidRequest, ""),
)
