"""Derives `emulator/wire/routes.json` from Google's installed client packages, for every API that is listed.

Each `*GrpcTransport` names every RPC of its service: it is built over a channel that only records. Each `rest_base.py`
holds the HTTP bindings of every method. What they leave out is in `additions.json` in an API's folder: HTTP bindings of
APIs without a REST transport, older paths that gcloud uses.

Run `python -m emulator.generate`; a test holds the file to be current.
"""

import importlib
import inspect
import json
import pkgutil
import sys
import typing
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc

from emulator.apis import LISTED
from emulator.wire.table import ROUTES

APIS = Path(__file__).parent / "apis"


def not_called(*_: Any, **__: Any) -> None:
    """A stub that nobody calls: transports wrap what a channel gives them."""


class RecordingChannel(grpc.Channel):  # type: ignore[misc]  # grpc ships no types
    """Remembers the path and the kind of each RPC a transport asks for; calls nothing."""

    def __init__(self) -> None:
        self.last: tuple[str, str] | None = None

    def take(self) -> tuple[str, str] | None:
        """The last RPC asked for, once."""
        last, self.last = self.last, None
        return last

    def _record(self, path: str, kind: str) -> Callable[..., None]:
        self.last = (path.lstrip("/"), kind)
        return not_called

    def unary_unary(self, method: str, *_: Any, **__: Any) -> Callable[..., None]:
        """Record a plain call."""
        return self._record(method, "unary")

    def unary_stream(self, method: str, *_: Any, **__: Any) -> Callable[..., None]:
        """Record a call with a streamed answer."""
        return self._record(method, "server-stream")

    def stream_unary(self, method: str, *_: Any, **__: Any) -> Callable[..., None]:
        """Record a call with a streamed request."""
        return self._record(method, "client-stream")

    def stream_stream(self, method: str, *_: Any, **__: Any) -> Callable[..., None]:
        """Record a call streamed both ways."""
        return self._record(method, "stream")

    def subscribe(self, *_: Any, **__: Any) -> None:
        """Ignore: this channel is never connected."""

    def unsubscribe(self, *_: Any) -> None:
        """Ignore: this channel is never connected."""

    def close(self) -> None:
        """Ignore: this channel is never connected."""

    def __enter__(self) -> typing.Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Ignore: this channel is never connected."""


def class_path(cls: type | None) -> str:
    """Where a message class is found; a method that answers nothing answers `Empty`."""
    if cls is None or cls is type(None):
        return "google.protobuf.empty_pb2:Empty"
    return f"{home(cls)}:{cls.__qualname__}"


def home(cls: type) -> str:
    """The module that defines a message class.

    Whoever has imported `google.cloud.pubsub_v1` finds that classes of `google.pubsub_v1` call themselves its own.
    """
    if not cls.__module__.endswith(".types"):
        return cls.__module__
    modules = (name for name in sorted(sys.modules) if ".types." in name)
    return next((name for name in modules if vars(sys.modules[name]).get(cls.__qualname__) is cls), cls.__module__)


def stubs(transport_class: type) -> Iterator[tuple[str, str, str]]:
    """Name, request class and response class of each property that is an RPC, from its own annotation."""
    for name, prop in inspect.getmembers(transport_class, lambda member: isinstance(member, property)):
        hint = typing.get_type_hints(prop.fget).get("return")
        if typing.get_origin(hint) is Callable:
            (request,), response = typing.get_args(hint)
            yield name, class_path(request), class_path(response)


def rpcs(transport_class: type) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every RPC of a transport: its full name, and its messages."""
    channel = RecordingChannel()
    transport = transport_class(channel=channel)
    # Newer packages wrap the channel in a logging interceptor, which asks it only when a call is made, and make every
    # stub in advance: take both away, so that each property asks the recorder again.
    vars(transport).update(_logged_channel=channel, _stubs={})
    for name, request, response in stubs(transport_class):
        getattr(transport, name)
        if (called := channel.take()) is not None:
            method, kind = called
            streamed = {} if kind == "unary" else {"stream": kind}
            yield method, {"request": request, "response": response} | streamed


def http_bindings(transports: ModuleType) -> dict[str, list[dict[str, str]]]:
    """HTTP bindings per method name, from `rest_base.py`; empty where the package has no REST transport."""
    try:
        module = importlib.import_module(transports.__name__ + ".rest_base")
    except ModuleNotFoundError:
        return {}
    base = next(
        cls for name, cls in vars(module).items() if name.endswith("RestTransport") and name.startswith("_Base")
    )
    return {
        name.removeprefix("_Base"): [binding(option) for option in options()]
        for name, inner in vars(base).items()
        if name.startswith("_Base") and (options := getattr(inner, "_get_http_options", None))
    }


def binding(option: dict[str, str]) -> dict[str, str]:
    """One HTTP binding: verb, path template, and which field the body fills (`*`: all)."""
    found = {"verb": option["method"].upper(), "path": option["uri"]}
    return found | ({"body": option["body"]} if "body" in option else {})


def services(package: str) -> Iterator[ModuleType]:
    """The `transports` package of every service of an API package."""
    root = importlib.import_module(package + ".services")
    for found in pkgutil.iter_modules(root.__path__):
        yield importlib.import_module(f"{root.__name__}.{found.name}.transports")


def grpc_transport(transports: ModuleType) -> type:
    """The synchronous gRPC transport class of a service."""
    module = importlib.import_module(transports.__name__ + ".grpc")
    classes: list[type] = [cls for name, cls in vars(module).items() if name.endswith("GrpcTransport")]
    return next(cls for cls in classes if cls.__module__ == module.__name__)


def methods_of(package: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every method of an API package by its full name, with its messages and HTTP bindings.

    Raises:
        ModuleNotFoundError: The package is written by hand and has no `services` (google-cloud-storage, -bigquery).
    """
    for transports in services(package):
        http = http_bindings(transports)
        for method, entry in rpcs(grpc_transport(transports)):
            if method.startswith(wanted(package)):
                yield method, entry | {"http": http.get(method.rsplit("/", 1)[1], [])}


def wanted(package: str) -> tuple[str, ...]:
    """Prefixes of the methods that are derived from a package: all, unless every API of it is narrow."""
    listed = [each for each in LISTED if each.package == package]
    narrow = bool(listed) and all(each.narrow for each in listed)
    return tuple(service for each in listed for service in each.services) if narrow else ("",)


def added() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the packages leave out, from the APIs' folders."""
    for file in sorted(APIS.glob("*/additions.json")):
        yield from json.loads(file.read_text())["methods"].items()


def packages() -> list[str]:
    """The packages of the listed APIs, sorted."""
    return sorted({listed.package for listed in LISTED if listed.package})


def table(names: Iterable[str]) -> dict[str, Any]:
    """All methods of these packages by full name, sorted, each with its messages and HTTP bindings."""
    methods: dict[str, Any] = {}
    for method, entry in chain.from_iterable((*map(methods_of, names), added())):
        # Mixins such as `Operations` are named by many packages.
        merged = methods.setdefault(method, entry | {"http": []})
        merged["http"] += [option for option in entry["http"] if option not in merged["http"]]
    return {method: methods[method] for method in sorted(methods)}


def render() -> str:
    """The text of `routes.json`."""
    return json.dumps({"packages": packages(), "methods": table(packages())}, indent=1) + "\n"


def main() -> None:
    """Rewrite `routes.json`."""
    ROUTES.write_text(render())
    sys.stdout.write(f"{ROUTES.name}: {len(json.loads(ROUTES.read_text())['methods'])} methods\n")


if __name__ == "__main__":
    main()
