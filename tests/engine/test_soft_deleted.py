"""Pools and providers that were deleted: whose come back, and as what."""

import pytest

from reconciler.core import errors
from reconciler.core.address import GLOBAL, Address
from reconciler.core.naming import note
from reconciler.gcp.soft_deleted import SoftDeleted
from reconciler.kinds.iam_workload_identity_pool import HOST, NAME, place

OURS, THEIRS = {"description": note("operator_mlservice")}, {"description": "of somebody's"}
HERE = f"{place('local')}/ci-pool"
ADDRESS = Address(NAME, GLOBAL, "ci-pool")
WIRE = {"description": "description", "disabled": "disabled"}


@pytest.fixture
def pools(operator):
    """The pools of a project."""
    return SoftDeleted(operator.connection.rest(HOST, "v1"), 5.0, "workloadIdentityPoolId", WIRE)


def test_what_we_deleted_comes_back_disabled_and_is_written_anew(pools):
    """In between nobody comes in by what was true of it before."""
    pools.create(ADDRESS, HERE, OURS)
    pools.delete(ADDRESS, HERE)
    pools.delete(ADDRESS, HERE)

    assert pools.api.get(HERE)["disabled"]
    pools.create(ADDRESS, HERE, OURS)
    found = pools.api.get(HERE)
    assert (found["state"], found.get("disabled", False)) == ("ACTIVE", False)


@pytest.mark.parametrize(
    "theirs", [THEIRS, {}, {"description": note("operator_other")}], ids=["words", "none", "other"]
)
def test_what_a_stranger_deleted_stays_deleted(pools, theirs):
    """It is not brought back and overwritten: whoever deleted it may have had a reason."""
    pools.create(ADDRESS, HERE, theirs)
    pools.delete(ADDRESS, HERE)

    with pytest.raises(errors.NotOursError, match="not ours"):
        pools.create(ADDRESS, HERE, OURS)
    assert pools.api.get(HERE)["state"] == "DELETED"
