"""Policies of BigQuery tables, by REST, in the way of Google's generated clients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.calls import READING

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection


class TablePolicies:
    """Reads and writes the policy of a table.

    Args:
        connection: To Google Cloud, or the emulator.

    Source:
        https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/getIamPolicy, setIamPolicy,
            testIamPermissions.
    """

    def __init__(self, connection: Connection) -> None:
        self._api = connection.rest(HOST, VERSION)

    def get_iam_policy(self, request: Any, **settings: Any) -> Any:
        """Read it.

        Args:
            request: Whose `resource` is `projects/P/datasets/D.T`.
            settings: What generated clients take; patience is the connection's.
        """
        del settings
        body = {"options": {"requestedPolicyVersion": request.options.requested_policy_version}}
        read: Any = READING(self._api.post)
        return _parsed(read(f"{_path(request.resource)}:getIamPolicy", body))

    def set_iam_policy(self, request: Any, **settings: Any) -> Any:
        """Write it, unless somebody wrote since it was read."""
        from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - late, for start-up

        del settings
        body = {"policy": MessageToDict(request.policy)}
        return _parsed(self._api.post(f"{_path(request.resource)}:setIamPolicy", body))

    def test_iam_permissions(self, request: Any, **settings: Any) -> Any:
        """Give which of some permissions the caller has."""
        from google.iam.v1 import iam_policy_pb2  # noqa: PLC0415 - late, for start-up

        del settings
        read: Any = READING(self._api.post)
        found = read(f"{_path(request.resource)}:testIamPermissions", {"permissions": list(request.permissions)})
        return iam_policy_pb2.TestIamPermissionsResponse(permissions=found.get("permissions", ()))


def _path(resource: str) -> str:
    above, _, table = resource.rpartition(".")
    return f"{above}/tables/{table}"


def _parsed(found: Any) -> Any:
    from google.iam.v1 import policy_pb2  # noqa: PLC0415 - late, for start-up
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - late, for start-up

    return ParseDict(found, policy_pb2.Policy(), ignore_unknown_fields=True)
