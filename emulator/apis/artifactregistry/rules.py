"""Which versions cleanup policies take; pure.

A version goes that a DELETE matches and no KEEP does. Of a condition all that it names must be so; of a list of
prefixes one is enough. `most_recent_versions` keeps the newest of each package. Age counts from the upload.

Source: https://cloud.google.com/artifact-registry/docs/repositories/cleanup-policy-overview; comments of
    `CleanupPolicy` and `CleanupPolicyCondition` of google-cloud-artifact-registry 1.23.0; of the refusal of what an
    index names: https://github.com/GoogleCloudPlatform/gcr-cleaner/issues/118.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from google.cloud.artifactregistry_v1.types import repository

CleanupPolicy = repository.CleanupPolicy.pb()
Condition = repository.CleanupPolicyCondition.pb()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A version as policies see it.

    Attributes:
        package: Its package's id, slashes as they are.
        digest: `sha256:…`.
        tags: Their short names.
        uploaded: When.
        parts: Digests of the images of an index.
    """

    package: str
    digest: str
    tags: tuple[str, ...]
    uploaded: datetime
    parts: tuple[str, ...] = ()


def matched(policies: Iterable[Any], candidates: Sequence[Candidate], now: datetime) -> list[Candidate]:
    """The versions that a DELETE matches and no KEEP does."""
    chosen = list(policies)
    goes = _chosen([policy for policy in chosen if policy.action == CleanupPolicy.DELETE], candidates, now)
    stays = _chosen([policy for policy in chosen if policy.action == CleanupPolicy.KEEP], candidates, now)
    return [each for each in candidates if each in goes and each not in stays]


def removed(
    policies: Iterable[Any], candidates: Sequence[Candidate], now: datetime, *, immutable: bool = False
) -> list[Candidate]:
    """The versions that one run of the cleanup takes: of those matched, what the registry lets go.

    It refuses to delete an image that an index still names (`GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE`), and one whose
    tags cannot go because they are immutable. An index that stays because another one names it keeps its own images.
    """
    gone = {
        (each.package, each.digest): each
        for each in matched(policies, candidates, now)
        if not (immutable and each.tags)
    }
    stay = [each for each in candidates if (each.package, each.digest) not in gone]
    while stay:
        index = stay.pop()
        stay += filter(None, [gone.pop((index.package, part), None) for part in index.parts])
    return list(gone.values())


def _chosen(policies: Iterable[Any], candidates: Sequence[Candidate], now: datetime) -> set[Candidate]:
    found: set[Candidate] = set()
    for policy in policies:
        if policy.WhichOneof("condition_type") == "most_recent_versions":
            found |= _newest(policy.most_recent_versions, candidates)
        else:
            found |= {each for each in candidates if _fits(policy.condition, each, now)}
    return found


def _newest(rule: Any, candidates: Sequence[Candidate]) -> set[Candidate]:
    packages: dict[str, list[Candidate]] = {}
    for each in candidates:
        if _begins([each.package], rule.package_name_prefixes):
            packages.setdefault(each.package, []).append(each)
    newest = (sorted(many, key=lambda each: (each.uploaded, each.digest)) for many in packages.values())
    return {each for many in newest for each in many[-rule.keep_count :]}


def _fits(condition: Any, candidate: Candidate, now: datetime) -> bool:
    age = now - candidate.uploaded
    return (
        (condition.tag_state != Condition.TAGGED or bool(candidate.tags))
        and (condition.tag_state != Condition.UNTAGGED or not candidate.tags)
        and _begins(candidate.tags, condition.tag_prefixes)
        and _begins([candidate.digest], condition.version_name_prefixes)
        and _begins([candidate.package], condition.package_name_prefixes)
        and (not condition.HasField("older_than") or age > condition.older_than.ToTimedelta())
        and (not condition.HasField("newer_than") or age < condition.newer_than.ToTimedelta())
    )


def _begins(texts: Collection[str], prefixes: Collection[str]) -> bool:
    return not prefixes or any(text.startswith(tuple(prefixes)) for text in texts)
