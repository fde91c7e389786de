"""What runs in a region, or could: revisions of services, jobs, and the images that functions start trainings from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.naming import MODEL_ENV, VERSION_LABEL
from reconciler.core.stamp import Stamp
from reconciler.core.whereabouts import Spot
from reconciler.gcp.revisions import gets, is_ready, last
from reconciler.gcp.running_images import images_of_function, live_functions_in, live_jobs_in, services_in

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_TOLD = ("uri", "version", "alias")


def services_at(connection: Connection, region: str) -> list[Spot]:
    """Read the revisions of a region's services: two calls, however many there are."""
    found, revisions = services_in(connection, region)
    return [spot for live in found for spot in _revisions(live, revisions.get(last(live.name), ()), region)]


def jobs_at(connection: Connection, region: str) -> list[Spot]:
    """Read a region's jobs, as their next execution will be: one call."""
    return [
        Spot(
            "job",
            region,
            last(live.name),
            images=tuple(each.image for each in live.template.template.containers),
            made=_iso(live.update_time),
            stamp=Stamp.read(live.template.annotations),
        )
        for live in live_jobs_in(connection, region)
    ]


def functions_at(connection: Connection, region: str) -> list[Spot]:
    """Read a region's functions, with the images that they start trainings from: one call."""
    return [
        Spot(
            "function",
            region,
            last(live.name),
            images=images_of_function(live),
            made=_iso(live.update_time),
            stamp=Stamp.read(live.labels),
        )
        for live in live_functions_in(connection, region)
    ]


def _revisions(live: Any, revisions: Sequence[Any], region: str) -> Iterator[Spot]:
    ready, newest = last(live.latest_ready_revision), last(live.latest_created_revision)
    for each in revisions:
        name = last(each.name)
        mine = [share for share in live.traffic_statuses if gets(share, ready) == name]
        yield Spot(
            "service",
            region,
            last(live.name),
            name,
            images=tuple(container.image for container in each.containers),
            model=_model(each.containers),
            version=each.labels.get(VERSION_LABEL, ""),
            made=_iso(each.create_time),
            percent=sum(share.percent for share in mine),
            tags=tuple(sorted({share.tag for share in mine if share.tag})),
            latest=name == newest,
            ready=is_ready(each),
            stamp=Stamp.read(each.annotations),
        )


def _model(containers: Sequence[Any]) -> Mapping[str, str]:
    """Give what the model server was told of its model; nothing of what somebody wrote over it."""
    texts = [entry.value for each in containers for entry in each.env if entry.name == MODEL_ENV and entry.value]
    try:
        told = json.loads(texts[0]) if texts else {}
    except ValueError:
        return {}
    return {name: str(told[name]) for name in _TOLD if told.get(name)} if isinstance(told, dict) else {}


def _iso(moment: Any) -> str:
    return str(moment.isoformat()) if moment else ""
