"""What live objects hold beside what we write of them."""

from google.cloud.monitoring_v3.types import alert, service, uptime

from reconciler.core.by_hand import Beyond, heads
from reconciler.core.diff import FieldChange
from reconciler.kinds import monitoring_slo, monitoring_uptime_check
from reconciler.kinds.monitoring_alert_policy import client as policies


def test_what_is_added_taken_away_or_changed_is_named():
    """Each by its path: in maps, in lists of one length; a list of another length as a whole."""
    live = {"added": {"deep": 1}, "same": [1], "items": [{"a": 1}, {"a": 2, "b": "x"}], "longer": [1, 2]}
    written = {"same": [1], "gone": "y", "items": [{"a": 1}, {"a": 3}], "longer": [1]}

    assert Beyond().of(live, written) == {
        "added.deep": "1",
        "gone": "nothing, not y",
        "items[1].a": "2, not 3",
        "items[1].b": "x",
        "longer": "[1, 2], not [1]",
    }


def test_nothing_in_another_writing_is_no_difference():
    """Google leaves out what is false, none or empty, or writes it as text; some things it fills in itself."""
    live = {"off": False, "count": "0", "none": [], "message": {"time": "0s"}, "method": "GET", "etag": "x"}
    beyond = Beyond(theirs=frozenset({"etag"}), defaults={"method": ("GET",)})

    assert beyond.of(live, {"text": ""}) == {}
    assert beyond.of({"method": "POST"}, {}) == {"method": "POST"}


def test_secrets_are_named_and_not_shown():
    """A header that somebody adds may hold a token."""
    check = uptime.UptimeCheckConfig(
        http_check={"headers": {"Authorization": "Bearer t0ps3cret"}, "auth_info": {"username": "u", "password": "t0p"}}
    )

    found = monitoring_uptime_check.from_api(check).by_hand

    assert {"http_check.headers.Authorization", "http_check.auth_info.password"} <= found.keys()
    assert not [text for text in found.values() if "t0p" in text]


def test_a_value_is_bounded():
    """Somebody's page of text does not fill the plan."""
    [text] = Beyond().of({"subject": "x" * 100_000}, {}).values()
    assert len(text) < 300


def test_an_update_names_what_holds_it():
    """The outermost fields are written, whatever lies how deep in them."""
    paths = ("by_hand.conditions[0].condition_threshold.trigger.count", "by_hand.documentation.subject", "labels.a")
    changes = [FieldChange(path, "x", None) for path in paths]
    assert heads(changes) == {"conditions", "documentation"}


def test_what_google_fills_in_is_nobodys():
    """A policy as Google gives it back: with what it writes where nothing is said."""
    policy = alert.AlertPolicy(
        name="projects/p/alertPolicies/1",
        enabled=True,
        documentation={"content": "Look.", "mime_type": "text/markdown"},
        alert_strategy={"auto_close": {"seconds": 1800}, "notification_prompts": ["OPENED", "CLOSED"]},
        conditions=[{"name": "c", "condition_threshold": {"filter": "f", "comparison": "COMPARISON_GT",
                                                         "trigger": {"count": 1}}}],
    )  # fmt: skip
    assert policies.from_api(policy).by_hand == {}
    policy.alert_strategy.notification_channel_strategy = [{"renotify_interval": {"seconds": 1800}}]
    policy.documentation.links = [{"display_name": "x", "url": "https://example.com"}]
    policy.conditions[0].condition_threshold.trigger = {"percent": 50.0}
    assert policies.from_api(policy).by_hand.keys() == {
        "alert_strategy.notification_channel_strategy",
        "documentation.links",
        "conditions[0].condition_threshold.trigger.percent",
    }


def test_of_what_we_never_write_all_is_named():
    """Another sort of condition, of indicator, of check: none stops the plan."""
    sql = {"condition_prometheus_query_language": {"query": "up == 0"}}
    assert policies.from_api(alert.AlertPolicy(conditions=[sql])).by_hand
    calendar = service.ServiceLevelObjective(calendar_period="WEEK", goal=0.5)
    assert monitoring_slo.from_api(calendar).by_hand["calendar_period"] == "WEEK"
    tcp = uptime.UptimeCheckConfig(tcp_check={"port": 80}, content_matchers=[{"content": "x"}])
    assert {"tcp_check.port", "content_matchers"} <= monitoring_uptime_check.from_api(tcp).by_hand.keys()


def test_the_order_of_regions_is_no_difference():
    """They are a set: in whatever order Google gives them, nothing is by hand, and the record is the same."""
    there, back = (uptime.UptimeCheckConfig(selected_regions=each) for each in (["USA", "EUROPE"], ["EUROPE", "USA"]))

    assert monitoring_uptime_check.from_api(there) == monitoring_uptime_check.from_api(back)
    assert "selected_regions" not in "".join(monitoring_uptime_check.from_api(there).by_hand)
