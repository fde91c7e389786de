"""Retraining in standings: every event's decision, the ones not to train among them, and what was trained."""

from pydantic import Field

from schemas.kept.document import Count, Moment, Part
from schemas.kept.words import Text, Word

MOST_DECIDED = 50
MOST_RUNS = 20


class TrainingDecision(Part):
    """What was decided on one event."""

    key: Word = Field("", description="Of the event.")
    at: Moment = Field(description="When it was decided.")
    trigger: Word = Field("", description="Name of the trigger; `manual` for a person's wish.")
    action: Word = Field(description="What was done.", examples=["Start", "Skip", "NotStarted", "Promote", "Refuse"])
    why: Text = Field("", description="In words.")
    guard: Word = Field("", description="Guard that held it back; empty for none.")
    until: Moment | None = Field(None, description="When that guard lets go; null where only an event can tell.")
    run: Word = Field("", description="Training that it led to, as Google calls it; empty for none.")


class TrainingRun(Part):
    """One training."""

    key: Word = Field("", description="Of the event that caused it.")
    trigger: Word = Field("", description="Name of the trigger.")
    status: Word = Field(
        description="Where it is.", examples=["Claimed", "Started", "Succeeded", "Failed", "Cancelled"]
    )
    name: Word = Field("", description="What Google calls it; empty until it is started.")
    claimed: Moment | None = Field(None, description="When it was decided.")
    ended: Moment | None = Field(None, description="When it ended.")
    why: Text = Field("", description="Why it failed, or why its model was not taken.")
    rows: Count | None = Field(None, description="Rows that there were to train on; null where nobody counts.")
    version: Word = Field("", description="Version that its model became; empty until it is one.")
    better: bool | None = Field(None, description="Whether its model was found better; null until it was judged.")
    forced: Text = Field("", description="Guards that were overridden, and by whom.")


class Retraining(Part):
    """One service's retraining."""

    decisions: tuple[TrainingDecision, ...] = Field((), max_length=MOST_DECIDED, description="The newest first.")
    runs: tuple[TrainingRun, ...] = Field((), max_length=MOST_RUNS, description="The newest first.")
    circuit_until: Moment | None = Field(None, description="Until when failures in a row keep anything from starting.")
    frozen: Text = Field("", description="Why nothing starts until further notice; empty for no reason.")
    frozen_until: Moment | None = Field(None, description="When that ends by itself; null where it does not.")
    waits: Word = Field("", description="Version of a better model that does not serve yet; empty without one.")
    source: Word = Field("", description="Generation of the history's object that it was read from; empty for none.")
    looked: Moment | None = Field(None, description="When decisions were looked at; null for never.")
    problem: Text = Field("", description="What of it cannot be read, and why; empty for nothing.")
