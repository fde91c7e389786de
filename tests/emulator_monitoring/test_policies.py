"""Alert policies through Google's own client: what is kept, what is refused."""

from contextlib import nullcontext

import httpx
import pytest
from google.api.metric_pb2 import MetricDescriptor
from google.api_core import exceptions
from google.cloud import monitoring_v3 as monitoring

from emulator.apis.monitoring.alerts.checks import check_steps
from emulator.core.failures import ApiFailure
from tests.emulator.clients import client
from tests.emulator_monitoring.making import FILTER, PROJECT, absence, now, policy, series, step, threshold


@pytest.fixture
def policies(emulator):
    """The client; the metric is there."""
    metrics = client(emulator, monitoring.MetricServiceClient)
    metrics.create_time_series(name=PROJECT, time_series=[series(now(emulator), 1)])
    return client(emulator, monitoring.AlertPolicyServiceClient)


def make(policies, **fields):
    return policies.create_alert_policy(name=PROJECT, alert_policy=policy(**fields))


def conditions(**sort):
    return [{"display_name": "it", **sort}]


def test_the_server_picks_the_names(policies):
    """Of the policy and of its conditions; it says who made it, and that it is at work."""
    first, second = make(policies), make(policies, documentation={"content": "look"})

    assert first.name != second.name
    assert first.conditions[0].name.startswith(f"{first.name}/conditions/")
    assert first == policies.get_alert_policy(name=first.name)
    assert (first.enabled, first.creation_record) == (True, first.mutation_record)
    assert first.mutation_record.mutated_by == "developer@example.com"
    assert second.documentation.mime_type == "text/markdown"


REFUSED = {
    "name": ({"name": f"{PROJECT}/alertPolicies/1"}, "Field must be empty"),
    "no-display-name": ({"display_name": ""}, "missing field alert_policy.display_name"),
    "display-name": ({"display_name": "x" * 513}, "at most 512"),
    "combiner": ({"combiner": 0}, "COMBINE_UNSPECIFIED"),
    "no-condition": ({"conditions": []}, "must be 1 to 6"),
    "seven": ({"conditions": conditions(condition_absent=absence()) * 7}, "must be 1 to 6"),
    "empty-condition": ({"conditions": [{"display_name": "it"}]}, "missing field .*conditions.0..condition"),
    "label": ({"user_labels": {"Upper": "x"}}, "invalid label key"),
    "documentation": ({"documentation": {"content": "x" * 8193}}, "at most 8192"),
    "html": ({"documentation": {"content": "x", "mime_type": "text/html"}}, "text/markdown"),
    "rate-limit": (
        {"alert_strategy": {"notification_rate_limit": {"period": {"seconds": 60}}}},
        "metric-based alert policies must not specify a notification rate limit",
    ),
    "auto-close": ({"alert_strategy": {"auto_close": {"seconds": 60}}}, "30 minutes to 7 days"),
    **{
        name: ({"conditions": conditions(condition_threshold=threshold(**fields))}, words)
        for name, fields, words in (
            ("half-minutes", {"duration": {"seconds": 90}}, "only multiples of 1 minute are supported"),
            ("a-day", {"duration": {"seconds": 86_400}}, "from 0s to 84600s"),
            ("comparison", {"comparison": "COMPARISON_EQ"}, "only COMPARISON_GT and COMPARISON_LT"),
            ("trigger", {"trigger": {"percent": 101}}, "100 at most"),
            (
                "missing-data",
                {"evaluation_missing_data": "EVALUATION_MISSING_DATA_INACTIVE"},
                "Conditions setting evaluation_missing_data must have a non-zero duration",
            ),
            ("no-resource", {"filter": FILTER.partition(" AND")[0]}, "must specify a restriction on .resource.type"),
            ("no-metric", {"filter": 'resource.type = "global"'}, "valid combination of metric"),
            ("aligner", {"aggregations": [step("ALIGN_RATE")]}, "kind GAUGE and value type INT64"),
            ("period", {"aggregations": [step("ALIGN_MAX", period_s=30)]}, "at least 60 seconds"),
            ("group", {"aggregations": [step("ALIGN_MAX", "REDUCE_MAX", groups=("x",))]}, "field name is not valid"),
        )
    },
    "short-absence": ({"conditions": conditions(condition_absent=absence(60))}, "from 120s to 84600s"),
    "long-absence": ({"conditions": conditions(condition_absent=absence(84_660))}, "from 120s to 84600s"),
}


@pytest.mark.parametrize(("fields", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_policies_are_refused(policies, fields, words):
    """In Google's words where they are known; nothing is left behind."""
    with pytest.raises(exceptions.BadRequest, match=words):
        make(policies, **fields)

    assert list(policies.list_alert_policies(name=PROJECT)) == []


@pytest.mark.parametrize(
    ("aligner", "reducer", "type_", "taken"),
    [
        ("ALIGN_NONE", "REDUCE_NONE", MetricDescriptor.STRING, False),
        ("ALIGN_NEXT_OLDER", "REDUCE_NONE", MetricDescriptor.BOOL, False),
        ("ALIGN_NEXT_OLDER", "REDUCE_COUNT", MetricDescriptor.STRING, True),
        ("ALIGN_COUNT", "REDUCE_NONE", MetricDescriptor.STRING, True),
        ("ALIGN_FRACTION_TRUE", "REDUCE_MAX", MetricDescriptor.BOOL, True),
        ("ALIGN_NONE", "REDUCE_NONE", MetricDescriptor.DOUBLE, True),
    ],
)
def test_what_is_compared_is_a_number(aligner, reducer, type_, taken):
    """Words and yes or no are aligned to one, or the policy could never be evaluated; an absence compares nothing."""
    how = monitoring.Aggregation.pb(monitoring.Aggregation(step(aligner, reducer)))
    descriptor = MetricDescriptor(metric_kind=MetricDescriptor.GAUGE, value_type=type_)
    check_steps("it", [how], descriptor, compared=False)

    with nullcontext() if taken else pytest.raises(ApiFailure, match="cannot be compared with a threshold"):
        check_steps("it", [how], descriptor, compared=True)


@pytest.mark.parametrize("seconds", [120, 84_600])
def test_the_shortest_and_the_longest_absence(policies, seconds):
    """Both are taken."""
    assert make(policies, conditions=conditions(condition_absent=absence(seconds))).name


NOT_THERE = {
    "metric": {"conditions": conditions(condition_absent=absence(filter=FILTER.replace("orders", "none")))},
    "channel": {"notification_channels": [f"{PROJECT}/notificationChannels/1"]},
}


@pytest.mark.parametrize("fields", NOT_THERE.values(), ids=NOT_THERE.keys())
def test_what_it_names_must_be_there(policies, fields):
    """A metric of anybody's exists from its first point on, or its descriptor; a channel is made before."""
    with pytest.raises(exceptions.NotFound, match=r"Cannot find metric|Could not find notification channel"):
        make(policies, **fields)


def test_a_metric_of_googles_is_there(policies):
    """Although nobody has written it yet."""
    text = 'metric.type = "run.googleapis.com/request_count" AND resource.type = "cloud_run_revision"'
    shape = threshold(filter=text, aggregations=[step("ALIGN_RATE")])

    assert make(policies, conditions=conditions(condition_threshold=shape)).name


OTHERS = {
    "condition_prometheus_query_language": {"query": "up == 0", "evaluation_interval": {"seconds": 30}},
    "condition_monitoring_query_language": {"query": "fetch x"},
    "condition_matched_log": {"filter": "severity = ERROR"},
    "condition_sql": {"query": "SELECT 1"},
}


@pytest.mark.parametrize(("sort", "fields"), OTHERS.items(), ids=OTHERS.keys())
def test_other_sorts_of_conditions_are_not_emulated(policies, sort, fields):
    """They would never open an incident: it says so, and names them."""
    with pytest.raises(exceptions.MethodNotImplemented, match=sort):
        make(policies, conditions=conditions(**{sort: fields}))


def test_only_masked_fields_change(policies):
    """Conditions keep their names when they come with them; the change is recorded."""
    made = make(policies, user_labels={"team": "a"})
    wanted = monitoring.AlertPolicy(name=made.name, display_name="new", enabled=False)

    changed = policies.update_alert_policy(alert_policy=wanted, update_mask={"paths": ["display_name"]})
    assert (changed.display_name, changed.enabled, dict(changed.user_labels)) == ("new", True, {"team": "a"})
    assert changed.conditions == made.conditions
    assert changed.mutation_record != changed.creation_record == made.creation_record
    changed.conditions.append(conditions(condition_absent=absence())[0])
    more = policies.update_alert_policy(alert_policy=changed, update_mask={"paths": ["conditions"]})

    assert [each.name for each in more.conditions][:1] == [made.conditions[0].name]
    assert more.conditions[1].name.startswith(made.name)


def test_without_a_mask_everything_is_replaced(policies):
    """A condition without a name is a new one; what only the server writes stays."""
    made = make(policies, user_labels={"team": "a"})
    wanted = policy(name=made.name)

    changed = policies.update_alert_policy(alert_policy=wanted)

    assert (dict(changed.user_labels), changed.creation_record) == ({}, made.creation_record)
    assert changed.conditions[0].name != made.conditions[0].name


def test_conditions_of_others_are_refused(policies):
    """A name that the server did not give."""
    made = make(policies)
    made.conditions[0].name += "1"

    with pytest.raises(exceptions.BadRequest, match="no condition of this policy"):
        policies.update_alert_policy(alert_policy=made)


def test_policies_are_found_and_go(policies):
    """By label, with their number in all."""
    made = [make(policies, user_labels={"team": team}) for team in "aab"]

    pages = list(policies.list_alert_policies(request={"name": PROJECT, "filter": 'user_labels.team="a"'}).pages)
    assert {each.name for page in pages for each in page.alert_policies} == {made[0].name, made[1].name}
    assert pages[0].total_size == 2
    policies.delete_alert_policy(name=made[0].name)

    with pytest.raises(exceptions.NotFound, match="Could not find alert policy"):
        policies.delete_alert_policy(name=made[0].name)


def test_a_channel_that_is_used_goes_by_force_only(emulator, policies):
    """And then out of the policies."""
    channels = client(emulator, monitoring.NotificationChannelServiceClient)
    mail = {"type_": "email", "labels": {"email_address": "a@example.com"}}
    channel = channels.create_notification_channel(name=PROJECT, notification_channel=mail)
    made = make(policies, notification_channels=[channel.name])

    with pytest.raises(exceptions.BadRequest, match=f"is used by alert policies: {made.name}"):
        channels.delete_notification_channel(name=channel.name)
    channels.delete_notification_channel(name=channel.name, force=True)

    assert list(policies.get_alert_policy(name=made.name).notification_channels) == []


def test_there_is_rest_too(emulator, policies):
    """Google's client has none; gcloud and the recordings speak it."""
    made = make(policies)
    url = f"{emulator.http}/v3/{made.name}"
    changed = httpx.patch(f"{url}?updateMask=displayName", json={"displayName": "new"})

    assert (changed.status_code, changed.json()["displayName"]) == (200, "new")
    assert httpx.get(f"{emulator.http}/v3/{PROJECT}/alertPolicies").json()["totalSize"] == 1
    assert httpx.delete(url).json() == {}
