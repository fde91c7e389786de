"""How many instances are up for how long: what requests come to, in seconds of instances.

Requests are taken to come by chance, evenly over the month and over as many instances as they need (a Poisson stream:
an instance that gets L requests at once on average is busy 1 - e^-L of the time). Traffic that comes in bursts costs at
most what a request at a time costs; declare `usage.requestsAtOnce` where it is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from reconciler.cost.amounts import MONTH_S, NOTHING, Amounts
from reconciler.cost.shape import Instances, Shape
from reconciler.cost.usage import Usage

TAIL_S = 900
"""Most seconds that an instance without requests stays up, and is billed where whole instances are.

Source:
    https://cloud.google.com/run/docs/about-instance-autoscaling: at most 15 minutes.
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What a month's requests come to.

    Args:
        predictions: Requests of callers.
        requests: All that are billed, those of the uptime check among them.
        busy_s: Instance seconds in which at least one request is served; none where whole instances are billed.
        warm_s: Instance seconds of instances that are kept warm and serve none; the same.
        up_s: Instance seconds altogether, where whole instances are billed; else none.
        clipped: More requests are expected than the instances can answer.
    """

    predictions: Amounts
    requests: Amounts
    busy_s: Amounts
    warm_s: Amounts
    up_s: Amounts
    clipped: bool = False


def load_of(shape: Shape, usage: Usage) -> Load:
    """Work out what a month's requests come to.

    Args:
        shape: What is run.
        usage: How much it is used.
    """
    instances, at_once, checks = shape.instances, at_once_of(shape.instances, usage), shape.checks_per_second
    most = max(instances.most * at_once / usage.each_s, checks)
    expected = min(usage.requests_per_second, most - checks)
    predictions = Amounts(NOTHING, expected, most - checks)
    rates = predictions + Amounts.same(checks)
    billed = None if usage.instances is None else min(usage.instances, Decimal(instances.most)) * MONTH_S
    # What is billed is one of the two: the other one is not worked out.
    count = _up if instances.by_instance else _busy
    return Load(
        predictions.times(MONTH_S),
        rates.times(MONTH_S),
        *count(rates, billed, at_once, usage, instances),
        clipped=expected < usage.requests_per_second,
    )


def _busy(
    rates: Amounts, billed: Decimal | None, at_once: Decimal, usage: Usage, instances: Instances
) -> tuple[Amounts, Amounts, Amounts]:
    """Give seconds of instances that answer, and of those that are kept and do not."""
    # With instances kept warm, what is measured has their idle seconds in it, which cost another price.
    kept = instances.least or instances.windows
    measured = None if kept else billed
    busy = Amounts(
        _busy_s(rates.floor, at_once, instances, usage),
        _busy_s(rates.expected, at_once, instances, usage) if measured is None else measured,
        instances.most * MONTH_S,
    )
    warm = busy.each(lambda busy_s: instances.warm_s(lambda s: max(NOTHING, s - busy_s))) if kept else Amounts()
    return busy, warm, Amounts()


def _up(
    rates: Amounts, billed: Decimal | None, at_once: Decimal, usage: Usage, instances: Instances
) -> tuple[Amounts, Amounts, Amounts]:
    """Give seconds of instances that are there."""
    floor = _up_s(rates.floor, at_once, instances, usage)
    if billed is None:
        usual = _up_s(rates.expected, at_once, instances, usage)
        expected = instances.warm_s(lambda warm: max(warm, usual))
    else:
        expected = max(billed, instances.warm_s(lambda warm: warm))
    up = Amounts(instances.warm_s(lambda warm: max(warm, floor)), expected, instances.most * MONTH_S)
    return Amounts(), Amounts(), up


def at_once_of(instances: Instances, usage: Usage) -> Decimal:
    """Give how many requests an instance answers at once: as declared, else one for each vCPU."""
    one_each = max(Decimal(1), instances.vcpus)
    return min(usage.requests_at_once or one_each, Decimal(instances.concurrency))


def _busy_s(rate: Decimal, at_once: Decimal, instances: Instances, usage: Usage) -> Decimal:
    """Give instance seconds with a request in flight.

    Args:
        rate: Requests per second.
        at_once: Requests that an instance answers at once.
        instances: What answers.
        usage: How long each takes, and how many share an instance, where that is declared.

    Source:
        https://cloud.google.com/run/pricing: from the start of the first request to the end of the last that overlaps.
    """
    if not rate:
        return NOTHING
    each_s = usage.billed_s
    if usage.requests_at_once:
        return min(rate * each_s / at_once, Decimal(instances.most)) * MONTH_S
    return _by_chance_s(rate, each_s, _needed(rate * each_s / at_once, instances))


def _up_s(rate: Decimal, at_once: Decimal, instances: Instances, usage: Usage) -> Decimal:
    """Give instance seconds with a request in flight, or within the time that an instance stays up after one."""
    if not rate:
        return NOTHING
    each_s = usage.billed_s
    return _by_chance_s(rate, each_s + TAIL_S, _needed(rate * each_s / at_once, instances))


def _needed(needed: Decimal, instances: Instances) -> int:
    """Give how many instances it takes, of those that there may be."""
    return min(max(1, int(needed.to_integral_value(ROUND_CEILING))), instances.most)


def _by_chance_s(rate: Decimal, each_s: Decimal, count: int) -> Decimal:
    """Give the busy seconds of some instances that share requests which come by chance."""
    return count * MONTH_S * (1 - (-rate * each_s / count).exp())
