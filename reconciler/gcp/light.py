"""Import one of Google's generated clients without the rest of its package.

`google.cloud.run_v2` imports eight clients, sync and async; a plan needs two. `python -m benchmarks imports` prints
what that saves: a tenth of a second or two for most packages, 3 s for `google.cloud.aiplatform_v1`. So the packages on
the way to a client are put in place without running their `__init__`, and without the asynchronous transports that
google-auth offers where `aiohttp` happens to be installed, another tenth. A package that is asked for more than its
modules, as `google.pubsub_v1.types` is for `TimeoutType`, runs its `__init__` then. An ordinary import of the whole
package, at any time and in any thread, finds nothing unusual.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from itertools import accumulate
from types import ModuleType
from typing import Any

from reconciler.core.thread_imports import finding, without


def client_class(package: str, service: str, name: str) -> Any:
    """Import a client class.

    Args:
        package: Such as `google.cloud.run_v2`.
        service: Folder below `services`, such as `revisions`.
        name: Such as `RevisionsClient`.
    """
    return getattr(_module(package, f"services.{service}.client"), name)


def transport_class(package: str, service: str, name: str) -> Any:
    """Import the gRPC transport of a client, such as `RevisionsGrpcTransport`."""
    return getattr(_module(package, f"services.{service}.transports.grpc"), name)


def types_module(package: str, module: str) -> Any:
    """Import one module of message types, such as `service` of `google.cloud.run_v2`."""
    return _module(package, f"types.{module}")


def hand_written(package: str) -> Any:
    """Import a package of Google's that nobody generated, such as `google.cloud.bigquery`: whole, but for data frames.

    Its methods that give or take data frames say that pandas is not installed.
    """
    with without("numpy", "pandas", "pyarrow", "shapely", "geopandas"):
        return importlib.import_module(package)


def _module(package: str, below: str) -> ModuleType:
    # `transports/__init__` is run at once: clients read their transport registry from it.
    unread = {package, f"{package}.services", f"{package}.types", f"{package}.services.{below.split('.')[1]}"}

    def find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name in unread else None
        if spec and spec.loader:
            spec.loader = _Later(spec.loader)
        return spec

    full = f"{package}.{below}"
    with without("aiohttp"), finding(find):
        # Outermost first: `import a.b` locks b before a, and so meets a thread that imports all of a half-way.
        for name in accumulate(full.split("."), "{}.{}".format):
            module = importlib.import_module(name)
    return module


class _Later(Loader):
    """Loads a package without running its `__init__`, which `loader` can do later."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if module.__spec__:
            module.__spec__.loader = module.__loader__ = self._loader
            module.__spec__.loader_state = _Reading()  # where `importlib.util.LazyLoader` has its own
            module.__class__ = _Unread


@dataclass(slots=True)
class _Reading:
    """How far a package's `__init__` is. One lock for all packages could meet the import system's own, and stand."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    begun: bool = False


class _Unread(ModuleType):
    """A package that imports its modules one by one, and runs its `__init__` when asked for anything else."""

    def __getattr__(self, name: str) -> Any:
        module = f"{self.__name__}.{name}"
        if PathFinder.find_spec(module, self.__path__):
            return importlib.import_module(module)
        self._read()
        return ModuleType.__getattribute__(self, name)

    def __dir__(self) -> Iterable[str]:
        self._read()
        return ModuleType.__dir__(self)

    def _read(self) -> None:
        spec = self.__spec__
        if not spec or not spec.loader:
            return
        reading: _Reading = spec.loader_state
        with reading.lock:
            if reading.begun:  # by another thread, which is done; or by this one, and an `__init__` may miss its names
                return
            reading.begun = True
            try:
                spec.loader.exec_module(self)
            except BaseException:
                reading.begun = False
                raise
            self.__class__ = ModuleType  # type: ignore[assignment]  # from here on it is like any other
