"""Read access to one secret, beside somebody else's."""

from google.iam.v1 import iam_policy_pb2

from reconciler.core.address import Address
from reconciler.gcp.policy import grants
from reconciler.kinds.grant import RoleGrant
from tests.conformance.example import Example

WHO = "serviceAccount:churn-run@local.iam.gserviceaccount.com"
SECRET = "projects/local/secrets/token"


def api(operator):
    return operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")


def policy(operator):
    return api(operator).get_iam_policy(request=iam_policy_pb2.GetIamPolicyRequest(resource=SECRET))


def read(operator):
    return {f"{g.role} {g.member}": g.expression for g in grants(policy(operator))}


def meddle(operator):
    live = policy(operator)
    live.bindings.add(role="roles/secretmanager.viewer", members=["user:ann@example.com"])
    api(operator).set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource=SECRET, policy=live))


def prepare(operator):
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    accounts.create_service_account(request={"name": "projects/local", "account_id": "churn-run"})
    secret = {"replication": {"automatic": {}}}
    api(operator).create_secret(request={"parent": "projects/local", "secret_id": "token", "secret": secret})


EXAMPLE = Example(
    address=Address("secret_accessor", "global", f"token {WHO}"),
    fields=RoleGrant(),
    read=read,
    # A grant without a condition is nothing but its address: there is no field to edit.
    edits=({"condition": ""},),
    prepare=prepare,
    meddle=meddle,
    theirs=lambda operator: "roles/secretmanager.viewer user:ann@example.com" in read(operator),
)
