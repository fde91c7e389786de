"""Trainings and the registry on the emulated Vertex AI, as the retraining function uses them."""

import sys
from datetime import UTC, datetime

import pytest

from runtime.retraining.closing import Stage
from runtime.retraining.decision import Event
from runtime.retraining.google import Google, Unavailable
from runtime.retraining.handling import NotStarted
from runtime.retraining.registry import NotRegistered, Registry
from runtime.retraining.runs import Run
from runtime.retraining.vertex import CustomJobs, Job, Machine, PipelineJobs, Place, label_of
from tests.emulator_vertex.cloud import BUCKET, IMAGE, Vertex, until

pytestmark = pytest.mark.slow

KEY = "pubsub/new-rows/1234567890 with letters no label may have"
NOW = datetime(2026, 11, 1, tzinfo=UTC)
EVENT = Event(KEY, "new-rows", NOW)
RUN = Run(KEY, "new-rows", NOW)
FAST = [sys.executable, "-S", "-I", "-c"]
SHOW = "import os; print(os.environ['MLSERVICE_TRIGGER'], os.environ['AIP_MODEL_DIR'])"
WAIT = "import time; time.sleep(600)"


@pytest.fixture
def vertex(emulator, tmp_path):
    """An emulator with an image that runs what its arguments say."""
    found = Vertex(emulator)
    found.push(tmp_path, FAST)
    return found


@pytest.fixture
def place(emulator, monkeypatch):
    """A region of the emulator's project."""
    for name, value in emulator.env.items():
        monkeypatch.setenv(name, value)
    return Place(Google("europe-west1"), "local", "europe-west1")


def jobs(place, code=SHOW, machine=None, **of):
    """Trainings that run some code."""
    what = machine or Machine("n1-standard-4", spot=True)
    return CustomJobs(place, Job("churn", IMAGE, what, f"gs://{BUCKET}/runs/", args=(code,), **of))


def started(trainer, name):
    """The run as the history has it once it is started."""
    return Run(KEY, "new-rows", NOW, name=name)


def registry(place):
    """The versions of the churn model."""
    return Registry(place, "churn", "churn", "Churn", pause=lambda _: None)


def test_a_training_is_started_once_and_found_by_its_key(vertex, place):
    """The label is the key's digest; nothing is found for another key; the job has what the spec says."""
    trainer = jobs(place, timeout_s=7200)
    assert trainer.find(KEY) is None
    name = trainer.start(KEY, EVENT)
    ended = vertex.wait(name)

    assert (trainer.find(KEY), trainer.find("another")) == (name, None)
    assert trainer.progress(started(trainer, name)).stage is Stage.SUCCEEDED
    assert ended.job_spec.scheduling.timeout.total_seconds() == 7200
    assert ended.job_spec.scheduling.strategy.name == "SPOT"
    written = vertex.emulator.control("GET", f"logs?job={name.rpartition('/')[2]}")
    assert list(written.values()) == [[f"new-rows gs://{BUCKET}/runs/{label_of(KEY)}/model/"]]


def test_a_failed_training_says_why(vertex, place):
    """In the words of Vertex AI."""
    trainer = jobs(place, "raise SystemExit('no rows')")
    name = trainer.start(KEY, EVENT)
    vertex.wait(name)
    found = trainer.progress(started(trainer, name))

    assert found.stage is Stage.FAILED
    assert "no rows" in found.why


def test_a_training_is_cancelled_and_one_that_is_gone_is_gone(vertex, place):
    """Cancelling again, or what is deleted, is no error."""
    trainer = jobs(place, WAIT)
    run = started(trainer, trainer.start(KEY, EVENT))
    assert trainer.progress(run).stage is Stage.GOING
    trainer.cancel(run)
    until(lambda: trainer.progress(run).stage, lambda stage: stage is Stage.CANCELLED)
    trainer.cancel(run)
    vertex.jobs.delete_custom_job(name=run.name)

    assert trainer.progress(run).stage is Stage.GONE
    trainer.cancel(run)


def test_what_would_be_refused_again_is_not_started(vertex, place):
    """A machine type that is not there ends the run; a busy service does not."""
    with pytest.raises(NotStarted, match='"n1-standard-3" is not supported'):
        jobs(place, machine=Machine("n1-standard-3")).start(KEY, EVENT)
    method = "google.cloud.aiplatform.v1.JobService/CreateCustomJob"
    vertex.emulator.faults({"method": method, "status": "RESOURCE_EXHAUSTED"})

    with pytest.raises(Unavailable, match=r"\(429\)$"):
        jobs(place).start(KEY, EVENT)


def test_a_start_whose_answer_was_lost_is_found(vertex, place):
    """The function dies after the job is there: whoever goes on finds it by its label."""
    method = "google.cloud.aiplatform.v1.JobService/CreateCustomJob"
    vertex.emulator.faults({"method": method, "status": "UNAVAILABLE", "when": "after"})
    trainer = jobs(place)
    with pytest.raises(Unavailable):
        trainer.start(KEY, EVENT)

    assert trainer.find(KEY) == next(iter(vertex.jobs.list_custom_jobs(parent=place.name))).name


def test_a_pipeline_is_started_once_under_its_own_id(vertex, place):
    """A second start finds the first; a pipeline that makes no sense is not started."""
    spec = {"root": {"dag": {"tasks": {"a": {"componentRef": {"name": "comp-a"}}}}}}
    trainer = PipelineJobs(place, "churn", spec, f"gs://{BUCKET}/runs")
    assert trainer.find(KEY) is None
    name = trainer.start(KEY, EVENT)
    again = trainer.start(KEY, EVENT)

    assert trainer.find(KEY) == name
    assert name.rpartition("/")[2] == again.rpartition("/")[2] == label_of(KEY)
    assert len(list(vertex.pipelines.list_pipeline_jobs(parent=place.name))) == 1
    run = started(trainer, again)
    until(lambda: trainer.progress(run).stage, lambda stage: stage is Stage.FAILED)  # it has no such component
    with pytest.raises(NotStarted, match="A pipeline spec or a template"):
        PipelineJobs(place, "churn", {}, f"gs://{BUCKET}/runs").start("another", EVENT)


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


def test_an_upload_that_never_ends_is_given_up(vertex, place):
    """The event comes again; nobody waits for ever."""
    method = "google.cloud.aiplatform.v1.ModelService/UploadModel"
    vertex.emulator.faults({"method": method, "operation": "stuck"})

    with pytest.raises(NotRegistered, match="longer"):
        registry(place).register("a", vertex.put("runs/1/model.onnx"))
