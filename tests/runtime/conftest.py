"""Real server processes on free ports, and the models they serve."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SPECS = ROOT / "specs"


@dataclass
class Running:
    """A server process. `url` is where it answers; `log` is the file its stderr goes to."""

    process: subprocess.Popen
    url: str
    log: Path

    def get(self, path: str, **options) -> httpx.Response:
        return httpx.get(self.url + path, timeout=30, **options)

    def post(self, path: str, body: object = None, **options) -> httpx.Response:
        content = {"json": body} if body is not None else {}
        return httpx.post(self.url + path, timeout=30, **content, **options)

    def wait(self, done: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not done():
            assert self.process.poll() is None, f"the server ended:\n{self.log.read_text()}"
            assert time.monotonic() < end, f"not within {seconds} s:\n{self.log.read_text()}"
            time.sleep(0.02)

    def status(self, path: str) -> int | None:
        try:
            return self.get(path).status_code
        except httpx.TransportError:
            return None

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


def free_port() -> int:
    """Find a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., Running]]:
    """Start servers; all are ended with the module."""
    running: list[Running] = []

    def _start(
        folder: Path | str | None,
        *flags: str,
        command=("runtime",),
        model=None,
        runtime=None,
        wait="ready",
        cwd=None,
        **env,
    ) -> Running:
        port = free_port()
        log = tmp_path_factory.mktemp("server") / "log.txt"
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **{k: str(v) for k, v in env.items()}}
        if model is not None:
            environment["MLSERVICE_MODEL"] = json.dumps(model)
        if runtime is not None:
            environment["MLSERVICE_RUNTIME"] = json.dumps(runtime)
        where = [] if folder is None else [str(folder)]
        with log.open("wb") as sink:
            process = subprocess.Popen(
                [sys.executable, "-m", *command, *where, "--port", str(port), *flags],
                env=environment,
                stderr=sink,
                cwd=cwd,
            )
        server = Running(process, f"http://127.0.0.1:{port}", log)
        running.append(server)
        if wait:
            server.wait(lambda: server.status(f"/health/{wait}") == 200)
        return server

    yield _start
    for server in running:
        if server.process.poll() is None:
            server.process.terminate()
    for server in running:
        try:
            server.process.wait(15)
        except subprocess.TimeoutExpired:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def another_port() -> Callable[[], int]:
    """Find a port for a server's second door."""
    return free_port


@pytest.fixture(scope="session")
def specs() -> Path:
    """The examples."""
    return SPECS


@pytest.fixture(scope="session")
def features() -> dict:
    """The feature schema of the breast-cancer example, as the reconciler hands it over."""
    spec = yaml.safe_load((SPECS / "breast-cancer" / "mlservice.yaml").read_text())["spec"]
    return spec["model"]["features"]
