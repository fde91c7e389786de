"""Servers for tests: in a process of their own, or, quicker, in a thread of this one. Both are asked over sockets."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import uvloop

from runtime.__main__ import parser, service_of
from runtime.http.server import Listening, make
from runtime.telemetry.logs import JsonFormatter
from tests.warm import Process as Warm
from tests.warm import model_servers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import uvicorn

ROOT = Path(__file__).resolve().parents[2]


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Server:
    """A server that was started. `url` is where it answers; `log` is the file its log goes to."""

    url: str
    log: Path
    _client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=30), init=False)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self._client.get(self.url + path, **options)

    def post(self, path: str, body: object = None, **options: Any) -> httpx.Response:
        content = {"json": body} if body is not None else {}
        return self._client.post(self.url + path, **content, **options)

    def wait(self, done: Callable[[], object], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert self.runs, f"the server ended:\n{self.log.read_text()}"
            assert time.monotonic() < end, f"not within {seconds} s:\n{self.log.read_text()}"
            time.sleep(0.005)

    def status(self, path: str) -> int | None:
        try:
            return self.get(path).status_code
        except httpx.TransportError:
            return None

    @property
    def runs(self) -> bool:
        raise NotImplementedError

    def stop(self) -> int:
        """End it as Cloud Run does; gives its exit status."""
        raise NotImplementedError

    def tell(self) -> None:
        """Tell it to end, and do not wait for it."""
        raise NotImplementedError

    def end(self) -> None:
        """End it, if it still runs."""
        self._client.close()
        if self.runs:
            self.stop()


@dataclass
class Process(Server):
    """A server process."""

    process: Warm | subprocess.Popen[bytes]

    @property
    def runs(self) -> bool:
        return self.process.poll() is None

    def tell(self) -> None:
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        self.tell()
        try:
            return self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


def start_process(
    folder: Path,
    arguments: list[str],
    environment: Mapping[str, str],
    command: tuple[str, ...] = ("runtime",),
    cwd: Path | None = None,
) -> Process:
    """Start a process; its log is in the folder. The server itself is forked: it need not import what most need."""
    port, log = free_port(), folder / "log.txt"
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    arguments = [*command[1:], *arguments, "--port", str(port)]
    process: Warm | subprocess.Popen[bytes]
    with log.open("wb") as sink:
        if command == ("runtime",) and "PYTHONPATH" not in environment:  # else it is to import something of its own
            streams = (subprocess.DEVNULL, 1, sink.fileno())
            process = model_servers().run(*command, *arguments, folder=cwd or Path.cwd(), env=env, streams=streams)
        else:
            process = subprocess.Popen([sys.executable, "-m", command[0], *arguments], env=env, stderr=sink, cwd=cwd)
    return Process(f"http://127.0.0.1:{port}", log, process)


@dataclass
class Thread(Server):
    """A server in this process: the same code and sockets, without the second that a process takes to import it.

    What is logged while it runs is in its log, whoever logged it: two servers at once have the same lines.
    """

    thread: threading.Thread
    server: uvicorn.Server

    @property
    def runs(self) -> bool:
        return self.thread.is_alive()

    def tell(self) -> None:
        self.server.should_exit = True

    def stop(self) -> int:
        self.tell()
        self.thread.join(15)
        assert not self.thread.is_alive(), self.log.read_text()
        return 0


def start_thread(folder: Path, arguments: list[str], environment: Mapping[str, str]) -> Thread:
    """Start a server in a thread, as `python -m runtime` would with these arguments, and wait for its port."""
    log = folder / "log.txt"
    flags = parser(environment).parse_args(arguments)
    server = make(service_of(flags, environment), Listening(flags.host, 0, wire=flags.wire))

    def run() -> None:
        logged = _logged(log, structured="K_SERVICE" in environment)
        with logged, collected(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(server.serve())

    thread = threading.Thread(target=run, name="server", daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), log.read_text()
        time.sleep(0.002)
    port = server.servers[0].sockets[0].getsockname()[1]
    return Thread(f"http://127.0.0.1:{port}", log, thread, server)


@contextmanager
def ended() -> Iterator[list[Any]]:
    """Give a list; the servers on it are ended, all at once."""
    servers: list[Server] = []
    yield servers
    for server in servers:
        if server.runs:
            server.tell()
    for server in servers:
        server.end()


@contextmanager
def _logged(file: Path, *, structured: bool) -> Iterator[None]:
    """Write what the server logs to a file, as its process would."""
    # With "a" it would open its file anew for a line that another server's thread is just writing when it is closed.
    handler = logging.FileHandler(file, mode="w")
    handler.setFormatter(JsonFormatter() if structured else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    loggers = [logging.getLogger(name) for name in ("runtime", "uvicorn")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
        handler.close()


@contextmanager
def collected() -> Iterator[None]:
    """Undo what a server does to the garbage collector, which is right for a process of its own.

    What is there before is not looked at either: collecting all that tests import takes longer than most of them.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
