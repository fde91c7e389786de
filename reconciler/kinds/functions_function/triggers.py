"""How events get to the function: a subscription per source, pushed as an account that may call nothing else.

An event trigger of the function itself would be one per function, with a subscription that is not ours: no dead letters
for us, and made anew, with what it held lost, at each deployment. See decision 043.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import Membership
from reconciler.core.naming import account_email, mark_labels, note
from reconciler.core.objects import Desired, Wanted
from reconciler.core.reference import Ref
from reconciler.kinds import iam_member, pubsub_subscription, pubsub_topic, scheduler_job, service_account
from reconciler.kinds import storage_notification as files
from reconciler.kinds.iam_member import IamMember
from reconciler.kinds.pubsub_subscription import SUBSCRIBER, PubsubSubscription
from reconciler.kinds.run_service import INVOKER
from reconciler.lookups.project_number import agent, number_of
from schemas.sections.events import Topic

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService

SWEEP_EVERY = "*/10 * * * *"
"""Trainings that ended are noticed within ten minutes. A day of it is 144 messages: nothing on any bill."""
ACK_S = 300
"""As long as the function may work on one event."""
BACKOFF_S = (10, 600)
ATTEMPTS = 20
"""Deliveries of one event before it is a dead letter: with the waits between them three hours, so that an outage of
Google's passes, and a claim's lease anyhow."""


def dead_topic(service: MLService) -> Topic:
    """Give the topic for events that the function could not act on."""
    return Topic(topic=f"{service.name}-retrain-dead", create=True)


def sources(service: MLService) -> Iterator[tuple[str, Topic]]:
    """Give each source of events: the trigger that it is for, empty for the service's own topic, and the topic."""
    yield "", scheduler_job.retrain_topic(service)
    for trigger in service.spec.triggers:
        if trigger.when.pubsub is not None:
            yield trigger.name, Topic(topic=trigger.when.pubsub)
        if trigger.when.storage is not None:
            yield trigger.name, files.topic_of(service, trigger)


def subscription(service: MLService, trigger: str) -> Address:
    """Give the address of a source's subscription. No service has `_` in its name, so no two meet."""
    name = f"{service.name}_{service.spec.region}" + (f"_{trigger}" if trigger else "")
    return Address(pubsub_subscription.NAME, GLOBAL, name)


def wanted(service: MLService, facts: Facts, function: Address) -> Iterator[Wanted]:
    """Want the subscriptions with all that they need, and the job that has the function look after trainings."""
    caller = service_account.another(service, "trigger", "Starts the retraining of")
    here = Membership("run_service", function.name, INVOKER, f"serviceAccount:{_email(caller.address, facts)}")
    may_call = Desired(
        here.at(function.location),
        IamMember(),
        service.name,
        needs=frozenset({caller.address, function}),
        within=function,
    )
    yield caller
    yield may_call
    pubsub, dead = agent("pubsub", number_of(facts)), dead_topic(service)
    letters = pubsub_topic.address_of(dead.topic, facts.project)
    yield pubsub_topic.wanted(dead, service.name, facts, "triggers")
    yield iam_member.granted(letters, pubsub_topic.PUBLISHER, pubsub, service.name)
    for trigger, topic in sources(service):
        here_too, told = subscription(service, trigger), pubsub_topic.address_of(topic.topic, facts.project)
        yield pubsub_topic.wanted(topic, service.name, facts, "triggers")
        fields = PubsubSubscription(
            topic=pubsub_topic.full_name(told, facts.project),
            # A service of this name in another region has the same topic; a message that names no region is for both.
            filter="" if trigger else f'NOT attributes:region OR attributes.region = "{service.spec.region}"',
            endpoint=Ref(function, "uri", f"{{}}/{trigger}" if trigger else "{}"),
            account=Ref(caller.address, "email"),
            audience=Ref(function, "uri"),
            ack_deadline_s=ACK_S,
            min_backoff_s=BACKOFF_S[0],
            max_backoff_s=BACKOFF_S[1],
            dead_letter=pubsub_topic.full_name(letters, facts.project),
            max_attempts=ATTEMPTS,
            attached=True,
            never_expires=True,
            labels={**service.labels, **mark_labels(service.name)},
        )
        yield Desired(here_too, fields, service.name, needs=frozenset({told, letters, may_call.address}))
        yield iam_member.granted(here_too, SUBSCRIBER, pubsub, service.name)
    yield _sweep(service, facts)


def _email(account: Address, facts: Facts) -> str:
    return account_email(account.name, facts.project)


def _sweep(service: MLService, facts: Facts) -> Wanted:
    """Want the job by which the function looks after what goes on. No trigger may be called as it is."""
    topic = pubsub_topic.address_of(scheduler_job.retrain_topic(service).topic, facts.project)
    fields = scheduler_job.publishing(
        SWEEP_EVERY,
        "Etc/UTC",
        f"Looks after the trainings of {service.name}. {note(service.name)}",
        pubsub_topic.full_name(topic, facts.project),
        {"trigger": "sweep", "service": service.name, "region": service.spec.region},
    )
    here = Address(scheduler_job.NAME, service.spec.region, f"{service.name}_sweep")
    return Desired(here, fields, service.name, needs=frozenset({topic}))
