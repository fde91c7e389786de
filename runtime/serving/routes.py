"""Which paths a model answers a POST on, and in which protocol. Says so as data: who serves makes the endpoints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from runtime.protocols.events import EventCodec
from runtime.protocols.plain import KSERVE, PLAIN, Dialect, PlainCodec, vertex
from runtime.protocols.v2 import V2Codec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from runtime.configuration.options import Options
    from runtime.configuration.settings import RuntimeSettings
    from runtime.data.models import Loaded
    from runtime.protocols import Codec

PREDICT = "/predict"
EVENTS = "/events"


@dataclass(frozen=True, slots=True)
class Route:
    """Paths with one endpoint behind them. `protocol` is its name in metrics and logs.

    Answers of a route that `publishes` go to the topic for them, where there is one.
    """

    paths: tuple[str, ...]
    protocol: str
    codec: Codec
    publishes: bool = False


def routes_of(
    loaded: Loaded, runtime: RuntimeSettings, options: Options, *, first: bool, alone: bool
) -> Iterator[Route]:
    """Give every route of one version of a model.

    Args:
        loaded: The version.
        runtime: For the protocols that are on.
        options: For the bound on rows, and Vertex AI's own path.
        first: Whether it is the latest of its model: then it also has the paths without a version.
        alone: Whether its model is the only one: then it also has the paths without a name.
    """
    part, protocols = loaded.part, runtime.protocols
    # A class with `decode` takes objects of its own: it has no tensors that this protocol could name.
    if "v2" in protocols and not getattr(loaded.model, "opaque", False):
        versions = [f"/versions/{version}" for version in part.names] + ([""] if first else [])
        paths = tuple(f"/v2/models/{part.name}{version}/infer" for version in versions)
        yield Route(paths, "v2", V2Codec(loaded, options.max_rows))
    for path, protocol, dialect in _plain_paths(part.name, runtime, options, first=first, alone=alone):
        codec = _rows_codec(loaded, options.max_rows, dialect)
        if codec is not None:
            yield Route((path,), protocol, codec)
    if alone and "json" in protocols and loaded.layout is not None:
        yield Route((EVENTS,), "events", EventCodec(loaded, options.max_rows), publishes=True)


def _plain_paths(
    name: str, runtime: RuntimeSettings, options: Options, *, first: bool, alone: bool
) -> Iterator[tuple[str, str, Dialect]]:
    vertex_path = options.vertex_predict if "vertex" in runtime.protocols else ""
    if "json" in runtime.protocols and first:
        yield f"/v1/models/{name}:predict", "v1", KSERVE
    if "json" in runtime.protocols and alone and vertex_path != PREDICT:
        yield PREDICT, "json", PLAIN
    if vertex_path and alone:
        yield vertex_path, "vertex", vertex(options.vertex_deployed)


def _rows_codec(loaded: Loaded, max_rows: int, dialect: Dialect) -> Codec | None:
    if getattr(loaded.model, "opaque", False):
        from runtime.protocols.hooked import HookedCodec  # noqa: PLC0415 - only custom classes

        return HookedCodec(loaded.model, dialect)  # type: ignore[arg-type]  # it is what is opaque
    if loaded.layout is None:
        return None
    return PlainCodec(loaded, max_rows, dialect)
