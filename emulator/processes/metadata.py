"""The metadata server a container asks who it is and for its tokens.

One loopback port per identity (project, region, service account), so no path or header has to tell callers apart and
`google.auth` works unchanged with `GCE_METADATA_HOST`.
Source: https://cloud.google.com/run/docs/container-contract#metadata-server and
https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qs

from emulator import doors
from emulator.processes.listener import Listeners

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping

    from emulator.processes.model import Identity

    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

ROOT = "/computeMetadata/v1"
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
FLAVOR = [(b"metadata-flavor", b"Google"), (b"server", b"Metadata Server for Serverless")]


class Tokens(Protocol):
    """What signs tokens: the emulator's token service."""

    def access_token(self, service_account: str) -> tuple[str, int]:
        """Give an access token and the seconds it is valid for."""

    def identity_token(self, service_account: str, audience: str) -> str:
        """Give a signed identity token for an audience."""


@dataclass(frozen=True, slots=True)
class _Reply:
    body: str
    status: int = 200
    content_type: str = "application/text"


class MetadataServer:
    """All metadata addresses of the emulator."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._ports: dict[Identity, int] = {}
        self._identities: dict[int, Identity] = {}
        self._listeners: Listeners | None = None
        self._opening = asyncio.Lock()

    async def host(self, identity: Identity) -> str:
        """Give `127.0.0.1:PORT`, opening the port at the first call."""
        async with self._opening:
            if identity not in self._ports:
                self._listeners = self._listeners or Listeners(self)
                port = self._ports[identity] = await self._listeners.open()
                self._identities[port] = identity
        return f"127.0.0.1:{self._ports[identity]}"

    def close(self) -> None:
        """Stop listening at every identity's address."""
        if self._listeners is not None:
            self._listeners.close_all()

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request (ASGI)."""
        del receive
        identity = self._identities[scope["server"][1]]
        path, query = scope["path"].rstrip("/"), parse_qs(scope["query_string"].decode())
        if why := _refusal(scope["headers"], path):
            reply = _Reply(why, 403)
        else:
            reply = await asyncio.to_thread(self._reply, identity, path.removeprefix(ROOT), query)
        headers = [(b"content-type", reply.content_type.encode()), *FLAVOR]
        headers.append((b"content-length", str(len(reply.body.encode())).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body.encode()})

    def _reply(self, identity: Identity, path: str, query: Mapping[str, list[str]]) -> _Reply:
        values = _values(identity)
        if path in values:
            return _Reply(values[path])
        head, _, rest = path.removeprefix("/instance/service-accounts").strip("/").partition("/")
        if path.startswith("/instance/service-accounts"):
            return self._account(identity, head, rest, query)
        if path in ("", "/instance", "/project"):  # `google.auth` pings the root
            return _Reply("instance/\nproject/\n")
        return _Reply("Not Found", 404)

    def _account(self, identity: Identity, who: str, what: str, query: Mapping[str, list[str]]) -> _Reply:
        email = identity.service_account
        if who == "":
            return _Reply(f"default/\n{email}/\n")
        if who not in ("default", email):
            return _Reply("Not Found", 404)
        return self._of_account(email, what, query)

    def _of_account(self, email: str, what: str, query: Mapping[str, list[str]]) -> _Reply:
        if what == "" and query.get("recursive"):
            answer = {"aliases": ["default"], "email": email, "scopes": list(SCOPES)}
            return _Reply(json.dumps(answer), content_type="application/json")
        if what == "token":
            token, seconds = self._tokens.access_token(email)
            granted = {"access_token": token, "expires_in": seconds, "token_type": "Bearer"}
            return _Reply(json.dumps(granted), content_type="application/json")
        if what == "identity":
            audience = query.get("audience", [""])[0]
            if not audience:
                return _Reply("non-empty audience parameter required", 400)
            return _Reply(self._tokens.identity_token(email, audience), content_type="text/html")
        texts = {"": "aliases\nemail\nidentity\nscopes\ntoken\n", "email": email, "aliases": "default"}
        texts["scopes"] = "\n".join(SCOPES)
        return _Reply(texts[what]) if what in texts else _Reply("Not Found", 404)


def _refusal(headers: list[tuple[bytes, bytes]], path: str) -> str:
    """Say why a request is not answered; nothing when it is. Tokens are for the container, not for a page or a proxy.

    Source: https://cloud.google.com/compute/docs/metadata/querying-metadata for the two headers.
    """
    given = dict(headers)
    if doors.is_of_a_page(headers) or not doors.is_for_us(headers):
        return "Only the container is answered"
    if b"x-forwarded-for" in given:
        return "X-Forwarded-For is not allowed"
    if path.startswith(ROOT) and given.get(b"metadata-flavor", b"").lower() != b"google":
        return "Missing required header: Metadata-Flavor"
    return ""


def _values(identity: Identity) -> dict[str, str]:
    return {
        "/project/project-id": identity.project,
        "/project/numeric-project-id": identity.number,
        "/instance/region": f"projects/{identity.number}/regions/{identity.region}",
        "/instance/zone": f"projects/{identity.number}/zones/{identity.region}-1",
        "/instance/id": secrets.token_hex(32),
        "/universe/universe-domain": "googleapis.com",
    }
