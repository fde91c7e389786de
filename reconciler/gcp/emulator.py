"""The embedded emulator as its clients see it: where it listens, and its control address."""

from __future__ import annotations

import hmac
import http.client
import json
import os
import re
import secrets
import stat
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from reconciler.core import errors
from reconciler.gcp.connection import Endpoint
from reconciler.gcp.watch import Watch

STATE_DIR = Path(".mlservice/emulator")
READY_FILE = "emulator.json"
LOCK_FILE = "lock"
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


_HERE = re.compile(r"127\.0\.0\.1:[0-9]{1,5}")
_PROOF_WITHIN_S = 8.0
_STATUS = "status"
STEP_S = 600.0
MOST_STEPS = 2000
STEP_WITHIN_S = 6 * 3600.0
"""Of real time, for ten minutes there: passes that are as long as a job may be."""


def state_dir() -> Path:
    """Give the folder of the emulator's state: as MLSERVICE_EMULATOR_STATE says, else the nearest one, from here up.

    Where there is none it is to be below the working directory. One that is there is taken whatever it is: who starts
    the emulator refuses what is not ours. Going up, a folder that is somebody else's, or that anybody may write to, is
    not looked into, and nothing above it: a state names programs that the emulator runs.
    """
    named = os.environ.get("MLSERVICE_EMULATOR_STATE")
    return Path(named) if named else _nearest(Path.cwd()) or STATE_DIR


def _nearest(here: Path) -> Path | None:
    """Give a state above; None where the nearest is the working directory's own, or none is there."""
    own, home = here / STATE_DIR, _home()
    if os.path.lexists(own) or own.parent.is_symlink() or not is_ours(here) or here == home:
        return None
    for folder in here.parents:
        if not is_ours(folder):
            return None
        state = folder / STATE_DIR
        if is_ours(state.parent) and is_ours(state):
            return state
        if folder == home:
            return None
    return None


def _home() -> Path | None:
    """Give the home of whose process this is; None where the system knows of none, as of a container's any user."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def is_ours(folder: Path) -> bool:
    """Tell whether it is a folder, and no link, that nobody but its owner and their group writes to: ours."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    mine = not hasattr(os, "geteuid") or found.st_uid == os.geteuid()
    return stat.S_ISDIR(found.st_mode) and mine and not found.st_mode & stat.S_IWOTH


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator.

    Args:
        state: Folder of its state.
        pid: Its process.
        http: Address of its HTTP side.
        grpc: Address of its gRPC side.
        token: By which it proves that it is the one, and we that we may stop it.
    """

    state: Path
    pid: int
    http: str
    grpc: str
    token: str = field(repr=False)

    @classmethod
    def running(cls, state: Path) -> Emulator | None:
        """Find the emulator of a state folder, or None when it does not run, or does not answer.

        What the file says is only where to ask: after a reboot pid and port may be anybody's. The one that answers is
        the one that wrote the file if it knows the token in it.
        """
        found = cls.written(state)
        return found if found is not None and found.proves_itself() else None

    @classmethod
    def written(cls, state: Path) -> Emulator | None:
        """Read where the emulator of a state folder said it was; None where nothing of this version is written."""
        try:
            said = json.loads((state / READY_FILE).read_text())
            pid, http, grpc, token = (said[name] for name in ("pid", "http", "grpc", "token"))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        texts = isinstance(pid, int) and all(isinstance(text, str) for text in (http, grpc, token))
        here = texts and _HERE.fullmatch(http.removeprefix("http://")) and _HERE.fullmatch(grpc)
        return cls(state, pid, http, grpc, token) if here else None

    def proves_itself(self) -> bool:
        """Ask what listens there whether it is the emulator that wrote the file."""
        challenge = secrets.token_hex(16)
        wanted = hmac.new(self.token.encode(), challenge.encode(), "sha256").hexdigest()
        try:
            told = self.control("GET", f"{_STATUS}?challenge={challenge}", timeout_s=_PROOF_WITHIN_S)
        except errors.ReconcilerError:
            return False
        return isinstance(told, dict) and hmac.compare_digest(str(told.get("proof")), wanted)

    def stop(self) -> None:
        """Ask it to end. Nothing is ever signalled by a number out of a file."""
        self.control("POST", "stop", {"token": self.token})

    @property
    def endpoint(self) -> Endpoint:
        """Where clients connect, and as whom: MLSERVICE_EMULATOR_KEY may name the key file of an account."""
        key_file = os.environ.get("MLSERVICE_EMULATOR_KEY", "")
        return Endpoint(self.http, self.grpc, str(self.state / "credentials.json"), key_file)

    def control(self, method: str, path: str, body: Any = None, *, timeout_s: float = 300.0) -> Any:
        """Call the emulator's control address.

        Args:
            method: HTTP method.
            path: Below `/_emulator/`.
            body: JSON data.
            timeout_s: Patience.

        Raises:
            Unavailable: It does not answer this.
            EmulatorGone: It answers nothing any more.
            InvalidRequest: It refuses.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"{self.http}/_emulator/{path}", data, headers, method=method)  # noqa: S310 - our own http address

        def asked() -> str:
            with _DIRECT.open(request, timeout=timeout_s) as answer:
                return str(answer.read().decode())

        try:
            # How it is, is the question that a watch asks itself.
            text = asked() if path.startswith(_STATUS) else Watch(self.http, self.state).over(asked)
        except urllib.error.HTTPError as error:
            raise errors.InvalidRequest("call", f"the emulator ({path})", _message(error.read().decode())) from error
        except (OSError, http.client.HTTPException) as error:  # the second: what answers speaks no HTTP
            hint = "mlservice emulator stop, then start"
            raise errors.Unavailable("reach", "the emulator", str(error), hint=hint) from error
        try:
            return json.loads(text)
        except ValueError:
            return text

    def advance(self, seconds: float) -> Iterator[tuple[float, str]]:
        """Let time pass, step by step: who waits sees how far it is, and may end it between two steps.

        Gives after each step how many seconds have passed there, and what time it is.

        Args:
            seconds: How many, 0 or more. What happens on the way may take any time.
        """
        began = datetime.fromisoformat(self.control("GET", "clock")["now"])
        step, past = max(STEP_S, seconds / MOST_STEPS), 0.0
        while True:
            wanted = min(step, seconds - past)
            told = self.control("POST", "advance", {"seconds": max(0.0, wanted)}, timeout_s=STEP_WITHIN_S)
            past = (datetime.fromisoformat(told["now"]) - began).total_seconds()
            yield min(past, seconds), str(told["now"])
            if past >= seconds:
                return

    def clock(self) -> timedelta:
        """Give how far its clock is ahead of ours."""
        return timedelta(seconds=float(self.control("GET", "clock", timeout_s=5.0)["offset_s"]))


def around_us() -> Emulator | None:
    """Find the emulator that runs this process as a container of a job; None where none does.

    Google Cloud sets `CLOUD_RUN_JOB`, and the emulator its own addresses beside it. A shell that only has those, as
    `mlservice emulator env` prints them, is no container.
    """
    http, grpc = os.environ.get("MLSERVICE_EMULATOR", ""), os.environ.get("MLSERVICE_EMULATOR_GRPC", "")
    here = _HERE.fullmatch(http.removeprefix("http://")) and _HERE.fullmatch(grpc)
    return Emulator(Path(), 0, http, grpc, "") if here and os.environ.get("CLOUD_RUN_JOB") else None


def is_held(state: Path) -> bool:
    """Tell whether a process holds a state folder: its lock goes with it, however it ends."""
    import fcntl  # noqa: PLC0415 - not on every system, like the emulator

    try:
        with (state / LOCK_FILE).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _message(text: str) -> str:
    """Give the sentence in an error body."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
