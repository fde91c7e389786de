"""Alerts on uptime checks: a service that does not answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.reference import Ref
from reconciler.kinds import monitoring_uptime_check
from reconciler.kinds.monitoring_alert_policy.record import Condition, Step
from reconciler.kinds.monitoring_alert_policy.wanted import Alert
from schemas.sections.notifications import Event

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

PASSED = "monitoring.googleapis.com/uptime_check/check_passed"
_LOOKED_BACK_S = 1200
"""How old what a place found last may be: more than the longest period of a check, 900 s."""
_MORE_THAN = 1.0
"""So many places may fail to get an answer without anybody being told: one place alone may have trouble of its own."""
_FOR_S = 60


def downtime(service: MLService, facts: Facts) -> Iterator[Alert]:
    """Tell when two places or more get no answer; over when at most one does.

    Source:
        Policies that the console makes for a check, as public configurations have them: the newest of each place,
        those that did not pass counted, over more than one.
    """
    del facts
    monitoring = service.spec.monitoring
    if monitoring is None or monitoring.uptime is None:
        return
    check = monitoring_uptime_check.address_of(service)
    parts = (f'metric.type = "{PASSED}"', 'resource.type = "cloud_run_revision"', 'metric.labels.check_id = "{}"')
    shape = Condition(
        name="two places or more get no answer",
        filter=Ref(check, "id", " AND ".join(parts)),
        comparison="GT",
        threshold=_MORE_THAN,
        duration_s=_FOR_S,
        steps=(Step(_LOOKED_BACK_S, "NEXT_OLDER", "COUNT_FALSE", ("resource.label.service_name",)),),
    )
    path = monitoring_uptime_check.path_asked(service)
    text = (
        f"`{service.name}` in {service.spec.region} does not answer {path} with a 2xx in time, asked from two places or"
        f" more.\n\n`mlservice status {service.name}` says what serves, and `mlservice why {service.name}` what was"
        " done last."
    )
    which = f"down-{service.spec.region}"
    yield Alert(which, "it does not answer", str(Event.SERVICE_DOWN), "CRITICAL", text, (shape,))
