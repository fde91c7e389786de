"""`resources` and `scaling`: how big an instance is, and how many there may be."""

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.values import Flag, Mebibytes, MilliCpu, Seconds, Text, Whole


class GpuType(StrEnum):
    """Accelerators of Cloud Run."""

    L4 = "nvidia-l4"
    RTX_PRO_6000 = "nvidia-rtx-pro-6000"


class Gpu(Section):
    """The accelerator of each instance."""

    type: GpuType = Field(description="Accelerator.")
    count: Whole = Field(1, ge=1, le=1, description="GPUs per instance; Cloud Run attaches one.")
    zonal_redundancy: Flag = Field(
        default=False, description="Reserve capacity in a second zone: its own quota and a higher price."
    )

    @model_validator(mode="before")
    @classmethod
    def _from_type(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


# Least CPU (thousandths) and memory (MiB) that go with each accelerator.
# Source: https://cloud.google.com/run/docs/configuring/services/gpu
GPU_LEAST: dict[GpuType, tuple[int, int]] = {GpuType.L4: (4000, 16384), GpuType.RTX_PRO_6000: (20000, 81920)}


def _least(data: dict[str, Any]) -> tuple[int, int]:
    gpu = data.get("gpu")
    return GPU_LEAST[gpu.type] if gpu else (1000, 1024)


class Resources(Section):
    """What one instance has."""

    gpu: Gpu | None = Field(None, description="GPU of each instance. Shorthand: `gpu: nvidia-l4`.")
    cpu_millis: MilliCpu = Field(
        default_factory=lambda data: _least(data)[0],
        description="vCPUs: 0.08 to 1, 2, 4, 6 or 8. Left out: 1; with an L4 4, with an RTX PRO 6000 20.",
    )
    memory_mib: Mebibytes = Field(
        default_factory=lambda data: _least(data)[1],
        description="Memory. Left out: 1Gi; with an L4 16Gi, with an RTX PRO 6000 80Gi.",
    )

    cpu_idle: Flag | None = Field(
        None,
        description="`false`: instances have CPU outside requests too, and are billed for all of their time, as those "
        "with a GPU always are. Left out: `true` without a GPU.",
    )
    startup_cpu_boost: Flag | None = Field(
        None, description="More CPU while an instance starts. Left out: `true` for new services."
    )

    @model_validator(mode="before")
    @classmethod
    def _plain_number_is_vcpus(cls, value: Any) -> Any:
        if isinstance(value, dict) and isinstance(value.get("cpu"), (int, float)):
            return {**value, "cpu": str(value["cpu"])}
        return value


# Google's own limit is the quota of the region, which can be raised from some hundred vCPUs: this is far beyond it, and
# keeps what is worked out from the number within bounds.
# Source: https://cloud.google.com/run/docs/configuring/max-instances-limits
MOST_INSTANCES = 100_000


class WarmWindow(Section):
    """Hours in which more instances are kept warm. What opens and closes it is a pass of the operator, or an apply."""

    schedule: Text = Field(description="When it opens: cron, five fields.", examples=["30 7 * * 1-5"])
    time_zone: Text = Field(
        "Etc/UTC", description="Time zone of `schedule`, a name of the tz database.", examples=["Europe/Paris"]
    )
    lasts_s: Seconds = Field(ge=300, le=7 * 86_400, description="How long it is open: `5m` to `7d`.", examples=["11h"])
    min_instances: Whole = Field(
        ge=1, le=MOST_INSTANCES, description="Instances kept warm meanwhile. Of several open windows the most counts."
    )


class ScalingMode(StrEnum):
    """Who decides on the number of instances."""

    AUTOMATIC = "Automatic"
    MANUAL = "Manual"


class Scaling(Section):
    """How many instances there may be."""

    min_instances: Whole = Field(0, ge=0, le=MOST_INSTANCES, description="Instances kept warm; 0 scales to zero.")
    max_instances: Whole = Field(
        3, ge=1, le=MOST_INSTANCES, description="Most instances at once: the ceiling of what this can cost."
    )
    windows: tuple[WarmWindow, ...] = Field(
        (), max_length=12, description="Hours in which more than `minInstances` are kept warm."
    )
    service_max_instances: Whole | None = Field(
        None,
        ge=0,
        le=MOST_INSTANCES,
        description="Most instances of the whole service, whatever revisions serve (`gcloud run deploy --max`); "
        "`maxInstances` is of each revision. 0 lifts it; left out, it stays as it is. A budget may cap it further.",
    )
    revision_min_instances: Whole = Field(
        0,
        ge=0,
        le=MOST_INSTANCES,
        description="Instances that each revision with a tag or a share of requests keeps warm (`gcloud run deploy "
        "--min-instances`); `minInstances` is of the service, whatever revisions serve.",
    )
    mode: ScalingMode = Field(
        ScalingMode.AUTOMATIC, description="`Manual`: there are `instances`, and neither more nor fewer."
    )
    instances: Whole | None = Field(None, ge=0, le=MOST_INSTANCES, description="With `mode: Manual`: how many.")
    concurrency: Whole = Field(
        80,
        ge=1,
        le=1000,
        description="Requests one instance takes at once. Left out: 80; with less than 1 vCPU 1.",
    )
