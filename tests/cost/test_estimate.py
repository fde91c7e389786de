"""What holds of every estimate, whatever is priced."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.cost.amounts import Amounts, cents, total
from reconciler.cost.commitments import commitments, spots
from reconciler.cost.estimate import estimate
from reconciler.cost.explained import assumed, explained
from reconciler.cost.free_tier import off, taken
from reconciler.cost.lines import Pricing
from reconciler.cost.neighbours import most_that_fits, neighbours
from reconciler.cost.prices import snapshot
from reconciler.cost.shape import Instances, Shape, Training, runs_per_month
from reconciler.cost.usage import ASSUMED

GPUS = {"nvidia-l4": (4000, 16384), "nvidia-rtx-pro-6000": (20000, 81920)}
FEW = settings(max_examples=60, deadline=None)
HAIR = Decimal("1e-15")
"""What exact decimals of 28 digits may be apart after some sums."""


@st.composite
def instances(draw):
    gpu = draw(st.sampled_from(["", "", *GPUS]))
    cpu, memory = GPUS[gpu] if gpu else (draw(st.sampled_from([80, 500, 1000, 2000, 8000])), 512)
    least = draw(st.integers(0, 3))
    most = draw(st.integers(max(1, least), 12))
    concurrency = draw(st.integers(1, 100)) if cpu >= 1000 else 1
    zonal, always = draw(st.booleans()), draw(st.booleans())
    windows = ((most, Decimal(draw(st.sampled_from(["0.25", "1"])))),) if draw(st.booleans()) and most > least else ()
    return Instances(cpu, memory, least, most, concurrency, gpu, bool(gpu) and zonal, always, windows)


@st.composite
def trainings(draw):
    sort = draw(st.sampled_from(["customJob", "vertexPipeline", "cloudRunJob", "webhook"]))
    return Training(
        sort,
        draw(st.sampled_from(["n1-standard-4", "e2-standard-4", "a3-nobody-knows"])) if sort == "customJob" else "",
        spot=draw(st.booleans()),
        scheduled=Decimal(draw(st.integers(0, 40))),
        others=draw(st.integers(0, 3)),
        most=Decimal(draw(st.integers(1, 60))),
        timeout_s=draw(st.integers(60, 100_000)),
    )


SHAPES = st.builds(
    Shape,
    st.sampled_from(["us-central1", "europe-west1", "asia-southeast1", "europe-west4"]),
    instances(),
    checks_per_second=st.sampled_from([Decimal(0), Decimal("0.02")]),
    log_rate=st.sampled_from([None, Decimal("0.2"), Decimal(1)]),
    log_kept_s=st.just(90 * 86_400),
    looked_s=st.just(Decimal(730 * 86_400)),
    comparisons=st.sampled_from([Decimal(0), Decimal(730)]),
    jobs=st.integers(0, 5),
    training=st.none() | trainings(),
    versions_kept=st.integers(0, 20),
    scanned=st.booleans(),
)
RATES = st.decimals(0, 3000, places=3)
USES = st.builds(
    lambda rate, ms, many: ASSUMED.declaring(
        {"requests_per_second": rate, "request_duration_ms": ms} | ({"requests_at_once": many} if many else {})
    ),
    RATES,
    st.integers(1, 5000),
    st.sampled_from([None, None, Decimal(1), Decimal("2.5"), Decimal(40)]),
)


def net(*found):
    """Dollars with what is free of all of them together taken off."""
    return total(each.total for each in found) - off(("p", line) for each in found for line in each.lines)


def free_of_order(shape):
    """Whether what is free leaves the order as it is.

    A warm instance's idle seconds are paid, and its first busy ones are free: there a few requests cost less than none.
    """
    return shape.instances.by_instance or not (shape.instances.least or shape.instances.windows)


@FEW
@given(SHAPES, USES)
def test_floor_expected_and_worst_are_in_order(shape, usage):
    """Nobody calling costs the least, all instances busy all month the most."""
    found = estimate("one", shape, usage)

    for amounts in (found.total, net(found)) if free_of_order(shape) else (found.total,):
        assert amounts.floor >= -HAIR
        assert amounts.floor <= amounts.expected + HAIR
        assert amounts.expected <= amounts.worst + HAIR


@FEW
@given(SHAPES, USES, RATES, st.integers(0, 2000))
def test_more_use_never_costs_less(shape, usage, more, slower):
    """More requests, and slower ones."""
    busier = replace(usage, requests_per_second=usage.requests_per_second + more)
    longer = replace(usage, request_duration_ms=usage.request_duration_ms + slower)
    now = estimate("one", shape, usage)

    assert now.total.expected <= estimate("one", shape, busier).total.expected + HAIR
    assert not free_of_order(shape) or net(now).expected <= net(estimate("one", shape, busier)).expected + HAIR
    # As many requests may be more than slower instances can answer: what is refused costs nothing.
    if not estimate("one", shape, longer).clipped:
        assert now.total.expected <= estimate("one", shape, longer).total.expected + HAIR


LESS = {"rows_per_request": Decimal("0.1"), "row_bytes": 1, "answer_bytes": 0, "log_bytes": 0, "image_size_mib": 1,
        "images_per_month": Decimal(0), "trainings_per_month": Decimal(0), "training_duration_s": 60}  # fmt: skip


@FEW
@given(SHAPES, USES, st.sampled_from([{}, LESS]))
def test_a_declaration_raises_the_worst_case_or_leaves_it(shape, usage, more):
    """What nobody can hold a caller to lowers no worst case: what is said of use unblocks no limit."""
    declared = estimate("one", shape, usage.declaring(more)).total

    assert declared.worst >= estimate("one", shape, ASSUMED).total.worst
    assert declared.expected <= declared.worst + HAIR


def test_shorter_and_larger_requests_raise_the_worst_case():
    """Ten times as many of 10 ms fit into a second; each logs ten times as much. Longer ones lower nothing."""
    shape = Shape("us-central1", Instances(1000, 1024, 0, 2))

    def logs(**told):
        found = estimate("one", shape, ASSUMED.declaring(told))
        return next((line, explained(line, found).assumption) for line in found.lines if line.key == "logs")

    (as_assumed, _), (slow, said) = logs(), logs(request_duration_ms=10_000, log_bytes=10)
    assert logs(request_duration_ms=10, log_bytes=10_000)[0].quantity.worst == 100 * as_assumed.quantity.worst
    assert (slow.quantity.worst, said) == (as_assumed.quantity.worst, "10 bytes a request, worst 1000")


@FEW
@given(st.lists(st.tuples(SHAPES, USES), min_size=1, max_size=4))
def test_what_is_free_is_free_once(services):
    """However many services: together at most one allowance, and never more than what they cost."""
    found = [estimate(str(number), shape, usage) for number, (shape, usage) in enumerate(services)]
    once = {each.pool: each.amount for each in taken(("p", line) for one in found for line in one.lines)}

    assert once.get("run.cpu", Amounts()).worst <= Decimal("4.32")
    assert once.get("run.memory", Amounts()).worst <= Decimal("0.90")
    assert once.get("run.req.requests", Amounts()).worst <= Decimal("0.80") + HAIR
    alone = total(off(("p", line) for line in one.lines) for one in found)
    together = total(once.values())
    assert together.expected <= alone.expected + HAIR
    assert net(*found).floor >= -HAIR


@FEW
@given(st.integers(0, 10**9), st.integers(1, 9))
def test_splitting_use_changes_nothing(requests, parts):
    """The same use in one service or in nine has the same price after what is free."""
    pricing = Pricing(snapshot(), "us-central1")

    def priced(*quantities):
        families = ("run.req.requests", "run.req.cpu.active", "logging.ingest", "bigquery.query")
        lines = [("p", pricing.line("x", name, Amounts.same(each))) for name in families for each in quantities]
        return total(line.cost for _, line in lines) - off(lines)

    shares = [requests // parts] * (parts - 1) + [requests - requests // parts * (parts - 1)]
    assert abs(priced(*shares).worst - priced(requests).worst) < Decimal("1e-12")


def test_logs_are_free_in_each_project():
    """The one allowance that is a project's: two projects have it twice."""
    line = Pricing(snapshot(), "us-central1").line("logs", "logging.ingest", Amounts.same(60))

    assert off([("a", line), ("b", line)]).worst == 50
    assert off([("a", line), ("a", line)]).worst == 25


@pytest.mark.parametrize(
    ("shape", "missing"),
    [
        (Shape("asia-southeast1", Instances(4000, 16384, 1, 1, gpu="nvidia-l4")), {"gpu"}),
        (Shape("europe-west4", Instances(1000, 1024), log_rate=Decimal(1), log_kept_s=86_400), {"table"}),
        (Shape("us-east7", Instances(1000, 1024)), {"cpu", "memory"}),
        (Shape("us-central1", Instances(1000, 1024), training=Training("cloudRunJob", others=1, most=Decimal(3))),
         {"training"}),
    ],
    ids=["a GPU there", "a table there", "a region without a tier", "a job of unknown size"],
)  # fmt: skip
def test_a_price_that_is_missing_is_said(shape, missing):
    """It is in the result, with words, and never zero: the total is of the rest."""
    found = estimate("one", shape, ASSUMED)

    assert {line.key for line in found.missing} == missing
    for line in found.missing:
        assert line.price is None
        assert explained(line, found).price.startswith("no price is known of ")
    assert found.total == total(line.cost for line in found.lines if line.known)


def test_a_region_that_sources_disagree_of_has_the_dearer_price():
    """Tier 2, until somebody knows better."""
    assert snapshot().find("run.req.cpu.active", "africa-south1").usd == Decimal("0.0000336")


def test_use_that_no_number_of_instances_can_answer_is_clipped_and_said():
    """Two instances, one request of a second each: five a second are not answered, and not paid for."""
    usage = ASSUMED.declaring({"requests_per_second": Decimal(5), "request_duration_ms": 1000})
    found = estimate("one", Shape("us-central1", Instances(1000, 1024, 0, 2, 1)), usage)

    assert found.clipped
    assert {line.key: line.quantity.expected for line in found.lines}["requests"] == 2 * 2_628_000
    assert "more than its instances can answer" in explained(found.lines[0], found).assumption


def test_what_is_assumed_is_named_until_it_is_declared():
    """Only what matters to the service."""
    shape = Shape("us-central1", Instances(1000, 1024))

    assert assumed(estimate("one", shape, ASSUMED)) == [
        "usage.requestsPerSecond", "usage.requestDuration", "usage.requestsAtOnce", "usage.answerBytes",
    ]  # fmt: skip
    assert "usage.requestsPerSecond" not in assumed(
        estimate("one", shape, ASSUMED.declaring({"requests_per_second": Decimal(1)}))
    )


@FEW
@given(SHAPES, USES)
def test_every_line_is_explained(shape, usage):
    """In words of ours, with what was assumed and where the price is from."""
    found = estimate("one", shape, usage)

    for line in found.lines:
        said = explained(line, found)
        assert said.title
        assert said.assumption  # there is none for a line that nobody has put into words
        assert said.price


def test_a_commitment_is_for_what_always_runs():
    """One instance by the clock: 273.312 of CPU and memory for an L4; a year saves 28 %, and pays from 72 % on."""
    warm = estimate("one", Shape("us-central1", Instances(4000, 16384, 1, 3, gpu="nvidia-l4")), ASSUMED)
    cold = estimate("two", Shape("us-central1", Instances(1000, 1024)), ASSUMED)
    year = {each.key: each for each in commitments([warm, cold])}["compute_flex_1y"]

    assert cents(year.covered) == "273.31"  # 4 x 47.304 of CPU and 16 x 5.256 of memory
    assert (cents(year.saved), year.pays_from) == ("76.53", Decimal("0.72"))
    assert commitments([cold]) == []


@pytest.mark.parametrize(("machine", "keys"), [("g2-standard-4", []), ("n1-standard-4", ["accelerators"])])
def test_an_accelerator_of_the_machine_is_paid_with_it(machine, keys):
    """Those of an accelerator-optimized machine have no price of their own; others are attached, and have one."""
    training = Training("customJob", machine, "NVIDIA_TESLA_T4", 1, scheduled=Decimal(4), most=Decimal(9))
    found = estimate("one", Shape("us-central1", Instances(1000, 1024), training=training), ASSUMED)

    assert [line.key for line in found.lines if line.key == "accelerators"] == keys
    assert not found.missing


def test_spot_is_compared_by_the_hour_and_its_fee_stays():
    """n1-standard-4 in Iowa: 0.08651 against 0.21849885, four trainings of an hour."""
    training = Training("customJob", "n1-standard-4", scheduled=Decimal(4), most=Decimal(9))
    (spot,) = spots([estimate("one", Shape("us-central1", Instances(1000, 1024), training=training), ASSUMED)])

    assert (spot.on_demand, spot.spot) == (Decimal("0.21849885"), Decimal("0.08651"))
    assert spot.saved == 4 * (spot.on_demand - spot.spot)
    assert f"{spot.pays_to:.3f}" == "0.604"


def test_neighbours_say_what_a_line_would_save():
    """A warm instance let go saves its floor; a dearer region is left for the cheapest of its continent."""
    found = estimate("one", Shape("europe-west3", Instances(1000, 1024, 1, 2)), ASSUMED)
    by_line = {each.line: each for each in neighbours(found)}

    assert by_line["scaling.minInstances: 0"].difference.floor == -found.total.floor
    assert by_line["region: europe-north1"].saves
    assert by_line["scaling.maxInstances: 1"].difference.worst < 0
    assert by_line["scaling.maxInstances: 1"].difference.floor == 0


def test_a_warm_window_costs_its_share_of_a_warm_instance():
    """Two instances for a quarter of the time, and one else, are five quarters of one with nobody calling."""
    one = estimate("one", Shape("us-central1", Instances(1000, 1024, 1, 2)), ASSUMED)
    both = estimate("one", Shape("us-central1", Instances(1000, 1024, 1, 2, windows=((2, Decimal("0.25")),))), ASSUMED)

    assert both.total.floor == one.total.floor * 5 / 4
    assert both.total.worst == one.total.worst
    [warm] = [line for line in both.lines if line.key == "cpuWarm"]
    assert "scaling.minInstances 1, 2 for 25.0 % of the time" in explained(warm, both).assumption
    lines = {each.line for each in neighbours(both)}
    assert "scaling.windows: []" in lines
    assert not any(line.startswith("scaling.maxInstances") for line in lines), "fewer than are kept warm are refused"


def test_canada_and_mexico_are_where_the_united_states_are():
    """A region of North America is no other continent, whatever its name begins with."""
    found = estimate("one", Shape("us-west2", Instances(1000, 1024, 1, 2)), ASSUMED)
    by_line = {each.line: each.means for each in neighbours(found)}

    assert by_line["region: northamerica-south1"] == "everything moves there: data too"


def test_the_most_that_fits_is_the_most_that_fits():
    """Its worst case is within the limit, that of one more is not; with no room at all it is none."""
    shape = Shape("us-central1", Instances(1000, 1024, 0, 50))
    found = estimate("one", shape, ASSUMED)
    most = most_that_fits(found, Decimal(900))

    def worst(count):
        return estimate("one", replace(shape, instances=replace(shape.instances, most=count)), ASSUMED).total.worst

    assert worst(most) <= 900 < worst(most + 1)
    assert most_that_fits(found, Decimal(1)) == 0


def test_what_fits_is_not_known_where_a_price_is_not():
    """An accelerator whose price nobody knows there may cost more than any limit."""
    shape = Shape("asia-southeast1", Instances(4000, 16384, 0, 5, gpu="nvidia-l4"))

    assert most_that_fits(estimate("one", shape, ASSUMED), Decimal(10**9)) is None


@pytest.mark.parametrize(
    ("cron", "runs"),
    [("0 * * * *", 730), ("*/10 * * * *", 4380), ("0 3 * * 1", Decimal(730) / 24 / 7), ("0 0 1 * *", "0.9993")],
)
def test_runs_are_counted_in_a_month_of_730_hours(cron, runs):
    """As everything else is: a first of the month comes a hair less than once in it."""
    found = runs_per_month(cron)

    assert found == runs if not isinstance(runs, str) else f"{found:.4f}" == runs


@pytest.mark.parametrize(
    ("usd", "text"),
    [("0.005", "0.01"), ("0.0049", "0.00"), ("-0.004", "0.00"), ("1e3", "1000.00"), ("1e40", "1" + 15 * "0" + ".00")],
)
def test_cents_are_rounded_half_up_and_once(usd, text):
    """Nothing is shown as less than nothing by rounding, and no amount is too large to be shown."""
    assert cents(Decimal(usd)) == text


def test_cpu_that_is_always_there_costs_nothing_without_instances():
    """Nobody calls: none is up. A request a second leaves no 15 minutes without one: all of 2,628,000 s is expected.

    1 vCPU x 0.000018 + 1 GiB x 0.000002 = 0.00002 USD a second: 52.56 a month; no fee for requests.
    """
    found = estimate("case", Shape("us-central1", Instances(1000, 1024, 0, 2, 80, always=True)), ASSUMED)

    run = [line for line in found.lines if line.key in {"cpu", "memory", "requests"}]
    assert [line.key for line in run] == ["cpu", "memory"]
    assert [cents(sum(getattr(line.cost, case) for line in run)) for case in ("floor", "expected", "worst")] == [
        "0.00",
        "52.56",
        "105.12",
    ]
