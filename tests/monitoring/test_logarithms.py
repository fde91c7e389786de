"""Columns that are compared by their logarithm: what queries say of them, and how people are told."""

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import FieldChange
from reconciler.core.googlesql import identifier, literal
from reconciler.engine.monitoring.comparing import Comparison, windows_of
from reconciler.engine.monitoring.shapes import shape_of
from reconciler.kinds.vertex_model_monitor import KIND, Rows
from reconciler.kinds.vertex_model_monitor.logarithms import selected, table_of, taken_in
from reconciler.kinds.vertex_model_monitor.messages import rows_to_json
from reconciler.render.monitoring import render_monitored
from reconciler.render.monitoring_page import render_page
from runtime.retraining import googlesql as theirs
from runtime.retraining.watching.measured import FEATURES, compared
from tests.monitoring.test_shapes import numbers, side

NOW = datetime(2026, 11, 27, 6, tzinfo=UTC)
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=9)


@given(st.lists(NAMES, unique=True), st.sets(NAMES), NAMES)
def test_a_query_says_which_logarithms_it_takes(names, taken, table):
    """Whatever columns are called; and which table it reads."""
    query = f"SELECT {selected(names, frozenset(taken))} FROM {identifier(table)} WHERE TRUE"

    assert taken_in(query) == taken & {*names}
    job = {"modelMonitoringSpec": {"objectiveSpec": {"targetDataset": rows_to_json(Rows(query=query))}}}
    assert compared(job, FEATURES) == ({*names} or None)
    assert table_of(query if names else f"SELECT 1 FROM {identifier(table)}") == table


@given(st.text(max_size=9))
def test_both_programs_quote_alike_and_nothing_ends_a_name_or_a_text(text):
    """What stands between the quotes has none that is not escaped, and no end of a line."""
    assert (identifier(text), literal(text)) == (theirs.identifier(text), theirs.literal(text))
    for quoted, quote in ((identifier(text), "`"), (literal(text), "'")):
        inside = re.sub(r"\\.", "", quoted[1:-1], flags=re.DOTALL)
        assert quoted[0] == quoted[-1] == quote
        assert quote not in inside
        assert "\\" not in inside
    assert "\n" not in literal(text)


def test_what_others_wrote_is_no_query_of_ours():
    """Nothing is said of it, rather than something wrong."""
    assert taken_in("SELECT LOG10(`spend`) AS `spend`, IF(`a` > 0, LN(`b`), NULL) AS `a` FROM t") == frozenset()
    assert table_of("SELECT 1 FROM t") == ""
    before = "SELECT IF(`a` > 0, LN(`a`), NULL) AS `a` FROM t"
    assert taken_in(before) == {"a"}, "jobs of an earlier version are there for months"


def test_a_plan_says_which_columns_get_another_scale():
    """Both ways at once; a table that becomes a query, too; nothing where no scale changes."""
    old, new = (f"SELECT {selected('abc', frozenset(taken))} FROM `t`" for taken in ("ab", "bc"))

    def said(before, after):
        return KIND.consequence(
            [FieldChange("display_name", "a", "b"), FieldChange("training.query", before, after)], None
        )

    both = "compares c by the logarithm and a by the value from now on: limits of before are of another scale"
    assert said(old, new) == both
    assert said("", new) == "compares b, c by the logarithm from now on: limits of before are of another scale"
    assert said(new, new.replace("`t`", "`u`")) == ""
    assert KIND.consequence([FieldChange("training", None, {"query": new})], None) == ""


def test_bins_of_logarithms_are_named_by_the_values():
    """As people know them; of what no number can be the greatest there is."""
    points = {"baselineStats": numbers((0, 10, 4)), "currentStats": numbers((-1e3, 1e9, 1))}

    by_value, by_logarithm = shape_of(points), shape_of(points, by_logarithm=True)

    assert by_logarithm.serving == by_value.serving
    assert (by_value.bins[0], by_logarithm.bins[0], by_value.end) == ("-1000", "0", 1e9)
    assert 1e307 < by_logarithm.end < float("inf")
    assert shape_of({"currentStats": numbers((0, 2, 1))}, by_logarithm=True).bins[5] == "2.71828"


def window(day, taken, *, gone=False, known=("spend", "age", "price")):
    """What a job measured of two columns, and of a third nothing, which its query knows or not."""
    job = {
        "name": f"p/modelMonitoringJobs/{day}",
        "scheduleTime": f"2026-11-{day}T06:00:00Z",
        "modelMonitoringSpec": {
            "objectiveSpec": {
                "targetDataset": {
                    "columnizedDataset": {"bigquerySource": {"query": f"SELECT {selected(known, taken)} FROM `log`"}}
                }
            }
        },
    }
    counted = {"numStats": {"commonStats": {"numNonMissing": "5000"}}}
    point = {
        "modelMonitoringJob": job["name"],
        "thresholdValue": 0.2,
        "currentStats": {"distributionValue": {"distributionDeviation": 0.1, **side(counted)["distributionValue"]}},
    }
    stats = [
        {"tabularStats": {"statsName": name, "objectiveType": "raw-feature-drift", "dataPoints": [point]}}
        for name in ("spend", "age")
    ]
    wanted = {"skew": {"spend": 0.2, "age": 0.2, "price": 0.1}} if gone else None
    return windows_of(job, "skew", stats, least=9, only=frozenset({"spend", "age"}), wanted=wanted)["skew"]


def test_windows_of_another_scale_are_not_drawn_beside_those_of_this_one():
    """The column is named where it is told of; distances of before are left out, those of other columns stay."""
    windows = (window(27, frozenset({"spend"})), window(26, frozenset({"spend"})), window(25, frozenset()))
    told = Comparison("skew", "s", "0 6 * * *", "", paused=False, least=9, windows=windows).to_json()
    found = {"name": "churn", "region": "r", "monitor": "", "comparisons": [told], "performance": None}
    found |= {"gone": [], "others": [], "unreadable": []}

    shown = render_monitored(found, now=NOW, every=True).plain
    page = render_page(found, now=NOW)

    assert {each["name"]: each.get("scale") for each in told["columns"]} == {"spend": "logarithmic", "age": None}
    assert [sorted(each["distances"]) for each in told["history"]] == [["age", "spend"], ["age", "spend"], ["age"]]
    assert "    compared by the logarithm: spend\n" in shown
    assert "compared by the logarithm: spend" in page
    assert '<th scope="row">spend<br/><small>by the logarithm</small></th>' in page
    assert '<th scope="row">age</th>' in page


def test_a_column_that_was_not_compared_is_shown_and_the_window_is_not_calm():
    """Model Monitoring says nothing of it, and neither do we: not on which side its values are missing."""
    windows = (window(27, frozenset({"price"}), gone=True),)
    told = Comparison("skew", "s", "0 6 * * *", "", paused=False, least=9, windows=windows).to_json()
    found = {"name": "churn", "region": "r", "monitor": "", "comparisons": [told], "performance": None}
    found |= {"gone": [], "others": [], "unreadable": []}

    shown = render_monitored(found, now=NOW, every=False).plain

    assert told["finding"] == "NotEnoughData"
    assert [each["name"] for each in told["columns"] if each["finding"] == "NotMeasured"] == ["price"]
    [row] = [line.split() for line in shown.splitlines() if line.startswith("    price  ")]
    assert row == ["price", "not", "measured", "-", "0.1", "-", "-", "-", "-", "-"]
    assert "    price not compared: no row has a value of it" in shown
    assert '<th scope="row">price' in render_page(found, now=NOW)


def test_what_is_compared_from_now_on_is_not_missed_of_before():
    """A window that ended before the column was to be compared stays what it was."""
    before = window(26, frozenset(), gone=True, known=("spend", "age"))

    assert before.verdict.finding == "Calm"
    assert [each.column.name for each in before.verdict.columns] == ["age", "spend"]
