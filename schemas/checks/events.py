"""Predictions by message.

Source:
    pubsub v1 `Subscription`, `DeadLetterPolicy`, `RetryPolicy`; https://cloud.google.com/pubsub/quotas#resource_limits
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.checks.message_filter import is_filter
from schemas.checks.retraining import topic
from schemas.refusal import shown
from schemas.sections.events import Events, Topic
from schemas.sections.runtime import Protocol, Runtime
from schemas.units import duration_text

_LONGEST_FILTER = 256
_BUNDLED = "/events"
_PATH = re.compile(r"/[!-~]*")


def topics(events: Events | None) -> Iterator[Finding]:
    """Topics that can be, and can be made."""
    for path, each in _topics(events):
        yield from topic(f"{path}.topic", each.topic)
        if each.create and each.topic.startswith("projects/"):
            hint = "write just its id to make it in this project, or leave out create"
            yield Finding(f"{path}.create", "pubsub-topic", "a topic of another project is not made", hint)


def different_topics(events: Events | None) -> Iterator[Finding]:
    """What comes out does not go in again."""
    named: dict[str, str] = {}
    for path, each in _topics(events):
        if each.topic in named:
            hint = "every message that goes there would come back as a request"
            yield Finding(f"{path}.topic", "pubsub-loop", f"{shown(each.topic)} is also {named[each.topic]}", hint)
        named.setdefault(each.topic, path)


def subscription(events: Events | None, runtime: Runtime) -> Iterator[Finding]:
    """A subscription that Pub/Sub takes, and that does not ask twice while the first answer is on its way."""
    if events is None:
        return
    requests, path = events.requests, "events.requests"
    if requests.path == _BUNDLED and Protocol.JSON not in runtime.protocols:
        hint = "add json to runtime.protocols, or name another path"
        yield Finding(f"{path}.path", "pubsub-path", f"the server has {_BUNDLED} only with the protocol json", hint)
    if requests.retry.min_backoff_s > requests.retry.max_backoff_s:
        most = duration_text(requests.retry.max_backoff_s * 1000)
        yield Finding(f"{path}.retry.minBackoff", "pubsub-retry", f"it is above maxBackoff ({most})")
    if requests.filter is not None and not 0 < len(requests.filter.strip().encode()) <= _LONGEST_FILTER:
        yield Finding(f"{path}.filter", "pubsub-filter", f"a filter has 1 to {_LONGEST_FILTER} bytes")
    elif requests.filter is not None and not is_filter(requests.filter):
        hint = 'as in attributes.kind = "score" AND NOT attributes:test; AND and OR need brackets beside each other'
        yield Finding(f"{path}.filter", "pubsub-filter", f"{shown(requests.filter)} is not a filter of Pub/Sub's", hint)
    if not _PATH.fullmatch(requests.path):
        summary = f"{shown(requests.path)} is not a path of the service"
        yield Finding(f"{path}.path", "pubsub-path", summary, "begin with /, as in /events")
    if requests.ack_deadline_s < runtime.timeout_s:
        longest = duration_text(int(runtime.timeout_s) * 1000)
        summary = f"a request may take {longest} (runtime.timeout): it would be delivered again while it is answered"
        yield warning(f"{path}.ackDeadline", "pubsub-deadline", summary, "raise it, or lower runtime.timeout")


def _topics(events: Events | None) -> Iterator[tuple[str, Topic]]:
    if events is None:
        return
    yield "events.requests", events.requests
    if events.requests.dead_letter:
        yield "events.requests.deadLetter", events.requests.dead_letter
    if events.answers:
        yield "events.answers", events.answers
