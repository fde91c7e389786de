"""Whether an event starts a training: a pure function, so that every reason can be tested and told again.

Every event gets a decision, and a decision not to train has its guard, its numbers and, where there is one, the time at
which it would be another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from runtime.retraining.guards import Guard, Guards
from runtime.retraining.runs import History, Run, Status
from runtime.retraining.words import short

LEASE = timedelta(minutes=10)
"""For how long the claimer of a run may start it alone. Longer than an instance of the function may work on one event
(its timeout), so that whoever takes over cannot meet it."""
START_PATIENCE = timedelta(hours=1)
"""For how long after its claim it is tried to start a training that got neither a yes nor a no: it would count as going
on, and hold back every other, for ever."""


class Action(StrEnum):
    """What is done with an event."""

    START = "Start"
    RESUME = "Resume"  # it was claimed, and perhaps not started: look, and start what is not there
    NOT_STARTED = "NotStarted"  # it was to be started, and whoever trains refused, or never answered
    WAIT = "Wait"  # another instance may be starting it this moment: the event is to come again
    REPEAT = "Repeat"  # this event was decided before
    SKIP = "Skip"
    WOULD_START = "WouldStart"  # asked only
    PROMOTE = "Promote"  # what a training made is better, and was given its alias
    REGISTER = "Register"  # it is better, and no alias moves by itself
    REFUSE = "Refuse"  # it is registered with the reason why it is not taken
    FAIL = "Fail"  # it cannot be judged, or not be registered


BEGUN = frozenset({Action.START, Action.RESUME, Action.NOT_STARTED})
"""What comes of a claim: it is kept in the place of a decision of another instance that knew of none."""
VERDICTS = frozenset({Action.PROMOTE, Action.REGISTER, Action.REFUSE, Action.FAIL})
"""What is said about the end of a training rather than about an event."""


@dataclass(frozen=True, slots=True)
class Event:
    """A reason to train again.

    Args:
        key: The same for every delivery of the same thing, and for nothing else.
        trigger: Name of the trigger in the spec; `manual` for a person's wish.
        at: When it happened; what guards compare is the time it is decided at, since events come late.
        about: What it was, for people.
        force: Guards that a person overrides.
        by: Who.
        asked_only: Nothing is to be started: a person wants to know what would be.
        monitor: Which monitor found something; empty where none did.
        needed: How many findings in a row it takes.
        over: The monitor finds nothing any more: no reason to train, and the end of a row.
    """

    key: str
    trigger: str
    at: datetime
    about: str = ""
    force: frozenset[Guard] = frozenset()
    by: str = ""
    asked_only: bool = False
    monitor: str = ""
    needed: int = 1
    over: bool = False


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about the next run from elsewhere; None for what nobody could find out.

    Args:
        rows: Rows that there are to train on.
        cost: What a run is expected to cost.
    """

    rows: int | None = None
    cost: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done with an event, and why.

    Args:
        action: What.
        key: Of the event.
        trigger: Of the event.
        reason: Why, in a sentence.
        guard: What held it back; None where nothing did.
        until: When that guard lets go, if the world stays as it is; None where only an event can tell.
        numbers: What was compared, by name.
        overridden: Guards that would have held it back, had nobody forced it.
    """

    action: Action
    key: str
    trigger: str
    reason: str
    guard: Guard | None = None
    until: datetime | None = None
    numbers: Mapping[str, Any] = field(default_factory=dict)
    overridden: tuple[Guard, ...] = ()

    def __post_init__(self) -> None:
        """Keep no more of others' words than a page."""
        object.__setattr__(self, "reason", short(self.reason))

    def to_json(self) -> dict[str, Any]:
        """Give plain data, as it is logged, kept and published."""
        return {
            "action": str(self.action),
            "key": self.key,
            "trigger": self.trigger,
            "reason": self.reason,
            "guard": str(self.guard) if self.guard else None,
            "until": self.until.isoformat() if self.until else None,
            "numbers": dict(self.numbers),
            "overridden": [str(guard) for guard in self.overridden],
        }


def decide(event: Event, history: History, guards: Guards, evidence: Evidence, now: datetime) -> Decision:
    """Decide what an event does.

    Args:
        event: What happened.
        history: What was started before.
        guards: The spec's limits.
        evidence: What is known of rows and cost.
        now: The time it is, aware.
    """
    known = history.runs.get(event.key)
    if known is not None:
        return _again(event, known, now)
    if event.monitor and (row := history.row(event.monitor)) < event.needed:
        reason = f"{event.monitor} was found {row} of {event.needed} times in a row"
        numbers = {"row": row, "needed": event.needed}
        return Decision(Action.SKIP, event.key, event.trigger, reason, numbers=numbers)
    held = list(_held(event, history, guards, evidence, now.astimezone(UTC)))
    standing = [each for each in held if each.guard not in event.force]
    if standing:
        return standing[0]
    before = history.of_incident(event.monitor, event.trigger) if event.monitor else None
    if before is not None:
        reason = f"{event.monitor} is found without a break since it led to {before.name or before.key}"
        return Decision(Action.SKIP, event.key, event.trigger, reason)
    overridden = tuple(each.guard for each in held if each.guard is not None)
    reason = event.about or f"{event.trigger} fired"
    if overridden:
        reason += f"; {', '.join(overridden)} overridden by {event.by or 'nobody named'}"
    action = Action.WOULD_START if event.asked_only else Action.START
    return Decision(action, event.key, event.trigger, reason, overridden=overridden)


def _again(event: Event, run: Run, now: datetime) -> Decision:
    """A run of this key is there: it is never a second one."""
    if run.status is not Status.CLAIMED:
        return Decision(Action.REPEAT, event.key, event.trigger, f"this event already led to {run.name or run.status}")
    if run.lease is not None and now < run.lease:
        reason = "this event is being acted on"
        return Decision(Action.WAIT, event.key, event.trigger, reason, until=run.lease)
    return Decision(Action.RESUME, event.key, event.trigger, "the start of this event's training was cut off")


def _held(event: Event, history: History, guards: Guards, evidence: Evidence, now: datetime) -> Iterator[Decision]:
    """Give every guard that holds, the one that is hardest to lift first."""

    def skip(guard: Guard, reason: str, until: datetime | None = None, **numbers: Any) -> Decision:
        return Decision(Action.SKIP, event.key, event.trigger, reason, guard, until, numbers)

    if history.frozen and (history.frozen_until is None or now < history.frozen_until):
        yield skip(Guard.FROZEN, f"retraining is frozen: {history.frozen}", history.frozen_until)
    yield from _circuit(history, guards, now, skip)
    going = history.going()
    if len(going) >= guards.max_concurrent:
        names = ", ".join(run.name or run.key for run in going)
        reason = f"{len(going)} of at most {guards.max_concurrent} going on: {names}"
        yield skip(Guard.CONCURRENT, reason, going=len(going), limit=guards.max_concurrent)
    yield from _often(history, guards, now, skip)
    yield from _worth(history, guards, evidence, skip)


def circuit(history: History, guards: Guards) -> datetime | None:
    """Give until when failures in a row keep anything from starting; None where they are too few."""
    failures, last = history.failures()
    return None if failures < guards.failures or last is None else last + guards.pause


def _circuit(history: History, guards: Guards, now: datetime, skip: Any) -> Iterator[Decision]:
    until = circuit(history, guards)
    if until is None or now >= until:
        return
    failures, _ = history.failures()
    reason = f"{failures} trainings in a row failed; nothing starts until {_shown(until)}"
    yield skip(Guard.CIRCUIT, reason, until, failures=failures, limit=guards.failures)


def _often(history: History, guards: Guards, now: datetime, skip: Any) -> Iterator[Decision]:
    starts = history.starts()
    if starts and now < starts[-1] + guards.cooldown:
        until = starts[-1] + guards.cooldown
        reason = f"the last training started {_shown(starts[-1])}; the cooldown ends {_shown(until)}"
        yield skip(
            Guard.COOLDOWN, reason, until, last=starts[-1].isoformat(), cooldown_s=guards.cooldown.total_seconds()
        )
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    following = (month + timedelta(days=32)).replace(day=1)
    periods = (
        (Guard.DAY, guards.max_per_day, day, day + timedelta(days=1), "today"),
        (Guard.MONTH, guards.max_per_month, month, following, "this month"),
    )
    for guard, limit, since, until, words in periods:
        count = sum(start >= since for start in starts)
        if limit is not None and count >= limit:
            yield skip(guard, f"{count} of at most {limit} started {words} (UTC)", until, started=count, limit=limit)


def _worth(history: History, guards: Guards, evidence: Evidence, skip: Any) -> Iterator[Decision]:
    """Guards that need evidence hold where there is none: a limit that nobody can check is no leave."""
    if guards.min_new_rows:
        new = None if evidence.rows is None else evidence.rows - history.rows_before()
        if new is None or new < guards.min_new_rows:
            had = "an unknown number of" if new is None else str(new)
            reason = f"{had} new rows since the last training; {guards.min_new_rows} are needed"
            yield skip(Guard.ROWS, reason, new=new, limit=guards.min_new_rows)
    limit = guards.max_cost_per_run
    if limit is not None and (evidence.cost is None or evidence.cost > limit):
        cost = "an unknown amount" if evidence.cost is None else f"{evidence.cost:g}"
        yield skip(
            Guard.COST, f"a run is expected to cost {cost}; the limit is {limit:g}", cost=evidence.cost, limit=limit
        )


def _shown(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
