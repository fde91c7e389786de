"""How right predictions were, as people and programs are told it: of what the function remembers."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from reconciler.core.address import Address
from reconciler.core.inventory import Entry, Inventory
from reconciler.engine.monitoring.outcomes import Outcomes, outcomes
from reconciler.engine.monitoring.reading import Monitored
from reconciler.engine.monitoring.standing import standings
from reconciler.kinds.functions_function.record import NAME as FUNCTION
from reconciler.render.monitoring import outcome_lines, render_monitored
from reconciler.render.monitoring_page import render_page
from reconciler.render.status import stands
from runtime.retraining.watching.performance import PERFORMANCE, Counted, judge
from runtime.retraining.watching.windows import Window

NOW = datetime(2026, 11, 27, 7, tzinfo=UTC)
LATE = "labels come 7d later · 500 tell something"
TOLD = {"least": 500, "after": 7 * 86_400, "limits": {"accuracy": 0.8, "recall": 0.6}}


def window(back, hits, problem="", *, of=1000):
    """A window that was judged so many days ago."""
    at = NOW - timedelta(days=back, hours=1)
    about = {"since": (at - timedelta(days=8)).isoformat(), "until": (at - timedelta(days=7)).isoformat()}
    if problem:
        return Window(PERFORMANCE, f"w{back}", at, None, problem, about).to_json()
    counted = Counted(1100, of, 3, 0, {"correct": 600 + hits, "hits": hits, "misses": 300 - hits, "false_alarms": 100})
    verdict = judge(counted, TOLD["limits"], least=500)
    return Window(PERFORMANCE, f"w{back}", at, verdict, about=about | counted.to_json()).to_json()


def told(*windows, last=9):
    """The newest first, as `mlservice monitor` has them."""
    found = Outcomes(TOLD, windows, next(iter(standings(windows)), None), last)
    return Monitored("churn", "europe-west1", None, outcomes=found)


def test_measures_are_shown_with_limits_rows_and_how_many_have_labels():
    """And since when they are wrong, and what was said of earlier windows."""
    found = told(window(0, 90), window(1, 90), window(2, 290)).to_json()
    *lines, _, before, calm = render_monitored(found, now=NOW, every=False).plain.splitlines()

    assert lines == [
        "churn  europe-west1  breach of performance",
        "",
        "  performance  breach since 2026-11-26 06:00 UTC (1 d ago), 2 windows in a row",
        "  predictions against labels that came later",
        f"    window 2026-11-19 06:00 to 2026-11-20 06:00 UTC, judged 1 h ago · {LATE}",
        "    1000 of 1100 predictions have a label (90.9%); those of 3 contradict each other",
        "    measure   verdict  value         limit  by chance  of rows",
        "    accuracy  breach    0.69  at least 0.8      0.767     1000",
        "    recall    breach     0.3  at least 0.6      0.527      300",
    ]
    assert before.startswith("    2026-11-26 06:00  breach           2 of 2 measures past their limits: accuracy 0.69")
    assert calm.startswith("    2026-11-25 06:00  calm             accuracy 0.89, at least 0.8; recall 0.967")


def test_before_the_first_window_the_limits_are_shown():
    """A window is judged days after it ended: until then it is said what is waited for."""
    found = told()
    shown = render_monitored(found.to_json(), now=NOW, every=False).plain

    assert "performance  no window yet" in shown
    assert f"no window yet · {LATE}" in shown
    assert "recall    no window yet      -  at least 0.6" in shown
    assert (found.breached, found.fine) == (False, True)


def test_a_breach_stands_while_windows_tell_nothing():
    """Few labels end nothing, nor does what could not be measured: it is said, and fails a pipeline."""
    few = told(window(0, 90, of=10), window(1, 90), window(2, 90))
    shown = render_monitored(few.to_json(), now=NOW, every=False).plain
    later = told(window(0, 90, "cannot ask"), window(1, 90, of=10), window(2, 90))
    before = "performance  not enough data, and breach since 2026-11-25 06:00 UTC (2 d ago), 2 windows in a row before"

    assert (few.breached, few.fine, few.to_json()["breach"]) == (True, False, True)
    assert shown.splitlines()[0] == "churn  europe-west1  breach of performance"
    assert f"  {before}\n" in shown
    assert (later.breached, later.fine) == (True, False)
    assert "not enough data, and breach since" in render_page(later.to_json(), now=NOW)
    ended = told(window(0, 90, of=10), window(1, 290), window(2, 90))
    assert (ended.breached, ended.fine, ended.to_json()["performance"]["since"]) == (False, True, "")


def test_a_window_without_labels_enough_says_so_once():
    """Measures that nobody could measure are of this window, and not of none yet."""
    few = told(window(0, 90, of=10)).to_json()
    shown = render_monitored(few, now=NOW, every=False).plain

    assert shown.count("10 of 1100 predictions have a label") == 1
    assert "no window yet" not in shown
    assert {each["finding"] for each in few["performance"]["measures"]} == {"NotEnoughData"}


def test_a_service_without_a_monitor_tells_its_model_and_version():
    """As the function was told them."""
    asked = Outcomes({**TOLD, "question": {"version": "7"}, "model": "churn-boosted"}, [], None)
    found = Monitored("churn", "europe-west1", None, outcomes=asked).to_json()

    assert (found["model"], found["version"]) == ("churn-boosted", "7")


def test_a_window_that_could_not_be_measured_is_not_fine():
    """Whatever was said before it, and where nothing was; before the first one nothing is amiss."""
    failed = window(0, 0, "cannot ask BigQuery")
    none = told().to_json()["performance"]

    assert not told(failed, window(1, 290)).fine
    assert not told(failed).fine
    assert none["unmeasured"] is None
    assert "could not be measured" not in render_monitored(told().to_json(), now=NOW, every=False).plain


def test_what_cannot_be_read_is_not_fine():
    """A pipeline that asks whether there is a breach hears of none only where all is known."""
    assert not Monitored("churn", "europe-west1", None, unreadable=("windows.json is no JSON",)).fine
    assert not told(window(0, 90)).fine


@pytest.mark.parametrize("remembered", [[], [window(0, 290)]])
def test_a_function_that_somebody_deleted_is_missed(remembered):
    """Nobody judges any more, which is not fine, whatever it said before."""
    address = Address(FUNCTION, "europe-west1", "churn-retraining")
    inventory = Inventory("churn", "europe-west1", {address: Entry(address)})
    session = SimpleNamespace(observe_one=lambda _address: None)

    found, why = outcomes(session, inventory, remembered, 5)

    assert "is not there" in why
    assert "mlservice apply" in why
    assert (found is None) == (not remembered)


def test_what_could_not_be_measured_of_late_hides_no_verdict():
    """The last one that could be measured stands, and the trouble beside it."""
    found = told(window(0, 0, "cannot ask BigQuery: Not found: Table ml.outcomes (404)"), window(1, 290)).to_json()
    shown = render_monitored(found, now=NOW, every=False).plain

    assert found["performance"]["finding"] == "Calm"
    assert "the window judged 2026-11-27 06:00 UTC could not be measured: cannot ask BigQuery: Not found" in shown
    assert shown.count("Not found: Table") == 1


def test_labels_come_so_late_as_the_spec_says():
    """In the words of the spec, whatever its unit."""
    hours = {**told().to_json()["performance"], "after": 90 * 60}

    assert "labels come 90m later" in next(outcome_lines(hours, NOW))


@pytest.mark.parametrize("odd", [{}, {"columns": 7}, {"columns": [{}, 3], "labelled": "x", "at": 5, "finding": None}])
def test_odd_windows_harm_no_page(odd):
    """Whoever may write the bucket wrote them."""
    found = told({"sort": PERFORMANCE, **odd}, window(1, 90)).to_json()

    assert render_monitored(found, now=NOW, every=False)
    assert render_page(found, now=NOW)


def test_the_page_has_every_measure_and_its_way_through_the_windows():
    """As it has columns."""
    page = render_page(told(window(0, 90), window(1, 290)).to_json(), now=NOW)

    assert '<th scope="row">recall</th>' in page
    assert "2 windows from 2026-11-26 06:00 to 2026-11-27 06:00 UTC, the last 0.300" in page
    assert "breach of performance" in page


def test_a_status_counts_measures():
    """One line, as of a comparison."""
    [standing] = standings([window(0, 90)])

    assert (
        stands(standing.to_json(), NOW)[0] == "performance: breach of 2 measures since 2026-11-27 06:00 UTC (1 h ago)"
    )
