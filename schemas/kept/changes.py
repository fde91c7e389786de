"""What was to be done with one object, as reports and history tell of it."""

from typing import Annotated, Any

from pydantic import AfterValidator, Field

from schemas.kept.document import Part, Seconds

_DEEPEST = 20


def _shallow(value: Any) -> Any:
    """Refuse what is nested deeper than any record is: programs that print it would fail on it."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [item for each in level for item in _within(each)]
    if level:
        raise ValueError(f"a value that is nested more than {_DEEPEST} levels deep")
    return value


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


Value = Annotated[Any, AfterValidator(_shallow)]


class FieldDifference(Part):
    """One field that was not as wanted."""

    path: str = Field(description="Path in the object's record.", examples=["env.LOG_LEVEL"])
    before: Value = Field(
        None, description="Value found; null when absent. What looks secret is hidden, what is long is cut."
    )
    after: Value = Field(None, description="Value wanted; null when it is to go.")


class ToldChange(Part):
    """One decided action on one object, and what became of it."""

    address: str = Field(description="Which object: kind, location, name.", examples=["run_service/us-east1/churn"])
    action: str = Field(description="What was to be done.", examples=["create", "update", "replace", "delete", "wait"])
    outcome: str = Field(
        description="`done`, `failed`, `skipped` for one that failed before it; `left` while differences are only told "
        "of, `blocked` by what the spec protects or a limit, `held` for a person.",
        examples=["done", "failed", "skipped", "left", "blocked", "held"],
    )
    reason: str = Field("", description="Why, for people.")
    fields: tuple[FieldDifference, ...] = Field((), description="Fields that differ; of a new object none.")
    seconds: Seconds = Field(0.0, description="How long it took.")
    error: str = Field("", description="Why it failed, or what it was skipped for.")


class Orphan(Part):
    """A service that was applied once and that no spec wants any more."""

    region: str = Field(description="Where it is.")
    name: str = Field(description="Its name.")
    since: str = Field("", description="Since when, ISO 8601.")
    state: str = Field("orphaned", description="`orphaned` while it stays, `pruned`, `failed`.")
    reason: str = Field("", description="Why it stays, went or failed.")
    goes: bool = Field(default=False, description="It stays for now, and a later pass lets it go.")
    changes: tuple[ToldChange, ...] = Field((), description="What was to be deleted, and how it ended.")
