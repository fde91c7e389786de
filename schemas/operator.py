"""`Operator`: the job that reconciles a project by itself, as the user wrote it."""

from enum import StrEnum
from typing import Any, Literal

from pydantic import Field

from schemas.section import Section
from schemas.sections.access import AUTO
from schemas.sections.ci import ContinuousIntegration
from schemas.sections.environment import SecretRef
from schemas.sections.management import Management
from schemas.sections.notifications import Receiver
from schemas.sections.page import Page
from schemas.service import API_VERSION
from schemas.values import Flag, LooseText, Mebibytes, MilliCpu, Seconds, Text, Whole

KIND: Literal["Operator"] = "Operator"
MOST_SHARDS = 100


class OnDrift(StrEnum):
    """What a pass does about what differs."""

    CORRECT = "Correct"
    REPORT = "Report"


class OperatorMetadata(Section):
    """What the operator is called."""

    name: Text = Field(
        description="First part of the names of its job, its schedule and its accounts.",
        examples=["mlservice"],
        json_schema_extra={"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 40},
    )
    labels: dict[str, LooseText] = Field(default_factory=dict, description="Labels on its job.")


class SpecsInImage(Section):
    """Specs that lie in the image."""

    folder: Text = Field(description="Absolute path in the image.", examples=["/specs"])


class SpecsInGit(Section):
    """Specs that are cloned at each pass."""

    repository: Text = Field(description="Address to clone: `https://…`.", examples=["https://github.com/acme/ml"])
    branch: Text = Field("main", description="Branch.")
    folder: Text = Field(".", description="Folder in it.")
    token: SecretRef | None = Field(
        None,
        description="Secret that has what to read it with: a token, or `user:token`. Left out: anybody may read it.",
    )


class SpecsSource(Section):
    """Where a pass takes its specs from: exactly one of `bundle`, `image`, `git`; left out, a bundle."""

    bundle: Text | None = Field(
        None,
        description="Where `mlservice publish` puts them. Left out: `gs://PROJECT-mlservice/specs/NAME`.",
        examples=["gs://acme-mlservice/specs/prod"],
    )
    image: SpecsInImage | None = Field(None, description="They lie in the image, which is then yours.")
    git: SpecsInGit | None = Field(None, description="They are cloned at each pass.")


class Freeze(Section):
    """A time each week in which nothing is changed; differences are reported."""

    day: Text = Field(description="Day of the week it begins: `Mon` to `Sun`.", examples=["Fri"])
    at: Text = Field(description="Time of day it begins, `HH:MM` in `timeZone`.", examples=["16:00"])
    lasts_s: Seconds = Field(ge=60, le=6 * 86_400, description="How long.", examples=["64h"])


class PassLimits(Section):
    """What a pass may do at most."""

    deletes: Whole = Field(
        10, ge=0, le=10_000, description="Objects a pass deletes or replaces. One that would be more changes nothing."
    )
    duration_s: Seconds = Field(1800, ge=60, le=86_400, description="Longest a pass may take.")


class Orphans(Section):
    """Services that no spec wants any more. They are shown, and stay unless this says otherwise."""

    prune: Flag = Field(
        default=False,
        description="They are destroyed in the end, as `mlservice destroy` would; what their last spec protects stays.",
    )
    after_s: Seconds = Field(
        7 * 86_400, ge=3600, le=365 * 86_400, description="How long they are shown first.", examples=["14d"]
    )
    most: Whole = Field(3, ge=1, le=100, description="How many a pass destroys at most, within `limits.deletes`.")


class OperatorEvent(StrEnum):
    """What can be heard of an operator."""

    SILENT = "PassMissing"
    FAILED = "PassFailed"


class OperatorNotification(Receiver):
    """One receiver: exactly one of `email`, `pubsub`, `webhook`."""

    events: tuple[OperatorEvent, ...] = Field(
        (OperatorEvent.SILENT, OperatorEvent.FAILED),
        description="What this receiver hears of: that no pass has ended for too long, that one did not end well.",
        min_length=1,
    )


class OperatorResources(Section):
    """What one shard has."""

    cpu_millis: MilliCpu = Field(1000, ge=500, le=8000, description="vCPUs.")
    memory_mib: Mebibytes = Field(512, ge=256, le=32_768, description="Memory.")


class OperatorSpec(Section):
    """What the operator should be."""

    region: Text = Field(description="Google Cloud region of its job and its schedule.", examples=["europe-west1"])
    version: LooseText | None = Field(
        None, description="Version of mlservice that it runs. Left out: that of the command that installs it."
    )
    image: Text | None = Field(
        None, description="Image of the reconciler, in place of ours: a copy of it, or one with your specs in it."
    )
    schedule: Text = Field("*/5 * * * *", description="When a pass starts: cron, five fields.")
    time_zone: Text = Field("Etc/UTC", description="Time zone of `schedule` and `freeze`.", examples=["Europe/Paris"])
    paused: Flag = Field(default=False, description="No pass starts by itself.")
    environment: Text | None = Field(
        None,
        description="Environment that a pass applies. Left out: the one that the operator is installed with.",
        examples=["prod"],
    )
    specs: SpecsSource = Field(default_factory=SpecsSource, description="Where a pass takes its specs from.")
    shards: Whole = Field(
        1, ge=1, le=MOST_SHARDS, description="Tasks that a pass is divided into, each with its share of the services."
    )
    identity: Text = Field(
        AUTO, description="Account it runs as. `Auto`: one of its own, with the roles that its specs need."
    )
    drift: OnDrift = Field(OnDrift.CORRECT, description="`Correct` changes what differs; `Report` only tells of it.")
    freeze: tuple[Freeze, ...] = Field((), description="When nothing is changed.")
    limits: PassLimits = Field(default_factory=PassLimits, description="What a pass may do at most.")
    orphans: Orphans = Field(
        default_factory=Orphans, description="What becomes of services that no spec wants any more."
    )
    resources: OperatorResources = Field(default_factory=OperatorResources, description="What one shard has.")
    ci: ContinuousIntegration | None = Field(
        None, description="The workflows of a repository that plan and publish, and what lets them in."
    )
    page: Page = Field(default_factory=Page, description="The page over what passes found, for people to sign in to.")
    notifications: tuple[OperatorNotification, ...] = Field((), description="Who hears of what.")


class Operator(Section):
    """The job that reconciles a project by itself: one per project."""

    api_version: Literal["mlservice/v1"] = Field(API_VERSION, description="Version of this language.")
    kind: Literal["Operator"] = Field(description="What the document describes.")
    metadata: OperatorMetadata = Field(description="What the operator is called.")
    spec: OperatorSpec = Field(description="What the operator should be.")

    @property
    def name(self) -> str:
        """The operator's name."""
        return self.metadata.name

    @property
    def labels(self) -> dict[str, str]:
        """The user's labels."""
        return self.metadata.labels

    @property
    def owner(self) -> str:
        """The name that inventories and marks know it by. No service has `_` in its name, so the two never meet."""
        return f"{PREFIX}{self.name}"

    @property
    def management(self) -> Management:
        """How the reconciler treats what it finds: as for a service that says nothing of it."""
        return Management()

    def to_data(self) -> dict[str, Any]:
        """Plain data with YAML's names and units, defaults left out; reads back as an equal operator."""
        data: dict[str, Any] = {"apiVersion": self.api_version, "kind": self.kind}
        return data | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


PREFIX = "operator_"
PASS_S = 600
"""What a pass may take until its end is missed."""
WATCHED_S = 23 * 3600 + 1800
"""How long Cloud Monitoring waits for a point at most. Source: cloud.google.com/monitoring/alerts/metric-absence."""


def is_operators(owner: str) -> bool:
    """Tell whether the owner of an inventory is an operator, and no service."""
    return owner.startswith(PREFIX)
