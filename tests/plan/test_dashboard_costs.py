"""What a dashboard shows of money: measured series times list prices, beside the budget."""

import pytest

from reconciler.core.facts import Facts
from reconciler.kinds.monitoring_dashboard.costs import costs
from reconciler.kinds.monitoring_dashboard.record import LIMIT
from schemas import load

SPEC = """\
apiVersion: mlservice/v1
kind: MLService
metadata: {{name: churn}}
spec:
  region: {region}
  image: {region}-docker.pkg.dev/acme/ml/churn:1
{more}"""
SELECTED = '{monitored_resource="cloud_run_revision",service_name="churn",location="us-central1"}'
TIME, COUNT = "run_googleapis_com:container_billable_instance_time", "run_googleapis_com:request_count"


def tiles(tmp_path, more="", region="us-central1"):
    """The two tiles of a spec."""
    (tmp_path / "mlservice.yaml").write_text(SPEC.format(region=region, more=more))
    [loaded] = load([tmp_path / "mlservice.yaml"]).services
    return [shown for _, shown in costs(loaded.service, Facts("acme", "b"))]


def test_time_and_requests_are_priced(tmp_path):
    """1 vCPU and 1 GiB: 0.000024 + 0.0000025 USD a second with a request, 0.40 USD a million of requests."""
    hour, month = tiles(tmp_path)

    assert [(each.text, each.filter) for each in hour] == [
        ("CPU and memory", f"sum(rate({TIME}{SELECTED}[5m])) * 0.0954"),
        ("requests", f"sum(rate({COUNT}{SELECTED}[5m])) * 0.00144"),
    ]
    assert [each.filter for each in month] == [
        f"sum(increase({TIME}{SELECTED}[30d])) * 0.0000265",
        f"sum(increase({COUNT}{SELECTED}[30d])) * 0.0000004",
    ]


@pytest.mark.parametrize(
    ("resources", "region", "parts"),
    [
        pytest.param("{gpu: nvidia-l4}", "us-central1", ["CPU and memory 0.3744", "nvidia-l4 0.67212"], id="gpu"),
        pytest.param(
            "{gpu: nvidia-l4}",
            "asia-southeast1",
            ["CPU and memory, without nvidia-l4: no price is known 0.44928"],
            id="gpu-without-a-price",
        ),
        pytest.param("{cpuIdle: false}", "us-central1", ["CPU and memory 0.072"], id="cpu-always-there"),
    ],
)
def test_whole_instances_have_no_fee_for_requests(tmp_path, resources, region, parts):
    """What is kept has its own price; one that is not known is said and never zero."""
    hour, _ = tiles(tmp_path, f"  resources: {resources}\n", region)

    assert [f"{each.text} {each.filter.rpartition(' * ')[2]}" for each in hour] == parts


def test_kept_instances_are_at_most_that(tmp_path):
    """The series tells no idle seconds from others: it is said that all are taken as busy."""
    hour, _ = tiles(tmp_path, "  scaling: {minInstances: 1}\n")

    assert hour[0].text == "CPU and memory, as if none were idle"


@pytest.mark.parametrize(
    ("budget", "limits"),
    [
        pytest.param("{amount: 730, currency: USD}", [1.0, 730.0], id="dollars"),
        pytest.param("{amount: 730, currency: EUR, perUsd: 0.5}", [2.0, 1460.0], id="told-what-a-dollar-is"),
        pytest.param("{amount: 730, currency: EUR}", [], id="in-a-currency-that-does-not-compare"),
        pytest.param("{amount: 730}", [], id="in-the-account's-currency-whichever-that-is"),
    ],
)
def test_the_budget_is_a_line(tmp_path, budget, limits):
    """Spread over a month of 730 hours beside an hour's cost, whole beside that of 30 days."""
    found = [each.limit for tile in tiles(tmp_path, f"  budget: {budget}\n") for each in tile if each.how == LIMIT]

    assert found == limits
