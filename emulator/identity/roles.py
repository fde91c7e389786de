"""Google's predefined roles and what each permits, and a project's custom roles.

`roles.json` is made by `python -m emulator.identity.roles DATASET`, from a file of iann0036/iam-dataset's shape;
`more_roles.json` has those of services that this file leaves out, in the same shape.
"""

import json
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from emulator.core.world import World

FILE = Path(__file__).with_name("roles.json")
MORE = Path(__file__).with_name("more_roles.json")
CUSTOM = "iam.role"
"""Kind of the custom roles in the store: a `google.iam.admin.v1.Role` by its name."""

COMPLETE = frozenset(
    ("artifactregistry", "cloudfunctions", "cloudscheduler", "monitoring", "pubsub", "run", "secretmanager", "storage")
)
"""Services of which the files have every role."""


@cache
def predefined() -> dict[str, frozenset[str]]:
    """Every predefined role with its permissions. Read when the first service account calls."""
    return {
        role: frozenset(f"{noun}.{verb}" for noun, verbs in nouns.items() for verb in verbs.split())
        for file in (FILE, MORE)
        for role, nouns in json.loads(file.read_text())["roles"].items()
    }


def may_exist(world: World, role: str) -> bool:
    """Whether a role can be granted: one of a service whose roles are all known, or a custom one that is there.

    Of other services, and of organisations, nothing is known, so any role may be one.
    """
    if role.startswith("roles/"):
        service = role.removeprefix("roles/").partition(".")[0]
        return service not in COMPLETE or role in predefined()
    return not role.startswith("projects/") or world.store.get(CUSTOM, role) is not None


def permits(world: World, role: str, permission: str) -> bool:
    """Whether a role has a permission; a role that nobody knows has none."""
    if role.startswith("roles/"):
        return permission in predefined().get(role, ())
    body = world.store.get(CUSTOM, role)
    if body is None:
        return False
    from google.cloud.iam_admin_v1.types import iam  # noqa: PLC0415 - few projects have custom roles

    found = iam.Role.pb().FromString(body)
    return permission in found.included_permissions and not found.deleted


def with_permission(permission: str) -> list[str]:
    """The predefined roles that have a permission, those with the fewest others first."""
    return sorted(
        (role for role, permissions in predefined().items() if permission in permissions),
        key=lambda role: (len(predefined()[role]), role),
    )


def compact(permissions: Iterable[str]) -> dict[str, str]:
    """Permissions by noun: `{"run.services": "create delete"}`."""
    nouns: dict[str, list[str]] = {}
    for permission in sorted(permissions):
        noun, _, verb = permission.rpartition(".")
        nouns.setdefault(noun, []).append(verb)
    return {noun: " ".join(verbs) for noun, verbs in nouns.items()}


def derived(dataset: dict[str, Any]) -> dict[str, Any]:
    """What we keep of the dataset: its source, and the roles that have any permission of an API with a place here."""
    roles = {role: compact(about["permissions"]) for role, about in sorted(dataset["roles"].items())}
    return {"source": dataset["source"], "roles": {role: nouns for role, nouns in roles.items() if nouns}}


def main() -> None:
    """Write `roles.json`, a role to a line."""
    made = derived(json.loads(Path(sys.argv[1]).read_text()))
    lines = [f"{json.dumps(role)}: {json.dumps(nouns)}" for role, nouns in made["roles"].items()]
    body = ",\n".join(lines)
    FILE.write_text(f'{{"source": {json.dumps(made["source"])},\n"roles": {{\n{body}\n}}}}\n')


if __name__ == "__main__":
    main()
