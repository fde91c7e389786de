"""Pub/Sub topics that a service takes requests from, publishes answers to, or leaves its dead letters in."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Group
from reconciler.core.kind import Gift, Kind, Ownership, Permissions, Roles, by_project
from reconciler.core.naming import MANAGED_BY, MANAGER, fingerprint, mark_of
from reconciler.core.objects import Desired, Existing, Observed, Wanted
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.kinds import iam_member, service_account
from schemas.sections.events import Topic

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

NAME = "pubsub_topic"
PUBLISHER = "roles/pubsub.publisher"
_PACKAGE = "google.pubsub_v1"
_MASK: Mapping[str, str] = {"labels": "labels", "by_hand": "schema_settings"}


@dataclass(frozen=True, slots=True)
class PubsubTopic:
    """The fields we manage. Every other field of the live topic is left as found.

    Args:
        labels: Ours; others may add theirs.
        by_hand: A schema: what does not fit it is refused to whoever publishes it.
    """

    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def address_of(topic: str, project: str) -> Address:
    """Give the address of a topic as specs write it: an id, or `projects/P/topics/T`, which may be of our own project.

    Args:
        topic: As written.
        project: Project id of the run.
    """
    if not topic.startswith("projects/"):
        return Address(NAME, GLOBAL, topic)
    _, there, _, name = topic.split("/")
    return Address(NAME, GLOBAL, name, "" if there == project else there)


def full_name(address: Address, project: str) -> str:
    """Give the name by which Google knows a topic."""
    return f"projects/{address.project or project}/topics/{address.name}"


def wanted(topic: Topic, service: str, facts: Facts, where: str) -> Desired[PubsubTopic] | Existing:
    """Want a topic, or use one that somebody else makes.

    Args:
        topic: As the spec writes it.
        service: Name of the service, or owner, whose spec it is.
        facts: For the project at hand.
        where: Path of the topic below `spec`.
    """
    here = address_of(topic.topic, facts.project)
    if topic.create:
        # Several services may share a topic, so it carries the manager's mark and no service's labels.
        return Desired(here, PubsubTopic({MANAGED_BY: MANAGER}), service)
    elsewhere = f" --project={here.project}" if here.project else ""
    let = "" if here.project or not where.startswith("events.") else ", or let the spec make it: create: true"
    return Existing(here, service, hint=f"make it (gcloud pubsub topics create {here.name}{elsewhere}){let}")


def of_predictions(service: MLService) -> Topic | None:
    """Give the topic of ours that the server logs predictions to; None where it logs none.

    Topics are global and services regional. No service and no trigger has `_` in its name, so no two topics meet.
    """
    monitoring = service.spec.monitoring
    if monitoring is None or monitoring.logging is None:
        return None
    return Topic(topic=f"{service.name}_predictions_{service.spec.region}", create=True)


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want the topic of answers, and that the service may publish there."""
    events = service.spec.events
    if events is None or events.answers is None:
        return
    answers = address_of(events.answers.topic, facts.project)
    if answers == address_of(events.requests.topic, facts.project):
        why = "events.requests and events.answers name the same topic: every answer would come back as a request"
        raise errors.PlanError(answers, why, hint="name another topic for the answers")
    yield wanted(events.answers, service.name, facts, "events.answers")
    account = service_account.address_of(service)
    if account:
        member = f"serviceAccount:{service_account.email_of(service, facts)}"
        yield iam_member.granted(answers, PUBLISHER, member, service.name, needs={account})


def from_api(live: Any) -> PubsubTopic:
    """Turn a live topic into our record."""
    schema = {"schema_settings.schema": live.schema_settings.schema} if live.schema_settings.schema else {}
    return PubsubTopic(dict(live.labels), schema)


class PubsubTopicClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(_PACKAGE, "publisher", "Publisher")
        self._subscriptions = connection.client(_PACKAGE, "subscriber", "Subscriber")
        self._types = types_module(_PACKAGE, "pubsub")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[PubsubTopic]]:
        """List the project's topics, and its subscriptions, which deleting a topic would cut off.

        In another project than our own we may know a topic without being allowed to list them all.
        """
        elsewhere = addresses[0].project
        found = self._each(addresses) if elsewhere else self._list({a.name: a for a in addresses})
        attached = {} if elsewhere else self._attached()
        for address, live in found:
            yield Observed(
                address,
                from_api(live),
                version=fingerprint(type(live).to_dict(live)),
                mark=MANAGER if live.labels.get(MANAGED_BY) == MANAGER else "",
                output={"name": live.name, "subscriptions": tuple(attached.get(live.name, ()))},
                live=live,
            )

    def _list(self, wanted: Mapping[str, Address]) -> Iterator[tuple[Address, Any]]:
        with calling("list", f"{NAME}/{GLOBAL}"):
            request = {"project": f"projects/{self._project}", "page_size": 1000}
            for live in self._api.list_topics(request=request, retry=READING, timeout=CALL_TIMEOUT_S):
                name = live.name.rpartition("/")[2]
                if name in wanted:
                    yield wanted[name], live

    def _each(self, addresses: Sequence[Address]) -> Iterator[tuple[Address, Any]]:
        for address in addresses:
            try:
                with calling("read", address):
                    request = {"topic": full_name(address, self._project)}
                    yield address, self._api.get_topic(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
            except errors.NotFoundError:
                continue

    def _attached(self) -> dict[str, list[tuple[str, str]]]:
        """Give the subscriptions of every topic: name, and the service of ours it is of, if any."""
        found: dict[str, list[tuple[str, str]]] = {}
        with calling("list", f"pubsub_subscription/{GLOBAL}"):
            request = {"project": f"projects/{self._project}", "page_size": 1000}
            for live in self._subscriptions.list_subscriptions(request=request, retry=READING, timeout=CALL_TIMEOUT_S):
                found.setdefault(live.topic, []).append((live.name.rpartition("/")[2], mark_of(live.labels)))
        return found

    def create(self, want: Desired[PubsubTopic]) -> None:
        """Create it; synchronous."""
        topic = self._types.Topic(name=full_name(want.address, self._project), labels=dict(want.fields.labels))
        with calling("create", want.address):
            self._api.create_topic(request=topic, retry=None, timeout=CALL_TIMEOUT_S)

    def update(self, want: Desired[PubsubTopic], seen: Observed[PubsubTopic], changes: tuple[FieldChange, ...]) -> None:
        """Write the labels, and take a schema away; a mask of a map writes the whole of it."""
        topic = self._types.Topic(name=seen.live.name, labels=dict(seen.live.labels))
        for key in gone_keys(changes, "labels"):
            topic.labels.pop(key, None)
        topic.labels.update(want.fields.labels)
        with calling("update", want.address):
            paths = sorted({_MASK[change.field] for change in changes})
            request = {"topic": topic, "update_mask": {"paths": paths}}
            self._api.update_topic(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[PubsubTopic]) -> None:
        """Delete it. Its subscriptions stay, and get nothing any more."""
        try:
            with calling("delete", seen.address):
                request = {"topic": full_name(seen.address, self._project)}
                self._api.delete_topic(request=request, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return


def loss(seen: Observed[PubsubTopic], services: Collection[str]) -> str:
    """Say whose messages end: subscriptions of others, other services of ours among them, stay without a topic."""
    names = sorted(name for name, service in seen.output.get("subscriptions", ()) if service not in services)
    return f"nothing reaches {', '.join(names)} any more" if names else ""


KIND = Kind(
    name=NAME,
    title="Pub/Sub topic",
    fields=PubsubTopic,
    desired=desired,
    connect=PubsubTopicClient,
    paid=paid.NOTHING,
    group=Group.MESSAGES,
    acts_on=frozenset({"events.answers.*"}),
    permissions=Permissions(
        read=("pubsub.topics.list",),
        write=("pubsub.topics.create", "pubsub.topics.update", "pubsub.topics.delete"),
    ),
    apis=("pubsub.googleapis.com",),
    roles=Roles(
        read=("roles/pubsub.viewer", "pubsub.topics.getIamPolicy"),
        write=("roles/pubsub.editor", "pubsub.topics.setIamPolicy"),
    ),
    gives=(Gift(PUBLISHER, NAME, "the service's own account", "publishing answers"),),
    read_together=by_project,
    ownership=Ownership.SHARED,
    # Topics have no etag (kinds.md 2.2).
    fenced=False,
    keyed=frozenset({"labels"}),
    loss=loss,
)
