"""IAM policies on any resource: read, set with etag, test. Every API uses this one.

Source: google/iam/v1/policy.proto and iam_policy.proto; kinds.md 12.2; recordings iam_policy/project-bindings and
artifact_repository/repository-iam-policy.
"""

import base64
import hashlib
import re
import uuid
from collections.abc import Iterable
from typing import Any

from google.iam.v1 import iam_policy_pb2, policy_pb2

from emulator.core.api import Policies
from emulator.core.failures import ApiFailure
from emulator.core.world import World
from emulator.identity import accounts, cel, roles

KIND = "iam.policy"
NO_ETAG = base64.b64decode("ACAB")
"""Etag of a policy that was never set, as Google shows it."""
CONDITIONS_VERSION = 3
CONCURRENT = "There were concurrent policy changes. Please retry the whole read-modify-write with exponential backoff."
MEMBER = re.compile(
    r"allUsers|allAuthenticatedUsers|(user|serviceAccount|group|domain):[^\s:]+"
    r"|(principal|principalSet)://\S+|(projectOwner|projectEditor|projectViewer):\S+|deleted:[^\s]+\?uid=\d+"
)
ROLE = re.compile(r"(roles/|projects/[^/]+/roles/|organizations/[^/]+/roles/)[A-Za-z0-9_.]+")
OWN_ACCOUNT = re.compile(r"serviceAccount:([^@]+@(?P<project>[a-z0-9-]+)\.iam\.gserviceaccount\.com)")
BASIC = ("roles/owner", "roles/editor", "roles/viewer")
ANYONE = ("allUsers", "allAuthenticatedUsers")
PERMISSION = re.compile(r"[a-z][\w.-]*(/\w+)?(\.\w+)+")
"""`run.services.get`, and the longer ones of workload identity."""


def answer(world: World, held: Policies, method: str, request: Any) -> Any:
    """Answer one of the three policy methods, for a resource of the API that holds the policy.

    Raises:
        ApiFailure: The API's, for a resource that is not there; that of `set_policy`.
    """
    if held.asked_before and method.endswith("/TestIamPermissions"):
        return test_permissions(request)
    if method.endswith("/SetIamPolicy"):
        return _set(world, held, request)
    key = held.key(world, request.resource)
    return get_policy(world, key, request) if method.endswith("/GetIamPolicy") else test_permissions(request)


def _set(world: World, held: Policies, request: Any) -> Any:
    with world.store.transaction():  # of what is deleted meanwhile nothing may stay: the next one of its name had it
        key = held.key(world, request.resource)
        policy = set_policy(world, key, request, public=held.public)
    if held.changed is not None:
        held.changed(world, key)
    return policy


def get_policy(world: World, resource: str, request: Any) -> Any:
    """The policy of a resource known to exist. Conditions show only when the request asks for version 3."""
    policy = stored(world, resource)
    if request.options.requested_policy_version < CONDITIONS_VERSION:
        hide_conditions(policy)
    return policy


def stored(world: World, resource: str) -> Any:
    """The whole policy; one that was never set has just an etag."""
    body = world.store.get(KIND, resource)
    return policy_pb2.Policy(etag=NO_ETAG) if body is None else policy_pb2.Policy.FromString(body)


def set_policy(world: World, resource: str, request: Any, *, public: bool = True) -> Any:
    """Replace the policy of a resource that is known to exist; returns it.

    Args:
        world: Where.
        resource: Key of the policy: the resource's name.
        request: `SetIamPolicyRequest`. A mask without `bindings` keeps the bindings; audit configurations are kept
            unless a mask names them (google/iam/v1/iam_policy.proto: the default mask is "bindings, etag").
        public: Whether `allUsers` may be granted a role (not on a project).

    Raises:
        ApiFailure: ABORTED for a stale etag, INVALID_ARGUMENT for a bad member, role or version.
    """
    with world.store.transaction():
        current, sent = stored(world, resource), request.policy
        if sent.etag and sent.etag != current.etag:
            raise ApiFailure("ABORTED", CONCURRENT)
        keeps = request.update_mask.paths and "bindings" not in request.update_mask.paths
        policy = normal(world, resource, current.bindings if keeps else sent.bindings, sent.version, public=public)
        audited = {"audit_configs", "auditConfigs", "*"}.intersection(request.update_mask.paths)
        policy.audit_configs.extend(sent.audit_configs if audited else current.audit_configs)
        world.store.put(KIND, resource, policy.SerializeToString())
    return policy


def normal(world: World, resource: str, bindings: Iterable[Any], version: int, *, public: bool) -> Any:
    """Checked bindings, merged by role and condition, without empty ones, under a new etag."""
    policy = policy_pb2.Policy(etag=uuid.uuid4().bytes[:8], version=1)
    merged: dict[tuple[str, bytes], Any] = {}
    for binding in bindings:
        check_binding(world, resource, binding, version, public=public)
        key = (binding.role, binding.condition.SerializeToString(deterministic=True))
        into = merged.setdefault(key, policy_pb2.Binding(role=binding.role))
        if binding.HasField("condition"):
            into.condition.CopyFrom(binding.condition)
            policy.version = CONDITIONS_VERSION
        into.members.extend(member for member in binding.members if member not in into.members)
    policy.bindings.extend(binding for binding in merged.values() if binding.members)
    return policy


def check_binding(world: World, resource: str, binding: Any, version: int, *, public: bool) -> None:
    """Refuse what Google refuses (constraints.md section 11)."""
    if not ROLE.fullmatch(binding.role):
        raise ApiFailure("INVALID_ARGUMENT", f"Role ({binding.role}) does not exist in the resource's hierarchy.")
    if not roles.may_exist(world, binding.role):
        raise ApiFailure("INVALID_ARGUMENT", f"Role {binding.role} is not supported for this resource.")
    if binding.HasField("condition"):
        check_condition(binding, version)
    for member in binding.members:
        check_member(world, resource, member, public=public)


def check_condition(binding: Any, version: int) -> None:
    """A condition is an expression with a title, and not on a basic role or for everybody (constraints.md section 11).

    Source of the words about basic roles: https://github.com/hashicorp/terraform-provider-google/issues/7833.
    """
    if version != CONDITIONS_VERSION:
        raise ApiFailure("INVALID_ARGUMENT", "A policy with conditions must have version 3.")
    if not binding.condition.title:
        raise ApiFailure("INVALID_ARGUMENT", "A condition must have a title.")
    if binding.role in BASIC:
        raise ApiFailure("INVALID_ARGUMENT", f"Conditions can't be set on primitive roles: {binding.role}.")
    if any(member in ANYONE for member in binding.members):
        raise ApiFailure("INVALID_ARGUMENT", "Conditions can't be set for allUsers or allAuthenticatedUsers.")
    try:
        cel.parse(binding.condition.expression)
    except cel.NotCelError as error:
        text = f"Condition {binding.condition.title!r} is not valid: the expression is no CEL: {error}."
        raise ApiFailure("INVALID_ARGUMENT", text) from error


def check_member(world: World, resource: str, member: str, *, public: bool) -> None:
    """A member must be well formed, and a service account of the resource's own project must exist."""
    if not MEMBER.fullmatch(member):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid member {member!r}: it has no known type prefix.")
    if member in ANYONE and not public:
        raise ApiFailure("INVALID_ARGUMENT", f"Members of type {member} are not allowed on this resource.")
    own = OWN_ACCOUNT.fullmatch(member)
    if own is None or f"projects/{own['project']}/" not in f"{resource}/":
        return
    accounts.ensure_defaults(world, own["project"])
    if not accounts.visible(world, own[1]):
        raise ApiFailure("INVALID_ARGUMENT", f"Service account {own[1]} does not exist.")


def hide_conditions(policy: Any) -> None:
    """Show conditional bindings as a caller of version 1 sees them: with a role nobody can grant.

    Source: https://cloud.google.com/iam/docs/troubleshoot-withcond
    """
    for binding in policy.bindings:
        if binding.HasField("condition"):
            digest = hashlib.sha256(binding.condition.SerializeToString(deterministic=True)).hexdigest()[:20]
            binding.role += f"_withcond_{digest}"
            binding.ClearField("condition")
    if policy.version:
        policy.version = 1


def test_permissions(request: Any) -> Any:
    """Every permission asked for: callers of the emulator may do everything.

    Raises:
        ApiFailure: INVALID_ARGUMENT for one that none can be.

    Source:
        Comment of `TestIamPermissionsRequest.permissions`: those with wildcards are not allowed; the words are those of
        refused custom roles.
    """
    for permission in request.permissions:
        if not PERMISSION.fullmatch(permission):
            raise ApiFailure("INVALID_ARGUMENT", f"Permission {permission} is not valid.")
    return iam_policy_pb2.TestIamPermissionsResponse(permissions=request.permissions)


def forget(world: World, resource: str) -> None:
    """Drop the policies of a deleted resource and of everything below it."""
    world.store.delete(KIND, resource)
    for name, _ in world.store.list(KIND, resource + "/"):
        world.store.delete(KIND, name)


def put_aside(world: World, resource: str, aside: str) -> None:
    """Keep the policy of a deleted resource for when it is brought back: one of the same name gets a new one.

    Args:
        world: Where.
        resource: Whose policy it is.
        aside: Under which name it waits. Given the other way round, it is back.
    """
    with world.store.transaction():
        body = world.store.get(KIND, resource)
        if body is not None:
            world.store.put(KIND, aside, body)
        world.store.delete(KIND, resource)


def members(world: World, resource: str, role: str) -> set[str]:
    """Who has a role on the resource itself; conditions are taken as met."""
    return {
        member for binding in stored(world, resource).bindings if binding.role == role for member in binding.members
    }


def rename_member(world: World, old: str, new: str) -> None:
    """Rewrite a member in every policy: a deleted account shows as `deleted:serviceAccount:…?uid=…` (kinds.md 12.1)."""
    with world.store.transaction():
        for resource, body in world.store.list(KIND):
            if old.encode() not in body:
                continue
            policy = policy_pb2.Policy.FromString(body)
            for binding in policy.bindings:
                binding.members[:] = [new if member == old else member for member in binding.members]
            world.store.put(KIND, resource, policy.SerializeToString())
