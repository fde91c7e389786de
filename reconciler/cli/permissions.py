"""`docs/permissions.md`: what the reconciler's own account needs and what it gives, from what each kind says.

`python -m reconciler.cli.permissions` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from itertools import starmap
from pathlib import Path

from reconciler.core.kind import Roles
from reconciler.kinds import KINDS, duties

FILE = "docs/permissions.md"

_INTRODUCTION = """\
# What the reconciler may do

<!-- Generated: `python -m reconciler.cli.permissions`. Edit `roles` and `gives` in reconciler/kinds/. -->

`mlservice` uses Application Default Credentials. Grant its account what it needs and no more; each failed call names
the permission that is missing and the roles that have it. Only the kinds of resources that your specs lead to count:
the plan names them. A name without `roles/` is a permission for a custom role: a predefined one would be too much.

A role on the state bucket needs the bucket: make it first (`gcloud storage buckets create gs://PROJECT-mlservice
--uniform-bucket-level-access --public-access-prevention`, then `buckets update --update-labels=managed-by=mlservice`),
or let the first `apply` make it with `roles/storage.admin` on the project.

`predict` needs `roles/run.invoker` on the service; `models`, `monitor` and `monitor calibrate` need
`roles/aiplatform.viewer` and, as `plan` does, `roles/storage.objectViewer` on the state bucket, and `roles/run.viewer`
while monitors of two versions have schedules; `monitor` needs `roles/cloudfunctions.viewer` where
`monitoring.performance` is judged. `monitor run` needs `roles/aiplatform.user` for its jobs; so does
`promote --write` with `model.alias`, which writes what it did into the state bucket.

`cost --measured`, and `status NAME` for what a service is used, need `roles/monitoring.viewer`; `advise` needs
`roles/run.viewer` as well.
`cost --refresh` needs no role: `cloudbilling.googleapis.com` must be enabled in the project.

`where` needs `roles/run.viewer` and `roles/storage.objectViewer` on the state bucket, `roles/cloudfunctions.viewer`
where functions start trainings, `roles/artifactregistry.reader` for images and digests, and `roles/aiplatform.viewer`
for `MODEL@VERSION`; what it may not read it says.

A baseline in Cloud Storage needs `roles/storage.objectViewer` on its bucket, for `plan` as well; a table of another
project needs `roles/bigquery.metadataViewer` there.

Try an account's roles on the emulator, which refuses what Google would ([how](emulator.md#permissions)). A test applies
the fullest spec there with just what stands here, and without each of it in turn.

## What its account needs
"""

_GIVEN = """\
## What it gives to others

Roles that specs lead to, for accounts that a service runs and calls as, and for Google's own. They are what
`roles/resourcemanager.projectIamAdmin` may be narrowed to by a condition on `iam.googleapis.com/modifiedGrantsByRole`.
"""


STATE = Roles(read=("storage.buckets.list",))
"""On the project: a bucket of the default name is looked for among the project's own, since names are one for the whole
world."""
INVENTORY = Roles(read=("roles/storage.objectViewer",), write=("roles/storage.admin",), on="the state bucket")


def page() -> str:
    """Write the page."""
    kinds = [(kind.title, kind.roles) for kind in KINDS]
    extras = [(extra.title, Roles(read=extra.roles)) for kind in KINDS for extra in kind.extras]
    page = ("an operator's page", Roles(read=duties.LOOKING_AT_PAGE, write=duties.CLOSING_PAGE))
    rows = [*kinds, *extras, page, ("the inventory", INVENTORY), ("the state bucket", STATE)]
    needs = _table(("For", "`plan`, `status`", "`apply`, `destroy`, `reconcile` too"), starmap(_needs, rows))
    given = _table(("Role", "On", "To", "For"), _gifts())
    return "\n".join([_INTRODUCTION, *needs, "", _GIVEN, *given, ""])


def _needs(title: str, roles: Roles) -> tuple[str, ...]:
    on = f" on {roles.on}" if roles.on else ""
    return title, *(_listed(each, on) for each in (roles.read, roles.write))


def _gifts() -> Iterator[tuple[str, ...]]:
    for kind in KINDS:
        for gift in kind.gives:
            yield f"`{gift.role}`", gift.on, gift.to, gift.why


def _listed(roles: Iterable[str], on: str) -> str:
    return ", ".join(f"`{role}`" for role in roles) + on if roles else "-"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    return [f"| {' | '.join(row)} |" for row in (header, ("---",) * len(header), *rows)]


def main() -> None:
    """Write the page to the file named on the command line, or to where it is committed."""
    Path(sys.argv[1] if len(sys.argv) > 1 else FILE).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
