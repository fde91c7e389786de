"""`notifications`: who hears of what."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Text


class Event(StrEnum):
    """What can be heard of."""

    ROLLOUT_FAILED = "RolloutFailed"
    ROLLOUT_FINISHED = "RolloutFinished"
    APPROVAL_NEEDED = "ApprovalNeeded"
    DRIFT_DETECTED = "DriftDetected"
    SLO_BREACHED = "SloBreached"
    SERVICE_DOWN = "ServiceDown"
    RETRAINING_FAILED = "RetrainingFailed"
    RETRAINING_FINISHED = "RetrainingFinished"
    BUDGET_EXCEEDED = "BudgetExceeded"
    CONFIG_DRIFT_DETECTED = "ConfigDriftDetected"


class Receiver(Section):
    """Exactly one of `email`, `pubsub`, `webhook`."""

    email: Text | None = Field(None, description="E-mail address.", examples=["ml@acme.example"])
    pubsub: Text | None = Field(None, description="Pub/Sub topic.")
    webhook: Text | None = Field(None, description="Where events are posted: `https://…`.")


class Notification(Receiver):
    """One receiver: exactly one of `email`, `pubsub`, `webhook`."""

    events: tuple[Event, ...] = Field(
        (Event.ROLLOUT_FAILED, Event.DRIFT_DETECTED, Event.SLO_BREACHED, Event.SERVICE_DOWN, Event.BUDGET_EXCEEDED),
        description="What this receiver hears of.",
        min_length=1,
    )
