"""The throttle that all calls pass: one pace for all threads, refusals of both wires, and clients of the real cloud."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest
import requests
from google.auth.credentials import AnonymousCredentials
from grpc import _interceptor

from reconciler.core import errors
from reconciler.gcp.connection import Connection
from reconciler.gcp.refusals import of_http
from reconciler.gcp.throttle import Throttle
from tests.clocks import FakeClock

API = "run.googleapis.com"
CLIENTS = [
    ("google.cloud.run_v2", "services", "Services"),
    ("google.cloud.run_v2", "jobs", "Jobs"),
    ("google.pubsub_v1", "publisher", "Publisher"),
    ("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler"),
    ("google.cloud.iam_admin_v1", "iam", "IAM"),
    ("google.cloud.functions_v2", "function_service", "FunctionService"),
    ("google.cloud.monitoring_v3", "notification_channel_service", "NotificationChannelService"),
    ("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"),
    ("google.cloud.resourcemanager_v3", "projects", "Projects"),
    ("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService"),
]


@pytest.mark.parametrize(("package", "service", "stem"), CLIENTS, ids=[stem for *_, stem in CLIENTS])
def test_clients_of_the_real_cloud_are_paced(package, service, stem):
    """They are made as Google makes them, and every call of theirs passes the throttle. Nothing is called here."""
    connection = Connection("acme-prod", "bucket", _made={"credentials": AnonymousCredentials()})

    client = connection.client(package, service, stem)

    assert connection.throttle.limited
    assert isinstance(client.transport._grpc_channel, _interceptor._Channel)
    assert client.transport.host == f"{client.DEFAULT_ENDPOINT}:443"


def test_http_of_the_real_cloud_is_paced():
    """Cloud Storage and plain JSON, by whatever scheme."""
    connection = Connection("acme-prod", "bucket", _made={"credentials": AnonymousCredentials()})

    sessions = [connection.storage._http, connection.rest("europe-west1-aiplatform.googleapis.com", "v1").session]

    assert [session.get_adapter("https://x").api for session in sessions] == [
        "storage.googleapis.com",
        "aiplatform.googleapis.com",
    ]


def test_a_listener_stands_before_the_throttle():
    """Each session is heard as the host that it is for, and what is heard is paced all the same."""

    class Ear:
        def interceptor(self):
            raise NotImplementedError

        def adapter(self, inner, host):
            return inner, host

    connection = Connection("acme-prod", "bucket", listener=Ear(), _made={"credentials": AnonymousCredentials()})
    hosts = ["europe-west1-aiplatform.googleapis.com", "us-central1-aiplatform.googleapis.com"]

    sessions = [connection.storage._http, *(connection.rest(host, "v1").session for host in hosts)]

    heard = [session.get_adapter("https://x") for session in sessions]
    assert [host for _, host in heard] == ["storage.googleapis.com", *hosts]
    assert [inner.api for inner, _ in heard] == ["storage.googleapis.com", *["aiplatform.googleapis.com"] * 2]


def test_all_threads_share_one_quota():
    """A tenth of 500 writes a minute, four fifths of that: eight threads make 80 calls in the time that one needs."""
    clock = FakeClock()
    throttle = Throttle(shards=10, monotonic=clock.monotonic, sleep=clock.sleep, look_s=1e9)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(80):
            pool.submit(throttle.call, "cloudscheduler.googleapis.com", lambda: None, lambda _: None, write=True)

    assert throttle.counts["cloudscheduler.googleapis.com"].calls == 80
    assert clock.monotonic() >= (80 - 40) / 40 * 60  # a full bucket first


def test_a_refusal_slows_writes_and_leaves_reads():
    """Quotas are for each apart."""
    clock = FakeClock()
    throttle = Throttle(monotonic=clock.monotonic, sleep=clock.sleep, look_s=1e9)
    answers = iter(["no", "yes"])
    refused = {"no": 30.0}.get

    assert throttle.call(API, lambda: next(answers), refused, write=True) == "yes"
    waited = clock.monotonic()
    throttle.call(API, lambda: "yes", refused, write=False)

    assert 30 <= waited < 40
    assert clock.monotonic() == waited
    assert throttle.counts[API].to_json() == {"calls": 3, "throttled": 1, "waitedSeconds": round(waited, 3)}


def test_patience_ends():
    """An answer that is refused for longer is given as it is."""
    clock = FakeClock()
    throttle = Throttle(100.0, monotonic=clock.monotonic, sleep=clock.sleep, look_s=1e9)

    assert throttle.call(API, lambda: "no", {"no": 0.0}.get, write=True) == "no"
    assert clock.monotonic() <= 100


def test_a_run_that_is_stopped_does_not_wait_on():
    """Somebody pressed control and C while Google asked for patience."""
    clock, stopped = FakeClock(), Event()
    throttle = Throttle(monotonic=clock.monotonic, sleep=clock.sleep, stopped=stopped)
    stopped.set()

    with pytest.raises(errors.Interrupted):
        throttle.call(API, lambda: "no", {"no": 30.0}.get, write=True)


def answered(status, body=None, **headers):
    made = requests.Response()
    made.status_code, made.headers = status, requests.structures.CaseInsensitiveDict(headers)
    made._content = json.dumps(body).encode() if body is not None else b"<html>"
    return made


DETAILS = [
    {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"},
    {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3.5s"},
]


@pytest.mark.parametrize(
    ("answer", "told_s"),
    [
        pytest.param(answered(200, {}), None, id="fine"),
        pytest.param(answered(403, {"error": {"message": "rate limit"}}), None, id="another-status"),
        pytest.param(answered(429), None, id="no-json"),
        pytest.param(answered(429, {"error": {"message": "quota of CPUs"}}), None, id="things"),
        pytest.param(answered(429, **{"Retry-After": "7"}), 7.0, id="header"),
        pytest.param(answered(429, **{"Retry-After": "-7"}), None, id="header-without-sense"),
        pytest.param(answered(429, **{"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}), None, id="date-gone-by"),
        pytest.param(answered(429, {"error": {"errors": [{"reason": "rateLimitExceeded"}]}}), 0.0, id="cloud-storage"),
        pytest.param(answered(429, {"error": {"details": DETAILS}}), 3.5, id="details"),
        pytest.param(
            answered(429, {"error": {"details": [{"metadata": {"quota_limit": "ReadsPerMinute"}}]}}), 0.0, id="limit"
        ),
        pytest.param(answered(429, {"error": ["x"]}), None, id="another-form"),
        pytest.param(answered(429, {"error": {"details": "x", "errors": [1]}}), None, id="other-forms"),
    ],
)
def test_refusals_over_http(answer, told_s):
    """Headers and bodies of strangers: a number that makes sense, or none."""
    assert of_http(answer) == told_s
