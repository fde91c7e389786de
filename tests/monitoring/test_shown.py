"""How comparisons read on a terminal."""

from datetime import UTC, datetime

import pytest

from reconciler.engine.monitoring.comparing import Comparison, Window
from reconciler.engine.monitoring.reading import Monitored
from reconciler.render.monitoring import bars, headline, others, quiet, render_monitored, troubles
from reconciler.render.status import stands
from reconciler.render.text import table
from runtime.retraining.watching.verdict import Column, Finding, Judged, Verdict
from tests.spec.test_redaction import monitored_with

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
AT = "2026-11-27T05:00:00+00:00"
BREACH = {"which": "skew", "finding": "Breach", "at": AT, "since": "2026-11-26T06:00:00Z", "columns": ["a", "b"]}

LINES = {
    "a-breach": (BREACH, "skew: breach of 2 features since 2026-11-26 06:00 UTC (1 h ago)"),
    "calm": ({**BREACH, "which": "drift", "finding": "Calm", "since": ""}, "drift: calm (1 h ago)"),
    "silent": (
        {**BREACH, "finding": "NotEnoughData", "columns": ["a"]},
        "skew: not enough data, and breach of 1 feature since 2026-11-26 06:00 UTC before (1 h ago)",
    ),
}


@pytest.mark.parametrize(("found", "line"), LINES.values(), ids=LINES)
def test_a_comparison_has_a_line_in_the_status_of_its_service(found, line):
    """A window that says nothing ends no breach."""
    assert stands(found, NOW)[0] == line


HEADLINES = {
    "all-calm": (("Calm", "Calm"), ("calm", "green")),
    "some-calm": (("Calm", "NoWindow"), ("calm but for drift (no window yet)", "yellow")),
    "none": (("NotEnoughData", "NoWindow"), ("skew (not enough data), drift (no window yet)", "yellow")),
    "all-silent": (("NoWindow", "NoWindow"), ("no window yet", "yellow")),
    "a-breach": (("Breach", "NoWindow"), ("breach of skew", "bold red")),
    "a-breach-before": ((("NotEnoughData", AT), "Calm"), ("breach of skew", "bold red")),
    "nothing": ((), ("not measured", "yellow")),
}


@pytest.mark.parametrize(("findings", "told"), HEADLINES.values(), ids=HEADLINES)
def test_a_service_is_calm_where_all_of_it_is(findings, told):
    """What was compared by nobody is no calm."""
    pairs = [each if isinstance(each, tuple) else (each, "") for each in findings]
    found = [
        {"which": which, "finding": finding, "since": since}
        for which, (finding, since) in zip(("skew", "drift"), pairs, strict=False)
    ]

    assert headline({"comparisons": found, "performance": None}) == told


def test_both_sides_have_one_scale_and_what_is_empty_is_empty():
    """A share that is there at all is seen."""
    assert bars({"baseline": [0.8, 0.2, 0.0], "serving": [0.001, 0.4, 0.599]}) == "│█▃ │▁▅▆│"
    assert bars({"baseline": [0, 0], "serving": [0, 0]}) == "│  │  │"
    assert bars(None) == ""


def test_calm_columns_are_counted_and_the_farthest_is_named():
    """By the part of its limit, not by its distance."""
    calm = [{"name": name, "finding": "Calm", "distance": far, "limit": limit} for name, far, limit in
            (("a", 0.1, 0.3), ("b", 0.04, 0.05))]  # fmt: skip
    free = {"name": "c", "finding": "NoLimit", "distance": 0.9}

    assert quiet([*calm, free]) == "2 calm, 1 without a limit, the farthest b: 0.04 of 0.05"
    assert quiet([free]) == "1 without a limit"
    near = free | {"name": "d", "finding": "Calm", "order": {"finding": "Calm", "distance": 0.09, "limit": 0.1}}
    assert quiet([*calm, near]) == "3 calm, the farthest d: by order 0.09 of 0.1"
    assert quiet([near | {"order": {"finding": "Calm", "distance": 0.09}}]) == "1 calm"


def test_a_table_has_straight_columns_whatever_is_in_them():
    """Letters that take two places count as two, numbers end below each other, and a row has its style."""
    laid = table(
        [("  名前", "7", "red"), ("  age", "1000", "")], ("  column", "n", "what"), right={1}, styles=["red", ""]
    )

    assert laid.plain == "  column     n  what\n  名前       7  red\n  age     1000\n"
    assert [str(each.style) for each in laid.spans] == ["bold", "red"]


def test_windows_that_are_told_already_are_no_others():
    """The newest that was measured and one that failed since are above; of the rest a line each, that one can read."""
    found = monitored_with("x " * 200)
    [skew] = found["comparisons"]
    told = {"finding": "Calm", "reason": "x " * 200, "at": "2026-11-20T06:00:00Z"}
    skew["history"] = [{**told, "job": job} for job in ("failed", "shown", "before")]
    skew |= {"job": "shown", "unmeasured": {"job": "failed", "at": "", "reason": "", "going": False}}

    assert [each["job"] for each in others(skew)] == ["before"]
    shown = render_monitored(found, now=NOW, every=False).plain
    [line] = [line for line in shown.splitlines() if line.startswith("    2026-11-20 06:00  calm ")]
    assert len(line) < 210


def compared(*windows, which="skew", **more):
    return Comparison(which, "s", "0 6 * * *", "", paused=False, least=9, windows=windows, **more)


def measured(finding, *columns):
    return Window("p/jobs/1", AT, Verdict(finding, "", columns))


def failed(problem, *, going=False):
    return Window("p/jobs/2", AT, problem=problem, going=going)


CALM, FEW = measured(Finding.CALM), measured(Finding.TOO_FEW)
LOST = Judged(Column.silent("a", 0.1), Finding.UNMEASURED, "")
FINE = {
    "calm": (compared(CALM), True),
    "no-window": (compared(), True),
    "breach": (compared(measured(Finding.BREACH)), False),
    "few": (compared(FEW), True),
    "few-and-breach-before": (compared(FEW, since=AT), False),
    "calm-and-nobody-wrote-that-yet": (compared(CALM, since=AT), True),
    "no-window-of-this-version": (compared(since=AT), True),
    "failed": (compared(failed("permission denied"), CALM), False),
    "no-rows": (compared(failed("No data found in the target dataset x"), CALM), False),
    "no-earlier-rows-yet": (compared(failed("No data found in the baseline dataset x"), which="drift"), True),
    "no-rows-of-the-baseline": (compared(failed("No data found in the baseline dataset x")), False),
    "going": (compared(failed("it has not ended yet", going=True), CALM), True),
    "did-not-begin": (compared(CALM, problem="its last run did not begin"), False),
    "a-column-not-compared": (compared(measured(Finding.TOO_FEW, LOST)), False),
}


@pytest.mark.parametrize(("found", "fine"), FINE.values(), ids=FINE)
def test_a_pipeline_hears_of_no_breach_only_where_that_is_known(found, fine):
    """A breach that no window has ended is one still; what cannot be read is not fine."""
    assert Monitored("churn", "r", None, (found,)).fine is fine
    assert Monitored("churn", "r", None, (found, compared(measured(Finding.BREACH)))).fine is False


EMPTY = "No data found in the {} dataset SELECT `age` FROM `acme.ml.log` from 2026-11-20 to 2026-11-21."


@pytest.mark.parametrize(
    ("which", "side", "told", "style"),
    [
        ("drift", "baseline", "no rows in the earlier window", "yellow"),
        ("predictiondrift", "baseline", "no rows in the earlier window", "yellow"),
        ("skew", "baseline", "no rows in the baseline", "red"),
        ("drift", "target", "no rows in the window", "red"),
    ],
)
def test_a_window_without_rows_is_said_without_its_query(which, side, told, style):
    """What `drift` has in its first days is no alarm."""
    empty = {"job": "1", "at": AT, "reason": EMPTY.format(side), "going": False}

    [(line, how)] = troubles({"which": which, "unmeasured": empty, "schedule": {"problem": ""}})

    assert (line, how) == (f"the job for 2026-11-27 05:00 UTC measured nothing: {told}", style)


def test_a_service_without_a_window_is_told_that_runs_on_demand_make_none():
    """Who has just compared wonders why."""
    found = monitored_with("x")
    found["comparisons"][0] |= {"at": "", "finding": "NoWindow"}

    shown = render_monitored(found, now=NOW, every=False).plain

    assert "no window yet (a run on demand counts as none) · " in shown
