"""Event triggers of functions, as Eventarc makes them: a push subscription, and for buckets a notification.

What was made is written down (`functions.trigger`), so that it goes with the function.
Source: kinds.md section 8; https://cloud.google.com/eventarc/docs/understand-cloud-run-retries for what Eventarc's
subscriptions are set to.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from google.pubsub_v1.types import pubsub

from emulator.apis.functions import storage_calls
from emulator.apis.functions.checks import PUBSUB
from emulator.apis.functions.defaults import RETRY
from emulator.apis.functions.model import invalid, place_of, project_of, region_of, service_of, short
from emulator.apis.pubsub import cloud_events
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.wire.dispatch import perform

KIND = "functions.trigger"
PUBLISHER, SUBSCRIBER = "google.pubsub.v1.Publisher/", "google.pubsub.v1.Subscriber/"
ACK_DEADLINE_S, LEAST_BACKOFF_S, MOST_BACKOFF_S, KEPT_S = 600, 10, 600, 86400
OBJECT_EVENTS = {event: name for name, event in cloud_events.STORAGE.items()}
FAILED = "Failed to create or update Eventarc trigger {name}: {message}"


@dataclass(frozen=True, slots=True)
class Wiring:
    """What makes events come to a function.

    Attributes:
        key: Digest of what it was made of; empty until it is whole.
        trigger: Its resource name at Eventarc.
        subscription: Pushes to the service.
        topic: Full name of a topic that was made for it, or empty: the topic is somebody else's.
        bucket: Whose notifications come, or empty.
        notification: Id of the bucket's notification.
    """

    key: str
    trigger: str
    subscription: str
    topic: str = ""
    bucket: str = ""
    notification: str = ""


def agent(world: World, project: str) -> str:
    """Eventarc's own account."""
    return f"service-{world.project_number(project)}@gcp-sa-eventarc.iam.gserviceaccount.com"


def wire(world: World, function: Any, uri: str) -> Wiring | None:
    """Let a function's events come to its service; answers what does, or None without a trigger.

    Raises:
        ApiFailure: INVALID_ARGUMENT: what it is triggered by is not there.
    """
    if not function.HasField("event_trigger"):
        unwire(world, function.name)
        return None
    before = last(world, function.name)
    if before is not None and before.topic == function.event_trigger.pubsub_topic:
        function.event_trigger.pubsub_topic = ""  # one that was made for it, and is shown since
    if before is not None and before.key == key_of(function, uri) and is_there(world, function, before):
        return before
    unwire(world, function.name)
    name = f"{short(service_of(function.name))}-{digits(function.name, 6)}"
    try:
        return make(world, function, uri, Wiring("", f"{place_of(function.name)}/triggers/{name}", ""))
    except ApiFailure as failure:
        raise invalid(FAILED.format(name=name, message=failure.message)) from failure


def make(world: World, function: Any, uri: str, wiring: Wiring) -> Wiring:
    """Topic, subscription, notification; each is written down before the next is made."""
    trigger, base = function.event_trigger, base_of(function, wiring)
    topic, of_bucket = trigger.pubsub_topic, trigger.event_type != PUBSUB
    if not topic:
        topic = f"projects/{project_of(function.name)}/topics/{base}"
        create_topic(world, function, topic)
        wiring = saved(world, function, wiring, topic=topic)
    subscription = f"projects/{project_of(function.name)}/subscriptions/{base}-sub-{digits(base, 3)}"
    mode = cloud_events.OF_BUCKET if of_bucket else f"{cloud_events.OF_TOPIC}{topic}"
    wanted = pubsub.Subscription.pb()(name=subscription, topic=topic, ack_deadline_seconds=ACK_DEADLINE_S)
    subscribe(world, function, wanted, uri, mode)
    wiring = saved(world, function, wiring, subscription=subscription)
    if of_bucket:
        bucket = next(each.value for each in trigger.event_filters if each.attribute == "bucket")
        wiring = saved(world, function, wiring, bucket=bucket, notification=notify(world, function, bucket, topic))
    return saved(world, function, wiring, key=key_of(function, uri))


def base_of(function: Any, wiring: Wiring) -> str:
    """How Eventarc begins the names of what it makes."""
    return f"eventarc-{region_of(function.name)}-{short(wiring.trigger)}"


def digits(text: str, count: int) -> str:
    """A number that looks made up, and is the same after a restart."""
    return str(int(hashlib.sha256(text.encode()).hexdigest(), 16) % 10**count).zfill(count)


def key_of(function: Any, uri: str) -> str:
    """A digest of everything that a trigger is made of."""
    trigger = function.event_trigger
    filters = sorted((each.attribute, each.value) for each in trigger.event_filters)
    parts = [uri, trigger.event_type, filters, trigger.pubsub_topic, trigger.service_account_email]
    return hashlib.sha256(json.dumps([*parts, int(trigger.retry_policy)]).encode()).hexdigest()


def last(world: World, function: str) -> Wiring | None:
    """What was made for a function, or None."""
    body = world.store.get(KIND, function)
    return None if body is None else Wiring(**json.loads(body))


def saved(world: World, function: Any, wiring: Wiring, **more: str) -> Wiring:
    """Write down what is there by now."""
    wiring = Wiring(**asdict(wiring) | more)
    world.store.put(KIND, function.name, json.dumps(asdict(wiring)).encode())
    return wiring


def is_there(world: World, function: Any, wiring: Wiring) -> bool:
    """Whether the subscription still is: somebody may have deleted it."""
    asked = pubsub.GetSubscriptionRequest.pb()(subscription=wiring.subscription)
    return done(world, function.name, f"{SUBSCRIBER}GetSubscription", asked, mutating=False)


def create_topic(world: World, function: Any, topic: str) -> None:
    """A topic of the trigger's own; one left over from an earlier try is taken."""
    done(world, function.name, f"{PUBLISHER}CreateTopic", pubsub.Topic.pb()(name=topic), but="ALREADY_EXISTS")


def subscribe(world: World, function: Any, wanted: Any, uri: str, mode: str) -> None:
    """The subscription that pushes events to the service, as the trigger's account."""
    trigger = function.event_trigger
    once = trigger.retry_policy != RETRY.RETRY_POLICY_RETRY
    wanted.push_config.push_endpoint = cloud_events.endpoint(uri, mode, once=once)
    wanted.push_config.oidc_token.service_account_email = trigger.service_account_email
    wanted.push_config.oidc_token.audience = uri
    wanted.retry_policy.minimum_backoff.seconds = LEAST_BACKOFF_S
    wanted.retry_policy.maximum_backoff.seconds = MOST_BACKOFF_S
    wanted.message_retention_duration.seconds = KEPT_S
    wanted.expiration_policy.SetInParent()  # never
    done(world, function.name, f"{SUBSCRIBER}CreateSubscription", wanted, but="ALREADY_EXISTS")


def notify(world: World, function: Any, bucket: str, topic: str) -> str:
    """The notification of a bucket to the trigger's topic; answers its id.

    Raises:
        ApiFailure: The bucket is not there.
    """
    event = OBJECT_EVENTS[function.event_trigger.event_type]
    wanted = {"topic": f"//pubsub.googleapis.com/{topic}", "payload_format": "JSON_API_V1", "event_types": [event]}
    caller = agent(world, project_of(function.name))
    answer = storage_calls.call(world, caller, "POST", f"/storage/v1/b/{bucket}/notificationConfigs", wanted)
    document = answer.document or {}
    if answer.status // 100 != 2:  # noqa: PLR2004 - success
        text = document.get("error", {}).get("message", "")
        raise invalid(f"bucket {bucket}: {text}")
    return str(document["id"])


def unwire(world: World, name: str) -> None:
    """Take a function's trigger away; what is gone is gone."""
    wiring, project = last(world, name), project_of(name)
    if wiring is None:
        return
    if wiring.notification:
        path = f"/storage/v1/b/{wiring.bucket}/notificationConfigs/{wiring.notification}"
        storage_calls.call(world, agent(world, project), "DELETE", path)
    if wiring.subscription:
        asked = pubsub.DeleteSubscriptionRequest.pb()(subscription=wiring.subscription)
        done(world, name, f"{SUBSCRIBER}DeleteSubscription", asked)
    if wiring.topic:
        done(world, name, f"{PUBLISHER}DeleteTopic", pubsub.DeleteTopicRequest.pb()(topic=wiring.topic))
    world.store.delete(KIND, name)


def done(
    world: World, function: str, method: str, request: Any, *, but: str = "NOT_FOUND", mutating: bool = True
) -> bool:
    """Call Pub/Sub as Eventarc; False where it answers `but`, which is no failure.

    Raises:
        ApiFailure: It answers anything else.
    """
    try:
        perform(world, Call(method, mutating=mutating, caller=agent(world, project_of(function))), request)
    except ApiFailure as failure:
        if failure.code != but:
            raise
        return False
    return True
