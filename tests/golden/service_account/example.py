"""An account that somebody else may use."""

from google.cloud.iam_admin_v1.types import iam
from google.iam.v1 import iam_policy_pb2

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.service_account import ServiceAccount
from tests.conformance.example import Example


def name(operator):
    return f"{operator.at.top}/serviceAccounts/{operator.at.email('churn-run')}"


def api(operator):
    return operator.api("google.cloud.iam_admin_v1", "iam", "IAM")


def read(operator):
    return api(operator).get_service_account(request={"name": name(operator)})


def policy(operator):
    return api(operator).get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=name(operator)))


def meddle(operator):
    theirs = {"role": "roles/iam.serviceAccountUser", "members": ["user:bob@example.com"]}
    request = iam_policy_pb2.SetIamPolicyRequest(resource=name(operator), policy={"bindings": [theirs]})
    api(operator).set_iam_policy(request=request)


def examples(at):
    """Give the examples of a place."""
    mark = note(at.name("churn"))
    example = Example(
        address=Address("service_account", "global", at.name("churn-run")),
        fields=ServiceAccount("Runs churn", mark, disabled=False),
        edits=({"display_name": "Runs it"}, {"description": f"{mark} again"}, {"disabled": True}),
        read=read,
        message=iam.ServiceAccount,
        by_method=frozenset({"disabled"}),
        places={"display_name": ["display_name"], "description": ["description"], "disabled": ["disabled"]},
        owner=at.name("churn"),
        unmarked={"description": "made by hand"},
        meddle=meddle,
        theirs=lambda operator: bool(policy(operator).bindings),
    )
    return (example,)
