"""Which paths a model answers a POST on, and in which protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from runtime.protocols.events import EventCodec
from runtime.protocols.plain import KSERVE, PLAIN, VERTEX, Dialect, PlainCodec
from runtime.protocols.v2 import V2Codec

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from runtime.protocols import Codec
    from runtime.serving.service import Served, Service

PREDICT = "/predict"
EVENTS = "/events"


def v2_path(name: str, version: str | None = None) -> str:
    """Give the path of a model, or of a version of it, in the Open Inference Protocol."""
    return f"/v2/models/{name}" if version is None else f"/v2/models/{name}/versions/{version}"


def v1_path(name: str) -> str:
    """Give the path of a model in KServe's first protocol."""
    return f"/v1/models/{name}"


def endpoints_of(
    service: Service, served: Served, loop: asyncio.AbstractEventLoop, *, first: bool, alone: bool
) -> Iterator[tuple[str, Any]]:
    """Give every path of one version of a model.

    Args:
        service: Makes the endpoints.
        served: The version.
        loop: Where endpoints live.
        first: Whether it is the latest of its model: then it also has the paths without a version.
        alone: Whether its model is the only one: then it also has the paths without a name.
    """
    part, protocols = served.part, service.runtime.protocols
    if "v2" in protocols and not getattr(served.loaded.model, "opaque", False):
        endpoint = service.make_endpoint(served, "v2", V2Codec(served.loaded, service.options.max_rows))
        yield from ((f"{v2_path(part.name, version)}/infer", endpoint) for version in part.names)
        if first:
            yield f"{v2_path(part.name)}/infer", endpoint
    for path, protocol, dialect in _plain_paths(service, served, first=first, alone=alone):
        codec = _rows_codec(service, served, dialect)
        if codec is not None:
            yield path, service.make_endpoint(served, protocol, codec)
    if alone and "json" in protocols and served.loaded.layout is not None:
        events = service.make_endpoint(served, "events", EventCodec(served.loaded, service.options.max_rows))
        yield EVENTS, service.records.published(events, loop)


def _plain_paths(service: Service, served: Served, *, first: bool, alone: bool) -> Iterator[tuple[str, str, Dialect]]:
    protocols = service.runtime.protocols
    vertex = service.options.vertex_predict if "vertex" in protocols else ""
    if "json" in protocols and first:
        yield f"{v1_path(served.part.name)}:predict", "v1", KSERVE
    if "json" in protocols and alone and vertex != PREDICT:
        yield PREDICT, "json", PLAIN
    if vertex and alone:
        yield vertex, "vertex", VERTEX


def _rows_codec(service: Service, served: Served, dialect: Dialect) -> Codec | None:
    if getattr(served.loaded.model, "opaque", False):
        from runtime.protocols.hooked import HookedCodec  # noqa: PLC0415 - only custom classes

        return HookedCodec(served.loaded.model, dialect)  # type: ignore[arg-type]  # it is what is opaque
    if served.loaded.layout is None:
        return None
    return PlainCodec(served.loaded, service.options.max_rows, dialect)
