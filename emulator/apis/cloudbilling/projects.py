"""Who pays for a project: on the emulator somebody does, until the link is taken away.

Source: `google.cloud.billing.v1.CloudBilling`; https://cloud.google.com/billing/docs/how-to/modify-project. Every
billing account that a name can name is there, and open; which currency one has is set by `/_emulator/billing`.
"""

from typing import Any

from google.cloud.billing_v1.types import cloud_billing

from emulator.apis.cloudbilling import accounts
from emulator.core.api import Api, Call, Policies
from emulator.core.failures import ApiFailure
from emulator.core.resources import fits
from emulator.core.world import World
from emulator.wire.dispatch import allow

API = Api("cloudbilling")
SERVICE = "google.cloud.billing.v1.CloudBilling/"


def account_named(_: World, name: str) -> str:
    """The name of an account.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is none.
    """
    if not accounts.ACCOUNT.fullmatch(name):
        raise ApiFailure("INVALID_ARGUMENT", f"Billing account name {name!r} is invalid.")
    return name


API.policies.append(Policies("billingAccounts/*", account_named, public=False))


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
    account = accounts.account_of(world, project)
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
    if account:
        account_named(world, account)
    accounts.link(world, project, account)
    return described(world, project)


@API.method(SERVICE + "GetBillingAccount")
def get_account(world: World, request: Any, call: Call) -> Any:
    """An account. It needs a role on the account itself."""
    name = account_named(world, request.name)
    allow(world, call.caller, "billing.accounts.get", name, SERVICE)
    shown = {"display_name": "My Billing Account", "currency_code": accounts.currency(world, name)}
    return cloud_billing.BillingAccount.pb()(name=name, open_=True, **shown)
