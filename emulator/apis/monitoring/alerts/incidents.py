"""What becomes of a policy's incidents when its conditions have been judged: a step from one state to the next. Pure.

Source: https://cloud.google.com/monitoring/alerts/concepts-indepth; comments of `AlertPolicy` (combiner, trigger,
`AlertStrategy.auto_close`).
"""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from emulator.apis.monitoring.alerts.conditions import Condition, Verdict
from emulator.apis.monitoring.series.values import Spread

MOST = 1000
"""Open incidents of one policy."""


@dataclass(frozen=True, slots=True)
class Held:
    """What is remembered of one series of a condition.

    Attributes:
        since: When it began to hold, in nanoseconds; 0: it does not.
        met: It has held for long enough.
        last: When its newest point ended.
        done: Its incident was closed for want of points, the newest of which ended then.
        labels: Of the series.
        metric: Type of the metric.
        resource: Type of the monitored resource.
        value: What was compared last, as text.
    """

    since: int = 0
    met: bool = False
    last: int = 0
    done: int = 0
    labels: tuple[tuple[str, str], ...] = ()
    metric: str = ""
    resource: str = ""
    value: str = ""


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident.

    Attributes:
        id: Of its own.
        policy: Full name.
        condition: Full name of the condition that it is about.
        key: What tells it from the policy's others.
        opened: In nanoseconds.
        held: Of the series that it is about.
        closed: In nanoseconds; 0 while it is open.
    """

    id: str
    policy: str
    condition: str
    key: str
    opened: int
    held: Held
    closed: int = 0

    def to_json(self) -> dict[str, Any]:
        """The form that is kept."""
        return asdict(self)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> "Incident":
        """From the form that is kept."""
        return cls(**{**data, "held": held_of(data["held"])})


def held_of(data: Mapping[str, Any]) -> Held:
    """What is remembered of a series, from the form that is kept."""
    return Held(**{**data, "labels": tuple((name, value) for name, value in data["labels"])})


@dataclass(frozen=True, slots=True)
class Policy:
    """What of a policy decides.

    Attributes:
        name: Full name.
        combiner: `OR`, `AND`, `AND_WITH_MATCHING_RESOURCE`.
        conditions: In its order.
        auto_close_ns: How long an incident stays open without points.
        changed: When it was last changed, in nanoseconds.
    """

    name: str
    combiner: str
    conditions: tuple[Condition, ...]
    auto_close_ns: int
    changed: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of a policy.

    Attributes:
        held: By condition's name and key of the series.
        open: Its open incidents, by key.
    """

    held: Mapping[str, Mapping[str, Held]] = field(default_factory=dict)
    open: Mapping[str, Incident] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """What a look at a policy leads to.

    Attributes:
        state: What is remembered from now on.
        opened: Incidents that begin.
        closed: Incidents that end.
        again: When to look again although nothing is written, in nanoseconds; None: never.
    """

    state: State
    opened: tuple[Incident, ...] = ()
    closed: tuple[Incident, ...] = ()
    again: int | None = None


def step(policy: Policy, verdicts: Sequence[Sequence[Verdict]], state: State, now: int) -> Step:
    """Go from one state of a policy to the next.

    Args:
        policy: Which.
        verdicts: Per condition, in order.
        state: What was remembered.
        now: The time, in nanoseconds.
    """
    held: dict[str, dict[str, Held]] = {}
    times: list[int] = []
    for condition, many in zip(policy.conditions, verdicts, strict=True):
        before = state.held.get(condition.name, {})
        held[condition.name] = following(condition, many, before, now)
        times += [each.again for each in many if each.again is not None]
        times += waits(condition, held[condition.name], now)
    held, ends = worn_out(policy, held, state.open, now)
    wanted = dict(combined(policy, held))
    opened = [begun(policy, key, wanted[key], now) for key in wanted if key not in state.open]
    opened = opened[: max(MOST - len(state.open), 0)]
    kept = {key: replace(each, held=wanted[key][1]) for key, each in state.open.items() if key in wanted}
    closed = [ended(as_now(each, held), now) for key, each in state.open.items() if key not in wanted]
    times += ends
    after = State(held, {**kept, **{each.key: each for each in opened}})
    if opened:  # how long those stay open without points
        times.append(now + policy.auto_close_ns)
    return Step(after, tuple(opened), tuple(closed), min((t for t in times if t > now), default=None))


def following(
    condition: Condition, verdicts: Sequence[Verdict], before: Mapping[str, Held], now: int
) -> dict[str, Held]:
    """What is remembered of each series of a condition after a verdict. Those that are gone stay as they were."""
    made = {key: each for key, each in before.items() if each.since or each.met or each.done}
    for verdict in verdicts:
        key = verdict.line.key
        was = before.get(key, Held())
        if verdict.holds is not None or key in before:
            made[key] = judged(condition, verdict, was, now)
    seen = {verdict.line.key for verdict in verdicts}
    for key in made.keys() - seen:  # no points at all that count
        if condition.missing == "no":
            made[key] = replace(made[key], since=0, met=False)
    return made


def judged(condition: Condition, verdict: Verdict, was: Held, now: int) -> Held:
    """What is remembered of a series after a verdict."""
    line = verdict.line
    told = Held(
        was.since, was.met, max(was.last, verdict.last), was.done, line.labels, line.metric, line.resource, was.value
    )
    if verdict.value is not None:
        told = replace(told, value=text_of(verdict.value))
    if verdict.holds is None:
        return told
    if not verdict.holds:
        return replace(told, since=0, met=False, done=0)
    if condition.absence and told.done and told.done >= told.last:
        return replace(told, since=0, met=False)  # it was closed, and nothing was heard since
    since = was.since or now
    lasted = condition.absence or now - since >= condition.duration_ns
    return replace(told, since=since, met=lasted)


def text_of(value: Any) -> str:
    """A value as notifications show it."""
    if isinstance(value, Spread):
        value = value.mean
    return f"{value:.3f}" if isinstance(value, float) else str(value)


def waits(condition: Condition, held: Mapping[str, Held], now: int) -> Iterator[int]:
    """When series that are past the threshold will have been so for long enough."""
    for each in held.values():
        if each.since and not each.met and not condition.absence:
            yield max(each.since + condition.duration_ns, now + 1)


def worn_out(
    policy: Policy, held: Mapping[str, Mapping[str, Held]], there: Mapping[str, Incident], now: int
) -> tuple[dict[str, dict[str, Held]], list[int]]:
    """Let go of what has had no points for so long that its incident closes; gives when the others will have."""
    made: dict[str, dict[str, Held]] = {}
    times = []
    for condition, of_series in held.items():
        made[condition] = {}
        for key, each in of_series.items():
            mine = there.get(incident_of(policy, condition, key, each))
            end = max(each.last, now if mine is None else mine.opened) + policy.auto_close_ns
            if each.met and now >= end:
                made[condition][key] = replace(each, since=0, met=False, done=max(each.last, 1))
            else:
                made[condition][key] = each
                times += [end] if each.met else []
    return made, times


Found = tuple[str, Held]


def incident_of(policy: Policy, condition: str, key: str, held: Held) -> str:
    """The key of the incident that a series of a condition has a part in."""
    if policy.combiner == "OR":
        return f"{condition}\n{key}"
    return "" if policy.combiner == "AND" else resource_of(held)


def combined(policy: Policy, held: Mapping[str, Mapping[str, Held]]) -> Iterator[tuple[str, Found]]:
    """The incidents there are to be: key, and the condition and series that each is about."""
    met = {condition.name: enough(condition, held[condition.name]) for condition in policy.conditions}
    if policy.combiner == "OR":
        for name, of_series in met.items():
            for key, each in sorted(of_series.items()):
                yield incident_of(policy, name, key, each), (name, each)
    elif policy.combiner == "AND":
        if all(met.values()):
            first = policy.conditions[0].name
            yield "", (first, next(iter(met[first].values())))
    else:
        yield from matching(policy, met)


def enough(condition: Condition, held: Mapping[str, Held]) -> dict[str, Held]:
    """The series for which a condition is met, if they are as many as its trigger asks for."""
    met = {key: each for key, each in held.items() if each.met}
    if condition.percent:
        return met if met and 100 * len(met) / len(held) >= condition.percent else {}
    return met if len(met) >= condition.count else {}


def matching(policy: Policy, met: Mapping[str, Mapping[str, Held]]) -> Iterator[tuple[str, Found]]:
    """An incident for each resource that meets all conditions."""
    by_resource = [{resource_of(each): each for each in met[c.name].values()} for c in policy.conditions]
    common = set(by_resource[0]).intersection(*by_resource[1:])
    for key in sorted(common):
        yield key, (policy.conditions[0].name, by_resource[0][key])


def resource_of(held: Held) -> str:
    """What tells one monitored resource from another."""
    return "\n".join(
        [held.resource, *(f"{name}={value}" for name, value in held.labels if not name.startswith("metric."))]
    )


def begun(policy: Policy, key: str, found: Found, now: int) -> Incident:
    """An incident that begins."""
    condition, held = found
    return Incident(f"0.{uuid.uuid4().hex[:12]}", policy.name, condition, key, now, held)


def as_now(incident: Incident, held: Mapping[str, Mapping[str, Held]]) -> Incident:
    """An incident with what is remembered of its series by now."""
    key = "\n".join([incident.held.resource, *(f"{name}={value}" for name, value in incident.held.labels)])
    return replace(incident, held=held.get(incident.condition, {}).get(key, incident.held))


def ended(incident: Incident, now: int) -> Incident:
    """An incident that is over."""
    return replace(incident, closed=now)
