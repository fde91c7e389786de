"""Pools and providers that were deleted: whose come back, and as what."""

import pytest

from reconciler.core import errors
from reconciler.core.naming import note
from reconciler.gcp.soft_deleted import SoftDeleted
from reconciler.kinds.iam_workload_identity_pool import HOST, place

OURS, THEIRS = {"description": note("operator_mlservice")}, {"description": "of somebody's"}
POOLS = place("local")
HERE = f"{POOLS}/ci-pool"


@pytest.fixture
def pools(operator):
    """The pools of a project."""
    return SoftDeleted(operator.connection.rest(HOST, "v1"), 5.0, "workloadIdentityPoolId", "description,disabled")


def test_what_we_deleted_comes_back_disabled_and_is_written_anew(pools):
    """In between nobody comes in by what was true of it before."""
    pools.create(POOLS, "ci-pool", OURS)
    pools.delete(HERE)
    pools.delete(HERE)

    assert pools.api.get(HERE)["disabled"]
    pools.create(POOLS, "ci-pool", OURS)
    found = pools.api.get(HERE)
    assert (found["state"], found.get("disabled", False)) == ("ACTIVE", False)


@pytest.mark.parametrize(
    "theirs", [THEIRS, {}, {"description": note("operator_other")}], ids=["words", "none", "other"]
)
def test_what_a_stranger_deleted_stays_deleted(pools, theirs):
    """It is not brought back and overwritten: whoever deleted it may have had a reason."""
    pools.create(POOLS, "ci-pool", theirs)
    pools.delete(HERE)

    with pytest.raises(errors.NotOursError, match="not ours"):
        pools.create(POOLS, "ci-pool", OURS)
    assert pools.api.get(HERE)["state"] == "DELETED"
