"""How a new version goes out, and the split.

Source:
    https://cloud.google.com/run/docs/rollouts-rollbacks-traffic-migration; run v2 `Service.traffic`
"""

import re
from collections import Counter
from collections.abc import Iterator

from schemas.checks.finding import Finding, fraction
from schemas.refusal import shown
from schemas.sections.rollout import Rollout, Strategy, TrafficShare

_ALL = 100
_VERSION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def steps(rollout: Rollout) -> Iterator[Finding]:
    """A canary's steps rise."""
    if rollout.strategy is Strategy.CANARY and not rollout.steps:
        hint = "for example `steps: [{traffic: 10, hold: 15m}]`"
        yield Finding("rollout.steps", "rollout-steps", "strategy Canary needs steps", hint, at_key=True)
    before = 0
    for index, step in enumerate(rollout.steps):
        path, percent = f"rollout.steps[{index}].traffic", step.traffic_percent
        if percent < before:
            summary = f"{percent} is below the step before it ({before})"
            yield Finding(path, "rollout-steps", summary, "steps must rise")
        elif percent == before:
            summary = f"{percent} is the same as the step before it"
            yield Finding(path, "rollout-steps", summary, "steps must rise")
        before = max(before, percent)


def gates(rollout: Rollout) -> Iterator[Finding]:
    """Shares are fractions."""
    if rollout.gates is not None:
        yield from fraction("rollout.gates.errorRate", rollout.gates.error_rate, "a share of answers")
        yield from fraction("rollout.gates.predictionDrift", rollout.gates.prediction_drift, "a distance")


def traffic(rollout: Rollout, traffic: tuple[TrafficShare, ...]) -> Iterator[Finding]:
    """`traffic` and `strategy: Manual` belong together, and the shares make a whole."""
    manual = rollout.strategy is Strategy.MANUAL
    if manual and not traffic:
        hint = "for example `traffic: [{version: latest, percent: 100}]`"
        yield Finding("rollout.strategy", "traffic", "strategy Manual needs traffic", hint)
    if not traffic:
        return
    if not manual:
        hint = "set `rollout.strategy: Manual`, or remove traffic"
        yield Finding("traffic", "traffic", f"traffic is given with strategy {rollout.strategy}", hint, at_key=True)
    total = sum(share.percent for share in traffic)
    if total != _ALL:
        yield Finding("traffic", "traffic-sum", f"the percents sum to {total}", "they must sum to 100", at_key=True)
    for index, share in enumerate(traffic):
        yield from _share(f"traffic[{index}]", share)


def _share(path: str, share: TrafficShare) -> Iterator[Finding]:
    if not _VERSION.fullmatch(share.version):
        hint = "write latest, stable, a model version, or a revision's name"
        yield Finding(f"{path}.version", "traffic-version", f"{shown(share.version)} is not a version", hint)
    if share.percent == 0 and share.tag is None:
        hint = "a version without traffic is only worth listing with a tag"
        yield Finding(f"{path}.percent", "traffic", "0 without a tag has no effect", hint)


def unique_shares(traffic: tuple[TrafficShare, ...]) -> Iterator[Finding]:
    """A tag names one version, and a version has one share."""
    tags = Counter[str]()
    versions = Counter[str]()
    for index, share in enumerate(traffic):
        if share.tag is not None and tags[share.tag]:
            yield Finding(f"traffic[{index}].tag", "traffic-tag", f"{shown(share.tag)} is the tag of two shares")
        if share.percent and versions[share.version]:
            summary = f"{shown(share.version)} has two shares"
            yield Finding(f"traffic[{index}].version", "traffic", summary, "add their percents up")
        tags[share.tag or ""] += 1
        versions[share.version] += bool(share.percent)
