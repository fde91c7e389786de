"""Who hears of what."""

from collections.abc import Iterator

from schemas.checks.access import EMAIL
from schemas.checks.finding import Finding, exactly_one, repeated
from schemas.checks.retraining import https, topic
from schemas.operator import OperatorNotification
from schemas.refusal import shown
from schemas.sections.notifications import Notification, Receiver


def receivers(notifications: tuple[Receiver, ...]) -> Iterator[Finding]:
    """Each entry has one receiver that can be one."""
    for index, entry in enumerate(notifications):
        path = f"notifications[{index}]"
        choices = {"email": entry.email, "pubsub": entry.pubsub, "webhook": entry.webhook}
        yield from exactly_one(path, choices, "the receiver")
        if entry.email is not None and not EMAIL.fullmatch(entry.email):
            summary = f"{shown(entry.email)} is not an e-mail address"
            yield Finding(f"{path}.email", "email", summary, "for example ml@acme.example")
        if entry.pubsub is not None:
            yield from topic(f"{path}.pubsub", entry.pubsub)
        if entry.webhook is not None:
            yield from https(f"{path}.webhook", entry.webhook)


def events(notifications: tuple[Notification | OperatorNotification, ...]) -> Iterator[Finding]:
    """Each event once per receiver, each receiver once."""
    for index, entry in enumerate(notifications):
        for position, event in repeated(entry.events):
            yield Finding(f"notifications[{index}].events[{position}]", "repeated", f'"{event}" is listed twice')
    receivers = [
        entry.email or entry.pubsub or entry.webhook or f"#{index}" for index, entry in enumerate(notifications)
    ]
    for index, receiver in repeated(receivers):
        summary = f"{shown(receiver)} has two entries"
        yield Finding(f"notifications[{index}]", "repeated", summary, "join their events", at_key=True)
