"""What a project asks of images: one policy, which lets all through until somebody writes another one.

Source: https://cloud.google.com/binary-authorization/docs/key-concepts#default_policy; comments of `Policy` and
`AdmissionRule` of binaryauthorization 1.20.0.
"""

from collections.abc import Iterator
from typing import Any

from emulator.apis.binaryauthorization.model import API, ATTESTORS, POLICIES, SERVICE, Policy, Rule, invalid
from emulator.core.api import Call, Policies
from emulator.core.failures import ApiFailure
from emulator.core.resources import by_id, check_etag, etag_of, fits, timestamp
from emulator.core.world import World
from emulator.wire.dispatch import has

BY_PLACE = (
    "cluster_admission_rules",
    "kubernetes_namespace_admission_rules",
    "kubernetes_service_account_admission_rules",
    "istio_service_identity_admission_rules",
)
"""Rules of Kubernetes, kept and never asked: Cloud Run has the default rule alone."""


@API.method(SERVICE + "GetPolicy")
def get_policy(world: World, request: Any, _: Call) -> Any:
    """The project's own, or what holds where it has none."""
    return policy_of(world, named(world, request.name))


@API.method(SERVICE + "UpdatePolicy")
def update_policy(world: World, request: Any, call: Call) -> Any:
    """Write it, all of it."""
    name = named(world, request.policy.name)
    policy = Policy()
    policy.CopyFrom(request.policy)
    policy.name = name
    for rule in rules(policy):
        check(world, rule, call.caller)
    with world.store.transaction():
        check_etag(request.policy.etag, policy_of(world, name).etag)
        policy.update_time.CopyFrom(timestamp(world.clock.now()))
        policy.etag = etag_of(policy)
        POLICIES.save(world, policy)
    return policy


def named(world: World, name: str) -> str:
    """The stored name of a policy.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is none.
    """
    if not fits(POLICIES.pattern, name):
        raise invalid(f"Invalid resource name {name!r}.")
    return by_id(world, name)


def policy_of(world: World, name: str) -> Any:
    """The policy of a project, by its stored name; one that lets all through where nobody wrote any."""
    found = POLICIES.find(world, name)
    if found is not None:
        return found
    policy = Policy(name=name, global_policy_evaluation_mode=Policy.ENABLE)
    policy.default_admission_rule.evaluation_mode = Rule.ALWAYS_ALLOW
    policy.default_admission_rule.enforcement_mode = Rule.ENFORCED_BLOCK_AND_AUDIT_LOG
    return policy


def rules(policy: Any) -> Iterator[Any]:
    """The default rule and those of places.

    Raises:
        ApiFailure: INVALID_ARGUMENT: there is no default rule.
    """
    if not policy.HasField("default_admission_rule"):
        raise invalid("defaultAdmissionRule must be set")
    yield policy.default_admission_rule
    for field in BY_PLACE:
        yield from getattr(policy, field).values()


def check(world: World, rule: Any, caller: str) -> None:
    """Check a rule; whoever writes it must be able to read the attestors that it names.

    Raises:
        ApiFailure: INVALID_ARGUMENT, or NOT_FOUND for an attestor.
    """
    if not rule.evaluation_mode or not rule.enforcement_mode:
        raise invalid("a rule has an evaluationMode and an enforcementMode")
    if bool(rule.require_attestations_by) != (rule.evaluation_mode == Rule.REQUIRE_ATTESTATION):
        raise invalid("requireAttestationsBy names attestors with REQUIRE_ATTESTATION, and only then")
    for each in rule.require_attestations_by:
        name = by_id(world, each)
        if not fits(ATTESTORS.pattern, name):
            raise invalid(f"{each!r} is no attestor's name: projects/PROJECT/attestors/NAME")
        readable = has(world, caller, "binaryauthorization.attestors.get", name)
        if not readable or ATTESTORS.find(world, name) is None:
            raise ApiFailure("NOT_FOUND", f"Attestor {each} was not found, or may not be read.")


API.policies.append(Policies(POLICIES.pattern, named, public=False))
