"""How much of Cloud Run a project may use in a region, and the request for more, which is granted at once.

GPUs are told, and enforced where the setting `run_gpu_quotas` says so, though no instance here has one. vCPUs and
memory are those of the settings `run_cpu_quota` and `run_memory_quota_gib`, until more is asked for.

Source: `google.api.cloudquotas.v1.CloudQuotas`; https://cloud.google.com/run/quotas (three L4 without zonal redundancy
come with the first deployment; all other GPUs are asked for).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from google.cloud.cloudquotas_v1.types import cloudquotas, resources

from emulator.core import settings
from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.resources import by_id, fits
from emulator.core.world import World

API = Api("cloudquotas")
SERVICE = "google.api.cloudquotas.v1.CloudQuotas/"
KIND = "quota.granted"
"""In the store: granted limits by region, by `project/quota`."""
RUN = "run.googleapis.com"
PARENT = "projects/*/locations/global/services/*"
UNLIMITED = -1
CPU, MEMORY = "CpuAllocPerProjectRegion", "MemAllocPerProjectRegion"


@dataclass(frozen=True, slots=True)
class Quota:
    """One quota per project and region.

    Attributes:
        metric: What is counted.
        title: For people.
        value: Where nobody asked for more.
    """

    metric: str
    title: str
    value: int


QUOTAS = {
    "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion": Quota(
        "nvidia_l4_gpu_allocation_no_zonal_redundancy", "NVIDIA L4 GPUs without zonal redundancy", 3
    ),
    "NvidiaL4GpuAllocPerProjectRegion": Quota("nvidia_l4_gpu_allocation", "NVIDIA L4 GPUs", 0),
    "NvidiaRtxPro6000GpuAllocNoZonalRedundancyPerProjectRegion": Quota(
        "nvidia_rtx_pro_6000_gpu_allocation_no_zonal_redundancy", "NVIDIA RTX PRO 6000 GPUs without zonal redundancy", 0
    ),
    "NvidiaRtxPro6000GpuAllocPerProjectRegion": Quota(
        "nvidia_rtx_pro_6000_gpu_allocation", "NVIDIA RTX PRO 6000 GPUs", 0
    ),
    CPU: Quota("cpu_allocation", "CPU allocation in thousandths of a vCPU", UNLIMITED),
    MEMORY: Quota("memory_allocation", "Memory allocation in bytes", UNLIMITED),
}


def project_of(world: World, parent: str) -> str:
    """The id of the project whose quotas of Cloud Run a request is about.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it names none. UNIMPLEMENTED: the quotas of another API.
    """
    if not fits(PARENT, parent):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {parent!r}.")
    if parent.rpartition("/")[2] != RUN:
        raise ApiFailure("UNIMPLEMENTED", f"The emulator has quotas of {RUN} only.")
    return by_id(world, parent).split("/")[1]


def granted(world: World, project: str, quota: str) -> dict[str, int]:
    """What was asked for and granted, by region."""
    body = world.store.get(KIND, f"{project}/{quota}")
    return {} if body is None else dict(json.loads(body))


def default_of(world: World, quota: str) -> int:
    """The limit where nobody asked for more."""
    chosen = settings.read(world.store)
    said = {CPU: chosen.run_cpu_quota * 1000, MEMORY: chosen.run_memory_quota_gib * 2**30}
    return int(said.get(quota, 0)) or QUOTAS[quota].value


def limit(world: World, project: str, quota: str, region: str) -> int:
    """The limit that holds in a region."""
    return granted(world, project, quota).get(region, default_of(world, quota))


def described(world: World, project: str, quota: str) -> Any:
    """One quota: the more specific limits first, as Google lists them."""
    about = QUOTAS[quota]
    info = resources.QuotaInfo.pb()(
        name=f"projects/{world.project_number(project)}/locations/global/services/{RUN}/quotaInfos/{quota}",
        quota_id=quota,
        metric=f"{RUN}/{about.metric}",
        service=RUN,
        container_type=resources.QuotaInfo.ContainerType.PROJECT,
        dimensions=["region"],
        quota_display_name=f"{about.title} per project per region",
        metric_unit="1",
        service_request_quota_uri="https://console.cloud.google.com/iam-admin/quotas",
    )
    info.dimensions_infos.extend(limits(granted(world, project, quota), default_of(world, quota)))
    return info


def limits(by_region: dict[str, int], default: int) -> Iterator[Any]:
    """The limits of one quota: those of a region, then that of all others."""
    for region, value in sorted(by_region.items()):
        details = resources.QuotaDetails.pb()(value=value)
        yield resources.DimensionsInfo.pb()(
            dimensions={"region": region}, details=details, applicable_locations=[region]
        )
    yield resources.DimensionsInfo.pb()(details=resources.QuotaDetails.pb()(value=default))


@API.method(SERVICE + "ListQuotaInfos")
def list_quotas(world: World, request: Any, _: Call) -> Any:
    """Every quota of Cloud Run."""
    project = project_of(world, request.parent)
    found = [described(world, project, quota) for quota in QUOTAS]
    shown, token = page_of(request, found)
    return cloudquotas.ListQuotaInfosResponse.pb()(quota_infos=shown, next_page_token=token)


@API.method(SERVICE + "GetQuotaInfo")
def get_quota(world: World, request: Any, _: Call) -> Any:
    """One quota."""
    parent, _slash, quota = request.name.rpartition("/quotaInfos/")
    project = project_of(world, parent)
    if quota not in QUOTAS:
        raise ApiFailure("NOT_FOUND", f"There is no quota {quota!r}.")
    return described(world, project, quota)


@API.method(SERVICE + "CreateQuotaPreference")
def ask_for_more(world: World, request: Any, _: Call) -> Any:
    """Ask for another limit in a region: it is granted at once."""
    wanted = request.quota_preference
    if not fits("projects/*/locations/global", request.parent):
        raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {request.parent!r}.")
    project, region = by_id(world, request.parent).split("/")[1], wanted.dimensions.get("region", "")
    if wanted.service != RUN or wanted.quota_id not in QUOTAS or not region:
        raise ApiFailure("INVALID_ARGUMENT", "A quota of Cloud Run and its region are needed.")
    value = wanted.quota_config.preferred_value
    with world.store.transaction():
        limited = granted(world, project, wanted.quota_id) | {region: value}
        world.store.put(KIND, f"{project}/{wanted.quota_id}", json.dumps(limited).encode())
    answer = resources.QuotaPreference.pb()()
    answer.CopyFrom(wanted)
    answer.name = f"{request.parent}/quotaPreferences/{request.quota_preference_id or f'{wanted.quota_id}-{region}'}"
    answer.quota_config.granted_value.value = value
    return answer
