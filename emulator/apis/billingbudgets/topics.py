"""The topic of a budget: who attaches it lets Google's billing publish there.

Source: https://cloud.google.com/billing/docs/how-to/budgets-programmatic-notifications.
"""

from typing import Any

from google.iam.v1 import iam_policy_pb2

from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, fits
from emulator.core.world import World
from emulator.identity import iam_policy
from emulator.wire.dispatch import perform

SENDER = "billing-budget-alert@system.gserviceaccount.com"
PUBLISHER = "roles/pubsub.publisher"
SET_POLICY = "google.iam.v1.IAMPolicy/SetIamPolicy"
PUBLISH = "google.pubsub.v1.Publisher/Publish"


def attach(world: World, call: Call, topic: str) -> None:
    """Let Google's billing publish to a topic, as the caller would: it needs `pubsub.topics.setIamPolicy`.

    Raises:
        ApiFailure: INVALID_ARGUMENT: there is no such topic. PERMISSION_DENIED: the caller may not.
    """
    from emulator.apis.pubsub.model import TOPICS  # noqa: PLC0415 - most budgets have no topic

    name = by_id(world, topic)
    if not fits("projects/*/topics/*", topic) or TOPICS.find(world, name) is None:
        raise ApiFailure("INVALID_ARGUMENT", f"The Pub/Sub topic {topic!r} does not exist.")
    policy, member = iam_policy.stored(world, name), f"serviceAccount:{SENDER}"
    if member in iam_policy.members(world, name, PUBLISHER):
        return
    policy.bindings.add(role=PUBLISHER, members=[member])
    request = iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy)
    perform(world, Call(SET_POLICY, mutating=True, caller=call.caller), request)


def publish(world: World, topic: str, data: bytes, attributes: dict[str, Any]) -> None:
    """Publish as Google's billing.

    Raises:
        ApiFailure: The topic is gone, or its policy no longer lets billing publish.
    """
    from google.pubsub_v1.types import pubsub  # noqa: PLC0415 - most budgets have no topic

    message = pubsub.PubsubMessage.pb()(data=data, attributes=attributes)
    request = pubsub.PublishRequest.pb()(topic=by_id(world, topic), messages=[message])
    perform(world, Call(PUBLISH, mutating=True, caller=SENDER), request)
