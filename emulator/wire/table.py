"""The table of methods, read from `routes.json`. Message classes are imported when a method is first called."""

import importlib
import json
import pkgutil
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from emulator.core.failures import ApiFailure

ROUTES = Path(__file__).parent / "routes.json"


@dataclass(frozen=True, slots=True)
class Binding:
    """One HTTP form of a method: verb, path template, and the field that the body fills (`*`: all, None: no body)."""

    verb: str
    path: str
    body: str | None


@dataclass(frozen=True)
class Method:
    """One row of the table.

    Attributes:
        stream: `server-stream`, `client-stream` or `stream` (both ways); None for a plain call. The behaviour of a
            method with a streamed request gets an iterator, that of one with streamed answers returns one. Over REST,
            as at Google, only answers are streamed: a JSON array.
    """

    name: str
    request_path: str
    response_path: str
    bindings: tuple[Binding, ...]
    stream: str | None

    @cached_property
    def request(self) -> Any:
        """The raw protobuf class of the request."""
        return message_class(self.request_path)


@cache
def message_class(path: str) -> Any:
    """The raw protobuf class behind `module:Class`; proto-plus wrappers are taken off.

    Raises:
        ApiFailure: UNIMPLEMENTED: the package is an optional one, and is not installed.
    """
    module, _, name = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator needs the package of {module}: {error}.") from error
    return found.pb() if hasattr(found, "pb") else found


def load() -> dict[str, Method]:
    """Every method by its full name."""
    raw = json.loads(ROUTES.read_text())
    return {
        name: Method(
            name,
            entry["request"],
            entry["response"],
            tuple(Binding(http["verb"], http["path"], http.get("body")) for http in entry["http"]),
            entry.get("stream"),
        )
        for name, entry in raw["methods"].items()
    }


@cache
def import_types(full_name: str) -> bool:
    """Import the message modules of the API that a message belongs to, so that an `Any` of it can be shown.

    After a restart a stored operation may be read before any behaviour of its API has run. False: no API of the table.
    """
    prefix = full_name.rpartition(".")[0] + "."
    found = {method.request_path.partition(":")[0] for name, method in load().items() if name.startswith(prefix)}
    types_packages = {module.rpartition(".")[0] for module in found if ".types." in module}
    for package in types_packages:
        for module in pkgutil.iter_modules(importlib.import_module(package).__path__):
            importlib.import_module(f"{package}.{module.name}")
    return bool(types_packages)


def packages() -> tuple[str, ...]:
    """The API packages that the table was made from."""
    return tuple(json.loads(ROUTES.read_text())["packages"])


def use_bare_packages(names: Sequence[str]) -> None:
    """Let message modules be imported without their package's `__init__`, which imports every client and type.

    `google.cloud.run_v2` takes 0.8 s, its message module alone 0.1 s; `aiplatform_v1beta1` 5.6 s. Only for a process
    that uses no Google clients: the daemon calls this, tests do not.
    """
    for package in names:
        if _put_in_place(package):  # one that comes with an extra may not be here
            _put_in_place(package + ".types")


def _of_types(package: str, name: str) -> Any:
    """Give a message of a bare package that another package's messages ask the package itself for, or its `types`.

    Raises:
        AttributeError: It has none of that name.
    """
    inside = package.endswith(".types")
    # Of `types` modules are asked for as well, by their names in small letters, while others are being imported.
    if not name.startswith("_") and (not inside or name[:1].isupper()):
        types_package = package if inside else f"{package}.types"
        for module in pkgutil.iter_modules(importlib.import_module(types_package).__path__):
            found = getattr(importlib.import_module(f"{types_package}.{module.name}"), name, None)
            if found is not None:
                return found
    raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])


def _put_in_place(name: str) -> bool:
    """Have a package without running its `__init__`; False where it is not installed."""
    parent, _, last = name.rpartition(".")
    importlib.import_module(parent)
    spec = PathFinder.find_spec(name, sys.modules[parent].__path__)
    if name in sys.modules or spec is None or spec.submodule_search_locations is None:
        return name in sys.modules
    bare = types.ModuleType(name)
    bare.__path__ = list(spec.submodule_search_locations)
    vars(bare)["__getattr__"] = partial(_of_types, name)  # PEP 562
    sys.modules[name] = bare
    setattr(sys.modules[parent], last, bare)
    return True
