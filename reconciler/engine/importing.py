"""From a live service to the spec that describes it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.objects import Described
from reconciler.core.secrecy import masked
from reconciler.engine.session import Session
from reconciler.gcp.run_services import service_names
from schemas import SpecError, load
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
        text = _HEADER + _yaml(address.name, found)
        yield address.name, text, [*found.unsaid, *_refused(text)]


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
    text = _HEADER + _yaml(name, found)
    return text, [*found.unsaid, *_refused(text)]


def _refused(text: str) -> list[str]:
    """Say what of a spec is not taken: what is there can be what no spec may say."""
    with tempfile.TemporaryDirectory() as aside:
        path = Path(aside) / "mlservice.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            load([path])
        except SpecError as error:
            return [f"no spec may say this: {each.where.path}: {each.summary}" for each in error.problems]
    return []


def hidden(text: str) -> str:
    """Give a spec as it may be printed: what looks like a secret is hidden by where it stands."""
    head, _, body = text.partition("apiVersion")
    document = yaml.safe_load(f"apiVersion{body}")
    return head + to_yaml({**document, "spec": masked("", document["spec"])})


def _yaml(name: str, found: Described) -> str:
    document: dict[str, Any] = {"apiVersion": "mlservice/v1", "kind": "MLService"}
    return to_yaml({**document, "metadata": {"name": name, **found.metadata}, "spec": dict(found.spec)})
