"""A pool that somebody else trusts for certificates; of a name that was deleted, it comes back."""

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.iam_workload_identity_pool import HOST, WorkloadIdentityPool
from tests.conformance.example import Example


def place(operator):
    return f"{operator.at.top}/locations/global/workloadIdentityPools"


def pool(operator):
    return operator.at.name("churn-ci")


def name(operator):
    return f"{place(operator)}/{pool(operator)}"


def api(operator):
    return operator.connection.rest(HOST, "v1")


def read(operator):
    return api(operator).get(name(operator))


def deleted_before(operator):
    rest = api(operator)
    old = {"displayName": "of old", "description": note(operator.at.name("churn"))}
    rest.write("POST", place(operator), old, patience_s=5, workloadIdentityPoolId=pool(operator))
    rest.write("DELETE", name(operator), patience_s=5)


def meddle(operator):
    body = {"inlineTrustConfig": {"additionalTrustBundles": {"acme.example": {}}}}
    api(operator).write("PATCH", name(operator), body, patience_s=5, updateMask="inlineTrustConfig")


def example(at, part, prepare):
    mark = note(at.name("churn"))
    return Example(
        address=Address("iam_workload_identity_pool", "global", at.name("churn-ci")),
        fields=WorkloadIdentityPool("CI of churn", mark, disabled=False),
        owner=at.name("churn"),
        edits=(
            {"display_name": "More of churn"},
            {"description": f"{mark} again"},
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


def examples(at):
    """Give the examples of a place."""
    return (example(at, "", lambda _: None), example(at, "deleted", deleted_before))
