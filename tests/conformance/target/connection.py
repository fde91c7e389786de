"""The way to the target: where the environment says, with every exchange recorded."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import grpc

from reconciler.engine.clock import SystemClock
from reconciler.engine.pool import Pool
from reconciler.engine.session import Session
from reconciler.gcp.connection import Connection, Endpoint
from reconciler.gcp.light import client_class, transport_class
from reconciler.kinds import KINDS
from tests.conformance.place import Place
from tests.conformance.target.recorder import Calls, Recorder, Requests

HTTP, GRPC = "MLSERVICE_EMULATOR", "MLSERVICE_EMULATOR_GRPC"
CREDENTIALS = "GOOGLE_APPLICATION_CREDENTIALS"
STORAGE = "storage.googleapis.com"


def told() -> Endpoint | None:
    """Give the addresses that the environment names; None for Google's own."""
    http, target = os.environ.get(HTTP, ""), os.environ.get(GRPC, "")
    return Endpoint(http, target, os.environ.get(CREDENTIALS, "")) if http and target else None


class Recorded(Connection):
    """A connection that records what is said."""

    recorder: Recorder

    def _build(self, package: str, service: str, stem: str) -> Any:
        if self.local is not None:
            return Connection._build(self, package, service, stem)
        client = client_class(package, service, f"{stem}Client")
        transport = transport_class(package, service, f"{stem}GrpcTransport")
        options = [("grpc.max_receive_message_length", -1)]
        channel = transport.create_channel(
            f"{client.DEFAULT_ENDPOINT}:443",
            credentials=self.credentials,
            scopes=transport.AUTH_SCOPES,
            options=options,
        )
        return client(transport=transport(channel=grpc.intercept_channel(channel, Calls(self.recorder))))

    def _channel(self, local: Endpoint) -> Any:
        if "recorded" not in self._made:
            channel = Connection._channel(self, local)
            self._made["recorded"] = grpc.intercept_channel(channel, Calls(self.recorder))
        return self._made["recorded"]

    def _storage(self) -> Any:
        client = Connection._storage(self)
        for scheme in ("https://", "http://"):
            client._http.mount(scheme, Requests(self.recorder, STORAGE))
        return client


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
        self.connection = Recorded(at.project, at.bucket, told(), _made=self._made)
        self.connection.recorder = recorder

    def elsewhere(self, at: Place) -> Target:
        """Give the same target with other names, by the same clients."""
        return Target(at, self.pool, self.recorder, self._made)

    def session(self) -> Session:
        """A run of its own."""
        return Session(self.connection, KINDS, self.pool, SystemClock(timedelta()), "conformance", self.at.prefix)

    def api(self, package: str, service: str, stem: str) -> Any:
        """Google's client."""
        return self.connection.client(package, service, stem)
