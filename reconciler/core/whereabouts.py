"""Where something runs, or could be gone back to: an image, a model, what a commit or a run made. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.cleanup import Version
from reconciler.core.keeping import Image
from reconciler.core.naming import label_value
from reconciler.core.stamp import UNSTAMPED, Stamp

_SHA = "sha256:"
LEAST = 4
"""Digits of a digest or a commit that are looked for: fewer begin too many."""
_HEX = re.compile(rf"[0-9a-f]{{{LEAST},64}}")
_TOO_SHORT = re.compile(rf"[0-9a-f]{{1,{LEAST - 1}}}")
_WHOLE = 64
_LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Spot:
    """One thing that runs or could: a revision of a service, a job, a function that starts trainings.

    Args:
        kind: `service`, `job` or `function`.
        region: Where.
        name: Of the service, job or function.
        revision: Of a service; empty for others.
        images: References of its containers, or in its settings.
        model: `uri`, `version` and `alias` that the model server was told; empty for none.
        version: Model version, as its label has it.
        made: When, ISO 8601: the revision, or the last change of a job or a function.
        percent: Its share of requests now.
        tags: Names of addresses of its own.
        latest: Whether it is the newest of its service.
        ready: Whether it can serve.
        stamp: What it came from.
    """

    kind: str
    region: str
    name: str
    revision: str = ""
    images: tuple[str, ...] = ()
    model: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    made: str = ""
    percent: int = 0
    tags: tuple[str, ...] = ()
    latest: bool = False
    ready: bool = True
    stamp: Stamp = UNSTAMPED

    @property
    def state(self) -> str:
        """Say how it has to do with requests, in words."""
        if self.kind != "service":
            return "its executions" if self.kind == "job" else "its trainings"
        if self.percent:
            return "serves"
        if self.tags:
            return "tagged"
        if not self.ready:
            return "not ready"
        return "latest" if self.latest else "way back"


@dataclass(frozen=True, slots=True)
class Asked:
    """What is looked for, by every way to read it.

    Args:
        text: As it was written.
        prefix: Beginning of a digest or a commit, in hexadecimal digits; empty where it is none.
        digest_only: It is a digest's, and no commit's.
        image: An image by its name; None where it is none.
        uri: Folder of a model; empty where it is none.
        model: Id of a model in the registry; empty where it is none.
        wanted: Version or alias of that model.
    """

    text: str
    prefix: str = ""
    digest_only: bool = False
    image: Image | None = None
    uri: str = ""
    model: str = ""
    wanted: str = ""

    @classmethod
    def read(cls, text: str) -> Asked:
        """Read what somebody wrote.

        Raises:
            ValueError: It can be nothing of all that.
        """
        if not text or len(text) > _LONGEST or not text.isprintable() or " " in text:
            raise ValueError(text)
        before, found, digest = text.rpartition("@" if f"@{_SHA}" in text else _SHA)
        if found and _SHA in text:
            digits = digest.removeprefix(_SHA)
            if not _HEX.fullmatch(digits) or (before and "/" not in before):
                raise ValueError(text)
            return cls(text, digits, digest_only=True)
        if text.startswith("gs://"):
            return cls(text, uri=text.rstrip("/"))
        if "/" in text:
            image = Image.parse(text)
            if image is None:
                raise ValueError(text)
            # Image.parse means `latest` where nothing is said; here nothing said is every version.
            tagged = ":" in text.rpartition("/")[2]
            return cls(text, image=image if tagged else Image(image.repository, image.package))
        if "@" in text:
            model, _, wanted = text.partition("@")
            if not model or not wanted:
                raise ValueError(text)
            return cls(text, model=model, wanted=wanted)
        return cls(text, text if _HEX.fullmatch(text) else "")

    @property
    def too_short(self) -> bool:
        """Tell whether it is the beginning of a digest or a commit, had it more digits."""
        return not self.digest_only and bool(_TOO_SHORT.fullmatch(self.text))


@dataclass(frozen=True, slots=True)
class Known:
    """What registries say of what is looked for.

    Args:
        digests: Digests that it is, each with how, in words.
        tags: References by tag that name one of them now, as repository, package and tag.
        models: Version and folder of the model, by region.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    tags: Collection[tuple[str, str, str]] = frozenset()
    models: Mapping[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A spot, and why it is one of those looked for.

    Args:
        spot: What runs.
        why: By what, in words; one at least.
    """

    spot: Spot
    why: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        spot = self.spot
        return {
            "kind": spot.kind,
            "region": spot.region,
            "name": spot.name,
            "revision": spot.revision,
            "state": spot.state,
            "percent": spot.percent,
            "tags": list(spot.tags),
            "latest": spot.latest,
            "ready": spot.ready,
            "made": spot.made,
            "commit": spot.stamp.commit,
            "uncommitted": spot.stamp.uncommitted,
            "run": spot.stamp.run,
            "specs": spot.stamp.specs,
            "images": list(spot.images),
            "model": {**spot.model, **({"version": spot.version} if spot.version else {})},
            "why": list(self.why),
        }


def known_of(asked: Asked, versions: Mapping[str, Sequence[Version]]) -> Known:
    """Say which digests are looked for: those named, indexes that have one of them, and what these have in them.

    Args:
        asked: What is looked for.
        versions: Everything in some repositories, by repository.
    """
    digests: dict[str, str] = {}
    many = [(repository, version) for repository, each in versions.items() for version in each]
    for repository, version in many:
        if _named(asked, repository, version):
            digests.setdefault(version.digest, "digest" if asked.prefix else "image")
            digests |= {part: f"part of {_short(version.digest)}" for part in version.parts if part not in digests}
    for _, version in many:
        parts = [part for part in version.parts if _begins(asked, part)]
        if parts:
            digests.setdefault(version.digest, f"index of {_short(parts[0])}")
    tags = {
        (repository, version.package, tag)
        for repository, version in many
        if version.digest in digests
        for tag in version.tags
    }
    return Known(digests, tags)


def find(asked: Asked, known: Known, spots: Iterable[Spot]) -> list[Found]:
    """Give what runs it or could be gone back to, what serves most first.

    Args:
        asked: What is looked for.
        known: What registries say of it.
        spots: Everything that runs or could.
    """
    found = [Found(spot, why) for spot in spots if (why := tuple(dict.fromkeys(_why(asked, known, spot))))]
    newest = sorted(found, key=lambda each: each.spot.made, reverse=True)
    return sorted(newest, key=lambda each: (-each.spot.percent, not each.spot.tags, each.spot.region, each.spot.name))


def lying(asked: Asked, spots: Iterable[Spot]) -> dict[str, tuple[Image, ...]]:
    """Name the repositories in which what is looked for may lie, each with the images there that tell of it.

    Those are the images that something runs from it, and the one that is looked for, as far as its name or its whole
    digest says which one that is. Whoever may list a repository needs none of them.

    Args:
        asked: What is looked for.
        spots: Everything that runs or could.
    """
    runs = [image for spot in spots for image in filter(None, map(Image.parse, spot.images))]
    found: dict[str, dict[Image, None]] = {}
    if asked.image:
        itself = [asked.image] if asked.image.tag else []
        here = (asked.image.repository, asked.image.package)
        same = [each for each in runs if (each.repository, each.package) == here]
        found[asked.image.repository] = dict.fromkeys(map(_bare, (*itself, *same)))
    elif asked.prefix:
        for each in runs:
            there = found.setdefault(each.repository, {})
            there[_bare(each)] = None
            if len(asked.prefix) == _WHOLE:
                there[Image(each.repository, each.package, f"{_SHA}{asked.prefix}")] = None
    return {name: tuple(found[name]) for name in sorted(found)}


def _bare(image: Image) -> Image:
    """Give an image by its digest alone, where it has one."""
    return Image(image.repository, image.package, image.digest) if image.digest else image


def _named(asked: Asked, repository: str, version: Version) -> bool:
    if asked.image is None:
        return _begins(asked, version.digest)
    here = (asked.image.repository, asked.image.package) == (repository, version.package)
    return here and (not asked.image.tag or asked.image.tag in version.tags)


def _begins(asked: Asked, digest: str) -> bool:
    return bool(asked.prefix) and digest.removeprefix(_SHA).startswith(asked.prefix)


def _short(digest: str) -> str:
    return digest.removeprefix(_SHA)[:12]


def _why(asked: Asked, known: Known, spot: Spot) -> Iterator[str]:
    for reference in spot.images:
        yield from _of_image(asked, known, reference)
    yield from _of_model(asked, known, spot)
    stamp = spot.stamp
    if asked.prefix and not asked.digest_only:
        if stamp.commit.startswith(asked.prefix):
            yield "commit"
        if stamp.specs.startswith(asked.prefix):
            yield "specs"
    if stamp.run and asked.text == stamp.run:
        yield "run"


def _of_image(asked: Asked, known: Known, reference: str) -> Iterator[str]:
    _, _, digest = reference.partition("@")
    if digest and _begins(asked, digest):
        yield "digest"
    elif how := known.digests.get(digest):
        yield how
    image = Image.parse(reference)
    if image is None:
        return
    if not digest and (image.repository, image.package, image.tag) in known.tags:
        yield f"tag {image.tag}, which names it now"
    wanted = asked.image
    if wanted and (wanted.repository, wanted.package) == (image.repository, image.package):
        if not wanted.tag:
            yield "image"
        elif wanted.tag == image.tag:
            yield f"tag {image.tag}"


def _of_model(asked: Asked, known: Known, spot: Spot) -> Iterator[str]:
    uri = str(spot.model.get("uri", "")).rstrip("/")
    if asked.uri and (uri == asked.uri or uri.startswith(f"{asked.uri}/")):
        yield "model"
    if asked.model:
        number, folder = known.models.get(spot.region, ("", ""))
        # A number alone may be another model's: the folder tells.
        if folder and folder.rstrip("/") == uri and spot.version in {"", label_value(number)}:
            yield f"model version {number}"
        return
    if spot.version and label_value(asked.text) == spot.version:
        yield f"model version {spot.version}"
    if spot.model.get("alias") == asked.text:
        yield f"alias {asked.text}, when it was made"
