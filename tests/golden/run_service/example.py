"""A service with every field set, and somebody else's keys in every map."""

from google.api_core import exceptions
from google.cloud.run_v2.types import service

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.run_service import RunService
from reconciler.kinds.run_service.container import DEFAULTS
from reconciler.kinds.run_service.fields import SERVICE, TEMPLATE
from reconciler.kinds.run_service.record import TrafficShare
from tests.conformance.example import Example
from tests.conformance.ground import accounts, secret
from tests.operating import HELLO

ENV = "template.containers.env"
LIMITS = "template.containers.resources.limits"
MODEL = {"uri": "gs://models/churn/", "features": {"age": {"type": "number"}, "plan": {"type": "string"}}}
GPU_QUOTA, INSTANCES = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion", 3
CONTAINER = {
    **DEFAULTS,
    "name": "server",
    "startupProbe": {"tcpSocket": {}, "timeoutSeconds": 5, "periodSeconds": 10, "failureThreshold": 24},
}
READY = {"httpGet": {"path": "/health/ready"}, "timeoutSeconds": 5, "periodSeconds": 5, "failureThreshold": 30}
LIVE = {"httpGet": {"path": "/health/live"}, "timeoutSeconds": 5, "periodSeconds": 10, "failureThreshold": 3}
WITH_GPU = {"gpu": "nvidia-l4", "cpu_millis": 4000, "memory_mib": 16384, "container": {**CONTAINER, "cpuIdle": False}}
WITHOUT_GPU = {"gpu": "", "cpu_millis": 1000, "memory_mib": 512, "container": CONTAINER, "gpu_zonal_redundancy": False}
BLANK = {"template": {key: each.blank for key, each in TEMPLATE.items()}}
SCRATCH = {"emptyDir": {"sizeMib": 64}}
BESIDE = {
    "image": HELLO,
    "cpuMillis": 1000,
    "memoryMib": 512,
    "cpuIdle": True,
    "startupCpuBoost": False,
    "env": {"PORT": "0"},
}


def api(operator):
    return operator.api("google.cloud.run_v2", "services", "Services")


def read(operator):
    return api(operator).get_service(request={"name": operator.at.of_region("services", "churn")})


def write(operator, change):
    live = read(operator)
    change(live)
    api(operator).update_service(request={"service": live}).result()


def add_env(operator, key):
    write(operator, lambda live: live.template.containers[0].env.append({"name": key, "value": "1"}))


def add_secret(operator, key):
    source = {"secret_key_ref": {"secret": operator.at.name("token"), "version": "1"}}
    write(operator, lambda live: live.template.containers[0].env.append({"name": key, "value_source": source}))


def add_label(operator, key):
    write(operator, lambda live: live.labels.update({key: "1"}))


def add_template_key(operator, key):
    write(operator, lambda live: live.template.labels.update({key: "1"}))
    return f"labels.{key}"


def add_service_key(operator, key):
    write(operator, lambda live: live.annotations.update({key: "1"}))
    return f"annotations.{key}"


def add_sidecar(operator, key):
    name = key.replace("_", "-")
    beside = {"name": name, "image": HELLO, "env": [{"name": "PORT", "value": "0"}]}

    def change(live):
        live.template.containers.append(beside)

    write(operator, change)
    return name


def add_mount(operator, key):
    def change(live):
        live.template.volumes.append({"name": "theirs", "empty_dir": {"medium": "MEMORY"}})
        live.template.containers[0].volume_mounts.append({"name": "theirs", "mount_path": f"/{key}"})

    write(operator, change)
    return f"/{key}"


def prepare(operator):
    accounts(operator, "churn-run", "another")
    secret(operator, "churn-run", "another")


def without_gpus(operator):
    """Say why there can be no GPU: of three instances, which is what Cloud Run gives of itself.

    Source: https://cloud.google.com/run/docs/configuring/services/gpu#request-quota.
    """
    api = operator.api("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas")
    name = f"{operator.at.top}/locations/global/services/run.googleapis.com/quotaInfos/{GPU_QUOTA}"
    try:
        info = api.get_quota_info(request={"name": name})
    except exceptions.GoogleAPICallError as error:
        return f"nobody knows its quota of GPUs: {error.message}"
    # Of several limits the more specific one counts, which comes first.
    granted = next((int(each.details.value) for each in info.dimensions_infos if here(each, operator.at.region)), 0)
    return "" if granted < 0 or granted >= INSTANCES else f"the quota {GPU_QUOTA} is {granted}"


def here(limit, region):
    """Whether a limit is of this region."""
    place = dict(limit.dimensions).get("region", "")
    return place in {"", region} and (place or not limit.applicable_locations or region in limit.applicable_locations)


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    record = RunService(
        image=HELLO,
        model=MODEL,
        columns=("age", "plan"),
        runtime={"timeout": "30s"},
        version="v1",
        attempt="",
        env={"LOG_LEVEL": "info"},
        secrets={"TOKEN": f"{at.name('token')}:1"},
        container=CONTAINER,
        mounts={},
        sidecars={},
        **BLANK,
        cpu_millis=1000,
        memory_mib=512,
        gpu="",
        gpu_zonal_redundancy=False,
        concurrency=80,
        timeout_s=30,
        min_instances=0,
        max_instances=INSTANCES,
        service_account=at.email("churn-run"),
        invoker_check=True,
        ingress="All",
        labels=ours,
        traffic=(TrafficShare("latest", 100),),
        service={key: each.blank for key, each in SERVICE.items()},
    )
    example = Example(
        address=Address("run_service", at.region, at.name("churn")),
        fields=record,
        edits=(
            {"image": "gcr.io/cloudrun/hello"},
            {"model": {**MODEL, "uri": "gs://models/churn-2/"}},
            {"model": {**MODEL, "features": dict(reversed(MODEL["features"].items()))}, "columns": ("plan", "age")},
            {"runtime": {}},
            {"version": "v2"},
            {"version": ""},
            {"attempt": "again"},  # what works is not tried again: no difference
            {"env": {"LOG_LEVEL": "debug", "MODE": "a"}},
            {"secrets": {"TOKEN": f"{at.name('token')}:2"}},
            {"container": {**CONTAINER, "port": 9090}},
            {"container": {**CONTAINER, "cpuIdle": False}},
            {"container": {**CONTAINER, "startupCpuBoost": False}},
            {"container": {**CONTAINER, "startupProbe": READY, "livenessProbe": LIVE}},
            {"container": CONTAINER},
            {"mounts": {"/scratch": SCRATCH}},
            {"mounts": {"/scratch": {"emptyDir": {"sizeMib": 32}}}},
            {"mounts": {}},
            {"sidecars": {"beside": BESIDE}},
            {"sidecars": {"beside": {**BESIDE, "env": {"PORT": "0", "MODE": "b"}}}},
            {"sidecars": {}},
            {"template": {**BLANK["template"], "sessionAffinity": True}},
            BLANK,
            {"cpu_millis": 2000},
            {"memory_mib": 1024},
            {**WITH_GPU, "gpu_zonal_redundancy": False},
            {**WITHOUT_GPU},
            {"concurrency": 7},
            {"timeout_s": 60},
            {"min_instances": 1},
            {"max_instances": 2},
            {"service_max": 1},
            {"service_max": 0},
            {"service_account": at.email("another")},
            {"ingress": "Internal"},
            {"invoker_check": False},
            {"service": {**{key: each.blank for key, each in SERVICE.items()}, "description": "scores"}},
            {"labels": {**ours, "team": "growth"}},
            {"traffic": (TrafficShare("latest", 100, "candidate"),)},
        ),
        read=read,
        message=service.Service,
        places={
            "image": ["template.containers.image"],
            "model": [ENV],
            "columns": [ENV],
            "runtime": [ENV],
            "version": ["template.labels"],
            "attempt": ["template.labels"],
            "env": [ENV],
            "secrets": [ENV],
            "container": [
                "template.containers.ports.container_port",
                "template.containers.startup_probe",
                "template.containers.liveness_probe",
                "template.containers.resources.cpu_idle",
                "template.containers.resources.startup_cpu_boost",
            ],
            "mounts": ["template.volumes", "template.containers.volume_mounts"],
            "sidecars": ["template.containers"],
            "template": ["template.session_affinity"],
            "service": ["description"],
            "cpu_millis": [LIMITS],
            "memory_mib": [LIMITS],
            "gpu": [LIMITS, "template.node_selector.accelerator", "template.gpu_zonal_redundancy_disabled"],
            "gpu_zonal_redundancy": ["template.gpu_zonal_redundancy_disabled"],
            "concurrency": ["template.max_instance_request_concurrency"],
            "timeout_s": ["template.timeout"],
            "min_instances": ["scaling.min_instance_count"],
            "max_instances": ["template.scaling.max_instance_count"],
            "service_max": ["scaling.max_instance_count"],
            "service_account": ["template.service_account"],
            "ingress": ["ingress"],
            "invoker_check": ["invoker_iam_disabled"],
            "labels": ["labels"],
            "traffic": ["traffic"],
        },
        owner=at.name("churn"),
        prepare=prepare,
        unmarked={"labels": {}},
        meddle=lambda operator: write(operator, lambda live: live.template.annotations.update({"theirs": "1"})),
        theirs=lambda operator: "theirs" in read(operator).template.annotations,
        lacks_for={"gpu": without_gpus},
        add_key={
            "env": add_env,
            "secrets": add_secret,
            "labels": add_label,
            "mounts": add_mount,
            "template": add_template_key,
            "service": add_service_key,
            "sidecars": add_sidecar,
        },
        all_keys_ours=frozenset({"container"}),
    )
    return (example,)
