"""What scans say of the images of a plan. Nothing is read where no spec has `registry.scan`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from reconciler.core import errors
from reconciler.core.brought import images_of
from reconciler.core.keeping import Image
from reconciler.core.planned import Planned
from reconciler.core.scanning.findings import Finding, Scanned, Unreadable
from reconciler.core.scanning.places import Place, place_of
from reconciler.core.scanning.rule import Rule
from reconciler.core.scanning.scans import Images, scans_of, undated
from reconciler.engine.by_project import in_halves, read_places
from reconciler.engine.session import Session
from reconciler.gcp.image_versions import ImageVersions
from reconciler.gcp.occurrences import AT_ONCE, Occurrences
from schemas import Loaded, LoadedService

_MOST_DATED = 100
"""Vulnerabilities whose age is asked for: of any more nobody knows it, and those of new images block."""

Known = dict[str, Scanned | Unreadable]


def with_scans(session: Session, documents: Sequence[Loaded], planned: Planned) -> Planned:
    """Give a plan with what scans say of its images.

    Args:
        session: The run's means.
        documents: What is planned.
        planned: The plan.
    """
    rules = dict(_rules(documents))
    if not rules:
        return planned
    images = images_of(planned.plan, planned.seen, session.kinds, rules)
    known = _Reader(session).read({image for each in images.values() for image in each.every})
    now = session.clock.now()
    known = _dated(session, known, images, rules, now)
    scans = {name: scans_of(rule, images[name], known, now) for name, rule in sorted(rules.items())}
    return replace(planned, plan=replace(planned.plan, scans=scans))


def _rules(documents: Iterable[Loaded]) -> Iterator[tuple[str, Rule]]:
    for loaded in documents:
        registry = loaded.service.spec.registry if isinstance(loaded, LoadedService) else None
        if registry and registry.scan:
            yield loaded.name, Rule.of(registry.scan, loaded.where("spec.registry.scan").line_of_file)


@dataclass(slots=True)
class _Reader:
    """Reads each image once: one list for several of a project, all in parallel.

    Args:
        session: The run's means.
    """

    session: Session
    api: Occurrences = field(init=False)

    def __post_init__(self) -> None:
        """Make the client."""
        self.api = Occurrences(self.session.connection)

    def read(self, references: Iterable[str]) -> Known:
        """Read what was found, by reference; of an index, what was found in the image of it that Cloud Run takes."""
        places = {each: place for each in sorted(references) if (place := place_of(each))}
        found = self._read(places.values())
        known: Known = {each: found[place.uri] for each, place in places.items()}
        unscanned = [each for each, one in known.items() if isinstance(one, Scanned) and not one.status]
        inner = dict(
            zip(unscanned, self.session.pool.gather([partial(self._inner, one) for one in unscanned]), strict=True)
        )
        parts = {each: place for each, reference in inner.items() if (place := place_of(reference))}
        of_parts = self._read(parts.values())
        return known | {each: of_parts[place.uri] for each, place in parts.items()}

    def _inner(self, reference: str) -> str:
        """Give the image of an index that Cloud Run takes; empty for what is none, or cannot be looked at."""
        image = Image.parse(reference)
        if image is None:
            return ""
        try:
            part = ImageVersions(self.session.connection).for_cloud_run(image.repository, image.package, image.digest)
        except errors.ReconcilerError:
            return ""
        return replace(image, digest=part, tag="").reference if part else ""

    def _read(self, places: Iterable[Place]) -> Known:
        return read_places(self.session, places, AT_ONCE, self._of)

    def _of(self, project: str, uris: Sequence[str]) -> Known:
        """Read some images; what cannot be read is not clean, and says who has to do what."""
        return in_halves(partial(self.api.of, project), partial(_unreadable, project), uris)


def _unreadable(project: str, error: errors.ReconcilerError) -> Unreadable:
    hint = error.hint
    if isinstance(error, errors.NotPermitted) and "enable the API" not in hint:
        hint = f"who owns project {project} must grant roles/containeranalysis.occurrences.viewer there"
    otherwise = "deploy another image" if isinstance(error, errors.InvalidRequest) else "run again in a moment"
    return Unreadable(f"it is not known what its scan found: {error.message}; {hint or otherwise}")


def _dated(
    session: Session, known: Known, images: Mapping[str, Images], rules: Mapping[str, Rule], now: datetime
) -> Known:
    """Say when vulnerabilities were published whose age decides: only where a spec has a grace."""
    asked = {each.note: each.occurrence for each in undated(rules, images, known, now)[:_MOST_DATED]}
    api = Occurrences(session.connection)
    answers = session.pool.gather([partial(_published, api, each) for each in asked.values()])
    dates = dict(zip(asked, answers, strict=True))
    return {
        reference: replace(found, findings=tuple(_with_date(each, dates) for each in found.findings))
        if isinstance(found, Scanned)
        else found
        for reference, found in known.items()
    }


def _published(api: Occurrences, occurrence: str) -> datetime | None:
    """Ask for the date; where that cannot be had, there is none, and no grace."""
    try:
        return api.published(occurrence)
    except errors.ReconcilerError:
        return None


def _with_date(finding: Finding, dates: Mapping[str, datetime | None]) -> Finding:
    return replace(finding, published=dates.get(finding.note))
