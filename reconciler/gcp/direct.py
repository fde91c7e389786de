"""HTTP to this machine: never through a proxy, whatever the environment says of proxies.

`HTTP_PROXY` and its like are for what lies beyond; a proxy elsewhere has another 127.0.0.1, and would read what was
meant for ours. Calls to Google Cloud are not made here: they go through the user's proxy.
"""

from __future__ import annotations

from typing import Any


def auth_request() -> Any:
    """Give what Google's auth library asks for tokens with."""
    import google.auth.transport.requests  # noqa: PLC0415 - late, for start-up
    import requests  # noqa: PLC0415 - late, for start-up

    session = requests.Session()
    session.trust_env = False
    return google.auth.transport.requests.Request(session)


def direct_session(credentials: Any) -> Any:
    """Give the HTTP session that Google's storage client makes by itself for credentials, or for anonymous ones."""
    import google.auth.transport.requests  # noqa: PLC0415 - late, for start-up

    session: Any = google.auth.transport.requests.AuthorizedSession(credentials, auth_request=auth_request())  # type: ignore[no-untyped-call]  # google-auth is half typed
    session.trust_env = False
    return session
