"""What scans say of the images of a plan. Nothing is read where no spec has `registry.scan`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from reconciler.core import errors
from reconciler.core.keeping import Image
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned
from reconciler.core.scanning import Finding, Images, Place, Rule, Scanned, Unreadable, place_of, scans_of
from reconciler.engine.session import Session
from reconciler.gcp.image_versions import ImageVersions
from reconciler.gcp.occurrences import AT_ONCE, Occurrences
from schemas import Loaded, LoadedService

_MOST_DATED = 100
"""Vulnerabilities whose age is asked for: of any more nobody knows it, and they block."""

_AROUND = frozenset({"min_instances", "service_max", "labels", "ingress", "invoker_check"})
"""Fields of a Cloud Run service whose change makes no revision and moves no request."""

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
    images = _images(session, planned, rules)
    known = _Reader(session).read({image for each in images.values() for image in each.every})
    now = session.clock.now()
    known = _dated(session, known, images, rules, now)
    scans = {name: scans_of(rule, images[name], known, now) for name, rule in sorted(rules.items())}
    return replace(planned, plan=replace(planned.plan, scans=scans))


def _rules(documents: Iterable[Loaded]) -> Iterator[tuple[str, Rule]]:
    for loaded in documents:
        registry = loaded.service.spec.registry if isinstance(loaded, LoadedService) else None
        if registry and registry.scan:
            yield loaded.name, Rule.of(registry.scan, _at(loaded))


def _at(loaded: Loaded) -> str:
    place = loaded.where("spec.registry.scan")
    return f"{place.file}:{place.line}" if place.line else str(place.file)


def _images(session: Session, planned: Planned, names: Collection[str]) -> dict[str, Images]:
    """Give what services would newly run, and what they run now, by name.

    An image that is there already is not newly deployed by a change of something else, nor by going back to it.
    """
    new: dict[str, dict[str, None]] = {name: {} for name in names}
    serving: dict[str, dict[str, None]] = {name: {} for name in names}
    replaced: dict[str, dict[str, None]] = {name: {} for name in names}
    pending = {change.address for change in planned.plan.pending}
    for change in planned.plan.changes:
        asking = [name for name in change.services if name in new]
        there = dict.fromkeys(_serving(session, planned, change)) if asking else {}
        coming = _coming(session, change, there) if asking and change.address in pending else {}
        for name in asking:
            new[name] |= coming
            (replaced if coming else serving)[name].update(there)
    return {name: Images(tuple(new[name]), tuple(serving[name]), tuple(replaced[name])) for name in new}


def _coming(session: Session, change: Change, there: Iterable[str]) -> dict[str, None]:
    """Give the images that a change brings, and that the object does not have, or run, yet.

    What a tag names is read anew by whatever is started anew: nobody knows that it is what was there.
    """
    if not change.writes or change.desired is None:
        return {}
    kind = session.kinds.of_address(change.address)
    fields = {each.field for each in change.changes}
    # What is in the template and serves nothing was perhaps put there by somebody, or is a candidate of ours: it is
    # judged where it would serve from now on, and not where the change neither starts anything nor moves requests.
    stays = change.action is Action.UPDATE and fields <= _AROUND
    known = {_which(each) for each in (*there, *(kind.images(change.observed) if stays and change.observed else ()))}
    starts = change.action is not Action.UPDATE or fields != {"traffic"}
    return dict.fromkeys(
        each for each in kind.images(change.desired) if _which(each) not in known or (starts and place_of(each) is None)
    )


def _which(reference: str) -> str:
    """Give what makes an image the same as another one: its digest and its place, whatever tag stands beside."""
    place = place_of(reference)
    return place.uri if place else reference


def _serving(session: Session, planned: Planned, change: Change) -> Iterator[str]:
    """Give the images that an object runs: those of revisions with a share of requests, where it has any."""
    seen = planned.seen.get(change.address)
    runs = seen.output.get("runs") if seen else None
    shares = {revision.name: revision.image for revision in getattr(runs, "revisions", ()) if revision.image}
    found = [shares[name] for name, percent in getattr(runs, "serving", {}).items() if percent and name in shares]
    if found:
        yield from found
    elif change.observed:
        yield from session.kinds.of_address(change.address).images(change.observed)


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
        by_project: dict[str, list[str]] = {}
        for place in sorted(set(places), key=lambda each: each.uri):
            by_project.setdefault(place.project, []).append(place.uri)
        chunks = [
            (project, uris[at : at + AT_ONCE])
            for project, uris in by_project.items()
            for at in range(0, len(uris), AT_ONCE)
        ]
        answers = self.session.pool.gather([partial(self._of, *chunk) for chunk in chunks])
        return {uri: one for answer in answers for uri, one in answer.items()}

    def _of(self, project: str, uris: Sequence[str]) -> Mapping[str, Scanned | Unreadable]:
        """Read some images; what cannot be read is not clean, and says who has to do what."""
        try:
            return self.api.of(project, uris)
        except errors.NotPermitted as error:
            hint = error.hint
            if "enable the API" not in hint:
                hint = f"who owns project {project} must grant roles/containeranalysis.occurrences.viewer there"
            why = f"it is not known what its scan found: {error.message}; {hint}"
        except errors.ReconcilerError as error:
            why = f"it is not known what its scan found: {error.message}; {error.hint or 'run again in a moment'}"
        return dict.fromkeys(uris, Unreadable(why))


def _dated(
    session: Session, known: Known, images: Mapping[str, Images], rules: Mapping[str, Rule], now: datetime
) -> Known:
    """Say when vulnerabilities were published whose age decides: only where a spec has a grace."""
    wanted: dict[str, str] = {}
    for name, rule in rules.items():
        for reference in sorted(images[name].every) if rule.grace else ():
            found = known.get(reference)
            for each in found.findings if isinstance(found, Scanned) else ():
                if rule.weighs(each, now):
                    wanted.setdefault(each.note, each.occurrence)
    asked = dict(sorted(wanted.items())[:_MOST_DATED])
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
