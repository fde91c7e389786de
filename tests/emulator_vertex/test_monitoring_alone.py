"""Model Monitoring without servers: windows, what ends a job, turns of schedules."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1beta1 as vertex

from emulator.apis.aiplatform.monitoring import checks, runs, turns, waiting
from emulator.apis.aiplatform.monitoring.messages import (
    ModelMonitor,
    ModelMonitoringJob,
    Schedule,
    ScheduleState,
)
from emulator.apis.aiplatform.monitoring.monitors import delete_model_monitor
from emulator.apis.aiplatform.monitoring.schedules import lost
from emulator.apis.aiplatform.monitoring.stored import JOBS, MONITORS, SCHEDULES
from emulator.core.faults import Rule
from emulator.core.resources import timestamp
from emulator.core.world import World
from tests.emulator_vertex.cloud import WITHIN_S, until

PLACE = "projects/1/locations/europe-west1"
MONITOR = f"{PLACE}/modelMonitors/churn"
DUE = datetime(2026, 11, 26, 6, tzinfo=UTC)


@pytest.fixture
def world(tmp_path):
    """An empty one."""
    made = World(tmp_path)
    yield made
    made.operations.stop()
    made.store.close()


def dataset(**of):
    """A dataset with a time specification."""
    source = {"timestamp_field": "at", "gcs_source": {"gcs_uri": "gs://rows/x.csv", "format_": "CSV"}}
    wanted = {"target_dataset": {"columnized_dataset": source, **of}, "tabular_objective": {"feature_drift_spec": {}}}
    return ModelMonitoringJob(model_monitoring_spec={"objective_spec": wanted})


@pytest.mark.parametrize(
    ("of", "field", "words"),
    [
        pytest.param({"time_offset": {"window": "999999w"}}, "time_offset.window", "more than 36500 days", id="long"),
        pytest.param(
            {"time_offset": {"window": "1d", "offset": "999999d"}}, "time_offset.offset", "more than", id="far"
        ),
        pytest.param({"time_offset": {"window": "1m"}}, "time_offset.window", "h, d or w", id="unit"),
        pytest.param(
            {"time_interval": {"start_time": {"seconds": 10**12}}}, "time_interval.start_time", "no time", id="no-time"
        ),
        pytest.param(
            {"time_interval": {"start_time": {"seconds": 9}, "end_time": {"seconds": 1}}},
            "time_interval.end_time",
            "before the start",
            id="backwards",
        ),
        pytest.param({"time_offset": {"window": "36500d"}}, "", "", id="the-longest"),
    ],
)
def test_windows_that_have_no_dates_are_refused(of, field, words):
    """When a job or a monitor is written, by field."""
    found = list(checks.dataset(dataset(**of).model_monitoring_spec.objective_spec.target_dataset, "it"))

    assert [name for name, _ in found] == ([f"it.{field}"] if field else [])
    assert all(words in text for _, text in found)


def test_a_window_that_was_kept_unchecked_ends_its_job(world):
    """It fails, with words; before, it was running for ever."""
    job = dataset(time_offset={"window": "999999w"})
    job.create_time.CopyFrom(timestamp(DUE))

    [outcome] = runs.outcomes_of(world, None, job)

    assert outcome.failure.code == "INTERNAL"


def schedule(world):
    """A schedule that is due, of a monitor that is not there; and its turn."""
    made = Schedule(name=f"{PLACE}/schedules/1", cron="0 6 * * *", state=ScheduleState.ACTIVE)
    made.create_model_monitoring_job_request.parent = MONITOR
    made.start_time.CopyFrom(timestamp(DUE - timedelta(days=1)))
    with world.store.transaction():
        SCHEDULES.insert(world, made)
        turns.plan(world, made, DUE - timedelta(hours=1))
        SCHEDULES.save(world, made)
    key = waiting.turn_of(world, made.name)["key"]
    return made, {"name": made.name, "key": key, "due": DUE.isoformat()}


def test_a_run_that_a_fault_holds_holds_nobody_else(world):
    """Others read and write meanwhile; paused meanwhile, it is not planned again."""
    made, turn = schedule(world)
    world.faults.replace([Rule(method="*", hang=True)])
    run = threading.Thread(target=turns.fire, args=(world, turn), daemon=True)
    run.start()
    until(lambda: world.faults.status()[0]["waiting"], bool)
    free = threading.Thread(target=world.store.put, args=("other", "name", b""), daemon=True)
    free.start()
    free.join(WITHIN_S)

    assert not free.is_alive()
    with world.store.transaction():
        waiting.stop(world, made)
        SCHEDULES.save(world, made)
    world.faults.replace([])
    run.join(WITHIN_S)
    seen = SCHEDULES.find(world, made.name)
    assert (seen.started_run_count, seen.HasField("next_run_time")) == (1, False)
    assert "NOT_FOUND" in seen.last_scheduled_run_response.run_response


def test_a_run_is_made_once(world):
    """Killed after its job was made, the next start finds that job; the turn after it is planned."""
    made, turn = schedule(world)
    job = ModelMonitoringJob(name=f"{MONITOR}/modelMonitoringJobs/7", schedule=made.name)
    job.schedule_time.CopyFrom(timestamp(DUE))
    JOBS.insert(world, job)

    turns.fire(world, turn)
    turns.fire(world, turn)

    seen = SCHEDULES.find(world, made.name)
    assert (seen.started_run_count, seen.last_scheduled_run_response.run_response) == (1, job.name)
    assert seen.next_run_time.ToDatetime(UTC) == DUE + timedelta(days=1)


def test_a_run_that_breaks_is_told_and_the_next_one_is_planned(world):
    """A request that nobody can read: an error of the emulator's, and no end of the schedule."""
    made, turn = schedule(world)
    made.create_model_monitoring_job_request.Clear()
    made.create_pipeline_job_request.parent = "nowhere"
    SCHEDULES.save(world, made)

    turns.fire(world, turn)

    seen = SCHEDULES.find(world, made.name)
    assert "INTERNAL" in seen.last_scheduled_run_response.run_response
    assert seen.HasField("next_run_time")


def test_a_monitor_that_goes_by_force_stops_its_schedules(world):
    """Nothing waits for a schedule that is no more."""
    made, _ = schedule(world)
    MONITORS.insert(world, ModelMonitor(name=MONITOR))

    delete_model_monitor(world, vertex.DeleteModelMonitorRequest(name=MONITOR, force=True), None)

    assert waiting.turn_of(world, made.name) is None
    assert SCHEDULES.find(world, made.name) is None


def test_messages_of_a_schedule_cannot_be_unset():
    """Each is true whatever it holds, so whether it is there is what counts."""
    before, after = Schedule(), Schedule()
    before.end_time.CopyFrom(timestamp(DUE))

    assert [name for name, _ in lost(before, after, ["end_time"])] == ["schedule.end_time"]
    assert list(lost(before, before, ["end_time"])) == []
