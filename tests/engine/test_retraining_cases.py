"""What goes wrong around a retraining: things are deleted, callers come that nobody sent, its program is broken."""

import httpx
import pytest
from google.cloud import iam_admin_v1

from tests.emulator.clients import client, let_agents_publish
from tests.engine.test_retraining import PLACE, READY, WANTED, World, until
from tests.operating import BUCKET, REGION

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
PROJECT = "projects/local"
OURS = f"{PLACE}/functions/churn-retrain"


@pytest.fixture
def world(operator):
    return World(operator)


def subscriber(world):
    return world.operator.api("google.pubsub_v1", "subscriber", "Subscriber")


def functions(world):
    return world.operator.api("google.cloud.functions_v2", "function_service", "FunctionService")


def names(found):
    return sorted(each.name for each in found)


def there(world):
    """Everything that makes a training start, by name."""
    scheduler = world.operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    notified = world.storage._connection.api_request(method="GET", path="/b/acme-data/notificationConfigs")
    return {
        "topics": names(world.publisher.list_topics(request={"project": PROJECT})),
        "subscriptions": names(subscriber(world).list_subscriptions(request={"project": PROJECT})),
        "jobs": names(scheduler.list_jobs(request={"parent": PLACE})),
        "functions": names(functions(world).list_functions(request={"parent": PLACE})),
        "notifications": [each["topic"] for each in notified.get("items", [])],
    }


def delete(world, made):
    """Delete all of it, but for the topic that is somebody else's."""
    scheduler = world.operator.api("google.cloud.scheduler_v1", "cloud_scheduler", "CloudScheduler")
    notified = "/b/acme-data/notificationConfigs"
    for each in world.storage._connection.api_request(method="GET", path=notified)["items"]:
        world.storage._connection.api_request(method="DELETE", path=f"{notified}/{each['id']}")
    for name in made["subscriptions"]:
        subscriber(world).delete_subscription(request={"subscription": name})
    for name in set(made["topics"]) - {READY}:
        world.publisher.delete_topic(request={"topic": name})
    for name in made["jobs"]:
        scheduler.delete_job(request={"name": name})
    functions(world).delete_function(request={"name": OURS}).result(timeout=60)


def test_whatever_somebody_deletes_of_a_retraining_comes_back(world):
    """Topics, subscriptions, notification, jobs and the function itself: at the next apply, and a message trains."""
    world.operator.apply(WANTED)
    made = there(world)
    assert all(made.values())

    delete(world, made)
    report = world.operator.apply(WANTED)

    assert not report.failed, [str(result.error) for result in report.failed]
    assert there(world) == made
    assert world.operator.differences(WANTED) == []
    world.publish()
    until(lambda: len(world.trainings()) == 1)


def strangers(world, url):
    """How somebody may push to the function: without a token, as another account, with a token for another address."""
    accounts = client(world.operator.emulator, iam_admin_v1.IAMClient)
    request = {"name": PROJECT, "account_id": "stranger"}
    stranger = accounts.create_service_account(request=request).email
    ours = f"churn-trigger@{stranger.partition('@')[2]}"
    return {
        "none": {},
        "strange": {"oidc_token": {"service_account_email": stranger, "audience": url}},
        "elsewhere": {"oidc_token": {"service_account_email": ours, "audience": "https://elsewhere.example"}},
    }


def knock(world, url, tokens):
    """Push a message in each of these ways; the subscription of what was refused too often."""
    let_agents_publish(world.operator.emulator)
    topics = {name: f"{PROJECT}/topics/{name}" for name in ("knocking", "refused")}
    for topic in topics.values():
        world.publisher.create_topic(request={"name": topic})
    looking = f"{PROJECT}/subscriptions/looking"
    subscriber(world).create_subscription(request={"name": looking, "topic": topics["refused"]})
    for name, token in tokens.items():
        wanted = {"name": f"{PROJECT}/subscriptions/{name}", "topic": topics["knocking"]}
        wanted |= {"push_config": {"push_endpoint": f"{url}/new-data", **token}}
        wanted |= {"dead_letter_policy": {"dead_letter_topic": topics["refused"]}}
        subscriber(world).create_subscription(request=wanted)
    world.publisher.publish(request={"topic": topics["knocking"], "messages": [{"data": b"train!"}]})
    return looking


def test_nobody_starts_a_training_without_the_right_token(world):
    """No token, another account's, one for another address: each ends as a dead letter, and nothing was decided."""
    world.operator.apply(WANTED)
    url = functions(world).get_function(request={"name": OURS}).service_config.uri
    tokens = strangers(world, url)
    request = {"subscription": knock(world, url, tokens), "max_messages": 9}

    refused = set()
    while refused != tokens.keys():
        for each in subscriber(world).pull(request=request, timeout=60).received_messages:
            refused.add(each.message.attributes["CloudPubSubDeadLetterSourceSubscription"])

    assert httpx.post(url).status_code == 404  # callers from outside do not even see it
    assert world.read().decisions == ()
    assert world.trainings() == []


def test_a_function_that_does_not_build_says_so_and_holds_up_nothing_else(world):
    """Google's words are in the report, the service serves, and a source that builds mends it."""
    planned = world.operator.plan(WANTED)
    [change] = [each for each in planned.plan.pending if each.address.kind == "functions_function"]
    digest = planned.wants[change.address].fields.digest
    world.operator.connection.state.make()
    archive = world.storage.bucket(BUCKET).blob(f"functions/{REGION}/churn-retrain/{digest}.zip")
    archive.upload_from_string(b"no zip at all")

    report = world.operator.apply(WANTED)

    [failed] = [result for result in report.failed if result.change.address == change.address]
    assert "Build failed" in str(failed.error)
    assert "not a zip file" in str(failed.error)
    assert [service.name for service in world.operator.services()] == [f"{PLACE}/services/churn"]
    archive.delete()
    assert not world.operator.apply(WANTED).failed
    world.publish()
    until(lambda: len(world.trainings()) == 1)
