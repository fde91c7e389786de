"""How right predictions were: from counts to measures, what chance makes of few rows, and which windows are due."""

import math
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.kinds.functions_function.wanted import TIMEOUT_S
from runtime.retraining import bigquery as jobs
from runtime.retraining.breaches import Watch
from runtime.retraining.google import Refused, Unavailable
from runtime.retraining.settings import Settings
from runtime.retraining.watching.judging import AT_ONCE, BEGUN_S, Judging
from runtime.retraining.watching.looking import Look, look
from runtime.retraining.watching.measured import FEATURES, SKEW
from runtime.retraining.watching.monitors import Measured
from runtime.retraining.watching.performance import FAR, PERFORMANCE, Counted, Performance, cut_off, judge
from runtime.retraining.watching.times import Times
from runtime.retraining.watching.verdict import Column, Finding
from runtime.retraining.watching.windows import KEPT, Window, Windows
from schemas.cron import parse_cron
from tests.retraining.simulated import START

DAILY = {"minutes": [0], "hours": [6], "days": None, "months": [*range(1, 13)], "weekdays": None, "either": False}


def classes(hits, false_alarms, misses, rest, **more):
    """Counts of a window in which all predictions have a label."""
    rows = hits + false_alarms + misses + rest
    counts = {"correct": hits + rest, "hits": hits, "false_alarms": false_alarms, "misses": misses}
    return Counted(rows, rows, numbers=counts, **more)


def test_each_share_is_of_its_own_rows():
    """As the usual definitions have it: precision of what was predicted, recall of what was true."""
    found = judge(classes(60, 20, 40, 880), {"accuracy": 0.5, "precision": 0.5, "recall": 0.5, "f1": 0.5}, least=1000)

    values = {each.name: (each.value, each.rows) for each in found.columns}
    assert values == {
        "accuracy": (0.94, 1000),
        "precision": (0.75, 80),
        "recall": (0.6, 100),
        "f1": (pytest.approx(2 * 0.75 * 0.6 / 1.35), 120),
    }
    assert found.finding is Finding.CALM


def test_errors_are_what_numpy_says():
    """Mean, root of mean square, and bias with its sign, whichever of which is beyond the limit."""
    counts = {
        "mean_absolute": 3.0, "spread_absolute": 1.0, "mean_squared": 16.0, "spread_squared": 8.0,
        "mean_plain": -2.0, "spread_plain": 3.5,
    }  # fmt: skip
    found = judge(Counted(500, 400, numbers=counts), {"mae": 2.5, "rmse": 5, "bias": 1.9}, least=100)

    assert {each.name: each.value for each in found.columns} == {"mae": 3, "rmse": 4, "bias": -2}
    assert {each.name: each.finding for each in found.columns} == {
        "mae": Finding.BREACH,
        "rmse": Finding.CALM,
        "bias": Finding.CHANCE,
    }
    assert found.reason == "1 of 3 measures past their limits: mae 3, at most 2.5; of 400 labelled predictions"


def errors(values, limit):
    """What BigQuery makes of errors, with numpy."""
    values = np.asarray(values, dtype=float)
    found: dict[str, float] = {}
    for name, size in {"absolute": np.abs, "squared": np.square, "plain": np.array}.items():
        for beside, each in (("", values), ("capped_", np.clip(values, -cut_off(limit), cut_off(limit)))):
            found[f"{beside or 'mean_'}{name}"] = size(each).mean()
            found[f"{beside}spread_{name}"] = size(each).std(ddof=1)
        found[f"beyond_{name}"] = (np.abs(values) > cut_off(limit)).sum()
        found[f"excess_{name}"] = np.maximum(np.abs(values) - cut_off(limit), 0).mean()
    return Counted(len(values), len(values), numbers=found)


def said(values, measure, limit):
    return judge(errors(values, limit), {measure: limit}, least=30).finding


FAR_OFF = st.floats(FAR, 1e9, exclude_min=True).flatmap(lambda each: st.sampled_from([each, -each]))
"""Errors so far beyond a limit of one that they must not decide; one that is nearer may, and rightly."""


@settings(deadline=None)
@given(
    of=st.lists(st.floats(1, 2), min_size=30, max_size=90), times=st.floats(3, 8), wild=FAR_OFF,
    measure=st.sampled_from(["mae", "rmse", "bias"]), odd=st.lists(FAR_OFF, max_size=2),
)  # fmt: skip
def test_no_label_whatever_it_is_makes_a_window_calm_that_is_a_breach(of, times, wild, measure, odd):
    """One wrong by a billion makes the standard error wide, and of a bias it may take the sign away."""
    of = [each * times / (sum(of) / len(of)) for each in of]
    before = said([*of, *odd], measure, 1.0)

    after = said([*of, *odd, wild], measure, 1.0)

    assert before is Finding.BREACH or odd
    assert Finding.CALM not in {before, after}


WILD = {
    "wrong-by-four": ([20.0] * 59, Finding.BREACH),
    "right": ([1.0, -1.0] * 30, Finding.TOO_FEW),
}


@pytest.mark.parametrize("sentinel", [1e9, -9999.0])
@pytest.mark.parametrize(("values", "finding"), WILD.values(), ids=WILD)
@pytest.mark.parametrize("measure", ["mae", "rmse"])
def test_a_sentinel_among_labels_hides_no_breach_and_makes_none(values, finding, sentinel, measure):
    """What the others say counts; where they keep the limit, nobody can tell."""
    counted = errors([*values, sentinel], 5.0)

    found = judge(counted, {measure: 5.0}, least=50)

    assert found.finding is finding
    assert ("1 of 61 errors are more than 10 times the limit, and decide it" in found.reason) == (
        finding is Finding.TOO_FEW
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tail", [0.0, 0.01, 0.2])
def test_errors_that_keep_their_limit_are_hardly_ever_a_breach(seed, tail):
    """With a tail of errors far beyond it as well: the mean of all that could come is at its limit."""
    random = np.random.default_rng(seed)
    windows = np.where(random.random((40, 200)) < tail, 50.0, random.exponential(1.0, (40, 200)))
    limit = (1 - tail) + 50.0 * tail

    assert sum(said(each, "mae", limit) is Finding.BREACH for each in windows) <= 4


CASES = {
    "beyond": (classes(60, 0, 40, 900), Finding.BREACH),
    "at-its-limit": (classes(80, 0, 20, 900), Finding.CALM),
    "as-chance-does": (classes(78, 0, 22, 900), Finding.CHANCE),
    "of-few": (classes(3, 0, 2, 995), Finding.CHANCE),
    "nothing-was-true": (classes(0, 10, 0, 990), Finding.UNMEASURED),
}


@pytest.mark.parametrize(("counted", "finding"), CASES.values(), ids=CASES)
def test_what_is_said_of_a_measure(counted, finding):
    """Each with its numbers, or why there are none; where nothing can be said of any the window says nothing."""
    verdict = judge(counted, {"recall": 0.8}, least=500)
    [found] = verdict.columns

    assert (found.finding, bool(found.reason)) == (finding, True)
    assert (verdict.finding is Finding.TOO_FEW) == (finding is Finding.UNMEASURED)
    assert (verdict.finding is Finding.BREACH) == (finding is Finding.BREACH)


def test_too_few_labels_tell_nothing_and_say_why_they_are_few():
    """Whatever the measures would have been: labels that contradict each other or cannot be read are no labels."""
    found = judge(Counted(900, 20, 30, 4, {"correct": 0}), {"accuracy": 0.8}, least=50)

    assert found == Performance(
        Finding.TOO_FEW,
        "20 of 900 predictions have a label; labels of 30 contradict each other; labels of 4 cannot be read;"
        " fewer than 50 tell nothing",
    )


@settings(deadline=None)
@given(
    rows=st.integers(1, 3000), limit=st.floats(0.02, 0.98), measure=st.sampled_from(["accuracy", "recall", "f1"]),
    beside=st.integers(0, 2),
)  # fmt: skip
def test_a_model_that_keeps_its_limit_is_a_breach_in_one_window_of_a_hundred_at_most(rows, limit, measure, beside):
    """All measures together, by the binomial distribution itself; and what is within its limit is none."""
    limits = {measure: limit, **dict.fromkeys(("precision", "bias")[:beside], 0.01)}

    def finding(good):
        wrong = rows - good
        counted = classes(good, wrong, 0, 0) if measure != "recall" else classes(good, 0, wrong, 0)
        found = judge(counted, limits, least=1).columns
        return next(each for each in found if each.name == measure)

    worst, fine = -1, rows
    while fine - worst > 1:
        middle = (worst + fine) // 2
        worst, fine = (middle, fine) if finding(middle).finding is Finding.BREACH else (worst, middle)
    share = limit / (2 - limit) if measure == "f1" else limit
    assert _at_most(worst, rows, share) <= 0.01 / len(limits) + 1e-9
    assert _at_most(fine, rows, share) > 0.01 / len(limits) - 1e-9 or finding(fine).value >= limit
    assert worst < 0 or finding(worst).value < limit
    assert finding(fine).value == pytest.approx(finding(fine).expected) or finding(fine).finding is Finding.CALM


def _at_most(most, of, share):
    """Chance of no more than so many."""
    if most < 0:
        return 0.0
    log = math.log
    terms = (
        math.lgamma(of + 1) - math.lgamma(n + 1) - math.lgamma(of - n + 1) + n * log(share) + (of - n) * log(1 - share)
        for n in range(most + 1)
    )
    return math.fsum(map(math.exp, terms))


@given(
    predictions=st.integers(-5, 10**9), labelled=st.integers(-5, 10**9),
    names=st.dictionaries(
        st.sampled_from(["correct", "hits", "misses", "mean_squared", "spread_squared", "mean_plain"]),
        st.none() | st.floats() | st.integers(-(10**12), 10**12),
    ),
    limits=st.sampled_from([{"accuracy": 0.8, "f1": 0.1}, {"rmse": 1e-9, "bias": 1e300}]),
)  # fmt: skip
def test_no_answer_of_bigquery_is_too_odd_to_be_judged(predictions, labelled, names, limits):
    """Nulls, NaN and numbers out of all bounds are no breach by accident of arithmetic: they never raise."""
    row = {
        "predictions": str(predictions),
        "labelled": str(labelled),
        **{k: v if v is None else str(v) for k, v in names.items()},
    }

    found = judge(Counted.of(row), limits, least=1)

    assert found.reason


@settings(deadline=None)
@given(
    expression=st.sampled_from(
        ["0 6 * * *", "*/20 * * * *", "0 0 1 * mon", "30 4 */2 * 1-5", "0 9 31 * *", "5 0 * 2 *"]
    ),
    day=st.dates(date(2023, 1, 1), date(2032, 1, 1)), hours=st.integers(1, 60),
)  # fmt: skip
def test_times_are_those_of_the_schedule(expression, day, hours):
    """Whatever the expression: each minute of a span that the reconciler's own reading of cron names, and no other."""
    cron = parse_cron(expression)
    start = datetime(day.year, day.month, day.day, 13, 30, 30, tzinfo=UTC)
    told = Times(cron.minutes, cron.hours, cron.days, cron.months, cron.weekdays, cron.either)

    found = told.between(start, start + timedelta(hours=hours))

    minutes = (start.replace(second=0) + timedelta(minutes=n) for n in range(1, hours * 60 + 1))
    fits = [
        each
        for each in minutes
        if cron.runs_on(each.date()) and each.hour in cron.hours and each.minute in cron.minutes
    ]
    assert found == fits


class BigQuery:
    """Answers one question after another, each after as long as it may take."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def clock(self):
        return len(self.asked) * jobs.WAIT_MS / 1000

    def address(self, _service):
        return "http://bigquery"

    def call(self, _what, method, url, **more):
        self.asked.append((method, url, more))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def row(**counts):
    """An answer that is complete."""
    fields = [{"name": name} for name in counts]
    return {
        "jobComplete": True,
        "schema": {"fields": fields},
        "rows": [{"f": [{"v": str(v)} for v in counts.values()]}],
    }


GOING = {"jobComplete": False, "jobReference": {"jobId": "j", "location": "EU"}}
GOOD = row(predictions=100, labelled=90, correct=89)
BAD = row(predictions=100, labelled=90, correct=9)
QUESTION = {"log": "p.d.log", "labels": "p.d.l", "column": "c", "kind": "string", "request_id": "id", "value": "v"}


def judging(bigquery, times=DAILY, after=7 * 86_400, **question):
    """What judges a window of a day, a week after it ended, by accuracy."""
    told = {
        "times": times, "after": after, "window": 86_400, "least": 50, "limits": {"accuracy": 0.8},
        "question": QUESTION | question,
    }  # fmt: skip
    return Judging(Settings("churn", "p", "r", "b", {}, performance=told), bigquery, bigquery.clock)


class Memory:
    """What is remembered."""

    def __init__(self):
        self.windows = Windows()

    def read(self):
        return self.windows, 1

    def write(self, windows, _generation):
        self.windows = windows


class Told(list):
    def __call__(self, window, _came):
        self.append((window.to_json()["finding"], window.to_json()["reason"]))


def looking(bigquery, memory, told, **more):
    return Look(None, memory, {}, 1, (), lambda _event: "", told, judging(bigquery, **more).windows)


def test_each_window_is_judged_once_when_its_labels_are_there():
    """Of a new service the last one; then each whose time came, in order; none again."""
    memory, told = Memory(), Told()
    bigquery = BigQuery(GOOD, BAD, GOOD)
    how = looking(bigquery, memory, told)
    first = START.replace(hour=7)

    look(how, first)
    look(how, first + timedelta(hours=1))
    look(how, first + timedelta(days=1))
    look(how, first + timedelta(days=2))

    assert [finding for finding, _ in told] == ["Calm", "Breach", "Calm"]
    assert [each["since"] for each in memory.windows.judged] == [
        (START.replace(hour=6, minute=0, second=0) + timedelta(days=n - 8)).isoformat() for n in range(3)
    ]


def refused(reason, words="Not found: Table p:d.l"):
    return Refused("ask BigQuery", 404, words, reason)


@pytest.mark.parametrize("reason", ["notFound", "accessDenied", "invalidQuery"])
def test_what_bigquery_refuses_is_said_once_and_asked_again_until_it_is_there(reason):
    """A table that is made later is found; the breach of a window that could not be read is none that was missed."""
    memory, told = Memory(), Told()
    missing = refused(reason)
    how = looking(BigQuery(missing, missing, BAD), memory, told)

    for minutes in (0, 10, 20):
        look(how, START.replace(hour=7) + timedelta(minutes=minutes))

    assert [finding for finding, _ in told] == ["NotMeasured", "Breach"]
    assert told[0][1] == "cannot ask BigQuery: Not found: Table p:d.l (404)"
    assert len(memory.windows.judged) == 1


@pytest.mark.parametrize("reason", ["resourcesExceeded", "invalid", ""])
def test_what_nobody_mends_is_said_once_and_not_asked_again(reason):
    """A query that is too large would be as large the next time, and costs; the next window is asked for."""
    memory, told, bigquery = Memory(), Told(), BigQuery(refused(reason), GOOD)
    how = looking(bigquery, memory, told)

    for hours in (0, 1, 24):
        look(how, START.replace(hour=7) + timedelta(hours=hours))

    assert [finding for finding, _ in told] == ["NotMeasured", "Calm"]
    assert bigquery.answers == []


def test_a_class_that_is_no_number_is_the_trouble_of_its_window_alone():
    """A spec that says so is refused; settings of another origin stop no look, and BigQuery is not asked."""
    for positive in ("yes", "nan"):
        memory, told, bigquery = Memory(), Told(), BigQuery()
        judge_ = judging(bigquery, kind="integer", positive=positive)

        found = look(Look(None, memory, {}, 1, (), lambda _event: "", told, judge_.windows), START.replace(hour=7))

        assert [(each.verdict, bool(each.problem)) for each in found] == [(None, True)]
        assert bigquery.asked == []


OFTEN = DAILY | {"minutes": [0, 30], "hours": [*range(24)]}


def test_a_schedule_of_minutes_is_worked_off_in_pieces():
    """No delivery takes longer than the function may: what is left comes at the next look, and a day is the most."""
    known = Windows().with_window(Window(PERFORMANCE, "w", START - timedelta(hours=5), Performance(Finding.CALM, "x")))
    old = Windows().with_window(Window(PERFORMANCE, "w", START - timedelta(days=9), Performance(Finding.CALM, "x")))
    judge_ = judging(BigQuery(), OFTEN)

    assert len(judge_.due(known, START)) == AT_ONCE
    assert judge_.due(known, START)[0].at <= START - timedelta(hours=4, minutes=30)
    assert judge_.due(old, START)[0].at > START - timedelta(days=1)
    assert len(judge_.due(Windows(), START)) == 1


def test_labels_that_come_later_than_before_stop_no_judging():
    """With a longer `after` windows that were judged come again: they are passed over, and the next one is judged."""
    memory, told = Memory(), Told()
    how = looking(BigQuery(*[GOOD] * 61), memory, told, times=OFTEN)
    for minutes in range(0, 30 * 60 + 1, 30):
        look(how, START + timedelta(minutes=minutes))
    last = START + timedelta(hours=30)
    bigquery = BigQuery(GOOD)
    late = looking(bigquery, memory, told, times=OFTEN, after=7 * 86_400 + 3 * 3600)

    for minutes in (0, 30, 180, 210):
        look(late, last + timedelta(minutes=minutes))

    assert len(bigquery.asked) == 1, "nothing that was judged is asked for"
    until = datetime.fromisoformat(memory.windows.judged[-1]["until"])
    assert until == last + timedelta(minutes=30, days=-7)


@pytest.mark.parametrize("minutes", [[30], [0, 10, 20, 30, 40, 50]])
def test_with_another_schedule_nothing_of_before_is_judged_again(minutes):
    """Its windows have other names; those that ended before the newest that is remembered are over all the same."""
    memory = Memory()
    hourly = DAILY | {"hours": [*range(24)]}
    how = looking(BigQuery(*[GOOD] * 31), memory, Told(), times=hourly)
    first = START.replace(hour=7)
    for hours in range(31):
        look(how, first + timedelta(hours=hours))
    newest = memory.windows.newest({PERFORMANCE})

    due = judging(BigQuery(), hourly | {"minutes": minutes}).due(memory.windows, newest + timedelta(minutes=35))

    assert [each.at for each in due] == [newest + timedelta(minutes=n) for n in minutes if 0 < n <= 35]


def test_what_came_since_is_judged_with_what_is_asked_again():
    """A table that is not there for long keeps no window of now from its place."""
    memory, missing = Memory(), refused("notFound")
    often = DAILY | {"hours": [*range(24)]}
    how = looking(BigQuery(*[missing] * 60), memory, Told(), times=often)
    first = START.replace(hour=7)
    for hours in range(8):
        look(how, first + timedelta(hours=hours))

    newest = first.replace(minute=0, second=0, microsecond=0) + timedelta(hours=8)
    due = judging(BigQuery(), often).due(memory.windows, newest + timedelta(minutes=1))

    assert newest in [each.at for each in due]
    assert len(due) == AT_ONCE


def test_an_earlier_window_that_was_refused_is_asked_again_for_a_day():
    """Beside those since: whether one of them was measured, or none yet."""
    memory, told = Memory(), Told()
    missing = refused("notFound")
    first = START.replace(hour=7)
    often = DAILY | {"hours": [6, 12]}
    bigquery = BigQuery(missing, missing, missing, BAD, GOOD)
    how = looking(bigquery, memory, told, times=often)
    for hours in (0, 6):
        look(how, first + timedelta(hours=hours))
    assert [finding for finding, _ in told] == ["NotMeasured", "NotMeasured"]

    look(how, first + timedelta(hours=7))

    assert [finding for finding, _ in told[2:]] == ["Breach", "Calm"]
    assert judging(BigQuery(), often).due(memory.windows, first + timedelta(hours=8)) == []


def test_an_earlier_window_is_acted_on_before_a_later_one():
    """Whichever of them is new: breaches in a row are counted in the order of their windows."""
    memory, acted = Memory(), []
    bigquery = BigQuery(refused("notFound"), BAD, GOOD)
    watch = Watch("monitor", frozenset({PERFORMANCE}), 2)
    judge_ = judging(bigquery, DAILY | {"hours": [6, 12]})
    how = Look(None, memory, {}, 1, (watch,), acted.append, Told(), judge_.windows)
    first = START.replace(hour=7)

    look(how, first)
    look(how, first + timedelta(hours=6))

    assert [(each.at.hour, each.over) for each in acted] == [(6, False), (12, True)]


@given(st.permutations(range(KEPT + 30)))
def test_what_is_forgotten_is_the_oldest(order):
    """In whichever order windows were judged: no window that is due was judged and forgotten."""
    windows = Windows()
    for n in order:
        at = START + timedelta(minutes=n)
        windows = windows.with_window(Window(PERFORMANCE, f"w{n}", at, Performance(Finding.CALM, "x")))

    newest = {f"w{n}" for n in range(31, KEPT + 30)}
    assert newest <= windows.names(PERFORMANCE).keys()
    assert len(windows.judged) == KEPT


def test_a_look_ends_before_the_function_must():
    """However slow BigQuery is: what began last has its two minutes, and a third of the time is for the rest."""
    longest = BEGUN_S + (jobs.ASKED + 2) * jobs.WAIT_MS / 1000
    assert longest <= TIMEOUT_S * 2 / 3

    memory, told = Memory(), Told()
    memory.write(Windows().with_window(Window(PERFORMANCE, "w", START - timedelta(hours=9), None, "x")), 1)
    slow = BigQuery(*([GOING] * 5 + [GOOD]) * 20)
    look(looking(slow, memory, told, times=OFTEN), START)

    assert slow.clock() <= longest
    assert 1 <= len(told) < AT_ONCE


class Skewed:
    """A monitor whose job measured a distance that is too far."""

    def schedules(self, _shown):
        yield "s", "m"

    def measured(self, _schedule, _monitor, _since):
        yield Measured(
            "job", START, ended=True, columns={FEATURES: [Column("spend", 0.9, 0.1, "l_infinity", 900, 900)]}
        )


def test_what_monitors_found_waits_for_no_label():
    """It is remembered before BigQuery is asked, and each window before the next: who dies in between loses nothing."""
    memory, seen = Memory(), []

    class Watching(BigQuery):
        def call(self, *args, **more):
            seen.append([each["sort"] for each in memory.windows.judged])
            return super().call(*args, **more)

    bigquery = Watching(GOOD, Unavailable("gone"))
    memory.write(Windows().with_window(Window(PERFORMANCE, "w", START - timedelta(hours=2), None, "x")), 1)
    how = Look(
        Skewed(), memory, {SKEW: "skew"}, 1, (), lambda _event: "", Told(), judging(bigquery, times=OFTEN).windows
    )
    with pytest.raises(Unavailable):
        look(how, START)

    assert seen == [[PERFORMANCE, SKEW], [PERFORMANCE, SKEW, PERFORMANCE]]


def test_a_query_without_end_is_stopped_and_not_asked_again():
    """It would take as long the next time, and costs each time."""
    bigquery = BigQuery(*[GOING] * 13, {})
    [window] = judging(bigquery).windows(Windows(), START.replace(hour=7))

    assert window.verdict == Performance(Finding.TOO_FEW, "BigQuery took too long, and was stopped")
    assert bigquery.asked[-1][:2] == ("POST", "http://bigquery/bigquery/v2/projects/p/jobs/j/cancel")
    assert {more["params"]["location"] for _, _, more in bigquery.asked[1:]} == {"EU"}
