"""From a spec to a training: schedules, messages and files reach the function, which starts the job, once."""

import json
import time

import pytest

from reconciler.engine import retraining
from reconciler.engine.planning import plan_destroy
from tests.conftest import HTTP
from tests.operating import REGION, spec

PLACE = f"projects/local/locations/{REGION}"
READY = "projects/local/topics/churn-data-ready"
WANTED = spec(
    triggers=[
        {"name": "nightly", "when": {"schedule": "0 3 * * *", "timeZone": "Europe/Paris"}},
        {"name": "new-data", "when": {"pubsub": "churn-data-ready"}},
        {"name": "new-files", "when": {"storage": "gs://acme-data/churn/"}},
    ],
    retraining={
        "run": {"cloudRunJob": {"name": "train"}},
        "parameters": {"lookback": "30"},
        "guards": {"cooldown": "1m", "maxPerDay": 9, "maxConcurrent": 9},
    },
)


def until(what):
    """Wait for what other processes do; give it once it is there."""
    deadline = time.monotonic() + 60
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.1)
    return found


class World:
    """What others make, and what happens."""

    def __init__(self, operator):
        self.operator = operator
        self.storage = operator.connection.storage
        self.publisher = operator.api("google.pubsub_v1", "publisher", "Publisher")
        self.publisher.create_topic(request={"name": READY})
        self.storage.create_bucket("acme-data")
        operator.make_job()

    def publish(self, **attributes):
        message = {"attributes": attributes or {"rows": "1"}}
        self.publisher.publish(request={"topic": READY, "messages": [message]})

    def trainings(self):
        """Executions of the job, with what they were told."""
        executions = self.operator.api("google.cloud.run_v2", "executions", "Executions")
        found = executions.list_executions(request={"parent": f"{PLACE}/jobs/train"})
        return [{each.name: each.value for each in one.template.containers[0].env} for one in found]

    def read(self):
        return retraining.read_retraining(self.operator.session(), REGION, "churn", last=50)

    def decided(self, count):
        return until(lambda: (found := self.read()) and len(found.decisions) >= count and found)


@pytest.fixture
def world(operator):
    return World(operator)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_every_sort_of_trigger_starts_a_training_of_its_own(world):
    """A message, a file and the clock: one execution each, told which trigger it was; the plan afterwards is empty."""
    report = world.operator.apply(WANTED)
    assert not report.failed, [str(result.error) for result in report.failed]
    assert world.operator.differences(WANTED) == []

    world.publish()
    until(lambda: len(world.trainings()) == 1)
    world.operator.emulator.advance(61)
    world.storage.bucket("acme-data").blob("churn/1.csv").upload_from_string("a,b\n1,2\n")
    world.storage.bucket("acme-data").blob("other/1.csv").upload_from_string("a,b\n1,2\n")
    until(lambda: len(world.trainings()) == 2)
    world.operator.emulator.advance(86_400)
    until(lambda: "nightly" in {told["MLSERVICE_TRIGGER"] for told in world.trainings()})

    assert {told["MLSERVICE_TRIGGER"] for told in world.trainings()} == {"new-data", "new-files", "nightly"}
    assert [run["trigger"] for run in world.read().runs] == ["nightly", "new-files", "new-data"]
    assert world.operator.differences(WANTED) == []


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_storm_of_messages_starts_one_training_and_each_has_its_reason(world):
    """Every message has a decision; all but one were held back."""
    world.operator.apply(WANTED)

    for _ in range(20):
        world.publish()

    decisions = world.decided(20).decisions
    assert sorted(each["action"] for each in decisions) == ["Skip"] * 19 + ["Start"]
    assert {each["guard"] for each in decisions} == {None, "cooldown"}
    assert len(world.trainings()) == 1


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_wish_goes_through_the_same_guards(world):
    """The second is held back, says by what, and may be forced by name."""
    world.operator.apply(WANTED)
    session = world.operator.session()

    def ask(**how):
        key = retraining.wish(session, REGION, "churn", **how)
        return retraining.awaited(session, REGION, "churn", key, within_s=60)

    asked_only = ask(dry=True)
    first, second, forced = ask(), ask(), ask(force=["cooldown"])

    assert [each["action"] for each in (asked_only, first, second, forced)] == ["WouldStart", "Start", "Skip", "Start"]
    assert second["guard"] == "cooldown"
    assert forced["overridden"] == ["cooldown"]
    assert len(world.trainings()) == 2


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_wish_for_another_region_is_not_ours(world):
    """A service of the same name there has the same topic, and a function of its own."""
    world.operator.apply(WANTED)
    session = world.operator.session()

    retraining.wish(session, "us-central1", "churn")
    here = retraining.wish(session, REGION, "churn")
    retraining.awaited(session, REGION, "churn", here, within_s=60)

    assert len(world.read().decisions) == len(world.trainings()) == 1


def test_a_statement_of_bigquery_makes_a_function_that_may_do_no_more(operator):
    """Models in the dataset of the statement, jobs in the project; the model's name is whole in the settings."""
    wanted = spec(retraining={"run": {"bigqueryML": {"query": "CREATE MODEL ml.churn OPTIONS() AS SELECT 1"}}})

    planned = operator.plan(wanted)

    [function] = [change for change in planned.plan.changes if change.address.kind == "functions_function"]
    told = json.loads(function.desired["environment"]["MLSERVICE_RETRAINING"])
    assert told["run"] == {"bigqueryML": {"model": "local.ml.churn", "statement": " OPTIONS() AS SELECT 1"}}
    assert told["model"] == "churn"
    given = {
        change.address.name.partition("roles/")[2].partition("/serviceAccount")[0]: change.desired["condition"]
        for change in planned.plan.changes
        if "roles/bigquery." in change.address.name
    }
    assert sorted(given.values()) == [
        "",
        'resource.name == "projects/local/datasets/ml" || resource.name.startsWith("projects/local/datasets/ml/")',
    ]
    assert not [note.text for note in planned.plan.notes if "not acted on yet" in note.text]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_training_that_ended_is_closed_within_ten_minutes(world):
    """By the sweep, which a schedule of ours sends."""
    world.operator.apply(WANTED)
    world.publish()
    executions = world.operator.api("google.cloud.run_v2", "executions", "Executions")
    parent = {"parent": f"{PLACE}/jobs/train"}
    until(lambda: [each for each in executions.list_executions(request=parent) if each.completion_time])

    world.operator.emulator.advance(601)

    [run] = until(lambda: [run for run in world.read().runs if run["status"] == "Succeeded"])
    assert run["trigger"] == "new-data"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_message_that_is_no_event_ends_as_a_dead_letter(world):
    """It is tried, not believed, and kept where somebody may look."""
    world.operator.apply(WANTED)
    subscriber = world.operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    looking = "projects/local/subscriptions/looking"
    subscriber.create_subscription(request={"name": looking, "topic": "projects/local/topics/churn-retrain-dead"})
    request = {"topic": "projects/local/topics/churn-retrain", "messages": [{"attributes": {"no": "trigger"}}]}
    world.publisher.publish(request=request)

    def tried_again():
        world.operator.emulator.advance(600)
        url = f"{world.operator.emulator.http}/v1/{looking}:pull"
        return HTTP.post(url, json={"maxMessages": 1, "returnImmediately": True}).json().get("receivedMessages")

    letters = until(tried_again)
    assert letters[0]["message"]["attributes"]["no"] == "trigger"
    # The clock may pass three in the morning meanwhile.
    assert {each["trigger"] for each in world.read().decisions} <= {"nightly"}
    log = world.operator.emulator.control("GET", "logs?service=churn-retrain")
    assert "churn: a message is no event: the message names no trigger" in json.dumps(log)


@pytest.mark.slow
def test_destroy_leaves_nothing_of_ours(world):
    """Function, subscriptions, topics, jobs, accounts and grants go; the bucket and topic of others stay."""
    world.operator.apply(WANTED)
    planned = plan_destroy(world.operator.session(), [(REGION, "churn")])
    world.operator.destroy("churn")

    assert ["model versions" in note.text for note in planned.plan.notes] == [True]
    topics = [t.name for t in world.publisher.list_topics(request={"project": "projects/local"})]
    subscriber = world.operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    functions = world.operator.api("google.cloud.functions_v2", "function_service", "FunctionService")
    answer = world.storage._connection.api_request(method="GET", path="/b/acme-data/notificationConfigs")
    assert topics == [READY]
    assert not list(subscriber.list_subscriptions(request={"project": "projects/local"}))
    assert not list(functions.list_functions(request={"parent": PLACE}))
    assert answer.get("items", []) == []
    assert [b.name for b in world.storage.list_buckets()] == ["acme-data"]


def test_a_bucket_that_is_not_there_is_named(world):
    """Nothing else waits for it."""
    wrong = json.loads(json.dumps(WANTED).replace("acme-data", "no-such-bucket"))

    report = world.operator.apply(wrong)

    [failed] = [r for r in report.failed if r.change.address.kind == "storage_notification"]
    assert "no-such-bucket" in str(failed.error)
    assert {r.change.address.kind for r in report.failed} <= {"storage_notification", "pubsub_subscription"}
