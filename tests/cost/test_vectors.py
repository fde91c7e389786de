"""Worked cases of others, to the cent: facts beside the repository, skipped visibly where they are absent."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from reconciler.cost.amounts import MONTH_S, cents, total
from reconciler.cost.estimate import estimate
from reconciler.cost.free_tier import off
from reconciler.cost.prices import snapshot
from reconciler.cost.shape import Instances, Shape, Training
from reconciler.cost.supporting import GIB, TIB
from reconciler.cost.usage import ASSUMED

FACTS = Path(__file__).resolve().parents[2].parent / "shared" / "gcp"
HERE = FACTS / "pricing_vectors.json"
ABSENT = "the facts are not beside this checkout"
needs_facts = pytest.mark.skipif(not HERE.exists(), reason=ABSENT)
KEYS = {
    "cpu_active": "cpu",
    "mem": "memory",
    "mem_active": "memory",
    "cpu_idle": "cpuWarm",
    "mem_idle": "memoryWarm",
    "pipeline_runs": "pipelineRuns",
    "pubsub_publish": "publishing",
    "pubsub_to_bigquery": "delivery",
    "artifact_storage": "images",
    "artifact_scans": "scans",
    "logging": "logs",
    "bigquery_storage": "table",
    "bigquery_queries": "queries",
}


def discounted(found, commitment):
    """An estimate with a commitment's discount taken off where there is one, and all of it used."""
    return replace(found, lines=tuple(_cheaper(line, commitment) for line in found.lines))


def _cheaper(line, commitment):
    rate = line.price.discounts.get(commitment, Decimal(0)) if line.price else Decimal(0)
    return line._replace(price=replace(line.price, usd=line.price.usd * (1 - rate))) if rate else line


def vector(name):
    return next(each for each in json.loads(HERE.read_text())["vectors"] if each["id"] == name)


def net(lines):
    """Dollars as expected, with what is free taken off once."""
    lines = list(lines)
    return (total(line.cost for line in lines) - off(("p", line) for line in lines)).expected


def net_of(lines):
    """The same of one line, by itself in its allowance."""
    return net([lines])


def run(inputs, **more):
    """The Cloud Run service of a case."""
    instances = Instances(
        int(Decimal(str(inputs["vcpu"])) * 1000),
        int(Decimal(str(inputs["memory_gib"])) * 1024),
        inputs.get("min_instances", inputs.get("instances", 0)),
        1000,
        80,
        inputs.get("gpu", ""),
        inputs.get("zonal_redundancy", False),
    )
    usage = ASSUMED.declaring(
        {
            "requests_per_second": Decimal(inputs.get("requests", 0)) / MONTH_S,
            "request_duration_ms": inputs.get("latency_ms", 100),
            "requests_at_once": Decimal(inputs.get("effective_concurrency", 1)),
            "answer_bytes": 0,
            "log_bytes": 0,
        }
    )
    return estimate("case", Shape(inputs["region"], Instances(**as_fields(instances) | more)), usage)


def as_fields(instances):
    return {name: getattr(instances, name) for name in Instances.__dataclass_fields__}


def check(name, lines):
    """The total, and each line that the case names, are the case's."""
    case, lines = vector(name), [line for line in lines if not line.quantity.zero]
    assert cents(net(lines)) == case["total_usd"]
    by_key = {line.key: line for line in lines}
    for key, usd in case["lines_usd"].items():
        line = by_key.get(KEYS.get(key, key))
        assert abs((net_of(line) if line else 0) - Decimal(usd)) < Decimal("1e-12"), key
    assert abs(net(lines) - Decimal(case["total_unrounded"])) < Decimal("1e-12")


@needs_facts
@pytest.mark.parametrize("name", ["V1", "V2", "V3", "V4"])
def test_a_service_costs_what_the_case_says(name):
    """Billed by request and by instance, in both tiers, with warm instances and an accelerator."""
    found = run(vector(name)["inputs"])

    check(name, found.lines)
    if gross := vector(name)["variants"].get("free_tier_off"):
        assert cents(found.total.expected) == gross


@needs_facts
def test_variants_of_an_accelerator():
    """Capacity in a second zone has its price; a commitment lowers CPU and memory only, before what is free."""
    case = vector("V4")
    inputs, variants = case["inputs"], case["variants"]

    assert cents(net(run(inputs, zonal=True).lines)) == variants["zonal_redundancy"]
    assert cents(net(discounted(run(inputs), "compute_flex_1y").lines)) == variants["flex_cud_1y"]
    assert cents(net(discounted(run(inputs), "compute_flex_3y").lines)) == variants["flex_cud_3y"]


@needs_facts
def test_the_same_service_billed_by_instance_all_month():
    """No fee for requests, and no rate for idle time."""
    case = vector("V3")

    # The case counts one instance that is up all month: with a request at a time, that is its least.
    up = estimate("case", Shape("us-central1", Instances(1000, 1024, 1, 1, 80, always=True)),
                  ASSUMED.declaring({"answer_bytes": 0, "log_bytes": 0}))  # fmt: skip
    assert cents(net(up.lines)) == case["variants"]["same_but_instance_based_24x7"]


def trained(region, *, spot=False):
    """Four pipeline runs of three and a half hours, on a machine that a pipeline's step says and a custom job has."""
    usage = ASSUMED.declaring({"trainings_per_month": Decimal(4), "training_duration_s": 12_600})
    ways = (Training("customJob", "n1-standard-4", spot=spot, most=Decimal(9)),
            Training("vertexPipeline", most=Decimal(9)))  # fmt: skip
    found = [estimate("case", Shape(region, Instances(1000, 1024), training=training), usage) for training in ways]
    return [line for each in found for line in each.lines if line.key in {"training", "pipelineRuns"}]


@needs_facts
def test_trainings_cost_what_the_case_says():
    """Machine hours and runs; on Spot capacity the fee stays."""
    check("V5", trained("us-central1"))
    variants = vector("V5")["variants"]
    assert cents(net(trained("asia-southeast1"))) == variants["asia-southeast1"]
    assert cents(net(trained("asia-southeast1", spot=True))) == variants["asia-southeast1_spot"]


@needs_facts
def test_what_goes_with_a_service_costs_what_the_case_says():
    """Messages to a table, scheduler jobs, images, scans, logs, tables and queries, each less what is free of it."""
    inputs = vector("V6")["inputs"]
    messages, logged = inputs["messages"], inputs["messages"] * inputs["message_bytes"]
    shape = Shape(
        inputs["region"],
        Instances(1000, 1024),
        log_rate=Decimal(1),
        log_kept_s=inputs["bigquery_active_gib"] * GIB * MONTH_S / logged,
        looked_s=Decimal(str(inputs["bigquery_query_tib"])) * TIB * MONTH_S / logged,
        comparisons=Decimal(30),
        jobs=inputs["scheduler_jobs"],
        versions_kept=inputs["image_storage_gib"],
        scanned=True,
    )
    usage = ASSUMED.declaring(
        {
            "requests_per_second": messages / MONTH_S,
            "row_bytes": inputs["message_bytes"],
            "log_bytes": inputs["log_gib_one_project"] * GIB / messages,
            "images_per_month": Decimal(inputs["new_images_scanned"]),
        }
    )

    found = estimate("case", shape, usage)
    case = {KEYS.get(key, key) for key in vector("V6")["lines_usd"]}
    check("V6", [line for line in found.lines if line.key in case])


@needs_facts
@pytest.mark.parametrize(
    ("case", "commitment"),
    [("G4 gross", ""), ("G2 gross", "cloud_run_cud_1y")],
)
def test_examples_of_googles_page_are_met(case, commitment):
    """The page mixes list prices and commitments; each example is met with the one that it used, requests above 2 M."""
    examples = {each["id"]: each for each in json.loads(HERE.read_text())["google_examples"]}
    sizes = {"G4 gross": (167, 256, 200), "G2 gross": (1000, 512, 400)}
    millis, mib, ms = sizes[case]
    inputs = {"region": "us-central1", "requests": 10_000_000, "latency_ms": ms, "vcpu": 1, "memory_gib": 1}
    found = run(inputs, cpu_millis=millis, memory_mib=mib)
    found = discounted(found, commitment) if commitment else found
    requests = next(line for line in found.lines if line.key == "requests")

    # What the page calls gross leaves out only the free CPU and memory.
    assert cents(found.total.expected - off([("p", requests)]).expected) == examples[case]["published_usd"]


@needs_facts
def test_our_prices_are_those_of_the_facts():
    """The copy that comes with this version has every row with an amount of money, and the same amounts."""
    facts = {row["id"]: row["usd"] for row in json.loads((FACTS / "prices.json").read_text()) if row["usd"] is not None}

    assert {name: price.usd for name, price in snapshot().rows.items()} == {n: Decimal(usd) for n, usd in facts.items()}
