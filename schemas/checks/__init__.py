"""Checks beyond the shape of single values: a plain function each, listed here.

A check names the sections it looks at as its parameters (`metadata`, or sections of `spec`) and yields findings with a
spec path. It runs when all of those sections have the right shape, so one wrong value does not hide the other problems.
"""

from collections.abc import Callable, Iterable, Iterator

from schemas.checks import (
    access,
    budget,
    ci,
    environment,
    events,
    image,
    logarithms,
    management,
    model,
    monitoring,
    names,
    notifications,
    operator,
    performance,
    region,
    registry,
    retraining,
    rollout,
    runtime,
    scaling,
    schedules,
    size,
    usage,
)
from schemas.checks.finding import Finding
from schemas.operator import Operator
from schemas.service import MLService

CHECKS: tuple[Callable[..., Iterable[Finding]], ...] = (
    names.service_name,
    names.tags,
    names.labels,
    region.known_region,
    region.gpu_region,
    image.image_or_model,
    image.image_uri,
    model.model_source,
    model.model_file,
    model.model_code,
    model.features,
    model.columns,
    runtime.batching,
    runtime.latencies,
    runtime.protocols,
    runtime.access_log,
    runtime.shadow,
    environment.variables,
    environment.secrets,
    environment.clashes,
    size.cpu,
    size.memory,
    size.gpu,
    scaling.instances,
    scaling.windows,
    scaling.concurrency,
    scaling.quota,
    access.invokers,
    access.service_account,
    events.topics,
    events.different_topics,
    events.subscription,
    rollout.steps,
    rollout.gates,
    rollout.traffic,
    rollout.unique_shares,
    monitoring.tables,
    monitoring.loaded_baseline,
    monitoring.thresholds,
    monitoring.uptime,
    monitoring.log_rate,
    monitoring.inputs,
    monitoring.windows,
    monitoring.watched_features,
    monitoring.predicted_value,
    logarithms.baseline,
    logarithms.columns,
    performance.inputs,
    performance.labels,
    performance.limits,
    performance.classes,
    schedules.monitoring_schedule,
    schedules.trigger_schedules,
    schedules.schedules_that_settle,
    retraining.trigger_names,
    retraining.conditions,
    retraining.own_topics,
    retraining.own_files,
    retraining.triggers_need_retraining,
    retraining.run,
    retraining.guards,
    retraining.evaluation,
    retraining.promotion,
    retraining.promoted_model,
    registry.repository,
    registry.cleanup,
    registry.allowed,
    registry.signed,
    registry.judged,
    budget.amounts,
    budget.counted,
    budget.limit,
    budget.alerts,
    budget.actions,
    usage.shared,
    notifications.receivers,
    notifications.events,
    management.externally_owned,
)


OPERATOR_CHECKS: tuple[Callable[..., Iterable[Finding]], ...] = (
    operator.operator_name,
    names.labels,
    region.known_region,
    operator.passes,
    operator.specs_source,
    operator.image_of_specs,
    operator.one_image,
    operator.identity,
    operator.frozen,
    ci.repository,
    ci.of_the_bundle,
    notifications.receivers,
    notifications.events,
)


def findings(service: MLService | Operator, *, without: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """What the checks find; those that look at a section of `without` do not run."""
    sections = {"metadata": service.metadata} | {
        name: getattr(service.spec, name) for name in type(service.spec).model_fields
    }
    for check in CHECKS if isinstance(service, MLService) else OPERATOR_CHECKS:
        code = check.__code__
        wanted = code.co_varnames[: code.co_argcount]
        if without.isdisjoint(wanted):
            yield from check(*(sections[name] for name in wanted))
