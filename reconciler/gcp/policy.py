"""IAM policies: change our own bindings in a policy that others write to as well.

Source:
    cloud.google.com/iam/docs/policies: read, change, write with the etag read; conditions need version 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.core import errors
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling

_ATTEMPTS = 6


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One member's role, perhaps under a condition.

    Args:
        role: Such as `roles/run.invoker`.
        member: Such as `user:someone@example.com`.
        title: Of the condition; empty for none.
        expression: Of the condition, in CEL.
    """

    role: str
    member: str
    title: str = ""
    expression: str = ""


def grants(policy: Any) -> list[Grant]:
    """Give every grant of a policy."""
    return [
        Grant(binding.role, member, binding.condition.title, binding.condition.expression)
        for binding in policy.bindings
        for member in binding.members
    ]


def read(client: Any, resource: str, address: Any) -> Any:
    """Read the policy of a resource, or None when the resource is not there."""
    from google.iam.v1 import iam_policy_pb2, options_pb2  # noqa: PLC0415 - late, for start-up

    request = iam_policy_pb2.GetIamPolicyRequest(
        resource=resource, options=options_pb2.GetPolicyOptions(requested_policy_version=3)
    )
    try:
        with calling("read the policy of", address):
            return client.get_iam_policy(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError:
        return None


def add(client: Any, resource: str, address: Any, grant: Grant) -> None:
    """Grant, keeping every other binding; the same title's older condition is replaced.

    Raises:
        NotFoundError: The resource is not there.
    """

    def edit(policy: Any) -> bool:
        if grant in grants(policy):
            return False
        _drop(policy, grant, any_expression=bool(grant.title))
        binding = policy.bindings.add(role=grant.role, members=[grant.member])
        if grant.title:
            binding.condition.title = grant.title
            binding.condition.expression = grant.expression
            policy.version = 3
        return True

    _cycle(client, resource, address, "grant", edit)


def remove(client: Any, resource: str, address: Any, grant: Grant) -> None:
    """Take a grant away. An absent one is fine, and so is an absent resource."""
    _cycle(
        client,
        resource,
        address,
        "revoke",
        lambda policy: _drop(policy, grant, any_expression=True),
        absent_ok=True,
    )


def _drop(policy: Any, grant: Grant, *, any_expression: bool) -> bool:
    """Take the member out of the matching bindings; tell whether it was in one."""
    hits = [
        binding
        for binding in policy.bindings
        if (binding.role, binding.condition.title) == (grant.role, grant.title)
        and (any_expression or binding.condition.expression == grant.expression)
        and grant.member in binding.members
    ]
    for binding in hits:
        binding.members.remove(grant.member)
    for index in reversed([i for i, b in enumerate(policy.bindings) if not b.members]):
        del policy.bindings[index]
    return bool(hits)


def _cycle(client: Any, resource: str, address: Any, verb: str, edit: Any, *, absent_ok: bool = False) -> None:
    """Repeat the whole read-change-write while others write in between, as Google asks for."""
    from google.iam.v1 import iam_policy_pb2  # noqa: PLC0415 - late, for start-up

    for attempt in range(_ATTEMPTS):
        policy = read(client, resource, address)
        if policy is None:
            if absent_ok:
                return
            raise errors.NotFoundError(verb, address, f"{resource} does not exist")
        if not edit(policy):
            return
        try:
            with calling(verb, address):
                request = iam_policy_pb2.SetIamPolicyRequest(resource=resource, policy=policy)
                client.set_iam_policy(request=request, timeout=CALL_TIMEOUT_S)
                return
        except errors.Conflict:
            if attempt == _ATTEMPTS - 1:
                raise
