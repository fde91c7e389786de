"""The revisions of a service, as standings tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from reconciler.core.standings.words import moment, name, text, word
from schemas.kept.standings import MOST_VERSIONS

LATEST = "latest"


class Revision(Protocol):
    """What is known of one; the kind of services has it."""

    name: str
    version: str
    ready: bool
    created: str
    images: tuple[str, ...]
    hash: str
    problem: str


def told_versions(
    revisions: Sequence[Revision], serving: Mapping[str, int], tags: Mapping[str, str], rejected: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Give revisions, the newest first; of many the ones that serve or have an address, and the newest.

    Args:
        revisions: The newest first.
        serving: Percent by revision name.
        tags: Tag by revision name, or `latest`.
        rejected: Why a version gets no traffic again, by its hash.
    """
    newest = revisions[0].name if revisions else ""
    kept = _kept(revisions, {*serving, *tags})
    return [
        {
            "revision": name(each.name),
            "version": name(each.hash),
            "image": word(each.images[0]) if each.images else "",
            "model": word(each.version),
            "percent": min(100, max(0, serving.get(each.name, 0))),
            "tag": name(tags.get(each.name) or (tags.get(LATEST, "") if each.name == newest else "")),
            "created": moment(each.created),
            "state": _state(each, serving.get(each.name, 0)),
            "problem": text(each.problem),
            "rejected": text(rejected.get(each.hash, "") if each.hash else ""),
        }
        for each in kept
    ]


def _kept(revisions: Sequence[Revision], matter: Iterable[str]) -> list[Revision]:
    used = frozenset(matter)
    more = MOST_VERSIONS - sum(each.name in used for each in revisions)
    kept: list[Revision] = []
    for each in revisions:
        if each.name not in used:
            more -= 1
        if each.name in used or more >= 0:
            kept.append(each)
    return kept[:MOST_VERSIONS]


def _state(revision: Revision, percent: int) -> str:
    if revision.problem:
        return "failed"
    if percent:
        return "serving"
    return "ready" if revision.ready else "starting"
