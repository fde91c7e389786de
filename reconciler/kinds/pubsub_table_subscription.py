"""The subscription that writes logged predictions into their table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.facts import Facts
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Gift, Kind, by_project
from reconciler.core.naming import account_email, mark_labels
from reconciler.core.objects import Desired, Wanted
from reconciler.core.reference import Ref
from reconciler.gcp.durations import seconds
from reconciler.kinds import bigquery_table, iam_member, pubsub_topic, service_account
from reconciler.kinds.pubsub_subscription import (
    PERMISSIONS,
    ROLES,
    SUBSCRIBER,
    PubsubSubscriptionClient,
    without_ways,
    write_terms,
)
from reconciler.lookups.project_number import agent, asked_when, number_of
from schemas.sections.events import Topic

if TYPE_CHECKING:
    from schemas import MLService

NAME = "pubsub_table_subscription"
WRITER, TOKENS = "roles/bigquery.dataEditor", "roles/iam.serviceAccountTokenCreator"
_MIN_BACKOFF_S, _MAX_BACKOFF_S, _ATTEMPTS = 10, 600, 20


@dataclass(frozen=True, slots=True)
class PubsubTableSubscription:
    """The fields we manage. Every other field of the live subscription is left as found.

    Args:
        topic: Full name of the topic.
        table: `project.dataset.table`.
        account: E-mail of the account that writes the rows.
        by_column: Fields of a message go to the columns of their names.
        drop_unknown: Fields without a column are left out; else such a message is no row.
        min_backoff_s: Before the second try of a message that was no row.
        max_backoff_s: Between later ones.
        dead_letter: Full name of the topic for what is no row; empty for none.
        max_attempts: Tries before that; 0 without such a topic.
        attached: False once somebody detached it: it gets nothing any more, and only a new one does.
        never_expires: Google deletes a subscription that was idle for 31 days, unless it is told not to.
        labels: Ours; others may add theirs.
    """

    topic: str
    table: str
    account: str | Ref
    by_column: bool
    drop_unknown: bool
    min_backoff_s: int
    max_backoff_s: int
    dead_letter: str
    max_attempts: int
    attached: bool
    never_expires: bool
    labels: Mapping[str, str]


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want the subscription, its topics, the account it writes as, and what all of them must be allowed."""
    topic, table = pubsub_topic.of_predictions(service), bigquery_table.address_of(service, facts)
    if topic is None or table is None:
        return
    rejected = Topic(topic=f"{topic.topic}_rejected", create=True)
    writer = service_account.another(service, "log", "Writes the predictions of")
    grants = list(_writing(service, facts, writer, table))
    told, dead = (pubsub_topic.address_of(each.topic, facts.project) for each in (topic, rejected))
    fields = PubsubTableSubscription(
        topic=pubsub_topic.full_name(told, facts.project),
        table=f"{table.project or facts.project}.{table.name}",
        account=Ref(writer.address, "email"),
        by_column=True,
        drop_unknown=True,
        min_backoff_s=_MIN_BACKOFF_S,
        max_backoff_s=_MAX_BACKOFF_S,
        dead_letter=pubsub_topic.full_name(dead, facts.project),
        max_attempts=_ATTEMPTS,
        attached=True,
        never_expires=True,
        labels={**service.labels, **mark_labels(service.name)},
    )
    yield pubsub_topic.wanted(topic, service.name, facts, "monitoring.logging")
    yield pubsub_topic.wanted(rejected, service.name, facts, "monitoring.logging")
    yield writer
    yield from grants
    here = Address(NAME, GLOBAL, topic.topic)
    needs = frozenset({told, dead, table, *(grant.address for grant in grants)})
    yield Desired(here, fields, service.name, needs=needs)
    yield from _passing_on(service, facts, here, told, dead)


def _writing(
    service: MLService, facts: Facts, writer: Desired[Any], table: Address
) -> Iterator[Desired[iam_member.IamMember]]:
    """Want that an account of its own may write rows, and Pub/Sub write as it, and into no other table.

    Source:
        https://cloud.google.com/pubsub/docs/create-bigquery-subscription: whoever may make subscriptions may write
        where Pub/Sub's own account may; as another account only whom that lets act as it.
    """
    member = f"serviceAccount:{account_email(writer.address.name, facts.project)}"
    yield iam_member.granted(table, WRITER, member, service.name, needs={writer.address})
    yield iam_member.granted(writer.address, TOKENS, agent("pubsub", number_of(facts)), service.name)


def _passing_on(
    service: MLService, facts: Facts, here: Address, told: Address, dead: Address
) -> Iterator[Desired[iam_member.IamMember]]:
    """Want that the service may publish, and Pub/Sub itself move what is no row."""
    pubsub = agent("pubsub", number_of(facts))
    yield iam_member.granted(dead, pubsub_topic.PUBLISHER, pubsub, service.name)
    yield iam_member.granted(here, SUBSCRIBER, pubsub, service.name)
    account = service_account.address_of(service)
    if account:
        member = f"serviceAccount:{service_account.email_of(service, facts)}"
        yield iam_member.granted(told, pubsub_topic.PUBLISHER, member, service.name, needs={account})


def logs(service: MLService) -> bool:
    """Tell whether Pub/Sub's own account, which is called by the project's number, is granted something."""
    return pubsub_topic.of_predictions(service) is not None


def from_api(live: Any) -> PubsubTableSubscription:
    """Turn a live subscription into our record; the server's defaults end here."""
    config = live.bigquery_config
    return PubsubTableSubscription(
        topic=live.topic,
        table=config.table,
        account=config.service_account_email,
        by_column=config.use_table_schema,
        drop_unknown=config.drop_unknown_fields,
        min_backoff_s=seconds(live.retry_policy.minimum_backoff),
        max_backoff_s=seconds(live.retry_policy.maximum_backoff),
        dead_letter=live.dead_letter_policy.dead_letter_topic,
        max_attempts=live.dead_letter_policy.max_delivery_attempts,
        attached=not live.detached,
        never_expires="expiration_policy" in live and not seconds(live.expiration_policy.ttl),
        labels=dict(live.labels),
    )


class PubsubTableSubscriptionClient(PubsubSubscriptionClient):
    """The same, with a table at the other end."""

    KIND_NAME = NAME
    MASK: Mapping[str, str] = {
        **dict.fromkeys(("table", "account", "by_column", "drop_unknown"), "bigquery_config"),
        **{name: PubsubSubscriptionClient.MASK[name] for name in ("min_backoff_s", "max_backoff_s", "dead_letter")},
        **{name: PubsubSubscriptionClient.MASK[name] for name in ("max_attempts", "never_expires", "labels")},
    }

    def read(self, live: Any) -> PubsubTableSubscription:
        """Turn a live subscription into the record."""
        return from_api(live)

    def write(self, subscription: Any, fields: PubsubTableSubscription) -> frozenset[str]:
        """Write our fields, and leave what others set beside them, such as that metadata are written too."""
        config = subscription.bigquery_config
        config.table, config.service_account_email = fields.table, fields.account
        config.use_table_schema, config.drop_unknown_fields = fields.by_column, fields.drop_unknown
        write_terms(self._types, subscription, fields)
        pushed = {"push_config"} if subscription.push_config.push_endpoint else set()
        subscription.push_config = None
        return without_ways(subscription, "cloud_storage_config") | pushed


def flows(want: Desired[PubsubTableSubscription], service: MLService, project: str) -> Iterator[Flow]:
    """Say where predictions come from, which table they become rows of, and where what is no row goes."""
    yield Flow(pubsub_topic.address_of(want.fields.topic, project), want.address, "predictions")
    table = bigquery_table.address_of(service, Facts(project, ""))
    if table is not None:
        yield Flow(want.address, table, "rows")
    yield Flow(want.address, pubsub_topic.address_of(want.fields.dead_letter, project), "what is no row")


KIND = Kind(
    name=NAME,
    title="Pub/Sub subscription of a table",
    fields=PubsubTableSubscription,
    desired=desired,
    connect=PubsubTableSubscriptionClient,
    paid=paid.Paid(without={"log_rate": None, "log_kept_s": 0}),
    group=Group.MESSAGES,
    flows=flows,
    acts_on=frozenset({"monitoring.logging.*"}),
    permissions=PERMISSIONS,
    apis=("pubsub.googleapis.com",),
    roles=ROLES,
    gives=(
        Gift(WRITER, bigquery_table.NAME, "an account of its own for rows", "writing logged predictions"),
        Gift(TOKENS, "service_account", "Pub/Sub itself", "writing rows as that account"),
        Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "the service's own account", "logging predictions"),
        Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "Pub/Sub itself", "putting what is no row into its topic"),
        Gift(SUBSCRIBER, NAME, "Pub/Sub itself", "taking what is no row out of the subscription"),
    ),
    lookups=(asked_when(logs, "monitoring.logging"),),
    read_together=by_project,
    # Subscriptions have no etag (kinds.md 2.2).
    fenced=False,
    immutable=frozenset({"topic", "attached"}),
    keyed=frozenset({"labels"}),
    loss=lambda *_: "messages it still holds are lost",
    uses=frozenset({"bigquery_table", "iam_member", "pubsub_topic", "service_account"}),
)
