"""Trainings and the registry on the emulated Vertex AI, as the retraining function uses them."""

import json
import sys
from datetime import UTC, datetime

import pytest

from runtime.retraining.closing import Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import Google, Unavailable
from runtime.retraining.handling import NotStarted
from runtime.retraining.registry import Registry
from runtime.retraining.runs import Run
from runtime.retraining.settings import Settings
from runtime.retraining.taking import NotRegistered, UnderWay
from runtime.retraining.trainers.custom_job import CustomJob
from runtime.retraining.trainers.vertex_pipeline import VertexPipeline, compiled
from runtime.retraining.vertex import Place, label_of
from tests.emulator_vertex.cloud import BUCKET, IMAGE, Vertex, until

pytestmark = pytest.mark.slow

KEY, REGION = "0123456789abcdef01234567", "europe-west1"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENT = Event(KEY, "new-rows", NOW)
RUN = Run(KEY, "new-rows", NOW)
FAST = [sys.executable, "-S", "-I", "-c"]
SHOW = "import os; print(os.environ['MLSERVICE_TRIGGER'], os.environ['MLSERVICE_RUN'], os.environ['AIP_MODEL_DIR'])"
WAIT = "import time; time.sleep(600)"
PIPELINE = {
    "pipelineInfo": {"name": "train"},
    "root": {
        "dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}}}},
        "inputDefinitions": {
            "parameters": {
                "mlservice_run": {"parameterType": "STRING"},
                "mlservice_output": {"parameterType": "STRING"},
                "days": {"parameterType": "NUMBER_INTEGER"},
                "codes": {"parameterType": "STRING"},
            }
        },
    },
}


@pytest.fixture
def vertex(emulator, tmp_path):
    """An emulator with an image that runs what its arguments say."""
    found = Vertex(emulator)
    found.push(tmp_path, FAST)
    return found


@pytest.fixture
def google(emulator, monkeypatch):
    """Calls to the emulator."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    return Google(REGION)


@pytest.fixture
def place(google):
    """A region of the emulator's project."""
    return Place(google, "local", REGION)


def settings(run, **more):
    """What the function of the churn service is told."""
    return Settings("churn", "local", REGION, BUCKET, run, **more)


def jobs(google, code=SHOW, **of):
    """Trainings that run some code."""
    return CustomJob(settings({"customJob": {"image": IMAGE, "args": [code], "spot": True, **of}}), google)


def started(name):
    """The run as the history has it once it is started."""
    return Run(KEY, "new-rows", NOW, name=name)


def registry(place):
    """The versions of the churn model."""
    return Registry(place, "churn", "churn", pause=lambda _: None)


def test_a_training_is_started_once_and_found_by_its_key(vertex, google):
    """Nothing is found for another key; the container is told of its run, and where Vertex AI wants its model."""
    trainer = jobs(google)
    assert trainer.find(KEY) is None
    name = trainer.start(RUN, EVENT)
    ended = vertex.wait(name)

    assert (trainer.find(KEY), trainer.find("another")) == (name, None)
    assert trainer.progress(started(name)).stage is Stage.SUCCEEDED
    assert ended.job_spec.scheduling.timeout.total_seconds() == 6 * 3600
    assert ended.job_spec.scheduling.strategy.name == "SPOT"
    written = vertex.emulator.control("GET", f"logs?job={name.rpartition('/')[2]}")
    folder = f"gs://{BUCKET}/retraining/{REGION}/churn/runs/{KEY}/model/"
    assert list(written.values()) == [[f"new-rows {KEY} {folder}"]]


def test_a_job_has_what_the_spec_says(vertex, google):
    """Machine, accelerators, variables and arguments; ours cannot be overwritten by a name of the spec's."""
    told = {
        "machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 2, "spot": False,
        "env": {"MODE": "full", "MLSERVICE_RUN": "mine"}, "args": ["--epochs=3"],
    }  # fmt: skip
    trainer = CustomJob(
        settings({"customJob": {"image": IMAGE, **told}}, parameters={"days": "30"}, dataset="gs://rows/1.csv"), google
    )
    [pool] = trainer.body(Run(KEY, "new-rows", NOW, live="gs://models/7/"), EVENT)["jobSpec"]["workerPoolSpecs"]
    env = {each["name"]: each["value"] for each in pool["containerSpec"]["env"]}

    assert pool["machineSpec"] == {
        "machineType": "n1-standard-8", "acceleratorType": "NVIDIA_TESLA_T4", "acceleratorCount": 2
    }  # fmt: skip
    assert pool["containerSpec"]["args"] == ["--epochs=3", "--days=30"]
    assert (env["MODE"], env["MLSERVICE_RUN"]) == ("full", KEY)
    assert (env["MLSERVICE_DATASET"], env["MLSERVICE_LIVE"]) == ("gs://rows/1.csv", "gs://models/7/")
    assert vertex.jobs.get_custom_job(name=trainer.start(RUN, EVENT)).job_spec.scheduling.strategy.name != "SPOT"


def test_a_failed_training_says_why(vertex, google):
    """In the words of Vertex AI."""
    trainer = jobs(google, "raise SystemExit('no rows')")
    name = trainer.start(RUN, EVENT)
    vertex.wait(name)
    found = trainer.progress(started(name))

    assert found.stage is Stage.FAILED
    assert "no rows" in found.why


def test_a_training_is_cancelled_and_one_that_is_gone_is_gone(vertex, google):
    """Cancelling again, or what is deleted, is no error."""
    trainer = jobs(google, WAIT)
    run = started(trainer.start(RUN, EVENT))
    assert trainer.progress(run).stage is Stage.GOING
    trainer.cancel(run)
    until(lambda: trainer.progress(run).stage, lambda stage: stage is Stage.CANCELLED)
    trainer.cancel(run)
    vertex.jobs.delete_custom_job(name=run.name)

    assert trainer.progress(run).stage is Stage.GONE
    trainer.cancel(run)


def test_what_would_be_refused_again_is_not_started(vertex, google):
    """A machine type that is not there ends the run; a busy service does not."""
    with pytest.raises(NotStarted, match='"n1-standard-3" is not supported'):
        jobs(google, machineType="n1-standard-3").start(RUN, EVENT)
    method = "google.cloud.aiplatform.v1.JobService/CreateCustomJob"
    vertex.emulator.faults({"method": method, "status": "RESOURCE_EXHAUSTED"})

    with pytest.raises(Unavailable, match=r"\(429\)$"):
        jobs(google).start(RUN, EVENT)


def test_a_start_whose_answer_was_lost_is_found(vertex, google, place):
    """The function dies after the job is there: whoever goes on finds it by its label."""
    method = "google.cloud.aiplatform.v1.JobService/CreateCustomJob"
    vertex.emulator.faults({"method": method, "status": "UNAVAILABLE", "when": "after"})
    trainer = jobs(google)
    with pytest.raises(Unavailable):
        trainer.start(RUN, EVENT)

    assert trainer.find(KEY) == next(iter(vertex.jobs.list_custom_jobs(parent=place.name))).name


def pipeline(vertex, google, spec=PIPELINE, **of):
    """Trainings by a pipeline in the bucket."""
    vertex.put("pipelines/train.json", json.dumps(spec).encode())
    told = {"template": f"gs://{BUCKET}/pipelines/train.json", "parameters": {"days": "30", "codes": "007"}, **of}
    return VertexPipeline(settings({"vertexPipeline": told}), google)


def test_a_pipeline_is_started_once_under_its_own_id(vertex, google, place):
    """A second start finds the first; it has our parameters where it declares them, and the spec's, of their types."""
    trainer = pipeline(vertex, google)
    assert trainer.find(KEY) is None
    name = trainer.start(RUN, EVENT)
    again = trainer.start(RUN, EVENT)

    assert trainer.find(KEY) == name
    assert name.rpartition("/")[2] == again.rpartition("/")[2] == label_of(KEY)
    [made] = vertex.pipelines.list_pipeline_jobs(parent=place.name)
    folder = f"gs://{BUCKET}/retraining/{REGION}/churn/runs/{KEY}/"
    assert dict(made.runtime_config.parameter_values) == {
        "mlservice_run": KEY, "mlservice_output": folder, "days": 30, "codes": "007"
    }  # fmt: skip
    run = started(again)
    until(lambda: trainer.progress(run).stage, lambda stage: stage is Stage.FAILED)  # it has no such component


REFUSED = {
    "no-such-parameter": ({"parameters": {"days": "1", "codes": "1", "weeks": "1"}}, "has no parameter 'weeks'"),
    "no-object": ({"template": f"gs://{BUCKET}/none.yaml"}, f"there is no gs://{BUCKET}/none.yaml"),
    "no-bucket": ({"template": "gs://nobody/none.yaml"}, "cannot be read"),
    "registry": (
        {"template": "https://europe-west1-kfp.pkg.dev/acme/ml/train/v1"},
        "the emulator has no host of pipelines, as https://europe-west1-kfp.pkg.dev/acme/ml/train/v1",
    ),
    "elsewhere": ({"template": "https://example.com/train.yaml"}, "neither in Cloud Storage nor in Artifact Registry"),
}


@pytest.mark.parametrize(("of", "why"), REFUSED.values(), ids=REFUSED)
def test_a_pipeline_that_cannot_be_had_is_not_started(vertex, google, of, why):
    """Its address is in the reason."""
    with pytest.raises(NotStarted, match=why):
        pipeline(vertex, google, **of).start(RUN, EVENT)


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 8)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1]", b"root: 2020-01-01", b"!!python/object:os.system {}", b"\xff", b"a: &a [*a]", BOMB.encode()],
    ids=["empty", "cut", "list", "date", "object", "bytes", "circle", "bomb"],
)
def test_what_is_no_compiled_pipeline_is_not_started(content):
    """Nothing of it is run, and nothing unfolds to gigabytes."""
    with pytest.raises(NotStarted, match=r"no compiled pipeline|unfolds"):
        compiled(content, "gs://b/p.yaml")


def test_a_run_is_registered_once_and_promoted(vertex, place):
    """The first makes the model, the next a version; the alias moves, and each run finds its own version."""
    folder, models = vertex.put("runs/1/model.onnx"), registry(place)
    first, second = models.register("a", folder, "auroc 0.81"), models.register("b", folder)
    again = models.register("a", folder)
    for version in (first, second, second):
        models.promote(version, "champion")

    assert (first, second, again) == ("1", "2", "1")
    assert models.version("champion")["versionId"] == "2"
    assert models.version(label_of("a"))["versionDescription"] == "auroc 0.81"
    assert "champion" not in models.version("1")["versionAliases"]
    assert models.version(label_of("c")) is None
    assert len(list(vertex.models.list_model_versions(name=models.name))) == 2


def test_a_model_without_files_is_not_registered(vertex, place):
    """What the operation says is what is told; nothing is left behind."""
    models = registry(place)
    with pytest.raises(NotRegistered, match="There are no files under"):
        models.register("a", f"gs://{BUCKET}/none")

    assert models.register("a", vertex.put("runs/1/model.onnx")) == "1"


@pytest.mark.parametrize("before", [0, 1], ids=["first", "next"])
def test_none_is_uploaded_while_an_upload_is_under_way(vertex, place, before):
    """Its caller may have died; that upload may become a version yet, of a new model as of one that is there."""
    models, folder = registry(place), vertex.put("runs/1/model.onnx")
    for number in range(before):
        models.register(f"before-{number}", folder)
    vertex.emulator.faults({"method": "google.cloud.aiplatform.v1.ModelService/UploadModel", "operation": "stuck"})
    with pytest.raises(UnderWay):
        models.register("a", folder)
    vertex.emulator.faults()

    with pytest.raises(UnderWay):
        models.register("a", folder)
