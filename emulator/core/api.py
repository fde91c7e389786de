"""One emulated API: its behaviours by method name, its own HTTP routes, what it does at start and stop."""

import importlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.core import permissions as permission_tables
from emulator.core.resources import fits
from emulator.core.world import World

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

Behaviour = Callable[..., Any]
"""`(world, request, call) -> response message`; raises `ApiFailure`. A streamed side is an iterator of messages."""
Hook = Callable[[World], None]
F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Call:
    """One API call, whichever way it came in.

    Attributes:
        method: Full name, `google.cloud.run.v2.Services/GetService` or `storage.objects.get`.
        mutating: Whether the method writes; faults ask for it.
        caller: E-mail of the caller: the service account of the access token, else the developer.
        cancelled: True once the client has gone away.
        when_over: Has something done when the call is over, however it ends: what a stream waits for must wake it.
    """

    method: str
    mutating: bool
    caller: str
    cancelled: Callable[[], bool] = lambda: False
    when_over: Callable[[Callable[[], None]], Any] = lambda _: None


@dataclass(frozen=True, slots=True)
class Policies:
    """Resources that have IAM policies.

    Attributes:
        pattern: Their names: `projects/*/topics/*`.
        key: The name under which the policy of one is kept, or the API's refusal for one that is not there.
        public: Whether `allUsers` may be granted a role.
        changed: Told after each change, with the key.
        asked_before: Whether TestIamPermissions is answered of one that is not there, by what is above it.
    """

    pattern: str
    key: Callable[[World, str], str]
    public: bool = True
    changed: Callable[[World, str], None] | None = None
    asked_before: bool = False


@dataclass
class Api:
    """What one module of `emulator.apis` adds to the emulator.

    Attributes:
        behaviours: By full method name.
        policies: Answer the policy methods of the API's own services, and of the shared `google.iam.v1.IAMPolicy` where
            the API is listed with it: the resource's name decides whose it is.
        started: Run before the emulator says that it is ready.
        stopping: Run when a clean stop begins: calls that wait for something must end.
        stopped: Run at a clean stop.
        cleared: Run after a reset emptied the store.
        routes: Starlette routes of APIs that are not in the derived table.
        wrap: Wrap the whole ASGI app, for routing by host name.
    """

    name: str
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    policies: list[Policies] = field(default_factory=list)
    started: list[Hook] = field(default_factory=list)
    stopping: list[Hook] = field(default_factory=list)
    stopped: list[Hook] = field(default_factory=list)
    cleared: list[Hook] = field(default_factory=list)
    routes: "list[Callable[[World], Sequence[BaseRoute]]]" = field(default_factory=list)
    wrap: "list[Callable[[World, ASGIApp], ASGIApp]]" = field(default_factory=list)

    def method(self, *names: str) -> Callable[[F], F]:
        """Register the behaviour of one method or several."""

        def register(behaviour: F) -> F:
            self.behaviours.update(dict.fromkeys(names, behaviour))
            return behaviour

        return register


@dataclass(frozen=True, slots=True)
class Listed:
    """Where an API's module is, and which methods it answers.

    Attributes:
        module: Defines `API`.
        services: Prefixes of full method names (`google.cloud.run.v2.`) whose first call imports the module.
        package: Google's package of messages and clients, from which the wire is derived.
        gcloud: What gcloud calls the API in its endpoint overrides.
        eager: Import it at the start: it has routes or hooks (`started`, `stopped`, `cleared`). Keep its imports light.
            Timers need none of that: what they call is imported when they fire.
        narrow: Derive only the methods of `services` from a package that has many times more. What else its clients
            need, such as the addresses of operations, is in `additions.json`.
    """

    module: str
    services: tuple[str, ...] = ()
    package: str = ""
    gcloud: str = ""
    eager: bool = False
    narrow: bool = False

    @property
    def host(self) -> str:
        """The host at which Google answers the API, or nothing: gcloud calls an API as its host begins."""
        return f"{self.gcloud.lower()}.googleapis.com" if self.gcloud else ""


def folder_of(module: str) -> Path:
    """Where the files of an API lie, whose module is its package or one in it."""
    found = Path(__file__).parents[2].joinpath(*module.split("."))
    return found if found.is_dir() else found.parent


class Registry:
    """The listed APIs; a module is imported when one of its methods is first called."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self._listed = listed
        self._tables: dict[str, permission_tables.Table] = {}
        self._lock = threading.RLock()

    def behaviour(self, method: str) -> Behaviour | None:
        """The behaviour of a method, or None: nobody has written one."""
        found = (api.behaviours.get(method) for api in self._serving(method))
        return next((behaviour for behaviour in found if behaviour is not None), None)

    def policies(self, method: str, resource: str) -> Policies | None:
        """Whose policy a policy method is asked for, or None: nobody's."""
        held = (each for api in self._serving(method) for each in api.policies)
        return next((each for each in held if fits(each.pattern, resource)), None)

    def _serving(self, method: str) -> Iterator[Api]:
        """The APIs that have a part in a method's service; several share `google.iam.v1.IAMPolicy`."""
        for listed in self._listed:
            if method.startswith(listed.services or ("\0",)):
                yield self._load(listed)

    def permissions(self, method: str) -> list[permission_tables.Table]:
        """What the APIs that have a part in a method's service say about permissions. Imports none of them."""
        return [self._table(each.module) for each in self._listed if method.startswith(each.services or ("\0",))]

    def _table(self, module: str) -> permission_tables.Table:
        found = self._tables.get(module)
        if found is None:
            found = self._tables[module] = permission_tables.read(folder_of(module))
        return found

    def host(self, method: str) -> str:
        """The host of the API whose method it is, or nothing: several share it, or it has none of its own."""
        hosts = {each.host for each in self._listed if method.startswith(each.services or ("\0",))}
        return hosts.pop() if len(hosts) == 1 else ""

    def serves(self, host: str) -> bool:
        """Whether an API of that host is emulated; a region may stand before it (`us-central1-run.googleapis.com`)."""
        hosts = [listed.host for listed in self._listed if listed.host]
        return any(host == each or host.endswith(f"-{each}") for each in hosts)

    def hosts(self) -> list[str]:
        """The hosts of the emulated APIs, sorted."""
        return sorted({listed.host for listed in self._listed if listed.host})

    def eager(self) -> list[Api]:
        """The APIs that take part in start, stop and reset."""
        return [self._load(listed) for listed in self._listed if listed.eager]

    def _load(self, listed: Listed) -> Api:
        with self._lock:  # two first calls at once: the second must not see a module that is half imported
            api: Api = importlib.import_module(listed.module).API
        return api
