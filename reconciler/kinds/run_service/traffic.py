"""Which revision gets how much: the spec's words, revisions, and Google's traffic targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.kind import Routed
from reconciler.core.naming import HASH_LABEL, VERSION_LABEL, label_value
from reconciler.gcp.light import types_module
from reconciler.gcp.revisions import gets, last
from reconciler.kinds.run_service.claims import claim_of
from reconciler.kinds.run_service.grants import needed_by
from reconciler.kinds.run_service.record import LATEST, STABLE, Revision, Runs, TrafficShare
from reconciler.kinds.run_service.template import SHADOW_ENV
from schemas.sections.rollout import Strategy

if TYPE_CHECKING:
    from reconciler.core.address import Address
    from reconciler.core.objects import Observed
    from reconciler.kinds.run_service.record import RunService
    from schemas.service import Spec

_TO_LATEST = "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST"
_TO_REVISION = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"


def wanted(spec: Spec) -> tuple[TrafficShare, ...]:
    """Give the shares a spec asks for, in its own words."""
    if spec.rollout.strategy is not Strategy.MANUAL:
        return (TrafficShare(LATEST, 100),)
    return tuple(TrafficShare(share.version, share.percent, share.tag or "") for share in spec.traffic)


def words_of(shares: Sequence[TrafficShare]) -> str:
    """Give a split in the spec's own words, in one line: `stable 90, latest 10 candidate`."""
    return ", ".join(" ".join(filter(None, (each.version, str(each.percent), each.tag))) for each in shares)


def resolve(
    shares: Sequence[TrafficShare], runs: Runs, *, new_revision: bool, version: str, before: str = ""
) -> tuple[TrafficShare, ...]:
    """Turn the spec's words into revisions.

    Args:
        shares: As `wanted` gave them.
        runs: What is there.
        new_revision: Whether the same update makes a new revision, so that what is newest now is not `latest`.
        version: Model version that `latest` will carry. Where the newest revision carries it already, a share of it is
            `latest`, too.
        before: Revision that was `stable` when the same words were carried out last; empty where that is not known.

    Returns:
        Sorted shares. `stable` is the revision that serves most now, the latest one aside, or the one that was so
        before a hand gave everything to the latest; while nothing else has ever served, its share goes to the latest.

    Raises:
        LookupError: A share names a version that no revision runs. Its arguments are what and a hint.
    """
    stable = _stable(runs, new_revision=new_revision) or _there(before, runs)
    own = new_revision or _newest_has(runs, version)
    percents: dict[str, int] = {}
    tags: dict[str, list[str]] = {}
    for share in shares:
        name = _revision(share.version, runs, stable, LATEST if own and share.version == version else "")
        named = tags.setdefault(name, [])
        if share.tag:  # the percent stays with the tag that has it
            named.insert(0 if share.percent and not percents.get(name) else len(named), share.tag)
        percents[name] = percents.get(name, 0) + share.percent
    return tuple(sorted(target for name in percents for target in _targets(name, percents[name], tags[name])))


def _newest_has(runs: Runs, version: str) -> bool:
    """Tell whether the newest revision carries a model version: the file's own version is then `latest`.

    By its name, that revision would be left by the next edit, which is no move of anybody's.
    """
    found = (revision for revision in runs.revisions if revision.name == runs.latest)
    return bool(version) and any(revision.version == label_value(version) for revision in found)


def _targets(name: str, percent: int, tags: Sequence[str]) -> list[TrafficShare]:
    """Give one revision's targets: Cloud Run takes one with percent, and one more per further tag."""
    if not tags:
        return [TrafficShare(name, percent)] if percent else []
    first, *others = tags
    return [TrafficShare(name, percent, first), *(TrafficShare(name, 0, tag) for tag in others)]


def _stable(runs: Runs, *, new_revision: bool) -> str:
    others = {name: percent for name, percent in runs.serving.items() if new_revision or name != runs.latest}
    # The newest of equals, so that the answer does not depend on the order of a map.
    return max(others, key=lambda name: (others[name], name), default="")


def _there(name: str, runs: Runs) -> str:
    """Give a revision's name where it is there and not the latest."""
    return name if name != runs.latest and any(each.name == name for each in runs.revisions) else ""


def _revision(word: str, runs: Runs, stable: str, coming: str) -> str:
    if word == LATEST or coming:
        return LATEST
    if word == STABLE:
        return stable or LATEST
    for revision in runs.revisions:
        if word == revision.name or (revision.ready and label_value(word) == revision.version):
            return revision.name
    if not runs.revisions:
        return LATEST
    known = sorted({r.version for r in runs.revisions if r.version} | {r.name for r in runs.revisions})
    raise LookupError(f"traffic names version '{word}', and no revision runs it", f"there are: {', '.join(known)}")


def read_traffic(live: Any) -> tuple[TrafficShare, ...]:
    """Read the traffic targets of a live service. None at all means everything to the latest."""
    shares = [
        TrafficShare(LATEST if t.type_.name == _TO_LATEST else t.revision.rpartition("/")[2], t.percent, t.tag)
        for t in live.traffic
        if t.percent or t.tag
    ]
    return tuple(sorted(shares)) or (TrafficShare(LATEST, 100),)


def write_traffic(shares: Sequence[TrafficShare]) -> list[Any]:
    """Give Google's traffic targets."""
    target = types_module("google.cloud.run_v2", "traffic_target").TrafficTarget
    return [
        target(type_=_TO_LATEST, percent=s.percent, tag=s.tag)
        if s.version == LATEST
        else target(type_=_TO_REVISION, revision=s.version, percent=s.percent, tag=s.tag)
        for s in shares
    ]


def read_runs(live: Any, revisions: Sequence[Any], project: str = "") -> Runs:
    """Say which revisions there are and who serves now.

    Args:
        live: The service.
        revisions: Its revisions.
        project: The one at hand.
    """
    newest = sorted(revisions, key=lambda r: (r.create_time, r.name), reverse=True)
    ready = last(live.latest_ready_revision)
    serving: dict[str, int] = {}
    for status in live.traffic_statuses:
        name = gets(status, ready)
        if status.percent and name:
            serving[name] = serving.get(name, 0) + status.percent
    return Runs(
        tuple(map(_read_revision, newest)),
        last(live.latest_created_revision),
        serving,
        claims=tuple(map(claim_of, newest)),
        needs={last(each.name): needed_by(each, project) for each in newest},
    )


def running_images(seen: Observed[RunService]) -> Iterator[str]:
    """Give the images of revisions with a share of requests; of a service in which nothing is ready, none."""
    runs: Runs = seen.output["runs"]
    for revision in runs.revisions:
        if runs.serving.get(revision.name):
            yield from revision.images


def routed_images(seen: Observed[RunService], record: Mapping[str, Any], *, starts: bool) -> Routed:
    """Say which images of what is there get requests by a record.

    Args:
        seen: What there is.
        record: What is wanted of it, as a plain record.
        starts: Whether a revision is made: then that is `latest`, and not one of what is there.
    """
    runs: Runs = seen.output["runs"]
    images = {revision.name: revision.images for revision in runs.revisions if revision.images}
    names = {share["version"] for share in record["traffic"] if share["percent"]}
    here = set() if starts else {LATEST, runs.latest}
    newest = images.get(runs.latest, images_of(record)) if names & here else ()
    return Routed(newest, tuple(image for name in sorted(names - here) for image in images.get(name, ())))


def kept_for(seen: Observed[RunService], record: Mapping[str, Any], *, starts: bool) -> frozenset[Address]:
    """Give the roles that revisions of before need: those with a share or a tag, and the one to go back to.

    Args:
        seen: What there is.
        record: What is wanted of it, as a plain record.
        starts: Whether a revision is made.
    """
    runs: Runs = seen.output["runs"]
    newest = "" if starts else runs.latest
    names = {share["version"] for share in record["traffic"]}
    names.add(next((each.name for each in runs.revisions if each.ready and each.name != newest), ""))
    return frozenset().union(*(runs.needs.get(name, frozenset()) for name in names))


def images_of(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the images of all containers of a plain record."""
    return (record["image"], *(each["image"] for each in record.get("sidecars", {}).values()))


def _problem(conditions: Sequence[Any]) -> str:
    """Say why a revision is not ready and will not be."""
    failed = (each for each in conditions if each.state == each.State.Value("CONDITION_FAILED"))
    return next((" ".join(each.message.split()) or "not ready" for each in failed), "")


def _read_revision(live: Any) -> Revision:
    message = type(live).pb(live)  # read a thousand at a time: without the wrapper
    ready = [each for each in message.conditions if each.type_ == "Ready"]
    return Revision(
        name=last(message.name),
        version=message.labels.get(VERSION_LABEL, ""),
        ready=any(each.state == each.State.Value("CONDITION_SUCCEEDED") for each in ready),
        created=live.create_time.isoformat() if live.create_time else "",
        images=tuple(container.image for container in message.containers if container.image),
        hash=message.labels.get(HASH_LABEL, ""),
        problem=_problem(ready),
        copies=any(each.name == SHADOW_ENV for container in message.containers for each in container.env),
    )
