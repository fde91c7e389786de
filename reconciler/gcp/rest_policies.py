"""Policies of resources whose API has no client of Google's here, by REST, in the way of Google's generated clients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.gcp.calls import READING

if TYPE_CHECKING:
    from reconciler.gcp.rest import Rest


def as_named(resource: str) -> str:
    """Give the path of a resource: its name."""
    return resource


@dataclass(frozen=True, slots=True)
class RestPolicies:
    """Reads and writes policies.

    Args:
        api: The API's methods.
        path: Gives the path of a resource, from its name.
    """

    api: Rest
    path: Callable[[str], str] = as_named

    def get_iam_policy(self, request: Any, **settings: Any) -> Any:
        """Read one.

        Args:
            request: Whose `resource` is named as `path` takes it.
            settings: What generated clients take; patience is the connection's.
        """
        del settings
        body = {"options": {"requestedPolicyVersion": request.options.requested_policy_version}}
        read: Any = READING(self.api.post)
        return _parsed(read(f"{self.path(request.resource)}:getIamPolicy", body))

    def set_iam_policy(self, request: Any, **settings: Any) -> Any:
        """Write one, unless somebody wrote since it was read."""
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - late, for start-up

        del settings
        body = {"policy": MessageToDict(request.policy)}
        return _parsed(self.api.post(f"{self.path(request.resource)}:setIamPolicy", body))

    def test_iam_permissions(self, request: Any, **settings: Any) -> Any:
        """Give which of some permissions the caller has."""
        from google.iam.v1 import iam_policy_pb2  # noqa: PLC0415 - late, for start-up

        del settings
        read: Any = READING(self.api.post)
        found = read(f"{self.path(request.resource)}:testIamPermissions", {"permissions": list(request.permissions)})
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=found.get("permissions", ()))


def _parsed(found: Any) -> Any:
    from google.iam.v1 import policy_pb2  # noqa: PLC0415 - late, for start-up
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - late, for start-up

    return ParseDict(found, policy_pb2.Policy(), ignore_unknown_fields=True)
