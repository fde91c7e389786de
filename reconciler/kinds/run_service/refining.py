"""What only the live service can tell: which revision `stable` is, and what is left as found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.core import errors
from reconciler.core.rollout.record import read
from reconciler.kinds.run_service import container
from reconciler.kinds.run_service.fields import SERVICE, TEMPLATE
from reconciler.kinds.run_service.record import LATEST, OUTSIDE_TEMPLATE, Runs, RunService, TrafficShare, annotations_of
from reconciler.kinds.run_service.remembered import Remembered, following, known_of
from reconciler.kinds.run_service.restrained import completed, limit_below
from reconciler.kinds.run_service.rollouts import LABEL, Going, decides, going, kept, labelled, told
from reconciler.kinds.run_service.traffic import resolve
from reconciler.kinds.run_service.unasked import callers

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.diff import FieldChange
    from reconciler.core.objects import Desired, Observed
    from reconciler.core.rollout.position import Rollout


def refine(want: Desired[RunService], seen: Observed[RunService] | None) -> RunService:
    """Say which revisions `stable` and named versions are, and what is left as found.

    Raises:
        PlanError: The spec names a version that no revision runs.
    """
    runs = seen.output["runs"] if seen else Runs()
    if (rollout := rollout_of(want, seen)) is not None:
        return rollout.fields
    fields, moves = _filled(want, seen)
    traffic = _resolved(want, fields, runs, moves=moves)
    # A service that never had a rollout needs no label.
    told_apart = seen is not None or (want.asked is not None and want.asked.in_steps)
    return labelled(replace(fields, traffic=traffic), seen.fields if seen else None, differs=moves and told_apart)


def _filled(want: Desired[RunService], seen: Observed[RunService] | None) -> tuple[RunService, bool]:
    """Fill in what is left as found, and tell whether that makes a new revision."""
    fields = replace(want.fields, **_left_as_found(want.fields, seen))
    there = seen.fields if seen else None
    fields = replace(fields, service_max=_cap(fields, there), labels=completed(fields, there))
    fields = kept(fields, seen.fields) if seen else fields
    return fields, seen is None or _template_differs(fields, seen.fields, want.ours)


def rollout_of(want: Desired[RunService], seen: Observed[RunService] | None) -> Going | None:
    """Give where a rollout is and what is next; None where a version goes out in one write.

    Raises:
        PlanError: The spec names a version that no revision runs.
    """
    if seen is None or not seen.output["runs"].revisions or not decides(want.asked, want.fields, seen.fields):
        return None
    return _going(want, seen)


def located(want: Desired[RunService], seen: Observed[RunService]) -> Rollout | None:
    """Give where a version stands, also of those that go out in one write; None where there is none yet.

    Args:
        want: What is asked for, with what is left to others.
        seen: What is there.

    Raises:
        PlanError: The spec names a version that no revision runs.
    """
    if want.asked is None or not seen.output["runs"].revisions:
        return None
    return _going(want, seen).rollout


def _going(want: Desired[RunService], seen: Observed[RunService]) -> Going:
    fields, differs = _filled(want, seen)
    record = read(annotations_of(seen.fields.service)).record
    before = record.stable if record is not None and record.split == want.asked.policy.split else ""
    split = _resolved(want, fields, seen.output["runs"], moves=differs, before=before) if want.asked.by_split else ()
    return going(want.asked, fields, seen, want.ours, known_of(want.memory), differs=differs, split=split)


def _resolved(
    want: Desired[RunService], fields: RunService, runs: Runs, *, moves: bool, before: str = ""
) -> tuple[TrafficShare, ...]:
    """Turn the spec's words about traffic into revisions.

    Raises:
        PlanError: They name a version that no revision runs.
    """
    try:
        return resolve(fields.traffic, runs, new_revision=moves, version=fields.version, before=before)
    except LookupError as error:
        raise errors.PlanError(want.address, str(error.args[0]), hint=str(error.args[1])) from error


def progress(want: Desired[RunService], seen: Observed[RunService] | None) -> str:
    """Say where a rollout is, and what it waits for; nothing where there is none."""
    found = rollout_of(want, seen)
    return told(found) if found else ""


def remember(
    before: Remembered | None, want: Desired[RunService], seen: Observed[RunService] | None, now: datetime
) -> Remembered | None:
    """Give what the inventory is to remember after this pass; `core.memory.Memory.following`."""
    del now
    return following(before, rollout_of(want, seen), seen)


def _cap(want: RunService, seen: RunService | None) -> int | None:
    """Give the limit of the whole service: the spec's, a budget's, which goes with its label, or as it was before.

    Cloud Run refuses one below what is kept warm, which others may decide.
    """
    limit = want.service_max
    if limit is None and seen is not None:
        limit = limit_below(seen)
    return max(limit, want.min_instances) if limit else None


_UNSAID: Mapping[str, Any] = {"attempt": "", "invoker_check": True}
"""What a spec for somebody's own image may leave unsaid, and what a new service gets then: Google's defaults."""
_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "container": container.DEFAULTS,
    "template": {key: each.blank for key, each in TEMPLATE.items()},
    "service": {key: each.blank for key, each in SERVICE.items()},
}


def _left_as_found(want: RunService, seen: Observed[RunService] | None) -> dict[str, Any]:
    found = {
        name: getattr(seen.fields, name) if seen else default
        for name, default in _UNSAID.items()
        if getattr(want, name) is None
    }
    if seen is not None and not seen.problem:
        found["attempt"] = seen.fields.attempt  # what works is not tried again
    found |= {
        name: {**_held(getattr(seen.fields, name) if seen else None, defaults), **getattr(want, name)}
        for name, defaults in _DEFAULTS.items()
    }
    # Others may need the name, and none is harmed: it is held from the first write on, as all passes see the same keys.
    found["container"].setdefault("name", seen.fields.container["name"] if seen else "")
    if seen is not None:
        found["template"] = _with_network(found["template"], seen.fields.template)
        if not want.gpu and _used_by_others(want, seen.fields):
            found["gpu"], found["gpu_zonal_redundancy"] = seen.fields.gpu, seen.fields.gpu_zonal_redundancy
    return found


def _held(seen: Mapping[str, Any] | None, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Hold at what a new service has all that has it: what somebody changes there later is seen.

    The rest of what a spec does not say was chosen before the service was taken over, and is left.
    """
    return {key: value for key, value in defaults.items() if key != "name" and (seen is None or seen.get(key) == value)}


def _with_network(template: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
    """Take the network, or the subnetwork, that Cloud Run found for the other one."""
    want, live = template.get("vpcAccess"), seen.get("vpcAccess", {})
    if not want or "connector" in want or "connector" in live:
        return dict(template)
    filled = {key: live[key] for key in ("network", "subnetwork") if key in live and key not in want}
    return {**template, "vpcAccess": {**want, **filled}}


def _used_by_others(want: RunService, seen: RunService) -> bool:
    """Tell whether a container that the spec does not speak of uses the GPU."""
    return any(each.get("gpu") for name, each in seen.sidecars.items() if name not in want.sidecars)


def _template_differs(want: RunService, seen: RunService, ours: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether a new revision will be made: keys that others added make none, and ours that go do."""
    return any(
        not _holds(getattr(want, name), getattr(seen, name), ours.get(name, frozenset()))
        for name in RunService.__dataclass_fields__
        if name not in OUTSIDE_TEMPLATE
    )


def _holds(want: Any, seen: Any, ours: frozenset[str]) -> bool:
    if isinstance(want, Mapping):
        gone = ours & (seen.keys() - want.keys()) - {LABEL}
        return not gone and all(seen.get(key) == value for key, value in want.items())
    return bool(want == seen)


def consequence(changes: Sequence[FieldChange], want: RunService) -> str:
    """Say what an update does to what serves."""
    fields = {c.field for c in changes}
    revision = fields - OUTSIDE_TEMPLATE.keys()
    said = [
        *_opened(changes, want),
        *_promoted(changes, want),
        *_capped(changes),
        *_port_back(changes, want),
        *(["makes a new revision"] if revision else []),
    ]
    if chosen := _chosen_by_hand(changes):
        said.append(
            f"undoes what somebody chose: traffic leaves {chosen} for the latest revision "
            "(strategy: Manual with that version keeps it, mode: Observe leaves all as it is)"
        )
    elif "traffic" in fields:
        said.append("moves traffic")
    elif revision:
        said.append("traffic goes where the plan says once it is ready")
    return ", ".join(said)


def _opened(changes: Sequence[FieldChange], want: RunService) -> Iterator[str]:
    """Say first that whoever calls is not asked any more, or may come from further away."""
    who = callers(want.ingress, checked=want.invoker_check, iap=want.service.get("iapEnabled"))
    if who and not {"invoker_check", "ingress", "service.iapEnabled"}.isdisjoint(each.path for each in changes):
        yield f"{who} may call"


def _capped(changes: Sequence[FieldChange]) -> Iterator[str]:
    """Say what a budget does to the number of instances, or does no more."""
    for change in changes:
        if change.field == "service_max":
            most = f"has {change.after} instance{'' if change.after == 1 else 's'} at most, by its budget"
            yield f"the whole service {most if change.after else 'is not capped any more'}"


def _port_back(changes: Sequence[FieldChange], want: RunService) -> Iterator[str]:
    """Say that a hand gave the port to a container which the spec has beside the one that takes requests."""
    for change in changes:
        if change.path == "container.name" and change.before in want.sidecars:
            yield f"takes the port back from container {change.before}, which somebody gave it to"


def _promoted(changes: Sequence[FieldChange], want: RunService) -> Iterator[str]:
    """Say which version of the registry's model comes, and by which alias."""
    alias = want.model.get("alias")
    for change in changes if alias else ():
        if change.path == "version":
            before = f"{change.before} -> " if change.before else ""
            yield f"model {before}{change.after or 'that of model.uri'} (alias {alias})"


def _chosen_by_hand(changes: Sequence[FieldChange]) -> str:
    """Give the revision that a person sent all traffic to, as a rollback in the console does, against the spec."""
    moved = {c.path: (c.before, c.after) for c in changes if c.field == "traffic"}
    before, after = moved.pop("traffic[0].version", ("", ""))
    return str(before) if after == LATEST and before and not moved else ""
