"""A custom role of the project: permissions for which every predefined role would be too much."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import Address
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Permissions, Roles, by_project, for_no_service
from reconciler.core.naming import fingerprint, noted
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection

NAME = "iam_role"
_PACKAGE = "google.cloud.iam_admin_v1"
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class IamRole:
    """The fields we manage. The stage, which is for people, is left as found, unless it disables the role.

    Args:
        title: For people.
        description: Carries our mark: roles have no labels.
        permissions: Sorted.
        by_hand: The stage, where somebody disabled the role: it gives nothing then.
    """

    title: str
    description: str
    permissions: tuple[str, ...]
    by_hand: Mapping[str, str] = field(default_factory=dict)


_MASK: Mapping[str, str] = {"permissions": "included_permissions", "by_hand": "stage"}


def full_name(role: Address, project: str) -> str:
    """Give the name by which the role is granted."""
    return f"projects/{project}/roles/{role.name}"


class IamRoleClient:
    """Thin and idempotent over Google's client."""

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._api = connection.client(_PACKAGE, "iam", "IAM")
        self._types = types_module(_PACKAGE, "iam")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[IamRole]]:
        """List the project's roles. A deleted one can still be read, and is none."""
        wanted = {full_name(address, self._project): address for address in addresses}
        with calling("list", f"{NAME}/global"):
            view = self._types.RoleView.FULL
            request = {"parent": f"projects/{self._project}", "page_size": _PAGE, "view": view}
            found = list(self._api.list_roles(request=request, retry=READING, timeout=CALL_TIMEOUT_S))
        for live in found:
            if live.name in wanted and not live.deleted:
                yield _observed(wanted[live.name], live)

    def create(self, want: Desired[IamRole]) -> None:
        """Create it. One of the name that was deleted comes back: for weeks Google gives its name to no other.

        Source:
            cloud.google.com/iam/docs/creating-custom-roles: a deleted role can be restored for 7 days, and its id is
            not free for 44.
        """
        request = {
            "parent": f"projects/{self._project}",
            "role_id": want.address.name,
            "role": self._role(want.fields),
        }
        with calling("create", want.address):
            if self._deleted(want.address):
                self._restore(want)
            else:
                self._api.create_role(request=request, timeout=CALL_TIMEOUT_S)

    def _deleted(self, address: Address) -> bool:
        """Tell whether there is a deleted role of that name."""
        try:
            with calling("read", address):
                name = full_name(address, self._project)
                return bool(self._api.get_role(request={"name": name}, timeout=CALL_TIMEOUT_S).deleted)
        except errors.NotFoundError:
            return False

    def _restore(self, want: Desired[IamRole]) -> None:
        name = full_name(want.address, self._project)
        self._api.undelete_role(request={"name": name}, timeout=CALL_TIMEOUT_S)
        self._update(name, want.fields, list(IamRole.__dataclass_fields__))

    def update(self, want: Desired[IamRole], seen: Observed[IamRole], changes: tuple[FieldChange, ...]) -> None:
        """Write the changed fields."""
        del seen
        with calling("update", want.address):
            self._update(full_name(want.address, self._project), want.fields, sorted({c.field for c in changes}))

    def _update(self, name: str, fields: IamRole, changed: Sequence[str]) -> None:
        paths = [_MASK.get(each, each) for each in changed]
        request = {"name": name, "role": self._role(fields), "update_mask": {"paths": paths}}
        self._api.update_role(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[IamRole]) -> None:
        """Delete it. Who has it has nothing by it any more."""
        try:
            with calling("delete", seen.address):
                name = full_name(seen.address, self._project)
                self._api.delete_role(request={"name": name}, timeout=CALL_TIMEOUT_S)
        except errors.NotFoundError:
            return

    def _role(self, fields: IamRole) -> Any:
        return self._types.Role(
            title=fields.title, description=fields.description, included_permissions=list(fields.permissions)
        )


def _observed(address: Address, live: Any) -> Observed[IamRole]:
    disabled = {"stage": live.stage.name} if live.stage.name == "DISABLED" else {}
    fields = IamRole(live.title, live.description, tuple(sorted(live.included_permissions)), disabled)
    written = {"stage": str(live.stage), "fields": repr(fields)}
    return Observed(
        address,
        fields,
        version=fingerprint(written),
        mark=noted(live.description),
        output={"name": live.name},
        live=live,
    )


_PERMISSIONS = Permissions(
    read=("iam.roles.list",),
    # One that is made may have been deleted before: that is looked at by itself.
    write=("iam.roles.create", "iam.roles.delete", "iam.roles.get", "iam.roles.undelete", "iam.roles.update"),
)
"""No predefined role is as narrow."""

KIND = Kind(
    name=NAME,
    title="custom role",
    fields=IamRole,
    desired=for_no_service,  # no service needs a role of its own
    connect=IamRoleClient,
    paid=paid.NOTHING,
    group=Group.ACCESS,
    read_together=by_project,
    permissions=_PERMISSIONS,
    apis=("iam.googleapis.com",),
    roles=Roles(read=_PERMISSIONS.read, write=_PERMISSIONS.write),
    # An etag may be sent and is not asked for; the mask names what differs.
    fenced=True,
)
