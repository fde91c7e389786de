"""What holds of every piece of advice, whatever was measured; and what single cases come to."""

from dataclasses import replace
from decimal import Decimal

import pytest
from google.api.distribution_pb2 import Distribution
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cost.accelerators import exists
from reconciler.cost.advice import Bucket, Measured, Spread, advise
from reconciler.cost.advice.sizes import BUSY, CPUS, MEMORIES, ROOM
from reconciler.cost.measured import Use
from reconciler.cost.shape import Instances, Shape
from reconciler.cost.usage import ASSUMED
from reconciler.gcp.run_series import spread_of

FEW = settings(max_examples=40, deadline=None)
WEEKS = 28 * 86_400
HUNDREDTH = Decimal("0.01")
SHAPE = Shape("europe-west1", Instances(4000, 8192, least=1, most=3))
WINDOW = ("2026-10-30T09:00:00+00:00", "2026-11-27T09:00:00+00:00")


def spread(*shares, width=HUNDREDTH, count=2000):
    """So many values in the bucket that ends at each of them."""
    ends = [Decimal(str(each)) for each in shares]
    buckets = [Bucket(max(Decimal(0), end - width), end, count) for end in ends]
    return Spread.of(buckets, sum(ends, Decimal(0)) / len(ends))


def measured(**told):
    """What was measured in four weeks of a service that uses little."""
    use = Use(2_419_200, Decimal(90), None, WEEKS, *WINDOW)
    found = {
        "use": use,
        "span_s": WEEKS,
        "memory": spread("0.04"),
        "cpu": spread("0.02"),
        "requests": spread(2, width=Decimal(1)),
        "most": 1,
        "busiest": 1,
        "mean": Decimal(1),
        "by_class": {"2xx": 2_419_200},
    }
    return Measured(**found | told)


@st.composite
def shares(draw):
    """A distribution of shares, coarse or fine, some of it without a bound above."""
    ends = draw(st.lists(st.integers(1, 100), min_size=1, max_size=4))
    width = draw(st.sampled_from([HUNDREDTH, Decimal("0.05")]))
    buckets = [
        Bucket(max(Decimal(0), end * HUNDREDTH - width), end * HUNDREDTH, draw(st.integers(1, 3000))) for end in ends
    ]
    if draw(st.integers(0, 9)) == 0:
        buckets.append(Bucket(Decimal(1), None, 1))
    mean = draw(st.sampled_from([Decimal(0), Decimal("0.3")]))
    return Spread.of(buckets, mean)


@st.composite
def shapes(draw):
    gpu = draw(st.sampled_from(["", "", "nvidia-l4", "nvidia-rtx-pro-6000"]))
    sizes = {"": (*CPUS, 500), "nvidia-l4": (4000, 8000), "nvidia-rtx-pro-6000": (20000,)}[gpu]
    memories = (81920,) if gpu.endswith("6000") else (*MEMORIES, 300, 700)
    least = draw(st.integers(0, 4))
    found = Instances(
        draw(st.sampled_from(sizes)),
        draw(st.sampled_from(memories)),
        least,
        draw(st.integers(max(1, least), 12)),
        draw(st.sampled_from([1, 4, 80, 1000])),
        gpu,
        always=draw(st.booleans()),
    )
    if not exists(found):
        found = replace(found, cpu_millis=sizes[0], memory_mib={"": 512, "nvidia-l4": 16384}.get(gpu, 81920))
    if found.cpu_millis < 1000:
        found = replace(found, concurrency=1)
    return Shape("europe-west1", found, checks_per_second=draw(st.sampled_from([Decimal(0), Decimal("0.1")])))


@st.composite
def measurements(draw):
    requests = draw(st.sampled_from([0, 100, 241_920, 24_192_000]))
    billed = draw(st.none() | st.integers(0, 3 * WEEKS).map(Decimal))
    use = Use(requests, draw(st.none() | st.sampled_from([Decimal(9), Decimal(900)])), billed, WEEKS, *WINDOW)
    most = draw(st.none() | st.integers(0, 12))
    ends = draw(st.lists(st.sampled_from([1, 2, 4, 72, 80, 1000]), min_size=1, max_size=3))
    return Measured(
        use,
        WEEKS,
        draw(st.none() | shares()),
        draw(st.none() | shares()),
        draw(st.none() | shares() | st.just(Spread.of([Bucket(Decimal(0), HUNDREDTH, 5000)], Decimal(0)))),
        draw(st.none() | st.just(spread(*ends, width=Decimal("0.5")))),
        most=most,
        busiest=None if most is None else draw(st.integers(0, most)),
        mean=draw(st.none() | st.sampled_from([Decimal("0.2"), Decimal(1), Decimal("2.5")])),
        by_class={"2xx": requests, "5xx": draw(st.sampled_from([0, requests]))},
    )


@FEW
@given(shapes(), measurements())
def test_advice_saves_or_says_that_it_spends(shape, found):
    """What it comes to is what its pieces come to, and no piece that does not say so costs more as it was used."""
    said = advise(shape, ASSUMED, found)

    assert {each.about for each in said.pieces}.isdisjoint(each.about for each in said.kept)
    assert all(each.spends or each.saving.expected > 0 for each in said.pieces)
    if shape.instances.gpu and not said.instances.gpu:
        assert found.gpu.mean == 0 or found.gpu.peak <= HUNDREDTH
    assert all(each.evidence and each.edits and each.risk for each in said.pieces)
    assert said.now.expected - said.then.expected == pytest.approx(
        sum((each.saving.expected for each in said.pieces), Decimal(0)), abs=Decimal("1e-9")
    )
    if not any(each.spends for each in said.pieces):
        assert said.then.expected <= said.now.expected


@FEW
@given(shapes(), measurements())
def test_sizes_are_cloud_runs_and_leave_room_for_what_was_used(shape, found):
    """Never less memory than the most that was measured and a quarter, nor CPU of which more than 60 % was used."""
    said, before = advise(shape, ASSUMED, found), shape.instances

    assert exists(said.instances)
    if said.instances.memory_mib < before.memory_mib:
        assert min(found.memory.peak or 1, 1) * before.memory_mib * ROOM <= said.instances.memory_mib
    if said.instances.cpu_millis < before.cpu_millis:
        assert min(found.cpu.below(Decimal("0.99")) or 1, 1) * before.cpu_millis <= BUSY * said.instances.cpu_millis
    if said.instances.least < before.least and found.use.per_second > shape.checks_per_second:
        assert said.instances.least >= found.busiest


def bounded(found, name):
    """Nothing takes more of an instance than all of it."""
    there = getattr(found, name)
    return there if name == "requests" else there.bounded(Decimal(1))


def rescaled(found, before, then):
    """What would be measured if as much is used of the new sizes, and instances are filled as before."""
    fuller = Decimal(then.concurrency) / before.concurrency
    scale = {
        "memory": Decimal(before.memory_mib) / then.memory_mib * fuller,
        "cpu": Decimal(before.cpu_millis) / then.cpu_millis * fuller,
        "requests": fuller,
    }
    scaled = {name: getattr(found, name) and bounded(found, name).scaled(by) for name, by in scale.items()}
    return replace(found, **scaled)


@FEW
@given(shapes(), measurements())
def test_who_followed_all_advice_gets_no_more_of_it(shape, found):
    """Of the same use, as it would be measured then."""
    said = advise(shape, ASSUMED, found)

    again = advise(replace(shape, instances=said.instances), ASSUMED, rescaled(found, shape.instances, said.instances))

    assert [(each.about, each.edits) for each in again.pieces] == []


@FEW
@given(shapes(), measurements(), st.sampled_from(["memory", "cpu", "busiest"]), st.integers(1, 4))
def test_more_use_never_leads_to_less(shape, found, what, more):
    """More memory, CPU or instances with requests: no smaller size, and no fewer instances kept warm."""
    if (there := getattr(found, what)) is None:
        return
    grown = there + more if what == "busiest" else there.scaled(1 + Decimal(more) / 4)
    told = {what: grown} | ({"most": max(found.most, grown)} if what == "busiest" else {})
    before, after = (advise(shape, ASSUMED, each).instances for each in (found, replace(found, **told)))

    assert after.least >= before.least
    assert bool(after.gpu) >= bool(before.gpu)
    if bool(after.gpu) == bool(before.gpu):
        assert after.memory_mib >= before.memory_mib or what == "cpu"
        assert after.cpu_millis >= before.cpu_millis or what == "memory"


def test_an_instance_that_uses_little_is_made_smaller():
    """300 MiB of 8 GiB, and a twelfth of a CPU of four."""
    said = advise(SHAPE, ASSUMED, measured())

    [piece] = said.pieces
    assert [(each.path, each.before, each.after) for each in piece.edits] == [
        ("resources.cpu", "4", "1"),
        ("resources.memory", "8Gi", "512Mi"),
    ]
    assert piece.evidence == (
        "memory: 4 % in 99 % of 2000 instance minutes, 328Mi at the most",
        "CPU: 2 % in 99 % of 2000 instance minutes, 2 % in 95 %, of 4",
    )
    assert piece.saving.expected > 20
    assert said.values == {"resources.cpu": "1", "resources.memory": "512Mi"}


def test_a_gpu_on_which_nothing_is_computed_goes_and_sizes_are_written():
    """Those that were left out are others without it."""
    shape = Shape("europe-west1", Instances(4000, 16384, least=1, most=2, gpu="nvidia-l4", always=True))
    idle = Spread.of([Bucket(Decimal(0), Decimal("0.1"), 5000)], Decimal(0))
    said = advise(shape, ASSUMED, measured(gpu=idle, memory=spread("0.9"), cpu=spread("0.9")))

    assert [each.about for each in said.pieces] == ["gpu"]
    assert said.values == {"resources.gpu": None, "resources.cpu": "4", "resources.memory": "16Gi"}
    assert said.pieces[0].saving.expected > 400


def test_an_idle_gpu_whose_price_is_not_known_goes_as_well():
    """It saves at least what is known of it, and says so."""
    shape = Shape("asia-southeast1", Instances(4000, 16384, least=1, most=2, gpu="nvidia-l4", always=True))
    idle = Spread.of([Bucket(Decimal(0), HUNDREDTH, 5000)], Decimal(0))
    [piece] = advise(shape, ASSUMED, measured(gpu=idle, memory=spread("0.9"), cpu=spread("0.9"))).pieces

    assert piece.about == "gpu"
    assert "that of its GPU is not known here" in piece.evidence[-1]


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param({"gpu": spread("0.03")}, "something is computed on it: up to 3 %", id="little"),
        pytest.param({"use": Use(7, Decimal(90), None, WEEKS, *WINDOW)}, "7 requests were answered", id="few"),
        pytest.param({"by_class": {"2xx": 1, "5xx": 1}}, "50 % of the requests failed", id="nothing works"),
        pytest.param({"gpu": None}, "GPU: not measured", id="no series"),
    ],
)
def test_a_gpu_that_may_be_needed_stays(told, why):
    """A little of a GPU may be more than a CPU has; and what does not work uses none."""
    shape = Shape("europe-west1", Instances(4000, 16384, least=1, most=2, gpu="nvidia-l4", always=True))
    idle = {"gpu": Spread.of([Bucket(Decimal(0), HUNDREDTH, 5000)], Decimal(0))}
    [kept] = [each for each in advise(shape, ASSUMED, measured(**idle | told)).kept if each.about == "gpu"]

    assert why in kept.reason


@pytest.mark.parametrize(
    ("told", "about", "why"),
    [
        pytest.param({"span_s": 2 * 86_400}, "all", "2.0 days", id="two days are too few"),
        pytest.param({"memory": None}, "size", "memory: not measured", id="no series"),
        pytest.param({"cpu": spread("0.1", count=20)}, "size", "CPU: too little was measured", id="twenty minutes"),
        pytest.param({"apart": "it has sidecars"}, "size", "it has sidecars", id="told from outside"),
        pytest.param({"memory": spread("0.9"), "cpu": spread("0.9")}, "size", "all of it is needed", id="full"),
        pytest.param({"by_class": {"2xx": 9, "5xx": 1}}, "size", "10 % of the requests failed", id="failing"),
        pytest.param({}, "concurrency", "instances are not full", id="few at once"),
        pytest.param({}, "minInstances", "to keep none would save", id="the last warm one is for people to weigh"),
        pytest.param({}, "maxInstances", "fewer would save nothing", id="a ceiling saves nothing"),
        pytest.param({"most": 3}, "maxInstances", "they were not full", id="all were there, and not full"),
    ],
)
def test_what_is_left_says_why(told, about, why):
    """Each by itself."""
    [kept] = [each for each in advise(SHAPE, ASSUMED, measured(**told)).kept if each.about == about]

    assert why in kept.reason


@pytest.mark.parametrize(
    ("told", "shape", "path", "after"),
    [
        pytest.param(
            {"memory": spread("0.99")},
            {"memory_mib": 1024, "cpu_millis": 1000},
            "resources.memory",
            "1536Mi",
            id="memory",
        ),
        pytest.param(
            {"most": 3, "requests": spread(80, width=Decimal(1))}, {}, "scaling.maxInstances", 5, id="refused requests"
        ),
    ],
)
def test_what_is_too_little_is_raised_and_says_that_it_costs(told, shape, path, after):
    """It trades money for requests that do not fail."""
    sized = replace(SHAPE, instances=replace(SHAPE.instances, **shape))
    pieces = [each for each in advise(sized, ASSUMED, measured(**told)).pieces if each.spends]

    assert [(edit.path, edit.after) for piece in pieces for edit in piece.edits] == [(path, after)]
    assert pieces[0].saving.worst < 0


def test_instances_that_never_had_requests_are_not_kept_warm():
    """Three are kept, one was ever needed; none where nobody called."""
    shape = replace(SHAPE, instances=replace(SHAPE.instances, least=3))
    nobody = measured(use=Use(0, None, None, WEEKS, *WINDOW), busiest=0)

    assert advise(shape, ASSUMED, measured()).values["scaling.minInstances"] == 1
    assert advise(shape, ASSUMED, nobody).values["scaling.minInstances"] == 0


def test_instances_that_are_full_take_more_requests_at_once():
    """As far as CPU and memory reach, if each takes as much as those before."""
    shape = Shape("europe-west1", Instances(1000, 512, most=20, concurrency=4))
    use = Use(24_192_000, Decimal(900), Decimal(5 * WEEKS), WEEKS, *WINDOW)
    full = measured(use=use, memory=spread("0.4"), cpu=spread("0.2"), requests=spread(4, width=Decimal("0.1")), most=9)

    assert advise(shape, ASSUMED, full).values == {"scaling.concurrency": 8}


def test_percentiles_are_of_all_counts_together():
    """Two revisions with different buckets: never a percentile of percentiles, and never below what was measured."""
    quiet = Spread.of([Bucket(Decimal(0), Decimal("0.1"), 990)], Decimal("0.05"))
    busy = Spread.of([Bucket(Decimal("0.5"), Decimal("0.75"), 10), Bucket(Decimal("0.9"), None, 1)], Decimal("0.7"))

    both = quiet.joined(busy)

    assert (both.count, both.below(Decimal("0.98")), both.below(Decimal("0.995"))) == (
        1001,
        Decimal("0.1"),
        Decimal("0.75"),
    )
    assert both.peak is None
    assert both.from_(Decimal("0.995")) == Decimal("0.5")


@pytest.mark.parametrize(
    ("options", "edges"),
    [
        pytest.param({"explicit_buckets": {"bounds": [0.5, 1]}}, [(0, "0.5"), ("0.5", 1), (1, None)], id="explicit"),
        pytest.param(
            {"linear_buckets": {"offset": 0.1, "width": 0.1, "num_finite_buckets": 1}},
            [(0, "0.1"), ("0.1", "0.2"), ("0.2", None)],
            id="linear",
        ),
        pytest.param(
            {"exponential_buckets": {"scale": 1, "growth_factor": 2, "num_finite_buckets": 1}},
            [(0, 1), (1, 2), (2, None)],
            id="exponential",
        ),
    ],
)
def test_buckets_have_their_edges_however_they_are_described(options, edges):
    """The first one is below all bounds, and nobody knows how far the last one goes."""
    found = spread_of(Distribution(count=6, mean=0.4, bucket_options=options, bucket_counts=[1, 2, 3]))

    assert [(each.low, each.high) for each in found.buckets] == [
        (Decimal(low), None if high is None else Decimal(high)) for low, high in edges
    ]
    assert (found.count, found.mean) == (6, Decimal("0.4"))
