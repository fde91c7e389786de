"""Who built the images that a plan would deploy. Nothing is read where no spec has `registry.provenance`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

from reconciler.core import errors
from reconciler.core.brought import images_of
from reconciler.core.planned import Planned
from reconciler.core.scanning.findings import Unreadable
from reconciler.core.scanning.places import place_of
from reconciler.core.scanning.scans import Scans
from reconciler.core.signing.origins import Origin, origins_of
from reconciler.engine.by_project import in_halves, read_places
from reconciler.engine.session import Session
from reconciler.gcp.origins import AT_ONCE, Origins
from schemas import Loaded, LoadedService


def with_origins(session: Session, documents: Sequence[Loaded], planned: Planned) -> Planned:
    """Give a plan with where the images come from that it would deploy.

    Args:
        session: The run's means.
        documents: What is planned.
        planned: The plan.
    """
    names = [loaded.name for loaded in documents if isinstance(loaded, LoadedService) and _asks(loaded)]
    if not names:
        return planned
    images = images_of(planned.plan, planned.seen, session.kinds, names)
    known = read_origins(session, {image for name in names for image in images[name].new})
    scans = dict(planned.plan.scans)
    for name in names:
        scans[name] = scans.get(name, Scans()).joined(origins_of(images[name], known))
    return replace(planned, plan=replace(planned.plan, scans=scans))


def _asks(loaded: LoadedService) -> bool:
    registry = loaded.service.spec.registry
    return registry is not None and registry.provenance


def read_origins(session: Session, references: Iterable[str]) -> dict[str, Origin | Unreadable]:
    """Read what is written of images, by reference: one list for several of a project, all in parallel.

    Args:
        session: The run's means.
        references: Of those that no digest names, and of other registries', nothing is read.
    """
    places = {each: place for each in sorted(references) if (place := place_of(each))}
    found = read_places(session, places.values(), AT_ONCE, partial(_of, session))
    return {each: found[place.uri] for each, place in places.items()}


def _of(session: Session, project: str, uris: Sequence[str]) -> dict[str, Origin | Unreadable]:
    """Read some; what cannot be read is said, and stops nothing."""
    return in_halves(partial(Origins(session.connection).of, project), partial(_unreadable, project), uris)


def _unreadable(project: str, error: errors.ReconcilerError) -> Unreadable:
    hint = error.hint
    if isinstance(error, errors.NotPermitted) and "enable the API" not in hint:
        hint = f"who owns project {project} must grant roles/containeranalysis.occurrences.viewer there"
    return Unreadable(f"it is not known who built it: {error.message}; {hint or 'run again in a moment'}")
