"""A destroy, and what somebody made that uses a thing of ours: only that thing stays, said before and after."""

from reconciler.engine.apply import Outcome
from tests.operating import REGION, spec

MONITORING = "google.cloud.monitoring_v3"
PROMISES = spec(
    monitoring={"uptime": {"every": "1m", "path": "/", "regions": ["USA"]}, "slo": {"availability": 0.99}},
    notifications=[{"email": "ml@acme.example"}],
)
HERE = f"projects/local/locations/{REGION}"


def policies(operator):
    api = operator.api(MONITORING, "alert_policy_service", "AlertPolicyService")
    return api, list(api.list_alert_policies(request={"name": "projects/local"}))


def alert(operator, like, **more):
    """An alert of theirs that looks at what one of ours does; gives what takes it away."""
    api, there = policies(operator)
    [ours] = [each for each in there if like in each.display_name]
    theirs = {"display_name": "theirs", "combiner": "OR", "conditions": list(ours.conditions), **more}
    for condition in theirs["conditions"]:
        condition.name = ""
    made = api.create_alert_policy(request={"name": "projects/local", "alert_policy": theirs})
    return lambda: api.delete_alert_policy(request={"name": made.name})


def on_a_channel(operator):
    _, there = policies(operator)
    return alert(operator, there[0].display_name, notification_channels=list(there[0].notification_channels))


def failed(report):
    return [str(each.change.address) for each in report.results if each.outcome is not Outcome.DONE]


def accounts(operator):
    return [
        each["email"]
        for each in operator.connection.rest("iam.googleapis.com", "v1").listed(
            "projects/local/serviceAccounts", "accounts"
        )
    ]


def test_a_channel_that_stays_keeps_nothing_else(operator):
    """Somebody's alert tells our channel: the service is gone all the same, and its account with it."""
    operator.apply(PROMISES)
    take_away = on_a_channel(operator)

    report = operator.destroy("churn")

    [channel] = failed(report)
    assert channel.startswith("monitoring_notification_channel/global/churn/ml-acme-example")
    assert operator.services() == []
    assert not [email for email in accounts(operator) if email.startswith("churn")]

    take_away()
    assert not operator.destroy("churn").failed
    assert operator.inventories() == {}
