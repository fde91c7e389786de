"""Custom roles of projects, and the predefined ones to read.

Source: `google.iam.admin.v1.IAM`; https://cloud.google.com/iam/docs/creating-custom-roles (ids, deletion).
"""

import hashlib
from typing import Any

from google.cloud.iam_admin_v1.types import iam

from emulator.apis.iam.accounts import API, SERVICE, invalid, not_found
from emulator.core.api import Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import Collection, apply_mask, by_id, check_id, fits
from emulator.core.world import World
from emulator.identity import roles
from emulator.wire.dispatch import allow

Role = iam.Role.pb()
PATTERN = "projects/*/roles/*"
ROLE_ID = r"[a-zA-Z0-9_.]{3,64}"
PAGE_DEFAULT, PAGE_MOST = 300, 1000
STORED = Collection(roles.CUSTOM, Role, PATTERN, lambda name: not_found(f"The role named {name} was not found."))


def known(permission: str) -> bool:
    """Whether any predefined role has a permission; the emulator knows of no others."""
    return bool(roles.with_permission(permission))


def settle(role: Any) -> None:
    """Refuse permissions that do not exist, and give a new etag.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    for permission in role.included_permissions:
        if not known(permission):
            raise invalid(f"Permission {permission} is not valid.")
    role.included_permissions[:] = sorted(set(role.included_permissions))
    role.ClearField("etag")
    role.etag = hashlib.sha256(role.SerializeToString(deterministic=True)).digest()[:8]


@API.method(SERVICE + "CreateRole")
def create_role(world: World, request: Any, _: Call) -> Any:
    """A role of a project; one of an organization is beyond the emulator."""
    parent = by_id(world, request.parent)
    if not fits("projects/*", parent):
        raise ApiFailure("UNIMPLEMENTED", f"The emulator keeps custom roles of projects, not of {request.parent!r}.")
    check_id("role id", request.role_id, ROLE_ID)
    role = Role()
    role.CopyFrom(request.role)
    role.name, role.deleted = f"{parent}/roles/{request.role_id}", False
    settle(role)
    before = STORED.find(world, role.name)
    if before is not None and before.deleted:
        text = f"You can't create a role with role_id ({request.role_id}) where there is an existing role with that "
        raise ApiFailure("FAILED_PRECONDITION", f"{text}role_id in a deleted state.")
    if before is not None:
        text = f"A role named {request.role_id} in {parent} already exists."
        raise ApiFailure("ALREADY_EXISTS", text, legacy_reason="alreadyExists")
    STORED.insert(world, role)
    return role


@API.method(SERVICE + "GetRole")
def get_role(world: World, request: Any, call: Call) -> Any:
    """A role with its permissions, predefined, which everybody may read, or of a project."""
    if not request.name.startswith("roles/"):
        allow(world, call.caller, "iam.roles.get", request.name, "google.iam.admin.v1.")
        return STORED.get(world, by_id(world, request.name))
    found = roles.predefined().get(request.name)
    if found is None:
        raise not_found(f"The role named {request.name} was not found.")
    return Role(name=request.name, included_permissions=sorted(found))


@API.method(SERVICE + "ListRoles")
def list_roles(world: World, request: Any, call: Call) -> Any:
    """A project's roles, or without a parent the predefined ones; the permissions in the full view only."""
    if request.parent:
        allow(world, call.caller, "iam.roles.list", request.parent, "google.iam.admin.v1.")
        found = STORED.all(world, f"{by_id(world, request.parent)}/roles/")
    else:
        found = [Role(name=name, included_permissions=sorted(has)) for name, has in roles.predefined().items()]
    chosen = [role for role in found if request.show_deleted or not role.deleted]
    if request.view != iam.RoleView.FULL:
        for role in chosen:
            role.ClearField("included_permissions")
    shown, token = page_of(request, chosen, default=PAGE_DEFAULT, most=PAGE_MOST)
    return iam.ListRolesResponse.pb()(roles=shown, next_page_token=token)


@API.method(SERVICE + "UpdateRole")
def update_role(world: World, request: Any, _: Call) -> Any:
    """Change the masked fields; without a mask all of them."""
    with world.store.transaction():
        role = STORED.get(world, by_id(world, request.name))
        apply_mask(role, request.role, list(request.update_mask.paths) or ["*"], keep=("name", "deleted"))
        settle(role)
        STORED.save(world, role)
    return role


@API.method(SERVICE + "DeleteRole")
def delete_role(world: World, request: Any, _: Call) -> Any:
    """It gives nobody anything from now on, and can still be read."""
    with world.store.transaction():
        role = STORED.get(world, by_id(world, request.name))
        role.deleted = True
        STORED.save(world, role)
    return role


@API.method(SERVICE + "UndeleteRole")
def undelete_role(world: World, request: Any, _: Call) -> Any:
    """It gives again what it gave."""
    with world.store.transaction():
        role = STORED.get(world, by_id(world, request.name))
        if not role.deleted:
            raise ApiFailure("FAILED_PRECONDITION", f"The role named {request.name} is not deleted.")
        role.deleted = False
        STORED.save(world, role)
    return role
