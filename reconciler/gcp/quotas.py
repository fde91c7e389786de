"""How much of Cloud Run a project may use in its regions, by Cloud Quotas: one list for all of them."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.core.quota import Limits, Pool
    from reconciler.gcp.connection import Connection

_BRIEFLY_S = 10.0


def limits_of(connection: Connection, pools: Collection[Pool], *, once: bool = False) -> Limits:
    """Read how much each pool allows.

    Args:
        connection: How to reach it.
        pools: Ids of quotas, each with a region.
        once: Ask once, and not for long: who asks can do without.

    Raises:
        ApiError: They cannot be read.
    """
    api: Any = connection.client("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas")
    parent = f"projects/{connection.project}/locations/global/services/run.googleapis.com"
    with calling("read the quotas of", "Cloud Run"):
        request = {"parent": parent, "page_size": 1000}
        retry, timeout_s = (None, _BRIEFLY_S) if once else (READING, CALL_TIMEOUT_S)
        listed = api.list_quota_infos(request=request, retry=retry, timeout=timeout_s)
        asked = {quota for quota, _ in pools}
        found = {each.quota_id: each for each in listed if each.quota_id in asked}
    return {(quota, region): _limit(found.get(quota), region) for quota, region in pools}


def _limit(info: Any, region: str) -> int | None:
    """Give the limit in a region: of several the more specific one, which comes first; below 0 for none at all."""
    for limit in info.dimensions_infos if info else ():
        place = dict(limit.dimensions).get("region", "")
        if place in ("", region) and (place or not limit.applicable_locations or region in limit.applicable_locations):
            return int(limit.details.value)
    return None
