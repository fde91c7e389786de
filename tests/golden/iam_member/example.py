"""One member's role, beside somebody else's: on a service, on a secret, and on the project under a condition."""

from google.iam.v1 import iam_policy_pb2, options_pb2

from reconciler.core.membership import Membership
from reconciler.gcp.policy import grants
from reconciler.kinds.iam_member import RESOURCES, IamMember
from tests.conformance.example import Example
from tests.conformance.ground import accounts, secret
from tests.operating import HELLO


def with_account(operator):
    accounts(operator, "churn-run", "theirs")


def with_service(operator):
    with_account(operator)
    api = operator.api("google.cloud.run_v2", "services", "Services")
    service = {"template": {"containers": [{"image": HELLO}]}, "labels": dict(operator.at.labels)}
    request = {"parent": operator.at.here, "service_id": operator.at.name("churn"), "service": service}
    api.create_service(request=request).result()


def with_secret(operator):
    with_account(operator)
    secret(operator)


def example(at, there, location, theirs, prepare, *, condition="", edited=""):
    """An example on one sort of resource; `theirs` is a role that somebody else gives meanwhile."""
    on = RESOURCES[there.on]
    path = on.path.format(project=at.project, location=location, name=there.name)
    here = f"{there.role} {there.member} {there.title}"

    def policy(operator):
        options = options_pb2.GetPolicyOptions(requested_policy_version=3)
        request = iam_policy_pb2.GetIamPolicyRequest(resource=path, options=options)
        return on.connect(operator.connection).get_iam_policy(request=request)

    def read(operator):
        return {f"{g.role} {g.member} {g.title}": g.expression for g in grants(policy(operator))}

    def meddle(operator):
        live = policy(operator)
        live.bindings.add(role=theirs, members=[at.member("theirs")])
        request = iam_policy_pb2.SetIamPolicyRequest(resource=path, policy=live)
        on.connect(operator.connection).set_iam_policy(request=request)

    return Example(
        address=there.at(location),
        fields=IamMember(condition),
        read=read,
        # Without a condition a role is nothing but its address: there is no field to edit.
        edits=({"condition": edited},),
        places={"condition": [here]} if edited else {},
        prepare=prepare,
        meddle=meddle,
        theirs=lambda operator: f"{theirs} {at.member('theirs')} " in read(operator),
        part=there.on,
    )


def examples(at):
    """Give the examples of a place."""
    who = at.member("churn-run")
    return (
        example(
            at,
            Membership("project", "", "roles/storage.objectViewer", who, "mlservice-models"),
            "global",
            "roles/viewer",
            with_account,
            condition='resource.name == "projects/_/buckets/models"',
            edited='resource.name.startsWith("projects/_/buckets/models/objects/churn/")',
        ),
        example(
            at,
            Membership("run_service", at.name("churn"), "roles/run.invoker", who),
            at.region,
            "roles/run.invoker",
            with_service,
        ),
        example(
            at,
            Membership("secret", at.name("token"), "roles/secretmanager.secretAccessor", who),
            "global",
            "roles/secretmanager.viewer",
            with_secret,
        ),
    )
