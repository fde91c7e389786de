"""What fires a service's trainings, when each fired last, and when the next one is due."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.address import Address
from reconciler.engine.retraining import Retraining, read_retraining, the_service
from reconciler.engine.session import Session

SWEEP = "sweep"
"""The job of ours that looks after trainings, which fires none."""
_SOURCES = {"scheduler_job": "schedule", "storage_notification": "storage", "pubsub_subscription": "pubsub"}
"""What of a trigger is an object of its own, by kind; of several the first says what sort of trigger it is."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One trigger.

    Args:
        name: As in the spec.
        kind: `schedule`, `pubsub`, `storage`; empty for one that only decisions tell of.
        source: What it listens to, in the spec's words.
        next: When it is due, ISO 8601; empty where nobody knows.
        problem: Why it does not fire; empty when it does.
        decision: The latest decision on an event of it; empty while there is none.
    """

    name: str
    kind: str
    source: str
    next: str
    problem: str
    decision: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "name": self.name,
            "kind": self.kind,
            "source": self.source,
            "next": self.next,
            "problem": self.problem,
            "decision": dict(self.decision),
        }


@dataclass(frozen=True, slots=True)
class Triggers:
    """Every trigger of a service.

    Args:
        service: Name of the service.
        region: Where it is.
        triggers: By name.
        unreadable: Objects that cannot be read, and why.
    """

    service: str
    region: str
    triggers: tuple[Trigger, ...]
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "name": self.service,
            "region": self.region,
            "triggers": [trigger.to_json() for trigger in self.triggers],
            "unreadable": list(self.unreadable),
        }


def read_triggers(session: Session, service: str, region: str | None, *, last: int) -> Triggers:
    """Read the triggers of a service from what was made for them, and what was decided on their events.

    Args:
        session: The run.
        service: Name of the service.
        region: Where; None for wherever it is.
        last: How many decisions are looked at; a trigger that fired before those looks as if it never had.

    Raises:
        UsageError: There is none of that name, or one in several regions.
        ApiError: Something cannot be read.
    """
    inventory = the_service(session, service, region)
    region = inventory.region
    made = dict(_made(inventory.entries, region, service))
    names = {address: inventory.entries[address].server_name for address in made}
    seen = session.observe(names)
    found: dict[str, Trigger] = {}
    retraining = read_retraining(session, region, service, last=last)
    latest = _latest(retraining)
    for address in sorted(made, key=lambda address: (made[address], list(_SOURCES).index(address.kind))):
        name = made[address]
        if name not in found:
            found[name] = _trigger(address, name, seen.get(address), latest.get(name, {}))
    others = {name: Trigger(name, "", "", "", "", latest[name]) for name in latest if name not in found}
    both = {**found, **others}
    return Triggers(service, region, tuple(both[name] for name in sorted(both)), retraining.unreadable)


def _made(entries: Mapping[Address, Any], region: str, service: str) -> Iterator[tuple[Address, str]]:
    """Give the objects that stand for triggers, each with the trigger's name. No service has `_` in its name."""
    for address in entries:
        name = ""
        if address.kind == "scheduler_job" and address.location == region:
            name = _after(address.name, f"{service}_")
        elif address.kind == "pubsub_subscription":
            name = _after(address.name, f"{service}_{region}_")
        elif address.kind == "storage_notification":
            name = _after(address.name.partition("/")[2], f"{service}/")
        if name and name != SWEEP:
            yield address, name


def _after(text: str, start: str) -> str:
    return text.removeprefix(start) if text.startswith(start) else ""


def _trigger(address: Address, name: str, seen: Any, decision: Mapping[str, Any]) -> Trigger:
    kind = _SOURCES[address.kind]
    if seen is None:
        return Trigger(name, kind, "", "", f"{address} is gone: the next apply makes it again", decision)
    fields = seen.fields
    source = {
        "schedule": lambda: f"{fields.schedule} {fields.time_zone}",
        "storage": lambda: f"gs://{fields.bucket}/{fields.prefix}",
        "pubsub": lambda: str(fields.topic).rpartition("/")[2],
    }[kind]()
    paused = "it is paused" if getattr(fields, "paused", False) else ""
    return Trigger(name, kind, source, str(seen.output.get("next", "")), seen.problem or paused, decision)


def _action(run: Mapping[str, Any]) -> str:
    return "NotStarted" if run.get("status") == "Failed" and not run.get("started") else "Start"


def _latest(retraining: Retraining) -> Mapping[str, Mapping[str, Any]]:
    """Give the latest decision by trigger; of one whose decisions are older than those read, its latest training."""
    found: dict[str, Mapping[str, Any]] = {}
    for run in retraining.runs:
        told = {"decided": run.get("claimed", ""), "action": _action(run), "key": run.get("key", "")}
        found.setdefault(str(run.get("trigger", "")), told)
    for decision in reversed(retraining.decisions):
        found[str(decision.get("trigger", ""))] = decision
    return {name: decision for name, decision in found.items() if name}
