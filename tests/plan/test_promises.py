"""What callers are promised, as objectives and as alerts on how fast what may fail is used up."""

import pytest
import yaml

from reconciler.core.facts import Facts
from reconciler.kinds import monitoring_notification_channel as channels
from reconciler.kinds import monitoring_slo
from reconciler.kinds.monitoring_alert_policy.promises import promises
from reconciler.lookups.project_number import PROJECT_NUMBER
from schemas import MLService, SpecError, load
from tests.operating import spec

FACTS = Facts("acme", "acme-mlservice", answers={(PROJECT_NUMBER, "acme"): "402718281828"})
TRAINS = {
    "triggers": [{"name": "broken", "when": {"breach": ["slo"]}}],
    "retraining": {"run": {"cloudRunJob": {"name": "train"}}},
}


def service(*, more=None, **slo):
    return MLService.model_validate(spec(monitoring={"slo": slo}, **(more or {})))


def test_each_promise_is_an_objective_of_the_service_in_its_region():
    """Availability by the share without a 5xx; latency by the share that is as fast, 95 of a hundred."""
    found = {
        want.address.name: want.fields
        for want in monitoring_slo.desired(service(availability=0.995, latencyP95="300ms"), FACTS)
    }

    availability, latency = found["churn-europe-west1/availability"], found["churn-europe-west1/latency"]
    assert (availability.goal, latency.goal, latency.fast_ms) == (0.995, 0.95, 300.0)
    assert availability.bad == f'{availability.total} AND metric.labels.response_code_class = "5xx"'
    for text in (availability.total, latency.latencies):
        assert 'resource.type = "cloud_run_revision" AND resource.labels.service_name = "churn"' in text
        assert 'resource.labels.location = "europe-west1"' in text


@pytest.mark.parametrize(
    ("goal", "rates"),
    [(0.9999, [14.4, 6.0]), (0.995, [14.4, 6.0]), (0.95, [14.4, 6.0]), (0.9, [9.0, 6.0]), (0.5, [1.8, 1.8])],
)
def test_people_are_told_at_a_rate_that_can_be_reached(goal, rates):
    """With a low goal everything may fail without the budget burning fourteen times too fast."""
    found = list(promises(service(availability=goal), FACTS))

    assert [[each.threshold for each in alert.conditions] for alert in found] == [[rate] * 2 for rate in rates]
    assert all(rate * (1 - goal) < 1 for rate in rates)


def test_both_windows_of_a_speed_have_to_burn():
    """An hour and five minutes, six hours and thirty; the objective comes first."""
    fast, slow = promises(service(availability=0.995), FACTS)

    name = "projects/acme/services/churn-europe-west1/serviceLevelObjectives/availability"
    assert [each.filter for each in fast.conditions] == [
        f'select_slo_burn_rate("{name}", "3600s")',
        f'select_slo_burn_rate("{name}", "300s")',
    ]
    assert [each.filter.rpartition('"')[0].rpartition('"')[2] for each in slow.conditions] == ["21600s", "1800s"]
    assert {fast.combiner, slow.combiner} == {"AND"}
    assert {address.kind for alert in (fast, slow) for address in alert.needs} == {"monitoring_slo"}
    assert fast.labels["mlservice-breach"] == "slo"


def test_the_function_is_told_where_a_broken_promise_starts_a_training():
    """By a channel to its own topic, once, whoever else names that; without such a trigger there is none."""
    told = service(availability=0.99, more=TRAINS)
    assert [entry.pubsub for entry in channels.function_of(told)] == ["churn-retrain"]
    found = [want.address for want in channels.desired(told, FACTS)]
    assert len([each for each in found if each.kind == channels.NAME]) == 1
    assert any(each.kind == "iam_member" for each in found)

    twice = service(availability=0.99, more={**TRAINS, "notifications": [{"pubsub": "churn-retrain"}]})
    both = [want.address for want in channels.desired(twice, FACTS) if want.address.kind == channels.NAME]
    assert len(both) == 1
    assert channels.function_of(service(availability=0.99)) == ()


def test_more_nines_than_google_watches_are_refused(tmp_path):
    """With the place: an apply would fail."""
    path = tmp_path / "mlservice.yaml"
    path.write_text(yaml.safe_dump(spec(monitoring={"slo": {"availability": 0.99999}})))

    with pytest.raises(SpecError, match=r"0\.9999 is the most"):
        load(path)
