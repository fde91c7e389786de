"""A pool that somebody else trusts for certificates; of a name that was deleted, it comes back."""

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.iam_workload_identity_pool import HOST, WorkloadIdentityPool
from tests.conformance.example import Example

PLACE = "projects/local/locations/global/workloadIdentityPools"
NAME = f"{PLACE}/churn-ci"


def api(operator):
    return operator.connection.rest(HOST, "v1")


def read(operator):
    return api(operator).get(NAME)


def deleted_before(operator):
    rest = api(operator)
    rest.write("POST", PLACE, {"displayName": "of old"}, patience_s=5, workloadIdentityPoolId="churn-ci")
    rest.write("DELETE", NAME, patience_s=5)


def meddle(operator):
    body = {"inlineTrustConfig": {"additionalTrustBundles": {"acme.example": {}}}}
    api(operator).write("PATCH", NAME, body, patience_s=5, updateMask="inlineTrustConfig")


def example(part, prepare):
    return Example(
        address=Address("iam_workload_identity_pool", "global", "churn-ci"),
        fields=WorkloadIdentityPool("CI of churn", note("churn"), disabled=False),
        edits=(
            {"display_name": "More of churn"},
            {"description": f"{note('churn')} again"},
            {"disabled": True},
        ),
        read=read,
        places={"display_name": ["displayName"], "description": ["description"], "disabled": ["disabled"]},
        prepare=prepare,
        unmarked={"description": "made by hand"},
        meddle=meddle,
        theirs=lambda operator: "inlineTrustConfig" in read(operator),
        part=part,
    )


EXAMPLES = (example("", lambda _: None), example("deleted", deleted_before))
