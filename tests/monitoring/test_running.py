"""What becomes of jobs on demand that do not all end."""

from types import SimpleNamespace

from reconciler.core import errors
from reconciler.engine.monitoring.running import Running


def test_what_did_not_start_or_end_is_told_one_by_one():
    """By its name, so that what goes on can be found; where nobody waits nothing is late."""
    jobs = {
        "skew": {"name": "p/modelMonitoringJobs/1", "state": "JOB_STATE_SUCCEEDED"},
        "drift": {"name": "p/modelMonitoringJobs/2", "state": "JOB_STATE_RUNNING"},
    }
    refused = errors.InvalidRequest("start", "a job", "no")
    running = Running(None, SimpleNamespace(service="churn"), jobs, [refused])

    [first, late] = running.problems("30m")

    assert first is refused
    assert late.message == "cannot learn what was measured: drift (job 2): it has not ended after 30m"
    assert running.problems("") == [refused]
