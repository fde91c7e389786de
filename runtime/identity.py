"""Who this server is to another service of Cloud Run: an identity token of its service account.

Asked of the metadata server without google-auth, whose import costs more than a small model does.

Source: https://cloud.google.com/run/docs/authenticating/service-to-service,
https://cloud.google.com/compute/docs/instances/verifying-instance-identity
"""

from __future__ import annotations

import os
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

HOSTED = ".run.app"
TAG_END = "---"
METADATA_HOST = "metadata.google.internal"
TOKEN_PATH = "/computeMetadata/v1/instance/service-accounts/default/identity"  # noqa: S105 - a path
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
    """

    def __init__(self, audience: str, client: Any) -> None:
        self._audience = audience
        self._client = client
        self._token = ""
        self._fresh_until = 0.0

    def headers(self) -> dict[str, str]:
        """Give the header; nothing where none is asked for.

        Raises:
            httpx.HTTPError: There is no metadata server, or it gives no token.
        """
        if not self._audience:
            return {}
        if monotonic() > self._fresh_until:
            self._token = self._fetch()
            self._fresh_until = monotonic() + FRESH_S
        return {"authorization": f"Bearer {self._token}"}

    def _fetch(self) -> str:
        host = os.environ.get("GCE_METADATA_HOST", METADATA_HOST)
        answer = self._client.get(
            f"http://{host}{TOKEN_PATH}", params={"audience": self._audience}, headers={"metadata-flavor": "Google"}
        )
        return str(answer.raise_for_status().text)
