"""`rollout` and `traffic`: how a new version goes out."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, LooseText, Milliseconds, Number, Seconds, Text, Whole


class Strategy(StrEnum):
    """How traffic moves to a new version."""

    ALL_AT_ONCE = "AllAtOnce"
    BLUE_GREEN = "BlueGreen"
    CANARY = "Canary"
    MANUAL = "Manual"


class OnInsufficientData(StrEnum):
    """What a step does when its gates have too few requests to judge by."""

    HOLD = "Hold"
    PROCEED = "Proceed"
    ROLLBACK = "Rollback"


class OnFailure(StrEnum):
    """What happens when a gate fails."""

    ROLLBACK = "Rollback"
    HOLD = "Hold"


class RolloutStep(Section):
    """One step of a canary."""

    traffic_percent: Whole = Field(ge=1, le=100, description="Percent of requests the new version gets.")
    hold_s: Seconds = Field(0, ge=0, le=30 * 86_400, description="Least time before the gates are judged.")
    approval: Flag = Field(default=False, description="Wait for a person's approval before the next step.")


class Gates(Section):
    """What the new version must show before it gets more traffic."""

    min_requests: Whole = Field(100, ge=1, description="Requests a step needs before it is judged.")
    on_insufficient_data: OnInsufficientData = Field(
        OnInsufficientData.HOLD, description="What to do while there are fewer."
    )
    error_rate: Number | None = Field(None, description="Greatest share of 5xx answers, a fraction: 0.01 is 1%.")
    latency_p95_ms: Milliseconds | None = Field(
        None, ge=1, le=3_600_000, description="Greatest latency of 95% of requests."
    )
    prediction_drift: Number | None = Field(
        None,
        description="Greatest distance between the predictions of the new and the stable version, in (0, 1).",
    )


class Rollout(Section):
    """How a new version goes out."""

    strategy: Strategy = Field(
        Strategy.ALL_AT_ONCE,
        description="`AllAtOnce`: once it is ready. `BlueGreen`: ready and gated without traffic, then all. "
        "`Canary`: in steps. `Manual`: the split stands in `traffic`.",
    )
    steps: tuple[RolloutStep, ...] = Field((), description="Steps of a canary, rising; 100% follows the last.")
    gates: Gates | None = Field(None, description="What each step must show; `Canary` and `BlueGreen` only.")
    on_failure: OnFailure = Field(OnFailure.ROLLBACK, description="What to do when a gate fails.")


class TrafficShare(Section):
    """The share of one version, with `strategy: Manual`."""

    version: LooseText = Field(
        description="`latest` (what this file describes), `stable` (what served before it), a model version, "
        "or a revision's name."
    )
    percent: Whole = Field(ge=0, le=100, description="Percent of requests; 0 only with a tag.")
    tag: Text | None = Field(
        None, description="Name of an address of its own for this version.", examples=["candidate"]
    )
