"""Model monitors and their schedules in the emulated Vertex AI, through Google's clients."""

from datetime import UTC, datetime, timedelta

import pytest
from google.api_core import exceptions

from tests.conftest import HTTP, Emulator
from tests.emulator.clients import both_wires
from tests.emulator_vertex.cloud import PLACE
from tests.emulator_vertex.monitoring import BUCKET, Monitoring, csv, files, monitor, objective

DAY_S = 24 * 3600


@pytest.fixture
def cloud(emulator):
    """Clients of an empty emulator."""
    return Monitoring(emulator)


@pytest.fixture
def watched(cloud):
    """A monitor whose jobs need nothing but its name."""
    base = files(cloud.put("base.csv", csv(x=[1, 2, 3], c=["a", "b", "a"])))
    return cloud.monitor(training_dataset=base, tabular_objective=objective(numeric=0.1)).name


def schedule(parent, **of):
    """A schedule of jobs of a monitor, at six each morning."""
    target = {"objective_spec": {"target_dataset": files(f"gs://{BUCKET}/base.csv")}}
    job = {"display_name": "daily", "model_monitoring_spec": target}
    return {
        "display_name": "skew",
        "cron": "0 6 * * *",
        "max_concurrent_run_count": 1,
        "create_model_monitoring_job_request": {"parent": parent, "model_monitoring_job": job},
        **of,
    }


def create(cloud, parent, **of):
    """Make a schedule."""
    return cloud.schedules.create_schedule(parent=PLACE, schedule=schedule(parent, **of))


def jobs(cloud, watched):
    """The jobs of a monitor, the newest first."""
    return list(cloud.api.list_model_monitoring_jobs(parent=watched))


def six_o_clocks(found):
    """When jobs were scheduled for, as days that follow the first."""
    times = [job.schedule_time.replace(tzinfo=UTC) for job in reversed(found)]
    assert {(time.hour, time.minute, time.second) for time in times} == {(6, 0, 0)}
    return [(time - times[0]).days for time in times]


@both_wires
def test_a_monitor_lives(emulator, wire):
    """Made under its own id, read, found by name, changed by mask, deleted: each operation is pending at first."""
    cloud = Monitoring(emulator, wire)
    made = cloud.monitor("churn-1")
    changed = cloud.api.update_model_monitor(
        request={
            "model_monitor": {"name": made.name, "display_name": "New", "tabular_objective": objective(numeric=0.3)},
            "update_mask": {"paths": ["display_name", "tabular_objective"]},
        }
    ).result(timeout=20)
    listed = cloud.api.list_model_monitors(request={"parent": PLACE, "filter": 'display_name="New"'})

    assert made.name.endswith("/locations/europe-west1/modelMonitors/churn-1")
    assert made.name.split("/")[1].isdigit()
    assert made.create_time == made.update_time
    assert changed.display_name == "New"
    assert changed.tabular_objective.feature_drift_spec.default_numeric_alert_condition.threshold == 0.3
    assert changed.model_monitoring_schema == made.model_monitoring_schema
    assert [each.name for each in listed] == [made.name]
    assert list(cloud.api.list_model_monitors(request={"parent": PLACE, "filter": 'display_name="Old"'})) == []
    cloud.api.delete_model_monitor(name=f"{PLACE}/modelMonitors/churn-1").result(timeout=20)
    with pytest.raises(exceptions.NotFound, match="The ModelMonitor does not exist"):
        cloud.api.get_model_monitor(name=made.name)


def test_a_second_monitor(cloud):
    """An id is taken once; a version of a model has one monitor; the server gives numbers where no id is chosen."""
    first = cloud.monitor("churn-1")
    again = monitor(f"{PLACE}/models/churn-1")
    with pytest.raises(exceptions.AlreadyExists):
        cloud.api.create_model_monitor(request={"parent": PLACE, "model_monitor": again, "model_monitor_id": "churn-1"})
    with pytest.raises(exceptions.FailedPrecondition, match=f"monitored by {first.name}"):
        cloud.api.create_model_monitor(parent=PLACE, model_monitor=again)
    other = cloud.api.create_model_monitor(parent=PLACE, model_monitor=monitor(cloud.model("other"))).result(timeout=20)

    assert other.name.rpartition("/")[2].isdigit()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"display_name": "x" * 129}, "at most 128 characters", id="long-name"),
        pytest.param({"model_monitoring_target": {}}, "vertex_model.model; Message: It is required", id="no-model"),
        pytest.param({"model_monitoring_schema": {}}, "At least one feature field", id="no-schema"),
        pytest.param(
            {"model_monitoring_schema": {"feature_fields": [{"name": "x", "data_type": "double"}]}},
            '"double" is no data type; use one of float, integer, boolean, string, categorical',
            id="type",
        ),
        pytest.param({"tabular_objective": {"feature_attribution_spec": {}}}, "Feature attribution", id="attribution"),
        pytest.param(
            {"output_spec": {"gcs_base_directory": {"output_uri_prefix": "out"}}}, "not a Cloud Storage", id="output"
        ),
        pytest.param(
            {"notification_spec": {"notification_channel_configs": [{"notification_channel": "c"}]}},
            "notificationChannels/",
            id="channel",
        ),
        pytest.param(
            {"training_dataset": {"columnized_dataset": {"bigquery_source": {"table_uri": "p.d.t"}}}},
            '"p.d.t" is not bq://project.dataset.table',
            id="table",
        ),
    ],
)
def test_a_monitor_that_makes_no_sense_is_refused(cloud, changes, words):
    """Before there is an operation, with the field and what it should be."""
    wanted = monitor(f"{PLACE}/models/churn", **changes)
    with pytest.raises(exceptions.InvalidArgument) as refused:
        cloud.api.create_model_monitor(parent=PLACE, model_monitor=wanted)

    assert words in refused.value.message


def test_what_a_monitor_needs(cloud):
    """Its model must be there; what it watches stays; an update names what it changes."""
    with pytest.raises(exceptions.NotFound, match="The Model does not exist"):
        cloud.api.create_model_monitor(parent=PLACE, model_monitor=monitor(f"{PLACE}/models/nobody"))
    request = {"parent": PLACE, "model_monitor": monitor(cloud.model()), "model_monitor_id": "Churn"}
    with pytest.raises(exceptions.InvalidArgument, match="Invalid ID"):
        cloud.api.create_model_monitor(request=request)
    made = cloud.monitor()
    other = {"vertex_model": {"model": cloud.model("other"), "model_version_id": "1"}}
    with pytest.raises(exceptions.InvalidArgument, match="make another model monitor"):
        cloud.api.update_model_monitor(
            model_monitor={"name": made.name, "model_monitoring_target": other},
            update_mask={"paths": ["model_monitoring_target"]},
        )
    with pytest.raises(exceptions.InvalidArgument, match="update_mask"):
        cloud.api.update_model_monitor(model_monitor={"name": made.name, "display_name": "New"})


def test_a_monitor_with_schedules_is_deleted_by_force(cloud, watched):
    """With its schedules, its jobs and what they found; without force it stays."""
    made = create(cloud, watched)
    cloud.emulator.advance(DAY_S)
    with pytest.raises(exceptions.FailedPrecondition, match="set force"):
        cloud.api.delete_model_monitor(name=watched)
    cloud.api.delete_model_monitor(request={"name": watched, "force": True}).result(timeout=20)
    cloud.emulator.advance(DAY_S)

    with pytest.raises(exceptions.NotFound):
        cloud.schedules.get_schedule(name=made.name)
    assert list(cloud.api.list_model_monitors(parent=PLACE)) == []


@both_wires
def test_a_schedule_runs_on_the_virtual_clock(emulator, wire):
    """Each morning a job for six o'clock, whose distances are points of the metric; the schedule counts them."""
    cloud = Monitoring(emulator, wire)
    base = files(cloud.put("base.csv", csv(x=[1, 2, 3], c=["a", "b", "a"])))
    watched = cloud.monitor(training_dataset=base, tabular_objective=objective()).name
    made = create(cloud, watched)
    cloud.emulator.advance(3 * DAY_S)
    found, seen = jobs(cloud, watched), cloud.schedules.get_schedule(name=made.name)
    points = cloud.told()["points"]

    assert six_o_clocks(found) == [0, 1, 2]
    assert {job.schedule for job in found} == {made.name}
    assert (made.state.name, seen.started_run_count) == ("ACTIVE", 3)
    assert seen.next_run_time - found[0].schedule_time == timedelta(days=1)
    assert seen.last_scheduled_run_response.run_response == found[0].name
    assert {point["metric"]["labels"]["schedule_id"] for point in points} == {made.name.rpartition("/")[2]}
    assert sorted(point["metric"]["labels"]["feature_name"] for point in points) == ["c"] * 3 + ["x"] * 3
    assert points[0]["metric"]["type"] == "aiplatform.googleapis.com/model_monitoring/feature_drift_deviation"
    assert points[0]["points"][0]["value"] == {"doubleValue": 0.0}
    assert list(cloud.stats(watched, model_monitoring_schedule=made.name)) == ["c", "x"]


def test_a_schedule_ends(cloud, watched):
    """After so many runs, or at its end; what is over is neither paused nor resumed."""
    soon = datetime.now(UTC) + timedelta(days=2)
    counted, timed = create(cloud, watched, max_run_count=2), create(cloud, watched, end_time=soon)
    cloud.emulator.advance(5 * DAY_S)
    for made in (counted, timed):
        seen = cloud.schedules.get_schedule(name=made.name)
        runs = [job for job in jobs(cloud, watched) if job.schedule == made.name]

        assert (seen.state.name, seen.started_run_count, seen.next_run_time) == ("COMPLETED", 2, None)
        assert six_o_clocks(runs) == [0, 1]
        with pytest.raises(exceptions.FailedPrecondition, match="completed"):
            cloud.schedules.resume_schedule(name=made.name)


@pytest.mark.parametrize(("catch_up", "days"), [(False, [0, 3]), (True, [0, 1, 2, 3])])
def test_a_paused_schedule(cloud, watched, catch_up, days):
    """Nothing runs; afterwards what was missed comes only when it is asked for."""
    made = create(cloud, watched)
    cloud.emulator.advance(DAY_S)
    cloud.schedules.pause_schedule(name=made.name)
    cloud.emulator.advance(2 * DAY_S)
    paused = cloud.schedules.get_schedule(name=made.name)
    cloud.schedules.resume_schedule(request={"name": made.name, "catch_up": catch_up})
    cloud.emulator.advance(DAY_S)

    assert (paused.state.name, paused.next_run_time) == ("PAUSED", None)
    assert six_o_clocks(jobs(cloud, watched)) == days


def test_schedules_are_found_and_changed(cloud, watched):
    """By their monitor, in both spellings of the project; an update plans the next run anew and deletes nothing."""
    made = create(cloud, watched)
    asked = f'create_model_monitoring_job_request.parent="{PLACE}/modelMonitors/churn-1"'
    found = [
        [each.name for each in cloud.schedules.list_schedules(request={"parent": PLACE, "filter": query})]
        for query in (asked, "create_model_monitoring_job_request:*", "create_pipeline_job_request:*", 'state="PAUSED"')
    ]
    change = {"name": made.name, "cron": "TZ=Europe/Berlin 30 9 * * *"}
    changed = cloud.schedules.update_schedule(schedule=change, update_mask={"paths": ["cron"]})

    assert found == [[made.name], [made.name], [], []]
    assert (changed.next_run_time.hour, changed.next_run_time.minute) in ((7, 30), (8, 30))
    with pytest.raises(exceptions.InvalidArgument, match="cannot be unset"):
        cloud.schedules.update_schedule(
            schedule={"name": made.name}, update_mask={"paths": ["max_concurrent_run_count"]}
        )
    cloud.schedules.delete_schedule(name=made.name).result(timeout=20)
    cloud.emulator.advance(2 * DAY_S)
    assert jobs(cloud, watched) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"display_name": ""}, "Display name is required", id="no-name"),
        pytest.param({"cron": "every day"}, "five cron fields", id="no-cron"),
        pytest.param({"cron": "0 0 30 2 *"}, "schedule.cron", id="never"),
        pytest.param({"cron": "TZ=Mars/Base 0 6 * * *"}, "is no time zone", id="no-zone"),
        pytest.param({"max_concurrent_run_count": 0}, "max_concurrent_run_count", id="no-count"),
        pytest.param({"create_model_monitoring_job_request": {}}, "Invalid ModelMonitor resource name", id="no-parent"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(cloud, watched, changes, words):
    """When it is made, not at its first run."""
    with pytest.raises(exceptions.InvalidArgument) as refused:
        create(cloud, watched, **changes)

    assert words in refused.value.message


def test_windows_of_files_are_not_scheduled(cloud, watched):
    """Google reads them of BigQuery and of endpoint logs only."""
    target = files(f"gs://{BUCKET}/base.csv", timestamp_field="at", time_offset={"window": "1d"})
    job = {"model_monitoring_spec": {"objective_spec": {"target_dataset": target}}}
    request = {"parent": watched, "model_monitoring_job": job}
    with pytest.raises(exceptions.InvalidArgument, match="works only for BigQuery"):
        create(cloud, watched, create_model_monitoring_job_request=request)


def test_a_run_that_cannot_begin_is_told_by_its_schedule(cloud, watched):
    """Its monitor lost its baseline meanwhile; the next runs are planned all the same."""
    made = create(cloud, watched)
    cloud.api.update_model_monitor(model_monitor={"name": watched}, update_mask={"paths": ["training_dataset"]}).result(
        timeout=20
    )
    cloud.emulator.advance(DAY_S)
    seen = cloud.schedules.get_schedule(name=made.name)

    assert "baseline_dataset; Message: It is required" in seen.last_scheduled_run_response.run_response
    assert seen.state.name == "ACTIVE"
    assert jobs(cloud, watched) == []


def test_faults_meet_a_scheduled_job(cloud, watched):
    """A run is a call of the API: counted, and refused where a fault says so."""
    made = create(cloud, watched)
    method = "google.cloud.aiplatform.v1beta1.ModelMonitoringService/CreateModelMonitoringJob"
    cloud.emulator.faults({"method": method, "status": "UNAVAILABLE"})
    cloud.emulator.advance(2 * DAY_S)
    cloud.emulator.faults()

    assert len(jobs(cloud, watched)) == 1
    assert cloud.emulator.calls()[method] == 2
    assert cloud.schedules.get_schedule(name=made.name).started_run_count == 2


@pytest.mark.slow
def test_a_job_that_a_kill_interrupts_runs_again(tmp_path):
    """The next start finds it, and it ends once."""
    first = Emulator.start(tmp_path)
    cloud = Monitoring(first)
    big = csv(x=list(range(200_000)), c=["a", "b"] * 100_000)
    base = files(cloud.put("base.csv", big))
    watched = cloud.monitor(training_dataset=base, tabular_objective=objective(numeric=-1.0)).name
    spec = {"objective_spec": {"target_dataset": base}}
    made = cloud.api.create_model_monitoring_job(parent=watched, model_monitoring_job={"model_monitoring_spec": spec})
    first.kill()
    second = Emulator.start(tmp_path)
    try:
        again = Monitoring(second)
        ended = again.ended(made.name)

        assert ended.state.name == "JOB_STATE_SUCCEEDED"
        assert len(again.alerts(watched)) == 1
    finally:
        second.stop()


def test_v1_tells_the_same_schedules(cloud, watched):
    """Over REST: the older version has them too, without the request that it does not know."""
    made = create(cloud, watched)
    answer = HTTP.get(f"{cloud.emulator.http}/v1/{made.name}").json()

    assert (answer["name"], answer["cron"], answer["maxConcurrentRunCount"]) == (made.name, "0 6 * * *", "1")
    assert "createModelMonitoringJobRequest" not in answer
