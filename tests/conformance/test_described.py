"""What `import` writes of a service makes the same service again: every manifest, from its YAML alone; no emulator."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from google.cloud.run_v2.types import service as types
from google.protobuf.json_format import MessageToDict, ParseDict

from emulator import cloud
from emulator.apis.run.messages import Service
from emulator.apis.run.services import complete
from emulator.identity import accounts
from reconciler.core.address import Address
from reconciler.core.diff import FieldChange, diff_fields
from reconciler.core.facts import Facts
from reconciler.core.objects import Desired, Observed
from reconciler.kinds import run_service
from reconciler.kinds.run_service.client import RunServiceClient, from_api
from reconciler.kinds.run_service.described import described
from reconciler.kinds.run_service.quantities import cpu_millis, memory_mib
from reconciler.kinds.run_service.record import KEYED, Runs, RunService
from schemas import load
from schemas.dump import to_yaml

MANIFESTS = sorted((Path(__file__).parents[1] / "emulator_run" / "manifests").glob("*.json"))
HERE = Address("run_service", "europe-west1", "s")
MARKS = re.compile(r"mlservice-|managed-by")
EVERYTHING = tuple(FieldChange(name, None, ...) for name in RunService.__dataclass_fields__)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A cloud that nobody serves: it fills in what Cloud Run would."""
    world = cloud.build(tmp_path_factory.mktemp("world"))
    world.store.put(accounts.KIND, "model-runner@local.iam.gserviceaccount.com", b"")
    yield world
    cloud.stop(world)


def live(world, path):
    """The service as Cloud Run completes it, in Google's own class."""
    text = path.read_text() if isinstance(path, Path) else json.dumps({"service": path})
    region = "europe-west4" if "rtx-pro" in text else "europe-west1"  # which has no such card
    body = json.loads(text.replace("PROJECT", "local").replace("REGION", region))["service"]
    message = ParseDict(body, Service(name=f"projects/local/locations/{region}/services/s"))
    complete(world, message)
    return types.Service.from_json(json.dumps(MessageToDict(message)))


def observed(message):
    """As a client reads it."""
    return Observed(HERE, from_api(message), live=message, output={"runs": Runs()})


def spec(tmp_path, seen, members=()):
    """What `import` writes of it, loaded."""
    said = described(seen, list(members))
    head = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "s", **said.metadata}}
    file = tmp_path / "mlservice.yaml"
    file.write_text(to_yaml({**head, "spec": dict(said.spec)}), encoding="utf-8")
    (loaded,) = load(file).services
    return loaded.service


def wanted(service):
    """What that spec wants."""
    found = run_service.KIND.desired(
        service, Facts("local", "local-mlservice", answers={("project_number", "local"): "1"})
    )
    (want,) = (each for each in found if isinstance(each, Desired) and each.address.kind == "run_service")
    return want


def written(record):
    """The message that makes a record anew."""
    client, message = RunServiceClient.__new__(RunServiceClient), types.Service()
    client._write(message, record, EVERYTHING)
    return message


def one(said=None, **template):
    """A service of one container."""
    resources = {"limits": {"cpu": "1", "memory": "1Gi"}, "cpuIdle": True}
    container = {"image": "i", "resources": resources, **(said or {})}
    return {"template": {"containers": [container], **template}}


def mounted(volume, **mount):
    """One with something mounted."""
    return one({"volumeMounts": [{"name": "v", "mountPath": "/v", **mount}]}, volumes=[{"name": "v", **volume}])


GPU = {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"}
ODD = {
    "memory-without-a-size": mounted({"emptyDir": {"medium": "MEMORY"}}),
    "options-in-any-order": mounted(
        {"gcs": {"bucket": "acme-models", "mountOptions": ["implicit-dirs", "only-dir=x"]}}
    ),
    "a-folder-that-begins-with-a-slash": mounted({"gcs": {"bucket": "acme-models", "mountOptions": ["only-dir=/x"]}}),
    "memory-in-thousands": one({"resources": {"limits": {"cpu": "0.5", "memory": "1G"}, "cpuIdle": True}}),
    "memory-in-bytes": one({"resources": {"limits": {"cpu": "1000m", "memory": "1000000001"}, "cpuIdle": True}}),
    "a-little-memory": mounted({"emptyDir": {"medium": "MEMORY", "sizeLimit": "100Ki"}}),
    "a-version-by-its-alias": mounted({"secret": {"secret": "s", "items": [{"path": "a/b", "version": "prod"}]}}),
    "iap-and-no-check": {**one(), "iapEnabled": True, "invokerIamDisabled": True},
    "iap": {**one(), "iapEnabled": True},
    "a-card-behind-in-two-zones": one(
        {"name": "page", "ports": [{"containerPort": 8080}]}, nodeSelector={"accelerator": "nvidia-l4"}
    ),
    "manual": {**one(), "scaling": {"scalingMode": "MANUAL", "manualInstanceCount": 3}},
    "header-of-a-probe": one(
        {"startupProbe": {"httpGet": {"path": "/up", "httpHeaders": [{"name": "X-A", "value": "1"}]}}}
    ),
    "a-tag-on-the-only-target": {
        **one(),
        "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100, "tag": "newest"}],
    },
    "a-floor-of-the-revision": one(scaling={"minInstanceCount": 2, "maxInstanceCount": 5}),
    "labels-of-others": {**one(), "labels": {"managed-by-team": "growth"}},
}
ODD["a-card-behind-in-two-zones"]["template"]["containers"].append(
    {"name": "engine", "image": "e", "resources": {"limits": GPU, "cpuIdle": False}}
)
ODD["a-card-behind-in-two-zones"]["template"]["containers"][0]["resources"]["cpuIdle"] = False
CASES = [pytest.param(path, id=path.stem) for path in MANIFESTS] + [pytest.param(b, id=name) for name, b in ODD.items()]


@pytest.mark.parametrize("path", CASES)
def test_the_yaml_alone_makes_the_same_service(place, path, tmp_path):
    """Not one field of the message differs but for our marks, and the plan of the one that is there is empty."""
    message = live(place, path)
    seen = observed(message)
    want = wanted(spec(tmp_path, seen))

    there = run_service.KIND.refine(want, seen)
    again = written(run_service.KIND.refine(want, None))
    complete_again = Service.FromString(types.Service.serialize(again))
    complete_again.name = message.name or "projects/local/locations/europe-west1/services/s"
    complete(place, complete_again)

    left = diff_fields(there, seen.fields, {name: frozenset() for name in KEYED})
    assert [change for change in left if not MARKS.search(change.path)] == []
    there, again = flat(Service.FromString(types.Service.serialize(message))), flat(complete_again)
    assert dict(leaves(again)) == dict(leaves(there))


def test_memory_that_is_no_whole_mib_is_left_and_told(place):
    """Nothing of it is in the way of a change of something else, which leaves the very words."""
    message = live(place, ODD["memory-in-thousands"])
    message.template.volumes = [{"name": "v", "empty_dir": {"medium": "MEMORY", "size_limit": "100Ki"}}]
    message.template.containers[0].volume_mounts = [{"name": "v", "mount_path": "/v"}]
    seen = observed(message)

    other = replace(seen.fields, env={"A": "b"})
    RunServiceClient.__new__(RunServiceClient)._write(message, other, (FieldChange("env.A", None, "b"),))

    assert dict(message.template.containers[0].resources.limits) == {"cpu": "0.5", "memory": "1G"}
    assert message.template.volumes[0].empty_dir.size_limit == "100Ki"
    assert [note.split(";")[0] for note in described(seen, []).unsaid] == [
        "memory of container 1 is 1G, which is written as 954Mi",
        "sizeLimit of volume v is 100Ki, which is written as 1Mi",
    ]


@pytest.mark.parametrize(
    ("folders", "said", "notes"),
    [
        (["a", "b/"], "gs://acme-models/b", ["volume v says only-dir=a, only-dir=b/: the last is written"]),
        (["a", "a"], "gs://acme-models/a", []),
        (["a", ""], "gs://acme-models", ["volume v says only-dir=a, only-dir=: the last is written"]),
        (["a/b/"], "gs://acme-models/a/b", []),
    ],
)
def test_a_bucket_has_one_folder(place, tmp_path, folders, said, notes):
    """The last that is said, as its mounting takes it; the plan is empty all the same."""
    options = [f"only-dir={folder}" for folder in folders]
    message = live(place, mounted({"gcs": {"bucket": "acme-models", "readOnly": True, "mountOptions": options}}))
    seen = observed(message)
    want = wanted(spec(tmp_path, seen))

    assert described(seen, []).spec["mounts"] == {"/v": said}
    assert run_service.KIND.refine(want, seen).mounts == seen.fields.mounts
    assert [note.partition(", since")[0] for note in described(seen, []).unsaid] == notes


def flat(message):
    """A service as JSON, without our marks and what only says when and by whom; volumes by what they are."""
    found = MessageToDict(message)
    for name in ("name", "uid", "createTime", "etag"):
        found.pop(name, None)
    found["labels"] = {key: value for key, value in found.get("labels", {}).items() if not MARKS.search(key)}
    volumes = {each.pop("name"): each for each in found["template"].pop("volumes", [])}
    for volume in volumes.values():
        if size := volume.get("emptyDir", {}).get("sizeLimit"):
            volume["emptyDir"]["sizeLimit"] = memory_mib(size)
        volume.get("gcs", {}).get("mountOptions", []).sort()
    for each in found["template"]["containers"]:
        for mount in each.get("volumeMounts", ()):
            mount["volume"] = volumes[mount.pop("name")]
        each.get("env", []).sort(key=lambda variable: variable["name"])
        limits = each["resources"]["limits"]
        limits |= {"cpu": cpu_millis(limits["cpu"]), "memory": memory_mib(limits["memory"])}
    if not found["template"].get("gpuZonalRedundancyDisabled", True):
        del found["template"]["gpuZonalRedundancyDisabled"]  # said, or left out: both zones
    return {name: value for name, value in found.items() if value != {}}


def leaves(found, path=""):
    """Every value with its path, so that a difference is told by it."""
    parts = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    if not parts:
        yield path, found
    for key, value in parts:
        yield from leaves(value, f"{path}.{key}")
