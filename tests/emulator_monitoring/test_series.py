"""Time series through Google's own client: what is written is read, as it is, aligned and reduced."""

from datetime import timedelta

import httpx
import pytest
from google.api import metric_pb2
from google.api_core import exceptions
from google.cloud import monitoring_v3 as monitoring

from tests.emulator.clients import client
from tests.emulator_monitoring.making import FILTER, METRIC, PROJECT, now, series, step


@pytest.fixture
def metrics(emulator):
    """The client."""
    return client(emulator, monitoring.MetricServiceClient)


class Book:
    """Writes at minutes before a time, and reads them back."""

    def __init__(self, metrics, emulator):
        self.metrics = metrics
        self.end = now(emulator).replace(microsecond=0)

    def at(self, minutes):
        return self.end - timedelta(minutes=minutes)

    def write(self, *many):
        self.metrics.create_time_series(name=PROJECT, time_series=list(many))

    def read(self, aggregation=None, *, minutes=60, filter=FILTER, **more):  # noqa: A002 - as Google calls it
        interval = {"start_time": self.at(minutes), "end_time": self.end}
        request = {"name": PROJECT, "filter": filter, "interval": interval, "aggregation": aggregation, **more}
        return list(self.metrics.list_time_series(request=request))

    def values(self, aggregation=None, **more):
        """Values, the oldest first, by the labels of the series."""
        found = {}
        for line in self.read(aggregation, **more):
            labels = (*(value for _, value in sorted(line.metric.labels.items())), *line.resource.labels.values())
            points = [monitoring.TypedValue.pb(point.value) for point in reversed(line.points)]
            found[labels] = [getattr(each, each.WhichOneof("value")) for each in points]
        return found


@pytest.fixture
def book(metrics, emulator):
    return Book(metrics, emulator)


def test_a_metric_is_made_by_its_first_point(metrics, book):
    """Kind, type and labels are those of the point; the resource gets the project; the newest point comes first."""
    book.write(series(book.at(2), 3, labels={"shop": "a"}))
    book.write(series(book.at(1), 4, labels={"shop": "a", "till": "1"}))
    book.write(series(book.at(1), 5, labels={"shop": "a"}))

    found = metrics.get_metric_descriptor(name=f"{PROJECT}/metricDescriptors/{METRIC}")
    assert (found.metric_kind, found.value_type) == (
        metric_pb2.MetricDescriptor.GAUGE,
        metric_pb2.MetricDescriptor.INT64,
    )
    assert [label.key for label in found.labels] == ["shop", "till"]
    [line] = book.read(filter=f'{FILTER} AND metric.labels.shop = "a" AND metric.labels.till != "1"')
    assert [point.value.int64_value for point in line.points] == [5, 3]
    assert dict(line.resource.labels) == {"project_id": "local"}


REFUSED = {
    "order": (lambda b: [series(b.at(3), 1)], "Points must be written in order"),
    "often": (
        lambda b: [series(b.at(2) + timedelta(seconds=2), 1)],
        "more frequently than the maximum sampling period",
    ),
    "type": (lambda b: [series(b.at(1), 1.5)], "value type INT64"),
    "twice": (lambda b: [series(b.at(1), 1), series(b.at(0), 1)], "Duplicate TimeSeries encountered"),
    "old": (lambda b: [series(b.at(26 * 60), 1)], "25h5m0s in the past"),
    "future": (lambda b: [series(b.at(-60), 1)], "5m0s in the future"),
    "domain": (lambda b: [series(b.at(1), 1, metric="run.googleapis.com/request_count")], "domain must be one of"),
    "form": (lambda b: [series(b.at(1), 1, metric="orders")], "URL-formatted string"),
    "resource": (lambda b: [series(b.at(1), 1, resource={"type": "cloud_run_revision"})], "resource.type"),
    "resource-label": (
        lambda b: [series(b.at(1), 1, resource={"type": "global", "labels": {"zone": "a"}})],
        "resource.labels",
    ),
    "delta": (lambda b: [series(b.at(1), 1, start=b.at(2), metric_kind="DELTA")], "kind GAUGE or CUMULATIVE"),
    "gauge-with-a-start": (lambda b: [series(b.at(1), 1, start=b.at(2))], "must be absent or equal to the end time"),
    "counter-without": (lambda b: [series(b.at(1), 1, metric_kind="CUMULATIVE")], "must be before the end time"),
    "empty": (lambda _: [], "missing field timeSeries"),
    "many": (lambda b: [series(b.at(1), 1, labels={"n": str(n)}) for n in range(201)], "maximum of 200"),
}


@pytest.mark.parametrize(("make", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_points_are_refused(book, make, words):
    """In Google's words where they are known; what was there stays alone."""
    book.write(series(book.at(2), 3))

    with pytest.raises(exceptions.InvalidArgument, match=words):
        book.write(*make(book))

    assert list(book.values().values()) == [[3]]


def test_what_cannot_be_written_does_not_stop_the_rest(book):
    """The others are written; the refusal counts and names those that are not."""
    book.write(series(book.at(2), 3, labels={"shop": "a"}))

    with pytest.raises(exceptions.InvalidArgument) as refusal:
        book.write(series(book.at(3), 1, labels={"shop": "a"}), series(book.at(3), 9, labels={"shop": "b"}))

    summary = monitoring.CreateTimeSeriesSummary.deserialize(refusal.value.details[0].value)
    assert (summary.total_point_count, summary.success_point_count, summary.errors[0].point_count) == (2, 1, 1)
    assert "global{} timeSeries[0]: custom.googleapis.com/shop/orders{shop:a}" in str(refusal.value)
    assert book.values() == {("a", "local"): [3], ("b", "local"): [9]}


GAUGES = {
    "max": ("ALIGN_MAX", [4, 9]),
    "min": ("ALIGN_MIN", [1, 9]),
    "mean": ("ALIGN_MEAN", [2.5, 9]),
    "sum": ("ALIGN_SUM", [5, 9]),
    "count": ("ALIGN_COUNT", [2, 1]),
    "deviation": ("ALIGN_STDDEV", [1.5, 0]),
    "newest": ("ALIGN_NEXT_OLDER", [4, 9]),
}


@pytest.mark.parametrize(("aligner", "expected"), GAUGES.values(), ids=GAUGES.keys())
def test_gauges_are_aligned(book, aligner, expected):
    """Windows end at the end of the interval; one without points has no value."""
    for minutes, value in ((29, 1), (22, 4), (2, 9)):
        book.write(series(book.at(minutes), value))

    found = book.values(step(aligner, period_s=600), minutes=30)

    assert list(found.values()) == [expected]


def test_a_counter_grows_and_begins_again(book):
    """A delta is what it grew by, also across a new beginning and before the interval; a rate is that by the second."""
    begin, again = book.at(50), book.at(15)
    for minutes, value, start in ((40, 100, begin), (25, 160, begin), (12, 20, again), (5, 50, again)):
        book.write(series(book.at(minutes), value, start=start, metric_kind="CUMULATIVE"))

    assert book.values(step("ALIGN_DELTA", period_s=600), minutes=30) == {("local",): [60, 20, 30]}
    assert book.values(step("ALIGN_RATE", period_s=600), minutes=30) == {("local",): [0.1, 20 / 600, 0.05]}


def test_aligners_that_do_not_fit_are_refused(book):
    """In Google's words."""
    book.write(series(book.at(2), 3))

    with pytest.raises(
        exceptions.InvalidArgument, match="cannot be applied to metrics with kind GAUGE and value type INT"
    ):
        book.values(step("ALIGN_RATE"))
    with pytest.raises(exceptions.InvalidArgument, match="at least 60 seconds"):
        book.values(step("ALIGN_MAX", period_s=30))


REDUCED = {
    "sum": ("REDUCE_SUM", (), {("local",): [12]}),
    "by-shop": ("REDUCE_SUM", ("metric.label.shop",), {("a",): [3], ("b",): [9]}),
    "by-project": ("REDUCE_MAX", ("resource.labels.project_id",), {("local",): [8]}),
    "mean": ("REDUCE_MEAN", (), {("local",): [4]}),
    "count": ("REDUCE_COUNT", (), {("local",): [3]}),
    "median": ("REDUCE_PERCENTILE_50", (), {("local",): [3]}),
}


@pytest.mark.parametrize(("reducer", "groups", "expected"), REDUCED.values(), ids=REDUCED.keys())
def test_series_are_reduced(book, reducer, groups, expected):
    """To one per group; labels that are not grouped by are gone."""
    for till, shop, value in (("1", "a", 3), ("1", "b", 1), ("2", "b", 8)):
        book.write(series(book.at(1), value, labels={"shop": shop, "till": till}))

    found = book.values(step("ALIGN_MAX", reducer, period_s=120, groups=groups), minutes=2)

    assert {labels or ("local",): values for labels, values in found.items()} == expected


def spread(*counts):
    """A distribution with bounds at 10 and 100."""
    middle = (5.0, 50.0, 200.0)
    count = sum(counts)
    mean = sum(n * m for n, m in zip(counts, middle, strict=True)) / count
    squares = sum(n * (m - mean) ** 2 for n, m in zip(counts, middle, strict=True))
    buckets = {"explicit_buckets": {"bounds": [10, 100]}}
    return {
        "distribution_value": {
            "count": count,
            "mean": mean,
            "sum_of_squared_deviation": squares,
            "bucket_options": buckets,
            "bucket_counts": list(counts),
        }
    }


def test_distributions_are_joined(book):
    """A percentile of several series is that of all their values together."""
    book.write(series(book.at(1), spread(90, 10, 0), labels={"shop": "a"}))
    book.write(series(book.at(1), spread(0, 80, 20), labels={"shop": "b"}))

    [[median]] = book.values(step("ALIGN_SUM", "REDUCE_PERCENTILE_50", period_s=120), minutes=2).values()
    [[whole]] = book.values(step("ALIGN_SUM", "REDUCE_SUM", period_s=120), minutes=2).values()

    assert median == pytest.approx(10 + 90 * 10 / 90)
    assert (whole.count, list(whole.bucket_counts)) == (200, [90, 90, 20])
    assert whole.mean == pytest.approx((90 * 5 + 90 * 50 + 20 * 200) / 200)


SELECTED = {
    'metric.labels.shop = "a"': {"a1", "a2"},
    'metric.label.shop = one_of("a", "b") AND metric.labels.till = "1"': {"a1", "b1"},
    'metric.labels.shop = starts_with("b") OR metric.labels.till = "2"': {"b1", "a2"},
    'NOT metric.labels.shop = "a"': {"b1"},
    "metric.labels.till > 1": {"a2"},
    'metric.labels.shop = monitoring.regex.full_match("[ab]") metric.labels.till != "2"': {"a1", "b1"},
    '(metric.labels.shop = "b" OR metric.labels.till = "2") AND project = "local"': {"b1", "a2"},
}


@pytest.mark.parametrize(("text", "expected"), SELECTED.items(), ids=range(len(SELECTED)))
def test_series_are_selected(book, text, expected):
    """OR binds stronger than AND, NOT stronger than both."""
    for shop, till in ("a1", "a2", "b1"):
        book.write(series(book.at(1), 1, labels={"shop": shop, "till": till}))

    found = {"".join(labels[:2]) for labels in book.values(filter=f"{FILTER} AND {text}")}

    assert found == expected


UNREADABLE = (
    "",
    'resource.type = "global"',
    "metric.type =",
    f"{FILTER} AND colour = 1",
    f"{FILTER} AND (",
    "metric.type = a)",
    'metric.type = one_of("a", "b")',
    f'{FILTER} AND metric.labels.x = monitoring.regex.full_match("(a)\\\\1")',
)


@pytest.mark.parametrize("text", UNREADABLE)
def test_other_filters_are_refused(book, text):
    """One that is not understood, or that names no metric."""
    with pytest.raises(exceptions.InvalidArgument):
        book.read(filter=text)


def test_a_metric_that_is_not_there(book):
    """In Google's words."""
    with pytest.raises(exceptions.NotFound, match=r"Cannot find metric.s. that match type = .custom"):
        book.read()


def test_pages_and_headers(book):
    """Series are whole on their page; without points where only headers are asked for."""
    for shop in "abc":
        book.write(series(book.at(1), 1, labels={"shop": shop}))
    interval = {"start_time": book.at(5), "end_time": book.end}
    request = {"name": PROJECT, "filter": FILTER, "interval": interval, "page_size": 2, "view": "HEADERS"}

    pages = list(book.metrics.list_time_series(request=request).pages)

    assert [len(page.time_series) for page in pages] == [2, 1]
    assert [len(line.points) for page in pages for line in page.time_series] == [0, 0, 0]


def test_a_descriptor_goes_with_its_data(metrics, book):
    """Made by hand it has words; deleted, nothing of the metric is left."""
    told = {"type": METRIC, "metric_kind": "GAUGE", "value_type": "INT64", "display_name": "Orders"}
    made = metrics.create_metric_descriptor(name=PROJECT, metric_descriptor=told)
    book.write(series(book.at(1), 1))
    with pytest.raises(exceptions.InvalidArgument, match="cannot be changed"):
        metrics.create_metric_descriptor(name=PROJECT, metric_descriptor=told | {"value_type": "DOUBLE"})

    names = [each.type for each in metrics.list_metric_descriptors(name=PROJECT)]
    assert (made.display_name, names) == ("Orders", [METRIC])
    metrics.delete_metric_descriptor(name=made.name)

    assert list(metrics.list_metric_descriptors(name=PROJECT)) == []
    with pytest.raises(exceptions.NotFound):
        book.read()


def test_there_is_rest_too(emulator, book):
    """Google's client has none; gcloud and dashboards speak it."""
    url, end = f"{emulator.http}/v3/{PROJECT}/timeSeries", book.end.isoformat().replace("+00:00", "Z")
    metric = {"type": METRIC, "labels": {"shop": "a"}}
    point = {"interval": {"endTime": end}, "value": {"int64Value": "7"}}
    sent = {"timeSeries": [{"metric": metric, "resource": {"type": "global"}, "points": [point]}]}
    asked = {
        "filter": FILTER,
        "interval.endTime": end,
        "interval.startTime": book.at(10).isoformat().replace("+00:00", "Z"),
        "aggregation.alignmentPeriod": "600s",
        "aggregation.perSeriesAligner": "ALIGN_MEAN",
    }

    assert httpx.post(url, json=sent).json() == {}
    [line] = httpx.get(url, params=asked).json()["timeSeries"]

    assert (line["metric"], line["valueType"], line["points"][0]["value"]) == (metric, "DOUBLE", {"doubleValue": 7})
