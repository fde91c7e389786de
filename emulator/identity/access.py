"""Whether a caller has a permission on a resource.

What counts are the policies of the resource and of everything above it, up to its project, with basic roles, conditions
and the roles that Google gives to its own service agents.

Source:
    https://cloud.google.com/iam/docs/policies (inheritance), /principals-overview, /service-agents,
    /roles-overview#basic (basic roles also count as `projectOwner:` and the like).
"""

import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from google.iam.v1 import policy_pb2

from emulator.core.resources import by_id
from emulator.core.world import DEVELOPER, EMULATOR_ACCOUNT, World
from emulator.identity import accounts, conditions, iam_policy, roles
from emulator.identity.callers import is_federated
from emulator.identity.enforcement import is_account

ACT_AS = "iam.serviceAccounts.actAs"
BASIC = {"projectOwner": "roles/owner", "projectEditor": "roles/editor", "projectViewer": "roles/viewer"}
AGENTS = {
    "gcf-admin-robot": "roles/cloudfunctions.serviceAgent",
    "gcp-sa-aiplatform": "roles/aiplatform.serviceAgent",
    "gcp-sa-aiplatform-cc": "roles/aiplatform.customCodeServiceAgent",
    "gcp-sa-artifactregistry": "roles/artifactregistry.serviceAgent",
    "gcp-sa-binaryauthorization": "roles/binaryauthorization.serviceAgent",
    "gcp-sa-cloudscheduler": "roles/cloudscheduler.serviceAgent",
    "gcp-sa-eventarc": "roles/eventarc.serviceAgent",
    "gcp-sa-monitoring-notification": "roles/monitoring.notificationServiceAgent",
    "gcp-sa-vertex-mm": "roles/aiplatform.modelMonitoringServiceAgent",
    "gcp-sa-pubsub": "roles/pubsub.serviceAgent",
    "serverless-robot-prod": "roles/run.serviceAgent",
}
"""Which role Google gives to which agent on its project, by the agent's domain. Cloud Storage's own agent has none.

Source: https://cloud.google.com/iam/docs/service-agents.
"""
PUBLIC = frozenset({"cloudrun", "mlservice"})
"""Projects whose images, and what was found in them, everybody may read: Google's examples, and our model server."""
ACCOUNT = re.compile(r"projects/[^/]+/serviceAccounts/(?P<account>[^/]+)(?P<below>/.*)?")


@dataclass(frozen=True, slots=True)
class Binding:
    """A role, who has it, and when."""

    role: str
    members: frozenset[str]
    condition: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """What a permission is needed on.

    Attributes:
        name: As policies are kept, with the project's id; the start of it names what lies above.
        shown: As conditions and refusals name it; nothing: the same.
        type: `pubsub.googleapis.com/Topic`, for conditions.
        service: `pubsub.googleapis.com`, for conditions.
        above: Name of what it lies in, where its own name does not say (the project of a bucket).
        bindings: Further bindings on it, of APIs that keep policies elsewhere (Cloud Storage).
        attributes: Of the request, for conditions.
    """

    name: str
    shown: str = ""
    type: str = ""
    service: str = ""
    above: str = ""
    bindings: Sequence[Binding] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether it is granted, and the conditions on the way that the emulator could not evaluate."""

    granted: bool
    unknown: tuple[str, ...] = ()


def may(world: World, caller: str, permission: str, target: Target) -> Verdict:
    """Whether a caller has a permission on a resource."""
    policies = [*target.bindings, *held_on(world, target.name), *(held_on(world, target.above) if target.above else ())]
    context = conditions.Context(
        target.shown or target.name, target.type, target.service, world.clock.now(), target.attributes
    )

    def has_basic(member: str) -> bool:
        return is_basic(world, caller, member)

    permits = functools.partial(roles.permits, world)
    return decide(policies, members_of(caller), permission, context, permits=permits, has_basic=has_basic)


def decide(
    bindings: Iterable[Binding],
    members: frozenset[str],
    permission: str,
    context: conditions.Context,
    *,
    permits: Any,
    has_basic: Any = lambda _: False,
) -> Verdict:
    """Whether one of the bindings gives the permission to one of the members; pure.

    Args:
        bindings: Of every policy that counts.
        members: Under which names policies know the caller.
        permission: Which.
        context: What conditions are asked about.
        permits: `(role, permission)` -> whether the role has it.
        has_basic: `projectOwner:p` and the like -> whether the caller is one.
    """
    unknown = []
    for binding in bindings:
        if not permits(binding.role, permission) or not _names(binding, members, has_basic):
            continue
        try:
            if not binding.condition or conditions.holds(binding.condition, context):
                return Verdict(granted=True)
        except conditions.UnknownConditionError:
            unknown.append(binding.condition)
    return Verdict(granted=False, unknown=tuple(dict.fromkeys(unknown)))


def _names(binding: Binding, members: frozenset[str], has_basic: Any) -> bool:
    """Whether a binding is for the caller. Groups and domains have no members here."""
    if binding.members & members:
        return True
    return any(member.startswith("project") and has_basic(member) for member in binding.members)


def members_of(caller: str) -> frozenset[str]:
    """Under which names policies know a caller."""
    if is_federated(caller):
        return frozenset({*caller.split("\n"), "allUsers"})
    sort = "serviceAccount" if is_account(caller) else "user"
    return frozenset({f"{sort}:{caller}", "allUsers", "allAuthenticatedUsers"})


def is_basic(world: World, caller: str, member: str) -> bool:
    """Whether a caller is one of `projectOwner:p`, `projectEditor:p`, `projectViewer:p`."""
    sort, _, project = member.partition(":")
    wanted, mine = BASIC.get(sort), members_of(caller)
    found = held_on(world, by_id(world, f"projects/{project}")) if wanted else ()
    return any(each.role == wanted and not each.condition and each.members & mine for each in found)


def held_on(world: World, name: str) -> Iterator[Binding]:
    """The bindings on a resource and on everything above it, the resource's own first."""
    words = name.split("/")
    for length in range(len(words) - len(words) % 2, 0, -2):
        yield from bindings_of(world, "/".join(words[:length]))
    if words[0] == "projects" and len(words) > 1:
        yield from given_by_google(world, words[1])


def bindings_of(world: World, key: str) -> tuple[Binding, ...]:
    """The bindings of one policy."""
    body = world.store.get(iam_policy.KIND, key)
    return () if body is None else parsed(body)


@functools.lru_cache(maxsize=1024)
def parsed(body: bytes) -> tuple[Binding, ...]:
    """A stored policy's bindings. A policy is read far more often than written."""
    policy = policy_pb2.Policy.FromString(body)
    return tuple(Binding(each.role, frozenset(each.members), each.condition.expression) for each in policy.bindings)


def given_by_google(world: World, project: str) -> Iterator[Binding]:
    """What no policy of ours says: the developer owns the project, and Google's agents have their roles on it."""
    yield Binding("roles/owner", frozenset({f"user:{DEVELOPER}", f"serviceAccount:{EMULATOR_ACCOUNT}"}))
    if project in PUBLIC:
        yield Binding("roles/artifactregistry.reader", frozenset({"allUsers"}))
        yield Binding("roles/containeranalysis.occurrences.viewer", frozenset({"allUsers"}))
    number = world.project_number(project)
    for domain, role in AGENTS.items():
        yield Binding(role, frozenset({f"serviceAccount:service-{number}@{domain}.iam.gserviceaccount.com"}))


def stored_name(world: World, name: str) -> str:
    """A name as policies are kept: by the project's id, an account by its e-mail in its own project."""
    found = ACCOUNT.fullmatch(name)
    if found is None:
        return by_id(world, name)
    account = found["account"]
    if account.isdigit():
        every = (accounts.ServiceAccount.FromString(body) for _, body in world.store.list(accounts.KIND))
        account = next((each.email for each in every if each.unique_id == account), account)
    return account_name(world, account, by_id(world, name).split("/")[1]) + (found["below"] or "")


def account_name(world: World, email: str, project: str = "-") -> str:
    """The name of an account, in the project that its e-mail tells."""
    number = re.match(r"(\d+)-compute@", email)
    own = accounts.project_of(email) or (world.project_id(number[1]) if number else None)
    return f"projects/{own or project}/serviceAccounts/{email}"
