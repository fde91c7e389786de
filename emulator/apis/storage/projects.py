"""What Cloud Storage knows of projects: the service agent that publishes notifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from emulator.apis.storage.wire import Reply

if TYPE_CHECKING:
    from emulator.apis.storage.wire import Call


def service_account(call: Call) -> Reply:
    """Source: cloud.google.com/storage/docs/json_api/v1/projects/serviceAccount/get."""
    number = call.world.project_number(call.path["project"])
    email = f"service-{number}@gs-project-accounts.iam.gserviceaccount.com"
    return Reply({"kind": "storage#serviceAccount", "email_address": email})
