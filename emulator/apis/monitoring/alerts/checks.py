"""What Google refuses of an alert policy, and what it fills in.

Source: constraints.md section 8; comments of `google.monitoring.v3.AlertPolicy`. Words:
hashicorp/terraform-provider-google issues 16892 (missing data) and 7179 (resource type),
chainguard-dev/terraform-infra-common PR 352 (rate limit), GoogleCloudPlatform/monitoring-dashboard-samples PR 179
(whole minutes); the others are in their style.
"""

from collections.abc import Callable
from typing import Any

from google.cloud.monitoring_v3.types import alert, common

from emulator.apis.monitoring.alerts.burning import asked
from emulator.apis.monitoring.channels import CHANNELS, DISPLAY_NAME_MOST, invalid
from emulator.apis.monitoring.promised import OBJECTIVES
from emulator.apis.monitoring.series import metrics
from emulator.apis.monitoring.series.alignment import ALIGNERS, aligner_of
from emulator.apis.monitoring.series.keeping import TYPES
from emulator.apis.monitoring.series.reading import aggregation_of, selector_of
from emulator.apis.monitoring.series.reduction import REDUCERS, Aggregation, canonical
from emulator.apis.monitoring.series.values import Line
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, check_labels
from emulator.core.world import World

CONDITIONS_MOST, CHANNELS_MOST, STEPS_MOST = 6, 16, 2
CONTENT_MOST, CONTENT_BYTES = 8 * 1024, 10_240
MINUTE = 60
LONGEST_S = 23 * 3600 + 30 * MINUTE
"""Of a duration (https://cloud.google.com/monitoring/alerts/metric-absence)."""
ABSENCE_LEAST_S = 2 * MINUTE
CLOSE_LEAST_S, CLOSE_MOST_S = 30 * MINUTE, 7 * 86_400
GT, LT = common.ComparisonType.COMPARISON_GT, common.ComparisonType.COMPARISON_LT
WORDS = frozenset({"BOOL", "STRING"})
OURS = ("condition_threshold", "condition_absent")
Condition = alert.AlertPolicy.Condition


def check(world: World, project: str, policy: Any) -> None:
    """Refuse what Google refuses, and what is not emulated.

    Raises:
        ApiFailure: INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED.
    """
    check_labels(policy.user_labels.items())
    if not policy.display_name:
        raise ApiFailure("INVALID_ARGUMENT", "Request was missing field alert_policy.display_name.")
    if len(policy.display_name) > DISPLAY_NAME_MOST:
        raise invalid("alert_policy.display_name", policy.display_name, f"at most {DISPLAY_NAME_MOST} characters.")
    if not policy.combiner:
        raise invalid("alert_policy.combiner", "COMBINE_UNSPECIFIED", "must be AND, OR or AND_WITH_MATCHING_RESOURCE.")
    if not 1 <= len(policy.conditions) <= CONDITIONS_MOST:
        raise invalid("alert_policy.conditions", str(len(policy.conditions)), f"must be 1 to {CONDITIONS_MOST}.")
    check_documentation(policy.documentation)
    check_channels(world, policy)
    check_strategy(policy.alert_strategy)
    for index, condition in enumerate(policy.conditions):
        check_condition(world, project, f"alert_policy.conditions[{index}]", condition)


def check_documentation(documentation: Any) -> None:
    """Refuse a text that is too long, or that is no Markdown; an empty type means Markdown.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    content = documentation.content
    if len(content) > CONTENT_MOST or len(content.encode()) > CONTENT_BYTES:
        raise invalid("alert_policy.documentation.content", content[:40], f"at most {CONTENT_MOST} characters.")
    if content and not documentation.mime_type:
        documentation.mime_type = "text/markdown"
    if documentation.mime_type not in {"", "text/markdown"}:
        value = documentation.mime_type
        raise invalid("alert_policy.documentation.mime_type", value, 'only "text/markdown" is supported.')


def check_channels(world: World, policy: Any) -> None:
    """Refuse too many channels, and those that are not there.

    Raises:
        ApiFailure: INVALID_ARGUMENT, NOT_FOUND.
    """
    if len(policy.notification_channels) > CHANNELS_MOST:
        raise invalid("alert_policy.notification_channels", str(len(policy.notification_channels)), "at most 16.")
    names = [by_id(world, name) for name in policy.notification_channels]
    for name in names:
        CHANNELS.get(world, name)
    policy.notification_channels[:] = names


def check_strategy(strategy: Any) -> None:
    """Refuse what is for other sorts of conditions, and what is not emulated.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    if strategy.HasField("notification_rate_limit"):
        why = "metric-based alert policies must not specify a notification rate limit"
        value = f"period {strategy.notification_rate_limit.period.ToJsonString()}"
        raise invalid("alertStrategy.notificationRateLimit", value, why)
    if strategy.notification_channel_strategy:
        raise ApiFailure("UNIMPLEMENTED", "The emulator reminds nobody: notification_channel_strategy.")
    if strategy.HasField("auto_close"):
        value = strategy.auto_close.ToJsonString()
        if not CLOSE_LEAST_S <= strategy.auto_close.seconds <= CLOSE_MOST_S:
            raise invalid("alert_policy.alert_strategy.auto_close", value, "must be from 30 minutes to 7 days.")


def check_condition(world: World, project: str, where: str, condition: Any) -> None:
    """Refuse a condition that is not whole, and sorts that are not emulated.

    Raises:
        ApiFailure: INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED.
    """
    sort = condition.WhichOneof("condition")
    if sort is None:
        raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field {where}.condition.")
    if sort not in OURS:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not evaluate {where}.{sort}.")
    if not condition.display_name or len(condition.display_name) > DISPLAY_NAME_MOST:
        raise invalid(f"{where}.display_name", condition.display_name, f"1 to {DISPLAY_NAME_MOST} characters.")
    found = getattr(condition, sort)
    CHECKS[sort](f"{where}.{sort}", found)
    check_trigger(f"{where}.{sort}.trigger", found.trigger)
    compared = sort == "condition_threshold"
    check_query(world, project, f"{where}.{sort}", found.filter, found.aggregations, compared=compared)
    if sort == "condition_threshold" and found.denominator_filter:
        place = f"{where}.{sort}.denominator_filter"
        below = found.denominator_filter, found.denominator_aggregations
        check_query(world, project, place, *below, field="", compared=True)


def check_threshold(where: str, found: Any) -> None:
    """What is true of thresholds alone.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    if found.HasField("forecast_options"):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator does not look ahead: {where}.forecast_options.")
    if found.comparison not in {GT, LT}:
        name = common.ComparisonType(found.comparison).name
        raise invalid(f"{where}.comparison", name, "only COMPARISON_GT and COMPARISON_LT are supported.")
    check_duration(f"{where}.duration", found.duration, least_s=0)
    if found.evaluation_missing_data and not found.duration.seconds:
        name = Condition.EvaluationMissingData(found.evaluation_missing_data).name
        why = "Conditions setting evaluation_missing_data must have a non-zero duration."
        raise invalid(f"{where}.evaluation_missing_data", name, why)


def check_absence(where: str, found: Any) -> None:
    """What is true of absences alone.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    check_duration(f"{where}.duration", found.duration, least_s=ABSENCE_LEAST_S)


CHECKS: dict[str, Callable[[str, Any], None]] = dict(zip(OURS, (check_threshold, check_absence), strict=True))


def check_duration(where: str, duration: Any, *, least_s: int) -> None:
    """Refuse what is not whole minutes, or too short or too long.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    value = duration.ToJsonString()
    if duration.seconds % MINUTE or duration.nanos:
        raise invalid(where, value, "only multiples of 1 minute are supported")
    if not least_s <= duration.seconds <= LONGEST_S:
        raise invalid(where, value, f"must be from {least_s}s to {LONGEST_S}s.")


def check_trigger(where: str, trigger: Any) -> None:
    """Refuse a number of series that is none.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    kind = trigger.WhichOneof("type")
    if kind == "count" and trigger.count < 1:
        raise invalid(f"{where}.count", str(trigger.count), "must be 1 or more.")
    if kind == "percent" and not 0 < trigger.percent <= 100:  # noqa: PLR2004 - of a hundred
        raise invalid(f"{where}.percent", str(trigger.percent), "must be more than 0, and 100 at most.")


def check_query(
    world: World, project: str, where: str, text: str, steps: Any, *, field: str = ".filter", compared: bool
) -> None:
    """Refuse a filter that does not name metric and resource, a metric that is not there, and steps that do not fit.

    Raises:
        ApiFailure: INVALID_ARGUMENT, NOT_FOUND, UNIMPLEMENTED.
    """
    if not text:
        raise ApiFailure("INVALID_ARGUMENT", f"Request was missing field {where}{field}.")
    if burn := asked(text):
        check_burn(world, where, burn, steps, compared=compared and field == ".filter")
        return
    selector = selector_of(text, f"{where}{field}")
    if not selector.resources:
        why = 'must specify a restriction on "resource.type" in the filter; see'
        where_else = '"https://cloud.google.com/monitoring/api/resources" for a list of available resource types.'
        raise invalid(f"{where}{field}", text, f"{why} {where_else}")
    [type_] = selector.metrics
    found = metrics.find(world, project, type_)
    if found is None and type_.partition("/")[0] in metrics.WRITABLE:
        raise metrics.missing(type_)
    check_steps(where, steps, found, compared=compared)


def check_burn(world: World, where: str, burn: tuple[str, int], steps: Any, *, compared: bool) -> None:
    """Refuse the burn rate of what is not there, and what cannot be done with one.

    Raises:
        ApiFailure: INVALID_ARGUMENT, NOT_FOUND.
    """
    slo, lookback_ns = burn
    OBJECTIVES.get(world, by_id(world, slo))
    if not compared or any(aggregation_of(each) != Aggregation() for each in steps):
        why = "a burn rate is compared with a threshold as it is, without aggregations."
        raise invalid(f"{where}.filter", slo, why)
    if not lookback_ns:
        raise invalid(f"{where}.filter", slo, "the lookback period must be positive.")


def check_steps(where: str, steps: Any, descriptor: Any, *, compared: bool) -> None:
    """Refuse steps that cannot be applied, and those that leave no number where one is `compared`.

    Raises:
        ApiFailure: INVALID_ARGUMENT, UNIMPLEMENTED.
    """
    if len(steps) > STEPS_MOST:
        raise invalid(f"{where}.aggregations", str(len(steps)), f"at most {STEPS_MOST}.")
    type_ = "" if descriptor is None else TYPES[descriptor.value_type]
    for index, step in enumerate(steps):
        how = aggregation_of(step)
        for group in how.groups:
            canonical(group)
        if how.aligner != "ALIGN_NONE" and how.aligner not in ALIGNERS:
            raise ApiFailure("UNIMPLEMENTED", f"The emulator does not know the aligner {how.aligner}.")
        if index == 0 and descriptor is not None and how.aligner != "ALIGN_NONE":
            kind = metrics.KINDS[descriptor.metric_kind]
            aligner_of(how.aligner, Line("", "", (), kind, type_))
        type_ = given(how, type_)
    if compared and type_ in WORDS:
        why = f"a value of type {type_} cannot be compared with a threshold: align it to a number, with ALIGN_COUNT"
        raise invalid(f"{where}.aggregations", "", f"{why} or, of BOOL, ALIGN_FRACTION_TRUE.")


def given(how: Aggregation, type_: str) -> str:
    """The type of the values that a step gives, of those of another type; nothing, where that is not known."""
    aligner, reducer = ALIGNERS.get(how.aligner), REDUCERS.get(how.reducer)
    for found in (aligner, reducer):
        type_ = found.gives if found is not None and found.gives else type_
    return type_
