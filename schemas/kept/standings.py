"""What a pass knew of each service of its shard: why traffic stays, what monitors say, what it costs.

A report says what a pass did; this is what people look at. Nothing is decided by it: who may write it can mislead a
reader, and no pass.
"""

from typing import Annotated, Literal

from pydantic import Field

from schemas.kept.changes import ToldChange
from schemas.kept.document import Count, Kept, Moment, Part
from schemas.kept.measured import Monitoring
from schemas.kept.moving import MOST_DECISIONS, Decision, RolloutStanding
from schemas.kept.report import Shard
from schemas.kept.training import Retraining
from schemas.kept.words import Amount, Number, Percent, Share, Text, Word

MOST_SERVICES = 5000
MOST_VERSIONS = 30
MOST_PENDING = 50
_MOST_NEEDS, _MOST_LABELS, _MOST_STEPS, _MOST_MISSING, _MOST_CONDITIONS = 30, 64, 30, 50, 30


class Version(Part):
    """One revision of a service."""

    revision: Word = Field(description="Its name.")
    version: Word = Field("", description="Hash of the version that it runs, as rollouts name it; empty for none.")
    image: Word = Field("", description="Image of the container that takes requests.")
    model: Word = Field("", description="Version of its model; empty for none.")
    percent: Percent = Field(0, description="Of requests.")
    tag: Word = Field("", description="Name of an address of its own; empty for none.")
    created: Moment | None = Field(None, description="When it was made.")
    state: Word = Field("", description="`serving`, `ready`, `starting` or `failed`.")
    problem: Text = Field("", description="Why it failed, in Google's words.")
    rejected: Text = Field("", description="Why it gets no traffic again; empty where it may.")


class Slo(Part):
    """What the spec promises."""

    availability: Share | None = Field(None, description="Share of requests that are answered well.")
    latency_ms: Number | None = Field(None, description="Milliseconds that an answer may take.")
    latency_share: Share | None = Field(None, description="Share of answers that are at least as fast.")


class Signals(Part):
    """How it answered of late, all its versions together."""

    requests: Count = Field(0, description="Requests in that time.")
    errors: Count = Field(0, description="Of them, answered with a 5xx code.")
    p50_ms: Number | None = Field(
        None, description="Milliseconds within which half of the answers were; null for none."
    )
    p95_ms: Number | None = Field(None, description="Within which 95 of 100 were, as the bound of a bucket.")
    of: Count = Field(0, description="Seconds that these were counted in.")
    until: Moment | None = Field(None, description="When that time ended.")
    slo: Slo | None = Field(None, description="What was promised; null for nothing.")
    problem: Text = Field("", description="Why nothing is known; empty where it is.")


class StandingCost(Part):
    """What it costs a month by its spec, in US dollars, at list prices and before what is free."""

    floor: Amount = Field(description="With nobody calling.")
    expected: Amount = Field(description="With the use that is declared or assumed.")
    worst: Amount = Field(description="The most that the spec allows.")
    per1000: Amount | None = Field(None, description="A thousand predictions, by what is expected; null without any.")
    missing: tuple[Word, ...] = Field((), max_length=_MOST_MISSING, description="What has no known price.")


class BudgetStep(Part):
    """One step of its budget."""

    step: Word = Field(description="Which, in words.", examples=["CapInstances (1) at 120 %"])
    at: Amount | None = Field(None, description="Share of the limit: `0.8`.")
    do: Word = Field("", description="What it does.")
    state: Word = Field(description="`taken`, `lifted` or `not taken`.")
    why: Text = Field("", description="In words.")
    since: Moment | None = Field(None, description="Since when.")
    until: Moment | None = Field(None, description="Until when.")


class BudgetStanding(Part):
    """How its budget stands this month."""

    limit: Amount | None = Field(None, description="The budget.")
    spent: Amount | None = Field(
        None, description="Of it, by the bill or our own estimate: the higher; null if unknown."
    )
    forecast: Amount | None = Field(None, description="At the end of the month, if it goes on so; null if unknown.")
    currency: Word = Field("", description="ISO 4217 code.")
    source: Word = Field("", description="Who says what was spent: `bill` or `own`.")
    at: Moment | None = Field(None, description="When that was said.")
    ends: Moment | None = Field(None, description="When the month ends.")
    steps: tuple[BudgetStep, ...] = Field((), max_length=_MOST_STEPS, description="In the order of the spec.")


class Need(Part):
    """One thing that a person has to see to."""

    kind: Word = Field(
        description="What sort of thing it is. Of what the pass found it is the state that reports have.",
        examples=[
            "approval",
            "paused",
            "pinned",
            "rolled back",
            "no data",
            "stuck",
            "order refused",
            "open",
            "not working",
            "trainings",
            "drift",
            "budget",
            "failed",
            "blocked",
            "reported",
        ],
    )
    why: Text = Field(description="In words, with the command that helps where there is one.")


class ServiceStanding(Part):
    """What is known of one service."""

    name: Word = Field(description="Its name.")
    region: Word = Field(description="Where it is.")
    project: Word = Field("", description="Project id.")
    environment: Word = Field("", description="Environment of its spec; empty for none.")
    owner: Word = Field("", description="Whose it is, as its spec says.")
    labels: dict[Word, Word] = Field(default_factory=dict, max_length=_MOST_LABELS, description="Labels of its spec.")
    commit: Word = Field("", description="Commit of its spec; empty where there is none.")
    url: Word = Field("", description="Its address; empty where there is none.")
    protocol: Word = Field(
        "", description="How it is asked: `json`, `v2` or `vertex`; empty for an image of somebody's."
    )
    asked: Word = Field("", description="Version that was asked for last.")
    serving: Word = Field("", description="Versions that serve, with their shares where there are several.")
    state: Word = Field("", description="What became of it in the pass, as reports say it; empty where there was none.")
    needs_you: tuple[Text, ...] = Field((), max_length=_MOST_NEEDS, description="What a person has to see to.")
    needs: tuple[Need, ...] = Field((), max_length=_MOST_NEEDS, description="The same, each with its sort.")
    problem: Text = Field("", description="Why it does not work; empty where it does.")
    conditions: tuple[Text, ...] = Field((), max_length=_MOST_CONDITIONS, description="What Cloud Run says of it.")
    checked: Moment | None = Field(None, description="When it was looked at.")
    changed: Moment | None = Field(None, description="When it was changed last; null where that is not known.")
    versions: tuple[Version, ...] = Field((), max_length=MOST_VERSIONS, description="Its revisions, the newest first.")
    rollout: RolloutStanding | None = Field(None, description="Null where versions go out in one write, or none is on.")
    trail: tuple[Decision, ...] = Field(
        (), max_length=MOST_DECISIONS, description="Decisions about its rollout, the newest last."
    )
    monitoring: Monitoring | None = Field(None, description="Null where nothing of it is compared.")
    retraining: Retraining | None = Field(None, description="Null where it is not trained again.")
    signals: Signals | None = Field(None, description="Null where nobody looked.")
    cost: StandingCost | None = Field(None, description="Null where it could not be planned.")
    budget: BudgetStanding | None = Field(None, description="Null where it has none.")
    pending: tuple[ToldChange, ...] = Field(
        (), max_length=MOST_PENDING, description="Changes that were not made, with what differs."
    )
    left_out: Count = Field(0, description="Older decisions and windows that are not here, to keep this small.")


class Standings(Kept):
    """What one shard knew of its services when its last pass ended."""

    family = "mlservice/standings"
    version = 1

    format: Literal["mlservice/standings/v1"] = Field(description="Version of this document.")
    operator: Word = Field("", description="Name of the operator; empty where a person looked.")
    project: Word = Field("", description="Project id.")
    program: Word = Field("", description="Version of mlservice that wrote it.")
    run: Word = Field("", description="Names the run, as in its report.")
    shard: Shard = Field(description="Which part of the services it is about.")
    at: Moment = Field(description="When it was written.")
    next: Annotated[tuple[Moment, ...], Field(max_length=2)] = Field(
        (), description="When the next passes are due, as many as two; after the second nothing here is fresh."
    )
    warnings: tuple[Text, ...] = Field((), max_length=100, description="What could not be looked at, in sentences.")
    services: tuple[ServiceStanding, ...] = Field((), max_length=MOST_SERVICES, description="By region and name.")
