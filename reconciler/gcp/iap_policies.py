"""Who may sign in to a service of Cloud Run through Identity-Aware Proxy: policies of what it protects."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.gcp.rest_policies import RestPolicies

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

HOST, VERSION = "iap.googleapis.com", "v1"
ACCESSOR = "roles/iap.httpsResourceAccessor"
"""Lets sign in. Source: https://cloud.google.com/iap/docs/managing-access."""
PATH = "projects/{project}/iap_web/cloud_run-{location}/services/{name}"
"""What IAP calls a service of Cloud Run.

Source:
    https://cloud.google.com/iap/docs/managing-access, https://cloud.google.com/iap/docs/reference/rest/v1/V1.
"""


def iap_policies(connection: Connection) -> RestPolicies:
    """Give what reads and writes them. Google's client (google-cloud-iap) would be 2 MB for two calls.

    Args:
        connection: To Google Cloud, or the emulator.
    """
    return RestPolicies(connection.rest(HOST, VERSION))
