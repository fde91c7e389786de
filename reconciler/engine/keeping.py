"""What is needed is tagged before a revision names it, and before a policy could delete it; what is not, is let go.

As the inventory lists an object before it is written, the registry knows of a need before there is one. Tags are no
part of a plan: what is needed is a fact of the whole project at one moment, and a plan after an apply is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.cleanup import Version
from reconciler.core.inventory import Inventories, Key
from reconciler.core.keeping import POLICY, Fleet, Image, images_in, needed, of_repository, regions_of, tag_of, tagging
from reconciler.core.plan import Action, Change
from reconciler.core.planned import Planned
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.session import Session
from reconciler.gcp.image_versions import Cleaning, ImageVersions
from reconciler.gcp.running_images import functions_in, jobs_in, revisions_in

REPOSITORY = "artifact_repository"
_POLICIES = frozenset({"keep_last", "delete_untagged_after_s", "keep_needed"})
_FUNCTION = "functions_function"
_HINT = "grant roles/artifactregistry.repoAdmin on it, or take registry.cleanup from the spec that has it"


def read_fleet(session: Session, everything: Inventories, also: Sequence[str] = ()) -> Fleet:
    """Look at everything that may run in the project: in each region of an inventory, by whoever made it.

    One call after the other: a thread of the pool must not wait for the pool.

    Args:
        session: The run's means.
        everything: Every inventory of the project.
        also: Locations of repositories, near which something may run, too.
    """
    regions = regions_of([*also, *(region for region, _ in everything)])
    training = {a.location for each in everything.values() for a in each.entries if a.kind == _FUNCTION}
    try:
        services = [revisions_in(session.connection, region) for region in regions]
        jobs = [jobs_in(session.connection, region) for region in regions]
        functions = [functions_in(session.connection, region) for region in sorted(training)]
    except errors.ReconcilerError as error:
        return Fleet(unknown=(str(error),))
    others = {who: images for each in (*jobs, *functions) for who, images in each.items()}
    unknown = tuple(str(why) for why in everything.broken.values())
    return Fleet([one for each in services for one in each], others, unknown)


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository, as the cleanup sees it.

    Args:
        name: In full.
        cleaning: Its policies.
        versions: Everything in it.
        wanted: Why each version is needed that is, by package and digest.
        missing: Needed images that are not there.
        unknown: Why it is not known of everything whether it is needed.
    """

    name: str
    cleaning: Cleaning
    versions: Sequence[Version]
    wanted: Mapping[tuple[str, str], tuple[str, ...]]
    missing: Sequence[Image] = ()
    unknown: tuple[str, ...] = ()


def read_repository(session: Session, name: str, fleet: Fleet) -> Repository:
    """Read a repository, and what of it is needed.

    Args:
        session: The run's means.
        name: In full.
        fleet: What may run. It must have been read before: what is deployed meanwhile is in the registry already.
    """
    registry = ImageVersions(session.connection)
    cleaning, versions = registry.cleaning(name), registry.versions(name)
    wanted, missing = of_repository(needed(fleet, session.clock.now()), name, versions)
    return Repository(name, cleaning, versions, wanted, missing, fleet.unknown)


@dataclass(slots=True)
class Keeper:
    """Keeps, during one apply, what is needed.

    Args:
        session: The run's means.
        planned: What is applied.
    """

    session: Session
    planned: Planned
    claimed: set[Image] = field(default_factory=set)
    _cleaned: dict[str, bool] = field(default_factory=dict)

    def before(self, change: Change) -> None:
        """Tag what a change is about to need, or to let be deleted.

        Raises:
            ReconcilerError: It cannot be kept; the change must not be made.
        """
        if change.action not in {Action.CREATE, Action.UPDATE, Action.REPLACE}:
            return
        if change.address.kind == REPOSITORY:
            # A new repository is empty.
            if change.action is Action.UPDATE and _POLICIES & {each.field for each in change.changes}:
                self._settle(self._path(change.address), release=False)
            return
        for image in sorted({*_named(change), *self._back(change)}):
            if self._is_cleaned(image.repository):
                self._claim(image)

    def after(self) -> dict[Address, str]:
        """Tag what is needed, and release what is not.

        That is in every repository that a spec of this run has cleaned, and in those of other projects that images of
        this run's objects lie in or lay in, where they are cleaned: nobody there sees what runs here.

        Returns:
            Why something may not be kept, or is kept too long, by whose repository it is, or who needs it.
        """
        found: dict[Address, list[str]] = {}
        for path, address in self._concerned().items():
            try:
                left = self._settle(path, release=True) if self._is_cleaned(path) else []
                said = [f"not let go: {why}" for why in left]
            except errors.ReconcilerError as error:
                said = [f"its cleanup may delete what is needed: {error}"]
            found.setdefault(address, []).extend(said)
        return {address: "; ".join(said) for address, said in found.items() if said}

    def _concerned(self) -> dict[str, Address]:
        """Give the repositories to settle where they are cleaned, each with the object on whose behalf."""
        found = {self._path(address): address for address in self._repositories()}
        ours, observing = f"projects/{self.session.connection.project}/", set(self.planned.plan.observing)
        for change in self.planned.plan.changes:
            for image in () if observing.issuperset(change.services) else self._images(change):
                if not image.repository.startswith(ours):
                    found.setdefault(image.repository, change.address)
        return found

    def _images(self, change: Change) -> Iterator[Image]:
        """Give the images that an object names, named until now, or has a way back to."""
        yield from _texts([change.desired, change.observed])
        seen = self.planned.seen.get(change.address)
        for revision in getattr(seen.output.get("runs"), "revisions", ()) if seen else ():
            yield from (found for each in revision.images for found in images_in(each))

    def _repositories(self) -> Iterator[Address]:
        observing = set(self.planned.plan.observing)
        for address, want in sorted(self.planned.wants.items()):
            if address.kind == REPOSITORY and want.fields.keep_needed and not want.services <= observing:
                yield address

    def _path(self, address: Address) -> str:
        place = f"projects/{self.session.connection.project}/locations/{address.location}"
        return f"{place}/repositories/{address.name}"

    def _is_cleaned(self, repository: str) -> bool:
        """Tell whether we let a repository be cleaned. What we may not look at is not ours to keep."""
        if repository in {self._path(address) for address in self._repositories()}:
            return True
        if repository not in self._cleaned:
            try:
                policies = ImageVersions(self.session.connection).cleaning(repository).policies
                self._cleaned[repository] = any(each.name == POLICY for each in policies)
            except (errors.NotFoundError, errors.NotPermitted):
                self._cleaned[repository] = False
        return self._cleaned[repository]

    def _claim(self, image: Image) -> None:
        registry = ImageVersions(self.session.connection)
        with _helped(image.repository, image.package, image.digest):
            parts = registry.version(image.repository, image.package, image.digest).parts
        for digest in (image.digest, *parts):
            self._tag(registry, image.repository, image.package, digest)
        self.claimed.add(image)

    def _tag(self, registry: ImageVersions, repository: str, package: str, digest: str) -> None:
        with _helped(repository, package, digest):
            registry.tag(repository, package, digest, tag_of(self.session.connection.project, digest))

    def _settle(self, path: str, *, release: bool) -> list[str]:
        """Bring the tags of a repository to what is needed.

        Returns:
            Why what is not needed could not be let go.

        Raises:
            ReconcilerError: Something that is needed may not be kept.
        """
        store, registry = InventoryStore(self.session), ImageVersions(self.session.connection)
        everything = store.read_all()
        fleet = read_fleet(self.session, everything, [path.split("/")[3]])
        try:
            found = read_repository(self.session, path, fleet)
        except errors.NotFoundError:
            return []  # its own change failed, and says so
        project, wanted = self.session.connection.project, {*found.wanted, *self._claims(path, found.versions)}
        immutable, known = found.cleaning.immutable, not fleet.unknown
        todo = tagging(project, found.versions, wanted, known=known, immutable=immutable)
        for each in todo.add:
            self._tag(registry, path, each.package, each.digest)
        if fleet.unknown:
            raise errors.ReconcilerError(f"what is needed cannot be looked at: {'; '.join(fleet.unknown)}")
        if release and todo.release and self._nobody_else(everything, store.read_all()):
            return self._released(registry, path, todo.release)
        return []

    def _released(self, registry: ImageVersions, path: str, versions: Sequence[Version]) -> list[str]:
        """Take the tags of versions away; one that does not go keeps no other. Gives each reason once."""
        failed = []
        for each in versions:
            try:
                with _helped(path, each.package, each.digest):
                    registry.untag(path, each.package, tag_of(self.session.connection.project, each.digest))
            except errors.ReconcilerError as error:
                failed.append(f"{error}")
        return list(dict.fromkeys(failed))

    def _claims(self, path: str, versions: Sequence[Version]) -> Iterator[tuple[str, str]]:
        """Give what this run claimed: where its change failed, the next run lets it go."""
        parts = {each.key: each.parts for each in versions}
        for image in self.claimed:
            if image.repository == path:
                yield from ((image.package, digest) for digest in (image.digest, *parts.get(_key(image), ())))

    def _nobody_else(self, before: Inventories, after: Inventories) -> bool:
        """Tell whether no other run was at work since before the fleet was read: it may need what we let go."""
        ours, now = self.planned.inventories.keys(), self.session.clock.now()
        return _others(before, ours) == _others(after, ours) and not any(
            each.lock and not each.lock.expired(now) for key, each in after.items() if key not in ours
        )

    def _back(self, change: Change) -> Iterator[Image]:
        """Give the images of revisions that a change gives traffic, or an address, by name."""
        seen, traffic = self.planned.seen.get(change.address), (change.desired or {}).get("traffic", ())
        if seen is None or not any(each.field == "traffic" for each in change.changes):
            return
        names = {share.get("version") for share in traffic if isinstance(share, Mapping)}
        for revision in getattr(seen.output.get("runs"), "revisions", ()):
            if revision.name in names:
                yield from (found for each in revision.images for found in images_in(each))


@contextmanager
def _helped(repository: str, package: str, digest: str) -> Iterator[None]:
    """Say of what fails with one version what to do about it."""
    try:
        yield
    except errors.NotFoundError as error:
        hint = "it may have been cleaned away: push it again, or name another one"
        raise errors.NotFoundError("keep", f"{package}@{digest}", f"it is not in {repository}", hint=hint) from error
    except errors.NotPermitted as error:
        error.hint = error.hint or _HINT
        raise


def _key(image: Image) -> tuple[str, str]:
    return image.package, image.digest


def _others(inventories: Inventories, ours: Any) -> dict[Key, int]:
    return {key: each.generation for key, each in inventories.items() if key not in ours}


def _named(change: Change) -> Iterator[Image]:
    """Give the images that a change names anew, by digest, wherever they stand in its record."""
    desired = change.desired or {}
    fields = {each.field for each in change.changes} if change.action is Action.UPDATE else set(desired)
    for name in sorted(fields):
        yield from _texts(desired.get(name))


def _texts(value: Any) -> Iterator[Image]:
    if isinstance(value, str):
        yield from images_in(value)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _texts(each)
