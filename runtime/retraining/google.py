"""Google's REST interfaces, by Google's own credentials: what a function that must start in a second can afford.

`google-auth` and `requests` are imported in 0.2 s; the clients of Vertex AI alone take ten. On an emulator every
address is the emulator's (`MLSERVICE_EMULATOR`, `STORAGE_EMULATOR_HOST`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any
from urllib.parse import quote

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
PATIENCE_S = (5, 30)
"""Seconds to wait for a connection, and for an answer."""
_MAY_PASS = frozenset({408, 429, 500, 502, 503, 504})
MISSING, MOVED = 404, 412
PASSING = frozenset({
    "backendError", "internalError", "jobBackendError", "jobInternalError", "jobRateLimitExceeded", "quotaExceeded",
    "rateLimitExceeded", "tableUnavailable", "userRateLimitExceeded",
})  # fmt: skip
"""Reasons that pass. Of a call that is refused with 403 they tell this from what nobody may.

Source: https://cloud.google.com/bigquery/docs/error-messages; https://cloud.google.com/storage/docs/json_api/v1/status-codes
"""
_FORBIDDEN = 403
_LOOKS = 5
"""At an object that is overwritten between the look at it and the read of its bytes."""


class Refused(Exception):
    """Google refused, and would again.

    Args:
        what: The call, such as `start jobs/train`.
        status: HTTP status.
        why: Google's words.
        reason: Google's word for it, such as `notFound`; empty where there is none.
    """

    def __init__(self, what: str, status: int, why: str, reason: str = "") -> None:
        super().__init__(f"cannot {what}: {why} ({status})")
        self.status = status
        self.reason = reason


class Unavailable(Exception):
    """No answer, or one that may be another next time."""


def quiet(account: Any) -> Any:
    """Give credentials with the account's tokens that call nobody but who issues these.

    Google's own also ask `iamcredentials.googleapis.com` beside each call, in a thread, where data of the account may
    lie: the emulator's token would go to the real one. Source: google-auth 2.62,
    `google.auth.credentials.CredentialsWithRegionalAccessBoundary`.
    """
    from google.auth import credentials  # noqa: PLC0415 - late: decisions need none of it

    class Quiet(credentials.Credentials):
        def refresh(self, request: Any) -> None:
            account.refresh(request)
            self.token, self.expiry = account.token, account.expiry

    make: Any = Quiet
    return make()


class Google:
    """Calls with the function's own identity. Nothing is connected before the first one.

    Args:
        region: Where regional services are called.
    """

    def __init__(self, region: str) -> None:
        self._region = region

    @cached_property
    def _session(self) -> Any:
        # Late: decisions need none of it.
        import google.auth  # noqa: PLC0415 - late: decisions need none of it
        from google.auth.transport.requests import AuthorizedSession  # noqa: PLC0415 - late: decisions need none of it
        from requests.adapters import HTTPAdapter  # noqa: PLC0415 - late: decisions need none of it
        from urllib3.util.retry import Retry  # noqa: PLC0415 - late: decisions need none of it

        credentials, _ = google.auth.default(scopes=[SCOPE])
        if os.environ.get("MLSERVICE_EMULATOR"):
            credentials = quiet(credentials)
        session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call]  # google-auth has no types here
        # Reads alone are tried again here: of a write that got no answer nobody knows whether it happened.
        retry = Retry(3, backoff_factor=0.2, status_forcelist=_MAY_PASS, allowed_methods={"GET"}, raise_on_status=False)
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        if os.environ.get("MLSERVICE_EMULATOR"):
            session.trust_env = False  # a proxy of the environment is not for this machine's own addresses
        return session

    def address(self, service: str, *, regional: bool = False) -> str:
        """Give the root address of a service, such as `run`."""
        emulator = os.environ.get("MLSERVICE_EMULATOR", "")
        if service == "storage":
            emulator = os.environ.get("STORAGE_EMULATOR_HOST", emulator)
        if emulator:
            return emulator if "://" in emulator else f"http://{emulator}"
        return f"https://{self._region}-{service}.googleapis.com" if regional else f"https://{service}.googleapis.com"

    def call(self, what: str, method: str, url: str, **more: Any) -> Any:
        """Call, and read the JSON that comes back.

        Args:
            what: The call in words, for errors.
            method: HTTP method.
            url: Where.
            more: As `requests` takes it: `json`, `params`, `data`, `headers`.

        Raises:
            Refused, Unavailable: It failed.
        """
        answer = self.answer(what, method, url, **more)
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise Unavailable(f"cannot {what}: the answer is no JSON") from error

    def answer(self, what: str, method: str, url: str, **more: Any) -> Any:
        """Call, and give the answer as it came; see `call`."""
        import requests  # noqa: PLC0415 - late, as above

        try:
            answer = self._session.request(method, url, timeout=PATIENCE_S, allow_redirects=False, **more)
        except requests.RequestException as error:
            raise Unavailable(f"cannot {what}: {type(error).__name__}") from error
        if answer.status_code < 300:  # noqa: PLR2004 - a redirect is followed nowhere, and is no answer
            return answer
        why = _words(answer)
        reason = _reason(answer)
        if answer.status_code in _MAY_PASS or (answer.status_code == _FORBIDDEN and reason in PASSING):
            raise Unavailable(f"cannot {what}: {why} ({answer.status_code})")
        raise Refused(what, answer.status_code, why, reason)


def found_or_none(call: Callable[[], Any]) -> Any:
    """Make a call; None where it answers that there is no such thing."""
    try:
        return call()
    except Refused as refusal:
        if refusal.status == MISSING:
            return None
        raise


class Bucket:
    """One bucket of Cloud Storage, by its JSON interface.

    Args:
        google: Calls with.
        name: The bucket's name.
    """

    def __init__(self, google: Google, name: str) -> None:
        self._google = google
        self._name = name

    def _url(self, name: str, below: str = "/storage/v1") -> str:
        return f"{self._google.address('storage')}{below}/b/{self._name}/o/{quote(name, safe='')}"

    def read(self, name: str, *, most: int) -> tuple[bytes, int] | None:
        """Give an object and its generation; None where there is none.

        Args:
            name: Of the object.
            most: Bytes that are read; one more is given of an object that is larger, so that a caller can tell.

        Raises:
            Refused, Unavailable: The call failed.
        """
        what = f"read gs://{self._name}/{name}"
        for _ in range(_LOOKS):
            # A range of an empty object cannot be satisfied, so the size is asked with the generation, first.
            about = found_or_none(lambda: self._google.call(what, "GET", self._url(name)))
            if about is None:
                return None
            generation = int(about["generation"])
            if not int(about["size"]):
                return b"", generation
            params = {"alt": "media", "generation": str(generation)}
            headers = {"Range": f"bytes=0-{most}", "Accept-Encoding": "identity"}
            asked = partial(self._google.answer, what, "GET", self._url(name), params=params, headers=headers)
            answer = found_or_none(asked)
            if answer is not None:
                content: bytes = answer.content
                return content[: most + 1], generation
            # Somebody wrote in between: that generation is gone, and there is another.
        raise Unavailable(f"cannot {what}: it is written all the time")

    def holds(self, prefix: str) -> bool:
        """Tell whether any object's name begins with a prefix and goes on after it.

        Raises:
            Refused, Unavailable: The call failed.
        """
        url = f"{self._google.address('storage')}/storage/v1/b/{self._name}/o"
        # Two: a console makes an empty object that is named as the folder itself.
        params = {"prefix": prefix, "maxResults": "2", "fields": "items(name)"}
        found = self._google.call(f"list gs://{self._name}/{prefix}", "GET", url, params=params)
        return any(each["name"] != prefix for each in found.get("items", ()))

    def write(self, name: str, content: bytes, *, generation: int | None, kind: str = "application/json") -> bool:
        """Write an object.

        Args:
            name: Of the object.
            content: Of the object.
            generation: The one that must be there still; 0 for none, None for whichever.
            kind: Its content type.

        Returns:
            False where another generation is there.

        Raises:
            Refused, Unavailable: The call failed.
        """
        params: dict[str, str] = {"uploadType": "media", "name": name}
        if generation is not None:
            params["ifGenerationMatch"] = str(generation)
        url = f"{self._google.address('storage')}/upload/storage/v1/b/{self._name}/o"
        headers = {"Content-Type": kind}
        try:
            self._google.call(
                f"write gs://{self._name}/{name}", "POST", url, params=params, data=content, headers=headers
            )
        except Refused as refusal:
            if refusal.status == MOVED:
                return False
            raise
        return True


def _words(answer: Any) -> str:
    """Give what Google says of a failure, shortened."""
    try:
        found = answer.json()
        text = found["error"]["message"] if isinstance(found, Mapping) else str(found)
    except (ValueError, KeyError, TypeError):
        text = answer.text or answer.reason or "no words"
    return " ".join(str(text).split())[:500]


def _reason(answer: Any) -> str:
    """Give Google's word for a failure; empty where there is none."""
    try:
        return str(answer.json()["error"]["errors"][0]["reason"])
    except (ValueError, LookupError, TypeError):
        return ""
