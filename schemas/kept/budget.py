"""What is known of a service's spending this month, and which steps of its budget hold: kept beside its inventory."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field, PlainSerializer, WithJsonSchema

from schemas.kept.document import Kept, Moment, Part

MOST_READINGS = 40
"""Readings that are kept of each source: the newest and the highest, and two that confirm the most."""

Sum = Annotated[
    Decimal,
    Field(allow_inf_nan=False, max_digits=40),
    PlainSerializer(lambda amount: f"{amount:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}),
]
"""An amount of money, exact: as text, without an exponent."""


class Step(Part):
    """One step of the ladder, as the spec had it."""

    at: Sum = Field(description="Share of the amount.")
    do: str = Field(description="What is done.", examples=["FreezeRetraining", "CapInstances"])
    max_instances: int | None = Field(None, ge=1, description="The cap, with `CapInstances`.")


class Reading(Part):
    """What one source said was spent since the month began."""

    source: Literal["bill", "own"] = Field(description="A notice of the billing budget, or our own estimate.")
    at: Moment = Field(description="When it was said.")
    cost: Sum = Field(description="How much.")
    id: str = Field("", description="Of the notice; empty for an estimate.")


class Taken(Part):
    """A step that is taken."""

    step: Step = Field(description="Which.")
    since: Moment = Field(description="When it was taken.")
    until: Moment = Field(description="When it ends, whatever happens: the month does.")
    cost: Sum = Field(description="What was spent then, as far as it was confirmed.")
    amount: Sum = Field(description="The budget then.")
    source: Literal["bill", "own"] = Field(description="Who said so.")


class Lift(Part):
    """A person's word that a step is not to be taken for a while."""

    step: Step | None = Field(None, description="Which; null for every one.")
    until: Moment = Field(description="Until when.")
    by: str = Field("", description="Who said it.")
    at: Moment = Field(description="When.")


class BudgetBook(Kept):
    """A service's budget in one month."""

    family = "mlservice/budget"
    version = 1

    format: Literal["mlservice/budget/v1"] = Field(description="Version of this document.")
    service: str = Field(description="Name of the service.")
    region: str = Field(description="Where it is.")
    period: Moment = Field(description="When the month began that this is about, by Google's billing clock.")
    currency: str = Field("", description="ISO 4217 code of every amount here; empty while nobody said.")
    amount: Sum | None = Field(None, description="The budget, as a pass last saw it.")
    steps: tuple[Step, ...] = Field((), description="Its steps, as a pass last saw them.")
    readings: tuple[Reading, ...] = Field((), description="What was spent, by source and time.")
    taken: tuple[Taken, ...] = Field((), description="Steps that hold.")
    lifts: tuple[Lift, ...] = Field((), description="Steps that a person holds off.")
    looked: str = Field("", description="When a pass last decided; empty before the first.")
    said: tuple[str, ...] = Field((), description="Why no more was done then, in sentences.")
