"""Import one of Google's generated clients without the rest of its package.

`google.cloud.run_v2` imports eight clients, sync and async; a plan needs two. Measured: 0.77 s for the package,
0.45 s for what a plan needs of it; for `google.cloud.aiplatform_v1beta1` 5.6 s against 0.8 s. So bare packages
stand in for the ones on the way while a client is imported, and are taken away again: a later ordinary import of
the whole package finds nothing unusual.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

_LOCK = threading.Lock()


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


def _module(package: str, below: str) -> ModuleType:
    full = f"{package}.{below}"
    with _LOCK:
        if full in sys.modules:
            return sys.modules[full]
        with _bare_parents(package, below):
            return importlib.import_module(full)


@contextmanager
def _bare_parents(package: str, below: str) -> Iterator[None]:
    parts = below.split(".")
    # `transports/__init__` stays: clients read their transport registry from it.
    names = [package, f"{package}.services", f"{package}.types", f"{package}.services.{parts[1]}"]
    added = [name for name in names if name not in sys.modules and _stand_in(name)]
    try:
        yield
    finally:
        for name in added:
            bare = sys.modules.pop(name)
            parent, _, leaf = name.rpartition(".")
            if getattr(sys.modules.get(parent), leaf, None) is bare:
                delattr(sys.modules[parent], leaf)


def _stand_in(name: str) -> bool:
    """Put a package that runs no `__init__` in the place of one that would; False where there is none."""
    parent = name.rpartition(".")[0]
    spec = PathFinder.find_spec(name, importlib.import_module(parent).__path__)
    if spec is None or not spec.submodule_search_locations:
        return False
    bare = ModuleType(name)
    bare.__path__ = list(spec.submodule_search_locations)
    bare.__spec__ = spec
    sys.modules[name] = bare
    return True
