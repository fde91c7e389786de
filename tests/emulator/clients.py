"""Google's own clients, pointed at the emulator over both wires."""

from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials

from tests.conftest import Emulator

WIRES = ["grpc", "rest"]
both_wires = pytest.mark.parametrize("wire", WIRES)


def client(emulator: Emulator, cls: Any, wire: str = "grpc") -> Any:
    """A client of class `cls`; the endpoint and the credentials are all that differs from the real cloud."""
    if wire == "grpc":
        return cls(transport=cls.get_transport_class("grpc")(channel=emulator.channel()))
    transport = cls.get_transport_class("rest")
    return cls(transport=transport(host=emulator.http, credentials=AnonymousCredentials()))
