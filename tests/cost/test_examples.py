"""Whole specs priced by hand, by the conventions of Google's public calculator: a month has 730 hours."""

from decimal import Decimal

import pytest

from reconciler.cost.amounts import cents
from reconciler.cost.estimate import estimated
from reconciler.cost.free_tier import off
from reconciler.cost.neighbours import neighbours
from schemas import MLService, load

CPU, MEMORY, WARM = Decimal("0.000024"), Decimal("0.0000025"), Decimal("0.0000025")
MONTH = Decimal(2_628_000)
GIB, TIB = Decimal(1024**3), Decimal(1024**4)

GPU_SPEC = """\
apiVersion: mlservice/v1
kind: MLService
metadata: {name: churn}
spec:
  region: us-central1
  image: us-central1-docker.pkg.dev/acme/ml/churn:1
  scaling: {maxInstances: 2}
"""


def priced(**spec):
    """The estimate of a spec."""
    whole = {"region": "europe-west1", "image": "europe-west1-docker.pkg.dev/acme/ml/churn:1", **spec}
    document = {"apiVersion": "mlservice/v1", "kind": "MLService", "metadata": {"name": "churn"}, "spec": whole}
    return estimated(MLService.model_validate(document))


def shown(found):
    """Each case in cents."""
    return found.total.shown()


def test_a_warm_service_with_declared_use():
    """One instance kept warm, 2 requests a second of 250 ms, one at a time; at most 2 instances.

    A month has 2 x 2,628,000 = 5,256,000 requests, each billed as 300 ms: 1,576,800 busy seconds, 1,051,200 warm ones.

    Expected: CPU 1,576,800 x 0.000024 = 37.8432; memory (1 GiB) x 0.0000025 = 3.942; warm 1,051,200 x 0.0000025 twice
    = 5.256; requests 5.256 M x 0.40 = 2.1024; logs 5.256e9 bytes = 4.895 GiB x 0.50 = 2.4475; answers x 0.12 = 0.5874.
    Floor: 2,628,000 warm seconds x 0.0000025 twice = 13.14.
    Worst: two instances busy all month, 5,256,000 s: CPU 126.144, memory 13.14; one request after the other in each,
    of the 100 ms that are assumed, since longer ones are fewer: 20 a second, 52.56 M requests x 0.40 = 21.024; logs
    52.56e9 bytes, 48.950 GiB, 24.4752; answers 5.8740.
    Free of it, once: CPU 4.32 and memory 0.90 of the busy seconds, 2 M requests (0.80), 50 GiB of logs, all of them.
    """
    found = priced(
        scaling={"minInstances": 1, "maxInstances": 2},
        usage={"requestsPerSecond": 2, "requestDuration": "250ms", "requestsAtOnce": 1},
    )

    requests, busy = 2 * MONTH, 2 * MONTH * Decimal("0.3")
    expected = busy * (CPU + MEMORY) + (MONTH - busy) * 2 * WARM + requests * Decimal("0.0000004")
    expected += requests * 1000 / GIB * (Decimal("0.50") + Decimal("0.12"))
    assert found.total.expected == expected
    assert shown(found) == {"floor": "13.14", "expected": "52.18", "worst": "190.66"}
    free = off(("acme", line) for line in found.lines)
    assert cents(free.expected) == cents(Decimal("4.32") + Decimal("0.90") + Decimal("0.80") + requests * 500 / GIB)


def test_a_gpu_that_scales_to_zero():
    """An L4 with 8 vCPU and 32 GiB that nobody may keep warm, one request a second.

    An hour of an instance: GPU 0.0001867 x 3600 = 0.67212, CPU 8 x 0.000018 x 3600 = 0.5184, memory 32 x 0.000002 x
    3600 = 0.2304; together 1.42092, a month of it 1,037.2716. With a request a second an instance never has 15 minutes
    without one, so the month is expected whole; at most there are four. Requests have no fee. With nobody calling there
    is no instance, and nothing.

    Logs 2,628,000 x 1000 bytes = 2.4475 GiB x 0.50 = 1.2238, answers x 0.12 = 0.2937; at most 8 at once in each of
    4 instances, of 100 ms: 320 a second, 783.20 GiB: 391.602 and 93.985.
    """
    found = priced(
        resources={"gpu": "nvidia-l4", "cpu": 8, "memory": "32Gi"},
        scaling={"maxInstances": 4, "concurrency": 8},
    )

    hour = Decimal("0.67212") + Decimal("0.5184") + Decimal("0.2304")
    logged = MONTH * 1000 / GIB * Decimal("0.62")
    assert abs(found.total.expected - hour * 730 - logged) < Decimal("1e-12")
    assert abs(found.total.worst - 4 * hour * 730 - 320 * logged) < Decimal("1e-12")
    assert shown(found) == {"floor": "0.00", "expected": "1038.79", "worst": "4634.67"}


@pytest.mark.parametrize(
    ("resources", "lines"),
    [
        ("{gpu: nvidia-l4}", {"resources: {gpu: nvidia-rtx-pro-6000, cpu: 20, memory: 80Gi}",
                              "resources: {cpu: 4, memory: 16Gi}"}),
        ("{gpu: nvidia-l4, cpu: 4, memory: 32Gi}", {"resources: {gpu: nvidia-rtx-pro-6000, cpu: 20, memory: 80Gi}"}),
        ("{gpu: {type: nvidia-rtx-pro-6000, zonalRedundancy: true}}",
         {"resources: {gpu: {type: nvidia-l4, zonalRedundancy: true}, cpu: 4, memory: 16Gi}",
          "resources.gpu.zonalRedundancy: false"}),
        ("{cpu: 2}", set()),
    ],
    ids=["least sizes", "sizes that need the GPU", "sizes that the other has not", "no GPU"],
)  # fmt: skip
def test_another_accelerator_is_a_line_that_is_valid_and_costs_what_is_said(tmp_path, resources, lines):
    """Written into the spec, it is taken by validation, and its price is the one told."""

    def estimate_of(written):
        (tmp_path / "mlservice.yaml").write_text(GPU_SPEC + f"  {written}\n")
        (loaded,) = load(tmp_path / "mlservice.yaml").services
        return estimated(loaded.service)

    found = estimate_of(f"resources: {resources}")
    told = {each.line: each.difference for each in neighbours(found) if each.line.startswith("resources")}

    assert told.keys() == lines
    for line in lines:
        if line.startswith("resources:"):
            assert told[line] == estimate_of(line).total - found.total


def test_a_watched_service_that_trains_each_week():
    """A prediction log of every tenth request, compared each day with the training data, and trained again each week.

    3 requests a second of 2 rows of 800 bytes: 0.3 x 2,628,000 = 788,400 messages of 1,600 bytes, 1.26144e9 bytes.
    Publishing x 40 / TiB = 0.045891, delivery x 50 / TiB = 0.057364. Kept 30 days: 0.3 x 1,600 bytes x 2,592,000 s =
    1.24416e9 bytes = 1.158715 GiB x 0.023 = 0.026650. Each day 86,400 s of the log are read, 41,472,000 bytes, in
    730 / 24 = 30.4167 runs: 1.26144e9 bytes x 6.25 / TiB = 0.007170.

    Mondays: 730 / 24 / 7 = 4.345 trainings of 2 h, 8.690 h of n1-standard-4 in us-central1, 0.21849885 each: 1.898859.
    The job of Monday and the one that looks after trainings: 0.20. That one, 4,380 times 1 s: CPU 0.10512, memory
    0.005475, requests 0.001752.
    """
    found = priced(
        region="us-central1",
        monitoring={
            "logging": {"table": "ml_logs.churn", "sampleRate": 0.1, "retention": "30d"},
            "baseline": {"table": "acme.ml.churn"},
            "skew": {"default": 0.3},
            "schedule": "0 2 * * *",
        },
        triggers=[{"name": "weekly", "when": {"schedule": "0 3 * * 1"}}],
        retraining={"run": {"customJob": {"image": "europe-docker.pkg.dev/acme/ml/train:1"}}},
        usage={"requestsPerSecond": 3, "rowsPerRequest": 2, "rowBytes": 800, "trainingDuration": "2h"},
    )

    by_key = {line.key: line.cost.expected for line in found.lines}
    sent = Decimal("0.3") * MONTH * 1600
    assert by_key["publishing"] == sent / TIB * 40
    assert by_key["delivery"] == sent / TIB * 50
    shown_lines = {key: f"{usd:.6f}" for key, usd in by_key.items()}
    assert shown_lines["table"] == "0.026650"
    assert shown_lines["queries"] == "0.007170"
    assert shown_lines["training"] == "1.898859"
    assert (shown_lines["scheduler"], shown_lines["function.cpu"]) == ("0.200000", "0.105120")
    assert (shown_lines["function.memory"], shown_lines["function.requests"]) == ("0.005475", "0.001752")
    assert by_key["comparisons"] == 0
    assert found.missing == ()
