"""Which images are needed, and the tags of ours that say so to the registry's cleanup. Pure.

Cleanup policies know tags and ages and not what serves, so every needed version has a tag whose name is the project
that needs it and its own digest, `mlservice-keep-<project>-<hex>`, and one policy keeps what has such a tag. A tag that
is never moved has no two owners: whoever needs the image makes it, and it goes when nothing in that project needs it.
Projects that share a repository do not see each other's services, so each has tags of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from reconciler.core.cleanup import Action, Policy, Tags, Version
from reconciler.core.naming import fingerprint

TAG_PREFIX = "mlservice-keep-"
POLICY = "keep-needed"
"""Id of the policy that keeps what has a tag of ours."""
_LONGEST_PROJECT = 48
"""What a tag has room for beside a digest; ids with a domain may be longer."""
KEEPS = Policy(POLICY, Action.KEEP, tags=Tags.TAGGED, tag_prefixes=(TAG_PREFIX,))

WINDOW_REVISIONS = 5
WINDOW = timedelta(days=30)
"""One may go back to the last five revisions that were ready, and to any of the last thirty days."""

_IMAGE = re.compile(
    r"(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>(?:[^/.:\s]*\.[^/:\s]*/)?[^/.\s]+)/(?P<repository>[^/\s]+)/"
    r"(?P<package>[^:@\s]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_ANYWHERE = re.compile(
    r"(?<![a-z0-9-])[a-z0-9-]{1,40}-docker\.pkg\.dev/[^:@\s\"',]{1,600}(?::[\w.-]{1,128})?@sha256:[0-9a-f]{64}"
)
"""In text that others wrote, of any length: bounded, and from a name's beginning only, so that its time is too."""


@dataclass(frozen=True, slots=True, order=True)
class Image:
    """An image in Artifact Registry.

    Args:
        repository: `projects/…/locations/…/repositories/…`.
        package: Slashes as they are: `team/scorer`.
        digest: `sha256:…`; empty where a tag names it.
        tag: Empty where there is none.
    """

    repository: str
    package: str
    digest: str = ""
    tag: str = ""

    @classmethod
    def parse(cls, reference: str) -> Image | None:
        """Read a reference; None where the image lies elsewhere.

        Source:
            https://cloud.google.com/artifact-registry/docs/docker/names, domain-scoped projects: a reference has a
            slash where the id has its colon; ids of other projects have no dot.
        """
        found = _IMAGE.fullmatch(reference)
        if found is None:
            return None
        project = found["project"].replace("/", ":")
        path = f"projects/{project}/locations/{found['location']}/repositories/{found['repository']}"
        tag = found["tag"] or ("" if found["digest"] else "latest")
        return cls(path, found["package"], found["digest"] or "", tag)

    @property
    def reference(self) -> str:
        """As specs and services write it."""
        _, project, _, location, _, repository = self.repository.split("/")
        tag, digest = f":{self.tag}" if self.tag else "", f"@{self.digest}" if self.digest else ""
        return f"{location}-docker.pkg.dev/{project.replace(':', '/')}/{repository}/{self.package}{tag}{digest}"


def images_in(text: str) -> Iterator[Image]:
    """Find the images that are named by digest in any text, such as the settings of a function."""
    for reference in _ANYWHERE.findall(text):
        if image := Image.parse(reference):
            yield image


@dataclass(frozen=True, slots=True)
class Running:
    """One revision of a service.

    Args:
        service: Region and service, in words: `europe-west1/churn`.
        name: Of the revision.
        images: References of its containers.
        created: When.
        ready: Whether it could serve.
        percent: Its share of requests.
        tags: Names of addresses of its own: `stable`, `candidate`.
        latest: Whether it is what the service describes now.
    """

    service: str
    name: str
    images: tuple[str, ...]
    created: datetime
    ready: bool = True
    percent: int = 0
    tags: tuple[str, ...] = ()
    latest: bool = False


@dataclass(frozen=True, slots=True)
class Fleet:
    """What may run in the project.

    Args:
        revisions: Of services.
        others: References by who uses them, in words: jobs, and functions that start trainings.
        unknown: Why something could not be looked at; then nothing is known not to be needed.
    """

    revisions: Sequence[Running] = ()
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()


Needed = Mapping[Image, tuple[str, ...]]
"""By whom or what for each image is needed, in words."""


def needed(fleet: Fleet, now: datetime) -> Needed:
    """Say which images are needed, and why.

    Args:
        fleet: What may run.
        now: The time.
    """
    found: dict[Image, list[str]] = {}
    window = _window(fleet.revisions, now)
    for revision in fleet.revisions:
        if why := _why(revision, window):
            for image in filter(None, map(Image.parse, revision.images)):
                found.setdefault(image, []).append(f"{why}: {revision.service}, revision {revision.name}")
    for who, references in fleet.others.items():
        for image in filter(None, map(Image.parse, references)):
            found.setdefault(image, []).append(who)
    return {image: tuple(dict.fromkeys(why)) for image, why in sorted(found.items())}


def _why(revision: Running, window: frozenset[tuple[str, str]]) -> str:
    if revision.percent:
        return "serves"
    if revision.tags:
        return f"tagged {', '.join(revision.tags)}"
    if revision.latest:
        return "latest"
    return "way back" if (revision.service, revision.name) in window else ""


def _window(revisions: Iterable[Running], now: datetime) -> frozenset[tuple[str, str]]:
    """Name the revisions that one may go back to."""
    services: dict[str, list[Running]] = {}
    for each in revisions:
        services.setdefault(each.service, []).append(each)
    found: set[tuple[str, str]] = set()
    for service, many in services.items():
        ready = sorted((each for each in many if each.ready), key=lambda each: (each.created, each.name), reverse=True)
        found |= {(service, each.name) for each in ready[:WINDOW_REVISIONS]}
        found |= {(service, each.name) for each in many if now - each.created <= WINDOW}
    return frozenset(found)


def tag_of(project: str, digest: str) -> str:
    """Give the name of the tag by which a project keeps a version: of at most 128 characters, as tags are."""
    who = project.replace(":", ".")
    if len(who) > _LONGEST_PROJECT:
        who = f"{who[: _LONGEST_PROJECT - 9]}-{fingerprint(project, length=8)}"
    return f"{TAG_PREFIX}{who}-{digest.removeprefix('sha256:')}"


def of_repository(
    images: Needed, repository: str, versions: Sequence[Version]
) -> tuple[dict[tuple[str, str], tuple[str, ...]], list[Image]]:
    """Find the needed images among the versions of their repository, with what each is an index of.

    Args:
        images: What is needed.
        repository: Full name.
        versions: All that are in it.

    Returns:
        Why each version that is there is needed, by package and digest; and the images that are not there.
    """
    there = {version.key: version for version in versions}
    tagged = {(version.package, tag): version.digest for version in versions for tag in version.tags}
    found: dict[tuple[str, str], tuple[str, ...]] = {}
    missing = []
    for image, why in images.items():
        if image.repository != repository:
            continue
        digest = image.digest or tagged.get((image.package, image.tag), "")
        if (version := there.get((image.package, digest))) is None:
            missing.append(image)
            continue
        for key in (version.key, *((image.package, part) for part in version.parts if (image.package, part) in there)):
            found[key] = tuple(dict.fromkeys((*found.get(key, ()), *why)))
    return found, missing


def regions_of(locations: Iterable[str]) -> list[str]:
    """Give the regions among the locations of services and repositories: a repository may be in several at once.

    Source:
        https://cloud.google.com/artifact-registry/docs/repositories/repo-locations: multi-regions, where Cloud Run has
        nothing.
    """
    return sorted(set(locations) - {"asia", "europe", "us"})


@dataclass(frozen=True, slots=True)
class Tagging:
    """What is to be done so that exactly what is needed has a tag of ours.

    Args:
        add: Versions that lack theirs.
        release: Versions that have one and are not needed.
    """

    add: tuple[Version, ...] = ()
    release: tuple[Version, ...] = ()


def tagging(
    project: str,
    versions: Sequence[Version],
    wanted: Iterable[tuple[str, str]],
    *,
    known: bool,
    immutable: bool = False,
) -> Tagging:
    """Compare a project's tags with what it needs.

    Args:
        project: Project id.
        versions: All of the repository.
        wanted: Package and digest of what is needed.
        known: Whether everything could be looked at. If not, nothing is released.
        immutable: The repository's tags cannot go.
    """
    keys = frozenset(wanted)
    tagged = {each.key for each in versions if tag_of(project, each.digest) in each.tags}
    add = [each for each in versions if each.key in keys - tagged]
    release = [each for each in versions if each.key in tagged - keys]
    return Tagging(tuple(add), tuple(release) if known and not immutable else ())
