"""Policies of BigQuery tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.rest_policies import RestPolicies

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection


def table_policies(connection: Connection) -> RestPolicies:
    """Give what reads and writes the policy of a table, named `projects/P/datasets/D.T`.

    Args:
        connection: To Google Cloud, or the emulator.

    Source:
        https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/getIamPolicy, setIamPolicy,
            testIamPermissions.
    """
    return RestPolicies(connection.rest(HOST, VERSION), _path)


def _path(resource: str) -> str:
    above, _, table = resource.rpartition(".")
    return f"{above}/tables/{table}"
