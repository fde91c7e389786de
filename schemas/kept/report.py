"""The report of one shard of one pass: what the job found and did, for each of its services."""

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from schemas.kept.changes import Orphan, ToldChange
from schemas.kept.document import MOST, Count, Data, Kept, Moment, Part, Seconds

STATES = (
    "ok",
    "changed",
    "reported",
    "frozen",
    "vulnerable",
    "needs a person",
    "held",
    "locked",
    "waiting",
    "blocked",
    "refused",
    "failed",
)
"""What may become of a service in a pass, the better ones first."""


class Shard(Part):
    """Which part of the services a report is about."""

    index: Count = Field(description="From 0.")
    count: int = Field(1, ge=1, le=MOST, description="How many there are.")


class Bundle(Part):
    """The published specs that a pass read."""

    digest: str = Field("", description="SHA-256 of the archive, in hexadecimal.")
    written: str = Field("", description="Time of the commit, ISO 8601.")
    published: str = Field("", description="When it was published, ISO 8601.")
    commit: str = Field("", description="Which commit; empty where there is none.")
    author: str = Field("", description="Whose commit it is.")
    run: str = Field("", description="Address of the CI run that published it.")


class Build(Part):
    """What ran: two passes of one build ask for the same with the same specs."""

    version: str = Field("", description="Version of mlservice, with its commit.")
    image: str = Field("", description="Image of the job, by digest where that is known.")


class Source(Part):
    """Where the specs came from."""

    kind: str = Field("", description="`bundle`, `git` or `folder`.")
    place: str = Field("", description="Its address, or the folder.")


class Canary(Part):
    """What a build held, since the one before it, with the same specs, would not have done it."""

    build: Build = Field(description="Which one held.")
    before: Build | None = Field(None, description="The one before; null where that is not known.")
    specs: str = Field("", description="Digest of the specs.")
    held: dict[str, str] = Field(default_factory=dict, description="Reason by address.")


class Calls(Part):
    """What became of the calls to one of Google's APIs."""

    api: str = Field("", description="Such as `run.googleapis.com`.")
    calls: Count = Field(0, description="How many were made, those that were made again included.")
    throttled: Count = Field(0, description="How many of them were refused for their rate (429).")
    waited_seconds: float = Field(
        0.0, ge=0, le=MOST, allow_inf_nan=False, description="How long threads waited before calls, all together."
    )


_AMOUNT = r"^-?[0-9]{1,16}\.[0-9]{2}$"


class ServiceCost(Part):
    """What a service costs a month by its spec, in US dollars, at list prices and before what is free."""

    floor: str = Field(max_length=20, pattern=_AMOUNT, description="With nobody calling.")
    expected: str = Field(max_length=20, pattern=_AMOUNT, description="With the use that is declared or assumed.")
    worst: str = Field(max_length=20, pattern=_AMOUNT, description="The most that the spec allows.")
    missing: tuple[Annotated[str, Field(max_length=200)], ...] = Field(
        (), max_length=50, description="What has no known price: it costs at least what is said."
    )


class ServiceReport(Part):
    """What became of one service, or of the operator itself (`operator_NAME`)."""

    region: str = Field("", description="Where it is.")
    state: str = Field("ok", description="The worst of what happened.", examples=list(STATES))
    problems: tuple[str, ...] = Field((), description="What is wrong, in sentences.")
    changes: tuple[ToldChange, ...] = Field((), description="What was to be done, and how it ended.")
    cost: ServiceCost | None = Field(None, description="What it costs; none where it could not be planned.")


def _second(data: Data) -> Data:
    """Make a report of version 1 one of version 2: fields were named without what they were and are to be."""

    def change(told: Data) -> Data:
        return told | {"fields": [{"path": path} for path in told["fields"]]}

    def service(told: Data) -> Data:
        return told | {"changes": [change(each) for each in told["changes"]]}

    return data | {"services": {name: service(told) for name, told in data["services"].items()}}


class PassReport(Kept):
    """What one shard did in one pass."""

    family = "mlservice/report"
    version = 2
    older: ClassVar[Mapping[int, Callable[[Data], Data]]] = {1: _second}

    format: Literal["mlservice/report/v2"] = Field(description="Version of this document.")
    operator: str = Field("", description="Name of the operator.")
    project: str = Field("", description="Project id.")
    program: str = Field("", description="Version of mlservice that wrote it.")
    execution: str = Field("", description="Execution of the Cloud Run job.")
    run: str = Field("", description="Names the run in locks, logs and history.")
    shard: Shard = Field(description="Which part of the services it is about.")
    started: Moment = Field(description="When it began.")
    ended: Moment = Field(description="When it ended.")
    seconds: Seconds = Field(0.0, description="How long it took.")
    drift: str = Field("Correct", description="`Correct`: what differs was changed. `Report`: told of.")
    dry_run: bool = Field(default=False, description="Nothing was to be changed, whatever was found.")
    build: Build | None = Field(None, description="What ran; null where it was not yet told.")
    specs: str = Field("", description="Digest of the specs.")
    source: Source | None = Field(None, description="Where the specs came from; null where it was not yet told.")
    canary: Canary | None = Field(None, description="What is held for a person; null for nothing.")
    bundle: Bundle | None = Field(
        None,
        description="The specs it read, published or cloned; null for those of its image. Where none could be "
        "read, those that were applied last.",
    )
    problems: tuple[str, ...] = Field((), description="What is wrong with the pass as a whole, in sentences.")
    warnings: tuple[str, ...] = Field((), description="What did not work and stopped nothing, in sentences.")
    services: dict[str, ServiceReport] = Field(default_factory=dict, description="By name.")
    orphaned: tuple[Orphan, ...] = Field((), description="Services that no spec wants any more.")
    calls: tuple[Calls, ...] = Field((), description="By API.")
    changed: Count = Field(0, description="Changes that were carried out.")
    exit_code: int = Field(0, ge=0, le=255, description="0 done, 1 failed, 3 blocked, 4 partly applied.")
