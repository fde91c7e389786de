"""Who built an image, from what, and which list of its contents there is: as somebody wrote it, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.scanning.findings import Unreadable
from reconciler.core.scanning.places import short
from reconciler.core.scanning.said import word
from reconciler.core.scanning.scans import Images, Scans

_MOST = 3
"""Builds, and lists, of one image that are named, the newest first."""


@dataclass(frozen=True, slots=True)
class Built:
    """One build of an image.

    Args:
        builder: What built it, as provenance names it.
        source: Where its source was; empty where nobody says.
        commit: Which one.
        build: Its number.
        by: Project of whoever wrote it down: anybody may who may write occurrences.
    """

    builder: str = ""
    source: str = ""
    commit: str = ""
    build: str = ""
    by: str = ""

    def said(self) -> str:
        """Say it in a line."""
        parts = [f"built by {word(self.builder) or 'nobody knows what'}"]
        parts += [f"from {word(self.source)}"] if self.source else []
        parts += [f"at commit {word(self.commit)}"] if self.commit else []
        parts += [f"as {word(self.build)}"] if self.build else []
        return f"{' '.join(parts)} (so says project {word(self.by)})"


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of what is in an image (a bill of materials, SBOM).

    Args:
        location: Where it lies: `gs://…`.
        form: In which form, such as `application/spdx+json`.
        by: Project of whoever wrote it down.
    """

    location: str
    form: str = ""
    by: str = ""

    def said(self) -> str:
        """Say it in a line."""
        form = f" ({word(self.form)})" if self.form else ""
        return f"its contents are listed in {word(self.location)}{form} (so says project {word(self.by)})"


@dataclass(frozen=True, slots=True)
class Origin:
    """What is written of where an image comes from, the newest first.

    Args:
        builds: Of it.
        lists: Of its contents.
    """

    builds: tuple[Built, ...] = ()
    lists: tuple[Listed, ...] = ()


def origins_of(images: Images, known: Mapping[str, Origin | Unreadable]) -> Scans:
    """Say where the images come from that a plan would deploy. Nothing of it keeps any from being deployed.

    Args:
        images: Of the service.
        known: What is written of each, by reference; of one that lies elsewhere nothing is known.
    """
    return Scans(origins=tuple(told(images.new, known)))


def told(images: Iterable[str], known: Mapping[str, Origin | Unreadable]) -> Iterator[str]:
    """Say where images come from, some lines each.

    Args:
        images: References.
        known: What is written of each; of one that lies elsewhere nothing is known.
    """
    yield from (f"image {short(image)}: {why}" for image in images for why in _said(known.get(image)))


def _said(found: Origin | Unreadable | None) -> Iterator[str]:
    if found is None:
        yield "nobody says who built it: it is not named by digest in a registry of Google's"
    elif isinstance(found, Unreadable):
        yield found.why
    else:
        yield from _first((each.said() for each in found.builds), "nobody says who built it")
        yield from _first((each.said() for each in found.lists), "there is no list of its contents")


def _first(lines: Iterable[str], none: str) -> Iterator[str]:
    every = tuple(dict.fromkeys(lines))
    yield from every[:_MOST] or (none,)
    if len(every) > _MOST:
        yield f"and {len(every) - _MOST} more"
