"""Everything the emulated cloud is made of, in one value that every behaviour gets."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from emulator.apis import LISTED
from emulator.core.api import Registry
from emulator.core.callbacks import resolve
from emulator.core.calls import CallLog
from emulator.core.clock import Clock
from emulator.core.faults import Faults
from emulator.core.operations import Operations
from emulator.core.store import Store
from emulator.identity.tokens import Tokens
from emulator.images import Images

DEVELOPER = "developer@example.com"
"""Who calls without an access token."""
PROJECT = "local"
"""The emulator's own project: too short to be a real project id, so it cannot be mistaken for one."""

EMULATOR_ACCOUNT = f"emulator@{PROJECT}.iam.gserviceaccount.com"
"""The service account whose key `credentials.json` holds."""


@dataclass
class World:
    """One emulated cloud.

    Attributes:
        state_dir: Where everything of it lies.
        http_url: `http://127.0.0.1:port`; empty until the server is bound.
        grpc_target: `127.0.0.1:port`; empty until the server is bound.
        shared: A place for an API's own process-wide object, by the API's name (the process table of Cloud Run).
    """

    state_dir: Path
    store: Store = field(init=False)
    clock: Clock = field(init=False)
    operations: Operations = field(init=False)
    tokens: Tokens = field(init=False)
    images: Images = field(init=False)
    faults: Faults = field(default_factory=Faults)
    calls: CallLog = field(default_factory=CallLog)
    apis: Registry = field(default_factory=lambda: Registry(LISTED))
    http_url: str = ""
    grpc_target: str = ""
    shared: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.store = Store(self.state_dir)
        self.clock = Clock(self.store, lambda callback, payload: resolve(callback)(self, payload))
        self.operations = Operations(self)
        self.images = Images(self)
        self.tokens = Tokens(self.state_dir / "key.pem")

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

    def start(self) -> None:
        """Take up operations and timers, and let the APIs start."""
        for api in self.apis.eager():
            for hook in api.started:
                hook(self)
        self.operations.resume()
        self.clock.start()

    def stop(self) -> None:
        """Stop everything; the state stays."""
        self.clock.stop()
        self.operations.stop()
        for api in self.apis.eager():
            for hook in api.stopped:
                hook(self)
        self.store.close()

    def reset(self) -> None:
        """Empty the cloud: objects, files, time, faults, calls. Ports, key and credentials stay."""
        self.faults.replace([])
        with self.store.transaction():
            self.store.clear()
        self.operations.reset()
        self.clock.reset()
        self.calls.clear()
        for api in self.apis.eager():
            for hook in api.cleared:
                hook(self)
        self.images.reset()


def caller_of(world: World, authorization: str) -> str:
    """Who calls: the account of the emulator's own access token, else the developer."""
    claims = world.tokens.read(authorization.removeprefix("Bearer ").strip()) if authorization else None
    return str(claims["email"]) if claims and "email" in claims else DEVELOPER
