"""Jobs run: by the clock, by hand, again after a failure, over a restart."""

import contextlib
import threading
from datetime import UTC, datetime

import grpc
import httpx
import jwt
import pytest
from google.cloud import iam_admin_v1, scheduler_v1
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.pubsub_v1 import PublisherClient, SubscriberClient

from emulator import cloud
from emulator.apis.scheduler import jobs as methods
from emulator.apis.scheduler import turns
from emulator.apis.scheduler.model import JOBS
from tests.emulator.clients import client
from tests.emulator_iam.callers import grant
from tests.emulator_run.cloud import Cloud, service
from tests.emulator_scheduler.conftest import NAME, PLACE, make

DAY_S = 86_400
CODES = {each.name: each.value[0] for each in grpc.StatusCode}
ACCOUNT = "caller@local.iam.gserviceaccount.com"


@pytest.fixture
def account(emulator):
    """A service account that is there."""
    request = {"name": "projects/local", "account_id": "caller"}
    return client(emulator, iam_admin_v1.IAMClient).create_service_account(request=request).email


def until(emulator, text):
    """Let time pass until then."""
    now = datetime.fromisoformat(emulator.control("GET", "clock")["now"])
    emulator.advance((datetime.fromisoformat(text).replace(tzinfo=UTC) - now).total_seconds())


def status(jobs):
    """What came of the last attempt."""
    job = jobs.get_job(name=NAME)
    assert "status" in job
    return job.status


def test_a_job_runs_at_each_time_of_its_schedule(emulator, jobs, target):
    """With method, body and headers; for whom and for which time is said; then it waits for the next."""
    until(emulator, "2027-01-01T12:00:00")
    make(jobs, f"{target.url}/retrain?x=1", http={"http_method": "PUT", "body": b"go", "headers": {"X-Mine": "yes"}})

    emulator.advance(3 * DAY_S)

    assert target.scheduled() == ["2027-01-02T03:00:00Z", "2027-01-03T03:00:00Z", "2027-01-04T03:00:00Z"]
    [first, *_] = target.asked
    assert (first.method, first.path, first.body) == ("PUT", "/retrain?x=1", b"go")
    expected = {
        "X-Mine": "yes",
        "User-Agent": "Google-Cloud-Scheduler",
        "X-CloudScheduler": "true",
        "X-CloudScheduler-JobName": "nightly",
        "Content-Type": "application/octet-stream",
    }
    assert expected.items() <= first.headers.items()
    assert "Authorization" not in first.headers
    job = jobs.get_job(name=NAME)
    assert (job.status.code, job.last_attempt_time.day, job.schedule_time.day) == (0, 4, 5)


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        pytest.param(
            "2027-03-27T00:00:00",
            ["2027-03-27T02:30:00+01:00", "2027-03-28T03:00:00+02:00", "2027-03-29T02:30:00+02:00"],
            id="spring",
        ),
        pytest.param(
            "2027-10-30T00:00:00",
            ["2027-10-30T02:30:00+02:00", "2027-10-31T02:30:00+02:00", "2027-11-01T02:30:00+01:00"],
            id="autumn",
        ),
    ],
)
def test_a_change_of_clocks_fires_once(emulator, jobs, target, before, expected):
    """Half past two in Paris, which one night leaves out and another has twice."""
    until(emulator, before)
    make(jobs, target.url, schedule="30 2 * * *", time_zone="Europe/Paris")

    emulator.advance(3 * DAY_S)

    assert target.scheduled() == expected


def test_words_of_a_schedule_give_no_time(emulator, jobs, target):
    """The header is there for cron fields only."""
    make(jobs, target.url, schedule="every 2 hours")

    emulator.advance(5 * 3600)

    assert len(target.asked) == 2
    assert "X-CloudScheduler-ScheduleTime" not in target.asked[0].headers


def test_run_now(emulator, jobs, target):
    """It runs without its schedule, which stays."""
    until(emulator, "2027-01-01T12:00:00")
    before = make(jobs, target.url) and jobs.get_job(name=NAME)

    jobs.run_job(name=NAME)

    job = jobs.get_job(name=NAME)
    assert (len(target.asked), job.status.code, job.schedule_time) == (1, 0, before.schedule_time)
    assert job.last_attempt_time >= before.user_update_time


@pytest.mark.parametrize("change", ["pause", "delete", "update"])
def test_what_was_waited_for_does_not_come(emulator, jobs, target, change):
    """After a pause or a deletion; and an update waits for the new schedule only."""
    until(emulator, "2027-01-01T12:00:00")
    make(jobs, target.url)
    if change == "update":
        later = scheduler_v1.Job(name=NAME, schedule="0 5 * * *")
        jobs.update_job(job=later, update_mask={"paths": ["schedule"]})
    else:
        getattr(jobs, f"{change}_job")(name=NAME)

    emulator.advance(DAY_S)

    assert target.scheduled() == (["2027-01-02T05:00:00Z"] if change == "update" else [])


def test_what_a_paused_job_missed_it_has_missed(emulator, jobs, target):
    """Resumed, it waits for the next time."""
    until(emulator, "2027-01-01T12:00:00")
    make(jobs, target.url)
    jobs.pause_job(name=NAME)
    emulator.advance(2 * DAY_S)
    jobs.resume_job(name=NAME)

    emulator.advance(DAY_S)

    assert target.scheduled() == ["2027-01-04T03:00:00Z"]


def test_a_failed_attempt_is_repeated_as_asked(emulator, jobs, target):
    """Three times, after 10, 20 and 40 minutes; each is for the same time of the schedule."""
    until(emulator, "2027-01-01T12:00:00")
    target.answers = [500, 503, 500, 500, 200]
    make(jobs, target.url, retry_config={"retry_count": 3, "min_backoff_duration": {"seconds": 600}})

    until(emulator, "2027-01-02T03:05:00")
    assert (len(target.asked), jobs.get_job(name=NAME).schedule_time.minute) == (1, 10)
    until(emulator, "2027-01-02T03:20:00")
    assert (len(target.asked), jobs.get_job(name=NAME).schedule_time.minute) == (2, 30)
    until(emulator, "2027-01-02T12:00:00")
    assert target.scheduled() == ["2027-01-02T03:00:00Z"] * 4
    assert status(jobs).code == CODES["INTERNAL"]

    until(emulator, "2027-01-03T04:00:00")
    assert target.scheduled()[4:] == ["2027-01-03T03:00:00Z"]
    assert status(jobs).code == 0


def test_retries_end_when_the_schedule_comes_again(emulator, jobs, target):
    """A job of every hour whose retry would come after an hour."""
    until(emulator, "2027-01-01T12:30:00")
    target.answers = [500] * 5
    again = {"retry_count": 5, "min_backoff_duration": {"seconds": 3600}}
    make(jobs, target.url, schedule="0 * * * *", retry_config=again)

    until(emulator, "2027-01-01T15:30:00")

    assert [time[11:16] for time in target.scheduled()] == ["13:00", "14:00", "15:00"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (204, "OK"),
        (400, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL"),
        (503, "UNAVAILABLE"),
        (418, "UNKNOWN"),
    ],
)
def test_what_an_answer_means(jobs, target, answer, code):
    """Success is 200 to 299; the rest shows as a status, with the number in its words."""
    target.answers = [answer]
    make(jobs, target.url)

    jobs.run_job(name=NAME)

    assert status(jobs).code == CODES[code]
    assert code == "OK" or str(answer) in status(jobs).message


def test_nobody_answers(jobs):
    """An address of this machine where nothing listens."""
    make(jobs, "http://127.0.0.1:1/")

    jobs.run_job(name=NAME)

    assert status(jobs).code == CODES["UNAVAILABLE"]


@pytest.mark.parametrize("way", ["at-once", "by-a-redirect"])
def test_nothing_leaves_this_machine(jobs, target, way):
    """A stranger is not called, whoever names it."""
    target.answers, target.location = [302], "https://acme.example/"
    make(jobs, "https://acme.example/retrain" if way == "at-once" else target.url)

    jobs.run_job(name=NAME)

    assert status(jobs).code == CODES["UNAVAILABLE"]
    assert "acme.example" in status(jobs).message


def test_a_redirect_on_this_machine_is_followed(jobs, target):
    """What the last one answers counts."""
    target.answers, target.location = [307, 204], f"{target.url}/new"
    make(jobs, target.url)

    jobs.run_job(name=NAME)

    assert [each.path for each in target.asked] == ["/", "/new"]
    assert status(jobs).code == 0


def test_a_token_says_who_calls_and_whom(emulator, jobs, target, account):
    """Signed as `/oauth2/v3/certs` says, of the account, for the audience."""
    make(jobs, target.url, http={"oidc_token": {"service_account_email": account, "audience": "https://acme.example"}})
    jobs.run_job(name=NAME)

    token = target.asked[0].headers["Authorization"].removeprefix("Bearer ")
    [key] = httpx.get(f"{emulator.http}/oauth2/v3/certs").json()["keys"]
    claims = jwt.decode(token, jwt.PyJWK(key).key, algorithms=["RS256"], audience="https://acme.example")

    assert (claims["email"], claims["email_verified"]) == (account, True)


def test_no_token_of_an_account_that_is_gone(emulator, jobs, target, account):
    """The call is not made without it."""
    make(jobs, target.url, http={"oidc_token": {"service_account_email": account}})
    name = f"projects/local/serviceAccounts/{account}"
    client(emulator, iam_admin_v1.IAMClient).delete_service_account(name=name)

    jobs.run_job(name=NAME)

    assert (target.asked, status(jobs).code) == ([], CODES["PERMISSION_DENIED"])


def test_a_private_service_is_called_by_who_may(emulator, jobs, account):
    """A Cloud Run service refuses the job until its account is an invoker."""
    run = Cloud(emulator)
    uri = run.create("hello", service(public=False)).uri
    make(jobs, uri, http={"http_method": "GET", "oidc_token": {"service_account_email": account, "audience": uri}})
    jobs.run_job(name=NAME)
    assert status(jobs).code == CODES["PERMISSION_DENIED"]

    binding = policy_pb2.Binding(role="roles/run.invoker", members=[f"serviceAccount:{account}"])
    asked = iam_policy_pb2.SetIamPolicyRequest(
        resource=f"{PLACE}/services/hello", policy=policy_pb2.Policy(bindings=[binding])
    )
    run.services.set_iam_policy(asked)
    jobs.run_job(name=NAME)

    assert status(jobs).code == 0


def test_an_api_of_googles_is_this_emulator(emulator, jobs, account):
    """A Cloud Run job is started by its address at Google, with an access token of an account that may start it."""
    hello = {"image": "us-docker.pkg.dev/cloudrun/container/job"}
    task = {"template": {"template": {"containers": [hello]}}}
    httpx.post(f"{emulator.http}/v2/{PLACE}/jobs?jobId=train", json=task).raise_for_status()
    grant(emulator, ("roles/run.invoker", f"serviceAccount:{account}"))
    uri = f"https://run.googleapis.com/v2/{PLACE}/jobs/train:run"
    make(jobs, uri, http={"oauth_token": {"service_account_email": account}})

    jobs.run_job(name=NAME)

    assert status(jobs).code == 0
    assert len(list(Cloud(emulator).executions.list_executions(parent=f"{PLACE}/jobs/train"))) == 1


PUBLISHING = {"topic_name": "projects/local/topics/retrain", "attributes": {"trigger": "weekly"}}


PUBLISH = "google.pubsub.v1.Publisher/Publish"


def test_a_message_is_published(emulator, jobs):
    """Whoever subscribes to the topic gets it."""
    client(emulator, PublisherClient).create_topic(name=PUBLISHING["topic_name"])
    subscriber = client(emulator, SubscriberClient)
    reader = subscriber.create_subscription(name="projects/local/subscriptions/x1y", topic=PUBLISHING["topic_name"])
    make(jobs, pubsub_target=PUBLISHING)

    jobs.run_job(name=NAME)

    [received] = subscriber.pull(subscription=reader.name, max_messages=2).received_messages
    assert dict(received.message.attributes) == PUBLISHING["attributes"]
    assert status(jobs).code == CODES["OK"]


def test_publishing_is_repeated_and_meets_faults(emulator, jobs):
    """It is an API call like any other."""
    until(emulator, "2027-01-01T12:00:00")
    emulator.faults({"method": PUBLISH, "status": "RESOURCE_EXHAUSTED", "times": None})
    make(jobs, pubsub_target=PUBLISHING, retry_config={"retry_count": 2})

    until(emulator, "2027-01-02T04:00:00")

    assert emulator.calls()[PUBLISH] == 3
    assert status(jobs).code == CODES["RESOURCE_EXHAUSTED"]


@pytest.mark.slow
def test_a_restart_forgets_no_job(start, target):
    """Killed while it waits, it still runs at its time, once."""
    first = start()
    make(client(first, scheduler_v1.CloudSchedulerClient), target.url)
    first.kill()

    start().advance(DAY_S)

    assert len(target.asked) == 1


def advance_until_killed(emulator):
    """Let time pass; nobody is there to say when it has."""
    with contextlib.suppress(httpx.HTTPError):
        emulator.advance(DAY_S)


@pytest.mark.slow
def test_an_attempt_that_is_cut_off_is_made_again(start, target):
    """The emulator is killed while the target thinks; the next one tries again, an hour later at most."""
    first = start()
    make(client(first, scheduler_v1.CloudSchedulerClient), target.url)
    target.gate.clear()
    advancing = threading.Thread(target=advance_until_killed, args=(first,))
    advancing.start()
    assert target.arrived.wait(30)
    first.kill()
    advancing.join(30)
    target.gate.set()
    again = start()

    again.advance(3600)

    assert len(target.asked) == 2
    assert len(set(target.scheduled())) == 1
    assert status(client(again, scheduler_v1.CloudSchedulerClient)).code == 0


@pytest.fixture
def world(tmp_path, target):
    """A cloud that nobody serves, with little patience, and a job on it."""
    made = cloud.build(tmp_path / "world")
    made.add(turns.Running(patience_s=0.01))
    job = JOBS.message(name=NAME, schedule="* * * * *", state=1)
    job.http_target.uri = target.url
    with made.store.transaction():
        methods.settle(made, job)
        JOBS.save(made, job)
    yield made
    target.gate.set()
    attempts_over()
    made.operations.stop()
    made.store.close()


def attempts_over():
    """Wait for every attempt that is under way."""
    for thread in threading.enumerate():
        if thread.name == "scheduler":
            thread.join(30)


def test_a_target_that_hangs_does_not_stop_time(world, target):
    """Time goes on without it; it is not called again while it thinks, and waits for its schedule after that."""
    target.gate.clear()

    world.clock.advance(2 * DAY_S)

    assert target.arrived.wait(30)
    assert (len(target.asked), JOBS.get(world, NAME).HasField("status")) == (1, False)
    target.gate.set()
    attempts_over()
    assert JOBS.get(world, NAME).HasField("status")
    world.clock.advance(0)
    attempts_over()
    assert len(target.asked) == 2, "the time that came meanwhile, once"


def test_an_update_during_an_attempt_is_not_undone(world, target):
    """The attempt writes what came of it, and leaves the rest and the new schedule alone."""
    target.gate.clear()
    world.clock.advance(60)
    assert target.arrived.wait(30)
    job = JOBS.get(world, NAME)
    job.schedule = "0 5 * * *"
    methods.settle(world, job)
    JOBS.save(world, job)

    target.gate.set()
    attempts_over()

    after = JOBS.get(world, NAME)
    assert (after.schedule, after.HasField("status")) == ("0 5 * * *", True)
    assert after.schedule_time == job.schedule_time


def test_a_job_deleted_during_an_attempt_stays_deleted(world, target):
    """What came of it is of no interest any more."""
    target.gate.clear()
    world.clock.advance(60)
    assert target.arrived.wait(30)
    methods.forget(world, JOBS.get(world, NAME))
    JOBS.remove(world, NAME)

    target.gate.set()
    attempts_over()

    assert JOBS.find(world, NAME) is None
