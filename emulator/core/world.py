"""Everything the emulated cloud is made of, in one value that every behaviour gets."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, cast

from emulator.core.callbacks import resolve
from emulator.core.calls import CallLog
from emulator.core.clock import Clock
from emulator.core.faults import Faults
from emulator.core.operations import Operations
from emulator.core.store import Store

T = TypeVar("T")

DEVELOPER = "developer@example.com"
"""Who calls without an access token."""
PROJECT = "local"
"""The emulator's own project: too short to be a real project id, so it cannot be mistaken for one."""

EMULATOR_ACCOUNT = f"emulator@{PROJECT}.iam.gserviceaccount.com"
"""The service account whose key `credentials.json` holds."""


@dataclass
class World:
    """One emulated cloud.

    It knows nothing of what the rooms above it put into it: tokens, images, the APIs, running containers are its parts,
    each found by its own type.

    Attributes:
        state_dir: Where everything of it lies.
        http_url: `http://127.0.0.1:port`; empty until the server is bound.
        grpc_target: `127.0.0.1:port`; empty until the server is bound.
    """

    state_dir: Path
    store: Store = field(init=False)
    clock: Clock = field(init=False)
    operations: Operations = field(init=False)
    faults: Faults = field(init=False)
    calls: CallLog = field(default_factory=CallLog)
    http_url: str = ""
    grpc_target: str = ""
    _parts: dict[type, object] = field(default_factory=dict)
    _making: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.store = Store(self.state_dir)
        self.clock = Clock(self.store, self._call)
        self.operations = Operations(self.store, self._call)
        self.faults = Faults(self.clock.now)

    def _call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the emulator by its `module:function` name, as timers and operations keep it."""
        return resolve(function)(self, *arguments)

    def add(self, part: object) -> None:
        """Put in a part, in place of one of the same type."""
        self._parts[type(part)] = part

    def part(self, kind: type[T], make: Callable[[], T] | None = None) -> T:
        """The part of a type; made now, once, where it is not there and `make` is given.

        Raises:
            KeyError: It is not there, and nobody says how to make it.
        """
        found = self._parts.get(kind)
        if found is None and make is not None:
            with self._making:
                found = self._parts.get(kind)
                if found is None:
                    found = self._parts[kind] = make()
        return cast("T", self._parts[kind] if found is None else found)

    def find(self, kind: type[T]) -> T | None:
        """The part of a type, or None."""
        return cast("T | None", self._parts.get(kind))

    def take(self, kind: type[T]) -> T | None:
        """The part of a type, which the world then no longer has, or None."""
        return cast("T | None", self._parts.pop(kind, None))

    def project_number(self, project_id: str) -> str:
        """The 12-digit number of a project: derived from its id, so that it never changes. A number stays as it is."""
        if project_id.isdigit():
            return project_id
        number = str(10**11 + int(hashlib.sha256(project_id.encode()).hexdigest()[:15], 16) % (9 * 10**11))
        if self.store.get("project.number", number) is None:
            self.store.put("project.number", number, project_id.encode())
        return number

    def project_id(self, id_or_number: str) -> str | None:
        """The id of a project given by id or number; None for a number nobody has mentioned."""
        if not id_or_number.isdigit():
            return id_or_number
        found = self.store.get("project.number", id_or_number)
        return None if found is None else found.decode()

    def default_service_account(self, project_id: str) -> str:
        """E-mail of the Compute Engine default service account, which Cloud Run uses when none is named."""
        return f"{self.project_number(project_id)}-compute@developer.gserviceaccount.com"
