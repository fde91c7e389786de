"""For how long instances of Cloud Run are billed, as a time series: a point per revision for each look at the meters.

Of `run.googleapis.com/container/billable_instance_time`. Google samples every 60 s and shows points minutes later; here
they are written when somebody asks for the metric.

Source:
    https://cloud.google.com/monitoring/api/metrics_gcp_p_z (run): DELTA, DOUBLE, s, on `cloud_run_revision`.
"""

import logging
from datetime import timedelta
from typing import Any

from google.protobuf.json_format import ParseDict

from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.recording import record
from emulator.apis.monitoring.series import reading
from emulator.apis.monitoring.series.keeping import TimeSeries
from emulator.apis.monitoring.series.metrics import SERVICE
from emulator.apis.run.journal import resource
from emulator.apis.run.running import BILL
from emulator.core.api import Call
from emulator.core.callbacks import resolve
from emulator.core.world import World

log = logging.getLogger("emulator")
BILLED = "run.googleapis.com/container/billable_instance_time"
TAKEN = "emulator.apis.billingbudgets.metering:taken"
"""What gives the time that was metered: budgets stand on Cloud Monitoring, and not the other way round."""
_INSTANT = timedelta(milliseconds=1)


@API.method(SERVICE + "ListTimeSeries")
def listed(world: World, request: Any, call: Call) -> Any:
    """Take down what instances used, where a filter asks for it, then list as ever."""
    if BILLED in request.filter:
        write(world)
    return reading.listed(world, request, call)


def write(world: World) -> None:
    """Write what was metered since the last time."""
    resolve(BILL)(world)
    by_project: dict[str, list[Any]] = {}
    for metered in resolve(TAKEN)(world):
        project = "/".join(metered.revision.split("/")[:2])
        by_project.setdefault(project, []).append(ParseDict(_series(metered), TimeSeries()))
    for project, many in by_project.items():
        for each in many:  # one after the other: of a series they are in the order of time
            if refused := record(world, project, [each], period_ns=1):
                log.warning("billed time was counted in vain", extra={"why": refused[0].why})


def _series(metered: Any) -> dict[str, Any]:
    since = min(metered.since, metered.until - _INSTANT)
    interval = {"startTime": since.isoformat(), "endTime": metered.until.isoformat()}
    return {
        "metric": {"type": BILLED},
        "resource": resource(metered.revision),
        "metricKind": "DELTA",
        "unit": "s",
        "points": [{"interval": interval, "value": {"doubleValue": metered.billed_s}}],
    }
