"""An event is acted on: decided, claimed, started and recorded, each step such that the next delivery can go on.

Deliveries come twice, late and at once, and an instance may die between any two steps. What keeps that from starting a
second training: the history is one object that is only written where nobody else wrote since (a claim is won by one),
and a run is named after its event's key, so that who goes on with a claim finds what was started. Sources: Pub/Sub
delivers at least once (https://cloud.google.com/pubsub/docs/subscription-overview); Cloud Storage writes on the
condition of a generation (https://cloud.google.com/storage/docs/request-preconditions).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from runtime.retraining.decision import LEASE, START_PATIENCE, Action, Decision, Event, Evidence, circuit, decide
from runtime.retraining.guards import Guards
from runtime.retraining.runs import History, Run, Status

TRIES = 20
"""How often a write is tried again that met another writer. Each try that fails is somebody's success."""


class Moved(Exception):
    """The history was written by somebody else since it was read."""


class NotNow(Exception):
    """The event cannot be acted on yet and must come again. The text says why."""


class NotStarted(Exception):
    """Google, or whoever trains, refused to start it, and would again. The text says why."""


class Ledger(Protocol):
    """Where the history and the decisions are kept."""

    def read(self) -> tuple[History, int]:
        """Give the history and its generation; 0 before the first."""

    def write(self, history: History, generation: int) -> None:
        """Write the history, unless somebody wrote since that generation, which raises `Moved`."""

    def recorded(self, key: str) -> Mapping[str, Any] | None:
        """Give the decision on an event, if there is one."""

    def record(self, decision: Decision, event: Event, now: datetime) -> None:
        """Keep a decision. A second one on the same event replaces it only where it followed a claim."""


class Trainer(Protocol):
    """Who trains."""

    def find(self, key: str) -> str | None:
        """Give the name of the training that was started for a key, if it was."""

    def start(self, run: Run, event: Event) -> str:
        """Start a training for a claimed run; its name. Raises `NotStarted` where that would be refused again."""


@dataclass(frozen=True, slots=True)
class Desk:
    """Everything an event is acted on with.

    Args:
        ledger: The memory.
        trainer: Who trains.
        guards: The spec's limits.
        evidence: Finds out rows and cost. Called once per event that is not known yet.
        now: Tells the time, aware.
        tell: Publishes what was decided; may raise, and then the event comes again.
        live: Finds the folder of the model that serves, given what was trained before; empty for none.
    """

    ledger: Ledger
    trainer: Trainer
    guards: Guards
    evidence: Callable[[], Evidence]
    now: Callable[[], datetime]
    tell: Callable[[Decision, Event], None]
    live: Callable[[History], str] = lambda _: ""


def handle(event: Event, desk: Desk) -> Decision:
    """Act on an event.

    Raises:
        NotNow: It must come again: another instance is at it, or too many are writing.
        Exception: Whatever the ledger or the trainer raised; the event must come again as well.
    """
    before = desk.ledger.recorded(event.key)
    evidence = Evidence() if before else desk.evidence()
    for _ in range(TRIES):
        before_it, generation = desk.ledger.read()
        history = _found(event, before_it)
        now = desk.now()
        known = history.runs.get(event.key)
        if before is not None and known is None:
            return Decision(Action.REPEAT, event.key, event.trigger, f"decided before: {before.get('reason', '')}")
        decision = decide(event, history, desk.guards, evidence, now)
        if decision.action in {Action.START, Action.RESUME}:
            run = replace(known or _claim(event, decision, desk, history, evidence), lease=now + LEASE)
            try:
                desk.ledger.write(_remembered(history, run, desk), generation)
            except Moved:
                continue
            refused = _begin(run, event, desk, again=decision.action is Action.RESUME)
            decision = _not_started(decision, refused) if refused else decision
        elif history is not before_it:
            try:
                desk.ledger.write(history, generation)
            except Moved:
                continue
        if decision.action is Action.WAIT:
            raise NotNow(decision.reason)
        if decision.action is Action.REPEAT:
            if before is not None:
                return decision
            # Whoever started it died before it could say so.
            return _recorded(_begun(decision, known), event, desk)
        return _recorded(decision, event, desk)
    raise NotNow("too many events are being acted on at once")


def _found(event: Event, history: History) -> History:
    """Give a history that counts what a monitor found."""
    return history.with_finding(event.monitor, event.at, over=event.over) if event.monitor else history


def calm(event: Event, desk: Desk) -> None:
    """Note that a monitor finds nothing any more: what it finds next is the first in a row again.

    Raises:
        NotNow: Others wrote at every try.
    """
    for _ in range(TRIES):
        history, generation = desk.ledger.read()
        after = _found(event, history)
        if after is history:
            return
        try:
            desk.ledger.write(after, generation)
        except Moved:
            continue
        return
    raise NotNow("too many events are being acted on at once")


def _claim(event: Event, decision: Decision, desk: Desk, history: History, evidence: Evidence) -> Run:
    forced, live = _forced(decision, event), desk.live(history)
    return Run(event.key, event.trigger, desk.now(), rows=evidence.rows, forced=forced, live=live)


def _forced(decision: Decision, event: Event) -> str:
    return f"{', '.join(decision.overridden)} by {event.by or 'nobody named'}" if decision.overridden else ""


def _begun(decision: Decision, run: Run | None) -> Decision:
    """Give the decision on an event whose run is there already."""
    if run is not None and run.status is Status.FAILED and run.started is None:
        return _not_started(decision, run.why)
    return replace(decision, action=Action.START)


def _not_started(decision: Decision, why: str) -> Decision:
    return replace(decision, action=Action.NOT_STARTED, reason=f"it could not be started: {why}")


def _begin(run: Run, event: Event, desk: Desk, *, again: bool) -> str:
    """Start what is claimed, or find what was started for it, and note which it is; why it was refused, or nothing."""
    refused = ""
    try:
        name = (desk.trainer.find(run.key) if again else None) or _started(run, event, desk, again=again)
    except NotStarted as refusal:
        refused = str(refusal) or "no reason was given"
        seen: dict[str, Any] = {"status": Status.FAILED, "ended": desk.now(), "why": refused}
    except Exception as error:
        # Nobody knows whether it began. What stands in the way is told by `why` meanwhile.
        with suppress(Exception):
            note(desk, run.key, partial(_waiting, said=str(error) or type(error).__name__))
        raise
    else:
        seen = {"status": Status.STARTED, "started": desk.now(), "name": name, "why": ""}
    note(desk, run.key, lambda each: replace(each, lease=None, **seen))
    return refused


def _started(run: Run, event: Event, desk: Desk, *, again: bool) -> str:
    if again and desk.now() >= run.claimed + START_PATIENCE:
        raise NotStarted(f"within {START_PATIENCE} {run.why or 'whoever was to start it never came to it'}")
    return desk.trainer.start(run, event)


def _waiting(run: Run, said: str) -> Run:
    return replace(run, why=f"its start got no answer: {said}") if run.status is Status.CLAIMED else run


def note(desk: Desk, key: str, change: Callable[[Run], Run]) -> bool:
    """Change one run in the history, whoever else is writing.

    Returns:
        Whether it was changed: a run that is closed stays as it is.

    Raises:
        NotNow: Others wrote at every try.
    """
    for _ in range(TRIES):
        history, generation = desk.ledger.read()
        run = history.runs.get(key)
        if run is None or not run.going:
            return False
        try:
            desk.ledger.write(_remembered(history, change(run), desk), generation)
        except Moved:
            continue
        return True
    raise NotNow("too many events are being acted on at once")


def _remembered(history: History, run: Run, desk: Desk) -> History:
    """Give a history with this run, and with what it means for the circuit."""
    after = history.with_run(run, now=desk.now())
    return replace(after, circuit_until=circuit(after, desk.guards))


def _recorded(decision: Decision, event: Event, desk: Desk) -> Decision:
    """Tell it and keep it, in this order: what is kept has certainly been told."""
    desk.tell(decision, event)
    desk.ledger.record(decision, event, desk.now())
    return decision
