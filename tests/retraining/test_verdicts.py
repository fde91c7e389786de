"""Whether a monitor's window is a breach: rows enough, more than chance, as many in a row as the spec says."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.statistics.distances import divergence_of_histograms
from emulator.statistics.histograms import count, edges_of, with_infinities
from runtime.retraining.breaches import Watch
from runtime.retraining.google import Refused, Unavailable
from runtime.retraining.handling import Moved
from runtime.retraining.settings import Settings
from runtime.retraining.watching.looking import Look, look
from runtime.retraining.watching.measured import FEATURES, PREDICTIONS, by_job
from runtime.retraining.watching.monitors import Measured, Monitors
from runtime.retraining.watching.verdict import Column, Finding, judge
from runtime.retraining.watching.windows import KEPT, Window, Windows
from tests.retraining.simulated import START

JSD, LINF = "jensen_shannon_divergence", "l_infinity"
SPEND = Column("spend", 0.4, 0.3, JSD, 1000, 10_000, values=20)
PLAN = Column("plan", 0.1, 0.3, LINF, 1000, 10_000, values=3)

CASES = {
    "too-far": (SPEND, Finding.BREACH),
    "at-its-limit": (replace(SPEND, distance=0.3), Finding.CALM),
    "few-rows": (replace(SPEND, rows=499), Finding.TOO_FEW),
    "nobody-counts": (replace(SPEND, rows=None), Finding.TOO_FEW),
    "no-distance": (replace(SPEND, distance=None), Finding.UNMEASURED),
    "no-limit": (replace(SPEND, limit=None), Finding.UNLIMITED),
    "hardly-a-baseline": (replace(SPEND, baseline_rows=8), Finding.CHANCE),
    "no-baseline": (replace(SPEND, baseline_rows=None), Finding.CHANCE),
    "all-missing": (replace(SPEND, rows=0, missing=1.0), Finding.TOO_FEW),
}


@pytest.mark.parametrize(("column", "finding"), CASES.values(), ids=CASES)
def test_what_is_said_of_a_column(column, finding):
    """Each with a reason that has its numbers."""
    [found] = judge([column], least=500).columns

    assert found.finding is finding
    assert found.reason


def test_a_window_is_what_its_worst_column_is_and_says_which():
    """One column too far is a breach; where nothing can be said the window says nothing either way."""
    gone = replace(PLAN, rows=3, missing=0.997)

    breach = judge([PLAN, SPEND, gone], least=500)
    rare = replace(gone, baseline_missing=0.9965)
    calm = judge([PLAN, rare], least=500)
    few = judge([rare], least=500)

    assert breach.finding is Finding.BREACH
    assert breach.reason == "1 of 3 columns too far: spend 0.4, limit 0.3"
    assert [each.column.name for each in breach.columns] == ["spend", "plan", "plan"]
    assert (calm.finding, calm.reason) == (Finding.CALM, "nothing can be said of plan")
    assert (few.finding, few.reason) == (Finding.TOO_FEW, "3 rows; fewer than 500 tell nothing")
    assert judge([], least=1).finding is Finding.TOO_FEW


SILENT = {"price": 0.2}
LOST = {
    "of-a-window": ([PLAN], SILENT, "no row has a value of it, of the window or of what it is compared with"),
    "with-nulls-counted": (
        [PLAN, replace(SPEND, name="price", distance=None, rows=0, missing=1.0)],
        {},
        "0 of 1000 rows",
    ),
    "but-for-a-few": ([PLAN, replace(SPEND, name="price", distance=0.0, rows=3, missing=0.997)], {}, "3 of 1000 rows"),
}


@pytest.mark.parametrize(("columns", "wanted", "why"), LOST.values(), ids=LOST)
def test_a_column_whose_values_are_gone_is_never_calm(columns, wanted, why):
    """Model Monitoring leaves it out of its answer: the verdict says which one was not compared, and ends nothing."""
    found = judge(columns, least=500, wanted={"plan": 0.3, **wanted})

    assert found.finding is Finding.TOO_FEW
    assert found.reason.startswith("price not compared: ")
    assert why in found.reason
    [price] = [each for each in found.columns if each.column.name == "price"]
    assert price.finding is Finding.UNMEASURED
    breach = judge([*columns, SPEND], least=500, wanted=wanted)
    assert breach.finding is Finding.BREACH, "another one that is too far still is"


def test_a_column_without_values_in_a_quiet_window_is_no_news():
    """Nor is one that has no limit, or one that was seldom there before."""
    few = judge([replace(PLAN, rows=3)], least=500, wanted=SILENT)
    free = judge([PLAN], least=500, wanted={"price": None})

    assert (few.finding, {each.finding for each in few.columns}) == (Finding.TOO_FEW, {Finding.TOO_FEW})
    assert (free.finding, free.columns[0].finding) == (Finding.CALM, Finding.UNMEASURED)
    assert "missing" not in free.columns[0].to_json(), "nobody tells on which side"


ORDERED = replace(SPEND, distance=0.2, order=0.3)
BY_ORDER = {
    "by-order-alone": (ORDERED, 0.25, Finding.BREACH, "by order 0.3, limit 0.25"),
    "by-both": (replace(ORDERED, distance=0.4), 0.25, Finding.BREACH, "0.4, limit 0.3; by order 0.3, limit 0.25"),
    "by-the-other-alone": (replace(ORDERED, distance=0.4), 0.35, Finding.BREACH, "0.4, limit 0.3"),
    "by-neither": (ORDERED, 0.35, Finding.CALM, "0.2, limit 0.3; by order 0.3, limit 0.35"),
    "of-no-limit-but-that": (replace(ORDERED, limit=None), 0.25, Finding.BREACH, "by order 0.3, limit 0.25"),
    "within-that": (replace(ORDERED, limit=None), 0.35, Finding.CALM, "by order 0.3, limit 0.35"),
    "of-no-distance-but-that": (
        replace(ORDERED, limit=None, distance=None),
        0.35,
        Finding.CALM,
        "by order 0.3, limit 0.35",
    ),
    "the-other-gone": (replace(ORDERED, distance=None), 0.35, Finding.UNMEASURED, "there was nothing to compare"),
    "few-rows": (replace(ORDERED, rows=499), 0.25, Finding.TOO_FEW, "499 of at least 500 values"),
    "not-told": (replace(ORDERED, order=None), 0.25, Finding.UNMEASURED, "nothing is told of its order"),
    "not-limited": (ORDERED, None, Finding.CALM, "0.2, limit 0.3"),
    "labels": (replace(PLAN, order=None), None, Finding.CALM, "0.1, limit 0.3"),
}


@pytest.mark.parametrize(("column", "limit", "finding", "reason"), BY_ORDER.values(), ids=BY_ORDER)
def test_a_column_is_what_the_worse_of_its_distances_says_and_tells_which(column, limit, finding, reason):
    """Each with its own limit; a limit that could not be checked is never calm."""
    orders = {} if limit is None else {column.name: limit}

    [found] = judge([column], least=500, orders=orders).columns

    assert (found.finding, found.reason) == (finding, reason)
    told = found.to_json().get("order", {})
    assert (told.get("limit"), told.get("distance")) == ((limit, column.order) if column.rows >= 500 else (None, None))


def test_order_beyond_its_limit_as_chance_does_is_no_breach():
    """A hundred rows of the same thing come so far, and a column more to look at takes more."""
    column = replace(ORDERED, distance=0.0, order=0.2, rows=100)

    [few] = judge([column], least=50, orders={"spend": 0.1}).columns
    [many] = judge([replace(column, rows=1000)], least=50, orders={"spend": 0.1}).columns
    expected = [
        judge([column, *rest], least=50, orders={"spend": 0.1}).columns[0].order.expected for rest in ([], [PLAN])
    ]

    assert few.finding is few.order.finding is Finding.CHANCE
    assert "100 values beside 10000 differ by up to" in few.reason
    assert many.finding is Finding.BREACH
    assert expected == sorted({*expected}), "of two distances each has half of the chance"


def test_what_is_in_no_order_makes_chance_no_smaller():
    """A baseline of 10,000 values of which 100 are finite tells as much as one of 100."""
    column = replace(ORDERED, distance=0.0, order=0.2)

    [all_in_order] = judge([column], least=50, orders={"spend": 0.1}).columns
    [few] = judge([replace(column, in_order=(1000, 100))], least=50, orders={"spend": 0.1}).columns
    [hundred] = judge([replace(column, baseline_rows=100)], least=50, orders={"spend": 0.1}).columns

    assert (all_in_order.finding, few.finding, hundred.finding) == (Finding.BREACH, Finding.CHANCE, Finding.CHANCE)
    assert few.order.expected == hundred.order.expected
    assert "1000 values beside 100 differ by up to" in few.reason


def test_the_column_that_is_farthest_by_either_distance_comes_first():
    """And one that the API tells nothing of is lost, whichever limit it has."""
    near = replace(ORDERED, name="near", distance=0.31, order=0.1)

    found = judge([near, ORDERED], least=500, orders={"near": 0.2, "spend": 0.1})
    lost = judge([PLAN], least=500, wanted={"plan": 0.3, "price": None}, orders={"price": 0.2})

    assert [each.column.name for each in found.columns] == ["spend", "near"]
    assert lost.finding is Finding.TOO_FEW
    assert "price not compared" in lost.reason


@settings(deadline=None)
@given(
    distance=st.floats(0, 1), limit=st.floats(0.001, 0.999), rows=st.integers(0, 10**6), others=st.integers(0, 600),
    algorithm=st.sampled_from([JSD, LINF]),
)  # fmt: skip
def test_more_rows_and_fewer_columns_never_hide_a_breach(distance, limit, rows, others, algorithm):
    """And what is within its limit is never one."""
    column = Column("a", distance, limit, algorithm, rows, 10_000, values=20)
    rest = [replace(column, name=f"b{n}", distance=0.0) for n in range(others)]

    def is_breach(one, beside):
        return judge([one, *beside], least=100).finding is Finding.BREACH

    found = is_breach(column, rest)

    assert not found or (distance > limit and rows >= 100)
    assert not found or is_breach(replace(column, rows=rows * 2), rest)
    assert not found or is_breach(column, rest[: others // 2])


def drawn(seed, rows):
    """Features that nothing happened to: normal, uniform, and two-humped ones."""
    random = np.random.default_rng(seed)
    normal, flat = random.normal(size=(40, rows)), random.uniform(size=(40, rows))
    return [*normal, *flat, *(random.normal(size=(20, rows)) + 4 * random.integers(0, 2, (20, rows)))]


def buckets(values):
    """As Google's: ten of equal width between a side's own extremes."""
    edges = edges_of(values.min(), values.max())
    return with_infinities(edges, count(values, edges), 0, 0, 0)


@pytest.mark.parametrize("rows", [30, 300, 3000])
def test_of_a_hundred_features_that_nothing_happened_to_none_is_a_breach(rows):
    """With a limit that each of them would be beyond by chance, at few rows; one window in a hundred may be."""
    baseline = [buckets(each) for each in drawn(1, 10_000)]
    breaches = 0
    for window in range(12):
        columns = [
            Column(str(n), divergence_of_histograms(before, buckets(now)), 0.005, JSD, rows, 10_000, values=20)
            for n, (before, now) in enumerate(zip(baseline, drawn(100 + window, rows), strict=True))
        ]
        assert any(each.distance > 0.005 for each in columns)
        breaches += judge(columns, least=30).finding is Finding.BREACH

    assert breaches <= 1


def point(distance, *, job="j1", limit=0.3, gone=0, there=100):
    counts = {"numNonMissing": str(there), "numMissing": str(gone)}
    side = {"distribution": {"features": [{"numStats": {"commonStats": counts}}]}, "distributionDeviation": distance}
    return {
        "modelMonitoringJob": job, "algorithm": JSD, "thresholdValue": limit,
        "currentStats": {"distributionValue": side}, "baselineStats": {"distributionValue": side},
    }  # fmt: skip


OF_A_JOB = {"modelMonitoringJob": "j1"}
ODD = [
    ({}, 0),
    ({"tabularStats": 7}, 0),
    ({"tabularStats": {"dataPoints": [{}]}}, 0),
    ({"tabularStats": {"dataPoints": [OF_A_JOB]}}, 1),
    ({"tabularStats": {"dataPoints": [
        {**OF_A_JOB, "currentStats": {"distributionValue": {"distribution": "?"}}}]}}, 1),
    ({"tabularStats": {"dataPoints": [
        {**OF_A_JOB, "thresholdValue": "NaN", "currentStats": {"distributionValue": None}}]}}, 1),
]  # fmt: skip


@pytest.mark.parametrize(("odd", "judged"), ODD)
def test_an_answer_that_makes_no_sense_says_nothing(odd, judged):
    """And is no breach."""
    found = [
        judge(columns, least=1).finding for objectives in by_job([odd]).values() for columns in objectives.values()
    ]

    assert found == [Finding.TOO_FEW] * judged


def test_counts_and_missing_shares_are_read_from_inside_the_statistics():
    """Numbers are texts there."""
    told = {"statsName": "spend", "objectiveType": FEATURES, "dataPoints": [point(0.4, gone=300)]}

    [column] = by_job([{"tabularStats": told}])["j1"][FEATURES]

    assert (column.distance, column.limit, column.rows, column.missing) == (0.4, 0.3, 100, 0.75)


def test_nan_is_a_value_that_is_missing():
    """TensorFlow Data Validation counts it as there, as in tables of pandas', and no distance knows of it."""
    told = {"statsName": "spend", "objectiveType": FEATURES, "dataPoints": [point(0.4, gone=20, there=80)]}
    baseline = {"commonStats": {"numNonMissing": "1000"}, "histograms": [{"numNan": "950", "buckets": []}]}
    told["dataPoints"][0]["baselineStats"] = {
        "distributionValue": {"distribution": {"features": [{"numStats": baseline}]}}
    }

    [column] = by_job([{"tabularStats": told}])["j1"][FEATURES]

    assert (column.rows, column.missing, column.baseline_rows, column.baseline_missing) == (
        80,
        pytest.approx(0.2),
        50,
        0.95,
    )


def test_a_distance_of_nothing_is_one():
    """Protobuf's JSON leaves out what is 0: two sides that are alike are calm, and not unmeasured."""
    alike = point(0.0)
    del alike["currentStats"]["distributionValue"]["distributionDeviation"]
    told = {"statsName": "spend", "objectiveType": FEATURES, "dataPoints": [alike]}

    [found] = judge(by_job([{"tabularStats": told}])["j1"][FEATURES], least=50).columns

    assert (found.column.distance, found.finding) == (0.0, Finding.CALM)


def buckets_of(*ends):
    """Statistics of a number by buckets of equal count, as protobuf's JSON has them: what is 0 is left out."""
    pairs = [{"lowValue": low, "highValue": high, "sampleCount": 10.0} for low, high in pairwise(ends)]
    told = [{name: value for name, value in each.items() if value != 0} for each in pairs]
    common = {"numNonMissing": "1000"}
    return {
        "numStats": {"commonStats": common, "histograms": [{"buckets": []}, {"type": "QUANTILES", "buckets": told}]}
    }


ENDS = {
    "alike": (buckets_of(-1, 0, 1), buckets_of(-1, 0, 1), 0),
    "apart": (buckets_of(-1, 0), buckets_of(1, 2), 1),
    "a-number-as-a-text": (buckets_of("-1", 0), buckets_of("1", "2"), 1),
    "infinite": (buckets_of("-Infinity", 0), buckets_of(1, "Infinity"), 1),
    "no-number": (buckets_of(0, "NaN"), buckets_of(0, 1), None),
    "nothing": (buckets_of(), buckets_of(0, 1), None),
    "labels": ({"stringStats": {"commonStats": {"numNonMissing": "9"}}}, buckets_of(0, 1), None),
}


@pytest.mark.parametrize(("here", "there", "far"), ENDS.values(), ids=ENDS)
def test_the_distance_of_order_is_read_from_inside_the_statistics(here, there, far):
    """From buckets of equal count; where a side has none, nothing is said of it."""
    sides = {
        name: {"distributionValue": {"distribution": {"features": [each]}}}
        for name, each in (("currentStats", here), ("baselineStats", there))
    }
    told = {"statsName": "spend", "objectiveType": FEATURES, "dataPoints": [OF_A_JOB | sides]}

    [column] = by_job([{"tabularStats": told}])["j1"][FEATURES]

    assert column.order == (far if far is None else pytest.approx(far))
    assert (column.in_order is None) == (far is None)


class Monitor:
    """Monitors and a memory, without a cloud."""

    def __init__(self):
        self.jobs, self.windows, self.generation, self.events, self.told = [], Windows(), 0, [], []
        self.broken, self.moves, self.mute = frozenset(), 0, frozenset()
        self.meanwhile = None

    def schedules(self, shown):
        if shown in self.broken:
            raise Unavailable("no answer")
        yield f"schedules/{shown}", "monitors/m"

    def measured(self, schedule, monitor, since):
        del monitor
        yield from (each for shown, each in self.jobs if schedule.endswith(shown) and each.at >= since)

    def read(self):
        return self.windows, self.generation

    def write(self, windows, generation):
        if self.moves:
            self.moves -= 1
            raise Moved
        assert generation == self.generation
        self.windows, self.generation = windows, generation + 1

    def job(self, name, at, distance, *, which="skew", ended=True, objective=FEATURES, compared=None):
        columns = {objective: [replace(SPEND, distance=distance)]}
        self.jobs.append((which, Measured(name, at, ended, columns, {objective: compared})))

    def look(self, now, wanted=None, orders=None):
        watches = (Watch("moved", frozenset({"skew", "drift", "predictiondrift"}), 2),)

        def act(event):
            if event.monitor in self.mute:
                raise Refused("publish to topic", 404, "no such topic")
            self.events.append(event)
            if other := self.meanwhile:
                self.meanwhile = None
                other()
            return "Start: because"

        def tell(window, came):
            self.told.append((window.sort, window.job, came))
            if "told" in self.mute:
                raise Refused("publish to topic", 404, "no such topic")

        shown = {"skew": "skew", "drift": "drift"}
        return look(Look(self, self, shown, 500, watches, act, tell, wanted=wanted or {}, orders=orders or {}), now)


def test_a_breach_by_order_is_acted_on_and_its_reason_says_so():
    """Of each comparison by its own limits; what is remembered has the distance beside Google's."""
    monitor, hour = Monitor(), timedelta(hours=1)
    moved = {FEATURES: [replace(SPEND, distance=0.1, order=0.3)]}
    monitor.jobs = [(which, Measured(which, START, ended=True, columns=moved)) for which in ("skew", "drift")]

    found = monitor.look(START + hour, orders={"skew": {"spend": 0.2}, "drift": {"spend": 0.4}})

    assert {each.sort: each.verdict.finding for each in found} == {"skew": Finding.BREACH, "drift": Finding.CALM}
    [breach] = [each for each in monitor.events if not each.over]
    assert breach.about == "skew: 1 of 1 columns too far: spend by order 0.3, limit 0.2"
    kept = {each["sort"]: each["columns"][0] for each in monitor.windows.judged}
    assert kept["skew"]["order"] | {"expected": 0} == {
        "finding": "Breach",
        "distance": 0.3,
        "limit": 0.2,
        "expected": 0,
    }
    assert (kept["skew"]["distance"], kept["drift"]["order"]["finding"]) == (0.1, "Calm")


def test_each_window_is_judged_once_in_their_order():
    """Whatever wakes us, and however often; one that is not at its end waits."""
    monitor, hour = Monitor(), timedelta(hours=1)
    monitor.job("late", START + hour, 0.9, ended=False)
    monitor.job("second", START, 0.1)
    monitor.job("first", START - hour, 0.9)
    monitor.job("predicted", START, 0.9, which="drift", objective=PREDICTIONS)
    monitor.job("old", START - timedelta(days=3), 0.9)

    found = [[(each.sort, each.job) for each in monitor.look(START + hour)] for _ in range(2)]

    assert found == [[("skew", "first"), ("predictiondrift", "predicted"), ("skew", "second")], []]
    assert [(event.monitor, event.over, event.needed) for event in monitor.events] == [
        ("skew", False, 2), ("predictiondrift", False, 2), ("skew", True, 2),
    ]  # fmt: skip
    assert monitor.told == [
        ("skew", "first", "Start: because"), ("predictiondrift", "predicted", "Start: because"),
        ("skew", "second", "Start: because"),
    ]  # fmt: skip
    assert monitor.events[0].about == "skew: 1 of 1 columns too far: spend 0.9, limit 0.3"


def test_of_two_looks_at_once_one_tells():
    """Both judge it, and act by one key; it is told by the one that remembers it."""
    monitor = Monitor()
    monitor.job("j", START, 0.9)
    monitor.meanwhile = lambda: monitor.look(START)

    monitor.look(START)

    assert {event.key for event in monitor.events} == {monitor.events[0].key}
    assert len(monitor.events) == 2
    assert monitor.told == [("skew", "j", "Start: because")]


def test_a_monitor_that_cannot_be_read_keeps_no_other_from_it():
    """What was judged is remembered, and the trouble is told so that it is tried again."""
    monitor = Monitor()
    monitor.broken = {"skew"}
    monitor.job("d", START, 0.9, which="drift")
    monitor.moves = 3

    with pytest.raises(Unavailable):
        monitor.look(START)

    assert [(each["sort"], each["job"]) for each in monitor.windows.judged] == [("drift", "d")]


@pytest.mark.parametrize(
    ("mute", "remembered"),
    [({"told"}, {"s1", "s2", "d"}), ({"skew"}, {"d"}), ({"drift", "told"}, {"s1", "s2"})],
)
def test_what_cannot_be_told_or_acted_on_keeps_no_other_from_it(mute, remembered):
    """The topic is gone: windows are remembered all the same, in the order of their sort, and it is said at the end."""
    monitor, hour = Monitor(), timedelta(hours=1)
    monitor.mute = mute
    monitor.job("s1", START - hour, 0.9)
    monitor.job("d", START - hour, 0.9, which="drift")
    monitor.job("s2", START, 0.9)

    with pytest.raises(Refused, match="no such topic"):
        monitor.look(START)
    assert {each["job"] for each in monitor.windows.judged} == remembered

    monitor.mute = frozenset()
    monitor.look(START)
    assert {each["job"] for each in monitor.windows.judged} == {"s1", "s2", "d"}
    assert len(monitor.events) == 3


class Vertex:
    """Vertex AI's answers, by the end of the address."""

    def __init__(self, jobs, pages=1):
        self.jobs, self.pages = jobs, pages

    def address(self, service, *, regional):
        return f"https://{service}" if regional else ""

    def call(self, what, method, url, **more):
        del method, more
        name = url.rpartition("/")[2]
        if name.endswith("searchModelMonitoringStats"):
            self.pages -= 1
            points = [point(0.9, job=job) for job in [*self.jobs, ""]] + ["?"]
            told = {"statsName": "spend", "objectiveType": FEATURES, "dataPoints": points}
            return {"monitoringStats": [{"tabularStats": told}], **({"nextPageToken": "t"} if self.pages else {})}
        if self.jobs[name] is None:
            raise Refused(what, 404, "not found")
        return {"state": "JOB_STATE_SUCCEEDED", **self.jobs[name]}


def read_by(vertex):
    settings = Settings("churn", "local", "europe-west1", "bucket", {})
    return [(each.job, each.at) for each in Monitors(settings, vertex).measured("schedule", "monitors/m", START)]


def test_a_job_of_which_nothing_can_be_said_keeps_no_other_from_it():
    """Deleted, without a time or with one that is none; a point without a job is of no window."""
    told = START.isoformat()
    jobs = {
        "gone": None, "good": {"scheduleTime": told}, "odd": {"createTime": "soon"}, "timeless": {},
        "local": {"createTime": START.replace(tzinfo=None).isoformat()},
    }  # fmt: skip

    assert read_by(Vertex(jobs)) == [("good", START), ("local", START)]


SPECS = {
    "lists": ({"tabularObjective": {"featureDriftSpec": {"features": ["spend"]}}}, frozenset({"spend"})),
    "lists-none": ({"tabularObjective": {"featureDriftSpec": {"features": []}}}, None),
    "of-a-table": ({"targetDataset": {"columnizedDataset": {"bigquerySource": {"tableUri": "bq://p.d.t"}}}}, None),
    "by-hand": ({"targetDataset": {"columnizedDataset": {"bigquerySource": {"query": "SELECT * FROM `t`"}}}}, None),
    "odd": ({"tabularObjective": "odd", "targetDataset": []}, None),
}


@pytest.mark.parametrize(("spec", "compared"), SPECS.values(), ids=SPECS)
def test_what_a_job_could_compare_is_what_its_own_specification_says(spec, compared):
    """As far as it says so: with what is no query of ours everything might have been."""
    job = {"scheduleTime": START.isoformat(), "modelMonitoringSpec": {"objectiveSpec": spec}}
    settings = Settings("churn", "local", "europe-west1", "bucket", {})

    [found] = Monitors(settings, Vertex({"j": job})).measured("schedule", "monitors/m", START)

    assert found.compared == {FEATURES: compared}


def test_an_answer_of_too_many_pages_is_no_half_one():
    """What was cut off could be the breach."""
    assert len(read_by(Vertex({"good": {"scheduleTime": START.isoformat()}}, pages=100))) == 1
    with pytest.raises(Refused, match="more than 100 pages"):
        read_by(Vertex({"good": {"scheduleTime": START.isoformat()}}, pages=101))


def test_a_window_without_rows_enough_begins_nothing_and_ends_nothing():
    """An empty night is no recovery."""
    monitor = Monitor()
    monitor.jobs.append(
        ("skew", Measured("j", START, ended=True, columns={FEATURES: [replace(SPEND, distance=0.9, rows=2)]}))
    )

    [window] = monitor.look(START)

    assert (window.says, monitor.events) == (None, [])


def test_a_column_that_is_gone_from_a_window_begins_nothing_and_ends_nothing():
    """The function knows what was to be compared."""
    monitor = Monitor()
    monitor.job("j", START, 0.1)

    [window] = monitor.look(START, {"skew": {"spend": 0.3, "price": 0.2}})

    assert (window.says, monitor.events) == (None, [])
    assert "price not compared" in monitor.windows.judged[0]["reason"]


def test_a_column_is_not_missed_of_a_job_of_before_it_was_to_be_compared():
    """Each window is held against what its own job could compare: a calm one stays calm."""
    monitor = Monitor()
    monitor.job("before", START, 0.1, compared=frozenset({"spend"}))
    monitor.job("since", START + timedelta(hours=1), 0.1, compared=frozenset({"spend", "price"}))

    before, since = monitor.look(START + timedelta(hours=1), {"skew": {"spend": 0.3, "price": 0.2}})

    assert (before.says, since.says) == (False, None)


def test_what_is_known_is_not_read_again():
    """Statistics of a day are a gigabyte where there are many labels; a job that took longer than the next is found."""
    monitor, hour = Monitor(), timedelta(hours=1)
    monitor.job("new", START, 0.1)
    monitor.look(START)
    monitor.job("slow", START - 2 * hour, 0.1)
    monitor.job("long-ago", START - 4 * hour, 0.1)
    monitor.job("predicted", START - 4 * hour, 0.1, which="drift")

    found = monitor.look(START + hour)

    assert [each.job for each in found] == ["predicted", "slow"]


def test_memory_does_not_grow():
    """Of each sort so many; the other's stay."""
    windows = Windows().with_window(Window("drift", "d", START, judge([SPEND], least=1)))
    for number in range(KEPT + 5):
        windows = windows.with_window(Window("skew", str(number), START, judge([SPEND], least=1)))

    assert len(windows.judged) == KEPT + 1
    kept = {(each["sort"], each["job"]) for each in windows.judged}
    assert {("drift", "d"), ("skew", "5")} <= kept
    assert ("skew", "4") not in kept
