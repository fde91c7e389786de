"""Look at repositories and at what runs, for what their cleanup takes. Nothing is written."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.forecast import Forecast
from reconciler.core.inventory import Inventories
from reconciler.core.keeping import Fleet
from reconciler.core.kind import Roles
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.keeping import REPOSITORY, read_fleet, read_repository
from reconciler.engine.session import Session, naming_roles

READING = Roles(read=("roles/artifactregistry.reader", "roles/run.viewer"))


def read_forecasts(session: Session, names: Sequence[str], region: str | None) -> list[Forecast]:
    """Forecast the cleanup of repositories.

    Args:
        session: The run's means.
        names: Of repositories; none: every one that specs of this project made.
        region: Of them; left out, wherever specs made them.

    Raises:
        UsageError: It is not known where a repository is.
        ApiError: Something cannot be read.
    """
    everything = InventoryStore(session).read_all()
    chosen = _chosen(everything, names, region)
    fleet = read_fleet(session, everything, [address.location for address in chosen])
    with naming_roles(READING):
        return [_forecast(session, address, fleet) for address in chosen]


def _chosen(everything: Inventories, names: Sequence[str], region: str | None) -> list[Address]:
    known = sorted({a for each in everything.values() for a in each.entries if a.kind == REPOSITORY})
    known = [each for each in known if region in {None, each.location}]
    if not names:
        return known
    found = {each for each in known if each.name in names}
    unknown = sorted(set(names) - {each.name for each in found})
    if unknown and region is None:
        raise errors.UsageError(
            f"no spec made {', '.join(unknown)} here", hint="say where it is: --region europe-west1"
        )
    return sorted(found | {Address(REPOSITORY, str(region), name) for name in unknown})


def _forecast(session: Session, address: Address, fleet: Fleet) -> Forecast:
    project = session.connection.project
    path = f"projects/{project}/locations/{address.location}/repositories/{address.name}"
    found = read_repository(session, path, fleet)
    return Forecast.of(
        f"{address.location}-docker.pkg.dev/{project.replace(':', '/')}/{address.name}",
        found.cleaning.policies,
        found.versions,
        session.clock.now(),
        found.wanted,
        dry_run=found.cleaning.dry_run,
        immutable=found.cleaning.immutable,
        missing=tuple(image.reference for image in found.missing),
        unknown=found.unknown,
    )
