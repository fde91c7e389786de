"""The embedded emulator as its clients see it: where it listens, and its control address."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from reconciler.core import errors
from reconciler.gcp.connection import Endpoint

STATE_DIR = Path(".mlservice/emulator")
READY_FILE = "emulator.json"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def state_dir() -> Path:
    """Give the folder of the emulator's state: below the working directory, or as MLSERVICE_EMULATOR_STATE says."""
    return Path(os.environ.get("MLSERVICE_EMULATOR_STATE") or STATE_DIR)


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Args:
        state: Folder of its state.
        pid: Its process.
        http: Address of its HTTP side.
        grpc: Address of its gRPC side.
    """

    state: Path
    pid: int
    http: str
    grpc: str

    @classmethod
    def running(cls, state: Path) -> Emulator | None:
        """Find the emulator of a state folder, or None when it does not run."""
        try:
            found = json.loads((state / READY_FILE).read_text())
            os.kill(found["pid"], 0)
        except (OSError, ValueError, KeyError):
            return None
        return cls(state, found["pid"], found["http"], found["grpc"])

    @property
    def endpoint(self) -> Endpoint:
        """Where clients connect."""
        return Endpoint(self.http, self.grpc, str(self.state / "credentials.json"))

    def control(self, method: str, path: str, body: Any = None, *, timeout_s: float = 300.0) -> Any:
        """Call the emulator's control address.

        Args:
            method: HTTP method.
            path: Below `/_emulator/`.
            body: JSON data.
            timeout_s: Patience.

        Raises:
            Unavailable: It does not answer.
            InvalidRequest: It refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.http}/_emulator/{path}", data, headers, method=method)  # noqa: S310 - our own http address
        try:
            with _DIRECT.open(request, timeout=timeout_s) as answer:
                text = answer.read().decode()
        except urllib.error.HTTPError as error:
            raise errors.InvalidRequest("call", f"the emulator ({path})", _message(error.read().decode())) from error
        except OSError as error:
            hint = "mlservice emulator stop, then start"
            raise errors.Unavailable("reach", "the emulator", str(error), hint=hint) from error
        try:
            return json.loads(text)
        except ValueError:
            return text

    def clock(self) -> timedelta:
        """Give how far its clock is ahead of ours."""
        return timedelta(seconds=float(self.control("GET", "clock", timeout_s=5.0)["offset_s"]))


def _message(text: str) -> str:
    """Give the sentence in an error body."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
