"""A function with variables and labels of somebody else's, built from two small programs."""

from pathlib import Path

from google.cloud.functions_v2.types import functions
from google.protobuf.json_format import MessageToDict

from reconciler.core.address import Address
from reconciler.kinds.functions_function import FunctionsFunction
from reconciler.lookups.function_source import archive, digest_of
from tests.conformance.example import Example

HERE = Path(__file__).parent
SOURCE, OTHER = HERE / "source", archive(HERE / "other_source")
PLACE = "projects/local/locations/europe-west1"
NAME = f"{PLACE}/functions/churn-retrain"
ACCOUNTS = tuple(f"{name}@local.iam.gserviceaccount.com" for name in ("churn-retrain", "other-retrain"))
OURS = {"managed-by": "mlservice", "mlservice-service": "churn"}
TOLD = {"MLSERVICE_RETRAINING": '{"service":"churn"}'}
FOLLOWS = {
    "build_config": ("build", "source_provenance"),
    "service_config": ("revision",),
}
"""What follows from every deployment: only Google writes it."""


def api(operator):
    return operator.api("google.cloud.functions_v2", "function_service", "FunctionService")


def prepare(operator):
    accounts = operator.api("google.cloud.iam_admin_v1", "iam", "IAM")
    for name in ACCOUNTS:
        accounts.create_service_account(request={"name": "projects/local", "account_id": name.partition("@")[0]})
    state = operator.connection.state
    state.make()
    blob = state.use().blob(f"functions/europe-west1/churn-retrain/{digest_of(OTHER)}.zip")
    blob.upload_from_string(OTHER, "application/zip")


def live(operator):
    return api(operator).get_function(request={"name": NAME})


def read(operator):
    found = MessageToDict(functions.Function.pb(live(operator)), preserving_proto_field_name=True)
    for outer, names in FOLLOWS.items():
        for name in names:
            found[outer].pop(name, None)
    return found


def update(operator, paths, **fields):
    request = {"function": {"name": NAME, **fields}, "update_mask": {"paths": paths}}
    api(operator).update_function(request=request).result(timeout=60)


def add_label(operator, key):
    update(operator, ["labels"], labels={**live(operator).labels, key: "theirs"})


def add_variable(operator, key):
    variables = {**live(operator).service_config.environment_variables, key: "theirs"}
    update(operator, ["service_config.environment_variables"], service_config={"environment_variables": variables})


EXAMPLE = Example(
    address=Address("functions_function", "europe-west1", "churn-retrain"),
    fields=FunctionsFunction(
        digest=digest_of(archive(SOURCE)),
        runtime="python313",
        environment=TOLD,
        account=ACCOUNTS[0],
        memory_mib=512,
        cpu_millis=1000,
        concurrency=4,
        timeout_s=300,
        max_instances=3,
        ingress="Internal",
        labels=OURS,
    ),
    edits=(
        {"timeout_s": 60},
        {"digest": digest_of(OTHER)},
        {"runtime": "python312"},
        {"environment": {"MLSERVICE_RETRAINING": "{}"}},
        {"account": ACCOUNTS[1]},
        {"memory_mib": 1024},
        {"cpu_millis": 2000},
        {"concurrency": 1},
        {"max_instances": 5},
        {"ingress": "All"},
        {"labels": {**OURS, "team": "growth"}},
    ),
    read=read,
    message=functions.Function,
    places={
        "digest": ["build_config.source", "labels.mlservice-source"],
        "runtime": ["build_config.runtime"],
        "environment": ["service_config.environment_variables"],
        "account": ["service_config.service_account_email"],
        "memory_mib": ["service_config.available_memory"],
        "cpu_millis": ["service_config.available_cpu"],
        "concurrency": ["service_config.max_instance_request_concurrency"],
        "timeout_s": ["service_config.timeout_seconds"],
        "max_instances": ["service_config.max_instance_count"],
        "ingress": ["service_config.ingress_settings"],
        "labels": ["labels"],
    },
    prepare=prepare,
    unmarked={"labels": {}},
    meddle=lambda operator: update(
        operator, ["service_config.min_instance_count"], service_config={"min_instance_count": 1}
    ),
    theirs=lambda operator: live(operator).service_config.min_instance_count == 1,
    add_key={"labels": add_label, "environment": add_variable},
    source=str(SOURCE),
)
