"""What we manage of an alert policy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from reconciler.core.objects import Desired, Observed
from reconciler.core.reference import Ref

NAME = "monitoring_alert_policy"
"""Name of the kind, as in addresses."""
WHICH_LABEL = "mlservice-alert"
"""Label that says which of a document's policies it is."""
REGION_LABEL, BREACH_LABEL = "mlservice-region", "mlservice-breach"
"""Labels that say of a service's policy where the service is, and what was found (`runtime/retraining/breaches.py`)."""


@dataclass(frozen=True, slots=True)
class Step:
    """How series are aligned and reduced.

    Args:
        period_s: Length of a window, 60 or more.
        aligner: Without `ALIGN_`, such as `MAX`.
        reducer: Without `REDUCE_`; empty: series stay apart.
        groups: Labels by which series are told apart.
    """

    period_s: int
    aligner: str
    reducer: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """When people are to be told.

    Args:
        name: For people; unique in its policy, by which its incidents survive a change.
        filter: Which series; a reference where only Google can tell what they are of.
        comparison: `GT` or `LT`; empty for an absence.
        threshold: In the metric's unit; 0 for an absence.
        duration_s: How long it must hold, or there must be no points: whole minutes.
        missing: What no points mean for a threshold: `INACTIVE`, `ACTIVE`, `NO_OP`; empty for Google's default.
        steps: Aligning and reducing, in order.
    """

    name: str
    filter: str | Ref
    comparison: str
    threshold: float
    duration_s: int
    missing: str = ""
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class AlertPolicy:
    """The fields we manage.

    Args:
        display_name: For people.
        enabled: Whether it is looked at.
        severity: `CRITICAL`, `ERROR`, `WARNING`; empty for none.
        documentation: Markdown, sent with what is told.
        combiner: `OR`, `AND`, `AND_WITH_MATCHING_RESOURCE`.
        conditions: 1 to 6.
        channels: Names of the channels that are told.
        auto_close_s: How long an incident stays open without points; 0 for Google's default.
        labels: Its `userLabels`: ours; others may add theirs.
        by_hand: What it holds beside these: see `core.by_hand`.
    """

    display_name: str
    enabled: bool
    severity: str
    documentation: str
    combiner: str
    conditions: tuple[Condition, ...]
    channels: tuple[str | Ref, ...]
    auto_close_s: int
    labels: Mapping[str, str]
    by_hand: Mapping[str, str] = field(default_factory=dict)


def refine(want: Desired[AlertPolicy], seen: Observed[AlertPolicy] | None) -> AlertPolicy:
    """Name the channels in the order that is there: it means nothing, and their names are not known beforehand."""
    known = all(isinstance(each, str) for each in want.fields.channels)
    if seen and known and set(want.fields.channels) == set(seen.fields.channels):
        return replace(want.fields, channels=seen.fields.channels)
    return want.fields
