"""Limits hold the rate of false alarms that is stated with them, and say what so few windows cannot state."""

import random
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from reconciler.cli.commands.monitor_calibrate import app
from reconciler.engine.monitoring.calibrating import calibrated, merged, proposing, spec_words
from reconciler.engine.monitoring.limits import LARGEST, interval, limits_of, windows_for
from reconciler.render.calibration import render_calibration
from runtime.retraining.watching.verdict import Column


def quiet(chance, columns):
    """A window in which nothing changed: columns of all scales that hang together, some with heavy tails."""
    together = chance.gauss(0, 0.4)
    return {
        f"f{n}": min(1.0, 0.002 * (n + 1) * 2.718 ** (together + chance.gauss(0, 0.9 if n % 5 == 0 else 0.3)))
        for n in range(columns)
    }


@pytest.mark.parametrize(("asked", "windows"), [(0.05, 40), (0.2, 24), (0.01, 60)])
def test_one_more_window_is_beyond_no_more_often_than_stated(asked, windows):
    """All columns together; where the windows are too few for what was asked, the rate that they can state holds."""
    chance, tries, beyond = random.Random(7), 500, 0  # noqa: S311 - a simulation
    for _ in range(tries):
        found = limits_of([quiet(chance, 12) for _ in range(windows)], asked)
        beyond += any(far > found.columns[name] for name, far in quiet(chance, 12).items())

    stated = max(asked, 1 / (windows // 2 + 1))
    assert found.rate <= stated + 1e-9
    assert found.smallest == 1 / (windows // 2 + 1)
    assert beyond / tries <= stated + 3 * (stated * (1 - stated) / tries) ** 0.5


def test_how_many_windows_a_rate_takes():
    """And with so many it can be stated."""
    assert windows_for(0.01) == 198
    assert limits_of([{"a": 0.1}] * windows_for(0.01), 0.01).rate <= 0.01
    assert limits_of([{"a": 0.1}] * (windows_for(0.01) - 2), 0.01).rate > 0.01


@pytest.mark.parametrize(
    ("found", "of", "low", "high"),
    [(0, 10, 0, 0.3085), (5, 10, 0.1871, 0.8129), (10, 10, 0.6915, 1), (1, 100, 0.0003, 0.0545)],
)
def test_the_interval_is_clopper_and_pearsons(found, of, low, high):
    """By tables."""
    assert interval(found, of) == pytest.approx((low, high), abs=1e-4)


@settings(deadline=None, max_examples=10)
@given(st.integers(1, 2000), st.floats(0, 1))
@example(5000, 0.5)
@example(5000, 0.9999)
def test_the_interval_of_long_histories_is_one(of, share):
    """Half of ten thousand windows: no number on the way is too large; what is not found has the interval's mirror."""
    found = round(share * of)

    low, high = interval(found, of)

    assert 0 <= low <= found / of <= high <= 1
    assert high - low <= 4 / of**0.5
    assert interval(of - found, of) == pytest.approx((1 - high, 1 - low), abs=1e-7)


def test_limits_come_of_ten_thousand_windows():
    """A year of hours and more."""
    chance = random.Random(7)  # noqa: S311 - a simulation

    found = limits_of([quiet(chance, 2) for _ in range(10_000)], 0.05)

    assert 0.045 < found.beyond / found.windows <= found.rate <= 0.05
    assert found.interval[0] < found.rate < found.interval[1]


@pytest.mark.parametrize("rate", ["1e-310", "0", "1", "-0.1", "nan"])
def test_a_rate_that_no_history_states_is_refused(rate):
    """In words, before anything is read."""
    told = CliRunner().invoke(app, ["churn", "--false-alarms", rate])

    assert told.exit_code == 2
    assert "is no rate: write one from 0.000001 to below 1" in " ".join(told.output.replace("│", " ").split())


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.dictionaries(st.sampled_from("abc"), st.floats(0, 1), min_size=1), min_size=4, max_size=30),
    st.floats(0.001, 0.9),
)
@example([{"a": 0.0}] * 3 + [{"a": 5e-324}], 0.5)
@example([{"a": 0.1}, {"c": 0.1}] + [{"a": 0.1, "b": 0.1, "c": 0.20000000000020002}] * 2, 0.5)
def test_every_limit_is_one_that_a_spec_takes(windows, asked):
    """Whatever was measured; and no window of those but so many is beyond."""
    found = limits_of(windows, asked)

    assert all(0 < limit <= LARGEST for limit in found.columns.values())
    assert 0 <= found.interval[0] <= found.beyond / found.windows <= found.interval[1] <= 1
    beyond = [any(far > found.columns.get(name, 1) for name, far in each.items()) for each in windows]
    assert found.beyond == sum(beyond[len(windows) // 2 :]), "counted with the limits that are given"
    assert found.beyond <= (found.windows + 1) * found.rate
    assert found.unheld or found.rate <= max(asked, found.smallest) + 1e-9


def test_what_no_limit_holds_is_named_and_its_windows_are_beyond():
    """A distance of 1 is beyond every limit that a spec takes: the rate that is stated has those windows in it."""
    windows = [{"a": 0.1, "b": 0.2} for _ in range(40)]
    windows[-1], windows[-2] = {"a": 1.0, "b": 0.2}, {"a": 1.0, "b": 0.3}

    found = limits_of(windows, 0.05)

    assert (found.unheld, found.beyond, found.windows) == (("a",), 2, 20)
    assert found.rate == 3 / 21
    assert found.interval == interval(2, 20)
    assert (found.columns["b"], limits_of(windows[:-2], 0.06).unheld) == (0.2, ())
    told = calibrated("skew", [(f"{n:02}", [column("a", each["a"])]) for n, each in enumerate(windows)], 0.05, least=9)
    shown = render_calibration(
        {"name": "churn", "falseAlarms": 0.05, "days": 90, "comparisons": [told.to_json(0.05)]}
    ).plain
    assert "which no limit that a spec takes holds: a\n" in shown


def column(name, distance, limit=0.1, rows=5000):
    return Column(name, distance, limit, "jensen_shannon_divergence", rows, 10_000, values=20)


def test_what_would_have_fired_is_told_with_the_limits_of_now_and_with_those_proposed():
    """A heavy tail is named; a window of few values and a column that nobody judges count for nothing."""
    days = [
        (
            f"2026-11-{n + 1:02}",
            [column("price", 0.12 + n % 3 / 50), column("age", 0.01 + n % 2 / 1000, rows=10 if n > 18 else 900)],
        )
        for n in range(20)
    ]

    found = calibrated("skew", days, 0.1, least=500)
    told = found.to_json(0.1)

    assert (told["windows"], told["since"], told["heavy"]) == (20, "2026-11-01", ["price"])
    assert told["breaches"]["present"] == 20
    assert told["breaches"]["proposed"] <= 2
    assert {each["name"]: (each["firesNow"], each["limitNow"]) for each in told["limits"]} == {
        "age": (0, 0.1),
        "price": (20, 0.1),
    }
    assert told["logarithmic"] == [], "nobody knows whether it is above 0"
    positive = frozenset({"price", "age"})
    answers = replace(calibrated("predictiondrift", days, 0.1, least=500), positive=positive, taken=frozenset({"size"}))
    known, other = proposing([replace(found, positive=positive), answers])
    assert known.to_json(0.1)["logarithmic"] == ["price", "size"], "with those of now, as a spec would have it"
    assert other.logarithmic == known.logarithmic, "a spec has one list for all comparisons"
    assert proposing([replace(known, taken=frozenset({"price"}))])[0].logarithmic == (), "it is compared so already"
    shown = {"name": "churn", "falseAlarms": 0.1, "days": 90, "comparisons": [known.to_json(0.1)]}
    assert "monitoring: {logarithmic: [price, size]}\n" in render_calibration(shown).plain
    words = spec_words([found, calibrated("predictiondrift", days, 0.1, least=500)])["monitoring"]
    assert words["skew"]["features"].keys() == {"age", "price"}
    assert words["predictionDrift"] == words["skew"]["features"]["price"]
    assert calibrated("drift", days[:3], 0.1, least=500).limits is None
    assert spec_words([calibrated("drift", [], 0.1, least=500)]) == {}


def test_order_has_a_limit_of_its_own_and_tells_what_it_would_have_found():
    """One for all numbers, with the decimals that a spec takes; labels and too few windows have none."""
    days = [
        (f"2026-11-{n + 1:02}", [
            replace(column("price", 0.02), order=0.4 if n == 19 else 0.05 + n % 3 / 100),
            replace(column("age", 0.01), order=0.0333),
            column("plan", 0.01),
        ]) for n in range(20)
    ]  # fmt: skip

    found = calibrated("skew", days, 0.2, least=500, order=0.3)
    told = found.to_json(0.2)["order"]
    answers = calibrated("predictiondrift", days, 0.2, least=500)

    assert (told["limit"], told["limitNow"]) == (0.07, 0.3)
    assert (told["beyond"], told["of"], told["fires"], told["firesNow"]) == (1, 10, 1, 1)
    assert told["rate"] <= 0.2
    assert spec_words([found])["monitoring"]["skew"]["order"] == 0.07
    assert spec_words([answers])["monitoring"]["predictionOrder"] == 0.07
    assert "limitNow" not in answers.to_json(0.2)["order"]
    shown = {"name": "churn", "falseAlarms": 0.2, "days": 90, "comparisons": [found.to_json(0.2), answers.to_json(0.2)]}
    text = render_calibration(shown).plain
    assert "breaches by order so far: 1 (limit 0.3 now), 1 with 0.07\n" in text
    assert "breaches by order so far: 0 (no limit now), 1 with 0.07\n" in text
    labels = [(at, [column("plan", 0.01)]) for at, _ in days]
    assert calibrated("skew", labels, 0.2, least=500).to_json(0.2)["order"] is None
    assert calibrated("skew", days[:3], 0.2, least=500).order is None


def test_answers_have_one_limit_and_what_is_told_of_it_is_told_of_that_one():
    """The spec takes one number for all of them: what is proposed, counted and printed is that number."""
    days = [
        (f"2026-11-{n + 1:02}", [column("wide", 0.3 + n % 3 / 50), column("narrow", 0.9 if n == 15 else 0.02)])
        for n in range(20)
    ]

    each, one = (calibrated(which, days, 0.2, least=500) for which in ("drift", "predictiondrift"))

    assert len({*each.limits.columns.values()}) == 2
    [limit] = {*one.limits.columns.values()}
    assert spec_words([one]) == {"monitoring": {"predictionDrift": limit}}
    further = sum(any(far.distance > limit for far in columns) for _, columns in days)
    assert further == one.breaches[1] == one.limits.beyond == 1


def test_a_window_whose_numbers_were_written_at_the_end_of_a_search_is_one():
    """Where one search ends the next begins: neither half may be judged alone."""
    price, age, answer = column("price", 0.1), column("age", 0.2), column("answer", 0.3)

    found = merged(
        [
            ("j1", "2026-11-01T05:59:59Z", {"f": [price]}),
            ("j2", "2026-11-03T06:00:00Z", {"f": [price]}),
            ("j1", "2026-11-01T06:00:00Z", {"f": [age], "p": [answer]}),
        ]
    )

    assert found == [
        ("2026-11-01T05:59:59Z", {"f": [price, age], "p": [answer]}),
        ("2026-11-03T06:00:00Z", {"f": [price]}),
    ]
