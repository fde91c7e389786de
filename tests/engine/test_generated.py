"""The plan right after an apply is empty: for every kind, every field, every spec that can be drawn."""

import copy

import pytest
from hypothesis import HealthCheck, Phase, given, note, seed, settings
from hypothesis import strategies as st

from tests.strategies.specs import service_specs

from .conftest import HELLO

SHARDS = 4


@st.composite
def services(draw):
    """A spec whose instances this machine can run: floors of at most one."""
    data = draw(service_specs(name="drawn", image=HELLO, secrets=()))
    scaling = data["spec"].get("scaling", {})
    if scaling.get("minInstances", 0) > 1:
        scaling["minInstances"] = 1
    return data


def converged(operator, data):
    report = operator.apply(data)
    assert not report.failed, [(str(r.change.address), str(r.error)) for r in report.failed]
    assert operator.differences(data) == []


def left(operator):
    """Everything that is ours in the world, by Google's clients."""
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    repositories = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    parent = {"parent": "projects/local/locations/europe-west1"}
    return [
        *(service.name for service in operator.services()),
        *(a.email for a in accounts.list_service_accounts(request={"name": "projects/local"}) if "drawn" in a.email),
        *(r.name for r in repositories.list_repositories(request=parent)),
        *(b.name for b in operator.connection.storage.list_buckets()),
    ]


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_apply_there_and_back_always_ends_in_an_empty_plan(operator, shard, request):
    """Apply A, edit to B, back to A, destroy: each plan afterwards is empty, and nothing of ours is left."""
    cases = -(-request.config.getoption("--cases") // SHARDS)

    @seed(shard)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],  # shrinking would cost minutes: a failing case is small enough
        suppress_health_check=list(HealthCheck),
    )
    @given(services(), services())
    def check(one, other):
        note(f"A: {one}\nB: {other}")
        for data in (one, other, one):
            converged(operator, copy.deepcopy(data))
        assert not operator.destroy("drawn").failed
        assert left(operator) == []

    check()
