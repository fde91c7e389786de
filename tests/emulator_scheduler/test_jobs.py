"""What jobs are: made, read, listed, changed, paused, deleted, refused."""

from datetime import datetime

import httpx
import pytest
from google.api_core import exceptions
from google.cloud import iam_admin_v1, scheduler_v1

from tests.emulator.clients import client
from tests.emulator_scheduler.conftest import NAME, PLACE, make

State = scheduler_v1.Job.State
TOPIC = "projects/local/topics/retrain"
ACCOUNT = "caller@local.iam.gserviceaccount.com"


def seconds(duration):
    return duration.total_seconds()


@pytest.fixture
def account(emulator):
    """A service account that is there."""
    request = {"name": "projects/local", "account_id": "caller"}
    return client(emulator, iam_admin_v1.IAMClient).create_service_account(request=request).email


def test_a_job_is_filled_in(either):
    """What the caller left out the server writes; when it will run is said from the first read on."""
    made = make(either, http={"body": b"{}"})
    read = either.get_job(name=NAME)

    assert (made.state, made.time_zone, made.schedule) == (State.ENABLED, "Etc/UTC", "0 3 * * *")
    assert made.http_target.http_method == scheduler_v1.HttpMethod.POST
    assert dict(made.http_target.headers) == {
        "User-Agent": "Google-Cloud-Scheduler",
        "Content-Type": "application/octet-stream",
    }
    assert seconds(made.attempt_deadline) == 180
    retry = made.retry_config
    assert (retry.retry_count, retry.max_doublings) == (0, 5)
    assert (seconds(retry.min_backoff_duration), seconds(retry.max_backoff_duration)) == (5, 3600)
    assert (made.schedule_time, read.schedule_time.hour) == (None, 3)
    assert "last_attempt_time" not in read
    assert "status" not in read
    read.schedule_time = None
    assert read == made


def test_a_pubsub_target(either):
    """It has no deadline, and its topic need not be there."""
    made = make(either, pubsub_target={"topic_name": TOPIC, "attributes": {"trigger": "weekly"}})

    assert made.pubsub_target.attributes == {"trigger": "weekly"}
    assert "attempt_deadline" not in made


def test_a_bare_host_gets_a_slash(jobs):
    """And only that."""
    assert make(jobs, "https://acme.example").http_target.uri == "https://acme.example/"
    jobs.delete_job(name=NAME)
    for uri in ("https://acme.example?a=1", "https://acme.example/acme.example"):
        assert make(jobs, uri, name="").http_target.uri == uri


def test_headers_of_the_services_own_cannot_be_set(jobs):
    """They are left out; the others stay as they are."""
    sent = {"Host": "x", "x-google-y": "x", "X-CloudScheduler-JobName": "x", "user-agent": "x", "X-Mine": "yes"}

    headers = make(jobs, http={"headers": sent}).http_target.headers

    assert dict(headers) == {"X-Mine": "yes", "User-Agent": "Google-Cloud-Scheduler"}


def test_tokens_are_filled_in(jobs, account):
    """For whom: the address; for what: everything."""
    made = make(jobs, http={"oidc_token": {"service_account_email": account}})
    assert made.http_target.oidc_token.audience == "https://acme.example/retrain"
    jobs.delete_job(name=NAME)

    made = make(jobs, "https://run.googleapis.com/v2/x:run", http={"oauth_token": {"service_account_email": account}})
    assert made.http_target.oauth_token.scope == "https://www.googleapis.com/auth/cloud-platform"


def test_a_name_is_taken_once(either):
    """In Google's words."""
    make(either)
    with pytest.raises(exceptions.Conflict, match=f"Job {NAME} already exists"):
        make(either)


def test_a_name_may_be_left_to_the_server(jobs):
    """Two jobs, two names."""
    names = {make(jobs, name="").name for _ in range(2)}

    assert len(names) == 2
    assert all(name.startswith(f"{PLACE}/jobs/") for name in names)


@pytest.mark.parametrize("name", ["nightly", f"{PLACE}/jobs/a.b", f"{PLACE}/jobs/{'x' * 501}", f"{PLACE}/jobs/"])
def test_a_malformed_name_is_refused(jobs, name):
    """Wherever a job is named."""
    for ask in (lambda: make(jobs, name=name), lambda: jobs.update_job(job=scheduler_v1.Job(name=name))):
        with pytest.raises(exceptions.InvalidArgument, match="Job name must be formatted"):
            ask()


def test_the_longest_name(jobs):
    """Five hundred characters."""
    assert make(jobs, name=f"{PLACE}/jobs/{'x_-' * 166}xx").name


def test_a_name_of_another_place_is_refused(jobs):
    """A job is made where it is asked for."""
    with pytest.raises(exceptions.InvalidArgument, match="must begin with the parent"):
        make(jobs, name="projects/local/locations/us-east1/jobs/nightly")


def test_what_is_not_there(either):
    """The same answer for every method."""
    asked = (either.get_job, either.delete_job, either.pause_job, either.resume_job, either.run_job)
    for method in asked:
        with pytest.raises(exceptions.NotFound, match=r"Job not found."):
            method(name=NAME)
    with pytest.raises(exceptions.NotFound, match=r"Job not found."):
        either.update_job(job=scheduler_v1.Job(name=NAME), update_mask={"paths": ["description"]})


BAD = {
    "no-schedule": ({"schedule": ""}, "Schedule or time zone is invalid."),
    "schedule": ({"schedule": "0 3 * *"}, "Schedule or time zone is invalid."),
    "time-zone": ({"time_zone": "Europe/Pariss"}, "Schedule or time zone is invalid."),
    "never": ({"schedule": "0 0 31 2 *"}, "Schedule or time zone is invalid."),
    "no-target": ({"http_target": None}, "target must be set"),
    "description": ({"description": "x" * 501}, "description"),
    "deadline-short": ({"attempt_deadline": {"seconds": 14}}, "attempt_deadline"),
    "deadline-long": ({"attempt_deadline": {"seconds": 1801}}, "attempt_deadline"),
    "retries-many": ({"retry_config": {"retry_count": 6}}, "retry_count"),
    "retries-few": ({"retry_config": {"retry_count": -1}}, "retry_count"),
    "backoff": ({"retry_config": {"min_backoff_duration": {"seconds": 3601}}}, "min_backoff_duration"),
    "backoff-negative": ({"retry_config": {"min_backoff_duration": {"seconds": -1}}}, "negative"),
    "doublings": ({"retry_config": {"max_doublings": -1}}, "negative"),
    "uri": ({"http": {"uri": "ftp://acme.example"}}, "HttpTarget.uri"),
    "uri-without-host": ({"http": {"uri": "https://"}}, "HttpTarget.uri"),
    "uri-long": ({"http": {"uri": "https://acme.example/" + "x" * 2063}}, "HttpTarget.uri"),
    "body": ({"http": {"http_method": "GET", "body": b"x"}}, "HttpTarget.body"),
    "headers": ({"http": {"headers": {"X-Long": "x" * 81920}}}, "80KB"),
    "token-in-the-open": (
        {"http": {"uri": "http://acme.example", "oidc_token": {"service_account_email": ACCOUNT}}},
        "must start with 'https://'",
    ),
    "topic": ({"pubsub_target": {"topic_name": "retrain", "data": b"x"}}, "topic_name"),
    "topic-elsewhere": ({"pubsub_target": {"topic_name": "projects/other/topics/x", "data": b"x"}}, "same project"),
    "message": ({"pubsub_target": {"topic_name": TOPIC}}, "at least one attribute"),
}


@pytest.mark.parametrize(("fields", "words"), BAD.values(), ids=BAD.keys())
def test_values_are_refused(jobs, fields, words):
    """One past each bound; nothing is left behind."""
    with pytest.raises(exceptions.InvalidArgument, match=words):
        make(jobs, **fields)

    assert list(jobs.list_jobs(parent=PLACE)) == []


GOOD = {
    "description": {"description": "x" * 500},
    "deadline-short": {"attempt_deadline": {"seconds": 15}},
    "deadline-long": {"attempt_deadline": {"seconds": 1800}},
    "retries": {"retry_config": {"retry_count": 5, "min_backoff_duration": {"seconds": 3600}}},
    "uri": {"http": {"uri": "https://acme.example/" + "x" * 2062}},
    "body": {"http": {"http_method": "PATCH", "body": b"x"}},
    "words": {"schedule": "every 2 hours"},
    "zone": {"time_zone": "America/New_York"},
}


@pytest.mark.parametrize("fields", GOOD.values(), ids=GOOD.keys())
def test_bounds_themselves_are_taken(jobs, fields):
    """The last good value."""
    assert make(jobs, **fields).name == NAME


def test_an_account_that_is_not_there_is_refused(jobs):
    """With the permission that is missing on it."""
    with pytest.raises(exceptions.PermissionDenied, match=r"iam.serviceAccounts.actAs.*caller@local.*may not exist"):
        make(jobs, http={"oidc_token": {"service_account_email": ACCOUNT}})


def test_what_is_not_emulated_says_so(jobs):
    """App Engine, and words of schedules that we do not know."""
    with pytest.raises(exceptions.MethodNotImplemented, match="App Engine"):
        make(jobs, http_target=None, app_engine_http_target={"relative_uri": "/x"})
    with pytest.raises(exceptions.MethodNotImplemented, match="1st monday"):
        make(jobs, schedule="1st monday of month 09:00")


def test_jobs_are_listed_in_pages(either):
    """By name, of one place."""
    for each in "cab":
        make(either, name=f"{PLACE}/jobs/{each}")
    elsewhere = "projects/local/locations/us-east1"
    there = scheduler_v1.Job(schedule="0 3 * * *", http_target={"uri": "https://acme.example/"})
    either.create_job(parent=elsewhere, job=there)

    pages = list(either.list_jobs(request={"parent": PLACE, "page_size": 2}).pages)

    assert [[job.name[-1] for job in page.jobs] for page in pages] == [["a", "b"], ["c"]]
    assert len(list(either.list_jobs(parent=elsewhere))) == 1


def test_only_masked_fields_change(either):
    """A field in a target, too; what is masked and left out is cleared."""
    before = make(either, description="old", time_zone="Europe/Paris", http={"headers": {"X-Mine": "yes"}})
    wanted = scheduler_v1.Job(name=NAME, schedule="0 4 * * *", http_target={"uri": "https://acme.example/new"})
    paths = ["schedule", "description", "http_target.uri"]

    changed = either.update_job(job=wanted, update_mask={"paths": paths})

    assert (changed.schedule, changed.description, changed.time_zone) == ("0 4 * * *", "", "Europe/Paris")
    assert (changed.http_target.uri, changed.http_target.headers["X-Mine"]) == ("https://acme.example/new", "yes")
    assert changed.user_update_time > before.user_update_time
    assert changed.schedule_time.hour in {2, 3}, "four o'clock in Paris"


def test_the_kind_of_target_can_change(jobs):
    """One goes, the other comes."""
    make(jobs)
    wanted = scheduler_v1.Job(name=NAME, pubsub_target={"topic_name": TOPIC, "data": b"x"})

    changed = jobs.update_job(job=wanted, update_mask={"paths": ["pubsub_target"]})

    assert "http_target" not in changed
    assert "attempt_deadline" not in changed
    assert changed.pubsub_target.data == b"x"


def test_what_the_server_writes_cannot_be_set(jobs):
    """It is ignored, in a mask as well."""
    then = datetime.fromisoformat("2001-01-01T00:00:00+00:00")
    wanted = scheduler_v1.Job(name=NAME, state=State.PAUSED, last_attempt_time=then, user_update_time=then)
    assert make(jobs, state=State.PAUSED, last_attempt_time=then).state == State.ENABLED

    changed = jobs.update_job(job=wanted, update_mask={"paths": ["state", "last_attempt_time", "user_update_time"]})

    assert changed.state == State.ENABLED
    assert "last_attempt_time" not in changed
    assert changed.user_update_time > then


def test_an_update_is_checked_and_leaves_what_was(jobs):
    """A bad value and an unknown field."""
    make(jobs)
    wanted = scheduler_v1.Job(name=NAME, schedule="nonsense")
    with pytest.raises(exceptions.InvalidArgument, match=r"Schedule or time zone is invalid."):
        jobs.update_job(job=wanted, update_mask={"paths": ["schedule"]})
    with pytest.raises(exceptions.InvalidArgument, match="Invalid mask for Job: timeZones"):
        jobs.update_job(job=wanted, update_mask={"paths": ["timeZones"]})

    assert jobs.get_job(name=NAME).schedule == "0 3 * * *"


def test_pause_and_resume(either):
    """A paused job waits for nothing; an update keeps it paused."""
    make(either)

    paused = either.pause_job(name=NAME)
    assert (paused.state, paused.schedule_time) == (State.PAUSED, None)
    changed = either.update_job(
        job=scheduler_v1.Job(name=NAME, description="new"), update_mask={"paths": ["description"]}
    )
    assert (changed.state, changed.schedule_time) == (State.PAUSED, None)
    resumed = either.resume_job(name=NAME)
    assert (resumed.state, resumed.schedule_time.hour) == (State.ENABLED, 3)


def test_states_that_do_not_fit_are_refused(jobs):
    """A paused job is not run, not even by hand."""
    make(jobs)
    with pytest.raises(exceptions.FailedPrecondition, match=r"Job.state must be PAUSED for ResumeJob."):
        jobs.resume_job(name=NAME)
    jobs.pause_job(name=NAME)
    for method, name in ((jobs.pause_job, "PauseJob"), (jobs.run_job, "RunJob")):
        with pytest.raises(exceptions.FailedPrecondition, match=rf"Job.state must be ENABLED for {name}\."):
            method(name=NAME)


def test_a_deleted_job_is_gone(either):
    """And its name is free."""
    make(either)
    either.delete_job(name=NAME)

    with pytest.raises(exceptions.NotFound):
        either.get_job(name=NAME)
    assert make(either).name == NAME


def test_projects_by_number_and_by_id(jobs, emulator):
    """It is one job."""
    make(jobs)
    project = httpx.get(f"{emulator.http}/v3/projects/local").json()["name"]
    assert jobs.get_job(name=NAME.replace("projects/local", project)).name == NAME
