"""What monitors measured, in what passes keep: read once, when a schedule has run, and told with how it is spread."""

from datetime import timedelta

from tests.engine.test_monitoring import WANTED, let_pass, logged, run_to_come
from tests.operating_tables import fill, table
from tests.standings.passes import MINE, Passes

STATISTICS = ("searchModelMonitoringStats", "SearchModelMonitoringStats")


def searched(operator):
    """How often statistics were asked for since the last time."""
    calls = operator.emulator.calls()
    operator.emulator.control("DELETE", "calls")
    return sum(count for name, count in calls.items() if name.endswith(STATISTICS))


def test_what_a_run_measured_is_read_once_and_kept(operator):
    """Before the first run no window; then each comparison with its columns, the worst first, and their shapes."""
    first_run = run_to_come(operator)
    trained = [{"spend": n % 10, "plan": ("basic", "plus")[n % 2]} for n in range(200)]
    table(operator, "ml.training", {"spend": "FLOAT64", "plan": "STRING"}, trained)
    passes = Passes(operator)
    passes.make(WANTED, MINE)
    passes.make(WANTED, MINE)
    before = passes.of().monitoring
    today, earlier = first_run - timedelta(hours=3), first_run - timedelta(days=2, hours=3)
    rows = [
        *logged(earlier, 100, spend=0, plans=("basic", "plus"), churns=0.1),
        *logged(today, 100, spend=50, plans=("basic", "basic", "basic", "plus"), churns=0.8),
    ]
    fill(operator, "ml_logs.churn", rows)
    let_pass(operator, first_run + timedelta(minutes=1))
    searched(operator)

    passes.make(WANTED, MINE)
    asked, found = searched(operator), passes.of()
    passes.make(WANTED, MINE)

    assert [(each.which, each.finding) for each in before.comparisons] == [
        ("skew", "NoWindow"),
        ("drift", "NoWindow"),
        ("predictiondrift", "NoWindow"),
    ]
    assert (asked > 0, searched(operator)) == (True, 0), "of a job that is known nothing is read"
    assert passes.of().monitoring == found.monitoring
    standing = {each.which: each for each in found.monitoring.comparisons}
    assert standing.keys() == {"skew", "drift", "predictiondrift"}
    windows = {each.which: each for each in found.monitoring.windows}
    assert [each.name for each in windows["skew"].columns] == ["spend", "plan"]
    assert windows["skew"].columns[0].limit == 0.1
    assert (windows["skew"].columns[0].distance, windows["skew"].samples) == (1.0, 100)
    spend, plan = (found.monitoring.shapes["skew"][name] for name in ("spend", "plan"))
    assert len(spend.edges) == len(spend.baseline) + 1 == len(spend.serving) + 1
    assert (spend.edges[0], spend.serving[0], spend.baseline[-1]) == (0.0, 0.0, 0.0)
    assert dict(zip(plan.labels, plan.serving, strict=True)) == {"basic": 0.75, "plus": 0.25}
    assert found.retraining is None
