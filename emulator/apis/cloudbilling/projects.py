"""Who pays for a project: on the emulator somebody does, until the link is taken away.

Source: `google.cloud.billing.v1.CloudBilling`; https://cloud.google.com/billing/docs/how-to/modify-project. Billing
accounts themselves are not there.
"""

import re
from typing import Any

from google.cloud.billing_v1.types import cloud_billing

from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.resources import fits
from emulator.core.world import World

API = Api("cloudbilling")
SERVICE = "google.cloud.billing.v1.CloudBilling/"
KIND = "billing.account"
"""In the store: the account's name, by the project's id; an empty one for none."""
FIRST = b"billingAccounts/000000-000000-000000"
ACCOUNT = re.compile(r"(billingAccounts/[0-9A-F]{6}-[0-9A-F]{6}-[0-9A-F]{6})?")


def project_of(world: World, name: str) -> str:
    """The id of the project that a request names.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it names none. PERMISSION_DENIED: nobody has mentioned that number.
    """
    if not fits("projects/*|projects/*/billingInfo", name):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {name!r}.")
    project = world.project_id(name.split("/")[1])
    if project is None:
        raise ApiFailure("PERMISSION_DENIED", "The caller does not have permission")
    return project


def described(world: World, project: str) -> Any:
    """Who pays for a project."""
    body = world.store.get(KIND, project)
    account = (FIRST if body is None else body).decode()
    return cloud_billing.ProjectBillingInfo.pb()(
        name=f"projects/{project}/billingInfo",
        project_id=project,
        billing_account_name=account,
        billing_enabled=bool(account),
    )


@API.method(SERVICE + "GetProjectBillingInfo")
def get_billing(world: World, request: Any, _: Call) -> Any:
    """Who pays."""
    return described(world, project_of(world, request.name))


@API.method(SERVICE + "UpdateProjectBillingInfo")
def update_billing(world: World, request: Any, _: Call) -> Any:
    """Let another account pay; an empty one takes the link away, and everything that costs would stop."""
    project, account = project_of(world, request.name), request.project_billing_info.billing_account_name
    if not ACCOUNT.fullmatch(account):
        raise ApiFailure("INVALID_ARGUMENT", f"Billing account name {account!r} is invalid.")
    world.store.put(KIND, project, account.encode())
    return described(world, project)
