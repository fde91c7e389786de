"""An account that somebody else may use."""

from google.cloud.iam_admin_v1.types import iam
from google.iam.v1 import iam_policy_pb2

from reconciler.core.address import Address
from reconciler.core.naming import note
from reconciler.kinds.service_account import ServiceAccount
from tests.conformance.example import Example

NAME = "projects/local/serviceAccounts/churn-run@local.iam.gserviceaccount.com"


def api(operator):
    return operator.api("google.cloud.iam_admin_v1", "iam", "IAM")


def read(operator):
    return api(operator).get_service_account(request={"name": NAME})


def policy(operator):
    return api(operator).get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=NAME))


def meddle(operator):
    theirs = {"role": "roles/iam.serviceAccountUser", "members": ["user:bob@example.com"]}
    request = iam_policy_pb2.SetIamPolicyRequest(resource=NAME, policy={"bindings": [theirs]})
    api(operator).set_iam_policy(request=request)


EXAMPLE = Example(
    address=Address("service_account", "global", "churn-run"),
    fields=ServiceAccount("Runs churn", note("churn"), disabled=False),
    edits=({"display_name": "Runs it"}, {"description": f"{note('churn')} again"}, {"disabled": True}),
    read=read,
    message=iam.ServiceAccount,
    by_method=frozenset({"disabled"}),
    places={"display_name": ["display_name"], "description": ["description"], "disabled": ["disabled"]},
    unmarked={"description": "made by hand"},
    meddle=meddle,
    theirs=lambda operator: bool(policy(operator).bindings),
)
