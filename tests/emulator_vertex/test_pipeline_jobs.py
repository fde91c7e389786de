"""Pipeline jobs of the emulated Vertex AI: pipelines that the real kfp package compiled, through Google's client."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.api_core import exceptions

from tests.conftest import Emulator
from tests.emulator.clients import both_wires
from tests.emulator_vertex.cloud import BUCKET, PLACE, Vertex, until

pytestmark = pytest.mark.slow

OUTPUT = {"gcs_output_directory": f"gs://{BUCKET}/pipelines/out"}


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    """The pipelines of `pipelines.py`, by name, and the folder of their files."""
    folder = tmp_path_factory.mktemp("compiled")
    program = Path(__file__).parent / "pipelines.py"
    subprocess.run([sys.executable, str(program), str(folder)], check=True, capture_output=True)
    return {file.stem: yaml.safe_load(file.read_text()) for file in folder.glob("*.yaml")}, folder


def create(vertex, spec, job_id="train", parameters=None, **of):
    """Create a pipeline job."""
    runtime = OUTPUT | {"parameter_values": parameters or {}}
    wanted = {"display_name": "Train", "runtime_config": runtime, **of}
    return vertex.pipelines.create_pipeline_job(
        request={
            "parent": PLACE,
            "pipeline_job_id": job_id,
            "pipeline_job": wanted | ({"pipeline_spec": spec} if spec else {}),
        }
    )


def wait(vertex, name, *states):
    """The job once it is in one of the states; any that ends it, where none is given."""
    wanted = states or ("SUCCEEDED", "FAILED", "CANCELLED")
    return until(
        lambda: vertex.pipelines.get_pipeline_job(name=name),
        lambda found: found.state.name.removeprefix("PIPELINE_STATE_") in wanted,
    )


def tasks(found):
    """States of a job's tasks by their names."""
    return {task.task_name: task.state.name for task in found.job_detail.task_details}


@both_wires
def test_a_pipeline_runs_to_its_end(emulator, wire, compiled):
    """Its tasks run as subprocesses and pass data on; outputs are in Cloud Storage, states in the job's detail."""
    vertex = Vertex(emulator, wire)
    vertex.put("pipelines/here")
    created = create(vertex, compiled[0]["train-a-line"], parameters={"bucket": BUCKET, "count": 30})
    ended = wait(vertex, created.name)

    assert created.state.name == "PIPELINE_STATE_PENDING"
    assert created.service_account.endswith("-compute@developer.gserviceaccount.com")
    assert created.labels["vertex-ai-pipelines-run-billing-id"].isdigit()
    assert ended.state.name == "PIPELINE_STATE_SUCCEEDED", ended.error.message
    assert vertex.get("pipelines/slope") == b"3"
    assert tasks(ended) == {"rows": "SUCCEEDED", "fit": "SUCCEEDED", "judge": "SUCCEEDED", "wait": "NOT_TRIGGERED"}
    first = next(task for task in ended.job_detail.task_details if task.task_name == "rows")
    assert [status.state.name for status in first.pipeline_task_status] == ["RUNNING", "SUCCEEDED"]
    assert created.create_time <= ended.start_time <= first.start_time <= first.end_time <= ended.end_time
    listed = next(iter(vertex.pipelines.list_pipeline_jobs(parent=PLACE)))
    assert (listed.name, len(listed.job_detail.task_details)) == (ended.name, 0)
    assert vertex.pipelines.delete_pipeline_job(name=ended.name).done()
    with pytest.raises(exceptions.NotFound, match=r"The PipelineJob does not exist\."):
        vertex.pipelines.get_pipeline_job(name=ended.name)


def test_a_task_that_fails_fails_its_pipeline(vertex, compiled):
    """What stood on it is not triggered; the error has the last lines."""
    created = create(vertex, compiled[0]["train-a-line"], parameters={"bucket": BUCKET, "least": 5})
    vertex.put("pipelines/here")
    ended = wait(vertex, created.name)

    assert ended.state.name == "PIPELINE_STATE_FAILED"
    assert tasks(ended)["judge"] == "FAILED"
    assert tasks(ended)["rows"] == "SUCCEEDED"
    assert "slope 3.0 is below 5.0" in ended.error.message


def test_a_package_that_is_not_there_is_not_installed(vertex, compiled):
    """Tasks share the emulator's environment, which they do not change."""
    ended = wait(vertex, create(vertex, compiled[0]["need-a-package"]).name)

    assert ended.state.name == "PIPELINE_STATE_FAILED"
    assert "a-package-that-is-not-there is not in its environment" in ended.error.message


def test_a_running_pipeline_is_cancelled(vertex, compiled):
    """Its processes end; the task shows it; again changes nothing."""
    created = create(vertex, compiled[0]["wait-for-ever"])
    until(lambda: vertex.pipelines.get_pipeline_job(name=created.name), lambda job: tasks(job) == {"wait": "RUNNING"})
    with pytest.raises(exceptions.FailedPrecondition, match="PIPELINE_STATE_RUNNING"):
        vertex.pipelines.delete_pipeline_job(name=created.name)
    vertex.pipelines.cancel_pipeline_job(name=created.name)
    ended = wait(vertex, created.name)

    assert (ended.state.name, ended.error.code) == ("PIPELINE_STATE_CANCELLED", 0)
    assert tasks(ended) == {"wait": "CANCELLED"}
    vertex.pipelines.cancel_pipeline_job(name=created.name)
    assert vertex.pipelines.get_pipeline_job(name=created.name) == ended


def test_a_template_is_read_from_cloud_storage(vertex, compiled):
    """`template_uri` names the compiled file; what is not there, or no pipeline, is refused."""
    vertex.put("templates/train.yaml", (compiled[1] / "train-a-line.yaml").read_bytes())
    vertex.put("templates/broken.yaml", b"[: no yaml")
    uri = f"gs://{BUCKET}/templates/train.yaml"
    vertex.put("pipelines/here")
    created = create(vertex, None, parameters={"bucket": BUCKET}, template_uri=uri)

    assert wait(vertex, created.name).state.name == "PIPELINE_STATE_SUCCEEDED"
    for wrong in ("none.yaml", "broken.yaml"):
        with pytest.raises(exceptions.InvalidArgument, match=wrong):
            create(vertex, None, "other", template_uri=f"gs://{BUCKET}/templates/{wrong}")
    with pytest.raises(exceptions.MethodNotImplemented, match="Cloud Storage only"):
        create(vertex, None, "other", template_uri="https://europe-west1-kfp.pkg.dev/local/templates/train/v1")


def test_an_id_is_given_once_and_a_job_is_checked(vertex, compiled):
    """A second job under an id, unknown and missing parameters, a pipeline without tasks are refused."""
    spec = compiled[0]["wait-for-ever"]
    created = create(vertex, spec)
    with pytest.raises(exceptions.AlreadyExists):
        create(vertex, spec)
    train = compiled[0]["train-a-line"]
    with pytest.raises(exceptions.InvalidArgument, match="no parameter 'colour'"):
        create(vertex, train, "b", {"colour": "red", "bucket": BUCKET})
    with pytest.raises(exceptions.InvalidArgument, match="'bucket' has no default and is missing"):
        create(vertex, train, "b")
    with pytest.raises(exceptions.InvalidArgument, match="no tasks"):
        create(vertex, {"root": {"dag": "x"}}, "b")
    with pytest.raises(exceptions.InvalidArgument, match="Invalid PipelineJob resource name"):
        create(vertex, spec, "Not An Id")
    vertex.pipelines.cancel_pipeline_job(name=created.name)

    found = vertex.pipelines.list_pipeline_jobs(
        request={"parent": PLACE, "filter": 'pipeline_name="wait-for-ever" AND pipeline_job_user_id:"tr*"'}
    )
    assert [job.name for job in found] == [created.name]


def test_a_kill_of_the_emulator_ends_its_pipelines(tmp_path, compiled):
    """One that ran is found failed, in words."""
    emulator = Emulator.start(tmp_path)
    vertex = Vertex(emulator)
    created = create(vertex, compiled[0]["wait-for-ever"])
    until(lambda: vertex.pipelines.get_pipeline_job(name=created.name), lambda job: tasks(job) == {"wait": "RUNNING"})
    emulator.kill()

    emulator = Emulator.start(tmp_path)
    try:
        ended = wait(Vertex(emulator), created.name)
        assert (ended.state.name, tasks(ended)) == ("PIPELINE_STATE_FAILED", {"wait": "CANCELLED"})
        assert "The emulator was restarted" in ended.error.message
    finally:
        emulator.stop()
