"""Google's APIs as plain JSON, where their own client is too much: Vertex AI's takes 100 MB and seconds to import.

Nothing heavier than the HTTP session that Google's storage client brings anyway.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from google.api_core import exceptions as google

from reconciler.gcp.calls import CALL_TIMEOUT_S, READING

_LEFT_AS_WRITTEN = "/:@"
_MOST_PAGES = 200


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
        """
        token = ""
        for _ in range(_MOST_PAGES):
            page = self.get(path, **query, **({"pageToken": token} if token else {}))
            yield from page.get(field, ())
            token = page.get("nextPageToken", "")
            if not token:
                return

    def post(self, path: str, body: Any) -> dict[str, Any]:
        """Write something, once.

        Raises:
            google.api_core.exceptions.GoogleAPICallError: Google said no.
        """
        return self._call("POST", path, body, {})

    def _call(self, verb: str, path: str, body: Any, query: dict[str, str]) -> dict[str, Any]:
        import requests  # noqa: PLC0415 - late, for start-up

        url = f"{self.base}/{quote(path, safe=_LEFT_AS_WRITTEN)}"
        try:
            answer = self.session.request(verb, url, json=body, params=query, timeout=CALL_TIMEOUT_S)
        except requests.RequestException as error:
            raise ConnectionError(str(error)) from error
        if not answer.ok:
            raise google.from_http_response(answer)  # type: ignore[no-untyped-call]  # api_core is half typed
        try:
            found = answer.json()
        except ValueError as error:
            raise ConnectionError(f"{verb} {path} was answered by no JSON") from error
        return found if isinstance(found, dict) else {}
