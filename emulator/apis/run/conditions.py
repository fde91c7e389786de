"""Conditions: how Cloud Run says whether a resource works, and why not.

Source: `google.cloud.run.v2.Condition`; kinds.md 3.1; recordings run_service/v2-get-quoted and run_revision/v1-list.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from emulator.apis.run.messages import Condition
from emulator.core.resources import timestamp
from emulator.processes.model import Outcome

PENDING = Condition.CONDITION_PENDING
FAILED = Condition.CONDITION_FAILED
SUCCEEDED = Condition.CONDITION_SUCCEEDED
REASONS = ("reason", "revision_reason", "execution_reason")


def condition(kind: str, state: int, now: datetime, outcome: Outcome | None = None) -> Any:
    """Make a condition. The outcome's reason goes into the field whose enum knows it."""
    made = Condition(type_=kind, state=state, last_transition_time=timestamp(now))
    if outcome is not None and not outcome.ready:
        made.message = outcome.message
        field = next(
            f for f in REASONS if outcome.reason in Condition.DESCRIPTOR.fields_by_name[f].enum_type.values_by_name
        )
        number = Condition.DESCRIPTOR.fields_by_name[field].enum_type.values_by_name[outcome.reason].number
        setattr(made, field, number)
    return made


def ended(kind: str, now: datetime, outcome: Outcome) -> Any:
    """Make the condition of something that has ended well or badly."""
    return condition(kind, SUCCEEDED if outcome.ready else FAILED, now, outcome)


def put(conditions: Any, new: Iterable[Any]) -> None:
    """Set conditions by type; one whose state stays keeps its time."""
    for each in new:
        old = next((c for c in conditions if c.type_ == each.type_), None)
        if old is None:
            conditions.append(each)
        else:
            if old.state == each.state:
                each.last_transition_time.CopyFrom(old.last_transition_time)
            old.CopyFrom(each)
