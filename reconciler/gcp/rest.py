"""Google's APIs as plain JSON, where their own client is too much: Vertex AI's takes 100 MB and seconds to import.

Nothing heavier than the HTTP session that Google's storage client brings anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.api_core import exceptions as google
from google.api_core import retry as retries

from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, EndedBadlyError, StillGoingError

_LEFT_AS_WRITTEN = "/:@"
_MOST_PAGES = 200


class _PendingError(Exception):
    """Something is not over."""


def _failed(error: Any) -> google.GoogleAPICallError:
    """Give the error of an operation that ended badly."""
    made: Any = google.from_grpc_status
    found: google.GoogleAPICallError = made(error.get("code"), str(error.get("message", "")))
    return found


def _paged(read: Callable[[dict[str, str]], Mapping[str, Any]], field: str) -> Iterator[dict[str, Any]]:
    """Read every page. Part of a list is none: what is not on it would be taken for what is not there."""
    token: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        page = read(token)
        yield from page.get(field, ())
        if not page.get("nextPageToken"):
            return
        token = {"pageToken": str(page["nextPageToken"])}
    made: Any = google.OutOfRange
    raise made(f"there are more than {_MOST_PAGES} pages of {field}, which is as many as are read")


def polled(look: Callable[[], dict[str, Any] | None], *, patience_s: float) -> dict[str, Any]:
    """Ask again, more and more rarely, until something is over.

    Args:
        look: Gives what is over; None while it goes on.
        patience_s: How long to ask.

    Raises:
        gcp.calls.StillGoingError: It is not over in time.
    """

    def found() -> dict[str, Any]:
        if (over := look()) is None:
            raise _PendingError
        return over

    pending = retries.if_exception_type(_PendingError)
    asking: Any = retries.Retry(predicate=pending, initial=0.05, multiplier=1.6, maximum=5.0, timeout=patience_s)
    try:
        over: dict[str, Any] = asking(found)()
    except google.RetryError as error:
        if not isinstance(error.cause, _PendingError):
            raise
        raise StillGoingError(patience_s) from error
    return over


@dataclass(frozen=True, slots=True)
class Rest:
    """One API's methods.

    Args:
        session: Signs and sends.
        base: Such as `https://europe-west1-aiplatform.googleapis.com/v1`, without a slash at the end.
    """

    session: Any
    base: str

    def get(self, path: str, **query: str) -> dict[str, Any]:
        """Read something; what passes is tried again.

        Args:
            path: A resource name.
            query: Parameters.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Google said no; see `gcp.calls.calling`.
        """
        read: Any = READING(self._call)
        found: dict[str, Any] = read("GET", path, None, query)
        return found

    def listed(self, path: str, field: str, **query: str) -> Iterator[dict[str, Any]]:
        """Read every page of a list.

        Args:
            path: As for `get`.
            field: Where the answer holds the items.
            query: Parameters.

        Raises:
            google.api_core.exceptions.OutOfRange: There are more pages than are read.
        """
        yield from _paged(lambda token: self.get(path, **query, **token), field)

    def searched(self, path: str, asked: Mapping[str, Any], field: str) -> Iterator[dict[str, Any]]:
        """Read every page of a search, which is a POST that changes nothing; what passes is tried again.

        Args:
            path: As for `get`, with the method's name.
            asked: What is searched for.
            field: Where the answer holds the items.

        Raises:
            google.api_core.exceptions.OutOfRange: There are more pages than are read.
        """
        read: Any = READING(self._call)
        yield from _paged(lambda token: read("POST", path, {**asked, **token}, {}), field)

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Write something, once.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Google said no.
        """
        return self._call("POST", path, body, {})

    def patch(self, path: str, body: Any, *, mask: str = "") -> dict[str, Any]:
        """Change something, once, where there is no operation to wait for.

        Args:
            path: A resource name.
            body: What changes.
            mask: Names of fields, with commas; empty where the API takes none.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Google said no.
        """
        return self._call("PATCH", path, body, {"updateMask": mask} if mask else {})

    def delete(self, path: str, **query: str) -> None:
        """Delete something, once, where deleting has no operation.

        Args:
            path: A resource name.
            query: Parameters.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Google said no.
        """
        self._call("DELETE", path, None, query)

    def write(self, verb: str, path: str, body: Any = None, *, patience_s: float, **query: str) -> dict[str, Any]:
        """Write something, once, and wait until its operation is done.

        Args:
            verb: `POST`, `PATCH`, `DELETE`.
            path: A resource name.
            body: What is written.
            patience_s: How long to wait for the operation.
            query: Parameters.

        Returns:
            The operation's response.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Google said no at once.
            gcp.calls.EndedBadlyError: It did so in the end.
            gcp.calls.StillGoingError: It is not done in time.
        """
        operation = self._call(verb, path, body, query)

        def look() -> dict[str, Any] | None:
            found = self.get(str(operation["name"]))
            return found if found.get("done") else None

        done = operation if operation.get("done") else polled(look, patience_s=patience_s)
        if "error" in done:
            raise EndedBadlyError(_failed(done["error"]))
        response = done.get("response", {})
        return response if isinstance(response, dict) else {}

    def _call(self, verb: str, path: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        import requests  # noqa: PLC0415 - late, for start-up

        url = f"{self.base}/{quote(path, safe=_LEFT_AS_WRITTEN)}"
        try:
            answer = self.session.request(verb, url, json=body, params=query, timeout=CALL_TIMEOUT_S)
        except requests.RequestException as error:
            raise ConnectionError(str(error)) from error
        if not answer.ok:
            raise google.from_http_response(answer)  # type: ignore[no-untyped-call]  # api_core is half typed
        if answer.status_code == requests.codes.no_content:
            return {}
        try:
            found = answer.json()
        except ValueError as error:
            raise ConnectionError(f"{verb} {path} was answered by no JSON") from error
        return found if isinstance(found, dict) else {}
