"""A function with variables and labels of somebody else's, built from two small programs."""

from pathlib import Path

from google.cloud.functions_v2.types import functions
from google.protobuf.json_format import MessageToDict

from reconciler.core.address import Address
from reconciler.core.naming import mark_labels
from reconciler.kinds.functions_function import FunctionsFunction
from reconciler.lookups.function_source import archive, digest_of
from tests.conformance.example import Example
from tests.conformance.ground import accounts

HERE = Path(__file__).parent
SOURCE, OTHER = HERE / "source", archive(HERE / "other_source")
TOLD = {"MLSERVICE_RETRAINING": '{"service":"churn"}'}
FOLLOWS = {
    "build_config": ("build", "source_provenance"),
    "service_config": ("revision",),
}
"""What follows from every deployment: only Google writes it."""


def api(operator):
    return operator.api("google.cloud.functions_v2", "function_service", "FunctionService")


def name(operator):
    return operator.at.of_region("functions", "churn-retrain")


def prepare(operator):
    at = operator.at
    accounts(operator, "churn-retrain", "other-retrain")
    state = operator.connection.state
    state.make()
    blob = state.use().blob(f"functions/{at.region}/{at.name('churn-retrain')}/{digest_of(OTHER)}.zip")
    blob.upload_from_string(OTHER, "application/zip")


def live(operator):
    return api(operator).get_function(request={"name": name(operator)})


def read(operator):
    found = MessageToDict(functions.Function.pb(live(operator)), preserving_proto_field_name=True)
    for outer, names in FOLLOWS.items():
        for name in names:
            found[outer].pop(name, None)
    return found


def update(operator, paths, **fields):
    request = {"function": {"name": name(operator), **fields}, "update_mask": {"paths": paths}}
    api(operator).update_function(request=request).result(timeout=60)


def add_label(operator, key):
    update(operator, ["labels"], labels={**live(operator).labels, key: "theirs"})


def add_variable(operator, key):
    variables = {**live(operator).service_config.environment_variables, key: "theirs"}
    update(operator, ["service_config.environment_variables"], service_config={"environment_variables": variables})


def keep_one(operator):
    update(operator, ["service_config.min_instance_count"], service_config={"min_instance_count": 1})


def examples(at):
    """Give the examples of a place."""
    ours = {**mark_labels(at.name("churn")), **at.labels}
    example = Example(
        address=Address("functions_function", at.region, at.name("churn-retrain")),
        fields=FunctionsFunction(
            digest=digest_of(archive(SOURCE)),
            runtime="python313",
            environment=TOLD,
            account=at.email("churn-retrain"),
            memory_mib=512,
            cpu_millis=1000,
            concurrency=4,
            timeout_s=300,
            max_instances=3,
            ingress="Internal",
            labels=ours,
        ),
        edits=(
            {"timeout_s": 60},
            {"digest": digest_of(OTHER)},
            {"runtime": "python312"},
            {"environment": {"MLSERVICE_RETRAINING": "{}"}},
            {"account": at.email("other-retrain")},
            {"memory_mib": 1024},
            {"cpu_millis": 2000},
            {"concurrency": 1},
            {"max_instances": 5},
            {"ingress": "All"},
            {"labels": {**ours, "team": "growth"}},
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
        owner=at.name("churn"),
        prepare=prepare,
        unmarked={"labels": {}},
        meddle=lambda operator: update(operator, ["description"], description="theirs"),
        theirs=lambda operator: live(operator).description == "theirs",
        by_hand={"service_config.min_instance_count": keep_one},
        add_key={"labels": add_label, "environment": add_variable},
        source=str(SOURCE),
    )
    return (example,)
