"""One entry of a service's history: something was changed, or something new keeps it from being changed."""

from typing import Literal

from pydantic import Field

from schemas.kept.changes import ToldChange
from schemas.kept.document import Count, Kept, Moment, Part


class By(Part):
    """Who did it."""

    kind: Literal["operator", "ci", "person"] = Field(description="A pass of the job, a CI run, somebody's command.")
    name: str = Field("", description="Name of the operator, or user, machine and process.")
    account: str = Field("", description="Google account, as far as it is known without a call.")
    run: str = Field("", description="Names the run in locks and logs.")
    execution: str = Field("", description="Execution of the Cloud Run job.")
    address: str = Field("", description="Address of the CI run.")
    program: str = Field("", description="Version of mlservice.")


class Source(Part):
    """Where the specs came from."""

    bundle: str = Field("", description="SHA-256 of the published archive; empty where there was none.")
    commit: str = Field("", description="Empty where there is none.")
    author: str = Field("", description="Whose commit it is.")
    written: Moment | None = Field(None, description="The commit's time; null where that is not known.")
    run: str = Field("", description="Address of the CI run that published it.")
    uncommitted: bool = Field(default=False, description="There were changes that no commit has.")


class HistoryEntry(Kept):
    """What one run did to one service, or why it left it alone."""

    family = "mlservice/history"
    version = 1

    format: Literal["mlservice/history/v1"] = Field(description="Version of this document.")
    project: str = Field("", description="Project id.")
    service: str = Field(description="Name of the service; `operator_NAME` for the job that reconciles.")
    region: str = Field(description="Where it is.")
    environment: str = Field("", description="Environment of the specs; empty for none.")
    started: Moment = Field(description="When the run began.")
    ended: Moment = Field(description="When it ended.")
    outcome: str = Field(
        description="`changed`, `partly`, `failed`, `destroyed`; `ok` when what was in the way is gone; else why "
        "nothing was done.",
        examples=["changed", "partly", "failed", "destroyed", "ok", "blocked", "refused", "frozen", "reported"],
    )
    decision: str = Field("", description="What the plan came to.", examples=["2 changes: 1 create, 1 update"])
    reason: str = Field("", description="Why, for people.")
    problems: tuple[str, ...] = Field((), description="What is wrong, in sentences.")
    changes: tuple[ToldChange, ...] = Field((), description="What was to be done, and how it ended.")
    left_out: Count = Field(0, description="Further changes that are not in `changes`, to keep this small.")
    by: By = Field(description="Who did it, and with what.")
    source: Source = Field(default_factory=Source, description="Where the specs came from, as far as that is known.")
