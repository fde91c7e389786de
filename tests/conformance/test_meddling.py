"""What a stranger did to an object is in the plan, or it is written down why it is theirs.

By default some fields of each kind are tried, by a seed; `--long` tries all of them and prints what became of each,
`--cases N` so many.
"""

import random
from dataclasses import replace

import pytest
from google.pubsub_v1 import PublisherClient, SchemaServiceClient

from reconciler.core.errors import ReconcilerError
from reconciler.core.plan import Action
from reconciler.kinds import KINDS
from tests.conformance.bench import Bench
from tests.conformance.example import examples_of
from tests.conformance.meddling import changed, found, is_ours_to_write, leaves, updating, write
from tests.conformance.test_kinds import CASES, Counted
from tests.emulator.clients import client

NO_CLASS = "Google describes it in no class with a method that writes one: its example has what hands may do (by_hand)"
NOT_TRIED = {
    "bigquery_baseline": NO_CLASS,
    "bigquery_dataset": NO_CLASS,
    "bigquery_table": NO_CLASS,
    "bigquery_view": NO_CLASS,
    "iam_member": "it is a member in a role, and nothing else",
    "iam_workload_identity_pool": NO_CLASS,
    "iam_workload_identity_pool_provider": NO_CLASS,
    "model_artifact": "it is files, which are compared by their digests",
    "storage_notification": "nobody can change one: Cloud Storage has no method for that",
    "vertex_model": NO_CLASS,
    "vertex_model_monitor": NO_CLASS,
    "vertex_schedule": NO_CLASS,
}
PEOPLE = "words for people, and labels of others"
BLANK = "without the part that they are of it means nothing"
OF_A_SERVICE = (
    "app_engine", "cloud_endpoints", "cluster_istio", "mesh_istio", "istio_canonical_service", "cloud_run",
    "gke_namespace", "gke_workload", "gke_service", "basic_service", "telemetry",
)  # fmt: skip
LOOKS = (
    *(f"mosaic_layout.tiles.{name}" for name in ("x_pos", "y_pos", "width", "height", "widget.id")),
    *(f"mosaic_layout.tiles.widget.text.{name}" for name in ("format_", "style")),
    "dashboard_filters",
)
REASONS = {
    "artifact_repository": {
        "description": PEOPLE,
        "disallow_unspecified_mode": "of the request that makes one, and of no repository that is there",
    },
    "iam_role": {"stage": PEOPLE},
    "pubsub_topic": {
        "message_storage_policy": "a policy of the organisation writes it, and whoever must keep to it",
        "kms_key_name": "whoever has the key says what is encrypted by it",
        "message_retention_duration": "what is kept for others to read again changes nothing of what is delivered",
        "schema_settings": f"of a schema, which is named: {BLANK}",
    },
    "pubsub_subscription": {
        "push_config.no_wrapper": "how a push is wrapped is between whoever asked for it and the container",
        "retain_acked_messages": "to be able to read again what was delivered",
        "message_retention_duration": "to be able to read again what was delivered",
    },
    "pubsub_table_subscription": {
        "push_config": f"nothing is pushed: {BLANK}",
        "ack_deadline_seconds": "nobody acknowledges: Pub/Sub writes the rows itself",
        "retain_acked_messages": "to be able to read again what was delivered",
        "message_retention_duration": "to be able to read again what was delivered",
    },
    "pubsub_pull_subscription": {
        "push_config": f"nothing is pushed: {BLANK}; an address is named",
        "retain_acked_messages": "to be able to read again what was delivered",
        "retry_policy": "when one that was not acknowledged comes again: what is read twice counts once",
        "enable_exactly_once_delivery": "what is read twice counts once",
    },
    "scheduler_job": {
        "http_target.headers": "a way to tell who calls, for whoever stands between",
        "pubsub_target.data": "what is started by a message reads its attributes alone",
    },
    "logging_sink": {"bigquery_options": f"of a sink to BigQuery: {BLANK}"},
    "monitoring_service": dict.fromkeys(
        OF_A_SERVICE, "it decides how the console shows it; objectives name their series"
    ),
    "monitoring_notification_channel": {"description": PEOPLE},
    "monitoring_alert_policy": {
        "conditions.condition_absent.trigger.count": "1 is what it is where nothing is said",
    },
    "monitoring_dashboard": dict.fromkeys(LOOKS, "where tiles stand and how they look is for whoever looks at them"),
    "run_job": {
        "annotations": PEOPLE,
        "template.labels": PEOPLE,
        "template.annotations": PEOPLE,
        "client": PEOPLE,
        "client_version": PEOPLE,
        "launch_stage": PEOPLE,
        "binary_authorization": "whoever answers for what may run says so",
        "template.template.containers.name": PEOPLE,
        "template.template.containers.resources": "how its processor is billed is the same for a job, whatever it says",
        "template.template.execution_environment": "either runs the same image",
        "template.template.encryption_key": "whoever has the key says what is encrypted by it",
        "template.template.vpc_access": "which way calls take is for who answers for the network",
        "template.template.gpu_zonal_redundancy_disabled": f"of a GPU, which is named: {BLANK}",
        "start_execution_token": "it starts an execution once, when it is written",
        "run_execution_token": "it starts an execution once, when it is written",
    },
    "run_service": {
        "annotations": PEOPLE,
        "client": PEOPLE,
        "client_version": PEOPLE,
        "binary_authorization.breakglass_justification": "a person leaves a policy aside once, and says why",
        "template.annotations": PEOPLE,
        "template.vpc_access.egress": f"of a connector or a network: {BLANK}",
        "template.gpu_zonal_redundancy_disabled": f"of a GPU, which is named: {BLANK}",
        "scaling.scaling_mode": "by itself is how it scales where nothing is said",
        "scaling.max_instance_count": "where a spec sets no limit of the whole service, one of others is left as found",
        "build_config": "how an image was built is for whoever built it: what runs is compared by its digest",
    },
    "functions_function": {
        "description": PEOPLE,
        "build_config": "how it is built is for whoever answers for builds; what is built is compared by its digest",
        "service_config.vpc_connector_egress_settings": f"of a connector: {BLANK}",
        "service_config.security_level": "its address has no other way in than by HTTPS",
    },
}
"""Why a field that a stranger changed is left to them, by kind and the beginning of its path."""
OBJECTS = [
    case
    for case in CASES
    if updating(case.values[0][1].message) is not None and case.values[0][0].name not in NOT_TRIED
]


def test_every_kind_is_tried_or_it_is_said_why_not():
    """A new kind is picked up by itself, or says here why it cannot be."""
    tried = {case.values[0][0].name for case in OBJECTS}

    assert tried | NOT_TRIED.keys() == {kind.name for kind in KINDS}
    assert REASONS.keys() <= tried


QUICK = {"tcpSocket": {}, "timeoutSeconds": 1, "periodSeconds": 1, "failureThreshold": 20}
"""How a container is asked whether it has started: one that a stranger made start no more is given up in 20 s."""


@pytest.fixture(params=OBJECTS)
def bench(request, operator):
    """A kind whose objects Google has a class for, and a method that changes them."""
    kind, example = request.param
    if kind.name == "run_service":
        fields = replace(example.fields, container={**example.fields.container, "startupProbe": QUICK})
        example = replace(example, fields=fields)
    return Counted(kind, example, operator)


def fields_of(message):
    """What a caller may write, but for what names the object."""
    every = leaves(message.pb().DESCRIPTOR)
    return [each for each in every if each.fields[0].name not in {"name", "etag"} and is_ours_to_write(message, each)]


def live(bench):
    """The object, as Google's message; None where it is not found any more by what marks it."""
    message = bench.example.message
    try:
        return message.pb(bench.example.read(bench.operator), coerce=True)
    except ValueError:
        return None


def clean(bench):
    """Have the object as it is wanted, whatever happened to it."""
    try:
        if bench.decide(bench.want()).action is not Action.NO_OP:
            bench.converge(bench.want())
    except ReconcilerError:
        bench.client.delete(bench.seen())
        bench.converge(bench.want())


def outcome(bench, path):
    """What becomes of a field that a stranger changes: named, silent, or refused since Google takes no other value."""
    before = live(bench)
    for wanted in changed(before, path):
        if "etag" in wanted.DESCRIPTOR.fields_by_name:
            wanted.ClearField("etag")
        if not write(bench.operator, bench.example.message, wanted, path):
            continue
        after = live(bench)
        if after is None or found(after, path) != found(before, path):
            return "named" if is_named(bench) else "silent"
    return "refused"


def is_named(bench):
    """Whether a plan says that something is not as it is wanted, be it that it is not ours any more."""
    try:
        change = bench.decide(bench.want())
    except ReconcilerError:
        return True
    return bool(change.changes or change.problem or not change.observed)


def reason(kind, path):
    """Why a field is theirs; nothing where there is no reason."""
    return next((why for start, why in REASONS.get(kind, {}).items() if f"{path}.".startswith(f"{start}.")), "")


@pytest.mark.timeout(600)
def test_what_a_stranger_changes_is_named_or_theirs(bench, request):
    """Field by field, by Google's own client: nothing is silent without a reason, and no reason is left over."""
    kind, paths = bench.kind.name, fields_of(bench.example.message)
    whole = request.config.getoption("--long")
    if not whole:
        few = min(len(paths), request.config.getoption("--cases") // 2)
        paths = random.Random(f"{kind} {bench.example.part}").sample(paths, few)  # noqa: S311 - a fixed seed, for tests
    bench.converge(bench.want())
    told = {}
    for path in paths:
        told[path.text] = outcome(bench, path)
        clean(bench)
    if whole:
        for path, became in told.items():
            why = reason(kind, path) if became == "silent" else ""
            print(f"{became:8} {kind:32} {path}  {why}")  # noqa: T201 - the table is what this is for

    assert [path for path, became in told.items() if became == "silent" and not reason(kind, path)] == []
    assert not whole or "named" in told.values()


def test_a_schema_on_a_topic_is_named_and_put_back(operator):
    """What does not fit it would be refused to whoever publishes."""
    (kind,) = (kind for kind in KINDS if kind.name == "pubsub_topic")
    [example] = examples_of(kind.name)
    bench = Bench(kind, example, operator)
    bench.converge(bench.want())
    schema = {"type_": "AVRO", "definition": '{"type": "record", "name": "a", "fields": []}'}
    made = client(operator.emulator, SchemaServiceClient).create_schema(
        parent="projects/local", schema=schema, schema_id="theirs"
    )
    topic = {"name": live(bench).name, "schema_settings": {"schema": made.name, "encoding": "JSON"}}
    client(operator.emulator, PublisherClient).update_topic(
        request={"topic": topic, "update_mask": {"paths": ["schema_settings"]}}
    )

    told = [change.path for change in bench.decide(bench.want()).changes]
    bench.converge(bench.want())

    assert told == ["by_hand.schema_settings.schema"]
    assert not live(bench).schema_settings.schema
    assert bench.decide(bench.want()).action is Action.NO_OP
