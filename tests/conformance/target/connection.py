"""The way to the target: where the environment says, with every exchange recorded."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

from reconciler.engine.clock import SystemClock
from reconciler.engine.pool import Pool
from reconciler.engine.session import Session
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.kinds import KINDS
from tests.conformance.place import Place
from tests.conformance.target.recorder import Recorder

HTTP, GRPC = "MLSERVICE_EMULATOR", "MLSERVICE_EMULATOR_GRPC"
CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"


def told() -> Endpoint | None:
    """Give the addresses that the environment names; None for Google's own."""
    http, target = os.environ.get(HTTP, ""), os.environ.get(GRPC, "")
    return Endpoint(http, target, os.environ.get(CREDENTIALS, "")) if http and target else None


class Target:
    """The project at hand, as the examples and the bench use it.

    Args:
        at: Project, region and names.
        pool: Where calls run.
        recorder: Hears every exchange.
        patience_s: How long one operation may take.
    """

    def __init__(self, at: Place, pool: Pool, recorder: Recorder, made: dict[str, Any] | None = None) -> None:
        self.at, self.pool, self.recorder = at, pool, recorder
        self._made = {} if made is None else made
        self.connection = Connection(at.project, at.bucket, told(), listener=recorder, _made=self._made)

    def elsewhere(self, at: Place) -> Target:
        """Give the same target with other names, by the same clients."""
        return Target(at, self.pool, self.recorder, self._made)

    def session(self) -> Session:
        """A run of its own."""
        return Session(self.connection, KINDS, self.pool, SystemClock(timedelta()), "conformance", self.at.prefix)

    def api(self, package: str, service: str, stem: str) -> Any:
        """Google's client."""
        return self.connection.client(package, service, stem)
