"""From a live service to the spec that describes it."""

from __future__ import annotations

from typing import Any

import yaml

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.objects import Described
from reconciler.engine.session import Session

_HEADER = """\
# Written by `mlservice import` from the live service. `mlservice plan` shows what taking it over would change.
"""


def import_service(session: Session, name: str, region: str) -> tuple[str, list[str]]:
    """Write the YAML of a live service.

    Returns:
        The YAML, and what it could not say.

    Raises:
        UsageError: There is no such service.
    """
    kind = session.kinds.primary
    seen = session.observe_one(Address(kind.name, region, name))
    if seen is None or kind.describe is None:
        raise errors.UsageError(f"there is no {kind.title} '{name}' in {region}", hint="check name and --region")
    found = kind.describe(session.connection, seen)
    return _HEADER + _yaml(name, found), list(found.unsaid)


def _yaml(name: str, found: Described) -> str:
    metadata: dict[str, Any] = {"name": name}
    if found.labels:
        metadata["labels"] = dict(found.labels)
    document = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": metadata, "spec": dict(found.spec)}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
