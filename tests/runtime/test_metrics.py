"""What is counted, and how Prometheus reads it."""

import re

import numpy as np
import pytest

from runtime.telemetry.metrics import (
    FRESH,
    ROWS,
    SECONDS,
    EndpointMetrics,
    Gauge,
    Histogram,
    ModelMetrics,
    model_labels,
    render,
)

BOUNDS = (1.0, 2.5, 10.0)


def buckets(histogram: Histogram) -> dict[str, int]:
    """Counts up to each bound, as they are written."""
    lines = histogram.lines("n", "")[: len(BOUNDS) + 1]
    return {re.search(r'le="(.*)"', line)[1]: int(line.split()[-1]) for line in lines}


@pytest.mark.parametrize("at_once", [False, True], ids=["one-by-one", "all-at-once"])
@pytest.mark.parametrize(
    ("value", "counts"),
    [
        pytest.param(0.0, [1, 1, 1, 1], id="nothing"),
        pytest.param(1.0, [1, 1, 1, 1], id="on-the-first-bound"),
        pytest.param(np.nextafter(1.0, 2.0), [0, 1, 1, 1], id="just-above-it"),
        pytest.param(2.5, [0, 1, 1, 1], id="on-a-bound"),
        pytest.param(10.0, [0, 0, 1, 1], id="on-the-last-bound"),
        pytest.param(11.0, [0, 0, 0, 1], id="above-all"),
    ],
)
def test_a_bucket_holds_what_is_at_most_its_bound(value, counts, at_once):
    """`le` means less or equal, and a bucket counts what smaller ones count, by whichever way values come in."""
    histogram = Histogram(BOUNDS)

    if at_once:
        histogram.observe_all(np.array([value]))
    else:
        histogram.observe(value)

    assert list(buckets(histogram).values()) == counts
    assert list(buckets(histogram)) == ["1.0", "2.5", "10.0", "+Inf"]


def test_both_ways_of_counting_agree():
    """Values one by one, or many at once on top of others, make the same samples."""
    values = np.random.default_rng(1).choice([0.5, 1.0, 2.0, 2.5, 7.0, 10.0, 30.0], 100)
    one_by_one, at_once = Histogram(BOUNDS), Histogram(BOUNDS)

    for value in values:
        one_by_one.observe(float(value))
    for part in np.split(values, 4):
        at_once.observe_all(part)

    assert one_by_one.lines("n", 'a="b"') == at_once.lines("n", 'a="b"')
    assert one_by_one.lines("n", 'a="b"')[-2:] == [f'n_sum{{a="b"}} {values.sum():.9g}', 'n_count{a="b"} 100']


@pytest.mark.parametrize("bounds", [SECONDS, ROWS], ids=["seconds", "rows"])
def test_bounds_rise(bounds):
    """Prometheus wants them so, and each once."""
    assert list(bounds) == sorted(set(bounds))


def endpoint(*requests: tuple[float, float, float, float]) -> EndpointMetrics:
    """Metrics after requests, each with its seconds of decode, queue, encode and in all."""
    metrics = EndpointMetrics("m", "1", "json")
    for phases in requests:
        metrics.predicted(*phases)
    return metrics


def test_phases_do_not_mix():
    """Each of the four numbers of a request ends up in its own histogram."""
    text = render([endpoint((1.0, 2.0, 4.0, 8.0), (1.0, 2.0, 4.0, 8.0))], [], [])

    labels = 'model="m",version="1",protocol="json"'
    assert f'mlservice_phase_seconds_sum{{{labels},phase="decode"}} 2\n' in text
    assert f'mlservice_phase_seconds_sum{{{labels},phase="queue"}} 4\n' in text
    assert f'mlservice_phase_seconds_sum{{{labels},phase="encode"}} 8\n' in text
    assert f"mlservice_request_seconds_sum{{{labels}}} 16\n" in text


def test_what_was_put_down_is_sorted_before_it_is_too_much():
    """The list of fresh values has a bound, and nothing is counted twice."""
    requests = FRESH // 4
    metrics = endpoint(*[(1e-5, 1e-5, 1e-5, 1e-5)] * (requests - 1))
    assert len(metrics._fresh) == FRESH - 4
    metrics.predicted(1e-5, 1e-5, 1e-5, 1e-5)
    assert metrics._fresh == []

    metrics.predicted(1e-5, 1e-5, 1e-5, 1e-5)
    for _ in range(2):  # writing them changes nothing
        assert f"}} {requests + 1}\n" in render([metrics], [], []).split("mlservice_request_seconds_count")[1]


def test_answers_are_counted_by_status():
    """In the order of the statuses."""
    metrics = endpoint()
    metrics.answers[422] += 2
    metrics.answers[200] += 1

    lines = [line for line in render([metrics], [], []).splitlines() if line.startswith("mlservice_requests_total{")]

    assert lines == [
        'mlservice_requests_total{model="m",version="1",protocol="json",code="200"} 1',
        'mlservice_requests_total{model="m",version="1",protocol="json",code="422"} 2',
    ]


def test_models_and_gauges():
    """Calls and rows of a model; a gauge is described once, however many labels it has, and a total is a counter."""
    model = ModelMetrics("m", "1", rows=7)
    model.batch_rows.observe(7)
    model.batch_requests.observe(2)
    model.predict_seconds.observe(0.5)
    gauges = [
        Gauge("up", "Whether.", "", 1.0),
        Gauge("work_total", "Items.", 'w="a"', 2.0),
        Gauge("work_total", "Items.", 'w="b"', 3.0),
    ]

    text = render([], [model], gauges)

    for sample in (
        'mlservice_rows_total{model="m",version="1"} 7',
        'mlservice_batch_rows_sum{model="m",version="1"} 7',
        'mlservice_batch_requests_sum{model="m",version="1"} 2',
        'mlservice_predict_seconds_sum{model="m",version="1"} 0.5',
        "# TYPE up gauge\nup 1",
        '# HELP work_total Items.\n# TYPE work_total counter\nwork_total{w="a"} 2\nwork_total{w="b"} 3',
    ):
        assert f"{sample}\n" in text
    assert text.count("# TYPE work_total") == 1


def test_nothing_is_counted_before_the_first_request():
    """A new server begins at zero, in the buckets that dashboards know."""
    text = render([endpoint()], [ModelMetrics("m", "1")], [])

    counts = [line.split()[-1] for line in text.splitlines() if not line.startswith("#")]
    assert set(counts) == {"0"}
    assert (SECONDS[0], SECONDS[-1], len(SECONDS)) == (1e-5, 30.0, 20)
    assert (ROWS[0], ROWS[-1], len(ROWS)) == (1.0, 1024.0, 11)


def test_every_sample_is_described():
    """Each name has a type before its first sample, and the text ends with a line's end."""
    text = render([endpoint()], [ModelMetrics("m", "1")], [Gauge("up", "Whether.", "", 1.0)])

    described: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            described.add(line.split()[2])
        elif not line.startswith("#"):
            assert re.sub(r"_(bucket|sum|count)$", "", re.match(r"\w+", line)[0]) in described
    assert text.endswith("\n")


def test_labels_are_escaped():
    """A name of the user's cannot end its quotes, nor the line."""
    assert model_labels('a"b\\c\nd', "1") == 'model="a\\"b\\\\c\\nd",version="1"'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        pytest.param(1234567, "1234567", id="beyond-six-digits"),
        pytest.param(1e21, "1000000000000000000000", id="beyond-an-exponent"),
        pytest.param(12345678.25, "12345678.25", id="a-fraction"),
        pytest.param(0.1, "0.1", id="a-short-fraction"),
        pytest.param(0.0, "0", id="nothing"),
    ],
)
def test_counters_keep_every_digit(value, written):
    """A counter that is rounded stands still and then leaps: what is counted is printed, in gauges and in sums."""
    histogram = Histogram(ROWS)
    histogram.observe(value)

    text = render([], [], [Gauge("n_total", "What.", "", value), Gauge("n_total", "What.", 'a="b"', value)])

    assert f"\nn_total {written}\n" in text
    assert f'\nn_total{{a="b"}} {written}\n' in text
    assert f"n_sum{{}} {written}" in histogram.lines("n", "")
