"""Messages come in, trainings start, reasons are kept: the function against emulated Google Cloud."""

import json
import random
from dataclasses import replace

import pytest

from runtime.retraining import function
from runtime.retraining.google import SCOPE, Bucket, Google, Refused, Unavailable, quiet
from runtime.retraining.guards import Guards
from runtime.retraining.runs import Run, Status
from runtime.retraining.settings import Settings
from runtime.retraining.telling import Teller
from tests.operating import BUCKET, REGION
from tests.retraining.conftest import pushed, until
from tests.retraining.simulated import START, World


def test_a_message_starts_one_training_and_its_repetition_none(retraining):
    """The execution is told which run it is, the decision is kept, and the same message is no second event."""
    retraining.job()

    answer, status = retraining.deliver(pushed("7"), "new-data", parameters={"days": "30"})
    again, status_again = retraining.deliver(pushed("7"), "new-data")

    [execution] = retraining.executions()
    container = execution.template.containers[0]
    told = {each.name: each.value for each in container.env}
    assert (answer["action"], status) == ("Start", 200)
    assert (again["action"], status_again) == ("Repeat", 200)
    assert told["MLSERVICE_RUN"] == answer["key"]
    assert told["MLSERVICE_OUTPUT"] == f"gs://local-mlservice/retraining/europe-west1/churn/runs/{answer['key']}/"
    assert list(container.args) == ["--days=30"]
    [run] = retraining.kept("history.json")["runs"]
    assert (run["status"], run["name"]) == ("Started", execution.name)
    assert [each["reason"] for each in retraining.decisions()] == ["message 7"]


def test_what_is_held_back_is_kept_with_its_reason(retraining):
    """The second message of an hour, and again when it is delivered after that hour."""
    retraining.job()
    retraining.deliver(pushed("1"), "new-data")

    held, status = retraining.deliver(
        pushed("2"), "new-data", guards={"cooldown": 3600, "max_concurrent": 9, "max_per_day": 9}
    )

    assert (held["action"], held["guard"], status) == ("Skip", "cooldown", 200)
    assert len(retraining.executions()) == 1
    later, _ = retraining.deliver(
        pushed("2"), "new-data", guards={"cooldown": 0, "max_concurrent": 9, "max_per_day": 9}
    )
    assert later["action"] == "Repeat"
    assert len(retraining.executions()) == 1


def test_rows_of_a_project_of_a_domain_are_counted_as_others(retraining):
    """Its name has a dot; that BigQuery knows no such table is a warning, and no message comes again for it."""
    retraining.job()

    answer, status = retraining.deliver(pushed("1"), "new-data", rows="example.com:p.ml.churn")

    assert (answer["action"], status) == ("Start", 200)


def test_a_person_overrides_the_guard_they_name(retraining):
    """Who it was is in the run; a guard that nobody knows is refused."""
    retraining.job()
    retraining.deliver(pushed("1"), "new-data")

    held, _ = retraining.deliver(pushed("2", trigger="manual", by="ann@acme.example"))
    forced, _ = retraining.deliver(pushed("3", trigger="manual", by="ann@acme.example", force="cooldown,maxConcurrent"))
    wrong, status = retraining.deliver(pushed("4", trigger="manual", force="everything"))

    assert held["guard"] in {"cooldown", "maxConcurrent"}
    assert forced["action"] == "Start"
    run = retraining.kept("history.json")["runs"][-1]
    assert run["forced"].endswith("by ann@acme.example")
    assert (wrong["error"], status) == ("no guard is called everything", 400)


def test_a_run_that_ended_is_closed_by_the_sweep(retraining):
    """One that succeeded and one that failed, with Google's words."""
    retraining.job(FAIL_RATE="0")
    retraining.deliver(pushed("1"), "new-data")
    until(lambda: all(each.completion_time for each in retraining.executions()))

    swept, status = retraining.deliver(pushed("9", trigger="sweep"))

    [run] = retraining.kept("history.json")["runs"]
    assert status == 200
    assert (run["status"], bool(run["ended"])) == ("Succeeded", True)
    assert swept["swept"] == [f"{run['key']}: Succeeded: {run['name']} succeeded"]
    assert retraining.deliver(pushed("10", trigger="sweep"))[0] == {"swept": []}


def test_failures_open_the_circuit(retraining):
    """One is enough where the spec says so, and the reason says until when."""
    retraining.job(FAIL_RATE="1")
    guards = {"cooldown": 0, "max_per_day": 9, "failures": 1, "pause": 86_400}
    retraining.deliver(pushed("1"), "new-data", guards=guards)
    until(lambda: all(each.completion_time for each in retraining.executions()))
    retraining.deliver(pushed("2", trigger="sweep"), guards=guards)

    held, _ = retraining.deliver(pushed("3"), "new-data", guards=guards)

    assert (held["guard"], held["numbers"]["failures"]) == ("openCircuitAfter", 1)
    [run] = retraining.kept("history.json")["runs"]
    assert run["status"] == "Failed"
    assert run["why"]


def test_a_job_that_is_not_there_is_a_failure_with_googles_words(retraining):
    """It is no start: no cooldown is spent on it."""
    answer, status = retraining.deliver(pushed("1"), "new-data")

    [run] = retraining.kept("history.json")["runs"]
    assert (answer["action"], status, run["status"]) == ("NotStarted", 200, "Failed")
    assert "jobs/train" in answer["reason"]
    again, _ = retraining.deliver(pushed("1"), "new-data")
    assert [again["action"], *(each["action"] for each in retraining.decisions())] == ["Repeat", "NotStarted"]
    assert "jobs/train" in run["why"]
    assert "started" not in run


def test_a_training_that_somebody_deleted_is_closed(retraining):
    """Gone is failed, with that word."""
    retraining.job(SLEEP_MS="60000")
    retraining.deliver(pushed("1"), "new-data")
    [execution] = retraining.executions()
    executions = retraining.operator.api("google.cloud.run_v2", "executions", "Executions")
    executions.cancel_execution(request={"name": execution.name}).result(timeout=20)
    executions.delete_execution(request={"name": execution.name}).result(timeout=20)

    retraining.deliver(pushed("2", trigger="sweep"))

    [run] = retraining.kept("history.json")["runs"]
    assert (run["status"], run["why"]) == ("Failed", "it is gone: somebody deleted it")


def test_a_training_that_takes_too_long_is_cancelled(retraining):
    """At the spec's timeout."""
    retraining.job(SLEEP_MS="60000")
    retraining.deliver(pushed("1"), "new-data", timeout=3600)
    assert retraining.deliver(pushed("2", trigger="sweep"), timeout=3600)[0] == {"swept": []}

    retraining.deliver(pushed("3", trigger="sweep"), timeout=0)

    [run] = retraining.kept("history.json")["runs"]
    assert (run["status"], run["why"]) == ("Failed", "it took longer than 0:00:00 and was cancelled")
    until(lambda: retraining.executions()[0].cancelled_count == 1)


def test_trainings_of_before_a_budget_was_used_up_are_stopped(retraining):
    """Once, by the next sweep; one that somebody starts afterwards goes on."""
    retraining.job(SLEEP_MS="60000")
    guards = {"cooldown": 0, "max_concurrent": 2, "max_per_day": 9}
    retraining.deliver(pushed("1"), "new-data", guards=guards)
    history = retraining.kept("history.json")
    stop = {**history, "stopBefore": history["runs"][0]["claimed"]}
    retraining.storage.bucket(BUCKET).blob(f"retraining/{REGION}/churn/history.json").upload_from_string(
        json.dumps(stop)
    )
    retraining.deliver(pushed("2"), "new-data", guards=guards)

    retraining.deliver(pushed("3", trigger="sweep"), guards=guards)

    first, second = retraining.kept("history.json")["runs"]
    assert (first["status"], first["why"]) == ("Cancelled", "it was stopped: the service's budget is used up")
    assert second["status"] == "Started"
    until(lambda: sorted(each.cancelled_count for each in retraining.executions()) == [0, 1])


def test_a_death_after_the_start_starts_no_second_training(retraining):
    """The answer of the job's start is lost: who goes on after the lease finds the execution by its key."""
    retraining.job()
    retraining.operator.emulator.faults(
        {"method": "google.cloud.run.v2.Jobs/RunJob", "status": "UNAVAILABLE", "when": "after"}
    )
    _, lost = retraining.deliver(pushed("1"), "new-data")
    _, waiting = retraining.deliver(pushed("1"), "new-data")
    retraining.operator.emulator.faults()
    blob = retraining.storage.bucket("local-mlservice").blob("retraining/europe-west1/churn/history.json")
    history = json.loads(blob.download_as_bytes())
    history["runs"][0]["lease"] = history["runs"][0]["claimed"]
    blob.upload_from_string(json.dumps(history))

    answer, status = retraining.deliver(pushed("1"), "new-data")

    assert (lost, waiting, status) == (500, 503, 200)
    assert answer["action"] == "Resume"
    [execution] = retraining.executions()
    assert retraining.kept("history.json")["runs"][0]["name"] == execution.name


MESSAGES = {
    "no-json": b"{",
    "a-list": b"[]",
    "no-message": b"{}",
    "message-is-text": b'{"message": "hello"}',
    "no-id": b'{"message": {"attributes": {"trigger": "weekly"}}}',
    "no-trigger": b'{"message": {"messageId": "1"}}',
    "bad-data": b'{"message": {"messageId": "1", "attributes": {"trigger": "a"}, "data": "*"}}',
    "deep": b"[" * 100_000,
    "no-text": b"\xff\xfe",
}


@pytest.mark.parametrize("body", MESSAGES.values(), ids=MESSAGES)
def test_a_message_that_is_no_event_goes_to_the_dead_letters(retraining, body):
    """It is refused each time, changes nothing, and breaks nothing."""
    answer, status = retraining.deliver(body)

    assert status == 400
    assert answer["error"]
    assert retraining.decisions() == []


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"format": 9}', b"\x00\xff"], ids=["empty", "list", "newer", "bytes"]
)
def test_a_damaged_history_starts_nothing(retraining, content):
    """The object is named in the log, and the event stays with Pub/Sub."""
    retraining.job()
    name = "retraining/europe-west1/churn/history.json"
    retraining.storage.bucket("local-mlservice").blob(name).upload_from_string(content)

    answer, status = retraining.deliver(pushed("1"), "new-data")

    assert (answer["error"], status) == ("UnreadableHistory", 500)
    assert retraining.executions() == []


SORTS = {"new-data": "pubsub", "new-files": "storage", "weekly": "schedule"}


def test_only_triggers_of_the_spec_start_anything(retraining):
    """A name that the spec has not is a dead letter, on the service's own topic as on the path of a trigger."""
    named, status = retraining.deliver(pushed("1", trigger="nonexistent"), triggers=SORTS)
    _, removed = retraining.deliver(pushed("2"), "removed", triggers=SORTS)
    _, weekly = retraining.deliver(pushed("3", trigger="weekly", service="churn"), triggers=SORTS)
    _, wish = retraining.deliver(pushed("4", trigger="manual", dryRun="true"), triggers=SORTS)

    assert (named["error"], status, removed) == ("no trigger of churn is called nonexistent", 400, 400)
    assert (weekly, wish) == (200, 200)
    assert {each["trigger"] for each in retraining.decisions()} == {"weekly", "manual"}


def test_attributes_of_the_users_messages_are_the_users(retraining):
    """Whatever they are called, each message is an event; those of a bucket are read on the bucket's topic alone."""
    theirs = {"objectId": "7", "eventType": "order.created", "key": "7", "service": "shop", "trigger": "manual"}
    one, _ = retraining.deliver(pushed("1", **theirs), "new-data", triggers=SORTS)
    other, _ = retraining.deliver(pushed("2", **theirs), "new-data", triggers=SORTS)
    deleted, _ = retraining.deliver(pushed("3", **theirs), "new-files", triggers=SORTS)

    assert one["key"] != other["key"]
    assert {each["trigger"] for each in retraining.decisions()} == {"new-data"}
    assert len(retraining.decisions()) == 2
    assert deleted == {"action": "Ignore"}


@pytest.mark.parametrize(
    "address",
    ["https://nowhere.invalid/t0ken?k=t0ken", "http://nowhere.invalid/t0ken", "https://nowhere.invalid/t0ken b"],
)
def test_a_webhook_that_cannot_be_called_is_told_without_its_address(retraining, capsys, address):
    """Whoever knows the address may call it: it is in no reason and no log."""
    answer, _ = retraining.deliver(pushed("1"), "new-data", run={"webhook": {"url": address}})

    [run] = retraining.kept("history.json")["runs"]
    assert "webhook" in run["why"]
    assert "t0ken" not in json.dumps([answer, run, retraining.decisions()]) + capsys.readouterr().out


def test_the_function_calls_nobody_but_the_emulator(retraining, caplog):
    """Its credentials are of a sort that asks no other host where the account's data may lie."""
    from google.auth import default  # noqa: PLC0415 - slow
    from google.auth.credentials import CredentialsWithRegionalAccessBoundary  # noqa: PLC0415 - slow

    found, _ = default(scopes=[SCOPE])
    silenced = quiet(found)
    retraining.deliver(pushed("1"), "new-data")

    assert "iamcredentials" not in caplog.text
    assert isinstance(found, CredentialsWithRegionalAccessBoundary)
    assert not isinstance(silenced, CredentialsWithRegionalAccessBoundary)
    assert not isinstance(Google(REGION)._session.credentials, CredentialsWithRegionalAccessBoundary)


def test_what_is_overwritten_while_it_is_read_is_not_missing(retraining):
    """Another instance writes between the look at an object and the read of its bytes: the next look finds the new."""
    retraining.deliver(pushed("1"), "new-data")
    name = f"retraining/{REGION}/churn/history.json"
    method = {"method": "storage.objects.get", "status": "NOT_FOUND"}
    retraining.operator.emulator.faults(method | {"skip": 1, "times": 1})

    found = Bucket(Google(REGION), BUCKET).read(name, most=1 << 20)

    assert found is not None
    assert json.loads(found[0]) == retraining.kept("history.json")


def test_an_object_is_one_event_per_generation(retraining):
    """Two notifications of one write are one event, a second write is another, a deletion is none."""
    file = {"bucketId": "acme-data", "objectId": "daily/1.csv", "eventType": "OBJECT_FINALIZE"}
    first, _ = retraining.deliver(pushed("1", objectGeneration="10", **file), "new-files")
    repeated, _ = retraining.deliver(pushed("2", objectGeneration="10", **file), "new-files")
    second, _ = retraining.deliver(pushed("3", objectGeneration="11", **file), "new-files")
    deleted, _ = retraining.deliver(pushed("4", **file | {"eventType": "OBJECT_DELETE"}), "new-files")

    assert repeated["key"] == first["key"] != second["key"]
    assert repeated["action"] == "Repeat"
    assert deleted == {"action": "Ignore"}


class Nowhere:
    """A cloud in which nothing is, and that remembers what it was asked."""

    def __init__(self):
        self.asked = []

    def address(self, service, *, regional=False):
        del regional
        return f"https://{service}"

    def call(self, what, method, url, **more):
        del method, url, more
        self.asked.append(what)
        if what == "list schedules":
            return {}
        raise Refused(what, 404, "not found")


class Silent:
    """A training that nobody can tell anything of."""

    def progress(self, run):
        raise Unavailable(f"no answer about {run.key}")


def test_a_topic_that_is_gone_keeps_no_monitor_from_being_looked_at(capsys):
    """What a sweep found out is in the log, and the call fails at its end."""
    google, world = Nowhere(), World(Guards(), random.Random(1))  # noqa: S311 - no secret
    before, generation = world.desk.ledger.read()
    run = Run("one", "weekly", START, Status.STARTED, name="jobs/1", started=START)
    world.desk.ledger.write(before.with_run(run, now=START), generation)
    settings = Settings("churn", "local", REGION, BUCKET, {}, topic="projects/local/topics/gone")
    settings = replace(settings, watched={"schedules": {"skew": "churn-skew"}, "least": 1})

    with pytest.raises(Refused, match="publish to"):
        function._swept(world.desk, Silent(), settings, google, Teller(settings, google))

    assert google.asked[0].startswith("publish to")
    assert "list schedules" in google.asked
    assert "no answer about one" in capsys.readouterr().out
