"""Permission to call one service, beside somebody else's."""

from google.iam.v1 import iam_policy_pb2

from reconciler.core.address import Address
from reconciler.gcp.policy import grants
from reconciler.kinds.grant import RoleGrant
from tests.conformance.example import Example
from tests.operating import HELLO

PARENT = "projects/local/locations/europe-west1"


def api(operator):
    return operator.api("google.cloud.run_v2", "services", "Services")


def policy(operator):
    request = iam_policy_pb2.GetIamPolicyRequest(resource=f"{PARENT}/services/churn")
    return api(operator).get_iam_policy(request=request)


def read(operator):
    return {f"{g.role} {g.member}": g.expression for g in grants(policy(operator))}


def meddle(operator):
    live = policy(operator)
    live.bindings.add(role="roles/run.invoker", members=["user:bob@example.com"])
    request = iam_policy_pb2.SetIamPolicyRequest(resource=f"{PARENT}/services/churn", policy=live)
    api(operator).set_iam_policy(request=request)


def prepare(operator):
    service = {"template": {"containers": [{"image": HELLO}]}}
    api(operator).create_service(request={"parent": PARENT, "service_id": "churn", "service": service}).result()


EXAMPLE = Example(
    address=Address("run_invoker", "europe-west1", "churn user:ann@example.com"),
    fields=RoleGrant(),
    read=read,
    # A grant without a condition is nothing but its address: there is no field to edit.
    edits=({"condition": ""},),
    prepare=prepare,
    meddle=meddle,
    theirs=lambda operator: "roles/run.invoker user:bob@example.com" in read(operator),
)
