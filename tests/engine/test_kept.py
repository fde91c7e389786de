"""A destroy, and what somebody made that uses a thing of ours: only that thing stays, said before and after."""

from reconciler.engine.apply import Outcome
from reconciler.engine.planning import plan_destroy
from tests.engine.test_monitoring import MONITORING, monitors, schedules, trained_on, vertex, watched
from tests.operating import REGION, spec

PACKAGE = "google.cloud.monitoring_v3"
TOLD = {"notifications": [{"email": "ml@acme.example"}]}
ASKED = {"uptime": {"every": "1m", "path": "/", "regions": ["USA"]}, "slo": {"availability": 0.99}}
ALERTS = "google.monitoring.v3.AlertPolicyService"
HERE = f"projects/local/locations/{REGION}"


class Alerts:
    """Alert policies of theirs."""

    def __init__(self, operator):
        self.api = operator.api(PACKAGE, "alert_policy_service", "AlertPolicyService")

    def make(self, name, which, *, channels=(), period_s=60):
        """On the series that a filter selects, telling some channels."""
        window = {"alignment_period": {"seconds": period_s}, "per_series_aligner": "ALIGN_COUNT"}
        shape = {"filter": which, "comparison": "COMPARISON_GT", "threshold_value": 1, "duration": {"seconds": 60}}
        condition = {"display_name": name, "condition_threshold": {**shape, "aggregations": [window]}}
        policy = {"display_name": name, "combiner": "OR", "conditions": [condition], "notification_channels": channels}
        return self.api.create_alert_policy(request={"name": "projects/local", "alert_policy": policy}).name

    def take_away(self, *names):
        for name in names:
            self.api.delete_alert_policy(request={"name": name})


REQUESTS = 'metric.type="run.googleapis.com/request_count" AND resource.type="cloud_run_revision"'
PASSED = 'metric.type="monitoring.googleapis.com/uptime_check/check_passed" AND resource.type="cloud_run_revision"'


def channel(operator):
    api = operator.api(PACKAGE, "notification_channel_service", "NotificationChannelService")
    [ours] = api.list_notification_channels(request={"name": "projects/local"})
    return ours.name


def check(operator):
    api = operator.api(PACKAGE, "uptime_check_service", "UptimeCheckService")
    [ours] = api.list_uptime_check_configs(request={"parent": "projects/local"})
    return ours.name.rpartition("/")[2]


def promise(operator):
    """An objective of theirs on our monitored service."""
    api = operator.api(PACKAGE, "service_monitoring_service", "ServiceMonitoringService")
    [parent] = api.list_services(request={"parent": "projects/local"})
    [ours] = api.list_service_level_objectives(request={"parent": parent.name})
    theirs = {"display_name": "their goal", "goal": 0.5, "rolling_period": {"seconds": 86_400}}
    theirs["service_level_indicator"] = ours.service_level_indicator
    request = {"parent": parent.name, "service_level_objective": theirs}
    return api, api.create_service_level_objective(request=request).name


def scheduled(operator):
    """A schedule of theirs on our monitor."""
    ours = schedules(operator)["skew"]
    kept = ("cron", "maxConcurrentRunCount", "createModelMonitoringJobRequest")
    return vertex(operator).post(f"{HERE}/schedules", {**{k: ours[k] for k in kept}, "displayName": "their runs"})


def applied(operator, wanted):
    assert [str(each.error) for each in operator.apply(wanted).failed] == []


def refused(operator):
    """What a plan says will be refused, by kind."""
    changes = plan_destroy(operator.session(), [(REGION, "churn")]).plan.changes
    said = {c.address.kind: c.consequence for c in changes if "refused" in c.consequence}
    return {kind: text.partition("used by others: ")[2] for kind, text in said.items()}


def of_kinds(results, outcome):
    return {each.change.address.kind: each.error for each in results if each.outcome is outcome}


def accounts(operator):
    api = operator.connection.rest("iam.googleapis.com", "v1")
    return [each["email"] for each in api.listed("projects/local/serviceAccounts", "accounts")]


def test_a_channel_that_stays_keeps_nothing_else(operator):
    """Somebody's alert tells our channel: the service is gone all the same, and its account with it."""
    applied(operator, spec(**TOLD))
    assert [email for email in accounts(operator) if email.startswith("churn")]
    theirs = Alerts(operator)
    made = theirs.make("their alert", REQUESTS, channels=[channel(operator)])

    report = operator.destroy("churn")

    [stays] = report.failed
    assert stays.change.address.kind == "monitoring_notification_channel"
    assert operator.services() == []
    assert not [email for email in accounts(operator) if email.startswith("churn")]

    theirs.take_away(made)
    assert not operator.destroy("churn").failed
    assert operator.inventories() == {}


def test_what_others_use_is_said_refused_and_gone_at_last(operator):
    """Four things of theirs, each named by the plan, and with what helps by the refusal; nothing else stays."""
    trained_on(operator)
    applied(operator, {**watched(), "spec": {**watched()["spec"], **TOLD, "monitoring": {**MONITORING, **ASKED}}})
    assert refused(operator) == {}, "what is ours goes first"
    theirs = Alerts(operator)
    asked = f'{PASSED} AND metric.labels.check_id="{check(operator)}"'
    alerts = [theirs.make("told", REQUESTS, channels=[channel(operator)]), theirs.make("down", asked, period_s=1200)]
    (promises, objective), schedule = promise(operator), scheduled(operator)["name"]
    named = {
        "monitoring_notification_channel": ("alert policy told", alerts[0]),
        "monitoring_uptime_check": ("alert policy down", alerts[1]),
        "monitoring_service": ("objective their goal", objective),
        "vertex_model_monitor": ("schedule their runs", schedule),
    }

    assert refused(operator) == {kind: said for kind, (said, _) in named.items()}
    report = operator.destroy("churn")

    failed = of_kinds(report.results, Outcome.FAILED)
    assert failed.keys() == named.keys()
    for kind, (said, name) in named.items():
        assert f"delete {said} ({name})" in failed[kind].hint
        assert "://" not in str(failed[kind])
    assert of_kinds(report.results, Outcome.SKIPPED).keys() == {"vertex_model"}, "which the monitor is of"
    assert operator.services() == []

    theirs.take_away(*alerts)
    promises.delete_service_level_objective(request={"name": objective})
    vertex(operator).write("DELETE", schedule, patience_s=20)
    assert not operator.destroy("churn").failed
    assert operator.inventories() == {}
    assert monitors(operator) == []


def test_what_cannot_be_looked_at_stops_no_destroy(operator):
    """Somebody who may not list alerts destroys all the same; the plan says what it does not know."""
    assert not operator.apply(spec(**TOLD), spec("plain")).failed
    operator.emulator.faults({"method": f"{ALERTS}/ListAlertPolicies", "status": "PERMISSION_DENIED"})

    [note] = plan_destroy(operator.session(), [(REGION, "churn"), (REGION, "plain")]).plan.notes
    report = operator.destroy("churn", "plain")

    assert note.service == "churn", "nothing of the other one may be used by an alert"
    assert note.text.startswith("not known whether others use what goes: cannot list ")
    assert not report.failed
    assert operator.inventories() == {}
