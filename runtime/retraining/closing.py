"""Runs that ended are closed, runs that nobody goes on with are gone on with: one sweep, every few minutes.

Events may get lost for good (a dead letter, a trigger that was deleted), and Google tells nobody reliably that a
training ended; so nothing depends on being told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from runtime.retraining.decision import Event
from runtime.retraining.guards import Guard
from runtime.retraining.handling import Desk, NotNow, handle, note
from runtime.retraining.runs import Run, Status
from runtime.retraining.taking import Taken
from runtime.retraining.words import short

PATIENCE = timedelta(days=1)
"""For how long after its timeout a training is looked after that cannot be: nobody tells whether it began or how far it
is, or takes in what it made. Then it counts as failed: it would hold back the next one for ever."""


class Stage(StrEnum):
    """How far a training is, as whoever trains tells it."""

    GOING = "Going"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    GONE = "Gone"


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a training is.

    Args:
        stage: How far.
        why: Google's words about it, where it failed.
    """

    stage: Stage
    why: str = ""


class Workshop(Protocol):
    """Who watches over trainings, and takes in what they make."""

    def progress(self, run: Run) -> Progress:
        """Tell how far a run is."""

    def cancel(self, run: Run) -> None:
        """Stop it; one that has ended already is left."""

    def take_in(self, run: Run) -> Taken | None:
        """Measure, compare and register what a run made; what came of it, or None where that is not known yet.

        Called again for the same run when the first call was cut off: it finishes what that one began.
        """


def sweep(desk: Desk, workshop: Workshop, timeout: timedelta) -> list[str]:
    """Look after every run that is not closed. One that cannot be looked after does not keep the others from it.

    Args:
        desk: As for events.
        workshop: Who knows how far runs are.
        timeout: Longest a training may take.

    Returns:
        What was found out, a line per run that changed or could not be looked after.
    """
    history, _ = desk.ledger.read()
    told = []
    for run in history.going():
        try:
            resumed = run.status is Status.CLAIMED
            line = _resumed(run, desk, timeout) if resumed else _closed(run, desk, workshop, timeout)
        except Exception as error:  # noqa: BLE001 - one training's trouble is not another's; the line says it
            line = f"{run.key}: {type(error).__name__}: {error}"
        if line:
            told.append(short(line))
    return told


def _resumed(run: Run, desk: Desk, timeout: timedelta) -> str:
    """Go on with a claim whose event does not come again, for as long as what it may have started can be at work."""
    if run.lease is not None and desk.now() < run.lease:
        return ""
    event = Event(run.key, run.trigger, run.claimed, about="its start was cut off", force=frozenset(Guard))
    try:
        decision = handle(event, desk)
    except NotNow:
        return ""
    except Exception as error:
        if desk.now() < _last(run, timeout):
            raise
        return _end(run, desk, Status.FAILED, f"nobody can tell whether it was started: {error}")
    return f"{run.key}: {decision.reason}"


def _closed(run: Run, desk: Desk, workshop: Workshop, timeout: timedelta) -> str:
    try:
        found = _seen(run, desk, workshop, timeout)
    except Exception as error:
        if desk.now() < _last(run, timeout):
            raise
        found = Progress(Stage.FAILED, f"nobody can tell how far it is, or stop it: {error}")
    if found.stage is Stage.GOING:
        return ""
    if found.stage is Stage.SUCCEEDED:
        return _taken_in(run, desk, workshop, timeout)
    if found.stage is Stage.CANCELLED:
        return _end(run, desk, Status.CANCELLED, found.why or "somebody cancelled it")
    return _end(run, desk, Status.FAILED, found.why or "it is gone: somebody deleted it")


def _seen(run: Run, desk: Desk, workshop: Workshop, timeout: timedelta) -> Progress:
    """Look how far a training is, and stop one that takes too long, or that nobody wants to pay for any more."""
    found = workshop.progress(run)
    if found.stage is not Stage.GOING:
        return found
    stop = desk.ledger.read()[0].stop_before
    if stop is not None and run.claimed <= stop:
        workshop.cancel(run)
        return Progress(Stage.CANCELLED, "it was stopped: the service's budget is used up")
    if desk.now() < (run.started or run.claimed) + timeout:
        return found
    workshop.cancel(run)
    return Progress(Stage.FAILED, f"it took longer than {timeout} and was cancelled")


def _last(run: Run, timeout: timedelta) -> datetime:
    """Give until when a run is looked after that cannot be: it would hold back the next one for ever."""
    return (run.started or run.claimed) + timeout + PATIENCE


def _taken_in(run: Run, desk: Desk, workshop: Workshop, timeout: timedelta) -> str:
    last = _last(run, timeout)
    try:
        taken = workshop.take_in(run)
    except Exception as error:
        if desk.now() < last:
            raise
        return _given_up(run, desk, str(error))
    if taken is not None:
        return _end(run, desk, taken.status, taken.why)
    # Whoever died at it has perhaps moved the alias: its lease ends within minutes, and then that is told.
    if desk.now() < last or _held(desk):
        return ""
    return _given_up(run, desk, "the registry takes too long")


def _held(desk: Desk) -> bool:
    """Tell whether somebody takes in at the moment, or died while doing so."""
    now = desk.now()
    going = desk.ledger.read()[0].going()
    return any(run.status is Status.STARTED and run.lease is not None and now < run.lease for run in going)


def _given_up(run: Run, desk: Desk, why: str) -> str:
    """Close a run of which the rest cannot be done. What was judged before stands: an alias may name it already."""
    known = desk.ledger.read()[0].runs.get(run.key)
    if known is not None and known.verdict is not None:
        return _end(
            run, desk, Status.SUCCEEDED, f"{known.verdict.get('reason', '')}; the rest could not be done: {why}"
        )
    return _end(run, desk, Status.FAILED, f"what it made could not be taken in: {why}")


def _end(run: Run, desk: Desk, status: Status, why: str) -> str:
    now = desk.now()
    noted = note(desk, run.key, lambda each: replace(each, status=status, ended=now, why=why, lease=None))
    return f"{run.key}: {status}: {why}" if noted else ""  # else another sweep closed it, and has told so
