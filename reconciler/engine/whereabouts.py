"""Look for what runs something, in every region of every inventory. What cannot be read stops nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from reconciler.core import errors
from reconciler.core.cleanup import Version
from reconciler.core.inventory import Inventories
from reconciler.core.keeping import regions_of
from reconciler.core.kind import Roles
from reconciler.core.whereabouts import Asked, Found, Known, Spot, find, known_of, repositories_of
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
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Where:
    """What was found.

    Args:
        asked: What was looked for.
        regions: Where was looked.
        found: What runs it or could be gone back to, what serves most first.
        unknown: Why something could not be looked at; then there may be more.
        unread: Repositories of other projects that may not be listed: an index there may have it, which nobody sees.
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
    lists = _lists(session, everything, regions)
    spots, unseen = _gathered(session, lists)
    spotted = [spot for each in spots for spot in each]
    known, unanswered, unread = _known(session, asked, spotted, regions)
    unknown = (*(str(why) for why in everything.broken.values()), *unseen, *unanswered)
    return Where(text, tuple(regions), tuple(find(asked, known, spotted)), tuple(dict.fromkeys(unknown)), unread)


def _lists(session: Session, everything: Inventories, regions: Iterable[str]) -> list[Callable[[], list[Spot]]]:
    """Give the calls that read everything."""
    training = {a.location for each in everything.values() for a in each.entries if a.kind == _FUNCTION}
    connection = session.connection
    everywhere = [partial(read, connection, region) for region in regions for read in (services_at, jobs_at)]
    return [*everywhere, *(partial(functions_at, connection, region) for region in sorted(training))]


def _known(
    session: Session, asked: Asked, spots: Sequence[Spot], regions: Sequence[str]
) -> tuple[Known, tuple[str, ...], tuple[str, ...]]:
    """Ask the registries what more it is; say what could not be asked, and which may not be read."""
    if asked.model:
        found, unknown = _gathered(session, [partial(_version, session, region, asked) for region in regions])
        return Known(models={region: (number, uri) for each in found for region, number, uri in each}), unknown, ()
    repositories = repositories_of(asked, spots)
    lists, unknown = _gathered(session, [partial(_versions, session, each) for each in repositories])
    read = {repository: versions for repository, versions in lists if versions is not None}
    return known_of(asked, read), unknown, tuple(repository for repository, _ in lists if repository not in read)


def _versions(session: Session, repository: str) -> tuple[str, Sequence[Version] | None]:
    """Give everything in a repository; None where it is another project's, which need not let us list it."""
    try:
        return repository, ImageVersions(session.connection).versions(repository)
    except errors.NotFoundError:
        return repository, ()
    except errors.NotPermitted:
        if repository.startswith(f"projects/{session.connection.project}/"):
            raise
        return repository, None


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
