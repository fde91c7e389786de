"""What rollouts wait for a person to do, as the last passes of the job found it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime

from pydantic import ValidationError

from reconciler.core import errors
from reconciler.core.inventory import Inventory, Key
from reconciler.core.standings.moving import SORTS
from reconciler.engine.reports import Reports
from reconciler.engine.session import Session
from schemas.kept import KeptError, Standings
from schemas.kept.standings import ServiceStanding
from schemas.operator import PREFIX, is_operators

STANDINGS = "standings/"
"""Where standings lie below an operator's folder of the state bucket."""


def read_waiting(session: Session, inventories: Mapping[Key, Inventory]) -> dict[Key, tuple[str, ...]]:
    """Read what people have to see to about rollouts. What cannot be read is left out: the page tells of that.

    As many reads as the job has shards.

    Args:
        session: The run.
        inventories: Of the project: the operator's is among them.
    """
    operators = [i.service.removeprefix(PREFIX) for key, i in sorted(inventories.items()) if is_operators(key[1])]
    if not operators:
        return {}
    try:
        documents = Reports(session, operators[0]).documents(STANDINGS)
    except errors.ReconcilerError:
        return {}
    return {(each.region, each.name): found for each in _services(documents) if (found := tuple(_said(each)))}


def _services(documents: list[dict[str, object]]) -> Iterator[ServiceStanding]:
    for said in documents:
        with suppress(KeptError):
            told = Standings.current(said).get("services")
            for each in told if isinstance(told, list) else ():
                with suppress(ValidationError):
                    yield ServiceStanding.model_validate(each)


def _said(service: ServiceStanding) -> Iterator[str]:
    at = f" (as of {datetime.fromisoformat(service.checked):%H:%M} UTC)" if service.checked else ""
    return (f"{need.why}{at}" for need in service.needs if need.kind in SORTS)
