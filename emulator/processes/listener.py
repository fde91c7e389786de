"""Listening sockets on the loopback interface, served by uvicorn's HTTP protocol without uvicorn's server.

One protocol configuration serves any number of sockets: the application sees the port in `scope["server"]`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from emulator.processes.caller import Caller
from emulator.processes.ports import bound

if TYPE_CHECKING:
    from collections.abc import Callable

    from emulator.processes.caller import Upgrade

KEEP_ALIVE_S = 620  # longer than any client's, as Google's front end: the client closes first
BACKLOG = 2048


class Listeners:
    """The open sockets of one application, by port.

    Args:
        app: Answers requests.
        upgrade: Carries WebSockets; without it, what asks for one is a request like any other.
    """

    def __init__(self, app: Callable[..., Any], upgrade: Upgrade | None = None) -> None:
        def caller(**_: Any) -> Caller:
            return Caller(upgrade)  # type: ignore[arg-type]  # made only where there is one

        self._config = Config(
            app,
            http="httptools",
            ws="none" if upgrade is None else caller,  # type: ignore[arg-type]  # uvicorn calls it, whatever it is
            loop="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        self._config.load()
        self._state = ServerState()
        self._servers: dict[int, asyncio.Server] = {}

    async def open(self, wanted: int = 0) -> int:
        """Listen on a port and tell which: `wanted` where it is free, else any."""
        listening = bound(wanted)
        listening.setblocking(False)  # noqa: FBT003 - the standard library's signature
        port = int(listening.getsockname()[1])
        loop = asyncio.get_running_loop()
        self._servers[port] = await loop.create_server(self._protocol, sock=listening, backlog=BACKLOG)
        return port

    def close(self, port: int) -> None:
        """Stop listening on a port. Open connections are closed as they fall idle."""
        server = self._servers.pop(port, None)
        if server is not None:
            server.close()
        for connection in list(self._state.connections):
            if getattr(connection, "server", (None, None))[1] == port:
                connection.shutdown()

    def close_all(self) -> None:
        """Stop listening everywhere; open connections are closed as they fall idle."""
        for port in list(self._servers):
            self.close(port)

    def _protocol(self) -> asyncio.Protocol:
        return HttpToolsProtocol(config=self._config, server_state=self._state, app_state={})
