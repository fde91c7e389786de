"""Which instance gets a request, and how many there are: session affinity, scaling by hand, quotas of GPUs."""

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import cloudquotas_v1, run_v2

from emulator.apis.run.deployment import divided
from emulator.apis.run.gpus import NONE_FREE
from emulator.processes.model import Route, Share
from tests.emulator.clients import client
from tests.emulator_run.cloud import PARENT, Cloud, latest, service, short, to
from tests.emulator_run.test_instances import eventually
from tests.emulator_run.test_streams import websocket


@pytest.mark.slow
def test_a_caller_stays_with_its_instance(bench):
    """By a cookie, however busy which is, against the split; another caller does not."""
    names = [bench.revision(name, affinity=True, concurrency=4) for name in "ab"]
    port = bench.plane.listen()
    bench.plane.route({port: Route("s", tuple(Share(name, 50, 2) for name in names), public=True)})
    url = f"http://127.0.0.1:{port}"
    assert eventually(lambda: [bench.plane.instances(name) for name in names] == [2, 2])

    seen = []
    for _ in range(6):
        with httpx.Client(trust_env=False, timeout=20) as http:
            first = http.get(url)
            assert "GAESA=" in first.headers["set-cookie"]
            again = [http.get(url) for _ in range(8)]
            assert {each.json()["pid"] for each in again} == {first.json()["pid"]}
            assert not any("set-cookie" in each.headers for each in again)
            seen.append(first.json()["pid"])
    assert len(set(seen)) > 1

    with websocket(url, Cookie=first.headers["set-cookie"].partition(";")[0]) as chat:
        assert "set-cookie" not in chat.response.headers


@pytest.mark.slow
def test_a_callers_instance_may_be_gone(bench, http):
    """Then it has another one, and stays with that."""
    url = bench.serve((bench.revision("a", affinity=True), 100))

    answer = http.get(url, headers={"cookie": "other=1; GAESA=00ff00"})

    assert answer.status_code == 200
    assert "00ff00" not in answer.headers["set-cookie"]
    assert "set-cookie" not in httpx.get(bench.serve((bench.revision("b"), 100)), trust_env=False).headers


@pytest.mark.slow
def test_instances_are_set_by_hand(emulator):
    """Just so many, against the revision's own maximum; more and fewer without a new revision; none is unavailable."""
    cloud = Cloud(emulator)
    wanted = service(scaling=run_v2.RevisionScaling(max_instance_count=2))
    wanted.scaling = by_hand(3)
    made = cloud.create(wanted=wanted)

    def instances():
        return sum(emulator.control("GET", "services")[0]["instances"].values())

    assert eventually(lambda: instances() == 3)
    for count in (1, 0):
        wanted = run_v2.Service(name=made.name, scaling=by_hand(count))
        changed = cloud.update(wanted, "scaling")
        assert changed.latest_created_revision == made.latest_created_revision
        assert eventually(lambda count=count: instances() == count)
    assert httpx.get(made.uri, timeout=20).status_code == 503
    cloud.update(run_v2.Service(name=made.name, scaling=by_hand(1)), "scaling")
    assert httpx.get(made.uri, timeout=20).status_code == 200


def by_hand(count):
    """The scaling of a service."""
    mode = run_v2.ServiceScaling.ScalingMode.MANUAL
    return run_v2.ServiceScaling(scaling_mode=mode, manual_instance_count=count)


@pytest.mark.slow
def test_instances_set_by_hand_follow_the_split(emulator):
    """All of them, by percentage; a revision with a tag alone has none of its own."""
    cloud = Cloud(emulator)
    wanted = service()
    wanted.scaling = by_hand(3)
    first = cloud.create(wanted=wanted)
    wanted = service(env={"A": "1"})
    wanted.name, wanted.scaling = first.name, by_hand(3)
    second = cloud.update(wanted)
    old, new = short(first.latest_ready_revision), short(second.latest_ready_revision)

    cloud.update(run_v2.Service(name=first.name, traffic=[to(old, 70), to(new, 30)]), "traffic")
    assert eventually(lambda: emulator.control("GET", "services")[0]["instances"] == {old: 2, new: 1})

    cloud.update(run_v2.Service(name=first.name, traffic=[latest(), to(old, 0, "before")]), "traffic")
    assert eventually(lambda: emulator.control("GET", "services")[0]["instances"] == {old: 0, new: 3})


@pytest.mark.parametrize(
    ("count", "percents", "parts"),
    [
        (3, {"a": 70, "b": 30}, {"a": 2, "b": 1}),
        (1, {"a": 50, "b": 50}, {"a": 1, "b": 0}),
        (10, {"a": 33, "b": 33, "c": 34}, {"a": 3, "b": 3, "c": 4}),
        (0, {"a": 100}, {"a": 0}),
        (5, {"a": 100}, {"a": 5}),
    ],
)
def test_parts_of_a_number_of_instances_are_whole(count, percents, parts):
    """And make up all of it."""
    assert divided(count, percents) == parts


def test_gpus_are_there_once_for_all_that_start_together(emulator):
    """Two revisions that start in the same moment do not both get the last one."""
    cloud = Cloud(emulator)
    emulator.control("PUT", "settings", {"run_gpu_quotas": 1})
    limits = {"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"}
    wanted = service(
        container={"resources": {"limits": limits}},
        scaling=run_v2.RevisionScaling(min_instance_count=1, max_instance_count=1),
        node_selector={"accelerator": "nvidia-l4"},
    )
    wanted.template.gpu_zonal_redundancy_disabled = True
    asked = [{"parent": PARENT, "service_id": f"gpu-{number}", "service": wanted} for number in range(6)]

    started = [cloud.services.create_service(request=request) for request in asked]
    refused = [operation.exception(timeout=60) for operation in started]

    assert sum(error is None for error in refused) == 3
    assert {NONE_FREE in str(error) for error in refused if error} == {True}
    cloud.services.delete_service(name=f"{PARENT}/services/gpu-{refused.index(None)}").result(timeout=30)
    assert cloud.create("later", wanted).latest_ready_revision, "its GPU is free again"


def test_gpus_have_a_quota_where_that_is_switched_on(emulator):
    """Three L4 without redundancy at first, in each region; more once they are granted; none with redundancy."""
    cloud = Cloud(emulator)
    limits = {"cpu": "8", "memory": "32Gi", "nvidia.com/gpu": "1"}

    def check(most, *, redundant=False):
        container = {"resources": {"limits": limits}}
        scaling = run_v2.RevisionScaling(max_instance_count=most)
        wanted = service(container=container, scaling=scaling, node_selector={"accelerator": "nvidia-l4"})
        wanted.template.gpu_zonal_redundancy_disabled = not redundant
        request = {"parent": PARENT, "service_id": "gpu", "service": wanted, "validate_only": True}
        return cloud.services.create_service(request=request)

    check(100)
    emulator.control("PUT", "settings", {"run_gpu_quotas": 1})
    check(3)
    metric = "NvidiaL4GpuAllocNoZonalRedundancyPerProjectRegion"
    with pytest.raises(
        exceptions.InvalidArgument, match=rf"set to 3 or fewer.*\n\nQuota violated:\n{metric} requested: 4"
    ):
        check(4)
    with pytest.raises(exceptions.InvalidArgument, match="NvidiaL4GpuAllocPerProjectRegion requested: 1 allowed: 0"):
        check(1, redundant=True)

    asked = {"service": "run.googleapis.com", "quota_id": metric, "dimensions": {"region": "europe-west1"}}
    preference = {**asked, "quota_config": {"preferred_value": 8}}
    quotas = client(emulator, cloudquotas_v1.CloudQuotasClient)
    quotas.create_quota_preference(parent="projects/local/locations/global", quota_preference=preference)
    check(8)
