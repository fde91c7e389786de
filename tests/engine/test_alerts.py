"""What people are told of a service: alert policies that a spec leads to, and the incidents they open and close."""

from datetime import timedelta

from tests.conftest import HTTP
from tests.engine.test_monitoring import WANTED, applied, fill, let_pass, logged, run_to_come, table, trained_on
from tests.operating import spec

TOLD = {**WANTED, "spec": {**WANTED["spec"], "notifications": [{"email": "ml@acme.example"}]}}
_ENDED = timedelta(minutes=20)
"""By then a run has ended."""
_MINUTE_S = 60 + 15
"""Requests are counted when the minute ends, and policies looked at a little later."""


def policies(operator):
    """Policies by what they find."""
    api = operator.api("google.cloud.monitoring_v3", "alert_policy_service", "AlertPolicyService")
    found = api.list_alert_policies(request={"name": "projects/local"})
    return {each.user_labels["mlservice-breach"]: each for each in found}


def incidents(operator, state="open"):
    """What is told of: policy, and column."""
    found = operator.emulator.control("GET", "incidents")
    return sorted(
        (each["policy_user_labels"]["mlservice-breach"], each["metric"]["labels"].get("feature_name", ""))
        for each in found
        if each["state"] == state
    )


def test_a_column_that_moved_is_told_of_until_it_is_back(operator):
    """One incident per comparison and column, mailed when it opens and when the next run finds it near enough."""
    first = run_to_come(operator)
    trained = [{"spend": n % 10, "plan": ("basic", "plus")[n % 2]} for n in range(200)]
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, trained)
    applied(operator, TOLD)
    fill(
        operator,
        "ml_logs.churn",
        [
            *logged(first - timedelta(hours=3), 100, spend=50, plans=("basic", "plus"), churns=0.1),
            *logged(first + timedelta(hours=21), 100, spend=0, plans=("basic", "plus"), churns=0.1),
        ],
    )

    let_pass(operator, first + _ENDED)
    assert incidents(operator) == [("skew", "spend")]

    operator.emulator.advance(86_400)
    assert (incidents(operator), incidents(operator, "closed")) == ([], [("skew", "spend")])
    sent = [(each["to"], each["state"]) for each in operator.emulator.control("GET", "notifications")]
    assert sent == [("ml@acme.example", "open"), ("ml@acme.example", "closed")]
    assert operator.differences(TOLD) == []


def test_what_hands_do_to_an_alert_is_in_the_plan(operator):
    """A limit that somebody raised, a policy switched off; taken out of the spec, it goes."""
    trained_on(operator)
    applied(operator, TOLD)
    found = policies(operator)
    assert found.keys() == {"skew", "drift", "prediction-drift"}
    api = operator.api("google.cloud.monitoring_v3", "alert_policy_service", "AlertPolicyService")
    skew = found["skew"]
    skew.conditions[0].condition_threshold.threshold_value, skew.enabled = 0.9, False
    api.update_alert_policy(request={"alert_policy": skew})

    [told] = operator.differences(TOLD)
    assert "conditions" in told
    assert "('enabled', False, True)" in told
    applied(operator, TOLD)
    assert policies(operator)["skew"].conditions[0].condition_threshold.threshold_value == 0.3

    fewer = {**WANTED["spec"], "notifications": [{"email": "ml@acme.example", "events": ["RolloutFailed"]}]}
    applied(operator, {**WANTED, "spec": fewer})
    assert policies(operator) == {}


PROMISED = spec(
    access={"authentication": "Public"},
    monitoring={"slo": {"availability": 0.99, "latencyP95": "2s"}},
    notifications=[{"email": "ml@acme.example", "events": ["SloBreached"]}],
)


def answered(operator, code, times):
    """Call the service, and let the minute end."""
    uri = operator.service().uri
    assert {HTTP.get(uri, params={"status": code}).status_code for _ in range(times)} == {code}
    operator.emulator.advance(_MINUTE_S)


def burning(operator, state="open"):
    found = operator.emulator.control("GET", "incidents")
    return sorted(each["policy_user_labels"]["mlservice-alert"] for each in found if each["state"] == state)


def test_a_broken_promise_is_told_of_until_it_is_kept_again(operator):
    """A service that answers 500 opens the alerts on availability alone; good answers close them; both are mailed."""
    applied(operator, PROMISED)

    answered(operator, 200, 20)
    assert burning(operator) == []
    answered(operator, 500, 10)
    both = ["slo-availability-fast-europe-west1", "slo-availability-slow-europe-west1"]
    assert burning(operator) == both

    operator.emulator.advance(31 * _MINUTE_S)
    answered(operator, 200, 20)
    assert (burning(operator), burning(operator, "closed")) == ([], both)
    sent = [(each["to"], each["state"]) for each in operator.emulator.control("GET", "notifications")]
    assert sent == [("ml@acme.example", "open")] * 2 + [("ml@acme.example", "closed")] * 2
    assert operator.differences(PROMISED) == []


def test_what_hands_do_to_a_promise_is_in_the_plan(operator):
    """A goal lowered, slow answers alone counted, an objective deleted; taken out of the spec, all of it goes."""
    applied(operator, PROMISED)
    api = operator.api("google.cloud.monitoring_v3", "service_monitoring_service", "ServiceMonitoringService")
    parent = "projects/local/services/churn-europe-west1"
    found = {each.name.rpartition("/")[2]: each for each in api.list_service_level_objectives(parent=parent)}
    found["latency"].service_level_indicator.request_based.distribution_cut.range_.min_ = 1.0
    api.update_service_level_objective(service_level_objective=found["latency"])
    [told] = operator.differences(PROMISED)
    assert "by_hand.service_level_indicator.request_based.distribution_cut.range.min" in told
    applied(operator, PROMISED)

    found["availability"].goal = 0.5
    api.update_service_level_objective(service_level_objective=found["availability"])
    api.delete_service_level_objective(name=found["latency"].name)

    told = operator.differences(PROMISED)
    assert [line.partition(" [")[0] for line in told] == [
        "update monitoring_slo/global/churn-europe-west1/availability",
        "create monitoring_slo/global/churn-europe-west1/latency",
    ]
    assert "('goal', 0.5, 0.99)" in told[0]
    applied(operator, PROMISED)

    applied(operator, spec(access={"authentication": "Public"}))
    assert list(api.list_services(parent="projects/local")) == []
