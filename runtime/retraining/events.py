"""Deliveries become events: one key for every delivery of the same thing, and for nothing else.

Pub/Sub pushes a message in an envelope. Source:
    https://cloud.google.com/pubsub/docs/push#receive_push
    https://cloud.google.com/storage/docs/pubsub-notifications (attributes)
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runtime.retraining import breaches
from runtime.retraining.breaches import Watch
from runtime.retraining.decision import Event
from runtime.retraining.guards import Guard
from runtime.retraining.settings import Settings

MANUAL = "manual"
LOOK = "look"
"""What a log entry of a monitor is: a reason to look at what it measured, whatever it says; none to train."""
SWEEP = "sweep"
"""What is sent every few minutes to look after what goes on; no reason to train."""
FILES = "storage"
"""What fires a trigger for files, as the settings call it."""
_KEY_LENGTH = 24


class NoEvent(ValueError):
    """A delivery that nobody can make sense of: it would be no better the next time. The text says why."""


def key_of(trigger: str, *parts: str) -> str:
    """Give the idempotency key of a thing: letters and digits, fit for names and labels."""
    return hashlib.sha256("\0".join((trigger, *parts)).encode()).hexdigest()[:_KEY_LENGTH]


@dataclass(frozen=True, slots=True)
class Here:
    """Whose events these are.

    Args:
        service: Name of the service.
        region: Where it is.
        watches: Triggers that fire for what monitors find.
        triggers: What fires each trigger, by its name; None where nobody says.
        looks: Whether monitors are looked at.
    """

    service: str = ""
    region: str = ""
    watches: Sequence[Watch] = ()
    triggers: Mapping[str, str] | None = None
    looks: bool = False

    def knows(self, trigger: str) -> bool:
        """Tell whether a trigger is one of the spec's, or of those that each service has."""
        return self.triggers is None or trigger in self.triggers or trigger in {MANUAL, SWEEP}

    def of_files(self, trigger: str, attributes: Mapping[str, str]) -> bool:
        """Tell whether a message is a bucket's: on another topic an attribute of that name is its sender's own."""
        return "objectId" in attributes and (self.triggers is None or self.triggers.get(trigger) == FILES)

    @classmethod
    def of(cls, settings: Settings) -> Here:
        """Read it from the function's settings."""
        watches = tuple(Watch.of(told) for told in settings.breaches)
        return cls(settings.service, settings.region, watches, settings.triggers, bool(settings.watched))


def read(trigger: str, body: bytes, now: datetime, here: Here = Here()) -> Event | None:
    """Read a pushed message.

    Args:
        trigger: Name of the trigger whose subscription delivers here; empty for the service's own topic, on which
            each message names its trigger.
        body: The request's body.
        now: For a message that does not say when it was published.
        here: Whose events they are, for what monitors find.

    Returns:
        The event; None for one that is no reason to train, such as a file that was deleted.

    Raises:
        NoEvent: It is no message, or names no trigger, or none of the spec.
    """
    message = _message(body)
    attributes = {str(k): str(v) for k, v in _mapping(message.get("attributes")).items()}
    name = trigger or attributes.get("trigger", "")
    number = str(message.get("messageId") or message.get("message_id") or "")
    if not number:
        raise NoEvent("the message has no id")
    at = _moment(message.get("publishTime") or message.get("publish_time"), now)
    if not name:
        return _of_monitor(message, attributes, number, at, here)
    if not here.knows(name):
        raise NoEvent(f"no trigger of {here.service} is called {name[:100]}")
    if here.of_files(name, attributes):
        return _of_object(name, attributes, at)
    if trigger:  # a topic of the user's: whatever its messages say, each is one
        return Event(key_of(name, number), name, at, about=f"message {number}")
    return _of_own_topic(name, attributes, number, at)


def _of_own_topic(name: str, attributes: Mapping[str, str], number: str, at: datetime) -> Event:
    if name == MANUAL:
        return _of_person(attributes, number, at)
    if attributes.get("key"):  # a monitor names the window that it looked at
        return Event(key_of(name, attributes["key"]), name, at, about=attributes.get("about", "")[:500])
    if attributes.get("service"):
        # A schedule may publish the same minute twice, as two messages: the minute is the event.
        return Event(
            key_of(name, at.strftime("%Y-%m-%dT%H:%M")), name, at, about=f"its schedule, {at:%Y-%m-%d %H:%M} UTC"
        )
    return Event(key_of(name, number), name, at, about=f"message {number}")


def _of_object(name: str, attributes: Mapping[str, str], at: datetime) -> Event | None:
    if attributes.get("eventType", "OBJECT_FINALIZE") != "OBJECT_FINALIZE":
        return None
    where = f"gs://{attributes.get('bucketId', '')}/{attributes['objectId']}"
    generation = attributes.get("objectGeneration", "")
    return Event(key_of(name, where, generation), name, at, about=f"{where} was written"[:500])


def _of_monitor(
    message: Mapping[str, Any], attributes: Mapping[str, str], number: str, at: datetime, here: Here
) -> Event | None:
    """Read what a monitor found. What is another service's, or nobody trains for, is no event."""
    data = base64.b64decode(message.get("data") or "")
    if breaches.logged(data):
        return Event(key_of(LOOK, number), LOOK, at) if here.looks else None
    try:
        found = breaches.told(attributes, number, at) or breaches.incident(data, at)
    except breaches.NoBreach as error:
        raise NoEvent(str(error)) from error
    if found is None:
        raise NoEvent("the message names no trigger")
    if here.looks and found.monitor in breaches.LOOKED_AT and not attributes.get("breach"):
        return None  # an alert on what the function judges itself: one window must not count twice
    watch = breaches.watching(here.watches, found.monitor)
    if watch is None or found.service not in {"", here.service} or found.region not in {"", here.region}:
        return None
    key = key_of(watch.trigger, found.monitor, found.key)
    about = f"{found.monitor}: {found.about}" if found.about else f"{found.monitor} was found"
    return Event(key, watch.trigger, found.at, about, monitor=found.monitor, needed=watch.consecutive, over=found.over)


def _of_person(attributes: Mapping[str, str], number: str, at: datetime) -> Event:
    words = [word for word in attributes.get("force", "").split(",") if word]
    known = {str(guard): guard for guard in Guard}
    unknown = [word for word in words if word not in known]
    if unknown:
        raise NoEvent(f"no guard is called {', '.join(unknown)}")
    by = attributes.get("by", "")[:200]
    key = key_of(MANUAL, attributes.get("key") or number)
    about = f"asked for by {by or 'somebody'}"
    return Event(
        key, MANUAL, at, about, frozenset(known[word] for word in words), by, attributes.get("dryRun") == "true"
    )


def _message(body: bytes) -> Mapping[str, Any]:
    try:
        envelope = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoEvent("the body is no JSON") from error
    message = _mapping(envelope).get("message")
    if not isinstance(message, Mapping):
        raise NoEvent("the body holds no Pub/Sub message")
    data = message.get("data")
    if data is not None:
        try:
            base64.b64decode(data, validate=True)
        except (binascii.Error, TypeError, ValueError) as error:
            raise NoEvent("the message's data is no base64") from error
    return message


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _moment(text: Any, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return now
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
