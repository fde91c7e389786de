"""What Cloud Run takes and what it refuses of a service, before anything starts. No server, no process.

`manifests/` has services as people write them, each a combination of fields that was seen in public; names are our own.
"""

import copy
import json
from pathlib import Path

import pytest
from google.protobuf.json_format import ParseDict

from emulator import cloud
from emulator.apis.run.messages import Service
from emulator.apis.run.services import complete
from emulator.core.failures import ApiFailure
from emulator.identity import accounts

MANIFESTS = sorted((Path(__file__).parent / "manifests").glob("*.json"))


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A cloud that nobody serves, with the account that the manifests name."""
    world = cloud.build(tmp_path_factory.mktemp("world"))
    world.store.put(accounts.KIND, "model-runner@local.iam.gserviceaccount.com", b"")
    yield world
    cloud.stop(world)


def checked(world, body, region="europe-west1"):
    """The service as Cloud Run completes it."""
    service = ParseDict(body, Service(name=f"projects/local/locations/{region}/services/s"))
    complete(world, service)
    return service


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_services_as_people_write_them_are_taken(place, path):
    """All of them, as Google takes them; and each keeps what it said."""
    region = "europe-west4" if "rtx-pro" in path.read_text() else "europe-west1"  # which has no such card
    body = json.loads(path.read_text().replace("PROJECT", "local").replace("REGION", region))["service"]

    found = checked(place, body, region)

    written = ParseDict(body, Service())
    assert [each.args for each in found.template.containers] == [each.args for each in written.template.containers]
    assert len(found.template.volumes) == len(written.template.volumes)


def container(**more):
    """One that takes requests, completed enough."""
    return {"image": "i", "ports": [{"containerPort": 8080}], **more}


def behind(name="side", **more):
    """One that takes none."""
    return {"image": "i", "name": name, **more}


def template(*containers, **more):
    """A service of these containers; those beyond the first have names already."""
    if len(containers) > 1:
        containers = ({"name": "main", **containers[0]}, *containers[1:])
    return {"template": {"containers": list(containers), **more}}


def start(period, tries, **more):
    """A startup probe."""
    return {"startupProbe": {"periodSeconds": period, "failureThreshold": tries, "tcpSocket": {}, **more}}


def sized(cpu, memory="512Mi", **more):
    """Resources, billed by request."""
    return {"resources": {"limits": {"cpu": cpu, "memory": memory, **more}, "cpuIdle": not more}}


GPU = sized("8", "32Gi", **{"nvidia.com/gpu": "1"})
L4 = {"nodeSelector": {"accelerator": "nvidia-l4"}, "gpuZonalRedundancyDisabled": True}
BUCKET = {"name": "b", "gcs": {"bucket": "models"}}
SECRET = {"name": "s", "secret": {"secret": "key", "items": [{"path": "key.txt", "version": "1"}]}}
SCRATCH = {"name": "m", "emptyDir": {"sizeLimit": "256Mi"}}
SQL = {"name": "sql", "cloudSqlInstance": {"instances": ["p:r:i"]}}


def mounted(volumes, *places, **more):
    """A container that mounts volumes at places."""
    mounts = [{"name": name, "mountPath": path} for name, path in places]
    return template(container(volumeMounts=mounts), volumes=list(volumes), **more)


TAKEN = {
    "a start of ten minutes": template(container(**start(10, 60))),
    "a start of half an hour beside a GPU": template(container(**GPU, **start(15, 120)), **L4),
    "a GPU on the container behind": template(
        container(**sized("2", "4Gi")) | {"resources": {"limits": {"cpu": "2", "memory": "4Gi"}}},
        behind(**sized("6", "16Gi", **{"nvidia.com/gpu": "1"}), **start(10, 180)),
        **L4,
    ),
    "7 and 1 vCPU": template(container(**sized("7", "4Gi")), behind(**sized("1"))),
    "half a vCPU twice": template(container(**sized("500m")), behind(**sized("500m"))),
    "half a vCPU beside a whole one": template(container(**sized("500m")), behind(**sized("1"))),
    "PORT set behind": template(container(), behind(env=[{"name": "PORT", "value": "8888"}])),
    "a probe that may take its whole period": template(container(**start(10, 3, timeoutSeconds=10))),
    "two volumes side by side": mounted([BUCKET, SCRATCH], ("b", "/models"), ("m", "/models-cache")),
    "memory at /dev/shm": mounted([SCRATCH], ("m", "/dev/shm")),  # noqa: S108 - as Triton's are
    "Cloud SQL at its place": mounted([SQL], ("sql", "/cloudsql")),
    "Cloud SQL without a place": mounted([SQL], ("sql", "")),
    "one of three after another": template(container(dependsOn=["a"]), behind("a", dependsOn=["b"]), behind("b")),
    "readiness by gRPC": template(container(readinessProbe={"grpc": {"service": "ready"}})),
    "a subnet": template(container(), vpcAccess={"networkInterfaces": [{"subnetwork": "a"}], "egress": "ALL_TRAFFIC"}),
}

REFUSED = {
    "a start of more than ten minutes": (template(container(**start(10, 61))), "must not exceed 600 seconds"),
    "a start of more than half an hour": (
        template(container(**GPU, **start(15, 121)), **L4),
        "must not exceed 1800 seconds",
    ),
    "a period of more than four minutes": (template(container(**start(241, 1))), "period_seconds: must be between"),
    "more than 240 tries": (template(container(**start(1, 241))), "failure_threshold: must be between 0 and 240"),
    "a timeout beyond its period": (
        template(container(**start(10, 3, timeoutSeconds=11))),
        "timeout_seconds: must be between 0 and 10",
    ),
    "a readiness timeout beyond its period": (
        template(container(readinessProbe={"timeoutSeconds": 11, "httpGet": {}})),
        "readiness_probe.timeout_seconds",
    ),
    "liveness by TCP": (template(container(livenessProbe={"tcpSocket": {}})), "not supported for liveness"),
    "a probe's path without a slash": (
        template(container(livenessProbe={"httpGet": {"path": "health"}})),
        "http_get.path: 'health' must begin with '/'",
    ),
    "two containers with a port": (
        template(container(), behind(ports=[{"containerPort": 9000}])),
        "exactly one container with an exposed port",
    ),
    "no container of two with a port": (
        template(behind("a"), behind("b")),
        "exactly one container with an exposed port",
    ),
    "PORT set by hand": (
        template(container(env=[{"name": "PORT", "value": "9000"}])),
        "reserved env names were provided: PORT",
    ),
    "K_SERVICE set behind": (
        template(container(), behind(env=[{"name": "K_SERVICE", "value": "x"}])),
        "reserved env names were provided: K_SERVICE",
    ),
    "a name that is none": (template(container(), behind("Side_Car")), "'Side_Car' must use only lowercase"),
    "a circle": (
        template(container(dependsOn=["a"]), behind("a", dependsOn=["b"]), behind("b", dependsOn=["a"])),
        "must not form a circle",
    ),
    "after nobody": (template(container(dependsOn=["x"]), behind("a")), "'x' is not a container of this template"),
    "more than 8 vCPU": (template(container(**sized("8", "4Gi")), behind(**sized("1"))), "9 is not one of"),
    "a size that is none, in a sum that is none": (
        template(container(**sized("5", "4Gi")), behind(**sized("500m"))),
        "5.5 is not one of",
    ),
    "a GPU on both": (
        template(
            container(**sized("4", "16Gi", **{"nvidia.com/gpu": "1"})),
            behind(**sized("4", "16Gi", **{"nvidia.com/gpu": "1"})),
            **L4,
        ),
        "must be '1' on exactly one container",
    ),
    "a GPU in the first generation": (
        template(container(**GPU), executionEnvironment="EXECUTION_ENVIRONMENT_GEN1", **L4),
        "a GPU needs the second generation",
    ),
    "a bucket in the first generation": (
        mounted([BUCKET], ("b", "/models"), executionEnvironment="EXECUTION_ENVIRONMENT_GEN1"),
        "Cloud Storage volumes need the second generation",
    ),
    "two mounts at a place": (mounted([BUCKET, SCRATCH], ("b", "/models"), ("m", "/models/")), "overlaps with"),
    "a mount over another": (mounted([BUCKET, SCRATCH], ("b", "/models"), ("m", "/models/cache")), "overlaps with"),
    "a mount of nothing": (mounted([BUCKET], ("c", "/models")), "no volume named 'c'"),
    "a mount at the root": (mounted([BUCKET], ("b", "/")), "'/' must be an absolute path"),
    "a relative mount": (mounted([BUCKET], ("b", "models")), "'models' must be an absolute path"),
    "a bucket where Cloud SQL is": (mounted([BUCKET], ("b", "/cloudsql")), "'/cloudsql' is kept for Cloud SQL"),
    "Cloud SQL elsewhere": (mounted([SQL], ("sql", "/sql")), "must be empty or /cloudsql"),
    "two volumes of a name": (mounted([BUCKET, BUCKET], ("b", "/models")), "volume names must be unique"),
    "a volume that is none": (mounted([{"name": "b"}], ("b", "/models")), "exactly one of secret"),
    "a bucket without a name": (mounted([{"name": "b", "gcs": {}}], ("b", "/models")), "gcs.bucket: must be set"),
    "more memory than there is": (
        mounted([{"name": "m", "emptyDir": {"sizeLimit": "513Mi"}}], ("m", "/scratch")),
        "is more than the memory of all containers",
    ),
    "a secret's file outside": (
        mounted([{"name": "s", "secret": {"secret": "k", "items": [{"path": "../k"}]}}], ("s", "/etc/k")),
        "must be a relative path without '..'",
    ),
    "a mode that is none": (
        mounted([SECRET | {"secret": SECRET["secret"] | {"defaultMode": 512}}], ("s", "/etc/k")),
        "default_mode: must be between 0 and 511",
    ),
    "two ways to a network": (
        template(container(), vpcAccess={"connector": "c", "networkInterfaces": [{"subnetwork": "a"}]}),
        "must not be set together",
    ),
}


@pytest.mark.parametrize("body", TAKEN.values(), ids=TAKEN)
def test_what_is_taken(place, body):
    """Next to what is refused."""
    assert checked(place, copy.deepcopy(body)).template.containers


@pytest.mark.parametrize(("body", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(place, body, words):
    """With the field and the reason."""
    with pytest.raises(ApiFailure) as refused:
        checked(place, copy.deepcopy(body))

    assert refused.value.code == "INVALID_ARGUMENT"
    assert words in refused.value.message
