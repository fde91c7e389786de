"""A data plane without a control plane: revisions are described by the tests themselves."""

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from emulator.processes.model import Container, Identity, Program, Revision, Route, Share
from emulator.processes.plane import Plane, Settings

HERE = Path(__file__).parent
SCRIPT = HERE / "container.py"
WHO = Identity("local", "123456789012", "europe-west1", "runner@local.iam.gserviceaccount.com")
"""Whose containers they are."""


@dataclass
class Clock:
    moment: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self):
        return self.moment

    def advance(self, **of):
        self.moment += timedelta(**of)


@dataclass
class Tokens:
    def access_token(self, service_account):
        return f"access-{service_account}", 3599

    def identity_token(self, service_account, audience):
        return f"identity-{service_account}-{audience}"


@dataclass
class Bench:
    """What the tests stand on: a plane, a clock, and the revisions that exist."""

    plane: Plane
    clock: Clock
    revisions: dict = field(default_factory=dict)

    def revision(self, name, *, env=None, script=SCRIPT, startup=None, **of):
        def program(place):
            names = {"PORT": str(place.port), "HOST": "127.0.0.1", "K_REVISION": name, **(env or {})}
            return Program((sys.executable, "-S", "-I", str(script)), HERE, names)

        container = Container("main", WHO, program, 8080, startup, startup is None)
        self.revisions[name] = Revision(name, (container,), **of)
        return name

    def serve(self, *shares, port=None, retired=(), public=True, **of):
        """Route an address to (revision, percent) pairs and give its URL."""
        port = port or self.plane.listen()
        parts = tuple(Share(*share) for share in shares)
        self.plane.route({port: Route("service", parts, public=public, **of)}, retired)
        return f"http://127.0.0.1:{port}"


GOOD, UNKNOWN, NOBODY = "good.token.signature", "unknown", "nobody.token.signature"


def gate(token, route, port):
    """Stand for the policies: three tokens are known."""
    return {GOOD: 200, NOBODY: 403}.get(token, 401)


@pytest.fixture
def settings():
    """Repeatable splits."""
    return Settings(seed=7)


@pytest.fixture
def bench(settings):
    """A running plane; everything it started ends with the test."""
    clock, revisions = Clock(), {}
    plane = Plane(load=revisions.__getitem__, gate=gate, tokens=Tokens(), now=clock.now, settings=settings)
    plane.start()
    yield Bench(plane, clock, revisions)
    plane.stop()


@pytest.fixture
def http():
    """A client that knows no proxy."""
    with httpx.Client(timeout=20, trust_env=False) as client:
        yield client
