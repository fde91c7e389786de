"""Predictions by message: a subscription that refers to the service's URL, on topics of others and of our own."""

import io
import json

import pytest
from google.api_core.exceptions import NotFound
from google.iam.v1 import iam_policy_pb2, policy_pb2
from rich.console import Console

from reconciler.core.errors import PlanError, PlansRefused, StalePlan
from reconciler.core.plan import Action, Plan
from reconciler.engine.apply import apply
from reconciler.engine.saved import check_saved
from reconciler.gcp.bigquery import HOST, VERSION
from reconciler.gcp.table_policies import table_policies
from reconciler.lookups.project_number import agent
from reconciler.render.data import as_data
from reconciler.render.markdown import render_markdown
from reconciler.render.text import render_text
from tests.operating import spec

NAME = "projects/local/subscriptions/churn-requests-europe-west1"
EVENTS = {
    "requests": {"topic": "orders", "deadLetter": {"topic": "dead", "create": True}},
    "answers": {"topic": "scores", "create": True},
}
WANTED = spec(events=EVENTS)


def topics(operator):
    return operator.api("google.pubsub_v1", "publisher", "Publisher")


def make_topic(operator, name="orders"):
    topics(operator).create_topic(request={"name": f"projects/local/topics/{name}"})


def subscription(operator):
    return operator.api("google.pubsub_v1", "subscriber", "Subscriber").get_subscription(request={"subscription": NAME})


def subscription_of(plan):
    return next(c for c in plan.changes if c.address.kind == "pubsub_subscription")


def test_what_is_not_known_yet_is_known_after_the_apply(operator):
    """One apply makes service, account and subscription, in that order; the plan after it is empty."""
    make_topic(operator)

    report = operator.apply(WANTED)

    assert not report.failed, [str(r.error) for r in report.failed]
    push, uri = subscription(operator).push_config, operator.service().uri
    assert push.push_endpoint == f"{uri}/events"
    assert push.oidc_token.audience == uri
    assert push.oidc_token.service_account_email == "churn-push@local.iam.gserviceaccount.com"
    assert operator.differences(WANTED) == []
    env = {e.name: e.value for e in operator.service().template.containers[0].env}
    assert env["MLSERVICE_EVENTS_TOPIC"] == "projects/local/topics/scores"


def test_a_plan_says_in_every_form_what_it_does_not_know(operator):
    """Text, Markdown and JSON name the output and whose it is; nothing that looks like a value stands there."""
    make_topic(operator)
    plan = operator.plan(WANTED).plan
    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(render_text(plan, titles={}))

    said = "(known after apply: uri of run_service/europe-west1/churn)"
    assert said in console.file.getvalue()
    assert said in render_markdown(plan, titles={})
    [change] = [c for c in as_data(plan)["changes"] if c["address"].startswith("pubsub_subscription")]
    assert change["desired"]["endpoint"] == {
        "known after apply": "run_service/europe-west1/churn", "output": "uri", "form": "{}/events",
    }  # fmt: skip


def test_a_saved_plan_with_unknown_values_is_carried_out(operator):
    """It is saved before the service has a URL, and applied with the one that the service gets."""
    make_topic(operator)
    saved = Plan.from_json(json.loads(json.dumps(operator.plan(WANTED).plan.to_json())))
    session = operator.session()

    report = apply(session, check_saved(session, saved))

    assert not report.failed, [str(r.error) for r in report.failed]
    assert subscription(operator).push_config.push_endpoint == f"{operator.service().uri}/events"
    assert operator.differences(WANTED) == []


def test_a_saved_plan_is_stale_when_what_it_uses_is_gone(operator):
    """The topic of the requests is somebody else's; it went since."""
    make_topic(operator)
    saved = operator.plan(WANTED).plan
    topics(operator).delete_topic(request={"topic": "projects/local/topics/orders"})

    with pytest.raises(StalePlan, match="pubsub_topic/global/orders: it is gone"):
        check_saved(operator.session(), saved)


def test_labels_of_what_is_only_used_are_nobodys_business(operator):
    """Somebody labels their topic: that makes no saved plan stale."""
    make_topic(operator)
    saved = operator.plan(WANTED).plan
    topic = {"name": "projects/local/topics/orders", "labels": {"team": "shop"}}
    topics(operator).update_topic(request={"topic": topic, "update_mask": {"paths": ["labels"]}})

    check_saved(operator.session(), saved)


def test_a_missing_topic_is_refused_before_anything_is_made(operator):
    """With what to do about it."""
    with pytest.raises(PlansRefused, match="uses it and it does not exist") as refusal:
        operator.plan(WANTED)

    assert "create: true" in refusal.value.hint
    assert operator.services() == []


def test_an_endpoint_that_was_changed_by_hand_is_put_back(operator):
    """Somebody points the subscription elsewhere: it is compared with the URL that the service has."""
    make_topic(operator)
    operator.apply(WANTED)
    api = operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    elsewhere = {
        "push_endpoint": "https://old.example/events",
        "oidc_token": subscription(operator).push_config.oidc_token,
    }
    live = {"name": NAME, "topic": "projects/local/topics/orders", "push_config": elsewhere}
    api.update_subscription(request={"subscription": live, "update_mask": {"paths": ["push_config"]}})

    change = subscription_of(operator.plan(WANTED).plan)

    assert [c.path for c in change.changes] == ["endpoint"]
    assert change.reason.startswith("config drift")
    operator.apply(WANTED)
    assert operator.differences(WANTED) == []


def test_another_filter_needs_consent_since_messages_are_lost(operator):
    """A filter cannot be changed: the subscription is made anew, which the spec protects."""
    make_topic(operator)
    operator.apply(WANTED)
    other = spec(
        events={**EVENTS, "requests": {**EVENTS["requests"], "filter": 'attributes.kind = "score"'}},
        management={"deletion": "Protect"},
    )

    plan = operator.plan(other).plan

    change = subscription_of(plan)
    assert change.action is Action.REPLACE
    assert "messages it still holds are lost" in change.consequence
    assert [c.address.kind for c in plan.protected] == ["pubsub_subscription"]


def test_a_topic_handed_over_stays(operator):
    """`create` is taken out of the spec: the topic is somebody else's from then on, and no destroy deletes it."""
    make_topic(operator)
    operator.apply(WANTED)
    handed = spec(events={**EVENTS, "answers": "scores"})

    assert not operator.apply(handed).failed
    assert operator.differences(handed) == []
    operator.destroy("churn")

    names = [t.name.rpartition("/")[2] for t in topics(operator).list_topics(request={"project": "projects/local"})]
    assert sorted(names) == ["orders", "scores"]
    with pytest.raises(NotFound):
        subscription(operator)


def test_a_topic_handed_over_is_not_taken_back_by_another_service(operator):
    """Its mark is still on it, and no inventory lists it: another spec that wants to make it is refused."""
    make_topic(operator)
    operator.apply(WANTED)
    operator.apply(spec(events={**EVENTS, "answers": "scores"}))
    thief = spec("thief", events={"requests": {"topic": "scores", "create": True}})

    with pytest.raises(PlansRefused, match="no inventory lists it: it was left to others once"):
        operator.plan(thief)


def test_a_topic_that_another_service_uses_does_not_go_silently(operator):
    """One service makes it, another takes requests from it: deleting it names that subscription and needs consent."""
    maker = spec("maker", events={"requests": {"topic": "shared", "create": True}}, management={"deletion": "Protect"})
    operator.apply(maker)
    operator.apply(spec("user", events={"requests": {"topic": "shared"}}))

    renamed = spec(
        "maker", events={"requests": {"topic": "renamed", "create": True}}, management={"deletion": "Protect"}
    )
    plan = operator.plan(renamed).plan

    [gone] = [c for c in plan.changes if c.address.name == "shared"]
    assert gone.consequence == "nothing reaches user-requests-europe-west1 any more"
    assert gone in plan.protected


def test_the_projects_own_id_is_the_same_topic(operator):
    """`projects/local/topics/T` and `T` are one topic: nothing is deleted when the spelling changes."""
    make_topic(operator)
    own = {"requests": {"topic": "tin", "create": True}, "answers": {"topic": "tout", "create": True}}
    operator.apply(spec(events=own))
    spelled = spec(events={**own, "answers": "projects/local/topics/tout"})

    assert not [c for c in operator.plan(spelled).plan.changes if c.action is Action.DELETE]
    with pytest.raises(PlanError, match="every answer would come back as a request"):
        operator.plan(spec(events={"requests": "orders", "answers": "projects/local/topics/orders"}))


def make_table(operator):
    """A table that Pub/Sub itself may write to."""
    bigquery = operator.connection.rest(HOST, VERSION)
    bigquery.post("projects/local/datasets", {"datasetReference": {"datasetId": "ml"}})
    columns = {"fields": [{"name": "data", "type": "STRING"}]}
    bigquery.post("projects/local/datasets/ml/tables", {"tableReference": {"tableId": "log"}, "schema": columns})
    projects = operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")
    number = projects.get_project(request={"name": "projects/local"}).name.rpartition("/")[2]
    binding = policy_pb2.Binding(role="roles/bigquery.dataEditor", members=[agent("pubsub", number)])
    request = iam_policy_pb2.SetIamPolicyRequest(resource="projects/local/datasets/ml.log")
    request.policy.bindings.append(binding)
    table_policies(operator.connection).set_iam_policy(request)


def test_another_way_of_delivery_is_put_back(operator):
    """Somebody made it an export to BigQuery: the push is back after an apply."""
    make_topic(operator)
    make_table(operator)
    operator.apply(WANTED)
    api = operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    live = {"name": NAME, "topic": "projects/local/topics/orders", "bigquery_config": {"table": "local.ml.log"}}
    api.update_subscription(
        request={"subscription": live, "update_mask": {"paths": ["push_config", "bigquery_config"]}}
    )
    assert operator.differences(WANTED)

    assert not operator.apply(WANTED).failed

    assert operator.differences(WANTED) == []
    assert not subscription(operator).bigquery_config.table


def test_a_detached_subscription_is_made_anew(operator):
    """It looks as ever and gets nothing any more."""
    make_topic(operator)
    operator.apply(WANTED)
    topics(operator).detach_subscription(request={"subscription": NAME})

    assert subscription_of(operator.plan(WANTED).plan).action is Action.REPLACE
    assert not operator.apply(WANTED).failed

    assert not subscription(operator).detached
    assert operator.differences(WANTED) == []


def test_braces_in_a_path_are_a_path(operator):
    """Only the place for the URL is filled in."""
    make_topic(operator)
    operator.apply(spec(events={"requests": {"topic": "orders", "path": "/v1/{}/x"}}))

    assert subscription(operator).push_config.push_endpoint == f"{operator.service().uri}/v1/{{}}/x"


@pytest.mark.parametrize(
    "section",
    [
        {"env": {"$ref": "service_account/global/churn-run", "output": "email", "form": "x"}},
        {
            "model": {
                "uri": "gs://acme-models/m/",
                "features": {n: {"type": "number"} for n in ("$ref", "output", "form")},
            }
        },
    ],
    ids=["variables", "features"],
)
def test_names_of_users_are_no_references(operator, section):
    """Whatever people call their variables and features, they are what is written."""
    plan = operator.plan(spec(**section)).plan

    console = Console(file=io.StringIO(), width=200, color_system=None)
    console.print(render_text(plan, titles={}))
    assert "known after apply" not in console.file.getvalue()
    assert render_markdown(plan, titles={})
