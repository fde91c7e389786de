"""The reconciler writes what the retraining function reads, though they share no code."""

from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from reconciler.core.facts import Facts
from reconciler.kinds.functions_function.settings import environment, folder_of
from schemas import load
from tests.operating import spec

told = pytest.importorskip("runtime.retraining.settings", reason="the function has no settings yet")
RETRAINING = {
    "run": {"customJob": {"image": "europe-west1-docker.pkg.dev/acme/ml/train:1", "machineType": "n1-standard-8"}},
    "timeout": "2h",
    "guards": {
        "cooldown": "6h",
        "maxPerDay": 3,
        "maxConcurrent": 2,
        "openCircuitAfter": {"failures": 5, "pause": "3d"},
    },
}


def test_the_function_reads_what_is_written(tmp_path: Path):
    """Every word of the spec arrives, and the folder that the account may write to is the one it writes to."""
    (tmp_path / "mlservice.yaml").write_text(yaml.safe_dump(spec(retraining=RETRAINING)))
    service = load([tmp_path / "mlservice.yaml"]).services[0].service

    read = told.Settings.read(environment(service, service.spec.retraining, Facts("acme", "acme-mlservice")))

    assert (read.service, read.project, read.region, read.bucket) == ("churn", "acme", "europe-west1", "acme-mlservice")
    assert read.run["customJob"]["machineType"] == "n1-standard-8"
    assert (read.guards.cooldown, read.guards.pause) == (timedelta(hours=6), timedelta(days=3))
    assert (read.guards.max_per_day, read.guards.max_concurrent, read.guards.failures) == (3, 2, 5)
    assert read.timeout == timedelta(hours=2)
    assert read.folder == folder_of(service)
