"""Google's cleanup policies of a repository: which version goes by them, when, and what keeps it. Pure.

A version goes that a policy with Delete matches and none with Keep does. Of a condition everything named must be so;
of a list of prefixes one is enough. The newest are counted in each package. Age counts from the upload.

Source:
    https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview; kinds.md 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MOST = 10
"""Policies that a repository has at most."""


class Action(StrEnum):
    """What a policy does with what it matches."""

    KEEP = "Keep"
    DELETE = "Delete"


class Tags(StrEnum):
    """Which versions a condition is about."""

    ANY = "Any"
    TAGGED = "Tagged"
    UNTAGGED = "Untagged"


@dataclass(frozen=True, slots=True)
class Policy:
    """One cleanup policy.

    Args:
        name: Its id.
        action: What it does.
        newest: How many versions of each package it matches, newest first; None where it has a condition.
        tags: Versions with tags, without, or both.
        tag_prefixes: Beginnings of tags; none: any.
        version_prefixes: Beginnings of digests; none: any.
        package_prefixes: Beginnings of packages' names; none: any.
        older_than_s: Least age in seconds.
        newer_than_s: Greatest age in seconds.
    """

    name: str
    action: Action
    newest: int | None = None
    tags: Tags = Tags.ANY
    tag_prefixes: tuple[str, ...] = ()
    version_prefixes: tuple[str, ...] = ()
    package_prefixes: tuple[str, ...] = ()
    older_than_s: float | None = None
    newer_than_s: float | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a package: an image, or an index of several.

    Args:
        package: Its package's name, slashes as they are: `team/scorer`.
        digest: `sha256:…`.
        uploaded: When.
        tags: Its tags.
        size_bytes: Of its layers, as Google tells it.
        parts: Digests of the images that it is an index of.
    """

    package: str
    digest: str
    uploaded: datetime
    tags: tuple[str, ...] = ()
    size_bytes: int = 0
    parts: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Package and digest."""
        return self.package, self.digest


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a version while nothing is pushed, tagged or untagged.

    Args:
        version: Which.
        due: From when on policies delete it; None for never.
        by: Policies that would delete it then; where `due` is None, that would delete it if nothing kept it.
        kept_by: Policies that keep it now.
    """

    version: Version
    due: datetime | None
    by: tuple[str, ...] = ()
    kept_by: tuple[str, ...] = ()


def fates(policies: Sequence[Policy], versions: Sequence[Version], now: datetime) -> list[Fate]:
    """Say what becomes of each version.

    Args:
        policies: Of the repository.
        versions: All that are in it.
        now: The time.
    """
    ranks = dict(_ranks(versions))
    return [_fate(policies, version, ranks, now) for version in versions]


Ranks = dict[tuple[str, str], int]
"""Place of each version in its package, the newest first, from 0."""


def _ranks(versions: Iterable[Version]) -> Iterator[tuple[tuple[str, str], int]]:
    packages: dict[str, list[Version]] = {}
    for version in versions:
        packages.setdefault(version.package, []).append(version)
    for many in packages.values():
        newest = sorted(many, key=lambda each: (each.uploaded, each.digest), reverse=True)
        yield from ((version.key, rank) for rank, version in enumerate(newest))


def _fate(policies: Sequence[Policy], version: Version, ranks: Ranks, now: datetime) -> Fate:
    kept = _matching(policies, Action.KEEP, version, ranks, now)
    for when in _moments(policies, version, now):
        if _matching(policies, Action.KEEP, version, ranks, when):
            continue
        if by := _matching(policies, Action.DELETE, version, ranks, when):
            return Fate(version, when, by, kept)
    return Fate(version, None, _matching(policies, Action.DELETE, version, ranks, now), kept)


def _moments(policies: Iterable[Policy], version: Version, now: datetime) -> list[datetime]:
    """Give the times at which the answer may change: now, and just after each age that a policy names.

    Google takes ages of up to 10,000 years: what no calendar of ours can say is never.
    """
    ages = {age for each in policies for age in (each.older_than_s, each.newer_than_s) if age is not None}
    left_s = (datetime.max.replace(tzinfo=version.uploaded.tzinfo) - version.uploaded).total_seconds()
    later = (version.uploaded + timedelta(seconds=age, microseconds=1) for age in ages if age + 1 < left_s)
    return [now, *sorted(moment for moment in later if moment > now)]


def _matching(
    policies: Iterable[Policy], action: Action, version: Version, ranks: Ranks, when: datetime
) -> tuple[str, ...]:
    return tuple(each.name for each in policies if each.action is action and _matches(each, version, ranks, when))


def _matches(policy: Policy, version: Version, ranks: Ranks, when: datetime) -> bool:
    if not _begins((version.package,), policy.package_prefixes):
        return False
    if policy.newest is not None:
        return ranks[version.key] < policy.newest
    age_s = (when - version.uploaded).total_seconds()
    return (
        policy.tags in {Tags.ANY, Tags.TAGGED if version.tags else Tags.UNTAGGED}
        and _begins(version.tags, policy.tag_prefixes)
        and _begins((version.digest,), policy.version_prefixes)
        and (policy.older_than_s is None or age_s > policy.older_than_s)
        and (policy.newer_than_s is None or age_s < policy.newer_than_s)
    )


def _begins(texts: Sequence[str], prefixes: Sequence[str]) -> bool:
    return not prefixes or any(text.startswith(prefix) for text in texts for prefix in prefixes)
