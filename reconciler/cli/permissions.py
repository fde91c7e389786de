"""`docs/permissions.md`: what the reconciler's own account needs and what it gives, from what each kind says.

`python -m reconciler.cli.permissions` writes it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from reconciler.core.kind import Kind
from reconciler.kinds import KINDS

FILE = "docs/permissions.md"

_INTRODUCTION = """\
# What the reconciler may do

<!-- Generated: `python -m reconciler.cli.permissions`. Edit `roles` and `gives` in reconciler/kinds/. -->

`mlservice` uses Application Default Credentials. Grant its account what it needs and no more; each failed call names
the permission that is missing and the roles that have it. Only the kinds of resources that your specs lead to count:
the plan names them. A name without `roles/` is a permission for a custom role: a predefined one would be too much.

`predict` needs `roles/run.invoker` on the service.

## What its account needs
"""

_GIVEN = """\
## What it gives to others

Roles that specs lead to, for accounts that a service runs and calls as, and for Google's own. They are what
`roles/resourcemanager.projectIamAdmin` may be narrowed to by a condition on `iam.googleapis.com/modifiedGrantsByRole`.
"""


def page() -> str:
    """Write the page."""
    needs = _table(("For", "`plan`, `status`", "`apply`, `destroy`, `reconcile` too"), map(_needs, KINDS))
    inventory = "| the inventory | `roles/storage.objectViewer` on the state bucket | `roles/storage.admin` on it |"
    given = _table(("Role", "On", "To", "For"), _gifts())
    return "\n".join([_INTRODUCTION, *needs, inventory, "", _GIVEN, *given, ""])


def _needs(kind: Kind[object]) -> tuple[str, ...]:
    on = f" on {kind.roles.on}" if kind.roles.on else ""
    return kind.title, *(_listed(roles, on) for roles in (kind.roles.read, kind.roles.write))


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
