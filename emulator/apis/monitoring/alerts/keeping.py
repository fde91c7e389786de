"""What of alert policies lies in the store."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from google.cloud.monitoring_v3.types import alert

from emulator.apis.monitoring.alerts.incidents import Incident, State, held_of
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection, by_id
from emulator.core.world import World

POLICIES = Collection(
    "monitoring.alert_policy",
    alert.AlertPolicy.pb(),
    "projects/*/alertPolicies/*",
    missing=lambda name: ApiFailure("NOT_FOUND", f"Could not find alert policy {name}."),
    key=by_id,
    place=by_id,
)
STATE, INCIDENT = "monitoring.alert_state", "monitoring.incident"
INCIDENTS_MOST = 1000
"""Incidents of one policy that are remembered, those that are over included."""


def state_of(world: World, policy: str) -> State:
    """What is remembered of a policy."""
    body = world.store.get(STATE, policy)
    if body is None:
        return State()
    data = json.loads(body)
    held = {name: {key: held_of(each) for key, each in many.items()} for name, many in data["held"].items()}
    return State(held, {key: Incident.read(each) for key, each in data["open"].items()})


def save_state(world: World, policy: str, state: State) -> None:
    """Remember it."""
    held = {name: {key: asdict(each) for key, each in many.items()} for name, many in state.held.items()}
    data = {"held": held, "open": {key: each.to_json() for key, each in state.open.items()}}
    world.store.put(STATE, policy, json.dumps(data).encode())


def save_incident(world: World, incident: Incident, shown: dict[str, Any]) -> None:
    """Write down an incident as it is told of, in place of what was told before."""
    world.store.put(INCIDENT, f"{incident.policy}/{incident.opened:020d}/{incident.id}", json.dumps(shown).encode())
    found = world.store.list(INCIDENT, f"{incident.policy}/")
    world.store.delete_all(INCIDENT, [name for name, _ in found[:-INCIDENTS_MOST]])


def incidents(world: World) -> Iterator[dict[str, Any]]:
    """Every incident that is remembered, by policy and the oldest first."""
    for _, body in world.store.list(INCIDENT):
        yield json.loads(body)


def forget(world: World, policy: str) -> None:
    """Remember nothing of a policy any more."""
    world.store.delete(STATE, policy)
    world.store.delete_all(INCIDENT, [name for name, _ in world.store.list(INCIDENT, f"{policy}/")])
