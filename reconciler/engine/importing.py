"""From a live service to the spec that describes it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.objects import Described
from reconciler.engine.session import Session
from reconciler.gcp.run_services import service_names
from schemas.dump import to_yaml

_HEADER = """\
# Written by `mlservice import` from the live service. `mlservice plan` shows what taking it over would change.
"""


def import_all(session: Session, region: str) -> Iterator[tuple[str, str, list[str]]]:
    """Write the YAML of every service of a region that no spec describes yet.

    Yields:
        Name, YAML, and what it could not say.
    """
    kind = session.kinds.primary
    addresses = [Address(kind.name, region, each) for each in service_names(session.connection, region)]
    seen = session.observe(dict.fromkeys(addresses, "")) if addresses else {}
    for address, each in sorted(seen.items(), key=lambda item: item[0].name):
        if each.mark or kind.describe is None:
            continue
        found = kind.describe(session.connection, each)
        yield address.name, _HEADER + _yaml(address.name, found), list(found.unsaid)


def is_ours(session: Session, name: str, region: str) -> bool:
    """Tell whether a service carries our mark."""
    seen = session.observe_one(Address(session.kinds.primary.name, region, name))
    return seen is not None and seen.mark == name


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
    document: dict[str, Any] = {"apiVersion": "mlservice/v1", "kind": "MLService"}
    return to_yaml({**document, "metadata": {"name": name, **found.metadata}, "spec": dict(found.spec)})
