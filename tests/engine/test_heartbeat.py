"""An operator does not die in silence: each pass is told of, and people hear when none came."""

import json
from datetime import UTC, datetime

import pytest
from google.cloud import monitoring_v3 as monitoring
from google.iam.v1 import iam_policy_pb2

from reconciler.cli.commands.install import _first_beat
from reconciler.core import heartbeat
from reconciler.core.errors import ApiError
from reconciler.core.orders import Orders
from reconciler.engine.entries import Circumstances
from reconciler.engine.heartbeat import beat, begin
from reconciler.engine.job import Job as Pass
from reconciler.engine.operators import Installed
from reconciler.engine.planning import make_plan
from reconciler.engine.shard import Shard
from schemas import load
from tests.emulator.clients import client
from tests.emulator_iam.callers import PROJECT
from tests.engine.test_operator import ITSELF, Job, document, names
from tests.operating import REGION, spec
from tests.operating_passes import forked_passes

MAIL = [{"email": "ml@acme.example"}]
EVERY_TEN = {"schedule": "*/10 * * * *", "notifications": MAIL}
SILENT_S = 30 * 60
"""Twice the schedule, and ten minutes."""
pytestmark = pytest.mark.timeout(300)


class Watched(Job):
    """An operator, and what is told of it."""

    @property
    def policies(self):
        return client(self.operator.emulator, monitoring.AlertPolicyServiceClient)

    def policy(self, which):
        [found] = [
            each
            for each in self.policies.list_alert_policies(name=PROJECT)
            if each.user_labels["mlservice-alert"] == which
        ]
        return found

    def told(self):
        """Receiver, state and policy of each notice."""
        sent = self.operator.emulator.control("GET", "notifications")
        return [(each["to"], each["state"], each["policy"]) for each in sent]

    def open(self):
        found = self.operator.emulator.control("GET", "incidents")
        return [each["policy_name"] for each in found if each["state"] == "open"]

    def advance(self, seconds):
        self.operator.emulator.advance(seconds)

    def start_beating(self, *specs):
        """What `install` does when all is made."""
        _first_beat(self.operator.session(), load(self.operator.write(*specs)))

    def beats(self):
        """The newest value of each outcome, by shard."""
        metrics = client(self.operator.emulator, monitoring.MetricServiceClient)
        now = self.operator.session().clock.now().timestamp()
        interval = {"start_time": {"seconds": int(now) - 3600}, "end_time": {"seconds": int(now) + 60}}
        text = heartbeat.selected("mlservice", REGION, 100)
        found: dict[str, dict[str, int]] = {}
        for line in metrics.list_time_series(request={"name": PROJECT, "filter": text, "interval": interval}):
            labels = line.metric.labels
            found.setdefault(labels["shard"], {})[labels["outcome"]] = line.points[0].value.int64_value
        return found


@pytest.fixture
def job(operator, tmp_path):
    with forked_passes(operator.emulator, tmp_path):
        yield Watched(operator)


@pytest.mark.slow
def test_a_job_that_comes_no_more_is_missed(operator, job):
    """Its schedule is paused behind our back: people are told after half an hour, and when it is back."""
    job.install(spec(), document(**EVERY_TEN))
    job.publish(spec(), document(**EVERY_TEN))
    job.advance(700)
    assert (names(operator), job.beats()) == ({"churn"}, {"0": {"ok": 1, "failed": 0, "blocked": 0}})
    schedules = operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    schedule = f"{PROJECT}/locations/{REGION}/jobs/{ITSELF}"
    schedules.pause_job(request={"name": schedule})
    job.advance(SILENT_S - 700)
    assert job.told() == []

    job.advance(800)
    assert job.told() == [("ml@acme.example", "open", "mlservice: no pass ends")]
    schedules.resume_job(request={"name": schedule})
    job.advance(660)

    assert job.told()[1:] == [("ml@acme.example", "closed", "mlservice: no pass ends")]
    assert job.open() == []


@pytest.mark.slow
def test_a_job_that_never_runs_is_missed(operator, job):
    """Its image does not start: no pass ever ends, and installing it was the first beat."""
    job.install(spec(), document(**EVERY_TEN))
    job.start_beating(document(**EVERY_TEN))
    jobs = operator.api("google.cloud.run_v2", "jobs", "Jobs")
    found = jobs.get_job(name=f"{PROJECT}/locations/{REGION}/jobs/mlservice-operator")
    found.template.template.containers[0].image = "us-docker.pkg.dev/cloudrun/container/job:latest"
    found.template.template.containers[0].args = []
    jobs.update_job(request={"job": found}).result(timeout=60)

    job.advance(SILENT_S + 120)

    assert job.told() == [("ml@acme.example", "open", "mlservice: no pass ends")]


@pytest.mark.slow
def test_passes_that_fail_are_told_of(operator, job):
    """One service cannot be made: who asked for it hears of it, and hears that it is over."""
    wanted = document(
        schedule="*/10 * * * *", notifications=[*MAIL, {"email": "x@y.example", "events": ["PassMissing"]}]
    )
    missing = spec("other", image="europe-west1-docker.pkg.dev/local/ml/none:1")
    job.install(spec(), wanted)
    job.publish(spec(), missing, wanted)
    [report] = job.run()
    job.advance(20)
    assert (report["exitCode"], job.beats()["0"]["failed"]) == (1, 1)
    assert job.told() == [("ml@acme.example", "open", "mlservice: passes fail")]

    job.publish(spec(), wanted, written="2026-11-24T10:00:00+00:00")
    job.advance(45 * 60)

    assert job.beats()["0"] == {"ok": 1, "failed": 0, "blocked": 0}
    assert job.told()[1:] == [("ml@acme.example", "closed", "mlservice: passes fail")]


@pytest.mark.slow
def test_a_pass_without_its_specs_has_failed(job):
    """There is no bundle, so nothing is reconciled: that is told as well."""
    job.install(spec(), document(**EVERY_TEN))
    installed = Installed.find(job.operator.session())

    assert not installed.wait(installed.run(), timeout_s=120)

    assert job.beats() == {"0": {"ok": 0, "failed": 1, "blocked": 0}}


@pytest.mark.slow
def test_what_cannot_be_told_is_no_failed_pass(operator, job):
    """Its account loses the role of a writer of metrics: a warning says which permission is missing."""
    job.install(spec(), document())
    job.publish(spec(), document())
    projects = operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    whole = {"requested_policy_version": 3}
    policy = projects.get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=PROJECT, options=whole))
    left = [binding for binding in policy.bindings if binding.role != "roles/monitoring.metricWriter"]
    assert len(left) == len(policy.bindings) - 1
    del policy.bindings[:]
    policy.bindings.extend(left)
    projects.set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=PROJECT, policy=policy))

    [report] = job.run()

    assert (report["exitCode"], report["services"]["churn"]["state"], names(operator)) == (0, "changed", {"churn"})
    [warning] = report["warnings"]
    assert "monitoring.timeSeries.create" in warning
    assert "roles/monitoring.metricWriter" in json.dumps(report)


def test_two_passes_at_once_are_one_beat(operator, job):
    """Google takes a point every five seconds: nobody is bothered with the second one."""
    session = operator.session()

    assert [beat(session, "mlservice", REGION, [0], code) for code in (0, 1)] == ["", ""]
    assert job.beats() == {"0": {"ok": 1, "failed": 0, "blocked": 0}}


def test_a_pass_that_stops_before_its_end_has_failed(operator, job):
    """What stops it goes on to whoever started it, and Cloud Monitoring is told that it failed."""
    session, orders = operator.session(), Orders(name="mlservice", region=REGION)
    made = Pass(session, make_plan, orders, Shard(), None, "1", dry_run=False, about=Circumstances, started=0.0)

    with pytest.raises(ApiError, match="no answer"), made.telling():
        raise ApiError("read", "the bundle", "no answer")

    assert job.beats() == {"0": {"ok": 0, "failed": 1, "blocked": 0}}


def test_an_upgrade_says_nothing_of_passes(operator, job):
    """A shard that failed has still failed; one that is new begins to be missed."""
    session = operator.session()
    assert beat(session, "mlservice", REGION, [0], 1) == ""

    assert begin(session, "mlservice", REGION, 2) == ""

    failed, ok = {"ok": 0, "failed": 1, "blocked": 0}, {"ok": 1, "failed": 0, "blocked": 0}
    assert job.beats() == {"0": failed, "1": ok}


def test_who_changes_an_operator_that_is_dead_hears_of_it(operator, job):
    """Its last pass ended long before the policy was changed: what it said is said again, and then missed."""
    job.install(spec(), document(**EVERY_TEN))
    assert beat(operator.session(), "mlservice", REGION, [0], 1) == ""
    schedules = operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    schedules.pause_job(request={"name": f"{PROJECT}/locations/{REGION}/jobs/{ITSELF}"})
    job.advance(600)
    policy = job.policy("pass-missing")
    policy.display_name = "changed just now"
    job.policies.update_alert_policy(alert_policy=policy)
    job.start_beating(document(**EVERY_TEN))

    job.advance(SILENT_S + 120)

    assert "changed just now" in job.open()
    assert job.beats()["0"] == {"ok": 0, "failed": 1, "blocked": 0}


def test_what_was_just_told_hides_no_other_shard(operator, job):
    """Google refuses a point of the first request, and the second one is written."""
    session = operator.session()
    assert beat(session, "mlservice", REGION, [0], 1) == ""

    assert beat(session, "mlservice", REGION, range(67), 0) == ""

    beats = job.beats()
    assert (beats["0"]["ok"], beats["66"]["ok"]) == (0, 1)


def test_a_pause_is_no_silence(operator, job):
    """Paused by a person, or by the document, nobody is told; resumed, people are again."""
    job.install(spec(), document(**EVERY_TEN))
    assert job.policy("pass-missing").enabled
    job.start_beating(document(**EVERY_TEN))
    Installed.find(operator.session()).pause()
    job.advance(2 * SILENT_S)
    assert (job.policy("pass-missing").enabled, job.told()) == (False, [])
    Installed.find(operator.session()).resume()
    assert job.policy("pass-missing").enabled

    job.install(spec(), document(**EVERY_TEN, paused=True))

    assert not job.policy("pass-missing").enabled
    assert job.policy("pass-failed").enabled


def test_what_somebody_changed_is_put_back(operator, job):
    """A threshold and a receiver of the alerts, changed by hand, are what the document says after the next install."""
    wanted = document(**EVERY_TEN | {"notifications": [*MAIL, {"email": "oncall@acme.example"}]})
    job.install(spec(), wanted)
    before = job.policy("pass-missing")
    assert len(before.notification_channels) == 2
    changed = monitoring.AlertPolicy(before)
    changed.conditions[0].condition_absent.duration = {"seconds": 84_600}
    changed.notification_channels = [changed.notification_channels[1]]
    job.policies.update_alert_policy(alert_policy=changed)

    assert job.install(spec(), wanted) == 1
    after = job.policy("pass-missing")

    assert (after.conditions, set(after.notification_channels)) == (
        before.conditions,
        set(before.notification_channels),
    )
    assert job.install(spec(), wanted) == 0


def test_it_goes_with_the_operator(operator, job):
    """Uninstalled, no alert and no channel of it is left."""
    job.install(spec(), document(**EVERY_TEN))
    gone = operator.destroy(ITSELF)

    assert not gone.failed
    channels = client(operator.emulator, monitoring.NotificationChannelServiceClient)
    assert list(job.policies.list_alert_policies(name=PROJECT)) == []
    assert list(channels.list_notification_channels(name=PROJECT)) == []


def test_a_topic_is_told(operator, job):
    """The channel, and Cloud Monitoring's permission to publish; a second install has nothing to do."""
    topics = operator.api("google.pubsub_v1", "publisher", "Publisher")
    topics.create_topic(request={"name": f"{PROJECT}/topics/ops"})
    wanted = document(**EVERY_TEN | {"notifications": [{"pubsub": "ops"}]})
    job.install(spec(), wanted)

    [binding] = topics.get_iam_policy(request={"resource": f"{PROJECT}/topics/ops"}).bindings
    assert (binding.role, "gcp-sa-monitoring-notification" in binding.members[0]) == ("roles/pubsub.publisher", True)
    assert job.install(spec(), wanted) == 0


GAPS = {
    "*/5 * * * *": 20,
    "0 * * * *": 130,
    "0 */11 * * *": 1330,
    "0 6,18 * * *": 1410,
    "0 3 * * *": None,
    "0 9 * * 1": None,
}


@pytest.mark.parametrize(("schedule", "minutes"), GAPS.items())
def test_how_long_a_silence_is(operator, schedule, minutes):
    """Twice the longest gap and ten minutes, at most what Google watches; none where one pass a day is all there is."""
    planned = Watched(operator)
    planned.install(spec(), document(schedule=schedule))

    found = {each.user_labels["mlservice-alert"]: each for each in planned.policies.list_alert_policies(name=PROJECT)}

    assert ("pass-missing" in found) == (minutes is not None)
    if minutes:
        assert found["pass-missing"].conditions[0].condition_absent.duration.total_seconds() == minutes * 60


def test_points_of_many_shards():
    """Google takes two hundred series a request; a hundred shards have three hundred."""
    at = {"seconds": int(datetime.now(UTC).timestamp()), "nanos": 0}
    made = list(heartbeat.requests("local", "mlservice", REGION, range(100), "ok", at=at))

    assert [len(each["time_series"]) for each in made] == [198, 102]
    assert len(heartbeat.selected("mlservice", REGION, 100, heartbeat.OUTCOMES)) < 2048


@pytest.mark.parametrize(("code", "word"), [(0, "ok"), (1, "failed"), (3, "blocked"), (4, "failed")])
def test_how_a_pass_ended(code, word):
    """By its exit code."""
    assert heartbeat.outcome_of(code) == word
