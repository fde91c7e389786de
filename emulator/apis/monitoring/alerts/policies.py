"""Alert policies: the server picks their names and those of their conditions.

Source: kinds.md 9.1; recordings monitoring_alert_policy; comments of `AlertPolicyService`.
"""

import uuid
from typing import Any

from google.cloud.monitoring_v3.types import alert

from emulator.apis.monitoring import filters
from emulator.apis.monitoring.alerts import checks, watching
from emulator.apis.monitoring.alerts.keeping import POLICIES
from emulator.apis.monitoring.channels import invalid
from emulator.apis.monitoring.descriptors import API
from emulator.apis.standard import Listing, standard
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import apply_mask, by_id, fits, timestamp
from emulator.core.world import World
from emulator.identity.callers import shown

SERVICE = "google.monitoring.v3.AlertPolicyService/"
OUTPUT = ("name", "creation_record", "mutation_record", "validity")
Policy = alert.AlertPolicy.pb()


def number() -> str:
    """An id as the server picks them."""
    return f"1{str(uuid.uuid4().int)[:18]}"


@API.method(SERVICE + "CreateAlertPolicy")
def create(world: World, request: Any, call: Call) -> Any:
    """A new policy each time: nothing about it has to be unique."""
    sent, project = request.alert_policy, by_id(world, request.name)
    if not fits("projects/*", project):
        raise invalid("name", request.name, "must be projects/[PROJECT_ID_OR_NUMBER]")
    if sent.name:
        raise invalid("alert_policy.name", sent.name, "Field must be empty.")
    policy = Policy()
    policy.CopyFrom(sent)
    for field in OUTPUT:
        policy.ClearField(field)
    for condition in policy.conditions:
        condition.ClearField("name")
    policy.name = f"{project}/alertPolicies/{number()}"
    settle(world, policy, call)
    policy.creation_record.CopyFrom(policy.mutation_record)
    with world.store.transaction():
        POLICIES.insert(world, policy)
        watching.begin(world, policy)
    return policy


@API.method(SERVICE + "UpdateAlertPolicy")
def update(world: World, request: Any, call: Call) -> Any:
    """Change what a mask names; without one, replace the whole."""
    sent, paths = request.alert_policy, list(request.update_mask.paths)
    with world.store.transaction():
        policy = POLICIES.get(world, by_id(world, sent.name))
        before = [condition.name for condition in policy.conditions]
        apply_mask(policy, sent, paths or ["*"], keep=OUTPUT)
        for index, condition in enumerate(policy.conditions):
            if condition.name and condition.name not in before:
                raise invalid(f"alert_policy.conditions[{index}].name", condition.name, "no condition of this policy.")
        policy.ClearField("validity")
        settle(world, policy, call)
        POLICIES.save(world, policy)
        watching.begin(world, policy)
    return policy


def settle(world: World, policy: Any, call: Call) -> None:
    """Check a policy that is about to be saved, and fill in what the server says."""
    checks.check(world, policy.name.partition("/alertPolicies/")[0], policy)
    if not policy.HasField("enabled"):
        policy.enabled.value = True
    for condition in policy.conditions:
        condition.name = condition.name or f"{policy.name}/conditions/{number()}"
    policy.mutation_record.mutate_time.CopyFrom(timestamp(world.clock.now()))
    policy.mutation_record.mutated_by = shown(call.caller)


def deleted(world: World, policy: Any) -> None:
    """Its incidents go with it; nobody is told."""
    watching.end(world, policy.name)


standard(API, SERVICE, "AlertPolicy", POLICIES, listing=Listing(matching=filters.matching), deleted=deleted)


@API.method("google.monitoring.v3.NotificationChannelService/DeleteNotificationChannel")
def delete_channel(world: World, request: Any, _: Call) -> Any:
    """A channel that policies use goes only by force, and then out of them (comment of `force`)."""
    from google.protobuf.empty_pb2 import Empty  # noqa: PLC0415 - only here

    from emulator.apis.monitoring.channels import CHANNELS  # noqa: PLC0415 - beside it

    with world.store.transaction():
        channel = CHANNELS.get(world, by_id(world, request.name))
        project = channel.name.partition("/notificationChannels/")[0]
        users = [each for each in POLICIES.all(world, f"{project}/") if channel.name in each.notification_channels]
        if users and not request.force:
            names = ", ".join(each.name for each in users)
            text = f"Notification channel {channel.name} is used by alert policies: {names}."
            raise ApiFailure("FAILED_PRECONDITION", text)
        for policy in users:
            policy.notification_channels.remove(channel.name)
            POLICIES.save(world, policy)
        CHANNELS.remove(world, channel.name)
    return Empty()
