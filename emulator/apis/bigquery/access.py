"""IAM: what `permissions.toml` demands, by the policies of project, dataset (its `access`) and table.

Source: cloud.google.com/bigquery/docs/access-control; the words of refusals as issues of googleapis/python-bigquery and
GoogleCloudPlatform/terraform-google-conversion quote them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emulator.apis.bigquery import errors
from emulator.apis.bigquery.records import DATASET, dataset_key
from emulator.core import permissions
from emulator.identity.callers import is_federated, shown
from emulator.identity.enforcement import enforcement, is_account

if TYPE_CHECKING:
    from collections.abc import Iterable

    from emulator.apis.bigquery.names import Ref
    from emulator.apis.bigquery.wire import Call
    from emulator.core.world import World
    from emulator.identity import access

BASIC = {
    "OWNER": "roles/bigquery.dataOwner",
    "WRITER": "roles/bigquery.dataEditor",
    "READER": "roles/bigquery.dataViewer",
}
SPECIAL = {
    "projectOwners": "projectOwner:{project}",
    "projectWriters": "projectEditor:{project}",
    "projectReaders": "projectViewer:{project}",
    "allAuthenticatedUsers": "allAuthenticatedUsers",
}
SERVICE = "bigquery.googleapis.com"


@cache
def table() -> permissions.Table:
    """What the API says about permissions."""
    return permissions.read(Path(__file__).parent)


def check(call: Call, method: str) -> None:
    """Check what a method needs.

    Raises:
        BigQueryError: 403.
    """
    if enforcement(call.world).spares(call.caller):
        return
    if method not in table().methods:
        from emulator.identity.refusals import gap  # noqa: PLC0415 - the developer's calls need nothing of it

        raise denied(gap(method).message)
    places = {
        "project": (call.project, "", ""),
        "dataset": (call.project, call.path.get("dataset", ""), ""),
        "table": (call.project, call.path.get("dataset", ""), call.path.get("table", "")),
    }
    for demand in table().methods[method]:
        require(call.world, call.caller, demand.permission, *places[demand.field[0]])


def on_table(world: World, caller: str, permission: str, ref: Ref) -> None:
    """Let a caller pass who has a permission on a table.

    Raises:
        BigQueryError: 403.
    """
    require(world, caller, permission, ref.project, ref.dataset, ref.table)


def require(  # noqa: PLR0917 - who, what and where, always in this order
    world: World, caller: str, permission: str, project: str, dataset: str = "", table: str = ""
) -> None:
    """Let a caller pass who has a permission on a project, a dataset or a table.

    Raises:
        BigQueryError: 403.
    """
    if enforcement(world).spares(caller):
        return
    from emulator.identity import access, refusals  # noqa: PLC0415 - the developer's calls need nothing of it

    verdict = access.may(world, caller, permission, target(world, project, dataset, table))
    if not verdict.granted:
        raise denied(words(permission, project, dataset, table) + refusals.excuse(verdict))


def words(permission: str, project: str, dataset: str, table: str) -> str:
    """How a permission is refused."""
    if not dataset:
        text = f"Access Denied: Project {project}: User does not have {permission} permission in project {project}"
        return f"{text}."
    sort, shown = ("Table", f"{project}:{dataset}.{table}") if table else ("Dataset", f"{project}:{dataset}")
    text = f"Access Denied: {sort} {shown}: Permission {permission} denied on {sort.lower()} {shown}"
    return f"{text} (or it may not exist)."


def denied(message: str) -> errors.BigQueryError:
    """A refusal for want of a permission."""
    return errors.BigQueryError(403, "accessDenied", message)


def held(world: World, caller: str, asked: Iterable[str], ref: Ref) -> list[str]:
    """Of some permissions on a table, those that a caller has."""
    if enforcement(world).spares(caller):
        return list(asked)
    from emulator.identity import access  # noqa: PLC0415 - the developer's calls need nothing of it

    on = target(world, ref.project, ref.dataset, ref.table)
    return [each for each in asked if access.may(world, caller, each, on).granted]


def may(world: World, caller: str, permission: str, project: str, dataset: str = "") -> bool:
    """Whether a caller has a permission."""
    if enforcement(world).spares(caller):
        return True
    from emulator.identity import access  # noqa: PLC0415 - the developer's calls need nothing of it

    return access.may(world, caller, permission, target(world, project, dataset)).granted


def target(world: World, project: str, dataset: str = "", table: str = "") -> access.Target:
    """What a permission is needed on; the entries of a dataset's `access` count as bindings."""
    from emulator.identity import access  # noqa: PLC0415 - the developer's calls need nothing of it

    name = f"projects/{project}"
    if not dataset:
        return access.Target(name, type="cloudresourcemanager.googleapis.com/Project", service=SERVICE)
    name += f"/datasets/{dataset}" + (f"/tables/{table}" if table else "")
    body = world.store.get(DATASET, dataset_key(project, dataset))
    entries = [] if body is None else json.loads(body).get("access", [])
    found = [
        access.Binding(role_of(each), frozenset({member})) for each in entries if (member := member_of(each, project))
    ]
    return access.Target(name, type=f"{SERVICE}/{'Table' if table else 'Dataset'}", service=SERVICE, bindings=found)


def is_let_in(world: World, view: Ref | None, ref: Ref) -> bool:
    """Whether a view may read a table whoever asks: the table's dataset lets it, or all of its dataset's views, in.

    Source: cloud.google.com/bigquery/docs/authorized-views and /authorized-datasets.
    """
    body = None if view is None else world.store.get(DATASET, dataset_key(ref.project, ref.dataset))
    if view is None or body is None:
        return False
    whole = {"projectId": view.project, "datasetId": view.dataset}
    for entry in json.loads(body).get("access", []):
        all_of = entry.get("dataset") or {}
        if entry.get("view") == view.resource or (
            all_of.get("dataset") == whole and "VIEWS" in all_of.get("targetTypes", [])
        ):
            return True
    return False


def role_of(entry: dict[str, Any]) -> str:
    """The role of an entry of `access`."""
    return BASIC.get(str(entry.get("role")), str(entry.get("role")))


def entry_of(caller: str) -> dict[str, str]:
    """Whom an entry of `access` for a caller is for: one without an e-mail is a member of policies alone."""
    return {"iamMember": shown(caller)} if is_federated(caller) else {"userByEmail": caller}


def member_of(entry: dict[str, Any], project: str) -> str:
    """Whom an entry of `access` is for, as policies name it; nothing: it is for a view, a routine or a dataset."""
    if "specialGroup" in entry:
        return SPECIAL.get(entry["specialGroup"], "").format(project=project)
    if "userByEmail" in entry:
        email = str(entry["userByEmail"])
        return f"{'serviceAccount' if is_account(email) else 'user'}:{email}"
    named = {"groupByEmail": "group", "domain": "domain"}
    found = next((f"{sort}:{entry[key]}" for key, sort in named.items() if key in entry), "")
    return found or str(entry.get("iamMember", ""))
