"""Requests that this cloud sends by itself: of Cloud Scheduler's jobs, and pushes of Pub/Sub.

Nothing leaves this machine: an emulator must not call strangers at night with tokens that look like Google's. Google's
own APIs are this emulator.
"""

import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from emulator.apis.run.running import running
from emulator.core.api import Registry
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.doors import INSIDE, Inside
from emulator.identity.tokens import Tokens
from emulator.processes.passage import INTERNAL_HEADER

HERE = ("127.0.0.1", "localhost", "::1")
REDIRECTS = (301, 302, 303, 307, 308)
TOKEN_LIFE_S = 600
"""For so long (real seconds) a token is sent again: signing one takes as long as a call."""


def send(
    world: World,
    method: str,
    uri: str,
    headers: Mapping[str, str],
    *,
    body: bytes = b"",
    timeout_s: float,
    keep: bool = False,
) -> int:
    """Send a request; returns the status of the answer.

    Args:
        world: Who sends it.
        method: `POST`.
        uri: Where to; redirects are followed.
        headers: Of the caller.
        body: None where it is empty.
        timeout_s: How long each step of it may take, in real seconds.
        keep: Whether more will follow to this address soon: then connections are kept, until `hang_up`.

    Raises:
        ApiFailure: There was no answer in time, or nobody to give one.
    """
    url, host = address(world, uri)
    sent = {**headers, **pass_in(world, url), "Host": host}
    if url != uri:  # Google's host is nobody's name for us but our own
        sent[INSIDE.decode()] = world.part(Inside, Inside).token
    if keep and urlsplit(url).scheme == "http":
        stay_on(urlsplit(url).hostname or "")
        code = world.part(Lines, Lines).send(method, url, sent, body, timeout_s)
        if code not in REDIRECTS:
            return code
    return send_far(world, method, url, sent, body=body, timeout_s=timeout_s)


def send_far(world: World, method: str, url: str, headers: Mapping[str, str], *, body: bytes, timeout_s: float) -> int:
    """Send a request on a connection of its own, and follow redirects.

    Raises:
        ApiFailure: There was no answer in time, or nobody to give one.
    """
    import httpx  # noqa: PLC0415 - most emulators never send one

    try:
        with client(world).stream(method, url, content=body or None, headers=headers, timeout=timeout_s) as answer:
            return int(answer.status_code)
    except httpx.TimeoutException as error:
        raise late() from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise unreachable(error) from error


def late() -> ApiFailure:
    """Nobody answered in time."""
    return ApiFailure("DEADLINE_EXCEEDED", "The target did not answer before the deadline.")


def unreachable(error: Exception) -> ApiFailure:
    """Nobody was there to answer."""
    return ApiFailure("UNAVAILABLE", f"The target cannot be reached: {error}")


class Lines:
    """Connections that are kept while there is more to send to an address."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[str, list[HTTPConnection]] = {}

    def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float) -> int:
        """Send a request; returns the status. One kept too long, which the other side has closed, is made anew.

        Raises:
            ApiFailure: There was no answer in time, or nobody to give one.
        """
        parts = urlsplit(url)
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        with self._lock:
            idle = self._idle.get(parts.netloc)
            kept = idle.pop() if idle else None
        try:
            if kept is not None:
                with suppress(ConnectionError, RemoteDisconnected):
                    return self._exchange(kept, parts.netloc, (method, path, body, headers), timeout_s)
            fresh = HTTPConnection(parts.netloc)
            return self._exchange(fresh, parts.netloc, (method, path, body, headers), timeout_s)
        except TimeoutError as error:
            raise late() from error
        except (OSError, HTTPException, ValueError) as error:
            raise unreachable(error) from error

    def _exchange(self, connection: HTTPConnection, place: str, asked: Any, timeout_s: float) -> int:
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        try:
            connection.request(*asked)
            answer = connection.getresponse()
            answer.read()
        except BaseException:
            connection.close()
            raise
        if not answer.will_close and answer.status >= HTTPStatus.OK:
            with self._lock:
                self._idle.setdefault(place, []).append(connection)
        return answer.status

    def hang_up(self, place: str) -> None:
        """Close what is kept to an address."""
        with self._lock:
            idle = self._idle.pop(place, [])
        for each in idle:
            each.close()


def hang_up(world: World, uri: str) -> None:
    """Nothing more is sent to an address for now: a server with one thread must not wait for us."""
    world.part(Lines, Lines).hang_up(urlsplit(uri).netloc)


def client(world: World) -> Any:
    """The HTTP client of this cloud: made once, since making one takes longer than a call."""
    import httpx  # noqa: PLC0415 - as in `send`

    def make() -> httpx.Client:
        return httpx.Client(
            trust_env=False,  # a proxy of the user's is no way to an address of this machine
            follow_redirects=True,
            event_hooks={"request": [stay_here]},
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),  # what is called comes and goes
        )

    return world.part(httpx.Client, make)


def address(world: World, uri: str) -> tuple[str, str]:
    """Where a request really goes, and which host it is for."""
    parts = urlsplit(uri)
    if world.part(Registry).serves(parts.hostname or ""):
        return world.http_url + uri.partition(parts.netloc)[2], parts.netloc
    return uri, parts.netloc


def stay_here(asked: Any) -> None:
    """Refuse to leave the machine, also by a redirect."""
    stay_on(asked.url.host)


def stay_on(host: str) -> None:
    """Refuse to call a host that is not this machine."""
    if host not in HERE:
        raise ApiFailure("UNAVAILABLE", f"The emulator sends nothing beyond this machine, so not to {host}.")


def pass_in(world: World, url: str) -> dict[str, str]:
    """What lets a request into a service whose ingress is internal; nobody else gets to see it."""
    plane = running(world).started
    parts = urlsplit(url)
    if plane is None or parts.hostname not in HERE or not plane.serves(parts.port or 0):
        return {}
    return {INTERNAL_HEADER.decode(): plane.internal_token}


class Sent:
    """Identity tokens that may be sent again, with the time (real seconds) until which."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tokens: dict[tuple[str, str], tuple[str, float]] = {}

    def token(self, tokens: Tokens, email: str, audience: str) -> str:
        """An account's token for an audience."""
        now = time.monotonic()
        with self._lock:
            known = self._tokens.get((email, audience))
            if known is None or known[1] < now:
                self._tokens = {key: each for key, each in self._tokens.items() if each[1] >= now}
                known = self._tokens[email, audience] = (tokens.id_token(email, audience), now + TOKEN_LIFE_S)
            return known[0]


def identity(world: World, email: str, audience: str, project: str) -> dict[str, str]:
    """The header with an account's identity token.

    Raises:
        ApiFailure: PERMISSION_DENIED: the account has gone since.
    """
    check_usable(world, email, project)
    return {"Authorization": f"Bearer {world.part(Sent, Sent).token(world.part(Tokens), email, audience)}"}


def access(world: World, email: str, scope: str, project: str) -> dict[str, str]:
    """The header with an account's access token.

    Raises:
        ApiFailure: PERMISSION_DENIED: the account has gone since.
    """
    check_usable(world, email, project)
    return {"Authorization": f"Bearer {world.part(Tokens).access_token(email, scope)}"}


def check_usable(world: World, email: str, project: str) -> None:
    """Refuse to make a token of an account that is not there."""
    from emulator.identity import accounts  # noqa: PLC0415 - imports its messages

    if not accounts.usable(world, email, project):
        raise ApiFailure("PERMISSION_DENIED", f"There is no token for {email}: it does not exist or is disabled.")
