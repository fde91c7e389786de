"""One member's role, beside somebody else's: on a service, on a secret, and on the project under a condition."""

from google.iam.v1 import iam_policy_pb2, options_pb2

from reconciler.core.membership import Membership
from reconciler.gcp.policy import grants
from reconciler.kinds.iam_member import RESOURCES, IamMember
from tests.conformance.example import Example
from tests.operating import HELLO

REGION, PROJECT = "europe-west1", "local"
WHO = f"serviceAccount:churn-run@{PROJECT}.iam.gserviceaccount.com"
PARENT = f"projects/{PROJECT}/locations/{REGION}"


def with_account(operator):
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    accounts.create_service_account(request={"name": f"projects/{PROJECT}", "account_id": "churn-run"})


def with_service(operator):
    api = operator.api("google.cloud.run_v2", "services", "Services")
    service = {"template": {"containers": [{"image": HELLO}]}}
    api.create_service(request={"parent": PARENT, "service_id": "churn", "service": service}).result()


def with_secret(operator):
    with_account(operator)
    api = operator.api("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    secret = {"replication": {"automatic": {}}}
    api.create_secret(request={"parent": f"projects/{PROJECT}", "secret_id": "token", "secret": secret})


def example(there, location, theirs, prepare, *, condition="", edited=""):
    """An example on one sort of resource; `theirs` is a role that somebody else gives ann meanwhile."""
    on = RESOURCES[there.on]
    path = on.path.format(project=PROJECT, location=location, name=there.name)
    here = f"{there.role} {there.member} {there.title}"

    def policy(operator):
        options = options_pb2.GetPolicyOptions(requested_policy_version=3)
        request = iam_policy_pb2.GetIamPolicyRequest(resource=path, options=options)
        return operator.api(*on.client).get_iam_policy(request=request)

    def read(operator):
        return {f"{g.role} {g.member} {g.title}": g.expression for g in grants(policy(operator))}

    def meddle(operator):
        live = policy(operator)
        live.bindings.add(role=theirs, members=["user:bob@example.com"])
        request = iam_policy_pb2.SetIamPolicyRequest(resource=path, policy=live)
        operator.api(*on.client).set_iam_policy(request=request)

    return Example(
        address=there.at(location),
        fields=IamMember(condition),
        read=read,
        # Without a condition a role is nothing but its address: there is no field to edit.
        edits=({"condition": edited},),
        places={"condition": [here]} if edited else {},
        prepare=prepare,
        meddle=meddle,
        theirs=lambda operator: f"{theirs} user:bob@example.com " in read(operator),
        part=there.on,
    )


EXAMPLES = (
    example(
        Membership("project", "", "roles/storage.objectViewer", WHO, "mlservice-models"),
        "global",
        "roles/viewer",
        with_account,
        condition='resource.name == "projects/_/buckets/models"',
        edited='resource.name.startsWith("projects/_/buckets/models/objects/churn/")',
    ),
    example(
        Membership("run_service", "churn", "roles/run.invoker", "user:ann@example.com"),
        REGION,
        "roles/run.invoker",
        with_service,
    ),
    example(
        Membership("secret", "token", "roles/secretmanager.secretAccessor", WHO),
        "global",
        "roles/secretmanager.viewer",
        with_secret,
    ),
)
