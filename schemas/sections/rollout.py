"""`rollout` and `traffic`: how a new version goes out."""

from enum import StrEnum
from typing import ClassVar

from pydantic import Field

from schemas.section import Section
from schemas.values import INT32_MOST, Flag, LooseText, Milliseconds, Number, PlainData, Seconds, Text, Whole

MONTH_S = 30 * 86_400


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


class OnMetricsMissing(StrEnum):
    """What happens when what gates judge by is not to be had."""

    HOLD = "Hold"
    ROLLBACK = "Rollback"


class WhenStableFails(StrEnum):
    """What happens while the stable version is beyond the limit itself."""

    HOLD = "Hold"
    PROCEED = "Proceed"


class GateMode(StrEnum):
    """Whether gates act, or only tell."""

    ENFORCE = "Enforce"
    REPORT = "Report"


class Supersede(StrEnum):
    """What becomes of a rollout on its way when there is a newer version."""

    NEWEST = "Newest"
    FINISH = "Finish"


class FreezeWindow(Section):
    """When no version gets more traffic: each week `from` and `to`, or `dates`."""

    begins: Text | None = Field(None, alias="from", description="Day and time, `Fri 16:00`.", examples=["Fri 16:00"])
    ends: Text | None = Field(None, alias="to", description="The first minute after it.", examples=["Mon 08:00"])
    dates: Text | None = Field(
        None, description="Some days, the last of them with it.", examples=["2026-12-20/2027-01-04"]
    )


class RolloutStep(Section):
    """One step of a canary."""

    traffic_percent: Whole = Field(ge=1, le=100, description="Percent of requests the new version gets.")
    hold_s: Seconds = Field(0, ge=0, le=30 * 86_400, description="Least time before the gates are judged.")
    approval: Flag = Field(default=False, description="Wait for a person's approval before the next step.")


class Gates(Section):
    """What the new version must show before it gets more traffic."""

    min_requests: Whole | None = Field(
        None,
        ge=1,
        le=INT32_MOST,
        description="Requests of the new version before it gets everything; a smaller share needs fewer. Left out: 7.5 "
        "through the limit, 750 for 1 %.",
    )
    on_insufficient_data: OnInsufficientData = Field(
        OnInsufficientData.HOLD, description="What to do while there are fewer."
    )
    error_rate: Number | None = Field(None, description="Greatest share of 5xx answers, a fraction: 0.01 is 1%.")
    latency_p95_ms: Milliseconds | None = Field(
        None, ge=1, le=3_600_000, description="Greatest latency of 95% of requests."
    )
    prediction_drift: Number | None = Field(
        None,
        description="Greatest Jensen-Shannon divergence between the predictions of the new and the stable version, in "
        "bits, in (0, 1): half a logit of a probability is 0.03, a whole one 0.12.",
    )
    on_metrics_missing: OnMetricsMissing = Field(
        OnMetricsMissing.HOLD,
        description="What to do when metrics can still not be read at the deadline.",
    )
    when_stable_fails: WhenStableFails = Field(
        WhenStableFails.HOLD, description="What to do while the stable version is beyond a limit, too."
    )
    mode: GateMode = Field(GateMode.ENFORCE, description="`Report`: gates tell, and do not act.")


class SmokeRequest(Section):
    """One request, and what its answer must be."""

    null_is_said: ClassVar[frozenset[str]] = frozenset({"equals"})

    path: Text = Field(description="Path, with its query.", examples=["/predict"])
    body: PlainData = Field(
        default_factory=dict,
        description="JSON that is sent, by POST. Left out, it is a GET.",
        examples=[{"instances": [{"tenure_months": 3}]}],
    )
    status: Whole = Field(200, ge=200, le=599, description="HTTP status of the answer.")
    answer: Text | None = Field(
        None,
        description="Path of a value that the answer's JSON must have, other than null.",
        examples=["predictions[0]"],
    )
    equals: LooseText | None = Field(
        None, description="What that value is; never null, as a value that is null passes for none."
    )
    min: Number | None = Field(None, description="The least that it is.")
    max: Number | None = Field(None, description="The most that it is.")
    max_latency_ms: Milliseconds | None = Field(
        None, ge=1, le=3_600_000, description="Longest that the answer takes, once the version is warm."
    )


class Smoke(Section):
    """Requests to a new version at its own address, before it has any traffic."""

    requests: tuple[SmokeRequest, ...] = Field(
        (),
        max_length=20,
        description="In order. Left out: one row that fits `model.features`, with the bundled server.",
    )
    within_s: Seconds = Field(
        600, ge=0, le=86_400, description="How long it may be out of reach, once it had its time to start."
    )


class Replay(Section):
    """Requests that the stable version answered and logged, asked of a new version before it has any traffic."""

    rows: Whole = Field(200, ge=20, le=2000, description="How many rows of the prediction log.")
    age_s: Seconds = Field(7 * 86_400, ge=3600, le=90 * 86_400, description="How old they may be.")
    tolerance: Number = Field(0.0, ge=0, description="Greatest difference of two numbers that count as the same.")
    agreement: Number | None = Field(
        None, description="Least share of rows that are answered the same, in (0, 1].", examples=[0.98]
    )
    divergence: Number | None = Field(
        None,
        description="Greatest Jensen-Shannon divergence of the answers in bits, in (0, 1). Left out beside no "
        "`agreement`, 0.1.",
        examples=[0.1],
    )
    per_second: Whole = Field(20, ge=1, le=200, description="Most rows in a second.")
    within_s: Seconds = Field(
        600, ge=0, le=86_400, description="How long it may be out of reach, once it had its time to start."
    )


class RolloutShadow(Section):
    """Copies of what the stable version is asked, for a new version before it has any traffic."""

    percent: Whole = Field(
        10, ge=1, le=100, description="Percent of requests that are copied, at most 20 in a second of each instance."
    )
    lasts_s: Seconds = Field(
        1800,
        alias="for",
        ge=60,
        le=MONTH_S,
        description="Least time before the gates are judged; what they need more is waited for.",
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
    smoke: Smoke | None = Field(None, description="What it is asked before any traffic; `{}` for a row of its schema.")
    replay: Replay | None = Field(None, description="What of the prediction log it is asked before any traffic.")
    shadow: RolloutShadow | None = Field(
        None, description="Copies of live requests, by which `gates` judge it before any traffic; bundled server only."
    )
    on_failure: OnFailure = Field(OnFailure.ROLLBACK, description="What to do when a gate fails.")
    deadline_s: Seconds = Field(
        7 * 86_400, ge=60, le=MONTH_S, description="How long a rollout may wait for requests, from its start."
    )
    bake_s: Seconds = Field(0, ge=0, le=MONTH_S, description="How long gates look on after all was moved.")
    keep_stable_s: Seconds = Field(
        0, ge=0, le=MONTH_S, description="How long the version before keeps its address after that."
    )
    keep_percent: Whole = Field(
        0, ge=0, le=10, description="Percent of requests that it keeps meanwhile, to compare with."
    )
    approval: Flag = Field(default=False, description="`BlueGreen`: wait for a person before any traffic.")
    supersede: Supersede = Field(
        Supersede.NEWEST, description="What becomes of a rollout when there is a newer version."
    )
    freeze: tuple[FreezeWindow, ...] = Field((), max_length=50, description="When no version gets more traffic.")
    time_zone: Text = Field("Etc/UTC", description="Time zone of `freeze`.", examples=["Europe/Paris"])


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
