"""Faults on demand, over both wires."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import grpc
import httpx
import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from emulator.core.faults import Counted, Rule
from tests.emulator.clients import both_wires, client

PARENT = "projects/local/locations/europe-west1"
NAME = f"{PARENT}/repositories/models"
CREATE = "google.devtools.artifactregistry.v1.ArtifactRegistry/CreateRepository"
GET = "google.devtools.artifactregistry.v1.ArtifactRegistry/GetRepository"


@pytest.fixture(params=["grpc", "rest"])
def api(emulator, request):
    return client(emulator, ar.ArtifactRegistryClient, request.param)


def create(api):
    repository = ar.Repository(format_=ar.Repository.Format.DOCKER)
    return api.create_repository(parent=PARENT, repository=repository, repository_id="models")


def test_a_call_is_refused_once(emulator, api):
    """`times` defaults to one; the message is the rule's; nothing was written."""
    emulator.faults({"method": "*/CreateRepository", "status": "UNAVAILABLE", "message": "try later"})

    with pytest.raises(exceptions.ServiceUnavailable, match="try later"):
        create(api)
    with pytest.raises(exceptions.NotFound):
        api.get_repository(name=NAME)
    create(api).result(timeout=60)

    (rule,) = emulator.control("GET", "faults")
    assert (rule["matched"], rule["applied"], rule["waiting"]) == (2, 1, 0)


def test_a_lost_answer_leaves_the_write(emulator, api):
    """`when: after`: the caller sees an error, the repository is there."""
    emulator.faults({"method": CREATE, "status": "UNAVAILABLE", "when": "after"})

    with pytest.raises(exceptions.ServiceUnavailable):
        create(api)

    assert api.get_repository(name=NAME).name == NAME
    with pytest.raises(exceptions.Conflict):
        create(api)


def test_errors_carry_details(emulator, api):
    """`ErrorInfo` arrives where Google's exceptions show it, over both wires."""
    emulator.faults({"method": GET, "status": "PERMISSION_DENIED", "reason": "SERVICE_DISABLED"})

    with pytest.raises(exceptions.Forbidden) as caught:
        api.get_repository(name=NAME)

    assert (caught.value.reason, caught.value.domain) == ("SERVICE_DISABLED", "googleapis.com")


def test_rules_can_skip_count_and_pick_writes(emulator, api):
    """`skip` lets the first calls go, `times: null` hits all others, `mutating` tells reads from writes."""
    emulator.faults({"method": "*", "mutating": True, "status": "RESOURCE_EXHAUSTED", "skip": 1, "times": None})

    create(api).result(timeout=60)
    for _ in range(2):
        with pytest.raises(exceptions.TooManyRequests):
            api.update_repository(repository=ar.Repository(name=NAME, description="x"))

    assert api.get_repository(name=NAME).description == ""


def test_latency_is_added(emulator, api):
    """`latency_ms` without a status delays and then answers."""
    create(api).result(timeout=60)
    emulator.faults({"method": GET, "latency_ms": 200, "times": None})

    before = time.monotonic()
    api.get_repository(name=NAME)

    assert time.monotonic() - before >= 0.2


def waiting(emulator, number: int) -> None:
    """Wait until so many calls hang."""
    deadline = time.monotonic() + 60
    while emulator.control("GET", "faults")[0]["waiting"] != number:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_call_hangs_until_the_faults_are_deleted(emulator, api):
    """The control API answers meanwhile; then the call goes through."""
    create(api).result(timeout=60)
    emulator.faults({"method": GET, "hang": True})
    with ThreadPoolExecutor() as pool:
        held = pool.submit(api.get_repository, name=NAME)
        waiting(emulator, 1)
        assert not held.done()

        emulator.control("DELETE", "faults")

        assert held.result(timeout=60).name == NAME


def test_a_hanging_call_ends_when_its_client_goes(emulator):
    """Over gRPC by deadline, over REST by a closed connection: nobody waits for ever."""
    emulator.faults({"method": GET, "hang": True, "times": None})
    with pytest.raises(exceptions.DeadlineExceeded):
        client(emulator, ar.ArtifactRegistryClient).get_repository(name=NAME, timeout=0.3)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{emulator.http}/v1/{NAME}", timeout=0.3)
    waiting(emulator, 0)


def test_an_operation_can_be_stuck_or_fail(emulator, api):
    """Stuck: never done, until it is cancelled. Fail: done with an error."""
    emulator.faults({"method": CREATE, "operation": "stuck"}, {"method": "*/DeleteRepository", "operation": "fail"})

    stuck = create(api)
    assert not stuck.done()
    failing = api.delete_repository(name=NAME)

    with pytest.raises(exceptions.GoogleAPICallError, match="injected fault"):
        failing.result(timeout=60)
    assert not stuck.done()


@pytest.mark.parametrize(
    "rule", [{}, {"method": "*", "status": "NOPE"}, {"method": "*", "colour": 1}, {"method": "*", "when": "later"}, "x"]
)
def test_a_rule_that_is_none_is_refused(emulator, rule):
    """A misspelt rule must not silently do nothing."""
    answer = httpx.put(f"{emulator.http}/_emulator/faults", json=[rule])

    assert answer.status_code == 400


@pytest.mark.slow
def test_many_hanging_calls_leave_the_control_api_alive(emulator):
    """Calls that hang hold worker threads, never the event loop."""
    emulator.faults({"method": GET, "hang": True, "times": None})
    threads = [threading.Thread(target=lambda: httpx.get(f"{emulator.http}/v1/{NAME}", timeout=30)) for _ in range(60)]
    for thread in threads:
        thread.start()
    waiting(emulator, 60)

    emulator.control("DELETE", "faults")

    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


def test_calls_are_counted_also_those_refused(emulator, api):
    """What the reconciler's tests measure read calls with."""
    emulator.faults({"method": GET, "status": "NOT_FOUND"})
    for _ in range(2):
        with pytest.raises(exceptions.NotFound):
            api.get_repository(name=NAME)

    assert emulator.calls() == {GET: 2}


@both_wires
def test_unknown_methods_are_unimplemented(emulator, wire):
    """A path or a method that is in no package of Google's."""
    if wire == "rest":
        assert httpx.get(f"{emulator.http}/v9/nothing").status_code == 501
        return
    with emulator.channel() as channel, pytest.raises(grpc.RpcError) as caught:
        channel.unary_unary("/google.nothing.v1.Nothing/Get")(b"")
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_storm_hits_a_part_and_passes(emulator, api):
    """Of ten calls three are refused, told when to come again; when its time is over none is."""
    create(api).result(timeout=60)
    storm = {"method": GET, "times": None, "percent": 30, "for_s": 600, "status": "RESOURCE_EXHAUSTED"}
    emulator.faults({**storm, "reason": "RATE_LIMIT_EXCEEDED", "retry_after_s": 7})
    told = []
    for _ in range(10):
        try:
            api.get_repository(name=NAME)
        except exceptions.TooManyRequests as error:
            told.append([text for each in error.details if "7" in (text := str(each)) and "etry" in text])

    emulator.advance(601)
    for _ in range(4):
        api.get_repository(name=NAME)

    assert [len(each) for each in told] == [1, 1, 1]


@pytest.mark.parametrize(("percent", "hit"), [(1, 10), (0.1, 1), (7, 70), (29, 290), (33.3, 333), (100, 1000), (0, 0)])
def test_a_part_is_exact(percent, hit):
    """Of a thousand calls as many are hit as the rule says."""
    rule = Counted(Rule("*", times=None, percent=percent))

    assert sum(rule.take("m", mutating=False, now=datetime.now(UTC)) for _ in range(1000)) == hit


def test_cloud_storage_says_when_to_come_again(emulator):
    """It has no details: a header says it."""
    emulator.faults({"method": "storage.buckets.list", "status": "RESOURCE_EXHAUSTED", "retry_after_s": 3})

    answer = httpx.get(f"{emulator.http}/storage/v1/b?project=local", trust_env=False)

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


@pytest.mark.parametrize("wrong", [{"percent": 101}, {"for_s": -1}, {"retry_after_s": -1}], ids=str)
def test_a_storm_without_sense_is_refused(emulator, wrong):
    """In words."""
    answer = httpx.put(f"{emulator.http}/_emulator/faults", json=[{"method": "*", **wrong}], trust_env=False)

    assert answer.status_code == 400
