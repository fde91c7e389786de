"""One member's role on one resource, in a policy that others write to as well.

Kinds whose objects need a role yield it beside them (`granted`); nothing here is wanted for its own sake. A role that
is found granted already is used and not claimed; one that the spec rules out is taken away whoever granted it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.decide import covers
from reconciler.core.flow import Group
from reconciler.core.kind import Kind, Ownership, Roles, for_no_service
from reconciler.core.membership import IAP, MOUNTED, PROJECT, SQL_CLIENT, Membership, any_member, any_role
from reconciler.core.membership import KIND as NAME
from reconciler.core.objects import Desired, Observed
from reconciler.gcp import policy
from reconciler.gcp.iap_policies import PATH as IAP_PATH
from reconciler.gcp.iap_policies import iap_policies
from reconciler.gcp.table_policies import table_policies

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.diff import FieldChange
    from reconciler.gcp.connection import Connection
    from schemas.sections.management import Management


@dataclass(frozen=True, slots=True)
class IamMember:
    """The fields we manage: the address says everything else.

    Args:
        condition: CEL expression under which the role holds; empty for always.
    """

    condition: str = ""


@dataclass(frozen=True, slots=True)
class Resource:
    """A sort of resource that has a policy.

    Args:
        connect: Makes what reads and writes policies, in the way of Google's generated clients.
        path: Full name, of project, location and name.
    """

    connect: Callable[[Connection], Any]
    path: str


def _generated(package: str, module: str, name: str) -> Callable[[Connection], Any]:
    """Make Google's client: of a package, a module, and its name without `Client`."""
    return lambda connection: connection.client(package, module, name)


RESOURCES: Mapping[str, Resource] = {
    PROJECT: Resource(_generated("google.cloud.resourcemanager_v3", "projects", "Projects"), "projects/{project}"),
    "run_service": Resource(
        _generated("google.cloud.run_v2", "services", "Services"),
        "projects/{project}/locations/{location}/services/{name}",
    ),
    "run_job": Resource(
        _generated("google.cloud.run_v2", "jobs", "Jobs"), "projects/{project}/locations/{location}/jobs/{name}"
    ),
    "secret": Resource(
        _generated("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService"),
        "projects/{project}/secrets/{name}",
    ),
    "service_account": Resource(
        _generated("google.cloud.iam_admin_v1", "iam", "IAM"),
        "projects/{project}/serviceAccounts/{name}@{project}.iam.gserviceaccount.com",
    ),
    "pubsub_topic": Resource(
        _generated("google.pubsub_v1", "publisher", "Publisher"), "projects/{project}/topics/{name}"
    ),
    "pubsub_subscription": Resource(
        _generated("google.pubsub_v1", "subscriber", "Subscriber"), "projects/{project}/subscriptions/{name}"
    ),
    "pubsub_table_subscription": Resource(
        _generated("google.pubsub_v1", "subscriber", "Subscriber"), "projects/{project}/subscriptions/{name}"
    ),
    "bigquery_table": Resource(table_policies, "projects/{project}/datasets/{name}"),
    IAP: Resource(iap_policies, IAP_PATH),
    "artifact_repository": Resource(
        _generated("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"),
        "projects/{project}/locations/{location}/repositories/{name}",
    ),
}


def granted(
    target: Address,
    role: str,
    member: str,
    service: str,
    *,
    needs: Iterable[Address] = (),
) -> Desired[IamMember]:
    """Want a role on one of our objects, once the object is there.

    Args:
        target: The object, of a kind that `RESOURCES` knows.
        role: Such as `roles/pubsub.publisher`.
        member: Such as `serviceAccount:…`.
        service: Whose spec wants it.
        needs: What must be there beside the object: the member's account, if it is of our making.
    """
    here = Membership(target.kind, target.name, role, member).at(target.location, target.project)
    return Desired(here, IamMember(), service, needs=frozenset(needs), within=target)


def left_to_others(management: Management, path: str) -> bool:
    """Tell whether a spec leaves who has a role to others: `management.externallyOwned`."""
    return any(covers(theirs, path) for theirs in management.externally_owned)


@dataclass(frozen=True, slots=True)
class IamMemberClient:
    """Reads and changes single members of policies, each policy read once for all of them."""

    connection: Connection

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[IamMember]]:
        """Read one resource's policy: all addresses are about the same one.

        One that names any role, or any member, is answered by each such grant, under its own address.
        """
        live = policy.read(self._api(addresses[0]), self._path(addresses[0]), addresses[0])
        if live is None:
            return
        asked = set(addresses)
        for grant in policy.grants(live):
            there = Membership.of(addresses[0])
            found = replace(there, role=grant.role, member=grant.member, title=grant.title)
            here = found.at(addresses[0].location, addresses[0].project)
            if not asked.isdisjoint({here, any_role(here), any_member(here)}):
                yield Observed(here, IamMember(grant.expression))

    def create(self, want: Desired[IamMember]) -> None:
        """Add the member."""
        here = want.address
        grant = replace(_grant(here), expression=want.fields.condition)
        try:
            policy.add(self._api(here), self._path(here), here, grant)
        except errors.NotFoundError as error:
            hint = "what the role is on must exist first"
            raise errors.NotFoundError(error.verb, error.address, error.why, hint=hint) from error

    def update(self, want: Desired[IamMember], seen: Observed[IamMember], changes: tuple[FieldChange, ...]) -> None:
        """Replace the condition."""
        del seen, changes
        self.create(want)

    def delete(self, seen: Observed[IamMember]) -> None:
        """Take the member out."""
        policy.remove(self._api(seen.address), self._path(seen.address), seen.address, _grant(seen.address))

    def members(self, target: Address, role: str) -> list[str]:
        """List who has a role on an object without a condition, for taking over what exists."""
        here = Membership(target.kind, target.name, role, "").at(target.location, target.project)
        live = policy.read(RESOURCES[target.kind].connect(self.connection), self._full(target.kind, target), here)
        return sorted({g.member for g in policy.grants(live) if g.role == role and not g.title}) if live else []

    def _api(self, address: Address) -> Any:
        return _resource(address, Membership.of(address).on).connect(self.connection)

    def _path(self, address: Address) -> str:
        there = Membership.of(address)
        return self._full(there.on, replace(address, name=there.name))

    def _full(self, on: str, target: Address) -> str:
        project = target.project or self.connection.project
        return _resource(target, on).path.format(project=project, location=target.location, name=target.name)


def _resource(address: Address, on: str) -> Resource:
    """Look a sort of resource up.

    Raises:
        InvalidRequest: A newer version of this program, or a hand, wrote that address.
    """
    if on not in RESOURCES:
        raise errors.InvalidRequest(
            "read", address, f"this version knows no policies of '{on}'", hint="use a newer one"
        )
    return RESOURCES[on]


def _grant(address: Address) -> policy.Grant:
    there = Membership.of(address)
    return policy.Grant(there.role, there.member, there.title)


def one_policy(address: Address) -> tuple[str, ...]:
    """Group addresses by the resource that holds the policy."""
    return (address.project, address.location, address.name.split(" ", 1)[0])


def in_turn(address: Address) -> str:
    """Change one policy in one place at a time: two writers would only make each other start again."""
    return f"policy {' '.join(one_policy(address))}"


def goes_with_the_service(address: Address) -> bool:
    """Keep roles on the project until the service goes: a revision that still runs may need an older spec's.

    Those of mounts are kept by the revisions that need them: `Kind.keeps`.
    """
    there = Membership.of(address)
    return there.on == PROJECT and not (there.title.startswith(MOUNTED) or there.role == SQL_CLIENT)


KIND = Kind(
    name=NAME,
    title="role of a member",
    fields=IamMember,
    desired=for_no_service,  # roles come with what needs them
    connect=IamMemberClient,
    paid=paid.NOTHING,
    group=Group.ACCESS,
    roles=Roles(
        read=("resourcemanager.projects.getIamPolicy",),
        # What is on the service, a repository or a topic comes with the roles of their own kinds.
        write=("roles/resourcemanager.projectIamAdmin", "secretmanager.secrets.setIamPolicy"),
    ),
    read_together=one_policy,
    lane=in_turn,
    ownership=Ownership.ANONYMOUS,
    retained=goes_with_the_service,
    uses=frozenset({"iam_role", "iam_workload_identity_pool_provider", "service_account"}),
    before=frozenset({"artifact_repository", "bigquery_dataset", "bigquery_table", "pubsub_topic"}),
)
