"""The subscription that keeps what a budget told until the operator reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.core import paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.flow import Flow, Group, Outside
from reconciler.core.kind import Kind, by_project
from reconciler.core.naming import mark_labels
from reconciler.core.objects import Desired, Wanted
from reconciler.gcp.durations import seconds
from reconciler.kinds import billing_budget, pubsub_topic
from reconciler.kinds.pubsub_subscription import PERMISSIONS, ROLES, PubsubSubscriptionClient, without_ways

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

NAME = "pubsub_pull_subscription"
_ACK_DEADLINE_S = 60
_RETENTION_S = 7 * 24 * 3600
_WAYS = ("bigquery_config", "bigtable_config", "cloud_storage_config")


@dataclass(frozen=True, slots=True)
class PubsubPullSubscription:
    """The fields we manage. Every other field of the live subscription is left as found.

    Args:
        topic: Full name of the topic.
        filter: Which messages; empty for all.
        ack_deadline_s: For how long a message that was read is not given to another reader.
        retention_s: For how long one that nobody read is kept.
        attached: False once somebody detached it: it gets nothing any more, and only a new one does.
        never_expires: Google deletes a subscription that was idle for 31 days, unless it is told not to.
        labels: Ours; others may add theirs.
        by_hand: Other ways of delivery that somebody chose: a reader gets nothing then.
    """

    topic: str
    filter: str
    ack_deadline_s: int
    retention_s: int
    attached: bool
    never_expires: bool
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def address_of(service: MLService) -> Address:
    """Give the address of the subscription on what a service's budget tells.

    The same service in several regions has one budget, and each region its own reader of what it tells: whoever
    acknowledges says that for a subscription.
    """
    return Address(NAME, GLOBAL, f"{billing_budget.topic_of(service).topic}-{service.spec.region}")


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want it where something is done at a share of the budget; its topic comes with the budget."""
    budget = service.spec.budget
    if budget is None or not budget.actions:
        return
    topic = pubsub_topic.address_of(billing_budget.topic_of(service).topic, facts.project)
    fields = PubsubPullSubscription(
        topic=pubsub_topic.full_name(topic, facts.project),
        filter="",
        ack_deadline_s=_ACK_DEADLINE_S,
        retention_s=_RETENTION_S,
        attached=True,
        never_expires=True,
        labels={**service.labels, **mark_labels(service.name)},
    )
    yield Desired(address_of(service), fields, service.name, needs=frozenset({topic}))


def from_api(live: Any) -> PubsubPullSubscription:
    """Turn a live subscription into our record; the server's defaults end here.

    Source:
        kinds.md 4.2: an unset retention reads as 7 days.
    """
    ways = {way: "set" for way in _WAYS if way in live}
    pushed = {"push_config.push_endpoint": live.push_config.push_endpoint} if live.push_config.push_endpoint else {}
    return PubsubPullSubscription(
        topic=live.topic,
        filter=live.filter,
        ack_deadline_s=live.ack_deadline_seconds,
        retention_s=seconds(live.message_retention_duration),
        attached=not live.detached,
        never_expires="expiration_policy" in live and not seconds(live.expiration_policy.ttl),
        labels=dict(live.labels),
        by_hand=pushed | ways,
    )


class PubsubPullSubscriptionClient(PubsubSubscriptionClient):
    """The same, with a reader at the other end."""

    KIND_NAME = NAME
    MASK: Mapping[str, str] = {
        "ack_deadline_s": "ack_deadline_seconds",
        "retention_s": "message_retention_duration",
        "by_hand": "push_config",
        "never_expires": "expiration_policy",
        "labels": "labels",
    }

    def read(self, live: Any) -> PubsubPullSubscription:
        """Turn a live subscription into the record."""
        return from_api(live)

    def write(self, subscription: Any, fields: PubsubPullSubscription) -> frozenset[str]:
        """Write our fields, and leave what others set beside them, such as a filter."""
        subscription.ack_deadline_seconds = fields.ack_deadline_s
        subscription.message_retention_duration = {"seconds": fields.retention_s}
        subscription.expiration_policy = self._types.ExpirationPolicy() if fields.never_expires else None
        subscription.labels.update(fields.labels)
        subscription.push_config = None
        return without_ways(subscription, *_WAYS)


def flows(want: Desired[PubsubPullSubscription], service: MLService, project: str) -> Iterator[Flow]:
    """Say what is told, and that passes read it."""
    del service
    yield Flow(pubsub_topic.address_of(want.fields.topic, project), want.address, "what was spent")
    yield Flow(want.address, Outside("passes of the job"), "what was spent")


KIND = Kind(
    name=NAME,
    title="Pub/Sub subscription to read",
    fields=PubsubPullSubscription,
    desired=desired,
    paid=paid.NOTHING,
    group=Group.BUDGET,
    flows=flows,
    connect=PubsubPullSubscriptionClient,
    permissions=PERMISSIONS,
    apis=("pubsub.googleapis.com",),
    roles=ROLES,
    read_together=by_project,
    # Subscriptions have no etag (kinds.md 2.2).
    fenced=False,
    immutable=frozenset({"topic", "filter", "attached"}),
    keyed=frozenset({"labels"}),
    uses=frozenset({"pubsub_topic"}),
)
