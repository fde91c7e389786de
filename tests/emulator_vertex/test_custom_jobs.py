"""Custom jobs of the emulated Vertex AI: what a job does with its container, through Google's client."""

import json
import sys
from pathlib import Path

import httpx
import pytest
from google.api_core import exceptions

from tests.conftest import Emulator
from tests.emulator.clients import both_wires
from tests.emulator_iam.callers import grant
from tests.emulator_vertex.cloud import BUCKET, PLACE, Vertex, job, until

pytestmark = pytest.mark.slow

TRAINER = Path(__file__).parent / "trainer"
ROWS = "x,y\n" + "".join(f"{x},{3 * x + 1}\n" for x in range(20))
FAST = [sys.executable, "-S", "-I", "-c"]
WAITING = "import time; print('waiting', flush=True); time.sleep(600)"
OUTPUT = {"base_output_directory": {"output_uri_prefix": f"gs://{BUCKET}/runs/7"}}


@pytest.fixture
def fast(vertex, tmp_path):
    """An emulator with an image that runs what its arguments say."""
    vertex.push(tmp_path, FAST)
    return vertex


def state(found):
    """Short name of a job's state."""
    return found.state.name.removeprefix("JOB_STATE_")


def running(vertex, **of):
    """A job whose container waits for ever."""
    created = vertex.create(args=[WAITING], **of)
    found = vertex.wait(created.name, "RUNNING")
    until(lambda: logs(vertex, created), lambda lines: "waiting" in lines)
    return found


def logs(vertex, created):
    """What a job's worker has written."""
    found = vertex.emulator.control("GET", f"logs?job={created.name.rpartition('/')[2]}")
    return [line for lines in found.values() for line in lines]


def preempt(vertex, found):
    """Take the machine of a job away; the answer's status."""
    url = f"{vertex.emulator.http}/_emulator/preempt"
    return httpx.post(url, json={"job": found.name.rpartition("/")[2]}, timeout=30).status_code


def test_a_training_really_trains(vertex):
    """The image reads rows, writes a model where `AIP_MODEL_DIR` says, and knows whose credentials it has."""
    account = "trainer@local.iam.gserviceaccount.com"
    httpx.post(f"{vertex.emulator.http}/v1/projects/local/serviceAccounts", json={"accountId": "trainer"})
    grant(vertex.emulator, ("roles/storage.objectAdmin", f"serviceAccount:{account}"))
    vertex.put("rows/train.csv", ROWS.encode())
    vertex.push(TRAINER, [sys.executable, "train.py"])
    created = vertex.create(args=[f"gs://{BUCKET}/rows/train.csv"], spec=OUTPUT | {"service_account": account})
    ended = vertex.wait(created.name)

    assert (state(created), state(ended)) == ("PENDING", "SUCCEEDED"), logs(vertex, created)
    assert created.create_time <= ended.start_time <= ended.end_time
    model = json.loads(vertex.get("runs/7/model/model.json"))
    assert (round(model["slope"], 6), round(model["intercept"], 6)) == (3.0, 1.0)
    assert vertex.get("runs/7/checkpoints/begun")
    assert "training on 20 rows" in logs(vertex, created)
    told = json.loads(vertex.get("runs/7/logs/environment.json"))
    assert told["account"] == account
    assert told["AIP_MODEL_DIR"] == f"gs://{BUCKET}/runs/7/model/"
    assert told["CLOUD_ML_PROJECT_ID"] == created.name.split("/")[1]
    assert told["CLOUD_ML_JOB_ID"] == created.name.rpartition("/")[2]
    assert json.loads(told["CLUSTER_SPEC"])["task"]["type"] == "workerpool0"
    assert not any(name.startswith("CLOUD_RUN_") for name in told)


@both_wires
def test_a_job_lives_its_life(emulator, wire, tmp_path):
    """Created with what Google fills in, found by the project's number, deleted at once when it is over."""
    vertex = Vertex(emulator, wire)
    vertex.push(tmp_path, FAST)
    created = vertex.create(args=["print('hello')"], env={"A": "1"}, labels={"team": "a"})
    pool = created.job_spec.worker_pool_specs[0]

    assert created.name.split("/")[1].isdigit()
    assert created.name.rpartition("/")[2].isdigit()
    assert (pool.disk_spec.boot_disk_type, pool.disk_spec.boot_disk_size_gb) == ("pd-ssd", 100)
    ended = vertex.wait(created.name)
    assert (state(ended), ended.error.message, logs(vertex, ended)) == ("SUCCEEDED", "", ["hello"])
    same = f"{PLACE}/customJobs/{created.name.rpartition('/')[2]}"
    assert vertex.jobs.get_custom_job(name=same) == ended
    assert vertex.jobs.delete_custom_job(name=same).done()
    with pytest.raises(exceptions.NotFound, match=r"The CustomJob does not exist\."):
        vertex.jobs.get_custom_job(name=same)
    with pytest.raises(exceptions.NotFound):
        vertex.jobs.cancel_custom_job(name=same)


def test_a_failed_job_shows_its_last_lines(fast):
    """Exit status and the end of the output, as Google's error has them."""
    created = fast.create(args=["print('so far', flush=True); raise SystemExit('no rows')"])
    ended = fast.wait(created.name)

    assert (state(ended), ended.error.code) == ("FAILED", 3)
    assert ended.error.message.startswith("The replica workerpool0-0 exited with a non-zero status of 1.")
    assert ended.error.message.splitlines()[1:] == ["so far", "no rows"]


def test_a_missing_image_fails_the_job(vertex):
    """The job is accepted; it fails when its image is looked for."""
    ended = vertex.wait(vertex.create(image="europe-west1-docker.pkg.dev/local/trainers/none:1").name)

    assert state(ended) == "FAILED"
    assert "none:1' not found" in ended.error.message


def test_command_and_environment_reach_the_container(fast):
    """The command replaces the image's own; variables are set."""
    code = "import os, sys; print(os.environ['A'], sys.argv[1:])"
    created = fast.create(command=[*FAST, code], args=["--epochs", "3"], env={"A": "b"})

    assert state(fast.wait(created.name)) == "SUCCEEDED"
    assert logs(fast, created) == ["b ['--epochs', '3']"]


def test_a_running_job_is_cancelled(fast):
    """Its container is stopped; state and error are the recorded ones; again changes nothing."""
    found = running(fast)
    with pytest.raises(exceptions.FailedPrecondition, match="JOB_STATE_RUNNING"):
        fast.jobs.delete_custom_job(name=found.name)
    fast.jobs.cancel_custom_job(name=found.name)
    ended = fast.wait(found.name)

    assert (state(ended), ended.error.code, ended.error.message) == ("CANCELLED", 1, "CANCELED")
    fast.jobs.cancel_custom_job(name=found.name)
    assert fast.jobs.get_custom_job(name=found.name) == ended


def test_a_job_waits_in_the_queue_for_its_machine(fast):
    """As long as the setting says, by the virtual clock; a job that is cancelled there never runs."""
    fast.emulator.control("PUT", "settings", {"vertex_queue_s": 600})
    first, second = fast.create(args=["print('ran')"]), fast.create(args=["print('ran')"])
    fast.wait(first.name, "QUEUED")
    fast.wait(second.name, "QUEUED")
    fast.jobs.cancel_custom_job(name=second.name)
    assert state(fast.jobs.get_custom_job(name=second.name)) == "CANCELLED"
    fast.emulator.advance(601)

    assert state(fast.wait(first.name)) == "SUCCEEDED"
    assert logs(fast, second) == []


def test_a_job_over_its_time_is_cancelled(fast):
    """`scheduling.timeout` counts from when it runs, by the virtual clock."""
    found = running(fast, spec={"scheduling": {"timeout": {"seconds": 3600}}})
    fast.emulator.advance(3500)
    assert state(fast.jobs.get_custom_job(name=found.name)) == "RUNNING"
    fast.emulator.advance(101)
    ended = fast.wait(found.name)

    assert (state(ended), ended.error.message) == (
        "CANCELLED",
        "CANCELED: the job ran longer than its timeout of 3600s.",
    )
    assert (ended.end_time - ended.start_time).total_seconds() >= 3600


def test_a_preempted_spot_job_gets_another_machine(fast):
    """It runs again from the beginning, and six times at most."""
    found = running(fast, spec={"scheduling": {"strategy": "SPOT"}})
    for _ in range(6):
        assert preempt(fast, found) == httpx.codes.OK
        fast.wait(found.name, "RUNNING")
        until(lambda: logs(fast, found), lambda lines: lines == ["waiting"])
    assert preempt(fast, found) == httpx.codes.OK
    ended = fast.wait(found.name)

    assert (state(ended), ended.error.code) == ("FAILED", 8)
    assert ended.error.message == "STOCKOUT: the spot machine was preempted, after 6 restarts."
    assert ended.start_time == found.start_time


def test_a_preempted_job_without_retries_fails(fast):
    """`disable_retries` is heeded; a job on demand cannot be preempted at all."""
    found = running(fast, spec={"scheduling": {"strategy": "SPOT", "disable_retries": True}})
    preempt(fast, found)
    assert fast.wait(found.name).error.message.startswith("STOCKOUT")

    other = running(fast)
    assert preempt(fast, other) == httpx.codes.CONFLICT
    assert preempt(fast, found) == httpx.codes.NOT_FOUND
    assert httpx.post(f"{fast.emulator.http}/_emulator/preempt", content="x").status_code == httpx.codes.BAD_REQUEST
    fast.jobs.cancel_custom_job(name=other.name)


MACHINES = [
    ({"machine_type": ""}, "Machine type is required"),
    ({"machine_type": "n1-standard-3"}, '"n1-standard-3" is not supported'),
    ({"machine_type": "n1-standard-4", "accelerator_type": "NVIDIA_TESLA_T4"}, "without a count"),
    ({"machine_type": "n1-standard-4", "accelerator_count": 1}, "without an accelerator type"),
    ({"machine_type": "n1-standard-4", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 3}, "cannot be"),
    ({"machine_type": "e2-standard-4", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1}, "cannot be"),
    ({"machine_type": "n1-standard-32", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1}, "cannot be"),
    ({"machine_type": "a2-highgpu-2g"}, "2 x NVIDIA_TESLA_A100"),
    ({"machine_type": "g2-standard-24", "accelerator_type": "NVIDIA_L4", "accelerator_count": 1}, "2 x NVIDIA_L4"),
]


@pytest.mark.parametrize(("machine", "words"), MACHINES)
def test_a_machine_that_is_not_there_is_refused(vertex, machine, words):
    """Type, accelerator and count have to fit one another."""
    with pytest.raises(exceptions.InvalidArgument, match=words):
        vertex.create(machine=machine)


@pytest.mark.parametrize(
    "machine",
    [
        {"machine_type": "n1-standard-4", "accelerator_type": "NVIDIA_TESLA_T4", "accelerator_count": 1},
        {"machine_type": "g2-standard-24", "accelerator_type": "NVIDIA_L4", "accelerator_count": 2},
        {"machine_type": "a2-highgpu-1g", "accelerator_type": "NVIDIA_TESLA_A100", "accelerator_count": 1},
    ],
)
def test_a_machine_with_accelerators_is_accepted(fast, machine):
    """The job runs on the emulator's own machine, whatever it asked for."""
    assert state(fast.wait(fast.create(machine=machine, args=["pass"]).name)) == "SUCCEEDED"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param(job() | {"display_name": ""}, "Display name is required", id="no-name"),
        pytest.param({"display_name": "x"}, "At least one worker pool", id="no-worker"),
        pytest.param(job(image=""), "image URI is required", id="no-image"),
        pytest.param(job(labels={"A": "b"}), "Invalid label", id="a-label"),
        pytest.param(
            job(spec={"base_output_directory": {"output_uri_prefix": "runs/7"}}),
            "not a Cloud Storage path",
            id="a-path",
        ),
        pytest.param(job(env={f"V{n}": "" for n in range(101)}), "At most 100", id="many-variables"),
    ],
)
def test_a_job_that_cannot_be_is_refused(vertex, wanted, words):
    """With the field that is wrong, before anything is stored."""
    with pytest.raises(exceptions.InvalidArgument, match=words):
        vertex.jobs.create_custom_job(parent=PLACE, custom_job=wanted)

    assert list(vertex.jobs.list_custom_jobs(parent=PLACE)) == []


@pytest.mark.parametrize(
    ("of", "words"),
    [
        pytest.param({"args": ["--data=/gcs/bucket/rows.csv"]}, "no mount /gcs/", id="a-mount"),
        pytest.param({"spec": {"persistent_resource_id": "x"}}, "persistent resources", id="persistent"),
    ],
)
def test_what_a_process_cannot_stand_for_is_refused(vertex, of, words):
    """In words, rather than run otherwise than asked."""
    with pytest.raises(exceptions.MethodNotImplemented, match=words):
        vertex.create(**of)


def test_an_account_that_is_not_there_is_refused(vertex):
    """Nobody can act as it."""
    with pytest.raises(exceptions.PermissionDenied, match="actAs"):
        vertex.create(spec={"service_account": "nobody@local.iam.gserviceaccount.com"})


def test_a_name_that_could_not_be_one_is_refused(vertex):
    """In the recorded words."""
    with pytest.raises(
        exceptions.InvalidArgument, match=r"1\.Field: name; Message: Invalid CustomJob resource name\.\t"
    ):
        vertex.jobs.get_custom_job(name=f"{PLACE}/customJobs/train")


def test_jobs_are_found_by_state_name_label_and_time(fast):
    """As the request's comments have it."""
    good = fast.jobs.create_custom_job(
        parent=PLACE, custom_job=job(args=["pass"], labels={"run": "r1"}) | {"display_name": "my_job_1"}
    )
    bad = fast.jobs.create_custom_job(
        parent=PLACE, custom_job=job(args=["raise SystemExit(2)"], labels={"run": "r2", "old": ""})
    )
    fast.wait(good.name)
    fast.wait(bad.name)

    def found(query):
        return [each.name for each in fast.jobs.list_custom_jobs(request={"parent": PLACE, "filter": query})]

    assert found("") == [bad.name, good.name]
    assert found('state="JOB_STATE_SUCCEEDED" AND display_name:"my_job_*"') == [good.name]
    assert found('state!="JOB_STATE_FAILED" OR display_name="my_job_1"') == [good.name]
    assert found('NOT display_name="my_job_1"') == [bad.name]
    assert found("labels.run=r2") == [bad.name]
    assert found("labels.old:*") == [bad.name]
    assert found('create_time>"2021-05-18T00:00:00Z"') == [bad.name, good.name]
    assert found('createTime<"2021-05-18T00:00:00Z"') == []
    first = next(iter(fast.jobs.list_custom_jobs(request={"parent": PLACE, "page_size": 1}).pages))
    assert ([each.name for each in first.custom_jobs], bool(first.next_page_token)) == ([bad.name], True)


def test_a_kill_of_the_emulator_ends_its_workers(tmp_path):
    """A job whose worker went down is found failed, in words; one that allows it is run again; others go on."""
    emulator = Emulator.start(tmp_path / "state")
    vertex = Vertex(emulator)
    (tmp_path / "image").mkdir()
    vertex.push(tmp_path / "image", FAST)
    lost = running(vertex)
    again = running(vertex, spec={"scheduling": {"restart_job_on_worker_restart": True}})
    emulator.control("PUT", "settings", {"vertex_queue_s": 600})
    queued = vertex.create(args=["pass"])
    vertex.wait(queued.name, "QUEUED")
    emulator.kill()

    emulator = Emulator.start(tmp_path / "state")
    try:
        vertex = Vertex(emulator)
        ended = vertex.wait(lost.name)
        assert (state(ended), ended.error.code) == ("FAILED", 13)
        assert "The emulator was restarted" in ended.error.message
        emulator.advance(700)
        assert state(vertex.wait(queued.name)) == "SUCCEEDED"
        vertex.wait(again.name, "RUNNING")
        vertex.jobs.cancel_custom_job(name=again.name)
        assert state(vertex.wait(again.name)) == "CANCELLED"
    finally:
        emulator.stop()
