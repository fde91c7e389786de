"""What of a service, and of the job, waits for a person: why, since when, and which command helps. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from page.commands import Command, of_operator, of_service
from page.documents import Data
from page.state import FAILED, PERSON, State, Tone, is_moving, reported

_TRAINS_NOTHING = {"Skip", "NotStarted", "Refuse"}
_STUCK = {"MetricsMissing", "StableFailing", "NoCapacity"}
_MOST = 3
_KINDS = {
    "pinned": "pinned by hand",
    "no data": "not enough data",
    "drift": "data drift, no training",
    "trainings": "training stopped",
    "open": "not private",
    "needs a person": "needs you",
    "reported": "differs",
}
"""What is said for a sort, where that is not its name."""
_BY_REPORTS = {"failed", "refused", "blocked", "reported", "held", "vulnerable", "needs a person", "not working"}
_HELPS = {"drift": "monitor", "trainings": "why", "budget": "why", "stuck": "rollout", "order refused": "rollout"}


@dataclass(frozen=True, slots=True)
class Need:
    """Something that waits for a person.

    Args:
        about: What sort, as standings name it.
        tone: `needs` or `bad`.
        reason: Why, in words.
        command: What helps.
        since: Since when, ISO 8601; None where nobody says.
        until: When it ends by itself; None where it does not.
    """

    about: str
    tone: Tone
    reason: str
    command: Command
    since: str | None = None
    until: str | None = None

    @property
    def state(self) -> State:
        """Give what it makes of a service: its sort in a word or two, and how that is."""
        return State(_KINDS.get(self.about, self.about), self.tone)

    def to_json(self) -> Data:
        """Give it as plain data."""
        state = self.state.to_json()
        told = {"kind": state["word"], "about": self.about, "tone": state["tone"], "sign": state["sign"]}
        return {**told, "reason": self.reason, "since": self.since, "until": self.until, **self.command.to_json()}


def needs_of(service: Data) -> list[Need]:
    """List what of a service waits for a person: what is broken first, each once.

    What a pass says of it counts; since when, and which command helps, is read off the rest.
    """
    known = [*_of_the_pass(service), *_of_the_rollout(service), *_of_the_budget(service), *_of_the_data(service)]
    told = service.get("needs") or ()
    if told or service.get("versions"):
        said = {each["kind"] for each in told}
        known = [need for need in known if need.about in said or need.about in _BY_REPORTS]
    known += _twice(service)
    known += [_told(service, each) for each in told if each["kind"] not in {need.about for need in known}]
    return sorted(known, key=lambda need: need.state.rank)


def _of_the_pass(service: Data) -> Iterator[Need]:
    told, report = reported(service), service.get("report") or {}
    why = "; ".join([*(report.get("problems") or ())][:_MOST])
    if told in FAILED:
        command = of_service("why", service) if told == "failed" else of_operator("plan", service)
        yield Need(told, Tone.BAD, why or service.get("problem") or "The last pass could not.", command)
    elif service.get("problem"):
        yield Need("not working", Tone.BAD, service["problem"], of_service("status", service))
    elif told == "held":
        yield Need("held", Tone.NEEDS, why or _changes(service), of_operator("operator proceed", service))
    elif told == "reported":
        yield Need("reported", Tone.NEEDS, why or _changes(service), of_operator("plan", service))
    elif told in PERSON and why:
        yield Need(told, Tone.NEEDS, why, of_service("why", service))


def _twice(service: Data) -> Iterator[Need]:
    others = service.get("alsoBy") or ()
    if others:
        why = f"{', '.join(others)} and {service['operator']} report it: which one is to see to it?"
        yield Need("two operators", Tone.NEEDS, why, of_operator("operator status", service))


def _changes(service: Data) -> str:
    """Say what differs: as the report has it, else as the standing, which may be the only one that can be read."""
    told = (service.get("report") or {}).get("changes") or service.get("pending") or ()
    said = "; ".join(f"{each['action']} {each['address']}: {each['reason']}" for each in told[:_MOST])
    return said or "The last pass left it as it is; what differs is in no report that can be read."


def _of_the_rollout(service: Data) -> Iterator[Need]:
    rollout = service.get("rollout")
    if not rollout:
        return
    why, since = rollout["why"], rollout.get("since")
    if rollout["phase"] == "Pinned":
        yield Need("pinned", Tone.NEEDS, why, of_service("resume", service), since)
    elif rollout["phase"] in {"RolledBack", "Failed"}:
        kind = "rolled back" if rollout["phase"] == "RolledBack" else "not working"
        yield Need(kind, Tone.NEEDS, why, of_service("retry", service), since)
    elif rollout["wait"] == "Approval":
        yield Need("approval", Tone.NEEDS, why, of_service("promote", service, step=rollout["step"] or None), since)
    elif rollout["wait"] == "Paused":
        yield Need("paused", Tone.NEEDS, why, of_service("resume", service), since)
    elif rollout["wait"] in _STUCK:
        yield Need("stuck", Tone.NEEDS, why, of_service("rollout", service), since)
    if rollout.get("refused"):
        yield Need("order refused", Tone.NEEDS, rollout["refused"], of_service("rollout", service))


def _of_the_budget(service: Data) -> Iterator[Need]:
    """Tell of the last step that is taken: it does what those before it do, and more."""
    taken = [each for each in (service.get("budget") or {}).get("steps") or () if each["state"] == "taken"]
    if taken:
        step = taken[-1]
        lift = of_service("budget lift", service, step=step["do"] or None)
        why = f"{step['step']} holds: {step['why']}" if step["why"] else f"{step['step']} holds"
        yield Need("budget", Tone.NEEDS, why, lift, step.get("since"), step.get("until"))


def _of_the_data(service: Data) -> Iterator[Need]:
    retraining: Data | None = service.get("retraining")
    for each in (service.get("monitoring") or {}).get("comparisons") or ():
        if each["finding"] == "Breach" and not _is_answered(retraining):
            columns = ", ".join(each["columns"][:5])
            why = each["reason"] or f"{each['which']} of {columns or 'its data'} is beyond its limit"
            command = of_service("retrain" if retraining else "monitor", service)
            yield Need("drift", Tone.NEEDS, why, command, each.get("since"))
    if retraining and retraining["frozen"]:
        yield Need("trainings", Tone.NEEDS, retraining["frozen"], of_service("why", service))
    until = (retraining or {}).get("circuitUntil")
    if until:
        why = "Trainings failed so often in a row that none starts by itself."
        yield Need("trainings", Tone.NEEDS, why, of_service("why", service), None, until)


def _is_answered(retraining: Data | None) -> bool:
    """Tell whether a training is on its way, or the last decision was one to train."""
    decisions = (retraining or {}).get("decisions") or []
    return bool(decisions) and decisions[0]["action"] not in _TRAINS_NOTHING


def needs_of_operator(passes: tuple[Data, ...]) -> Iterator[tuple[str, Need]]:
    """List what of the job waits for a person, each with the name that it is about.

    Args:
        passes: The latest report of each shard.
    """
    for report in passes:
        name = report["operator"] or "the job"
        for problem in report["problems"][:_MOST]:
            yield name, Need("pass failed", Tone.BAD, problem, of_operator("operator logs", report), report["ended"])
        held = (report["canary"] or {}).get("held") or {}
        if held:
            first = "; ".join(f"{address}: {why}" for address, why in sorted(held.items())[:_MOST])
            yield name, Need("held", Tone.NEEDS, first, of_operator("operator proceed", report), report["ended"])
        for each in report["orphaned"]:
            if each["state"] == "orphaned" and not each["goes"]:
                why = each["reason"] or "no spec wants it any more, and it stays"
                command = of_service("why", {**report, "name": each["name"]})
                yield each["name"], Need("orphaned", Tone.NEEDS, why, command, each["since"] or None)


def _told(service: Data, each: Data) -> Need:
    """Make something of what a pass says in words alone."""
    rollout, kind = service.get("rollout") or {}, each["kind"]
    tone = Tone.BAD if kind in {*FAILED, "not working"} else Tone.NEEDS
    if kind == "no data" and is_moving(service):
        order = of_service("promote", service, step=rollout["step"] or None)
        return Need(kind, tone, rollout["why"] or each["why"], order, rollout.get("since"))
    return Need(kind, tone, each["why"], of_service(_HELPS.get(kind, "status"), service))
