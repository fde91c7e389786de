"""An HTTP endpoint that remembers what it was sent, and answers as it is told."""

import http.server
import queue
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Asked:
    """A request; its headers by lower-case name."""

    method: str
    path: str
    headers: dict
    body: bytes


@dataclass
class Endpoint:
    """What is pushed to.

    Attributes:
        answers: Statuses of the next answers; 200 after that.
        gate: Answers wait for it.
    """

    url: str = ""
    answers: list = field(default_factory=list)
    asked: queue.Queue = field(default_factory=queue.Queue)
    gate: threading.Event = field(default_factory=threading.Event)

    def next(self, within_s=60):
        """The next request."""
        return self.asked.get(timeout=within_s)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        endpoint = self.server.endpoint
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {key.lower(): value for key, value in self.headers.items()}
        answer = endpoint.answers.pop(0) if endpoint.answers else 200
        endpoint.asked.put(Asked(self.command, self.path, headers, body))
        endpoint.gate.wait(60)
        self.send_response(answer)
        if answer != 204:
            self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        """Say nothing."""


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes away in the middle is no news."""


@contextmanager
def serving(*answers):
    """An endpoint on this machine."""
    with Server(("127.0.0.1", 0), Handler) as server:
        server.endpoint = Endpoint(f"http://127.0.0.1:{server.server_address[1]}", list(answers))
        server.endpoint.gate.set()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.endpoint
        server.endpoint.gate.set()
        server.shutdown()
