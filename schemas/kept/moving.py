"""A rollout in standings: where it is, what gates say, and every decision about it."""

from pydantic import Field

from schemas.kept.document import Count, Moment, Part
from schemas.kept.words import Number, Percent, Text, Word

MOST_DECISIONS = 200
"""Decisions about one rollout that are kept: of older ones that only waited, the last of each row."""
MOST_GATES = 12
_MOST_CHECKS, _MOST_REJECTED, _MOST_STEPS = 12, 20, 50


class Gate(Part):
    """What one gate says."""

    gate: Word = Field(description="Its name.", examples=["errors", "latency", "predictions", "share"])
    verdict: Word = Field(description="What it says.", examples=["Pass", "Fail", "NotEnoughData", "MetricsMissing"])
    why: Text = Field("", description="In words.")
    samples: Count = Field(0, description="Requests of the candidate, or its clients, so far.")
    needed: Count = Field(0, description="That the next step needs; 0 for none.")
    candidate: Number | None = Field(None, description="The candidate's value: a rate or share 0 to 1, or bits.")
    stable: Number | None = Field(None, description="The stable version's; null where there is none to compare with.")
    limit: Number | None = Field(None, description="What it may be.")
    evidence: Number = Field(0.0, description="Natural logarithm of the odds against the candidate.")
    border: Number | None = Field(None, description="Evidence from which on it is proof; null where that is not known.")


class Check(Part):
    """What came of something that a version is asked before any traffic."""

    check: Word = Field(description="Its name.", examples=["smoke", "replay"])
    verdict: Word = Field(description="`Pass`, `Fail` or `Waiting`.")
    why: Text = Field("", description="In words.")


class Rejected(Part):
    """A version that gets no traffic again without a word of a person."""

    version: Word = Field(description="Its hash.")
    why: Text = Field("", description="In words.")
    at: Moment | None = Field(None, description="When.")


class RolloutStanding(Part):
    """Where a rollout is, as the last pass saw it."""

    phase: Word = Field(
        description="Where it is.",
        examples=["Steady", "Starting", "Preview", "Step", "Bake", "RolledBack", "Pinned", "Failed"],
    )
    strategy: Word = Field("", description="How versions go out.", examples=["Canary", "BlueGreen"])
    step: Count = Field(0, description="Of the step that is on; 0 before the first.")
    of: Count = Field(0, description="How many steps there are, the last with all traffic.")
    steps: tuple[Percent, ...] = Field((), max_length=_MOST_STEPS, description="Percent of each step.")
    percent: Percent = Field(0, description="Of requests, the candidate's.")
    version: Word = Field("", description="Hash of the version that it is about: what orders name.")
    candidate: Word = Field("", description="Its revision; empty for none.")
    stable: Word = Field("", description="Revision that has what the candidate has not; empty for none.")
    started: Moment | None = Field(None, description="When it began.")
    since: Moment | None = Field(None, description="When traffic was moved last.")
    wait: Word = Field(
        "",
        description="Why traffic stays; empty for nothing.",
        examples=["Hold", "NotEnoughData", "Approval", "Frozen"],
    )
    overdue: bool = Field(
        default=False, description="What it waits for did not come until its deadline: a person is asked."
    )
    why: Text = Field("", description="The same in words, or what was done.")
    refused: Text = Field("", description="Why a person's order is not carried out; empty where it is.")
    order: Text = Field("", description="A person's order that waits, in words; empty for none.")
    forecast: Moment | None = Field(None, description="When this step ends at the present rate, as far as known.")
    ends: Moment | None = Field(None, description="When everything is moved at the present rate, as far as known.")
    gates: tuple[Gate, ...] = Field((), max_length=MOST_GATES, description="What each gate says.")
    checks: tuple[Check, ...] = Field((), max_length=_MOST_CHECKS, description="What came of checks before traffic.")
    rejected: tuple[Rejected, ...] = Field((), max_length=_MOST_REJECTED, description="Versions that are rejected.")


class Decision(Part):
    """One decision of a pass about a rollout, also one not to act; several that follow each other and are equal."""

    since: Moment = Field(description="When it was made first.")
    until: Moment = Field(description="When it was made last.")
    count: int = Field(1, ge=1, description="How often in a row.")
    phase: Word = Field(description="Where the rollout is afterwards.")
    step: Count = Field(0, description="Of the step that is on afterwards.")
    percent: Percent = Field(0, description="Of requests, the candidate's, afterwards.")
    version: Word = Field("", description="Hash of the version that it is about.")
    action: Word = Field(
        "",
        description="What was done; empty where traffic stays.",
        examples=["started", "step 1", "finished", "rolled back", "paused", "resumed", "aborted by hand", "split"],
    )
    wait: Word = Field(
        "",
        description="Why traffic stays; empty where it moves, and where there is nothing to wait for. Besides those "
        "of `rollout.wait`: `NotCarriedOut`, for a move that was decided, and that the pass could or should not make.",
    )
    why: Text = Field("", description="In words.")
    gates: tuple[Gate, ...] = Field((), max_length=MOST_GATES, description="What each gate said, the last time.")
