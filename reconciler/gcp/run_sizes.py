"""How large the instances of Cloud Run's revisions are: one list for all services of a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.revisions import last

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Sized:
    """How large instances of one revision are.

    Args:
        made: When it was made.
        containers: How many an instance has.
        alike: What two revisions share whose instances are as large, and take as many requests at once.
    """

    made: datetime
    containers: int
    alike: tuple[Any, ...]


def sizes_in(connection: Connection, region: str) -> Mapping[str, Mapping[str, Sized]]:
    """Give the sizes of all revisions of a region, by service and revision.

    Args:
        connection: How to reach it.
        region: Where.

    Raises:
        ApiError: They cannot be listed.
    """
    api: Any = connection.client("google.cloud.run_v2", "revisions", "Revisions")
    request = {"parent": f"projects/{connection.project}/locations/{region}/services/-", "page_size": _PAGE}
    with calling("list", f"revisions in {region}"):
        listed = list(api.list_revisions(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
    found: dict[str, dict[str, Sized]] = {}
    for each in listed:
        found.setdefault(last(each.service), {})[last(each.name)] = _sized(each)
    return found


def _sized(live: Any) -> Sized:
    limits = tuple(tuple(sorted(dict(each.resources.limits).items())) for each in live.containers)
    concurrency = live.max_instance_request_concurrency
    return Sized(live.create_time, len(live.containers), (limits, live.node_selector.accelerator, concurrency))
