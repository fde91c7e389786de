"""The end of a server, in virtual time on real sockets: what SIGTERM lets finish, and for how long."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from runtime.http.server import DRAIN_S, SHUTDOWN_S, Listening, Server, make
from tests.runtime import virtual_time
from tests.runtime.connections import doubling
from tests.runtime.queues import IN_THREAD, INLINE, TABLE, Doubling, Queue
from tests.runtime.test_doors import answers, doubled, post

GET_READY = b"GET /health/ready HTTP/1.1\r\nHost: x\r\n\r\n"


class Client:
    """Connections to a server on the same loop."""

    def __init__(self, server: Server) -> None:
        self._port = server.servers[0].sockets[0].getsockname()[1]

    async def ask(self, request: bytes) -> tuple[bytes, float]:
        """Send a request on a connection of its own; gives all that comes back until it closes, and when it did."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(request)
        try:
            return await reader.read(), now()
        finally:
            writer.close()


def now() -> float:
    """Seconds since the beginning."""
    return round(asyncio.get_running_loop().time() - virtual_time.START_S, 2)


def served(
    act: Callable[[Server, Client], Coroutine[Any, Any, None]], *, call_s: float | None = None, wire: bool = True
) -> float:
    """Act on a running server, and wait for its end; gives when it was.

    Args:
        act: What happens.
        call_s: Seconds that a call of the model takes in a thread; None for one on the loop.
        wire: Whether predictions take the short way.
    """

    async def work(loop):
        queue = Queue(loop, INLINE if call_s is None else IN_THREAD, Doubling(inputs=TABLE), call_s=call_s)
        server = make(doubling(loop, queue), Listening("127.0.0.1", 0, wire=wire))
        serving = asyncio.create_task(server.serve())
        serving.add_done_callback(lambda _: ends.append(now()))
        await asyncio.sleep(0.01)
        assert server.started
        try:
            await act(server, Client(server))
        finally:
            server.should_exit |= server._draining is None
            await serving

    ends: list[float] = []
    virtual_time.run(work)
    return ends[0]


def terminate(server: Server) -> None:
    """Send the signal that Cloud Run sends."""
    server.handle_exit(signal.SIGTERM, None)


@pytest.mark.parametrize("wire", [True, False], ids=["wire", "fastapi"])
def test_what_arrives_in_the_first_second_is_answered(wire):
    """The server says that it is not ready, still answers, and every answer closes its connection."""

    async def act(server, client):
        terminate(server)
        await asyncio.sleep(DRAIN_S / 2)
        (ready, _), (predicted, at) = await asyncio.gather(client.ask(GET_READY), client.ask(post(1, 2)))

        assert ready.startswith(b"HTTP/1.1 503 ")
        assert ready.endswith(b"draining")
        assert answers(predicted) == [doubled(1, 2)]
        assert b"\r\nconnection: close\r\n" in ready
        assert b"\r\nconnection: close\r\n" in predicted
        assert at < DRAIN_S

    assert DRAIN_S <= served(act, wire=wire) <= DRAIN_S + 0.5


def test_then_the_port_is_closed():
    """Nobody can connect any more."""

    async def act(server, client):
        terminate(server)
        await asyncio.sleep(DRAIN_S + 0.2)

        with pytest.raises(ConnectionRefusedError):
            await client.ask(post(1, 2))

    served(act)


@pytest.mark.parametrize("wire", [True, False], ids=["wire", "fastapi"])
def test_a_call_that_is_running_is_finished(wire):
    """Its caller gets the answer, and the server does not stay longer than that."""

    async def act(server, client):
        asked = asyncio.create_task(client.ask(post(1, 2)))
        await asyncio.sleep(0.1)
        terminate(server)
        found, at = await asked

        assert answers(found) == [doubled(1, 2)]
        assert at == pytest.approx(5, abs=0.1)

    assert served(act, call_s=5.0, wire=wire) == pytest.approx(5, abs=0.5)


def test_a_call_that_never_ends_does_not_hold_up_the_end():
    """Cloud Run would kill the process after ten seconds; before that what is in the background is written."""

    async def act(server, client):
        asked = asyncio.create_task(client.ask(post(1, 2)))
        await asyncio.sleep(0.1)
        terminate(server)
        await asyncio.sleep(DRAIN_S + SHUTDOWN_S + 1)
        asked.cancel()

    assert served(act, call_s=1000.0) == pytest.approx(DRAIN_S + SHUTDOWN_S, abs=0.5)


def test_a_second_signal_is_an_order():
    """Who is impatient need not wait for the first second."""

    async def act(server, _client):
        terminate(server)
        await asyncio.sleep(DRAIN_S / 5)
        terminate(server)

    assert served(act) < DRAIN_S / 2
