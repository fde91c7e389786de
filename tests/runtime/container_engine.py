"""A container engine without containers: the few calls of Docker's API that start one, answered by a process.

Vertex AI's local endpoint starts the server through Docker's own client. Here the image is always the model server of
this repository, the environment is the one that was asked for, and the network and the file system are the machine's:
a bound path is what it is bound to.

Source: https://docs.docker.com/reference/api/engine/version/v1.44/
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


@dataclass
class Container:
    """One container, and its process once it is started."""

    wanted: dict[str, Any]
    process: subprocess.Popen[bytes] | None = None

    def start(self, root: Path) -> None:
        """Run the server as the container would."""
        environment = dict(entry.split("=", 1) for entry in self.wanted["Env"])
        environment["AIP_STORAGE_URI"] = str(self._bound(environment["AIP_STORAGE_URI"], root))
        known = {"PATH": os.environ["PATH"], "PYTHONPATH": str(Path(__file__).parents[2])}
        self.process = subprocess.Popen([sys.executable, "-m", "runtime"], env={**known, **environment})

    def _bound(self, folder: str, root: Path) -> Path:
        """Make the folder that the container would see, of links to what is bound into it."""
        for bind in self.wanted["HostConfig"]["Binds"]:
            source, target = bind.split(":")[:2]
            link = root / target.lstrip("/")
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
        return root / folder.lstrip("/")

    def stop(self) -> None:
        """SIGTERM, ten seconds, SIGKILL."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()

    def inspect(self) -> dict[str, Any]:
        """Show state and ports: outside, a port has the number that it has inside."""
        running = self.process is not None and self.process.poll() is None
        ports = {
            port: [{"HostIp": "127.0.0.1", "HostPort": port.split("/")[0]}] for port in self.wanted["ExposedPorts"]
        }
        state = {"Status": "running" if running else "exited" if self.process else "created"}
        return {"Id": "0", "Name": "/server", "State": state, "NetworkSettings": {"Ports": ports}}


@dataclass
class Engine:
    """Holds at most one container."""

    root: Path
    containers: list[Container] = field(default_factory=list)

    def answer(self, verb: str, path: str, body: dict[str, Any]) -> Any:
        """Answer one call; None has no content."""
        match (verb, path.rsplit("/", 1)[-1]):
            case "GET", "version":
                return {"ApiVersion": "1.44"}
            case "POST", "create":
                self.containers.append(Container(body))
                return {"Id": "0"}
            case "GET", "json":
                return self.containers[-1].inspect()
            case "POST", "start":
                return self.containers[-1].start(self.root)
            case "POST", "stop":
                return self.containers[-1].stop()
        raise NotImplementedError(f"{verb} {path}")


class Call(BaseHTTPRequestHandler):
    """One call of Docker's API."""

    protocol_version = "HTTP/1.1"

    def __init__(self, engine: Engine, *args: Any) -> None:
        self.engine = engine
        super().__init__(*args)

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        found = self.engine.answer(self.command, urlsplit(self.path).path, json.loads(body or b"{}"))
        content = b"" if found is None else json.dumps(found).encode()
        self.send_response(200 if content else 204)
        self.send_header("content-type", "application/json")
        if content:
            self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def running(root: Path) -> Iterator[tuple[str, Engine]]:
    """Run an engine; its address is for `DOCKER_HOST`."""
    engine = Engine(root)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Call, engine))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"tcp://127.0.0.1:{server.server_port}", engine
    for container in engine.containers:
        container.stop()
    server.shutdown()
    server.server_close()
