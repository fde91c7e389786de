"""Service level objectives: what share of requests is to be good, and which are.

Source: comments of `ServiceLevelObjective` and its parts. Refused with UNIMPLEMENTED: `basic_sli`, `windows_based`.
Words: GoogleCloudPlatform/cloud-ops-sandbox issue 896 (a metric that is not known); the others are in their style.
"""

import math
import re
import uuid
from typing import Any

from google.cloud.monitoring_v3.types import service

from emulator.apis.monitoring.alerts import watching
from emulator.apis.monitoring.channels import invalid
from emulator.apis.monitoring.descriptors import API
from emulator.apis.monitoring.promised import OBJECTIVES, SERVICES
from emulator.apis.monitoring.promises.services import SERVICE
from emulator.apis.monitoring.series import metrics
from emulator.apis.monitoring.series.reading import selector_of
from emulator.apis.standard import standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, by_id, check_labels
from emulator.core.world import World

Objective = service.ServiceLevelObjective.pb()
ID = re.compile(r"[a-zA-Z0-9-_:.]+")
GOAL_MOST = 0.9999
DAY_S, DAYS_MOST = 86_400, 30
CALENDAR = frozenset({1, 2, 3, 4})
"""DAY, WEEK, FORTNIGHT, MONTH of `google.type.CalendarPeriod`."""
TWO = 2


@API.method(SERVICE + "CreateServiceLevelObjective")
def create(world: World, request: Any, _: Call) -> Any:
    """An objective of a service, under an id of the caller's or of ours."""
    parent = SERVICES.get(world, by_id(world, request.parent)).name
    chosen = request.service_level_objective_id or uuid.uuid4().hex[:22]
    if not ID.fullmatch(chosen):
        raise invalid("service_level_objective_id", chosen, "must match the pattern ^[a-zA-Z0-9-_:.]+$")
    made = Objective()
    made.CopyFrom(request.service_level_objective)
    made.name = f"{parent}/serviceLevelObjectives/{chosen}"
    check(world, made)
    OBJECTIVES.insert(world, made)
    return made


@API.method(SERVICE + "UpdateServiceLevelObjective")
def update(world: World, request: Any, _: Call) -> Any:
    """Change what a mask names; policies on it are looked at as it is now."""
    sent, paths = request.service_level_objective, list(request.update_mask.paths)
    with world.store.transaction():
        found = OBJECTIVES.get(world, by_id(world, sent.name))
        apply_mask(found, sent, paths or ["*"], keep=("name",))
        check(world, found)
        OBJECTIVES.save(world, found)
        watching.promised(world, found.name)
    return found


def check(world: World, objective: Any) -> None:
    """Refuse what is no objective.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    check_labels(objective.user_labels.items())
    if not 0 < objective.goal <= GOAL_MOST:
        raise invalid("service_level_objective.goal", f"{objective.goal:g}", f"must be in (0, {GOAL_MOST}].")
    check_period(objective)
    indicator = objective.service_level_indicator
    sort = indicator.WhichOneof("type")
    if sort is None:
        raise ApiFailure("INVALID_ARGUMENT", "Request was missing field service_level_objective.serviceLevelIndicator.")
    if sort != "request_based":
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not measure {sort}: only request_based.")
    method = indicator.request_based.WhichOneof("method")
    if method == "good_total_ratio":
        check_ratio(world, objective, indicator.request_based.good_total_ratio)
    elif method == "distribution_cut":
        check_cut(world, objective, indicator.request_based.distribution_cut)
    else:
        raise ApiFailure("INVALID_ARGUMENT", "Invalid SLO definition: request_based has no method.")


def check_period(objective: Any) -> None:
    """Refuse a period that is none.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    period = objective.WhichOneof("period")
    where = "service_level_objective.period"
    if period is None:
        raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field {where}.")
    if period == "calendar_period" and objective.calendar_period not in CALENDAR:
        raise invalid(where, str(objective.calendar_period), "must be DAY, WEEK, FORTNIGHT or MONTH.")
    rolling = objective.rolling_period
    whole = rolling.seconds % DAY_S == 0 and not rolling.nanos and 0 < rolling.seconds <= DAYS_MOST * DAY_S
    if period == "rolling_period" and not whole:
        raise invalid(where, rolling.ToJsonString(), f"must be whole days, at most {DAYS_MOST}.")


def check_ratio(world: World, objective: Any, ratio: Any) -> None:
    """Refuse a ratio that is not of two series of counts.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    given = [each for each in (ratio.good_service_filter, ratio.bad_service_filter, ratio.total_service_filter) if each]
    if len(given) != TWO:
        why = "exactly two of good, bad and total service filters are given."
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid SLO definition: {why}")
    for each in given:
        check_filter(world, objective, each, distribution=False)


def check_cut(world: World, objective: Any, cut: Any) -> None:
    """Refuse a range that is none, or is not of a distribution.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not cut.distribution_filter or not cut.HasField("range_") or not cut.range_.min_ < cut.range_.max_:
        raise ApiFailure("INVALID_ARGUMENT", "Invalid SLO definition: a distribution and a range are needed.")
    if math.isnan(cut.range_.min_) or math.isnan(cut.range_.max_):
        raise ApiFailure("INVALID_ARGUMENT", "Invalid SLO definition: the range is no range.")
    check_filter(world, objective, cut.distribution_filter, distribution=True)


def check_filter(world: World, objective: Any, text: str, *, distribution: bool) -> None:
    """Refuse a filter of what is not known, or cannot be counted.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    [type_] = selector_of(text, "service_level_objective.service_level_indicator").metrics
    found = metrics.find(world, "/".join(objective.name.split("/")[:2]), type_)
    if found is None:
        if type_.partition("/")[0] in metrics.WRITABLE:
            why = "The metric referenced by the provided filter is unknown. Check the metric name and labels."
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid SLO definition: {why}")
        return
    counts = (
        {metrics.Descriptor.DISTRIBUTION} if distribution else {metrics.Descriptor.INT64, metrics.Descriptor.DOUBLE}
    )
    if found.metric_kind == metrics.Descriptor.GAUGE or found.value_type not in counts:
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid SLO definition: {type_} cannot be counted so.")


def deleted(world: World, found: Any) -> None:
    """Policies on it can be evaluated no more, and say so."""
    watching.promised(world, found.name)


standard(API, SERVICE, "ServiceLevelObjective", OBJECTIVES, deleted=deleted)
