"""What a training made is taken in: judged, registered, promoted, told; each step such that it can be done again.

An instance may die between any two steps, and two may sweep at the same time. One at a time takes in for a service: it
claims that in the history, as a start is claimed, so that no alias moves between a comparison and what follows of it.
A version is found by its run's alias, and none is uploaded while another upload is under way: never two for one run.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from runtime.retraining.decision import LEASE, Action, Decision, Event
from runtime.retraining.google import Refused
from runtime.retraining.handling import Desk, Moved, note
from runtime.retraining.outcome import Evaluation, Unmeasured, Verdict
from runtime.retraining.runs import History, Run, Status
from runtime.retraining.verdicts import Live, verdict


class NotRegistered(Exception):
    """The registry does not take a model, and would not another time. The text says why."""


class UnderWay(Exception):
    """An upload has not ended: what comes of it is seen the next time."""


class Shelf(Protocol):
    """Where trainings leave what they make, and the registry."""

    def metrics(self, run: Run) -> bytes | None:
        """Give a run's metrics file; None where there is none."""

    def model(self, run: Run) -> str:
        """Give the folder of the model that a run left; empty where it left none."""

    def named(self, alias: str) -> Live | None:
        """Give the version that an alias names, or that has a number; None where there is none."""

    def register(self, run: Run, artifact: str, about: str) -> str:
        """Make the version of a run, or find it; its number.

        Raises:
            NotRegistered: It is refused.
            UnderWay: This or another upload has not ended.
        """

    def promote(self, version: str, alias: str) -> None:
        """Let an alias name a version; doing it again changes nothing."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What becomes of a better model.

    Args:
        registers: Whether models are registered at all.
        evaluation: The comparison; None takes any.
        alias: Of the version that serves; empty where the spec follows none.
        moves: Alias that a better model is given; empty where none moves by itself.
        serving: Folder of the model that serves while the registry has none; empty for none.
    """

    registers: bool
    evaluation: Evaluation | None = None
    alias: str = ""
    moves: str = ""
    serving: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """How a run ends.

    Args:
        status: Failed, where nothing came of it.
        why: What came of it, in a sentence.
    """

    status: Status
    why: str


def live(history: History, shelf: Shelf, policy: Policy) -> Live | None:
    """Find the model that serves: what the alias names, else the one that the spec names, else the last winner.

    A winner that nobody took serves nowhere: where the spec names a model, that is what requests are answered by.
    """
    if not policy.registers:
        return None
    found = shelf.named(policy.alias) if policy.alias else None
    if found is None and policy.serving:
        return Live(policy.serving)
    return found if found is not None or policy.alias else last_winner(history, shelf)


def last_winner(history: History, shelf: Shelf) -> Live | None:
    """Find the last model that was better than the one before it, and is in the registry still."""
    for run in reversed(history.winners()):
        found = shelf.named(run.version)
        if found is not None and is_of(run, found):
            return found
    return None


def is_of(run: Run, model: Live) -> bool:
    """Tell whether a version is what a run made, and not one of that number of another model."""
    return bool(run.version) and run.version == model.version and _same(run.artifact, model.artifact)


def _same(one: str, other: str) -> bool:
    return one.rstrip("/") == other.rstrip("/")


def take_in(run: Run, desk: Desk, shelf: Shelf, policy: Policy) -> Taken | None:
    """Take in what a run made.

    Returns:
        How the run is to be closed; None where another instance is at it, or an upload has not ended.

    Raises:
        Exception: Whatever came between; it is to be tried again.
    """
    if not policy.registers:
        return Taken(Status.SUCCEEDED, f"{run.name} succeeded")
    mine = _claimed(run, desk)
    if mine is None:
        return None
    try:
        return _taken(mine, desk, shelf, policy)
    except UnderWay:
        note(desk, run.key, _released)
        return None
    except Exception:
        # This instance does nothing more about it; one that died instead is outlasted by its lease.
        note(desk, run.key, _released)
        raise


def _released(run: Run) -> Run:
    return replace(run, lease=None)


def _claimed(run: Run, desk: Desk) -> Run | None:
    """Claim that this instance alone takes in; None where another one does, or has."""
    history, generation = desk.ledger.read()
    known, now = history.runs.get(run.key), desk.now()
    if known is None or known.status is not Status.STARTED:
        return None
    busy = [each for each in history.going() if each.status is Status.STARTED and each.lease and now < each.lease]
    if busy:
        return None
    mine = replace(known, lease=now + LEASE)
    try:
        desk.ledger.write(history.with_run(mine, now=now), generation)
    except Moved:
        return None
    return mine


def _taken(run: Run, desk: Desk, shelf: Shelf, policy: Policy) -> Taken:
    try:
        artifact = shelf.model(run)
        judged = _judged(run, artifact, desk, shelf, policy)
        version = _number(run, shelf) or shelf.register(run, artifact, judged.reason)
    except (Unmeasured, NotRegistered, Refused) as error:
        return _told(run, desk, Action.FAIL, str(error), {})
    told = {"better": judged.better, "reason": judged.reason, **judged.numbers}
    told |= {"metric": policy.evaluation.metric} if policy.evaluation else {}
    if (told, version, artifact) != (run.verdict, run.version, run.artifact):
        now = desk.now()
        note(desk, run.key, lambda each: replace(each, version=version, artifact=artifact, verdict=told, judged=now))
    action = Action.REFUSE
    if judged.better:
        action = Action.PROMOTE if policy.moves else Action.REGISTER
    if action is Action.PROMOTE:
        shelf.promote(version, policy.moves)
    numbers = {**judged.numbers, "version": version} | ({"alias": policy.moves} if action is Action.PROMOTE else {})
    return _told(run, desk, action, judged.reason, numbers)


def _number(run: Run, shelf: Shelf) -> str:
    """Give the number that a run's model has already; empty where it has none, or that model was deleted since."""
    found = shelf.named(run.version) if run.version else None
    return run.version if found is not None and is_of(run, found) else ""


def _judged(run: Run, artifact: str, desk: Desk, shelf: Shelf, policy: Policy) -> Verdict:
    """Judge a run, unless it was and its own model is the one that serves by now: it is not compared with itself."""
    if not artifact:
        raise Unmeasured("the training left no model in the folder model/ of its output")
    history, _ = desk.ledger.read()
    serving = live(history, shelf, policy)
    known = run.verdict
    if known is not None and serving is not None and is_of(run, serving):
        kept = {name: value for name, value in known.items() if name not in {"better", "reason", "metric"}}
        return Verdict(bool(known["better"]), str(known["reason"]), kept)
    content = shelf.metrics(run) if policy.evaluation else None
    other = last_winner(history, shelf) if serving is not None and not serving.version else None
    return verdict(run, content, serving, history, policy.evaluation, winner=other)


def _told(run: Run, desk: Desk, action: Action, why: str, numbers: Mapping[str, Any]) -> Taken:
    """Tell and keep the verdict, in this order: what is kept has certainly been told."""
    decision = Decision(action, run.key, run.trigger, why, numbers=numbers)
    event = Event(run.key, run.trigger, run.started or run.claimed, about=run.name)
    desk.tell(decision, event)
    desk.ledger.record(decision, event, desk.now())
    words = {
        Action.PROMOTE: "version {version} is {alias} now: {why}",
        Action.REGISTER: "version {version} is registered: {why}",
        Action.REFUSE: "version {version} is not taken: {why}",
        Action.FAIL: "{why}",
    }
    said = words[action].format(version=numbers.get("version", ""), alias=numbers.get("alias", ""), why=why)
    return Taken(Status.FAILED if action is Action.FAIL else Status.SUCCEEDED, said)
