"""IAM v1: service accounts and the policies on them. Their keys are in `keys`.

Source: kinds.md 12.1, constraints.md 1; recordings iam_service_account/* and iam_policy/service-account-get-one.
"""

import re
from datetime import datetime, timedelta
from typing import Any

from google.cloud.iam_admin_v1.types import iam
from google.protobuf.empty_pb2 import Empty

from emulator.core.api import Api, Call, Policies
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import apply_mask
from emulator.core.world import World
from emulator.identity import accounts, iam_policy
from emulator.identity.accounts import ServiceAccount

API = Api("iam")
SERVICE = "google.iam.admin.v1.IAM/"
ACCOUNT_ID = re.compile(r"[a-z](?:[-a-z0-9]{4,28}[a-z0-9])")
NAME = re.compile(r"projects/(?P<project>[^/]+)/serviceAccounts/(?P<account>[^/]+)")
PAGE_DEFAULT, PAGE_MOST = 20, 100
DISPLAY_NAME_MOST, DESCRIPTION_MOST = 100, 256
CHANGEABLE = ("display_name", "description")
DELETED = "iam.deleted_service_account"
KEPT_FOR = timedelta(days=30)


def not_found(message: str) -> ApiFailure:
    """A 404 as IAM v1 writes it, with the old `errors` list."""
    return ApiFailure("NOT_FOUND", message, legacy_reason="notFound")


def invalid(message: str) -> ApiFailure:
    """A 400 as IAM v1 writes it."""
    return ApiFailure("INVALID_ARGUMENT", message, legacy_reason="badRequest")


def require(world: World, name: str) -> Any:
    """The account behind a name: by e-mail or unique id, in its project or in `-`.

    Raises:
        ApiFailure: In the three wordings that were recorded: never there, deleted, not yet visible.
    """
    parts = NAME.fullmatch(name)
    if parts is None:
        raise invalid(f"Invalid service account name: {name}")
    project = accounts.project_of(parts["account"]) if parts["project"] == "-" else project_id(world, parts["project"])
    if project is not None:
        accounts.ensure_defaults(world, project)
    account = by_email_or_id(world, parts["account"])
    if account is None:
        raise absent(world, parts["account"])
    if not accounts.visible(world, account.email):
        raise not_found(f"Service account {account.name} does not exist.")
    return account


def project_id(world: World, given: str) -> str:
    """The id of a project given by id or number.

    Raises:
        ApiFailure: PERMISSION_DENIED for a number nobody has mentioned (kinds.md 1.4).
    """
    found = world.project_id(given)
    if found is None:
        raise ApiFailure("PERMISSION_DENIED", "The caller does not have permission")
    return found


def by_email_or_id(world: World, account: str) -> Any:
    """The account by e-mail or, for digits, by unique id; None where there is none."""
    if not account.isdigit():
        return accounts.find(world, account)
    every = (ServiceAccount.FromString(body) for _, body in world.store.list(accounts.KIND))
    return next((found for found in every if found.unique_id == account), None)


def absent(world: World, account: str) -> ApiFailure:
    """Why an account is not there: it was deleted (recording delete), or nobody knows it (recording basic)."""
    for unique_id, _ in deleted_accounts(world):
        if account in (unique_id, accounts_email(world, unique_id)):
            return ApiFailure("NOT_FOUND", f"Account deleted: {unique_id}")
    return not_found("Unknown service account")


def deleted_accounts(world: World) -> list[tuple[str, bytes]]:
    """Deleted accounts that can be brought back, by unique id."""
    return world.store.list(DELETED)


def accounts_email(world: World, unique_id: str) -> str:
    """E-mail of a deleted account."""
    body = world.store.get(DELETED, unique_id)
    return "" if body is None else str(ServiceAccount.FromString(body).email)


@API.method(SERVICE + "CreateServiceAccount")
def create_service_account(world: World, request: Any, _: Call) -> Any:
    """The account's e-mail is its id in the project's domain; a deleted one of that name is another account."""
    project = project_id(world, request.name.removeprefix("projects/"))
    check_account_id(request.account_id)
    check_texts(request.service_account)
    accounts.ensure_defaults(world, project)
    email = f"{request.account_id}@{project}.iam.gserviceaccount.com"
    sent = request.service_account
    with world.store.transaction():
        if accounts.find(world, email) is not None:
            text = f"Service account {request.account_id} already exists within project projects/{project}."
            raise ApiFailure("ALREADY_EXISTS", text, legacy_reason="alreadyExists")
        return accounts.make(world, project, email, display_name=sent.display_name, description=sent.description)


def check_account_id(account_id: str) -> None:
    """6 to 30 characters of a-z, 0-9 and -, a letter first (constraints.md 1)."""
    if ACCOUNT_ID.fullmatch(account_id) is None:
        raise invalid(f'The account ID "{account_id}" must match ^[a-z]([-a-z0-9]*[a-z0-9])$ with 6 to 30 characters.')


def check_texts(account: Any) -> None:
    """Display name up to 100 bytes, description up to 256 (kinds.md 2.3)."""
    if len(account.display_name.encode()) > DISPLAY_NAME_MOST:
        raise invalid(f"The display name must be at most {DISPLAY_NAME_MOST} bytes.")
    if len(account.description.encode()) > DESCRIPTION_MOST:
        raise invalid(f"The description must be at most {DESCRIPTION_MOST} bytes.")


@API.method(SERVICE + "GetServiceAccount")
def get_service_account(world: World, request: Any, _: Call) -> Any:
    """One account, whichever of its names the caller uses."""
    return require(world, request.name)


@API.method(SERVICE + "ListServiceAccounts")
def list_service_accounts(world: World, request: Any, _: Call) -> Any:
    """A project's accounts, 20 to a page by default (kinds.md 2.1)."""
    found = accounts.listed(world, project_id(world, request.name.removeprefix("projects/")))
    shown, token = page_of(request, found, default=PAGE_DEFAULT, most=PAGE_MOST)
    return iam.ListServiceAccountsResponse.pb()(accounts=shown, next_page_token=token)


@API.method(SERVICE + "PatchServiceAccount")
def patch_service_account(world: World, request: Any, _: Call) -> Any:
    """Change display name and description; answers just the name and the masked fields (recording all-fields)."""
    paths = list(request.update_mask.paths)
    if not paths or set(paths) - set(CHANGEABLE):
        raise invalid("The update mask must name display_name, description or both.")
    check_texts(request.service_account)
    with world.store.transaction():
        account = require(world, request.service_account.name)
        apply_mask(account, request.service_account, paths)
        accounts.save(world, account)
    answer = ServiceAccount(name=account.name)
    apply_mask(answer, account, paths)
    return answer


@API.method(SERVICE + "UpdateServiceAccount")
def update_service_account(world: World, request: Any, _: Call) -> Any:
    """The older form: replaces the display name."""
    check_texts(request)
    with world.store.transaction():
        account = require(world, request.name)
        account.display_name = request.display_name
        accounts.save(world, account)
    return account


@API.method(SERVICE + "DeleteServiceAccount")
def delete_service_account(world: World, request: Any, _: Call) -> Any:
    """Gone from reads; policies show it as deleted; its unique id can bring it back for 30 days (kinds.md 2.4)."""
    with world.store.transaction():
        account = require(world, request.name)
        accounts.remove(world, account)
        iam_policy.put_aside(world, account.name, _aside(account))
        world.store.put(DELETED, account.unique_id, account.SerializeToString())
        world.store.put(DELETED + ".at", account.unique_id, world.clock.now().isoformat().encode())
        iam_policy.rename_member(world, f"serviceAccount:{account.email}", deleted_member(account))
    return Empty()


def _aside(account: Any) -> str:
    """Where the policy of a deleted account waits: who may act as it may not act as a new one of its e-mail."""
    return f"{DELETED}/{account.unique_id}"


def deleted_member(account: Any) -> str:
    """How a policy names a deleted account."""
    return f"deleted:serviceAccount:{account.email}?uid={account.unique_id}"


@API.method(SERVICE + "UndeleteServiceAccount")
def undelete_service_account(world: World, request: Any, _: Call) -> Any:
    """Bring back a deleted account by its unique id, unless a new one has taken its e-mail."""
    unique_id = request.name.rpartition("/")[2]
    with world.store.transaction():
        body = world.store.get(DELETED, unique_id)
        at = world.store.get(DELETED + ".at", unique_id)
        if body is None or at is None or datetime.fromisoformat(at.decode()) + KEPT_FOR < world.clock.now():
            raise not_found("Unknown service account")
        account = ServiceAccount.FromString(body)
        if accounts.find(world, account.email) is not None:
            text = f"A service account with the e-mail {account.email} exists already."
            raise ApiFailure("FAILED_PRECONDITION", text)
        world.store.delete(DELETED, unique_id)
        accounts.save(world, account)
        iam_policy.put_aside(world, _aside(account), account.name)
        iam_policy.rename_member(world, deleted_member(account), f"serviceAccount:{account.email}")
    return iam.UndeleteServiceAccountResponse.pb()(restored_account=account)


@API.method(SERVICE + "EnableServiceAccount")
def enable_service_account(world: World, request: Any, _: Call) -> Any:
    """Let it get tokens again."""
    return switch(world, request.name, disabled=False)


@API.method(SERVICE + "DisableServiceAccount")
def disable_service_account(world: World, request: Any, _: Call) -> Any:
    """Keep it from getting tokens."""
    return switch(world, request.name, disabled=True)


def switch(world: World, name: str, *, disabled: bool) -> Any:
    """Set the `disabled` flag; keys stay, and work again when it is taken off."""
    with world.store.transaction():
        account = require(world, name)
        account.disabled = disabled
        accounts.save(world, account)
    return Empty()


API.policies.append(Policies("projects/*/serviceAccounts/*", lambda world, name: str(require(world, name).name)))
