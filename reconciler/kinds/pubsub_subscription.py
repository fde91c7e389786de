"""The push subscription by which messages ask the service for predictions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import GLOBAL, Address
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Flow, Group
from reconciler.core.kind import Gift, Kind, Permissions, Roles, by_project
from reconciler.core.naming import account_email, fingerprint, mark_labels, mark_of
from reconciler.core.objects import Desired, Observed, Wanted
from reconciler.core.reference import Ref
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.durations import seconds
from reconciler.gcp.light import types_module
from reconciler.kinds import iam_member, pubsub_topic, run_service, service_account
from reconciler.lookups.project_number import agent, asked_when, number_of

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService
    from schemas.sections.events import DeadLetter

NAME = "pubsub_subscription"
SUBSCRIBER = "roles/pubsub.subscriber"
_PACKAGE = "google.pubsub_v1"


@dataclass(frozen=True, slots=True)
class PubsubSubscription:
    """The fields we manage. Every other field of the live subscription is left as found.

    Args:
        topic: Full name of the topic.
        filter: Which messages; empty for all.
        endpoint: Where messages are posted.
        account: E-mail of the account that the posts prove to be.
        audience: Whom that proof is for: the service's own address.
        ack_deadline_s: Patience with one answer.
        min_backoff_s: Before the second delivery.
        max_backoff_s: Between later ones.
        dead_letter: Full name of the topic for what could not be answered; empty for none.
        max_attempts: Deliveries before that; 0 without such a topic.
        attached: False once somebody detached it: it gets nothing any more, and only a new one does.
        never_expires: Google deletes a subscription that was idle for 31 days, unless it is told not to.
        labels: Ours; others may add theirs.
    """

    topic: str
    filter: str
    endpoint: str | Ref
    account: str | Ref
    audience: str | Ref
    ack_deadline_s: int
    min_backoff_s: int
    max_backoff_s: int
    dead_letter: str
    max_attempts: int
    attached: bool
    never_expires: bool
    labels: Mapping[str, str]


def address_of(service: MLService) -> Address:
    """Give the address of the subscription that asks for predictions.

    Subscriptions are global and services regional: the same service in another region has one of its own.
    """
    return Address(NAME, GLOBAL, f"{service.name}-requests-{service.spec.region}")


def desired(service: MLService, facts: Facts) -> Iterator[Wanted]:
    """Want the subscription, its topics, the account it pushes as, and what that and Pub/Sub itself must be allowed."""
    if service.spec.events is None:
        return
    requests, here = service.spec.events.requests, address_of(service)
    pusher = service_account.another(service, "push", "Pushes to")
    caller = f"serviceAccount:{account_email(pusher.address.name, facts.project)}"
    target, topic = run_service.address_of(service), pubsub_topic.address_of(requests.topic, facts.project)
    may_call = iam_member.granted(target, run_service.INVOKER, caller, service.name, needs={pusher.address})
    dead = requests.dead_letter
    fields = PubsubSubscription(
        topic=pubsub_topic.full_name(topic, facts.project),
        filter=requests.filter or "",
        endpoint=Ref(target, "uri", f"{{}}{requests.path}"),
        account=Ref(pusher.address, "email"),
        audience=Ref(target, "uri"),
        ack_deadline_s=int(requests.ack_deadline_s),
        min_backoff_s=int(requests.retry.min_backoff_s),
        max_backoff_s=int(requests.retry.max_backoff_s),
        dead_letter=pubsub_topic.full_name(pubsub_topic.address_of(dead.topic, facts.project), facts.project)
        if dead
        else "",
        max_attempts=dead.max_attempts if dead else 0,
        attached=True,
        never_expires=True,
        labels={**service.labels, **mark_labels(service.name)},
    )
    yield pubsub_topic.wanted(requests, service.name, facts, "events.requests")
    yield pusher
    yield may_call
    needs = {topic, may_call.address} | ({pubsub_topic.address_of(dead.topic, facts.project)} if dead else set())
    yield Desired(here, fields, service.name, needs=frozenset(needs))
    if dead:
        yield from _dead_letters(service, facts, dead)


def _dead_letters(service: MLService, facts: Facts, dead: DeadLetter) -> Iterator[Wanted]:
    """Want the topic, and that Pub/Sub itself may move messages there.

    Source:
        cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions.
    """
    pubsub = agent("pubsub", number_of(facts))
    yield pubsub_topic.wanted(dead, service.name, facts, "events.requests.deadLetter")
    yield iam_member.granted(
        pubsub_topic.address_of(dead.topic, facts.project), pubsub_topic.PUBLISHER, pubsub, service.name
    )
    yield iam_member.granted(address_of(service), SUBSCRIBER, pubsub, service.name)


def has_dead_letters(service: MLService) -> bool:
    """Tell whether Pub/Sub's own account, which is called by the project's number, is granted something."""
    events = service.spec.events
    return bool(events and events.requests.dead_letter)


def from_api(live: Any) -> PubsubSubscription:
    """Turn a live subscription into our record; the server's defaults end here.

    Source:
        kinds.md 4.2: unset deadlines read as 10 s, and no retry policy means at once.
    """
    push = live.push_config
    return PubsubSubscription(
        topic=live.topic,
        filter=live.filter,
        endpoint=push.push_endpoint,
        account=push.oidc_token.service_account_email,
        audience=push.oidc_token.audience,
        ack_deadline_s=live.ack_deadline_seconds,
        min_backoff_s=seconds(live.retry_policy.minimum_backoff),
        max_backoff_s=seconds(live.retry_policy.maximum_backoff),
        dead_letter=live.dead_letter_policy.dead_letter_topic,
        max_attempts=live.dead_letter_policy.max_delivery_attempts,
        attached=not live.detached,
        never_expires="expiration_policy" in live and not seconds(live.expiration_policy.ttl),
        labels=dict(live.labels),
    )


class PubsubSubscriptionClient:
    """Thin and idempotent over Google's client. A subclass says what another sort of subscription has."""

    KIND_NAME = NAME
    MASK: Mapping[str, str] = {
        "endpoint": "push_config",
        "account": "push_config",
        "audience": "push_config",
        "ack_deadline_s": "ack_deadline_seconds",
        "min_backoff_s": "retry_policy",
        "max_backoff_s": "retry_policy",
        "dead_letter": "dead_letter_policy",
        "max_attempts": "dead_letter_policy",
        "never_expires": "expiration_policy",
        "labels": "labels",
    }

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(_PACKAGE, "subscriber", "Subscriber")
        self._types = types_module(_PACKAGE, "pubsub")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[Any]]:
        """List the project's subscriptions."""
        wanted = {address.name: address for address in addresses}
        with calling("list", f"{self.KIND_NAME}/{GLOBAL}"):
            request = {"project": f"projects/{self._project}", "page_size": 1000}
            found = list(self._api.list_subscriptions(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            name = live.name.rpartition("/")[2]
            if name in wanted:
                yield Observed(
                    wanted[name],
                    self.read(live),
                    version=_version(live),
                    mark=mark_of(live.labels),
                    problem=_problem(live),
                    output={"name": live.name},
                    live=live,
                )

    def read(self, live: Any) -> Any:
        """Turn a live subscription into the record."""
        return from_api(live)

    def write(self, subscription: Any, fields: Any) -> frozenset[str]:
        """Write our fields, and name what else has to be written: other ways of delivery, which were taken out."""
        _write(self._types, subscription, fields)
        return without_ways(subscription, "bigquery_config", "cloud_storage_config")

    def create(self, want: Desired[Any]) -> None:
        """Create it; synchronous."""
        subscription = self._types.Subscription(name=self._name(want.address), topic=want.fields.topic)
        self.write(subscription, want.fields)
        with calling("create", want.address):
            self._api.create_subscription(request=subscription, retry=None, timeout=CALL_TIMEOUT_S)

    def update(
        self,
        want: Desired[Any],
        seen: Observed[Any],
        changes: tuple[FieldChange, ...],
    ) -> None:
        """Write the changed parts; a part that is named is written whole."""
        subscription = type(seen.live)(seen.live)
        others = self.write(subscription, want.fields)
        for key in gone_keys(changes, "labels"):
            subscription.labels.pop(key, None)
        paths = sorted({self.MASK[change.field] for change in changes} | others)
        with calling("update", want.address):
            request = {"subscription": subscription, "update_mask": {"paths": paths}}
            self._api.update_subscription(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[Any]) -> None:
        """Delete it, and with it the messages it still holds."""
        try:
            with calling("delete", seen.address):
                request = {"subscription": self._name(seen.address)}
                self._api.delete_subscription(request=request, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _name(self, address: Address) -> str:
        return f"projects/{self._project}/subscriptions/{address.name}"


def _write(types: Any, subscription: Any, fields: PubsubSubscription) -> None:
    """Write our fields, and leave what others set inside the same parts, such as how a push is wrapped."""
    subscription.filter = fields.filter
    subscription.push_config.push_endpoint = fields.endpoint
    subscription.push_config.oidc_token.service_account_email = fields.account
    subscription.push_config.oidc_token.audience = fields.audience
    subscription.ack_deadline_seconds = fields.ack_deadline_s
    write_terms(types, subscription, fields)


def write_terms(types: Any, subscription: Any, fields: Any) -> None:
    """Write what every sort of subscription has: pauses, dead letters, how long it lives, labels."""
    subscription.retry_policy = types.RetryPolicy(
        minimum_backoff={"seconds": fields.min_backoff_s}, maximum_backoff={"seconds": fields.max_backoff_s}
    )
    subscription.dead_letter_policy = (
        types.DeadLetterPolicy(dead_letter_topic=fields.dead_letter, max_delivery_attempts=fields.max_attempts)
        if fields.dead_letter
        else None
    )
    # Without a `ttl` it never expires; without the whole policy it does after 31 idle days.
    subscription.expiration_policy = types.ExpirationPolicy() if fields.never_expires else None
    subscription.labels.update(fields.labels)


def without_ways(subscription: Any, *ways: str) -> frozenset[str]:
    """Take out, and name, other ways of delivery that somebody chose: a subscription has one at most."""
    found = frozenset(way for way in ways if way in subscription)
    for way in found:
        setattr(subscription, way, None)
    return found


def _version(live: Any) -> str:
    """Digest what somebody wrote: how it fares with its table is no change of it."""
    said = type(live).to_dict(live)
    said.pop("state", None)
    (said.get("bigquery_config") or {}).pop("state", None)
    return fingerprint(said)


def _problem(live: Any) -> str:
    if live.topic == "_deleted-topic_":
        return "its topic was deleted"
    if "bigquery_config" in live and live.bigquery_config.state.name not in {"ACTIVE", "STATE_UNSPECIFIED"}:
        return f"it cannot write to its table ({live.bigquery_config.state.name})"
    return "it cannot be delivered (RESOURCE_ERROR)" if live.state.name == "RESOURCE_ERROR" else ""


PERMISSIONS = Permissions(
    read=("pubsub.subscriptions.list",),
    write=(
        "pubsub.subscriptions.create",
        "pubsub.subscriptions.update",
        "pubsub.subscriptions.delete",
        "pubsub.topics.attachSubscription",
    ),
)
ROLES = Roles(
    # The project's number, too, is read with roles/pubsub.viewer: it has resourcemanager.projects.get.
    read=("roles/pubsub.viewer", "pubsub.subscriptions.getIamPolicy"),
    write=("roles/pubsub.editor", "pubsub.subscriptions.setIamPolicy"),
)


def flows(want: Desired[PubsubSubscription], service: MLService, project: str) -> Iterator[Flow]:
    """Say where messages come from, who is asked, and where those go that nobody could answer."""
    del service
    yield Flow(pubsub_topic.address_of(want.fields.topic, project), want.address, "messages")
    if isinstance(want.fields.endpoint, Ref):
        yield Flow(want.address, want.fields.endpoint.address, "requests")
    if want.fields.dead_letter:
        yield Flow(want.address, pubsub_topic.address_of(want.fields.dead_letter, project), "what failed")


KIND = Kind(
    name=NAME,
    title="Pub/Sub subscription",
    fields=PubsubSubscription,
    desired=desired,
    connect=PubsubSubscriptionClient,
    paid=paid.NOTHING,
    group=Group.MESSAGES,
    flows=flows,
    acts_on=frozenset({"events.requests.*"}),
    permissions=PERMISSIONS,
    apis=("pubsub.googleapis.com",),
    roles=ROLES,
    gives=(
        Gift(run_service.INVOKER, run_service.KIND.name, "an account of its own for pushes", "asking for predictions"),
        Gift(pubsub_topic.PUBLISHER, pubsub_topic.NAME, "Pub/Sub itself", "putting dead letters into their topic"),
        Gift(SUBSCRIBER, NAME, "Pub/Sub itself", "taking dead letters out of the subscription"),
    ),
    lookups=(asked_when(has_dead_letters, "events.requests.deadLetter"),),
    read_together=by_project,
    # Subscriptions have no etag (kinds.md 2.2).
    fenced=False,
    immutable=frozenset({"topic", "filter", "attached"}),
    keyed=frozenset({"labels"}),
    loss=lambda *_: "messages it still holds are lost",
    uses=frozenset({"iam_member", "pubsub_topic", "service_account"}),
    # Nothing is to be sent to what is gone.
    before=frozenset({"functions_function", "run_service"}),
)
