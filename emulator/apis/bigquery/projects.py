"""Projects, as BigQuery lists them: the ones that have datasets, and the emulator's own."""

from __future__ import annotations

from emulator.apis.bigquery import records
from emulator.apis.bigquery.wire import Call, Reply
from emulator.core.world import PROJECT


def list_(call: Call) -> Reply:
    """The projects that there is anything in."""
    found = sorted({name.partition("/")[0] for name in call.world.store.names(records.DATASET)} | {PROJECT})
    items = [
        {
            "kind": "bigquery#project",
            "id": each,
            "numericId": call.world.project_number(each),
            "projectReference": {"projectId": each},
            "friendlyName": each,
        }
        for each in found
    ]
    return Reply(
        {"kind": "bigquery#projectList", "etag": records.new_etag(), "projects": items, "totalItems": len(items)}
    )


def service_account(call: Call) -> Reply:
    """The account with which BigQuery uses keys."""
    number = call.world.project_number(call.project)
    return Reply(
        {
            "kind": "bigquery#getServiceAccountResponse",
            "email": f"bq-{number}@bigquery-encryption.iam.gserviceaccount.com",
        }
    )
