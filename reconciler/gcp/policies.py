"""Which alert policies of a project use something, whosever they are: Cloud Monitoring keeps what they use."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from reconciler.core.address import GLOBAL, Address
from reconciler.core.objects import Holder
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

_PACKAGE = "google.cloud.monitoring_v3"
_WORD = re.compile(r"[\w-]+")


def alerts_on(connection: Connection, ids: Mapping[str, Address]) -> Iterator[Holder]:
    """Give the policies that tell a channel, or look at a check: one call for all of them.

    Args:
        connection: To the project.
        ids: Objects by the last part of their names: projects have two names, and Google uses either.

    Raises:
        ApiError: Policies cannot be listed.
    """
    api = connection.client(_PACKAGE, "alert_policy_service", "AlertPolicyService")
    with calling("list", f"monitoring_alert_policy/{GLOBAL}"):
        request = {"name": f"projects/{connection.project}", "page_size": 1000}
        found = list(api.list_alert_policies(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
    for live in found:
        for own in sorted(_named(live) & ids.keys()):
            yield Holder(ids[own], live.name, "alert policy", live.display_name)


def _named(live: Any) -> set[str]:
    """Collect every word of a policy's channels and conditions: ids stand in filters and in queries of any sort."""
    words = {name.rpartition("/")[2] for name in live.notification_channels}
    for condition in live.conditions:
        words.update(_WORD.findall(str(type(condition).to_dict(condition))))
    return words
