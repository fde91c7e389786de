"""Which permissions the caller lacks: on the project first, then, for those missing there, on what they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.checkup import Answer, Check, Who
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.engine.doctor.case import Case
from reconciler.engine.doctor.needs import Need, Needs
from reconciler.gcp.held import held_on, held_on_bucket
from reconciler.gcp.roles import role_with
from reconciler.gcp.who import Caller
from reconciler.kinds.iam_member import RESOURCES

ENABLE = "serviceusage.services.enable"
GRANT = "resourcemanager.projects.setIamPolicy"
MAKE_BUCKET = "storage.buckets.create"
_OURS = (ENABLE, GRANT, MAKE_BUCKET)
"""Not needed for the specs: who has them can mend what others must be asked for."""
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class Held:
    """What the caller has.

    Args:
        project: Permissions on the project.
        beyond: Those that Google does not tell about the project.
    """

    project: frozenset[str]
    beyond: frozenset[str]


def on_project(case: Case, needs: Needs) -> Held:
    """Ask about the project.

    Raises:
        ApiError: Google could not be asked.
    """
    api = case.session.connection.client("google.cloud.resourcemanager_v3", "projects", "Projects")
    asked = {need.permission for need in needs.permissions if not need.bucket or _may_be_of_project(need)}
    return Held(*held_on(api, f"projects/{case.project}", {*asked, *_OURS}))


def _may_be_of_project(need: Need) -> bool:
    """What is needed on a bucket may come from a role on the project, and Google tells of it there."""
    return need.permission.startswith("storage.")


def permissions(case: Case, needs: Needs, held: Held, caller: Caller) -> Iterator[Check]:
    """Say what is missing, one line for each sort of resource."""
    missing = {need: names for need, names in needs.permissions.items() if need.permission not in held.project}
    spared, asked = _on_objects(case, missing)
    left = {need: names for need, names in missing.items() if need not in spared}
    untold = {
        need: names for need, names in left.items() if need.permission in held.beyond and need.bucket not in asked
    }
    lacking = {need: names for need, names in left.items() if need not in untold}
    may_grant = GRANT in held.project
    for what, found in sorted(_by_purpose(lacking).items()):
        yield _lacking(case, what, found, lacking, caller, may_grant=may_grant)
    if untold:
        named = ", ".join(sorted({need.permission for need in untold}))
        yield Check("permissions", Answer.UNKNOWN, f"Google does not tell of {named} on a project")
    if not lacking:
        count = len({need.permission for need in needs.permissions})
        yield Check("permissions", Answer.OK, f"you have all {count} permissions that these specs need")


def bucket_to_make(case: Case, held: Held) -> Iterator[Check]:
    """Say when the first apply would have to make the state bucket, and may not."""
    state = case.session.connection.state
    if not case.writing or MAKE_BUCKET in held.project or state.there:
        return
    make = f"gcloud storage buckets create gs://{state.name} --uniform-bucket-level-access --public-access-prevention"
    mark = f"gcloud storage buckets update gs://{state.name} --update-labels={MANAGED_BY}={MANAGER}"
    line = f"gs://{state.name} is not there, and you may not make it ({MAKE_BUCKET})"
    yield Check("state-bucket", Answer.FAIL, line, Who.PROJECT, (f"{make} --project={case.project}", mark))


def _by_purpose(lacking: Mapping[Need, frozenset[str]]) -> dict[tuple[str, str], list[Need]]:
    found: dict[tuple[str, str], list[Need]] = {}
    for need in sorted(lacking):
        found.setdefault((need.what, need.bucket), []).append(need)
    return found


def _lacking(
    case: Case,
    purpose: tuple[str, str],
    found: Iterable[Need],
    lacking: Mapping[Need, frozenset[str]],
    caller: Caller,
    *,
    may_grant: bool,
) -> Check:
    what, bucket = purpose
    needs = list(found)
    names = sorted({need.permission for need in needs})
    services = tuple(sorted(frozenset().union(*(lacking[need] for need in needs))))
    roles = sorted({role for name in names if (role := role_with(name))})
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    on = f" on gs://{bucket}" if bucket else ""
    have = f"; {' + '.join(roles)} would do" if roles else ""
    line = f"missing for {what} of {_listed(services)}: {', '.join(names[:_SHOWN])}{more}{on}{have}"
    commands = tuple(_granting(case, role, bucket, caller) for role in roles)
    return Check("permissions", Answer.FAIL, line, Who.YOU if may_grant else Who.PROJECT, commands, services)


def _granting(case: Case, role: str, bucket: str, caller: Caller) -> str:
    of = f"buckets add-iam-policy-binding gs://{bucket}" if bucket else f"add-iam-policy-binding {case.project}"
    noun = "storage" if bucket else "projects"
    return f"gcloud {noun} {of} --member={caller.member} --role={role}"


def _listed(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"  # noqa: PLR2004 - as many as are shown


def _on_objects(case: Case, missing: Mapping[Need, frozenset[str]]) -> tuple[frozenset[Need], frozenset[str]]:
    """Find what is missing on the project and there on each object that it is about.

    Returns:
        That, and the buckets that told.
    """
    asked: dict[tuple[str, Address], set[str]] = {}
    buckets: dict[str, set[str]] = {}
    for need in missing:
        for resource in need.resources:
            asked.setdefault(resource, set()).add(need.permission)
        if need.bucket:
            buckets.setdefault(need.bucket, set()).add(need.permission)
    answers = case.session.pool.gather([partial(_of_object, case, *each, names) for each, names in asked.items()])
    have = dict(zip(asked, answers, strict=True))
    stored = case.session.pool.gather([partial(_of_bucket, case, name, names) for name, names in buckets.items()])
    kept = dict(zip(buckets, stored, strict=True))
    spared = (
        need
        for need in missing
        if (need.bucket and need.permission in (kept[need.bucket] or ()))
        or (need.resources and all(need.permission in have[each] for each in need.resources))
    )
    return frozenset(spared), frozenset(name for name, found in kept.items() if found is not None)


def _of_object(case: Case, sort: str, address: Address, names: set[str]) -> frozenset[str]:
    """Ask about one object; of one that is not there nobody has anything."""
    resource = RESOURCES.get(sort)
    if resource is None:
        return frozenset()
    project = address.project or case.project
    full = resource.path.format(project=project, location=address.location, name=address.name)
    try:
        return held_on(resource.connect(case.session.connection), full, names)[0]
    except errors.ApiError:
        return frozenset()


def _of_bucket(case: Case, bucket: str, names: set[str]) -> frozenset[str] | None:
    """Ask about a bucket; None where there is none that tells."""
    try:
        return held_on_bucket(case.session.connection, bucket, names)
    except errors.ApiError:
        return None
