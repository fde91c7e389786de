"""What people are told of a service: alert policies that a spec leads to, and the incidents they open and close."""

from datetime import timedelta

from tests.engine.test_monitoring import WANTED, applied, fill, logged, now, table

TOLD = {**WANTED, "spec": {**WANTED["spec"], "notifications": [{"email": "ml@acme.example"}]}}
_MINUTES = 20
"""By then a run has ended."""


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
    at = now(operator)
    trained = [{"spend": n % 10, "plan": ("basic", "plus")[n % 2]} for n in range(200)]
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, trained)
    first = at.replace(hour=6, minute=0, second=0, microsecond=0) + timedelta(days=1 if at.hour >= 6 else 0)
    applied(operator, TOLD)
    fill(
        operator,
        "ml_logs.churn",
        [
            *logged(first - timedelta(hours=3), 100, spend=50, plans=("basic", "plus"), churns=0.1),
            *logged(first + timedelta(hours=21), 100, spend=0, plans=("basic", "plus"), churns=0.1),
        ],
    )

    operator.emulator.advance((first - now(operator)).total_seconds() + _MINUTES * 60)
    assert incidents(operator) == [("skew", "spend")]

    operator.emulator.advance(86_400)
    assert (incidents(operator), incidents(operator, "closed")) == ([], [("skew", "spend")])
    sent = [(each["to"], each["state"]) for each in operator.emulator.control("GET", "notifications")]
    assert sent == [("ml@acme.example", "open"), ("ml@acme.example", "closed")]
    assert operator.differences(TOLD) == []


def test_what_hands_do_to_an_alert_is_in_the_plan(operator):
    """A limit that somebody raised, a policy switched off; taken out of the spec, it goes."""
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
