"""Cloud Scheduler through Google's own clients, and a target that remembers what it was sent."""

import http.server
import threading
from dataclasses import dataclass, field

import pytest
from google.cloud import scheduler_v1

from tests.emulator.clients import WIRES, client

PLACE = "projects/local/locations/europe-west1"
NAME = f"{PLACE}/jobs/nightly"


@pytest.fixture
def jobs(emulator):
    """The client."""
    return client(emulator, scheduler_v1.CloudSchedulerClient)


@pytest.fixture(params=WIRES)
def either(emulator, request):
    """The client over both wires."""
    return client(emulator, scheduler_v1.CloudSchedulerClient, request.param)


def make(jobs, uri="https://acme.example/retrain", **fields):
    """A job that calls an address, unless it is told otherwise."""
    target = {} if "pubsub_target" in fields else {"http_target": {"uri": uri, **fields.pop("http", {})}}
    wanted = {"name": NAME, "schedule": "0 3 * * *", **target, **fields}
    return jobs.create_job(parent=PLACE, job=scheduler_v1.Job(wanted))


@dataclass
class Asked:
    """A request that the target got."""

    method: str
    path: str
    headers: dict
    body: bytes


@dataclass
class Target:
    """What a job calls.

    Attributes:
        answers: Statuses of the next answers; 200 after that.
        asked: What came.
        arrived: Set when a request is there.
        gate: Answers wait for it.
        location: Where redirects lead.
    """

    url: str = ""
    answers: list = field(default_factory=list)
    asked: list = field(default_factory=list)
    arrived: threading.Event = field(default_factory=threading.Event)
    gate: threading.Event = field(default_factory=threading.Event)
    location: str = ""

    def scheduled(self):
        """For which times the requests were."""
        return [each.headers["X-CloudScheduler-ScheduleTime"] for each in self.asked]


class Handler(http.server.BaseHTTPRequestHandler):
    """Remembers a request and answers as it is told."""

    def answer(self):
        """Any method."""
        target = self.server.target
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        target.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        target.arrived.set()
        target.gate.wait(60)
        self.send_response(target.answers.pop(0) if target.answers else 200)
        if target.location:
            self.send_header("location", target.location)
        self.send_header("content-length", "0")
        self.end_headers()

    def do_POST(self):
        self.answer()

    def do_PUT(self):
        self.answer()

    def do_GET(self):
        self.answer()

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def target():
    """A server on this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.target = Target(f"http://127.0.0.1:{server.server_address[1]}")
        server.target.gate.set()
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server.target
        server.target.gate.set()
        server.shutdown()
