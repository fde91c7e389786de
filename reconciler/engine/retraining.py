"""What the retraining function of a service did and why: read from what it keeps in the state bucket.

The function writes it (`runtime/retraining/ledger.py`); this reads it for people, and believes none of it blindly: an
object that cannot be read is named, and hides no other.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.inventory import Inventory, Key
from reconciler.core.kind import Roles
from reconciler.core.ladder.steps import Restraint
from reconciler.core.planned import refuse_broken
from reconciler.engine.inventory_store import InventoryStore, calling
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.calls import CALL_TIMEOUT_S
from reconciler.gcp.calls import calling as translating

FORMAT = 1
LARGEST = 8 << 20
"""Bytes of an object that are read, at most."""
_PAGE = 1000
_TRIES = 5
_PUBLISHING = Roles(write=("roles/pubsub.publisher",), on="the topic")
_KEY_LENGTH = 24


@dataclass(frozen=True, slots=True)
class Retraining:
    """One service's retraining.

    Args:
        service: Name of the service.
        region: Where it is.
        runs: Trainings, the latest first, as the function wrote them.
        decisions: What was decided on the latest events, the latest first.
        frozen: Why nothing starts until further notice; empty for no reason.
        circuit_until: Until when failures in a row keep anything from starting, ISO 8601; empty while they do not.
        unreadable: Objects that cannot be read, and why.
    """

    service: str
    region: str
    runs: tuple[Mapping[str, Any], ...] = ()
    decisions: tuple[Mapping[str, Any], ...] = ()
    frozen: str = ""
    circuit_until: str = ""
    unreadable: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "name": self.service,
            "region": self.region,
            "frozen": self.frozen,
            "circuitUntil": self.circuit_until,
            "runs": [dict(run) for run in self.runs],
            "decisions": [dict(decision) for decision in self.decisions],
            "unreadable": list(self.unreadable),
        }


@dataclass(slots=True)
class _Reading:
    bucket: Any
    folder: str
    unreadable: list[str] = field(default_factory=list)

    def json(self, name: str) -> Mapping[str, Any]:
        """Give one object as a mapping; empty where there is none, or none that can be read."""
        content = self._content(name)
        if content is None:
            return {}
        try:
            found = json.loads(content)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, Mapping):
            self.unreadable.append(f"gs://{self.bucket.name}/{name} is no JSON object of ours")
            return {}
        return found

    def _content(self, name: str) -> bytes | None:
        """Give an object's bytes; none of one that is too large, None where there is none.

        The function may write between the look at the size and the read of that generation, which is gone then.
        """
        for attempt in range(_TRIES):
            try:
                with calling("read", f"gs://{self.bucket.name}/{name}"):
                    blob = self.bucket.get_blob(name, timeout=CALL_TIMEOUT_S)
                    if blob is None:
                        return None
                    found: bytes = b"" if blob.size > LARGEST else blob.download_as_bytes(timeout=CALL_TIMEOUT_S)
                    return found
            except errors.NotFoundError:
                if attempt + 1 == _TRIES:
                    raise
        return None


def key_of_wish(number: str) -> str:
    """Give the key under which the function keeps its decision on a person's wish.

    Args:
        number: What the wish was sent with, as its attribute `key`.
    """
    return hashlib.sha256(f"manual\0{number}".encode()).hexdigest()[:_KEY_LENGTH]


def read_retraining(session: Session, region: str, service: str, *, last: int) -> Retraining:
    """Read what was decided of late, and what was trained.

    Args:
        session: The run.
        region: Of the service.
        service: Its name.
        last: How many decisions; with 0 they are not even listed.

    Raises:
        ApiError: The bucket cannot be read.
    """
    state = session.connection.state
    if not state.there:
        return Retraining(service, region)
    reading = _Reading(state.use(), f"retraining/{region}/{service}/")
    name = f"{reading.folder}history.json"
    history = reading.json(name)
    if history and history.get("format") != FORMAT:
        reading.unreadable.append(f"gs://{state.name}/{name} was written by another version of mlservice")
        history = {}
    runs = [run for run in _list(history.get("runs")) if isinstance(run, Mapping)]
    names = _latest(reading, last) if last else ()
    decisions = session.pool.gather([partial(reading.json, name) for name in names])
    return Retraining(
        service,
        region,
        tuple(sorted(runs, key=lambda run: str(run.get("claimed", "")), reverse=True)),
        tuple(decision for decision in decisions if decision),
        _frozen(history, session.clock.now()),
        str(history.get("circuitUntil") or ""),
        tuple(reading.unreadable),
    )


def _frozen(history: Mapping[str, Any], now: datetime) -> str:
    """Give why nothing starts; nothing once that ended by itself, whether or not anybody wrote it down."""
    until = str(history.get("frozenUntil") or "")
    try:
        over = bool(until) and now >= datetime.fromisoformat(until)
    except (ValueError, TypeError):
        over = False
    return "" if over else str(history.get("frozen") or "")


def read_windows(session: Session, region: str, service: str) -> tuple[tuple[Mapping[str, Any], ...], str]:
    """Read what the function said of monitors' windows.

    Args:
        session: The run.
        region: Of the service.
        service: Its name.

    Returns:
        Windows, the oldest first, none where no function looks at monitors; and why they cannot be read, or nothing.

    Raises:
        ApiError: The bucket cannot be read.
    """
    state = session.connection.state
    if not state.there:
        return (), ""
    reading = _Reading(state.use(), f"retraining/{region}/{service}/")
    name = f"{reading.folder}windows.json"
    found = reading.json(name)
    if found and found.get("format") != FORMAT:
        return (), f"gs://{state.name}/{name} was written by another version of mlservice"
    windows = tuple(each for each in _list(found.get("windows")) if isinstance(each, Mapping))
    return windows, "; ".join(reading.unreadable)


def read_decision(session: Session, region: str, service: str, key: str) -> Mapping[str, Any]:
    """Read the decision on one event; empty while there is none."""
    reading = _Reading(session.connection.state.use(), f"retraining/{region}/{service}/")
    return reading.json(f"{reading.folder}decisions/{key}.json")


def wish(session: Session, region: str, service: str, *, force: Sequence[str] = (), dry: bool = False) -> str:
    """Ask the function to train, through the same guards as every event.

    Args:
        session: The run; its holder is who asks.
        region: Of the service.
        service: Its name.
        force: Guards to override.
        dry: Only say what would happen.

    Returns:
        The key under which the decision will be kept.

    Raises:
        NotFoundError: The service has no topic for events: nothing of it is retrained.
        ApiError: The message was not taken.
    """
    number = secrets.token_hex(8)
    attributes = {"trigger": "manual", "service": service, "region": region, "key": number, "by": session.holder}
    attributes |= {"force": ",".join(force)} if force else {}
    attributes |= {"dryRun": "true"} if dry else {}
    name = f"{service}-retrain"
    topic = f"projects/{session.connection.project}/topics/{name}"
    publisher = session.connection.client("google.pubsub_v1", "publisher", "Publisher")
    with naming_roles(_PUBLISHING), translating("publish to", f"topic {name}"):
        request = {"topic": topic, "messages": [{"attributes": attributes}]}
        publisher.publish(request=request, timeout=CALL_TIMEOUT_S)
    return key_of_wish(number)


def awaited(session: Session, region: str, service: str, key: str, *, within_s: float) -> Mapping[str, Any]:
    """Wait for the decision on an event; empty when there is none in time."""
    until = session.clock.monotonic() + within_s
    pause = 0.2
    while not (found := read_decision(session, region, service, key)) and session.clock.monotonic() < until:
        session.clock.sleep(pause)
        pause = min(pause * 1.5, 5.0)
    return found


def reset_circuit(session: Session, region: str, service: str) -> bool:
    """Close the circuit by hand: failures up to now count no more.

    Returns:
        False where there is no history, and so no circuit.

    Raises:
        Conflict: The function kept writing at the same time.
        UnreadableInventory: The history is none of this version.
    """
    now = session.clock.now().isoformat()
    return _changed_history(session, region, service, lambda _: {"circuitReset": now, "circuitUntil": None})


def restrain(session: Session, region: str, service: str, wanted: Restraint) -> bool:
    """Let no training start for a while and stop those that run, or end that, as a budget has it.

    The function asks before each start, and at each sweep; why it does not start one, and why one was stopped, it says.

    Args:
        session: The run.
        region: Of the service.
        service: Its name.
        wanted: What holds. What somebody froze by hand, without an end, stays as it is, also under a budget's freeze.

    Returns:
        False where nothing is to be changed.

    Raises:
        Conflict: The function kept writing at the same time.
        UnreadableInventory: The history is none of this version.
    """
    words = {
        "frozen": wanted.frozen,
        "frozenUntil": wanted.until.isoformat() if wanted.until else None,
        "stopBefore": wanted.stop.isoformat() if wanted.stop else None,
    }

    def change(history: Mapping[str, Any]) -> Mapping[str, Any]:
        by_hand = bool(history.get("frozen")) and not history.get("frozenUntil")
        ours = {name: words[name] for name in words if name == "stopBefore" or not by_hand}
        return {name: value for name, value in ours.items() if (history.get(name) or None) != (value or None)}

    return _changed_history(session, region, service, change, make=bool(wanted.frozen or wanted.stop))


_NEW: Mapping[str, Any] = {"format": FORMAT, "runs": [], "circuitReset": None, "frozen": "", "circuitUntil": None}


def _changed_history(
    session: Session,
    region: str,
    service: str,
    change: Callable[[Mapping[str, Any]], Mapping[str, Any]],
    *,
    make: bool = False,
) -> bool:
    """Change some words of the history, where nobody else writes at the same time.

    Args:
        session: The run.
        region: Of the service.
        service: Its name.
        change: Gives the words to change; none for nothing.
        make: Write one where there is none.

    Returns:
        False where there is none, or nothing to change.

    Raises:
        Conflict: The function kept writing at the same time.
        UnreadableInventory: The history is none of this version.
    """
    name = f"retraining/{region}/{service}/history.json"
    bucket = session.connection.state.use()
    for attempt in range(_TRIES):
        with calling("read", f"gs://{bucket.name}/{name}"):
            blob = bucket.get_blob(name, timeout=CALL_TIMEOUT_S)
        if blob is None and not make:
            return False
        history = _Reading(bucket, "").json(name) if blob else _NEW
        if history.get("format") != FORMAT:
            raise errors.UnreadableInventory(f"gs://{bucket.name}/{name} is no history of this version")
        words = change(history)
        if not words:
            return False
        generation, blob = (blob.generation, blob) if blob else (0, bucket.blob(name))
        try:
            with calling("write", f"gs://{bucket.name}/{name}"):
                body = json.dumps({**history, **words})
                blob.upload_from_string(
                    body, "application/json", if_generation_match=generation, timeout=CALL_TIMEOUT_S
                )
        except errors.Conflict:
            if attempt + 1 == _TRIES:
                raise
            continue
        return True
    return False


def _latest(reading: _Reading, last: int) -> Sequence[str]:
    """Give the names of the latest decisions: keys say nothing of time, the objects do."""
    with calling("list", f"gs://{reading.bucket.name}/{reading.folder}decisions/"):
        listed = list(_listed(reading))
    return [name for _, name in sorted(listed, reverse=True)[:last]]


def _listed(reading: _Reading) -> Iterator[tuple[Any, str]]:
    prefix = f"{reading.folder}decisions/"
    for blob in reading.bucket.list_blobs(prefix=prefix, page_size=_PAGE, timeout=CALL_TIMEOUT_S):
        yield blob.time_created, blob.name


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def region_of(session: Session, name: str, region: str | None) -> str:
    """Find the region of a service, as `the_service` finds it."""
    return the_service(session, name, region).region


def the_service(session: Session, name: str, region: str | None) -> Inventory:
    """Find a service by its name.

    Args:
        session: The run.
        name: The service's name.
        region: Where the user says that it is.

    Raises:
        UsageError: There is none of that name, or one in several regions.
    """
    everything = InventoryStore(session).read_all()
    refuse_broken(everything, [name])
    return everything[region_among(everything, name, region), name]


def region_among(keys: Collection[Key], name: str, region: str | None) -> str:
    """Choose the region of a service among those that are known.

    Raises:
        UsageError: There is none of that name, or one in several regions.
    """
    found = sorted(key[0] for key in keys if key[1] == name and region in {None, key[0]})
    if not found:
        known = ", ".join(sorted({key[1] for key in keys})) or "none"
        raise errors.UsageError(f"not known here: {name}", hint=f"services applied here: {known}")
    if len(found) > 1:
        raise errors.UsageError(f"{name} is in {', '.join(found)}", hint=f"say which: --region {found[0]}")
    return found[0]
