"""What pricing adds to a plan over 200 services, each of another size, watched and trained again.

Each has its own use, since what is alike is priced once; and with much declared the worst case is priced apart.
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.cloud import against
from reconciler.core.address import Address
from reconciler.core.costing import costs_of
from reconciler.core.plan import Action, Change
from reconciler.cost import estimate
from reconciler.kinds import KINDS
from schemas import Loaded, load

MANY, SIZES = 200, 50
BAR_MS = 50.0
TIMES = 5
MUCH = ", requestDuration: 250ms, rowBytes: 200, answerBytes: 200, trainingDuration: 2h, imagesPerMonth: 2"


def spec(number: int, more: str = "") -> str:
    """Give a spec with all that has a price, and more use declared."""
    return f"""\
apiVersion: mlservice/v1
kind: MLService
metadata: {{name: s{number:03}}}
spec:
  region: europe-west1
  image: europe-west1-docker.pkg.dev/acme/ml/churn:1
  model:
    uri: gs://acme-models/churn/
    framework: onnx
    features: {{age: {{type: number}}}}
    prediction: {{name: p, type: number}}
  scaling: {{maxInstances: {number % SIZES + 1}, concurrency: {number // SIZES + 10}}}
  monitoring: {{logging: {{table: ml_logs.t{number}}}, baseline: {{table: acme.ml.c}}, skew: {{default: 0.3}}}}
  triggers: [{{name: weekly, when: {{schedule: 0 3 * * 1}}}}]
  retraining: {{run: {{customJob: {{image: europe-west1-docker.pkg.dev/acme/ml/train:1}}}}}}
  usage: {{requestsPerSecond: {1 + number / 100}{more}}}
"""


def plan_of(services: tuple[Loaded, ...], most: int) -> list[Change]:
    """Give the changes of services that run with so many instances; 0 for as many as their specs say."""
    size = {"cpu_millis": 1000, "memory_mib": 1024, "min_instances": 0, "gpu": "", "gpu_zonal_redundancy": False}
    rest: dict[str, Any] = {"container": {"cpuIdle": True}, "sidecars": {}, "template": {}, "service": {}}
    return [
        Change(
            Address("run_service", each.region, each.name),
            Action.UPDATE if most else Action.NO_OP,
            (each.name,),
            observed={
                **size,
                **rest,
                "max_instances": most or number % SIZES + 1,
                "concurrency": number // SIZES + 10,
            },
        )
        for number, each in enumerate(services)
    ]


def best_ms(services: tuple[Loaded, ...], changes: list[Change]) -> float:
    """Give the milliseconds of processor time of the best of some tries, none of which remembers another."""
    found = []
    for _ in range(TIMES):
        estimate.forget()
        started = time.process_time()
        costs_of(services, changes, KINDS)
        found.append((time.process_time() - started) * 1000)
    return min(found)


def priced(more: str, what: str) -> None:
    """Print how long both take, with more use declared."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(MANY):
            (Path(folder) / f"{number:03}.yaml").write_text(spec(number, more))
        services = load(Path(folder)).documents
    against(
        f"{MANY} services{what} priced, none of which changes", best_ms(services, plan_of(services, 0)), BAR_MS, "ms"
    )
    against(
        f"{MANY} services{what} priced, all of which change", best_ms(services, plan_of(services, 51)), BAR_MS, "ms"
    )


def main() -> None:
    """Print all of it."""
    priced("", "")
    priced(MUCH, " that declare much")


if __name__ == "__main__":
    main()
