"""One emulated API: its behaviours by method name, its own HTTP routes, what it does at start and stop."""

import importlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.core.world import World

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp

Behaviour = Callable[..., Any]
"""`(world, request, call) -> response message`; raises `ApiFailure`."""
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
    """

    method: str
    mutating: bool
    caller: str
    cancelled: Callable[[], bool] = lambda: False


@dataclass
class Api:
    """What one module of `emulator.apis` adds to the emulator.

    `started` runs before the emulator says it is ready, `stopped` at a clean stop, `cleared` after a reset emptied the
    store. `routes` gives Starlette routes of APIs that are not in the derived table, `wrap` wraps the whole ASGI app
    (for routing by host name).
    """

    name: str
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    started: list[Hook] = field(default_factory=list)
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
        eager: Import it at the start: it has routes, timers or processes of its own. Keep its imports light.
    """

    module: str
    services: tuple[str, ...] = ()
    eager: bool = False


class Registry:
    """The listed APIs; a module is imported when one of its methods is first called."""

    def __init__(self, listed: Sequence[Listed]) -> None:
        self._listed = listed
        self._lock = threading.RLock()

    def behaviour(self, method: str) -> Behaviour | None:
        """The behaviour of a method, or None: not emulated."""
        for listed in self._listed:
            if method.startswith(listed.services or ("\0",)):
                with self._lock:
                    return self._load(listed).behaviours.get(method)
        return None

    def eager(self) -> list[Api]:
        """The APIs that take part in start, stop and reset."""
        with self._lock:
            return [self._load(listed) for listed in self._listed if listed.eager]

    @staticmethod
    def _load(listed: Listed) -> Api:
        api: Api = importlib.import_module(listed.module).API
        return api
