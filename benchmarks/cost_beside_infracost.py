"""What a service costs by our rules and by those that Infracost publishes, line by line, at the same prices.

python -m benchmarks cost_beside_infracost

Infracost reads Terraform and a file of use; its rules for each resource are in its repository (internal/resources/
google: cloud_run_v2_service, pubsub_topic, pubsub_subscription, cloud_scheduler, bigquery_table). They are worked out
here in our own words, so that it need not be installed nor asked over the network. Both get the use that the spec
declares. CPU and memory differ where a request takes no whole tenths of a second: that is how they are billed, and ours
rounds them up.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from reconciler.cost.amounts import MONTH_S, cents
from reconciler.cost.estimate import Estimate, estimated
from reconciler.cost.explained import explained
from schemas.service import MLService

TIB, GIB = Decimal(1024**4), Decimal(1024**3)
SIZE = {"cpu": 2, "memory": "4Gi"}
USE = {"requestsPerSecond": 5, "requestDuration": "80ms", "requestsAtOnce": 4}
MODEL = {"uri": "gs://m/churn/", "framework": "onnx", "features": {"age": {"type": "number"}}}
LOGGED = {
    "model": {**MODEL, "prediction": {"name": "churn", "type": "number"}},
    "monitoring": {"logging": {"table": "ml_logs.churn", "sampleRate": 1.0, "retention": "90d"}, "dashboard": False},
}
SPECS: Mapping[str, dict[str, Any]] = {
    "a service": {"resources": SIZE, "usage": USE},
    "kept warm": {"resources": SIZE, "usage": USE, "scaling": {"minInstances": 2}},
    "with its log": {"resources": SIZE, "usage": USE, **LOGGED},
    "with a GPU": {"resources": {"gpu": "nvidia-l4"}, "usage": USE, "scaling": {"maxInstances": 1}},
    "trained weekly": {
        "resources": SIZE,
        "usage": USE,
        "triggers": [{"name": "weekly", "when": {"schedule": "0 3 * * 1"}}],
        "retraining": {"run": {"customJob": {"image": "europe-docker.pkg.dev/p/r/train:1"}}},
        **LOGGED,
    },
}


def service(name: str) -> MLService:
    """Give one of the specs."""
    body = {"region": "us-central1", "image": "us-docker.pkg.dev/p/r/i:1", **SPECS[name]}
    body = {key: value for key, value in body.items() if key != "image" or "model" not in body}
    return MLService.model_validate({"metadata": {"name": "churn"}, "spec": body})


def theirs(found: Estimate) -> dict[str, Decimal]:
    """Give the quantities that its rules come to, by our lines; a line that it has no rule for is not there.

    With CPU between requests it prices the least number of instances all month, and none above it.
    """
    instances, usage = found.shape.instances, found.usage
    requests = usage.requests_per_second * MONTH_S
    quantities: dict[str, Decimal] = {}
    if instances.by_instance:
        up = instances.least * MONTH_S
        quantities |= {"cpu": up * instances.vcpus, "memory": up * instances.gib}
    else:
        busy = requests * usage.request_duration_ms / 1000 / (usage.requests_at_once or 1)
        quantities |= {"cpu": busy * instances.vcpus, "memory": busy * instances.gib, "requests": requests}
    if found.shape.log_rate is not None:
        sent = requests * found.shape.log_rate * usage.rows_per_request * usage.row_bytes
        quantities["publishing"] = sent / TIB
        quantities["delivery"] = sent / TIB  # at the price of publishing: it has none for delivery into a table
        quantities["table"] = sent * found.shape.log_kept_s / MONTH_S / GIB
    if found.shape.jobs:
        quantities["scheduler"] = Decimal(found.shape.jobs)
    return quantities


def main() -> None:
    """Print a table for each spec."""
    for name in SPECS:
        found = estimated(service(name))
        quantities, prices = theirs(found), {line.key: line.unit_usd for line in found.lines}
        print(f"\n{name:44}{'ours':>12}{'Infracost':>12}  US dollars a month, expected, before what is free")
        ours_total = their_total = Decimal(0)
        for line in found.lines:
            if line.quantity.zero or not line.known:
                continue
            ours, quantity = line.cost.expected, quantities.get(line.key)
            unit = prices["publishing"] if line.key == "delivery" else line.unit_usd
            cost = None if quantity is None else quantity * unit
            ours_total, their_total = ours_total + ours, their_total + (cost or 0)
            shown = "no rule" if cost is None else cents(cost)
            print(f"  {explained(line, found).title:42}{cents(ours):>12}{shown:>12}")
        print(f"  {'altogether':42}{cents(ours_total):>12}{cents(their_total):>12}")
