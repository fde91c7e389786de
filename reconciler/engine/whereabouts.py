"""Look for what runs something, in every region of every inventory. What cannot be read stops nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from reconciler.core import errors
from reconciler.core.cleanup import Version
from reconciler.core.inventory import Inventories
from reconciler.core.keeping import Image, regions_of
from reconciler.core.kind import Roles
from reconciler.core.whereabouts import LEAST, Asked, Found, Known, Spot, find, known_of, lying
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.image_versions import ImageVersions
from reconciler.gcp.model_registry import ModelRegistry
from reconciler.gcp.whereabouts import functions_at, jobs_at, services_at

ROLES = Roles(
    read=(
        "roles/run.viewer",
        "roles/cloudfunctions.viewer",
        "roles/artifactregistry.reader",
        "roles/aiplatform.viewer",
    )
)
"""Whoever asks needs these: the last two only where a registry is asked."""
_FUNCTION = "functions_function"
_MOST_LISTED = 20_000
"""Images of a repository that are listed: twenty calls."""
_MOST_READ = 200
"""Images of other projects' repositories that are read, one by one: a public registry is listed by nobody."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Where:
    """What was found.

    Args:
        asked: What was looked for.
        regions: Where was looked.
        found: What runs it or could be gone back to, what serves most first.
        unknown: Why something could not be looked at; then there may be more.
        unread: Repositories of other projects that may not be read: an index there may have it, which nobody sees.
    """

    asked: str
    regions: tuple[str, ...]
    found: tuple[Found, ...]
    unknown: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "asked": self.asked,
            "regions": list(self.regions),
            "found": [each.to_json() for each in self.found],
            "unknown": list(self.unknown),
            "unread": list(self.unread),
        }


def read_where(session: Session, text: str, also: Sequence[str] = ()) -> Where:
    """Look for what runs something, whoever made it: a few lists for each region, all in parallel.

    Args:
        session: The run's means.
        text: Digest, image, model, commit, run or specs' digest.
        also: Regions to look in beside those of inventories.

    Raises:
        UsageError: The text can be nothing of that.
    """
    try:
        asked = Asked.read(text)
    except ValueError as error:
        hint = "sha256:0f3a…, REGION-docker.pkg.dev/PROJECT/REPOSITORY/IMAGE[:TAG], gs://…, MODEL@VERSION, a commit"
        raise errors.UsageError(f"'{text}' is no digest, image, model or commit", hint=hint) from error
    everything = InventoryStore(session).read_all()
    regions = regions_of([*also, *(region for region, _ in everything)])
    lists = _lists(session, everything, regions, also)
    spots, unseen = _gathered(session, lists)
    spotted = [spot for each in spots for spot in each]
    known, unanswered, unread = _known(session, asked, spotted, regions)
    found = tuple(find(asked, known, spotted))
    unknown = (*(str(why) for why in everything.broken.values()), *unseen, *unanswered)
    if asked.too_short and not found:
        unknown = (*unknown, f"'{text}' is too short for a digest or a commit: write {LEAST} digits at least")
    return Where(text, tuple(regions), found, tuple(dict.fromkeys(unknown)), unread)


def _lists(
    session: Session, everything: Inventories, regions: Iterable[str], also: Iterable[str]
) -> list[Callable[[], list[Spot]]]:
    """Give the calls that read everything: functions where there is one of ours, and where one says to look."""
    training = {a.location for each in everything.values() for a in each.entries if a.kind == _FUNCTION}
    connection = session.connection
    everywhere = [partial(read, connection, region) for region in regions for read in (services_at, jobs_at)]
    there = [partial(functions_at, connection, region) for region in sorted(training)]
    perhaps = [partial(_functions, session, region) for region in regions_of(also) if region not in training]
    return [*everywhere, *there, *perhaps]


def _functions(session: Session, region: str) -> list[Spot]:
    """Read functions where there may be none, and nobody may have switched their API on."""
    try:
        return functions_at(session.connection, region)
    except errors.NotPermitted as error:
        if "enable the API" in error.hint:
            return []
        raise


def _known(
    session: Session, asked: Asked, spots: Sequence[Spot], regions: Sequence[str]
) -> tuple[Known, tuple[str, ...], tuple[str, ...]]:
    """Ask the registries what more it is; say what could not be asked, and which may not be read."""
    if asked.model:
        found, unknown = _gathered(session, [partial(_version, session, region, asked) for region in regions])
        return Known(models={region: (number, uri) for each in found for region, number, uri in each}), unknown, ()
    return _looked_into(session, asked, lying(asked, spots))


def _looked_into(
    session: Session, asked: Asked, there: Mapping[str, Sequence[Image]]
) -> tuple[Known, tuple[str, ...], tuple[str, ...]]:
    """List repositories of ours, and read of those of others what runs."""
    own = [each for each in there if each.startswith(f"projects/{session.connection.project}/")]
    theirs = [image for each, images in there.items() if each not in own for image in images]
    calls = [partial(_listed, session, each) for each in own]
    calls += [partial(_read, session, image) for image in theirs[:_MOST_READ]]
    parts, unknown = _gathered(session, calls)
    versions: dict[str, list[Version]] = {}
    for each in parts:
        versions.setdefault(each.repository, []).extend(each.versions)
    if len(theirs) > _MOST_READ:
        many = f"{len(theirs)} images that run are of other projects' repositories"
        unknown = (*unknown, f"{many}, and only {_MOST_READ} of them were looked into")
    unknown = (*unknown, *(each.cut for each in parts if each.cut))
    return known_of(asked, versions), unknown, tuple(sorted({each.repository for each in parts if each.denied}))


@dataclass(frozen=True, slots=True)
class _Part:
    """What was read of a repository.

    Args:
        repository: Which one.
        versions: What lies there.
        denied: It may not be read.
        cut: Why that is not all, in words.
    """

    repository: str
    versions: Sequence[Version] = ()
    denied: bool = False
    cut: str = ""


def _listed(session: Session, repository: str) -> _Part:
    """Give everything in a repository of our own project."""
    try:
        versions = ImageVersions(session.connection).versions(repository, _MOST_LISTED + 1)
    except errors.NotFoundError:
        return _Part(repository)
    if len(versions) > _MOST_LISTED:
        cut = f"{repository} has more than {_MOST_LISTED} images, and only those were looked into"
        return _Part(repository, versions[:_MOST_LISTED], cut=cut)
    return _Part(repository, versions)


def _read(session: Session, image: Image) -> _Part:
    """Give one image of another project's repository, which need not let us read it."""
    api = ImageVersions(session.connection)
    try:
        digest = image.digest or api.digest_of(image.repository, image.package, image.tag)
        found = api.version(image.repository, image.package, digest)
    except errors.NotFoundError:
        return _Part(image.repository)
    except errors.NotPermitted:
        return _Part(image.repository, denied=True)
    # Its tags are all that it has now; that this one names it was just read.
    tags = tuple(dict.fromkeys((*found.tags, *filter(None, [image.tag]))))
    return _Part(image.repository, [replace(found, tags=tags)])


def _version(session: Session, region: str, asked: Asked) -> list[tuple[str, str, str]]:
    """Ask a region's registry which version of a model it is; nothing where it has none such."""
    try:
        found: Mapping[str, Any] = ModelRegistry.of(session.connection, region).version(asked.model, asked.wanted)
    except errors.NotFoundError:
        return []
    return [(region, str(found.get("versionId", "")), str(found.get("artifactUri", "")))]


def _gathered(session: Session, calls: Iterable[Callable[[], T]]) -> tuple[list[T], tuple[str, ...]]:
    """Make calls in parallel.

    Returns:
        The answers, and why there is none of some.
    """
    answers = session.pool.gather([partial(_or_why, call) for call in calls])
    return [answer for answer, _ in answers if answer is not None], tuple(why for _, why in answers if why)


def _or_why(call: Callable[[], T]) -> tuple[T | None, str]:
    try:
        with naming_roles(ROLES):
            return call(), ""
    except errors.ReconcilerError as error:
        return None, f"{error.message}; {error.hint}" if error.hint else error.message
