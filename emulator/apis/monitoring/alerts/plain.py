"""An alert policy as a plain value: what of it decides."""

from collections.abc import Callable
from typing import Any

from google.cloud.monitoring_v3.types import alert, common

from emulator.apis.monitoring.alerts.burning import Burn, asked
from emulator.apis.monitoring.alerts.conditions import Condition, Missing, Query
from emulator.apis.monitoring.alerts.incidents import Policy
from emulator.apis.monitoring.series.reading import aggregation_of
from emulator.apis.monitoring.series.reduction import Aggregation
from emulator.apis.monitoring.series.values import SECOND, nanoseconds

AUTO_CLOSE_NS = 7 * 86_400 * SECOND
"""Where a policy says none (comment of `AlertStrategy.auto_close`: Google's default)."""
MissingData = alert.AlertPolicy.Condition.EvaluationMissingData
MISSING = {
    MissingData.EVALUATION_MISSING_DATA_INACTIVE: Missing.NO,
    MissingData.EVALUATION_MISSING_DATA_ACTIVE: Missing.YES,
}


Find = Callable[[str], Any]
"""Gives the objective of a name, or refuses as the API does."""


def policy_of(message: Any, find: Find) -> Policy:
    """A policy as a plain value, with what its objectives are now."""
    close = message.alert_strategy.auto_close.ToNanoseconds()
    return Policy(
        message.name,
        alert.AlertPolicy.ConditionCombinerType(message.combiner).name,
        tuple(condition_of(each, find) for each in message.conditions),
        close or AUTO_CLOSE_NS,
        nanoseconds(message.mutation_record.mutate_time),
    )


def condition_of(message: Any, find: Find) -> Condition:
    """A condition as a plain value."""
    sort = message.WhichOneof("condition")
    found = getattr(message, sort)
    burn = asked(found.filter)
    of = Burn.of(find(burn[0]), burn[1]) if burn else None
    query = Query(found.filter, steps_of(found.aggregations), of)
    duration = found.duration.ToNanoseconds()
    count, percent = found.trigger.count or 1, found.trigger.percent
    if sort == "condition_absent":
        return Condition(
            message.name, message.display_name, query, duration, absence=True, count=count, percent=percent
        )
    below = found.denominator_filter
    return Condition(
        message.name,
        message.display_name,
        query,
        duration,
        above=found.comparison == common.ComparisonType.COMPARISON_GT,
        threshold=found.threshold_value,
        share_of=Query(below, steps_of(found.denominator_aggregations)) if below else None,
        missing=MISSING.get(found.evaluation_missing_data, Missing.AS_BEFORE),
        count=count,
        percent=percent,
    )


def steps_of(messages: Any) -> tuple[Aggregation, ...]:
    """Aligning and reducing, without steps that do nothing."""
    made = [aggregation_of(each) for each in messages]
    return tuple(each for each in made if each != Aggregation())
