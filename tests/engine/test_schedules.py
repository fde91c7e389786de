"""Triggers by the clock: Cloud Scheduler jobs that publish to a topic of the service's own."""

import pytest
from google.cloud import scheduler_v1

from reconciler.core.address import Address
from reconciler.kinds import scheduler_job
from tests.operating import REGION, spec

PLACE = f"projects/local/locations/{REGION}"
RETRAINING = {"run": {"cloudRunJob": {"name": "train"}}}
WEEKLY = {"name": "weekly", "when": {"schedule": "0 3 * * 1", "timeZone": "Europe/Paris"}}
DAILY = {"name": "daily", "when": {"schedule": "0 4 * * *"}}
WANTED = spec(triggers=[WEEKLY, DAILY], retraining=RETRAINING)
DAY_S = 86_400


@pytest.fixture(autouse=True)
def trains(operator):
    """The job that the specs name is there."""
    operator.make_job()


def api(operator):
    return operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")


def jobs(operator):
    """Every trigger's job of the region, by the last part of its name: without those that look after trainings."""
    found = {job.name.rpartition("/")[2]: job for job in api(operator).list_jobs(request={"parent": PLACE})}
    return {name: job for name, job in found.items() if not name.endswith("_sweep")}


def topics(operator):
    publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
    return [topic.name for topic in publisher.list_topics(request={"project": "projects/local"})]


def applied(operator, wanted):
    report = operator.apply(wanted)
    assert not report.failed, [str(each.error) for each in report.failed]
    assert operator.differences(wanted) == []


def test_each_schedule_publishes_to_the_topic_of_the_service(operator):
    """The topic is made first; each message says which trigger of which service it is."""
    applied(operator, WANTED)

    assert "projects/local/topics/churn-retrain" in topics(operator)
    made = jobs(operator)
    assert made.keys() == {"churn_weekly", "churn_daily"}
    assert made["churn_weekly"].time_zone == "Europe/Paris"
    assert made["churn_daily"].pubsub_target.topic_name == "projects/local/topics/churn-retrain"
    assert made["churn_daily"].pubsub_target.attributes == {"trigger": "daily", "service": "churn", "region": REGION}


@pytest.mark.slow
def test_a_job_that_has_run_is_no_difference(operator):
    """What a run leaves in a job is Google's: nothing to do, and nothing that looks like a change of somebody's."""
    applied(operator, WANTED)
    before = observed(operator).version
    operator.emulator.control("DELETE", "calls")

    operator.emulator.advance(DAY_S)

    assert operator.emulator.calls()["google.pubsub.v1.Publisher/Publish"] >= 2
    assert "last_attempt_time" in jobs(operator)["churn_daily"]
    assert observed(operator).version == before
    assert operator.differences(WANTED) == []


def observed(operator):
    return operator.session().observe_one(Address("scheduler_job", REGION, "churn_daily"))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["delete_job", "pause_job"])
def test_a_job_deleted_or_paused_behind_our_back_comes_back(operator, how):
    """At the next pass."""
    applied(operator, WANTED)
    getattr(api(operator), how)(request={"name": f"{PLACE}/jobs/churn_weekly"})

    assert len(operator.differences(WANTED)) == 1
    applied(operator, WANTED)

    assert jobs(operator)["churn_weekly"].state == scheduler_v1.Job.State.ENABLED


@pytest.mark.slow
def test_a_trigger_taken_out_of_the_spec_goes(operator):
    """Its job; with `retraining` itself the job that looks after trainings, and the topics."""
    applied(operator, WANTED)
    applied(operator, spec(triggers=[DAILY], retraining=RETRAINING))
    assert jobs(operator).keys() == {"churn_daily"}

    applied(operator, spec(retraining=RETRAINING))

    assert jobs(operator) == {}
    applied(operator, spec())
    assert not list(api(operator).list_jobs(request={"parent": PLACE}))
    assert topics(operator) == []


def test_names_of_two_services_never_meet(operator):
    """`churn` with `eu-daily` and `churn-eu` with `daily`: two jobs, each of its own service."""
    one = spec(triggers=[{**DAILY, "name": "eu-daily"}], retraining=RETRAINING)
    other = spec("churn-eu", triggers=[DAILY], retraining=RETRAINING)

    assert not operator.apply(one, other).failed

    assert operator.differences(one, other) == []
    assert jobs(operator).keys() == {"churn_eu-daily", "churn-eu_daily"}


@pytest.mark.parametrize(
    ("state", "differs", "problem"),
    [
        pytest.param("ENABLED", False, "", id="enabled"),
        pytest.param("DISABLED", False, "disabled it after an error", id="disabled"),
        pytest.param("UPDATE_FAILED", True, "failed half way", id="update-failed"),
    ],
)
def test_states_that_only_google_sets(operator, state, differs, problem):
    """A job whose update failed may run by what it was before: it is written again. The emulator never is so."""
    applied(operator, WANTED)
    live = jobs(operator)["churn_daily"]
    wanted = scheduler_job.from_api(live)
    live.state = scheduler_v1.Job.State[state]

    seen = scheduler_job.observed(Address("scheduler_job", REGION, "churn_daily"), live)

    assert (seen.fields != wanted) is differs
    assert problem in seen.problem
