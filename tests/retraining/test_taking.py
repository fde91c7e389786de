"""What a training made is judged, registered and promoted: the function against emulated Google Cloud."""

import json

import pytest
from google.api_core.exceptions import NotFound

from tests.operating import BUCKET, REGION
from tests.retraining.conftest import PLACE, pushed, until

ALIAS = {
    "model": "churn",
    "alias": "champion",
    "moves": "champion",
    "evaluation": {"metric": "auroc", "min_gain": 0.01},
    "guards": {"cooldown": 0, "max_per_day": 99, "max_concurrent": 9, "failures": 99},
}


class Trainings:
    """Trainings of one service, whose models and measures the test writes."""

    def __init__(self, retraining, **told):
        self.retraining, self.told, self.number = retraining, {**ALIAS, **told}, 0
        self.models = retraining.operator.api("google.cloud.aiplatform_v1", "model_service", "ModelService")
        retraining.job()

    def put(self, key, name, content=b"x"):
        bucket = self.retraining.storage.bucket(BUCKET)
        bucket.blob(f"retraining/{REGION}/churn/runs/{key}/{name}").upload_from_string(content)

    def begin(self):
        """Start a training; its key."""
        self.number += 1
        answer, status = self.retraining.deliver(pushed(str(self.number)), "new-data", **self.told)
        assert (answer["action"], status) == ("Start", 200), answer
        return answer["key"]

    def train(self, metrics, *, model=True):
        """A whole training that leaves a model and measures; its run once it is closed."""
        key = self.begin()
        return self.end(key, metrics, model=model)

    def end(self, key, metrics, *, model=True):
        """Let a training leave what it makes, and have it taken in."""
        if model:
            self.put(key, "model/model.onnx")
        if metrics is not None:
            self.put(key, "metrics.json", metrics if isinstance(metrics, bytes) else json.dumps(metrics))
        until(lambda: all(each.completion_time for each in self.retraining.executions()))
        self.sweep()
        return self.run(key)

    def sweep(self):
        self.number += 1
        return self.retraining.deliver(pushed(str(self.number), trigger="sweep"), **self.told)[0]["swept"]

    def run(self, key):
        [found] = [run for run in self.retraining.kept("history.json")["runs"] if run["key"] == key]
        return found

    def versions(self):
        """Number and aliases of each version, without those that tell its run."""
        name = f"{PLACE}/models/churn"
        try:
            found = list(self.models.list_model_versions(request={"name": name}))
        except NotFound:
            return {}
        mine = {"champion", "candidate"}
        return {each.version_id: sorted(mine & set(each.version_aliases)) for each in found}

    def verdict(self, key):
        return self.retraining.kept(f"decisions/{key}.verdict.json")


@pytest.fixture
def trainings(retraining):
    return Trainings(retraining)


def test_the_better_model_is_promoted_and_the_worse_one_kept_with_its_numbers(trainings):
    """The first, a better one, a worse one: the alias follows; history, decisions and registry say why."""
    first = trainings.train({"auroc": 0.80})
    better = trainings.train({"auroc": 0.84, "live": {"auroc": 0.81}})
    worse = trainings.train({"auroc": 0.79})

    assert trainings.versions() == {"1": [], "2": ["champion"], "3": []}
    assert [each["version"] for each in (first, better, worse)] == ["1", "2", "3"]
    assert [each["verdict"]["better"] for each in (first, better, worse)] == [True, True, False]
    assert better["artifact"] == f"gs://{BUCKET}/retraining/{REGION}/churn/runs/{better['key']}/model/"
    assert better["live"] == first["artifact"]
    assert better["why"] == "version 2 is champion now: auroc 0.84 against 0.81 on the same rows: better by 0.03"
    why = "auroc 0.79 against 0.84 as recorded when that one was trained: worse by 0.05"
    why += ", where better by 0.01 is asked for"
    assert (worse["status"], worse["why"]) == ("Succeeded", f"version 3 is not taken: {why}")
    told = trainings.verdict(worse["key"])
    assert (told["action"], told["reason"], told["numbers"]["candidate"]) == ("Refuse", why, 0.79)
    loser = trainings.models.get_model(request={"name": f"{PLACE}/models/churn@3"})
    assert (loser.version_description, loser.artifact_uri) == (why, worse["artifact"])


BROKEN = {
    "missing": (None, "the training wrote no metrics file"),
    "nan": (b'{"auroc": NaN}', "the auroc of the new model is no finite number"),
    "another": ({"accuracy": 0.9}, "no auroc of the new model in the metrics file, which has accuracy"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("metrics", "why"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_measured_is_a_failure_and_never_promoted(trainings, metrics, why):
    """The run is closed with the reason, nothing is registered, and the next one is not held back by it."""
    run = trainings.train(metrics)
    following = trainings.train({"auroc": 0.5})

    assert run["status"] == "Failed"
    assert run["why"].startswith(why)
    assert trainings.verdict(run["key"])["action"] == "Fail"
    assert (following["status"], trainings.versions()) == ("Succeeded", {"1": ["champion"]})


@pytest.mark.slow
def test_a_training_without_a_model_is_a_failure(trainings):
    """Whatever it measured."""
    run = trainings.train({"auroc": 0.9}, model=False)

    assert (run["status"], run["why"]) == ("Failed", "the training left no model in the folder model/ of its output")
    assert trainings.versions() == {}


@pytest.mark.slow
def test_lower_is_better_where_the_spec_says_so(retraining):
    """The smaller error is promoted, the larger one is not."""
    trainings = Trainings(retraining, evaluation={"metric": "rmse", "lower_is_better": True})
    for error in (2.0, 1.5, 1.7):
        trainings.train({"rmse": error})

    assert trainings.versions() == {"1": [], "2": ["champion"], "3": []}


@pytest.mark.slow
def test_a_refusal_of_the_registry_is_a_failure_with_its_words(trainings):
    """And what is only busy is asked again by the next sweep."""
    method = "google.cloud.aiplatform.v1.ModelService/UploadModel"
    trainings.retraining.operator.emulator.faults({"method": method, "status": "PERMISSION_DENIED"})
    refused = trainings.train({"auroc": 0.9})
    trainings.retraining.operator.emulator.faults({"method": method, "status": "UNAVAILABLE", "when": "after"})
    busy = trainings.train({"auroc": 0.9})
    trainings.retraining.operator.emulator.faults()
    trainings.sweep()

    assert refused["status"] == "Failed"
    assert "(403)" in refused["why"]
    assert busy["status"] == "Started"
    assert trainings.run(busy["key"])["status"] == "Succeeded"
    assert trainings.versions() == {"1": ["champion"]}


@pytest.mark.slow
def test_one_that_cannot_be_taken_in_keeps_no_other_from_it(trainings):
    """The registry is not there for the first that is looked after, and there again for the second."""
    one, other = trainings.begin(), trainings.begin()
    trainings.put(one, "metrics.json", json.dumps({"auroc": 0.7}))
    trainings.put(one, "model/model.onnx")
    method = "google.cloud.aiplatform.v1.ModelService/GetModel"
    trainings.retraining.operator.emulator.faults({"method": method, "status": "UNAVAILABLE", "times": 4})

    done = trainings.end(other, {"auroc": 0.8})

    assert (trainings.run(one)["status"], done["status"]) == ("Started", "Succeeded")
    trainings.retraining.operator.emulator.faults()
    trainings.sweep()
    assert trainings.run(one)["why"].startswith("version 2 is not taken: auroc 0.7 against 0.8 as recorded")


@pytest.mark.slow
def test_a_winner_over_yesterdays_model_is_compared_with_todays(trainings):
    """What it measured is of a model that serves no longer: what was recorded of the new one counts."""
    trainings.train({"auroc": 0.80})
    one, other = trainings.begin(), trainings.begin()
    for key, value in ((one, 0.90), (other, 0.85)):
        trainings.put(key, "model/model.onnx")
        trainings.put(key, "metrics.json", json.dumps({"auroc": value, "live": {"auroc": 0.80}}))
    until(lambda: all(each.completion_time for each in trainings.retraining.executions()))
    trainings.sweep()

    assert trainings.versions() == {"1": [], "2": ["champion"], "3": []}
    assert "0.85 against 0.9 as recorded" in trainings.run(other)["why"]


@pytest.mark.slow
def test_a_version_that_nobody_measured_stays(trainings):
    """Somebody gave the alias to a model of their own: without a measure of it nothing takes its place."""
    trainings.put("theirs", "model/model.onnx")
    folder = f"gs://{BUCKET}/retraining/{REGION}/churn/runs/theirs/model"
    model = {"display_name": "Churn", "artifact_uri": folder, "version_aliases": ["champion"]}
    trainings.models.upload_model(request={"parent": PLACE, "model": model, "model_id": "churn"}).result(timeout=20)
    unknown = trainings.train({"auroc": 0.9})
    measured = trainings.train({"auroc": 0.9, "live": {"auroc": 0.85}})

    assert unknown["live"] == folder
    assert "nobody measured version 1, which serves" in unknown["why"]
    assert measured["why"].startswith("version 3 is champion now: auroc 0.9 against 0.85 on the same rows")


@pytest.mark.slow
@pytest.mark.parametrize(("moves", "shown"), [("candidate", ["candidate"]), ("", [])], ids=["PullRequest", "Never"])
def test_without_auto_the_last_winner_is_what_counts(retraining, moves, shown):
    """A candidate is marked for somebody to accept, or only registered; the next one must be better than it."""
    trainings = Trainings(retraining, alias="", moves=moves)
    for value in (0.8, 0.9, 0.85):
        last = trainings.train({"auroc": value})

    assert trainings.versions() == {"1": [], "2": shown, "3": []}
    assert "auroc 0.85 against 0.9" in last["why"]


@pytest.mark.slow
def test_what_was_measured_of_a_deleted_model_counts_for_no_other(trainings):
    """Somebody deletes the model: the registry counts from one again, and version 1 is another one."""
    trainings.train({"auroc": 0.95})
    trainings.models.delete_model(request={"name": f"{PLACE}/models/churn"}).result(timeout=20)
    trainings.put("theirs", "model/model.onnx")
    folder = f"gs://{BUCKET}/retraining/{REGION}/churn/runs/theirs/model"
    model = {"display_name": "Churn", "artifact_uri": folder, "version_aliases": ["champion"]}
    trainings.models.upload_model(request={"parent": PLACE, "model": model, "model_id": "churn"}).result(timeout=20)

    following = trainings.train({"auroc": 0.9})

    assert "nobody measured version 1, which serves" in following["why"]


@pytest.mark.slow
def test_a_winner_of_a_deleted_model_is_nobodys_rival(retraining):
    """Without an alias the last winner counts, as long as the registry has it."""
    trainings = Trainings(retraining, alias="", moves="candidate")
    trainings.train({"auroc": 0.95})
    trainings.models.delete_model(request={"name": f"{PLACE}/models/churn"}).result(timeout=20)

    assert trainings.train({"auroc": 0.9})["why"].endswith("auroc 0.9; no model to compare with")


@pytest.mark.slow
def test_a_candidate_that_nobody_took_is_not_what_serves(retraining):
    """The spec's own model is what a training measures beside its own; a winner it knows counts where it does not."""
    serving = f"gs://{BUCKET}/models/churn/1/"
    trainings = Trainings(retraining, alias="", moves="candidate", serving=serving)
    rejected = trainings.train({"auroc": 0.9, "live": {"auroc": 0.8}})
    measured = trainings.train({"auroc": 0.85, "live": {"auroc": 0.8}})
    unmeasured = trainings.train({"auroc": 0.84})

    assert [each["live"] for each in (rejected, measured, unmeasured)] == [serving] * 3
    assert "auroc 0.85 against 0.8 on the same rows" in measured["why"]
    assert trainings.versions() == {"1": [], "2": ["candidate"], "3": []}
    assert "auroc 0.84 against 0.85 as recorded" in unmeasured["why"]


@pytest.mark.slow
def test_without_a_comparison_any_model_is_taken(retraining):
    """No metrics file is asked for."""
    trainings = Trainings(retraining, evaluation=None)
    run = trainings.train(None)

    assert run["why"] == "version 1 is champion now: it was trained; the spec compares no models"
    assert trainings.versions() == {"1": ["champion"]}


@pytest.mark.slow
def test_an_instance_that_dies_leaves_the_rest_to_the_next(trainings):
    """The answer of the alias's move is lost after it moved: the next sweep finds all done, and says so once."""
    method = "google.cloud.aiplatform.v1.ModelService/MergeVersionAliases"
    trainings.retraining.operator.emulator.faults({"method": method, "status": "UNAVAILABLE", "when": "after"})
    cut_off = trainings.train({"auroc": 0.8})
    trainings.retraining.operator.emulator.faults()
    trainings.sweep()

    assert (cut_off["status"], cut_off["version"]) == ("Started", "1")
    assert trainings.run(cut_off["key"])["why"] == "version 1 is champion now: auroc 0.8; no model to compare with"
    assert trainings.versions() == {"1": ["champion"]}


@pytest.mark.slow
def test_the_verdict_is_told_on_the_topic(retraining):
    """With what was compared, for whoever listens."""
    publisher = retraining.operator.api("google.pubsub_v1", "publisher", "Publisher")
    subscriber = retraining.operator.api("google.pubsub_v1", "subscriber", "Subscriber")
    topic, listening = "projects/local/topics/churn-events", "projects/local/subscriptions/listening"
    publisher.create_topic(request={"name": topic})
    subscriber.create_subscription(request={"name": listening, "topic": topic})
    trainings = Trainings(retraining, topic=topic)
    trainings.train({"auroc": 0.8})

    found = subscriber.pull(request={"subscription": listening, "max_messages": 10}, timeout=20).received_messages
    told = {each.message.attributes["event"]: json.loads(each.message.data) for each in found}
    assert set(told) == {"retraining.decision", "retraining.verdict", "retraining.run"}
    assert told["retraining.verdict"]["action"] == "Promote"
    assert told["retraining.verdict"]["numbers"] == {
        "candidate": 0.8, "minGain": 0.01, "version": "1", "alias": "champion"
    }  # fmt: skip
