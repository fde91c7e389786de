"""Jobs and executions of the emulated Cloud Run, through Google's client."""

import re
import time

import pytest
from google.api_core import exceptions
from google.cloud import run_v2
from google.protobuf.duration_pb2 import Duration

from tests.emulator.clients import both_wires
from tests.emulator_run.cloud import PARENT, STATE, Cloud, short

pytestmark = pytest.mark.slow

IMAGE = "us-docker.pkg.dev/cloudrun/container/job"
NAME = f"{PARENT}/jobs/train"
FAILING = {"FAIL_RATE": "1"}
SLOW = {"SLEEP_MS": "60000"}


@pytest.fixture
def cloud(emulator):
    """Clients of an empty emulator."""
    return Cloud(emulator)


def job(image=IMAGE, *, env=None, tasks=1, **template):
    """A job of one container."""
    variables = [run_v2.EnvVar(name=name, value=value) for name, value in (env or {}).items()]
    task = run_v2.TaskTemplate(containers=[run_v2.Container(image=image, env=variables)], **template)
    return run_v2.Job(template=run_v2.ExecutionTemplate(task_count=tasks, template=task))


def create(cloud, wanted=None, **of):
    """Create a job and wait for it."""
    request = {"parent": PARENT, "job_id": "train", "job": wanted or job(**of)}
    return cloud.jobs.create_job(request=request).result(timeout=20)


@both_wires
def test_a_job_lives_its_life(emulator, wire):
    """Created with Google's defaults, replaced as a whole, deleted: the metadata are the recorded ones."""
    cloud = Cloud(emulator, wire)
    started = cloud.jobs.create_job(parent=PARENT, job=job(env={"A": "1"}), job_id="train")
    pending = started.metadata
    created = started.result(timeout=20)
    task = created.template.template

    assert (pending.uid, pending.generation, pending.observed_generation) == ("", 1, 0)
    assert created == cloud.jobs.get_job(name=NAME)
    assert (created.generation, created.observed_generation, created.reconciling) == (1, 1, False)
    assert (created.terminal_condition.type_, created.terminal_condition.state) == ("Ready", STATE.CONDITION_SUCCEEDED)
    assert (created.template.task_count, task.max_retries, task.timeout.total_seconds()) == (1, 3, 600)
    assert dict(task.containers[0].resources.limits) == {"cpu": "1000m", "memory": "512Mi"}
    assert task.execution_environment.name == "EXECUTION_ENVIRONMENT_GEN2"
    assert task.service_account.endswith("-compute@developer.gserviceaccount.com")

    wanted = job()
    wanted.name = NAME
    updating = cloud.jobs.update_job(job=wanted)
    replaced = updating.result(timeout=20)
    assert (updating.metadata.generation, replaced.generation) == (2, 2)
    assert list(replaced.template.template.containers[0].env) == []

    deleted = cloud.jobs.delete_job(name=NAME).result(timeout=20)
    assert (deleted.generation, (deleted.expire_time - deleted.delete_time).days) == (3, 30)
    with pytest.raises(exceptions.NotFound, match="Resource 'train' of kind 'JOB' in region"):
        cloud.jobs.get_job(name=NAME)


def test_no_retries_is_said_explicitly(cloud):
    """0 is a value and not the default."""
    assert create(cloud, max_retries=0).template.template.max_retries == 0


def test_a_missing_image_is_accepted_and_shown(cloud):
    """The write ends well; the condition says that it will not work."""
    missing = "europe-west1-docker.pkg.dev/local/none/none:1"

    found = create(cloud, image=missing)

    assert found.terminal_condition.state == STATE.CONDITION_FAILED
    assert found.terminal_condition.reason.name == "CONTAINER_MISSING"
    assert found.terminal_condition.message == f"Image '{missing}' not found."


def test_an_execution_runs_its_tasks(cloud, emulator):
    """Three tasks run as processes; execution, tasks and job tell how it went."""
    create(cloud, tasks=3)

    started = cloud.jobs.run_job(name=NAME)
    name = started.metadata.name
    ended = started.result(timeout=30)

    assert re.fullmatch(r"train-\w{5}", short(name))
    assert ended.name == name
    assert (ended.task_count, ended.succeeded_count, ended.failed_count, ended.running_count) == (3, 3, 0, 0)
    assert [(each.type_, each.state) for each in ended.conditions] == [("Completed", STATE.CONDITION_SUCCEEDED)]
    assert ended.start_time
    assert ended.completion_time
    tasks = list(cloud.tasks.list_tasks(parent=name))
    assert [(task.index, task.last_attempt_result.exit_code) for task in tasks] == [(0, 0), (1, 0), (2, 0)]
    found = cloud.jobs.get_job(name=NAME)
    assert (found.execution_count, found.latest_created_execution.name) == (1, short(name))
    assert found.latest_created_execution.completion_status.name == "EXECUTION_SUCCEEDED"
    assert [each.name for each in cloud.executions.list_executions(parent=f"{PARENT}/jobs/-")] == [name]
    assert len(emulator.control("GET", "logs?job=train")[name]) >= 3


def test_a_failing_task_fails_the_execution(cloud):
    """The operation ends in error; the execution says which task and why."""
    create(cloud, env=FAILING, max_retries=1)

    started = cloud.jobs.run_job(name=NAME)
    with pytest.raises(exceptions.GoogleAPICallError, match="0/1 tasks were a success"):
        started.result(timeout=30)

    ended = cloud.executions.get_execution(name=started.metadata.name)
    assert (ended.failed_count, ended.retried_count, ended.succeeded_count) == (1, 1, 0)
    assert ended.conditions[0].execution_reason.name == "NON_ZERO_EXIT_CODE"
    assert f"Task {short(ended.name)}-task0 failed with message" in ended.conditions[0].message
    assert cloud.jobs.get_job(name=NAME).latest_created_execution.completion_status.name == "EXECUTION_FAILED"


def test_overrides_hold_for_one_execution(cloud):
    """Tasks, timeout and environment can differ from the job's; the job keeps its own."""
    create(cloud, env=FAILING, max_retries=0)
    override = run_v2.RunJobRequest.Overrides.ContainerOverride(
        env=[run_v2.EnvVar(name=next(iter(FAILING)), value="0")]
    )
    overrides = run_v2.RunJobRequest.Overrides(
        container_overrides=[override], task_count=2, timeout=Duration(seconds=30)
    )

    ended = cloud.jobs.run_job(request={"name": NAME, "overrides": overrides}).result(timeout=30)

    assert (ended.succeeded_count, ended.template.timeout.total_seconds()) == (2, 30)
    assert cloud.jobs.get_job(name=NAME).template.task_count == 1


def test_an_execution_is_cancelled(cloud):
    """Running tasks are stopped; one that has ended cannot be cancelled."""
    create(cloud, env=SLOW)
    started = cloud.jobs.run_job(name=NAME)
    name = started.metadata.name
    until = time.monotonic() + 60
    while not cloud.executions.get_execution(name=name).running_count and time.monotonic() < until:
        time.sleep(0.05)

    cloud.executions.cancel_execution(name=name).result(timeout=30)
    ended = started.result(timeout=30)

    assert (ended.cancelled_count, ended.conditions[0].execution_reason.name) == (1, "CANCELLED")
    with pytest.raises(exceptions.FailedPrecondition):
        cloud.executions.cancel_execution(name=name)


def test_a_deleted_execution_is_gone(cloud):
    """With its tasks."""
    create(cloud)
    name = cloud.jobs.run_job(name=NAME).result(timeout=30).name

    cloud.executions.delete_execution(name=name).result(timeout=30)

    with pytest.raises(exceptions.NotFound):
        cloud.executions.get_execution(name=name)
    assert list(cloud.tasks.list_tasks(parent=name)) == []


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        pytest.param(job(tasks=10_001), "between 1 and 10000", id="tasks"),
        pytest.param(job(max_retries=11), "between 0 and 10", id="retries"),
        pytest.param(job(env={"CLOUD_RUN_JOB": "x"}), "reserved env names", id="reserved"),
    ],
)
def test_wrong_jobs_are_refused(cloud, wanted, message):
    """Google's rules on values (constraints.md 2.3, 2.4)."""
    with pytest.raises(exceptions.InvalidArgument, match=message):
        create(cloud, wanted)


def test_what_a_job_leaves_out_is_filled_in(cloud):
    """A startup probe given in part, and the only place where Cloud SQL can be mounted."""
    probe = run_v2.Probe(tcp_socket=run_v2.TCPSocketAction(port=9000), period_seconds=20)
    mount = run_v2.VolumeMount(name="db")
    container = run_v2.Container(image=IMAGE, startup_probe=probe, volume_mounts=[mount])
    volume = run_v2.Volume(name="db", cloud_sql_instance=run_v2.CloudSqlInstance(instances=["p:r:i"]))
    task = run_v2.TaskTemplate(containers=[container], volumes=[volume])
    wanted = run_v2.Job(template=run_v2.ExecutionTemplate(template=task))
    request = {"parent": PARENT, "job_id": "filled", "job": wanted}
    seen = cloud.jobs.create_job(request=request).result(timeout=30).template.template.containers[0]

    assert seen.volume_mounts[0].mount_path == "/cloudsql"
    filled = seen.startup_probe
    assert (filled.timeout_seconds, filled.period_seconds, filled.failure_threshold) == (1, 20, 3)
