"""A rollout's step as fields of the service: traffic, template and annotations, of one conditional write. Pure.

The position is the live traffic; what is beside it in annotations says why. What no step asks for stays as it is: a
template waits while its version may not begin.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from reconciler.core.diff import plain
from reconciler.core.naming import HASH_LABEL, fingerprint
from reconciler.core.rollout.deciding import next_step
from reconciler.core.rollout.evidence import evidence
from reconciler.core.rollout.likeness import alike
from reconciler.core.rollout.position import (
    Known,
    Live,
    Phase,
    Rollout,
    Share,
    Version,
    Wanted,
    attempted,
    locate,
    untried,
)
from reconciler.core.rollout.predicted import Predicted
from reconciler.core.rollout.record import ORDER, ROLLOUT, on_its_way, read
from reconciler.core.rollout.series import Check
from reconciler.kinds.run_service.measured import ANSWERS, series_of
from reconciler.kinds.run_service.record import (
    BESIDE,
    KEYED,
    LATEST,
    OUTSIDE_TEMPLATE,
    Runs,
    RunService,
    TrafficShare,
    annotations_of,
)
from reconciler.kinds.run_service.traffic import words_of
from schemas.sections.rollout import Strategy

if TYPE_CHECKING:
    from reconciler.core.objects import Observed
    from reconciler.core.rollout.asking import Asking
    from reconciler.core.rollout.policy import Policy
    from reconciler.core.rollout.predicted import Compared
    from reconciler.core.rollout.replaying import Replaying
    from reconciler.core.rollout.step import Step

CHECKS, PREDICTIONS = "checks", "predictions"
"""Where the client's output has what came of asking a candidate, and of reading what it predicted."""
LABEL = f"labels.{HASH_LABEL}"
_TEMPLATE = tuple(name for name in RunService.__dataclass_fields__ if name not in OUTSIDE_TEMPLATE)
_FULL = re.compile(r"quota|capacity|resource exhausted", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a spec asks of its rollout.

    Args:
        policy: How a version goes out.
        now: The time.
        smoke: What a version is asked before any traffic; None for nothing.
        replay: What of the prediction log it is asked besides; None for nothing.
        compared: Where predictions are logged; None where they are not compared.
    """

    policy: Policy
    now: datetime
    smoke: Asking | None = None
    replay: Replaying | None = None
    compared: Compared | None = None

    @property
    def in_steps(self) -> bool:
        """Whether a version goes out by more than one write, each in a pass of its own."""
        return self.policy.strategy not in {Strategy.ALL_AT_ONCE, Strategy.MANUAL}

    @property
    def by_split(self) -> bool:
        """Whether the split stands in the spec."""
        return self.policy.strategy is Strategy.MANUAL


@dataclass(frozen=True, slots=True)
class Going:
    """Where a rollout is, and the one next step.

    Args:
        rollout: Where it stands.
        step: What is done now.
        fields: The service as it is wanted meanwhile.
        before: What was rejected before and looks like it, in words; empty for nothing.
    """

    rollout: Rollout
    step: Step
    fields: RunService
    before: str = ""


def decides(asked: Asked | None, want: RunService, seen: RunService) -> bool:
    """Tell whether traffic is decided step by step: by the strategy, by an order, or since a hand or we moved it."""
    if asked is not None and BESIDE[ORDER] in seen.service:
        return True
    if asked is not None and asked.by_split:
        return words_of(want.traffic) == asked.policy.split  # else it is left to others
    if asked is None or (not asked.in_steps and want.traffic == seen.traffic):  # as it is, or left to others
        return False
    moved = any(share.version != LATEST and share.percent for share in seen.traffic)
    record = read(annotations_of(seen.service)).record
    of_split = record is not None and record.split  # which the spec no longer has: what it says now holds at once
    return asked.in_steps or moved or (BESIDE[ROLLOUT] in seen.service and not of_split)


def going(
    asked: Asked,
    want: RunService,
    seen: Observed[RunService],
    ours: Mapping[str, frozenset[str]],
    known: Known,
    *,
    differs: bool,
    split: Sequence[TrafficShare] = (),
) -> Going:
    """Decide what of a service is written now.

    Args:
        asked: What the spec asks of its rollout.
        want: The service as the spec says it, what is left as found filled in.
        seen: The service as it is.
        ours: Keys that we wrote into maps that others write to.
        known: What the inventory remembers.
        differs: Whether its template is another one than that of the newest revision.
        split: What the spec's own split comes to, `Manual` only.
    """
    runs: Runs = seen.output["runs"]
    newest = runs.revisions[0] if runs.revisions else None
    version = version_of(want)
    if newest is not None and not differs:
        version = newest.hash or version
    elif newest is not None and untried(newest.hash) != version_of(_ours_of(want, seen.fields, ours)):
        runs = replace(runs, revisions=(replace(newest, hash=""), *runs.revisions[1:]))  # a hand's, with our label
    live = live_of(seen.fields, runs, version if not differs else "")
    shares = tuple(Share(each.version, each.percent, each.tag) for each in split)
    rollout = locate(Wanted(untried(version), asked.policy, shares, content_of(want)), live, known)
    series = series_of(rollout, seen.output.get(ANSWERS))
    predicted: Predicted = seen.output.get(PREDICTIONS) or Predicted()
    series = replace(
        series,
        predictions=predicted.bins,
        predictions_seen=predicted.seen,
        checks=seen.output.get(CHECKS) or _not_asked(rollout),
    )
    step = next_step(rollout, evidence(rollout, series, asked.now), asked.now)
    label = next((each.hash for each in live.versions if untried(each.hash) == rollout.base), "")
    if step.create:
        made = {**want.template, LABEL: attempted(rollout.base, step.attempt)}
        held = replace(want, attempt=step.attempt, template=made)
    elif differs and label:  # what a hand made is put back, and whatever runs the version goes on as it is
        held = replace(want, template={**want.template, LABEL: label})
    else:
        held = _ours_of(want, seen.fields, {name: keys | getattr(want, name).keys() for name, keys in ours.items()})
    fields = _fields(held, seen.fields, step)
    if not asked.by_split and (record := read(live.annotations).record) is not None:
        fields = replace(fields, traffic=tuple(_without(record.tags, fields.traffic)))
    return Going(rollout, step, fields, alike(rollout, asked.now))


def _not_asked(rollout: Rollout) -> dict[str, Check]:
    """Say who asks a version what is to be known of it before it has traffic."""
    names = rollout.policy.checks if rollout.phase in {Phase.STARTING, Phase.PREVIEW} else ()
    return {name: Check(why="the next pass, or an apply, asks it") for name in names}


def _ours_of(want: RunService, seen: RunService, ours: Mapping[str, frozenset[str]]) -> RunService:
    """Give the template as it is, without what others put into its maps."""
    found = {name: getattr(seen, name) for name in _TEMPLATE}
    for name in KEYED & found.keys():
        known = ours.get(name, frozenset())
        found[name] = {key: value for key, value in found[name].items() if key in known}
    return replace(want, **found)


def version_of(want: RunService) -> str:
    """Give the hash of what a revision is made of."""
    found = {name: plain(getattr(want, name)) for name in _TEMPLATE if name != "attempt"}
    found["template"] = {key: value for key, value in found["template"].items() if key != LABEL}
    found["container"] = {key: value for key, value in found["container"].items() if value or key != "name"}
    return fingerprint(found, length=12)


def content_of(want: RunService) -> str:
    """Give what is the same of versions that have the same images and model, whatever else their templates say."""
    sidecars = {name: each["image"] for name, each in plain(want.sidecars).items()}
    return fingerprint([want.image, sidecars, plain(want.model), want.version], length=12)


def live_of(fields: RunService, runs: Runs, newest: str) -> Live:
    """Give a service as rollouts see it.

    Args:
        fields: As it is.
        runs: Its revisions.
        newest: Version that the newest revision runs, where it carries no label that says it.
    """
    versions = tuple(
        Version(
            each.name,
            each.hash or (newest if place == 0 else "") or f"unknown:{each.name}",
            each.ready,
            each.problem,
            capacity=bool(_FULL.search(each.problem)),
            created=datetime.fromisoformat(each.created) if each.created else None,
            copies=each.copies,
        )
        for place, each in enumerate(runs.revisions)
    )
    traffic = tuple(Share(each.version, each.percent, each.tag) for each in fields.traffic)
    return Live(versions, traffic, annotations_of(fields.service))


def _fields(want: RunService, seen: RunService, step: Step) -> RunService:
    """Give the service as the step leaves it."""
    traffic = seen.traffic
    if step.traffic is not None:
        traffic = tuple(sorted(TrafficShare(each.revision, each.percent, each.tag) for each in step.traffic))
    return replace(want, traffic=traffic, service={**want.service, **_beside(seen.service, step.annotations)})


def _without(tags: Collection[str], shares: Iterable[TrafficShare]) -> Iterator[TrafficShare]:
    """Give shares without the tags of a split that the spec no longer has."""
    for share in shares:
        if share.tag not in tags:
            yield share
        elif share.percent:
            yield replace(share, tag="")


def _beside(seen: Mapping[str, Any], written: Mapping[str, str]) -> dict[str, Any]:
    """Give our annotations: as they are where the step writes none, and empty where one is to go."""
    found = {key: seen[key] for key in BESIDE.values() if key in seen}
    for name, text in written.items():
        key = f"annotations.{name}"
        if text:
            found[key] = text
        elif key in found:
            found[key] = ""
    return found


def kept(want: RunService, seen: RunService) -> RunService:
    """Keep what stands beside the traffic: under another strategy, too, a version that was rejected is."""
    found = {key: seen.service[key] for key in BESIDE.values() if key in seen.service and key not in want.service}
    return replace(want, service={**want.service, **found}) if found else want


def labelled(want: RunService, seen: RunService | None, *, differs: bool) -> RunService:
    """Keep the label that says which version a revision runs true, where no step decides about it."""
    if differs:
        keep = seen is None or LABEL in seen.template
        return replace(want, template={**want.template, LABEL: version_of(want)}) if keep else want
    if seen is not None and LABEL in seen.template:
        return replace(want, template={**want.template, LABEL: seen.template[LABEL]})
    return want


def fleeting(record: Mapping[str, Any]) -> bool:
    """Tell from a record, plain, whether a rollout is on its way: its moments, and its split, are of one pass."""
    return on_its_way(annotations_of(record["service"])) is not None


def told(going: Going) -> str:
    """Say where a rollout is, and what it waits for; nothing where what is wanted serves."""
    rollout, step = going.rollout, going.step
    stands = rollout.policy.strategy is Strategy.MANUAL or (
        rollout.stable is not None and rollout.stable.hash == rollout.wanted
    )
    if stands and rollout.phase is Phase.STEADY and not step.writes and not step.refused:
        return ""
    where = {Phase.STEP: f"step {step.number}, {rollout.percent} %"}.get(step.phase, str(step.phase))
    parts = [f"rollout: {step.why}" if step.writes else f"rollout: {where}: {step.why}"]
    return "; ".join([*parts, *(each for each in (going.before, step.refused) if each)])
