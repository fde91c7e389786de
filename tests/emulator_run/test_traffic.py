"""What containers answered becomes time series of Cloud Monitoring."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import httpx
import pytest
from google.cloud import monitoring_v3

from emulator.apis.run.traffic import BOUNDS_MS, Answers
from tests.conftest import Emulator
from tests.emulator.clients import client
from tests.emulator_monitoring.making import now
from tests.emulator_run.cloud import Cloud, service

BILLED = "container/billable_instance_time"


def points(emulator, metric, hours=1):
    """Every point of a metric: labels of the resource and the metric, and the value."""
    at = now(emulator)
    request = {
        "name": "projects/local",
        "filter": f'metric.type = "run.googleapis.com/{metric}" AND resource.type = "cloud_run_revision"',
        "interval": {"start_time": {"seconds": int(at.timestamp()) - hours * 3600}, "end_time": at},
    }
    for found in client(emulator, monitoring_v3.MetricServiceClient).list_time_series(request=request):
        for point in found.points:
            yield dict(found.resource.labels), dict(found.metric.labels), point


def billed(emulator):
    """Every point of what is billed of instances, with the name of the service."""
    return ((resource["service_name"], point) for resource, _, point in points(emulator, BILLED, hours=40))


def test_requests_are_counted_by_revision_and_code(emulator):
    """In one point per minute, at its end; what no container saw is not counted."""
    found = Cloud(emulator).create("hello", service())
    for code in (200, 200, 500):
        assert httpx.get(found.uri, params={"status": code}).status_code == code
    assert httpx.get(found.uri, headers={"Host": "elsewhere.example"}).status_code == 404
    emulator.advance(60)

    counted = Counter()
    for resource, labels, point in points(emulator, "request_count"):
        assert (point.interval.end_time - point.interval.start_time).total_seconds() == 60
        counted[resource["revision_name"], labels["response_code"], labels["response_code_class"]] += (
            point.value.int64_value
        )
    revision = found.latest_ready_revision.rpartition("/")[2]
    assert counted == {(revision, "200", "2xx"): 2, (revision, "500", "5xx"): 1}
    assert sum(point.value.distribution_value.count for *_, point in points(emulator, "request_latencies")) == 3


def test_what_is_billed_is_told(emulator):
    """Of one that answers tenths of seconds; of one that is kept, or billed whole, all of its time."""
    cloud, whole = Cloud(emulator), service()
    whole.template.containers[0].resources.cpu_idle = False
    whole.template.containers[0].resources.limits.update({"cpu": "1", "memory": "512Mi"})
    made = [cloud.create("hello", service()), cloud.create("kept", kept(service())), cloud.create("always", whole)]
    for asked in made:
        assert httpx.get(asked.uri).status_code == 200
    emulator.advance(10 * 3600)

    seconds, told = Counter(), [*billed(emulator)]
    for name, point in told:
        seconds[name] += point.value.double_value
    assert max(point.interval.end_time for _, point in told) <= now(emulator) - timedelta(minutes=2)
    tenths = seconds["hello"] * 10
    assert 1 <= tenths < 100
    assert tenths == pytest.approx(round(tenths))
    assert 10 * 3600 - 400 < seconds["kept"] < 10 * 3600 + 100
    assert 900 <= seconds["always"] < 1000, "nobody keeps it: it is gone after a quarter of an hour"

    cloud.services.delete_service(name=made[1].name).result(timeout=30)
    emulator.advance(3600)
    before = sum(point.value.double_value for name, point in billed(emulator) if name == "kept")
    emulator.advance(3600)
    again = [point for name, point in billed(emulator) if name == "kept"]
    assert sum(point.value.double_value for point in again) == before
    times = sorted((point.interval.start_time, point.interval.end_time) for point in again)
    assert all(one[1] <= other[0] for one, other in pairwise(times))
    assert len(times) < 20, "a quiet time is a few points, and not one for each minute"


def test_what_is_billed_is_told_up_to_where_a_reader_asks(emulator):
    """Whoever reads ten minutes of an instance that is kept finds ten, however seldom it is looked at."""
    Cloud(emulator).create("kept", kept(service()))
    emulator.advance(5 * 3600)
    until = now(emulator).replace(second=0, microsecond=0) - timedelta(minutes=3)
    request = {
        "name": "projects/local",
        "filter": f'metric.type = "run.googleapis.com/{BILLED}"',
        "interval": {"start_time": until - timedelta(minutes=10), "end_time": until},
    }

    api = client(emulator, monitoring_v3.MetricServiceClient)
    (found,) = api.list_time_series(request=request)
    assert sum(point.value.double_value for point in found.points) == pytest.approx(600)

    request["interval"] = {
        "start_time": {"seconds": -62135596800},
        "end_time": {"seconds": 253402300799, "nanos": 999999999},
    }
    (found,) = api.list_time_series(request=request)
    assert sum(point.value.double_value for point in found.points) > 600, "from the first date to the last"


def test_a_clean_stop_loses_no_billed_time(tmp_path):
    """What was not told when it stopped is told after it; as much as is on the bill, but for the newest minutes."""
    first = Emulator.start(tmp_path)
    Cloud(first).create("kept", kept(service()))
    first.advance(4 * 3600)
    first.stop()

    second = Emulator.start(tmp_path)
    try:
        found = sum(point.value.double_value for _, point in billed(second))
        a_second = Decimal("0.0000025") * Decimal("1.5")
        paid = sum(Decimal(line["amount"]) for line in second.control("GET", "spend"))
        assert found == pytest.approx(float(paid / a_second), abs=200)
        assert found > 4 * 3600 - 200
    finally:
        second.stop()


@pytest.mark.parametrize("took_ms", [0.0, 0.5, 1.0, 42.0, 1e9])
def test_latencies_fall_into_their_bucket(took_ms):
    """Whatever there is below the first bound and from the last one on included."""
    answers = Answers()
    answers.add(took_ms)
    answers.add(took_ms)

    [bucket] = [index for index, count in enumerate(answers.buckets) if count]
    low, high = [0.0, *BOUNDS_MS][bucket], [*BOUNDS_MS, float("inf")][bucket]
    assert low <= took_ms < high
    assert (answers.count, answers.mean_ms, answers.squares) == (2, took_ms, 0.0)


def test_what_instances_take_is_told(emulator):
    """Of CPU and memory what its processes took, how many requests at once, starts and how many instances there are."""
    found = Cloud(emulator).create("hello", kept(service()))
    assert httpx.get(found.uri).status_code == 200
    emulator.advance(60)

    (resource, _, memory), *_ = points(emulator, "container/memory/utilizations")
    (*_, cpu), *_ = points(emulator, "container/cpu/utilizations")
    requests = [point.value.distribution_value for *_, point in points(emulator, "container/max_request_concurrencies")]
    (*_, starts), *_ = points(emulator, "container/startup_latencies")
    counts = [
        (labels["state"], point.value.int64_value) for _, labels, point in points(emulator, "container/instance_count")
    ]
    assert resource["revision_name"] == found.latest_ready_revision.rpartition("/")[2]
    taken_mib = memory.value.distribution_value.mean * 512
    assert 5 < taken_mib < 500, "an interpreter, and no more than it may have"
    assert 0 <= cpu.value.distribution_value.mean <= 1
    assert max(each.mean for each in requests) > 0
    assert starts.value.distribution_value.mean > 0
    assert ("active", 1) in counts
    assert {count for _, count in counts} == {0, 1}


def test_quiet_instances_are_told_of_by_the_minute_and_seldom_written(emulator):
    """One that is kept has a value for each minute of three days, in few points; another one of a quarter hour."""
    cloud = Cloud(emulator)
    kept_one, other = cloud.create("kept", kept(service())), cloud.create("other", service())
    for asked in (kept_one, other):
        assert httpx.get(asked.uri).status_code == 200
    emulator.advance(60)
    emulator.advance(3 * 86_400)

    minutes = Counter()
    written = Counter()
    for resource, _, point in points(emulator, "container/memory/utilizations", hours=80):
        minutes[resource["service_name"]] += point.value.distribution_value.count
        written[resource["service_name"]] += 1
    assert 2 * 1440 <= minutes["kept"] <= 3 * 1440 + 2
    assert 1 <= minutes["other"] <= 20
    assert written["kept"] < 20


def test_a_gpu_that_is_not_there_computes_nothing(emulator):
    """Of instances that have one it is told so, and of others nothing."""
    wanted = kept(service())
    wanted.template.node_selector.accelerator = "nvidia-l4"
    wanted.template.gpu_zonal_redundancy_disabled = True
    wanted.template.containers[0].resources.limits.update({"cpu": "4", "memory": "16Gi", "nvidia.com/gpu": "1"})
    cloud = Cloud(emulator)
    cloud.create("gpu", wanted)
    cloud.create("hello", kept(service()))
    emulator.advance(60)

    found = [*points(emulator, "container/gpu/utilizations")]
    assert {resource["service_name"] for resource, *_ in found} == {"gpu"}
    assert {point.value.distribution_value.mean for *_, point in found} == {0}


def kept(wanted):
    """One instance is kept warm."""
    wanted.scaling.min_instance_count = 1
    return wanted
