"""Whether the emulator is still there, where a call to it got no answer: then no other call will, and none is tried."""

from __future__ import annotations

import http.client
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from reconciler.core import errors

LOOK = "pgrep -af 'emulator serve' finds it, and a kill leaves its state whole"
_WITHIN_S = 8.0
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SILENT = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def check_answers(at: str, state: Path) -> None:
    """Ask the emulator how it is.

    Args:
        at: Its HTTP address.
        state: Folder of its state.

    Raises:
        EmulatorGone: It does not say.
    """
    try:
        with _DIRECT.open(f"{at}/_emulator/status", timeout=_WITHIN_S):
            return
    except (OSError, http.client.HTTPException) as error:
        hint = f"see {state / 'emulator.log'}; run again, which starts it; where it hangs: {LOOK}"
        why = f"it answered at {at} before and does not any more ({error})"
        raise errors.EmulatorGone("reach", "the emulator", why, hint=hint) from error


class Answered(grpc.UnaryUnaryClientInterceptor):  # type: ignore[misc]  # grpc ships no types
    """Looks, after a gRPC call that nobody answered, whether the emulator is there.

    Args:
        at: The emulator's HTTP address.
        state: Folder of its state.
    """

    def __init__(self, at: str, state: Path) -> None:
        self._at, self._state = at, state

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Make one call."""
        answer = continuation(client_call_details, request)
        if answer.code() in _SILENT:  # of the emulator's own, as a fault may order, or of nobody's
            check_answers(self._at, self._state)
        return answer


@dataclass(frozen=True, slots=True)
class AnsweredAdapter:
    """Looks, after a request of an HTTP session that nobody answered, whether the emulator is there.

    Args:
        inner: Sends.
        at: The emulator's HTTP address.
        state: Folder of its state.
    """

    inner: Any
    at: str
    state: Path

    def send(self, request: Any, **options: Any) -> Any:
        """Send one request."""
        import requests  # noqa: PLC0415 - late, for start-up

        try:
            return self.inner.send(request, **options)
        except (requests.ConnectionError, requests.Timeout):
            check_answers(self.at, self.state)
            raise

    def close(self) -> None:
        """Let connections go."""
        self.inner.close()
