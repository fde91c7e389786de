"""A conditional role in the project's policy, beside everybody else's."""

from google.iam.v1 import iam_policy_pb2, options_pb2

from reconciler.core.address import Address
from reconciler.gcp.policy import grants
from reconciler.kinds.grant import RoleGrant
from tests.conformance.example import Example

WHO = "serviceAccount:churn-run@local.iam.gserviceaccount.com"
ROLE = "roles/storage.objectViewer"


def api(operator):
    return operator.api("google.cloud.resourcemanager_v3", "projects", "Projects")


def policy(operator):
    options = options_pb2.GetPolicyOptions(requested_policy_version=3)
    request = iam_policy_pb2.GetIamPolicyRequest(resource="projects/local", options=options)
    return api(operator).get_iam_policy(request=request)


def read(operator):
    return {f"{g.role} {g.member} {g.title}": g.expression for g in grants(policy(operator))}


def meddle(operator):
    live = policy(operator)
    live.bindings.add(role="roles/viewer", members=["user:ann@example.com"])
    api(operator).set_iam_policy(request=iam_policy_pb2.SetIamPolicyRequest(resource="projects/local", policy=live))


def prepare(operator):
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    accounts.create_service_account(request={"name": "projects/local", "account_id": "churn-run"})


EXAMPLE = Example(
    address=Address("project_role", "global", f"{ROLE} {WHO} mlservice-models"),
    fields=RoleGrant('resource.name == "projects/_/buckets/models"'),
    edits=({"condition": 'resource.name.startsWith("projects/_/buckets/models/objects/churn/")'},),
    read=read,
    places={"condition": [f"{ROLE} {WHO} mlservice-models"]},
    prepare=prepare,
    meddle=meddle,
    theirs=lambda operator: "roles/viewer user:ann@example.com " in read(operator),
)
