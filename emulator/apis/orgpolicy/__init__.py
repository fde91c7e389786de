"""What an organisation forbids: policies of projects, each for one constraint.

There are no organisations and folders here: what holds in a project is what was set on it, else Google's default. It is
told, and not enforced.

Source: `google.cloud.orgpolicy.v2.OrgPolicy`;
https://cloud.google.com/resource-manager/docs/organization-policy/org-policy-constraints.
"""

from typing import Any

from google.cloud.orgpolicy_v2.types import orgpolicy

from emulator.apis.standard import Listing, Update, standard
from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import Collection, by_id, etag_of, fits, timestamp
from emulator.core.world import World

API = Api("orgpolicy")
SERVICE = "google.cloud.orgpolicy.v2.OrgPolicy/"
Policy = orgpolicy.Policy.pb()
PATTERN = "projects/*/policies/*"
LISTS = frozenset(
    {
        "gcp.resourceLocations",
        "iam.allowedPolicyMemberDomains",
        "run.allowedBinaryAuthorizationPolicies",
        "run.allowedIngress",
        "run.allowedVPCEgress",
    }
)
SWITCHES = frozenset(
    {
        "iam.disableServiceAccountCreation",
        "iam.disableServiceAccountKeyCreation",
        "run.managed.requireInvokerIam",
        "storage.publicAccessPrevention",
        "storage.uniformBucketLevelAccess",
    }
)
"""Constraints that say yes or no; those of `LISTS` say which values."""


def missing(_: str) -> ApiFailure:
    """No policy was set."""
    return ApiFailure("NOT_FOUND", "Requested entity was not found.")


POLICIES = Collection("orgpolicy.policy", Policy, PATTERN, missing=missing, key=by_id, place=by_id)


def settle(world: World, policy: Any) -> None:
    """Fill in what the server says of a policy."""
    policy.spec.update_time.CopyFrom(timestamp(world.clock.now()))
    policy.spec.etag = policy.etag = ""
    policy.etag = policy.spec.etag = etag_of(policy)


def constraint_of(world: World, name: str) -> tuple[str, str]:
    """The stored name of a policy, and its constraint.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is no policy's name. NOT_FOUND: there is no such constraint.
    """
    if not fits(PATTERN, name):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {name!r}.")
    constraint = name.rpartition("/")[2]
    if constraint not in LISTS | SWITCHES:
        raise ApiFailure("NOT_FOUND", f"Requested entity was not found: constraints/{constraint}.")
    return by_id(world, name), constraint


standard(API, SERVICE, "Policy", POLICIES, listing=Listing(), update=Update(settle=settle))


@API.method(SERVICE + "ListPolicies")
def list_policies(world: World, request: Any, _: Call) -> Any:
    """A page of those that were set on a project."""
    shown, token = page_of(request, POLICIES.read(POLICIES.below(world, by_id(world, request.parent))))
    return orgpolicy.ListPoliciesResponse.pb()(policies=shown, next_page_token=token)


@API.method(SERVICE + "CreatePolicy")
def create_policy(world: World, request: Any, _: Call) -> Any:
    """Set one that was not set yet."""
    name, _constraint = constraint_of(world, request.policy.name)
    policy = Policy()
    policy.CopyFrom(request.policy)
    policy.name = name
    settle(world, policy)
    POLICIES.insert(world, policy)
    return policy


@API.method(SERVICE + "GetEffectivePolicy")
def get_effective_policy(world: World, request: Any, _: Call) -> Any:
    """What holds: what was set, else everything is allowed and nothing is enforced."""
    name, constraint = constraint_of(world, request.name)
    found = POLICIES.find(world, name)
    if found is not None:
        return found
    policy = Policy(name=name)
    rule = policy.spec.rules.add()
    if constraint in LISTS:
        rule.allow_all = True
    else:
        rule.enforce = False
    return policy
