"""Who this server is: its project, and to another service of Cloud Run an identity token of its service account.

Asked of the metadata server without google-auth, whose import costs more than a small model does.

Source: https://cloud.google.com/run/docs/container-contract#metadata-server,
https://cloud.google.com/run/docs/authenticating/service-to-service,
https://cloud.google.com/compute/docs/instances/verifying-instance-identity
"""

from __future__ import annotations

import math
import threading
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTED = ".run.app"
TAG_END = "---"
PROJECT_PATH = "/computeMetadata/v1/project/project-id"
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"  # noqa: S105 - a path
FLAVOR = {"metadata-flavor": "Google"}
PATIENCE_S = 5.0
# Tokens are good for an hour, and the metadata server keeps them: asking often costs little.
FRESH_S = 60.0
LOOPBACK = frozenset({"127.0.0.1", "localhost"})


def audience(url: str, *, emulated: bool = False) -> str:
    """Say for whom a token must be, to call a URL.

    Args:
        url: Of a service, or of a tag of one.
        emulated: Whether services of this machine stand for those of Cloud Run.

    Returns:
        The service's own address, also for a tag's; empty for a host that is no service of Cloud Run. A token names
        our account, so nobody else gets one.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme == "https" and host.endswith(HOSTED):
        return f"https://{host.rpartition(TAG_END)[2]}"
    return f"http://{parts.netloc}" if emulated and host in LOOPBACK else ""


class Caller:
    """Gives the header that a service asks for. Blocks for the metadata server once a minute.

    Args:
        audience: From `audience`.
        client: An `httpx.Client`.
        host: Of the metadata server.
        clock: Seconds that only go forward; a token is used for `FRESH_S`.
    """

    def __init__(self, audience: str, client: Any, host: str, clock: Callable[[], float] = monotonic) -> None:
        self._audience = audience
        self._client = client
        self._url = f"http://{host}{TOKEN_PATH}"
        self._clock = clock
        self._token = ""
        self._fresh_until = -math.inf

    def headers(self) -> dict[str, str]:
        """Give the header; nothing where none is asked for.

        Raises:
            httpx.HTTPError: There is no metadata server, or it gives no token.
        """
        if not self._audience:
            return {}
        if self._clock() >= self._fresh_until:
            self._token = self._fetch()
            self._fresh_until = self._clock() + FRESH_S
        return {"authorization": f"Bearer {self._token}"}

    def _fetch(self) -> str:
        answer = self._client.get(self._url, params={"audience": self._audience}, headers=FLAVOR)
        return str(answer.raise_for_status().text)


class Project:
    """The project's id, for the full names of traces.

    Args:
        told: What the environment says; Cloud Run says nothing.
        host: Of the metadata server; empty where there is none. It is asked in a thread, and until it answers the
            name is empty: nothing waits for it.
    """

    def __init__(self, told: str, host: str) -> None:
        self.name = told
        self._host = host
        if host and not told:
            threading.Thread(target=self._ask, name="project", daemon=True).start()

    def _ask(self) -> None:
        import http.client  # noqa: PLC0415 - in this thread, the start of the server does not wait for it

        connection = http.client.HTTPConnection(self._host, timeout=PATIENCE_S)
        try:
            connection.request("GET", PROJECT_PATH, headers=FLAVOR)
            answer = connection.getresponse()
            if answer.status == http.HTTPStatus.OK:
                self.name = answer.read().decode()
        except (OSError, http.client.HTTPException):
            pass  # traces then have no full name; what is logged is complete otherwise
        finally:
            connection.close()
