"""A provider; of a name that was deleted, it comes back."""

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.iam_workload_identity_pool import HOST
from reconciler.kinds.iam_workload_identity_pool_provider import WorkloadIdentityPoolProvider
from tests.conformance.example import Example

GITHUB = "https://token.actions.githubusercontent.com"
OLD = {
    "attributeMapping": {"google.subject": "assertion.sub", "attribute.actor": "assertion.actor"},
    "attributeCondition": "assertion.repository_owner == 'others'",
    "oidc": {"issuerUri": GITHUB},
}


def place(operator):
    return f"{operator.at.top}/locations/global/workloadIdentityPools"


def pool(operator):
    return operator.at.name("churn-ci")


def providers(operator):
    return f"{place(operator)}/{pool(operator)}/providers"


def name(operator):
    return f"{providers(operator)}/planner"


def api(operator):
    return operator.connection.rest(HOST, "v1")


def read(operator):
    return api(operator).get(name(operator))


def with_a_pool(operator):
    api(operator).write("POST", place(operator), {}, patience_s=5, workloadIdentityPoolId=pool(operator))


def deleted_before(operator):
    with_a_pool(operator)
    rest = api(operator)
    old = OLD | {"description": note(operator.at.name("churn"))}
    rest.write("POST", providers(operator), old, patience_s=5, workloadIdentityPoolProviderId="planner")
    rest.write("DELETE", name(operator), patience_s=5)


def example(at, part, prepare):
    mark = note(at.name("churn"))
    return Example(
        address=Address("iam_workload_identity_pool_provider", "global", f"{at.name('churn-ci')}/planner"),
        owner=at.name("churn"),
        fields=WorkloadIdentityPoolProvider(
            display_name="Plans",
            description=mark,
            disabled=False,
            issuer=GITHUB,
            audiences=(),
            mapping={"google.subject": "assertion.sub"},
            condition="assertion.repository_id == '456'",
            keys="",
        ),
        edits=(
            {"display_name": "Plans more"},
            {"description": f"{mark} again"},
            {"disabled": True},
            {"issuer": "https://github.acme.example/_services/token"},
            {"audiences": ("mlservice",)},
            {"mapping": {"google.subject": "assertion.sub", "attribute.ref": "assertion.ref"}},
            {"condition": "assertion.repository_id == '457'"},
            {"keys": '{"keys": []}'},
        ),
        read=read,
        places={
            "display_name": ["displayName"],
            "description": ["description"],
            "disabled": ["disabled"],
            "issuer": ["oidc.issuerUri"],
            "audiences": ["oidc.allowedAudiences"],
            "mapping": ["attributeMapping"],
            "condition": ["attributeCondition"],
            "keys": ["oidc.jwksJson"],
        },
        prepare=prepare,
        unmarked={"description": "made by hand"},
        part=part,
    )


def examples(at):
    """Give the examples of a place."""
    return (example(at, "", with_a_pool), example(at, "deleted", deleted_before))
