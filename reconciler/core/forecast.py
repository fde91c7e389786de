"""What a repository's cleanup takes, and when; what stays, and why. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from reconciler.core.cleanup import Fate, Policy, Version, fates

_POLICY = {
    "newest": "newest",
    "tags": "tags",
    "tag_prefixes": "tagPrefixes",
    "version_prefixes": "versionPrefixes",
    "package_prefixes": "packagePrefixes",
    "older_than_s": "olderThanS",
    "newer_than_s": "newerThanS",
}
"""Fields of a policy, as JSON calls them."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What becomes of a repository's images while nothing else changes.

    Args:
        repository: Where they lie, as people write it: `europe-west1-docker.pkg.dev/acme/ml`.
        now: When this was told.
        policies: Its cleanup policies.
        fates: What becomes of each version, the largest first.
        wanted: Why each is needed that is, by package and digest.
        dry_run: Its policies delete nothing.
        immutable: Its tags never go, ours among them.
        missing: Needed images that are not there, in words.
        unknown: Why it is not known of everything whether it is needed.
    """

    repository: str
    now: datetime
    policies: tuple[Policy, ...]
    fates: tuple[Fate, ...]
    wanted: Mapping[tuple[str, str], tuple[str, ...]]
    dry_run: bool = False
    immutable: bool = False
    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        repository: str,
        policies: Sequence[Policy],
        versions: Sequence[Version],
        now: datetime,
        wanted: Mapping[tuple[str, str], tuple[str, ...]],
        **more: Any,
    ) -> Forecast:
        """Make one of what was read."""
        order = sorted(versions, key=lambda each: (-each.size_bytes, each.key))
        return cls(repository, now, tuple(policies), tuple(fates(policies, order, now)), wanted, **more)

    @property
    def goes(self) -> tuple[Fate, ...]:
        """What policies delete, soonest first."""
        found = [each for each in self.fates if each.due is not None and not self.dry_run]
        return tuple(sorted(found, key=lambda each: (each.due or self.now, each.version.key)))

    @property
    def stays(self) -> tuple[Fate, ...]:
        """What nothing deletes."""
        return tuple(each for each in self.fates if each.due is None or self.dry_run)

    @property
    def endangered(self) -> tuple[Fate, ...]:
        """What is needed and would go: no apply has tagged it yet."""
        return tuple(each for each in self.goes if each.version.key in self.wanted)

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data; sizes in bytes, at most: images share layers."""
        goes, stays = self.goes, self.stays
        needed = [each for each in self.fates if each.version.key in self.wanted]
        return {
            "repository": self.repository,
            "dryRun": self.dry_run,
            "immutableTags": self.immutable,
            "policies": [_policy(each) for each in self.policies],
            "goes": [self._told(each) for each in goes],
            "stays": [self._told(each) for each in stays],
            "endangered": len(self.endangered),
            "missing": list(self.missing),
            "unknown": list(self.unknown),
            "bytes": {
                "goesNextNight": _bytes([each for each in goes if each.due == self.now]),
                "goesLater": _bytes([each for each in goes if each.due != self.now]),
                "stays": _bytes(stays),
                "needed": _bytes(needed),
            },
        }

    def _told(self, fate: Fate) -> dict[str, Any]:
        version = fate.version
        return {
            "image": f"{version.package}@{version.digest}",
            "tags": list(version.tags),
            "bytes": version.size_bytes,
            "uploaded": version.uploaded.isoformat(timespec="seconds"),
            "due": fate.due.isoformat(timespec="seconds") if fate.due else None,
            "by": list(fate.by),
            "keptBy": list(fate.kept_by),
            "needed": list(self.wanted.get(version.key, ())),
        }


def _bytes(found: Sequence[Fate]) -> int:
    return sum(each.version.size_bytes for each in found)


def _policy(policy: Policy) -> dict[str, Any]:
    told: dict[str, Any] = {"name": policy.name, "action": str(policy.action)}
    for name, word in _POLICY.items():
        if (value := getattr(policy, name)) not in (None, ()):
            told[word] = list(value) if isinstance(value, tuple) else value
    return told
