"""`budget`: what this may cost in a month, and what happens when it does."""

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.sections.resources import MOST_INSTANCES
from schemas.values import Money, Number, Text, Whole
from schemas.written import unwrapped


class BudgetActionKind(StrEnum):
    """What is done at a threshold: to the service, never to the billing of the project."""

    NOTIFY = "Notify"
    FREEZE_RETRAINING = "FreezeRetraining"
    SCALE_TO_ZERO = "ScaleToZero"
    CAP_INSTANCES = "CapInstances"
    STOP_JOBS = "StopJobs"


class BudgetAction(Section):
    """One step of the ladder: what is done when spending reaches a share of the budget, until the month ends."""

    at: Number = Field(description="Share of the amount: 1.0 is all of it. Steps are in ascending order.")
    do: BudgetActionKind = Field(
        description="`Notify` says so in reports and `status`; `FreezeRetraining` starts no training; `ScaleToZero` "
        "keeps no instance warm; `CapInstances` lets the whole service have `maxInstances` at most; `StopJobs` "
        "cancels the trainings that run, once."
    )
    max_instances: Whole | None = Field(
        None,
        ge=1,
        le=MOST_INSTANCES,
        description="The cap, with `CapInstances`: of all revisions together.",
        examples=[1],
    )


class Budget(Section):
    """A monthly budget. Shorthand: `budget: 900`."""

    amount: Money = Field(ge=0, le=1_000_000_000, description="Amount per calendar month.", examples=[900])
    currency: Text | None = Field(
        None,
        description="ISO 4217 code; must be the billing account's, which is the default; needed with `actions`.",
        examples=["EUR"],
    )
    per_usd: Number | None = Field(
        None,
        ge=0.01,
        le=1_000_000,
        description="What a US dollar is in the currency of the budget. List prices are in dollars: `planLimit` is "
        "divided by it to be compared with them.",
        examples=[0.92],
    )
    plan_limit: Money | None = Field(
        None,
        ge=0,
        description="A plan whose worst case per month, at list prices and before what is free, is above this, or "
        "has no known price, is blocked, unless it raises nothing. In `currency`; without that and `perUsd` in US "
        "dollars, whatever the billing account's currency is.",
    )
    alerts: tuple[Number, ...] = Field(
        (0.5, 0.8, 1.0), description="Shares of the amount at which a notification goes out."
    )
    label: Text | None = Field(
        None,
        description="Key of a label: only what carries it with the service's value counts. One of `metadata.labels`, "
        "or `mlservice-service`, which everything of a service has that can have labels. Left out: all that the "
        "project costs.",
        examples=["mlservice-service"],
    )
    export: Text | None = Field(
        None,
        description="Table that Cloud Billing exports the bill to, `dataset.table` or `project.dataset.table`: what "
        "was billed is shown beside the estimate. Its name begins with `gcp_billing_export_`; whoever administers "
        "the billing account switches it on.",
        examples=["acme-billing.billing.gcp_billing_export_v1_0A1B2C_3D4E5F_6A7B8C"],
    )
    actions: tuple[BudgetAction, ...] = Field(
        (),
        description="What the operator does at which share of the amount, step by step. All of it ends with the month, "
        "with a larger amount, or with `mlservice budget lift`.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_amount(cls, value: Any) -> Any:
        plain = unwrapped(value)
        return {"amount": value} if isinstance(plain, (int, float)) and not isinstance(plain, bool) else value
