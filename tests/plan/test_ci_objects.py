"""Which of an operator's objects let a CI in: those of its own names, and none of names that only end alike."""

import pytest

from reconciler.core.address import GLOBAL, Address
from reconciler.core.membership import Membership
from reconciler.kinds.iam_workload_identity_pool_provider.wanted import lets_in

OPERATOR, PROJECT = "mlservice", "acme"


def account(name):
    return Address("service_account", GLOBAL, name)


def member(who, project=PROJECT, on="project", name=""):
    there = f"serviceAccount:{who}@{project}.iam.gserviceaccount.com"
    return Membership(on, name, "roles/run.viewer", there).at(GLOBAL)


OF_A_CI = [
    Address("iam_workload_identity_pool", GLOBAL, "mlservice-ci"),
    Address("iam_workload_identity_pool_provider", GLOBAL, "mlservice-ci/planner"),
    Address("iam_role", GLOBAL, "mlservice_mlservice_planner"),
    account("mlservice-planner"),
    member("mlservice-applier"),
    member("anyone", on="service_account", name="mlservice-applier"),
]
OTHERS = [
    Address("iam_role", GLOBAL, "mlservice_mlservice"),
    Address("iam_role", GLOBAL, "mlservice_demand_planner"),
    account("mlservice-operator"),
    account("demand-planner"),
    member("demand-planner"),
    member("mlservice-planner", project="other"),
    member("mlservice-operator", on="service_account", name="demand-planner"),
    Address("run_job", "europe-west1", "mlservice-planner"),
]


@pytest.mark.parametrize("address", OF_A_CI, ids=str)
def test_what_lets_a_ci_in(address):
    """Its pool and providers, its accounts, and what these may."""
    assert lets_in(address, OPERATOR, PROJECT)


@pytest.mark.parametrize("address", OTHERS, ids=str)
def test_what_only_looks_like_it(address):
    """Such as an account of the user's that ends alike, which would lose its roles at an install."""
    assert not lets_in(address, OPERATOR, PROJECT)
