"""Artifact Registry repository that holds the service's images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.core import errors, paid
from reconciler.core.address import Address
from reconciler.core.cleanup import MOST
from reconciler.core.diff import gone_keys
from reconciler.core.flow import Group
from reconciler.core.keeping import KEEPS, POLICY
from reconciler.core.kind import Extra, Kind, Ownership, Permissions, Roles
from reconciler.core.naming import MANAGED_BY, MANAGER, fingerprint
from reconciler.core.objects import Desired, Observed
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.gcp.light import types_module
from reconciler.gcp.operations import wait

if TYPE_CHECKING:
    from reconciler.core.diff import FieldChange
    from reconciler.core.facts import Facts
    from reconciler.gcp.connection import Connection
    from schemas import MLService

_PACKAGE = "google.cloud.artifactregistry_v1"
_KEEP, _DELETE = "keep-last", "delete-untagged"
_OURS = (_KEEP, _DELETE, POLICY)


_KEEPING = (
    "artifactregistry.dockerimages.get",
    "artifactregistry.dockerimages.list",
    "artifactregistry.tags.create",
    "artifactregistry.tags.get",
    "artifactregistry.tags.update",
    "artifactregistry.tags.delete",
    "run.services.list",
    "run.revisions.list",
    "run.jobs.list",
    "cloudfunctions.functions.list",
)
"""What tagging needed images takes, and looking at what needs them."""


@dataclass(frozen=True, slots=True)
class ArtifactRepository:
    """The fields we manage. Every other field of the live repository is left as found.

    Args:
        format: Always `DOCKER`.
        immutable_tags: A pushed tag cannot move.
        scanning: True when pushed images are scanned, as far as the project has the API enabled.
        keep_last: Versions of each image kept; None for no such policy.
        delete_untagged_after_s: Age at which untagged versions go; None for no such policy.
        labels: Ours; others may add theirs.
        keep_needed: What is needed is kept, whatever policies there are: see `core.keeping`.
        by_hand: That policies only say what they would delete, where there are any of ours.
    """

    format: str
    immutable_tags: bool
    scanning: bool
    keep_last: int | None
    delete_untagged_after_s: int | None
    labels: Mapping[str, str]
    keep_needed: bool = False
    by_hand: Mapping[str, str] = field(default_factory=dict)


def desired(service: MLService, facts: Facts) -> Iterator[Desired[ArtifactRepository]]:
    """Want the repository of the `registry` section."""
    del facts
    registry = service.spec.registry
    if registry is None:
        return
    cleanup = registry.cleanup
    # Several services may share one repository, so it carries the manager's mark and no service's labels.
    fields = ArtifactRepository(
        format="DOCKER",
        immutable_tags=registry.immutable_tags,
        scanning=registry.scan is not None,
        keep_last=cleanup.keep_last if cleanup else None,
        delete_untagged_after_s=int(cleanup.delete_untagged_after_s)
        if cleanup and cleanup.delete_untagged_after_s
        else None,
        labels={MANAGED_BY: MANAGER},
        keep_needed=cleanup is not None and (cleanup.keep_last or cleanup.delete_untagged_after_s) is not None,
    )
    yield Desired(Address("artifact_repository", service.spec.region, registry.repository), fields, service.name)


def from_api(live: Any) -> ArtifactRepository:
    """Turn a live repository into our record; the server's defaults end here.

    Source:
        An unset `enablementConfig` means INHERITED for Docker repositories (kinds.md 6).
    """
    keep, delete, needed = (live.cleanup_policies.get(name) for name in _OURS)
    return ArtifactRepository(
        format=live.format_.name,
        immutable_tags=bool(live.docker_config.immutable_tags),
        scanning=live.vulnerability_scanning_config.enablement_config.name != "DISABLED",
        keep_last=keep.most_recent_versions.keep_count if keep else None,
        delete_untagged_after_s=int(delete.condition.older_than.total_seconds()) if delete else None,
        labels=dict(live.labels),
        keep_needed=needed is not None and _keeps_needed(needed),
        by_hand={"cleanup_policy_dry_run": "true"} if live.cleanup_policy_dry_run and (keep or delete) else {},
    )


def _keeps_needed(policy: Any) -> bool:
    """Tell whether the policy of that name is the one that we write: one with more conditions keeps less."""
    condition = policy.condition
    limits = (
        condition.version_name_prefixes,
        condition.package_name_prefixes,
        condition.older_than,
        condition.newer_than,
    )
    keeps = policy.action.name == "KEEP" and condition.tag_state.name == "TAGGED"
    return keeps and tuple(condition.tag_prefixes) == KEEPS.tag_prefixes and not any(limits)


class ArtifactRepositoryClient:
    """Thin and idempotent over Google's client."""

    MASK: Mapping[str, str] = {
        "immutable_tags": "docker_config",
        "scanning": "vulnerability_scanning_config.enablement_config",
        "keep_last": "cleanup_policies",
        "delete_untagged_after_s": "cleanup_policies",
        "keep_needed": "cleanup_policies",
        "labels": "labels",
        "by_hand": "cleanup_policy_dry_run",
    }

    def __init__(self, connection: Connection) -> None:
        self._project = connection.project
        self._patience_s = connection.patience_s
        self._api = connection.client(_PACKAGE, "artifact_registry", "ArtifactRegistry")

    def observe(self, addresses: Sequence[Address]) -> Iterable[Observed[ArtifactRepository]]:
        """List one location."""
        location = addresses[0].location
        wanted = {a.name for a in addresses}
        with calling("list", f"artifact_repository/{location}"):
            found = list(
                self._api.list_repositories(
                    request={"parent": self._parent(location), "page_size": 1000},
                    retry=READING,
                    timeout=CALL_TIMEOUT_S,
                )
            )
        for live in found:
            name = live.name.rpartition("/")[2]
            if name in wanted:
                yield Observed(
                    address=Address("artifact_repository", location, name),
                    fields=from_api(live),
                    version=_version(live),
                    mark=live.labels.get(MANAGED_BY, "") if live.labels.get(MANAGED_BY) == MANAGER else "",
                    live=live,
                )

    def create(self, want: Desired[ArtifactRepository]) -> None:
        """Create it, and wait."""
        repository = types_module(_PACKAGE, "repository").Repository()
        _write(repository, want.fields)
        request = {
            "parent": self._parent(want.address.location),
            "repository_id": want.address.name,
            "repository": repository,
        }
        with calling("create", want.address):
            operation = self._api.create_repository(request=request, timeout=CALL_TIMEOUT_S)
        wait(operation, "create", want.address, timeout_s=self._patience_s)

    def update(
        self, want: Desired[ArtifactRepository], seen: Observed[ArtifactRepository], changes: tuple[FieldChange, ...]
    ) -> None:
        """Write the changed fields; synchronous. A mask of a whole map would undo what somebody wrote meanwhile."""
        repository = type(seen.live)(seen.live)
        _write(repository, want.fields)
        for key in gone_keys(changes, "labels"):
            repository.labels.pop(key, None)
        _refuse_too_many(want.address, repository)
        paths = sorted({self.MASK[c.field] for c in changes})
        with calling("update", want.address):
            request = {"repository": repository, "update_mask": {"paths": paths}}
            self._api.update_repository(request=request, timeout=CALL_TIMEOUT_S)

    def delete(self, seen: Observed[ArtifactRepository]) -> None:
        """Delete it and every image in it."""
        name = f"{self._parent(seen.address.location)}/repositories/{seen.address.name}"
        try:
            with calling("delete", seen.address):
                operation = self._api.delete_repository(request={"name": name}, timeout=CALL_TIMEOUT_S)
            wait(operation, "delete", seen.address, timeout_s=self._patience_s)
        except errors.NotFoundError:
            return

    def _parent(self, location: str) -> str:
        return f"projects/{self._project}/locations/{location}"


def _version(live: Any) -> str:
    # The time of the last update moves with every pushed image, which is no change of the repository.
    return fingerprint({k: v for k, v in type(live).to_dict(live).items() if k not in {"update_time", "size_bytes"}})


def _write(repository: Any, fields: ArtifactRepository) -> None:
    types = types_module(_PACKAGE, "repository")
    kind = types.Repository
    repository.format_ = kind.Format[fields.format]
    repository.docker_config = kind.DockerRepositoryConfig(immutable_tags=fields.immutable_tags)
    wanted = "INHERITED" if fields.scanning else "DISABLED"
    config = kind.VulnerabilityScanningConfig.EnablementConfig[wanted]
    repository.vulnerability_scanning_config.enablement_config = config
    for name, policy in _policies(types, fields).items():
        if policy is None:
            repository.cleanup_policies.pop(name, None)
        else:
            repository.cleanup_policies[name] = policy
    if any(policy is not None for policy in _policies(types, fields).values()):
        repository.cleanup_policy_dry_run = False
    repository.labels.update(fields.labels)


def _policies(types: Any, fields: ArtifactRepository) -> dict[str, Any]:
    keep = fields.keep_last and types.CleanupPolicy(
        id=_KEEP,
        action=types.CleanupPolicy.Action.KEEP,
        most_recent_versions=types.CleanupPolicyMostRecentVersions(keep_count=fields.keep_last),
    )
    delete = fields.delete_untagged_after_s and types.CleanupPolicy(
        id=_DELETE,
        action=types.CleanupPolicy.Action.DELETE,
        condition=types.CleanupPolicyCondition(
            tag_state=types.CleanupPolicyCondition.TagState.UNTAGGED,
            older_than={"seconds": fields.delete_untagged_after_s},
        ),
    )
    needed = fields.keep_needed and types.CleanupPolicy(
        id=POLICY,
        action=types.CleanupPolicy.Action.KEEP,
        condition=types.CleanupPolicyCondition(
            tag_state=types.CleanupPolicyCondition.TagState.TAGGED, tag_prefixes=KEEPS.tag_prefixes
        ),
    )
    return {_KEEP: keep or None, _DELETE: delete or None, POLICY: needed or None}


def _refuse_too_many(address: Address, repository: Any) -> None:
    """Refuse what Google would, in words that help: others' policies count as well.

    Raises:
        InvalidRequest: There would be more policies than a repository may have.
    """
    if len(repository.cleanup_policies) > MOST:
        theirs = sorted(set(repository.cleanup_policies) - set(_OURS))
        why = f"a repository has at most {MOST} cleanup policies, and others made {len(theirs)}: {', '.join(theirs)}"
        raise errors.InvalidRequest("update", address, why, hint=f"delete some: {len(_OURS)} are needed here")


SCANS = Extra(
    title="what scans found (`registry.scan`)",
    wanted=lambda service: service.spec.registry is not None and service.spec.registry.scan is not None,
    roles=("roles/containeranalysis.occurrences.viewer",),
    permissions=("containeranalysis.occurrences.get", "containeranalysis.occurrences.list"),
    apis=("containeranalysis.googleapis.com", "containerscanning.googleapis.com"),
)
SIGNATURES = Extra(
    title="who attested images (`registry.signed`)",
    wanted=lambda service: service.spec.registry is not None and service.spec.registry.signed is not None,
    roles=("roles/binaryauthorization.attestorsVerifier", "roles/containeranalysis.notes.occurrences.viewer"),
    permissions=(
        "binaryauthorization.attestors.get",
        "binaryauthorization.attestors.verifyImageAttested",
        "containeranalysis.notes.listOccurrences",
    ),
    apis=("binaryauthorization.googleapis.com", "containeranalysis.googleapis.com"),
)
ORIGINS = Extra(
    title="who built images (`registry.provenance`)",
    wanted=lambda service: service.spec.registry is not None and service.spec.registry.provenance,
    roles=("roles/containeranalysis.occurrences.viewer",),
    permissions=("containeranalysis.occurrences.list",),
    apis=("containeranalysis.googleapis.com",),
)

KIND = Kind(
    name="artifact_repository",
    title="Artifact Registry repository",
    fields=ArtifactRepository,
    desired=desired,
    connect=ArtifactRepositoryClient,
    group=Group.SERVING,
    paid=paid.Paid(
        alters=paid.fields("keep_last", "scanning"),
        without={"versions_kept": 0, "scanned": False},
    ),
    immutable=frozenset({"format"}),
    keyed=frozenset({"labels"}),
    acts_on=frozenset(
        {"registry.repository", "registry.immutableTags", "registry.scan", "registry.cleanup.*"},
    ),
    permissions=Permissions(
        read=("artifactregistry.repositories.list",),
        write=(
            "artifactregistry.repositories.create",
            "artifactregistry.repositories.get",
            "artifactregistry.repositories.update",
            "artifactregistry.repositories.delete",
            *_KEEPING,
        ),
    ),
    apis=("artifactregistry.googleapis.com",),
    extras=(SCANS, SIGNATURES, ORIGINS),
    roles=Roles(
        read=("roles/artifactregistry.reader",),
        write=("roles/artifactregistry.admin", "roles/run.viewer", "roles/cloudfunctions.viewer"),
    ),
    ownership=Ownership.SHARED,
    # Repositories have no etag (kinds.md 2.2).
    fenced=False,
    loss=lambda *_: "its images are lost",
)
