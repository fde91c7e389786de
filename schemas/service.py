"""`MLService`: the whole of one service, as the user wrote it, with the defaults filled in."""

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from schemas.instance import ONE_CPU_MILLIS, Instance
from schemas.section import Section
from schemas.sections.access import Access
from schemas.sections.budget import Budget
from schemas.sections.container import Container
from schemas.sections.environment import SecretRef
from schemas.sections.events import Events
from schemas.sections.execution import Execution, Protection, Revision
from schemas.sections.image import Image
from schemas.sections.management import Management
from schemas.sections.model import Model
from schemas.sections.monitoring import Monitoring
from schemas.sections.mounts import Mount
from schemas.sections.network import Network
from schemas.sections.notifications import Notification
from schemas.sections.registry import Registry
from schemas.sections.resources import Resources, Scaling
from schemas.sections.retraining import Retraining, Trigger
from schemas.sections.rollout import Rollout, TrafficShare
from schemas.sections.runtime import Runtime
from schemas.sections.sidecars import Sidecar
from schemas.sections.usage import Usage
from schemas.values import LooseText, PlainData, Text

API_VERSION: Literal["mlservice/v1"] = "mlservice/v1"
KIND: Literal["MLService"] = "MLService"


class Metadata(Section):
    """What the service is called."""

    name: Text = Field(
        description="Name of the Cloud Run service, and first part of every name derived from it.",
        examples=["churn-scorer"],
        json_schema_extra={"pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$", "maxLength": 49},
    )
    labels: dict[str, LooseText] = Field(default_factory=dict, description="Labels on every resource we own.")
    description: Text | None = Field(None, description="What the service is for, as Cloud Run's list shows it.")
    annotations: dict[str, LooseText] = Field(default_factory=dict, description="Annotations of the Cloud Run service.")


class Spec(Section):
    """What the service should be. `image` or `model` is needed; everything else has a default."""

    region: Text = Field(description="Google Cloud region of everything regional.", examples=["europe-west1"])
    image: Image | None = Field(None, description="The container. Shorthand: `image: <uri>`.")
    model: Model | None = Field(None, description="The model that is served.")
    runtime: Runtime = Field(default_factory=Runtime, description="How requests are served.")
    env: dict[str, LooseText] = Field(
        default_factory=dict,
        description="Environment variables of the container. They are not secret: whoever may read the service sees "
        "them. Plans, printed or saved, hide what looks like a secret. Use `secrets` for those.",
    )
    secrets: dict[str, SecretRef] = Field(
        default_factory=dict, description="Environment variables that hold secrets, by name."
    )
    container: Container = Field(default_factory=Container, description="How an image of your own is run.")
    mounts: dict[str, Mount] = Field(
        default_factory=dict,
        description="What the container finds in its file system, by path. Shorthand: `/models: gs://bucket/folder/`.",
    )
    sidecars: dict[str, Sidecar] = Field(
        default_factory=dict, max_length=9, description="Further containers of each instance, by name."
    )
    resources: Resources = Field(default_factory=Resources, description="What one instance has.")
    scaling: Scaling = Field(
        default_factory=Scaling, validate_default=True, description="How many instances there may be."
    )
    access: Access = Field(default_factory=Access, description="Who may call, and as whom the service runs.")
    network: Network | None = Field(None, description="The VPC network that the service's own requests go through.")
    execution: Execution = Field(default_factory=Execution, description="How instances are run.")
    protection: Protection | None = Field(None, description="Keys of your own, and images that somebody vouched for.")
    revision: Revision = Field(default_factory=Revision, description="What each revision carries besides.")
    cloud_run: PlainData = Field(
        default_factory=dict,
        description="What has no word here, as fields of a `Service` of Cloud Run's API v2 by their JSON names.",
        examples=[{"launchStage": "BETA"}],
    )
    events: Events | None = Field(None, description="Predictions asked for and answered by Pub/Sub message.")
    rollout: Rollout = Field(default_factory=Rollout, description="How a new version goes out.")
    traffic: tuple[TrafficShare, ...] = Field((), description="The split itself, with `rollout.strategy: Manual`.")
    monitoring: Monitoring | None = Field(None, description="Is the model still right.")
    triggers: tuple[Trigger, ...] = Field((), description="When to train again.")
    retraining: Retraining | None = Field(None, description="How to train again.")
    registry: Registry | None = Field(None, description="The Artifact Registry repository of the images.")
    budget: Budget | None = Field(None, description="What this may cost in a month. Shorthand: `budget: 900`.")
    usage: Usage | None = Field(None, description="How much it is expected to be used: plans say what that costs.")
    notifications: tuple[Notification, ...] = Field((), description="Who hears of what.")
    management: Management = Field(default_factory=Management, description="How the reconciler treats what it finds.")

    @field_validator("scaling")
    @classmethod
    def _one_request_below_one_cpu(cls, scaling: Scaling, info: ValidationInfo) -> Scaling:
        resources: Resources | None = info.data.get("resources")
        if resources is None or "concurrency" in scaling.model_fields_set:
            return scaling
        instance = Instance.of(resources, info.data.get("sidecars") or {})
        return scaling.model_copy(update={"concurrency": 1}) if instance.cpu_millis < ONE_CPU_MILLIS else scaling


class MLService(Section):
    """One ML service on Google Cloud."""

    api_version: Literal["mlservice/v1"] = Field(API_VERSION, description="Version of this language.")
    kind: Literal["MLService"] = Field(KIND, description="What the document describes.")
    metadata: Metadata = Field(description="What the service is called.")
    spec: Spec = Field(description="What the service should be.")

    @property
    def name(self) -> str:
        """The service's name."""
        return self.metadata.name

    @property
    def labels(self) -> dict[str, str]:
        """The user's labels."""
        return self.metadata.labels

    def to_data(self) -> dict[str, Any]:
        """Plain data with YAML's names and units, defaults left out; reads back as an equal service."""
        data: dict[str, Any] = {"apiVersion": self.api_version, "kind": self.kind}
        return data | self.model_dump(mode="json", by_alias=True, exclude_defaults=True)
