"""What the function must be allowed so that something trains, and what a training on Vertex AI runs as and may do.

Vertex AI's jobs and models have no policies of their own, and of its predefined roles the least that may make jobs or
upload models is the user's, so that is given on the project. A job runs as an account of its own all the same: what a
training image may do is less than what starts it.

Source: https://cloud.google.com/vertex-ai/docs/general/access-control, .../general/custom-service-account,
    .../pipelines/configure-project#service-account (the account of a pipeline makes the jobs of its tasks);
    https://cloud.google.com/bigquery/docs/conditions (tables).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core import condition
from reconciler.core.address import GLOBAL, Address
from reconciler.core.kind import Gift
from reconciler.core.membership import PROJECT, Membership
from reconciler.core.objects import Desired, Wanted
from reconciler.kinds import iam_member, service_account
from reconciler.kinds.functions_function import performance
from reconciler.kinds.functions_function.settings import (
    TRAIN_ROLE,
    email_of,
    folder_of,
    registers,
    serving,
    statement_of,
    train_email_of,
    trains_on_vertex,
    watched_monitors,
)
from reconciler.kinds.iam_member import IamMember
from schemas.tables import split_table

if TYPE_CHECKING:
    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.sections.retraining import Retraining

JOB_RUNNERS = ("roles/run.jobsExecutorWithOverrides", "roles/run.viewer")
"""What running one job with words of ours takes, and looking at its executions."""
VERTEX_USER = "roles/aiplatform.user"
VERTEX_READER = "roles/aiplatform.viewer"
"""What looking at monitors takes, where nothing is registered: monitors have no policies of their own."""
ACT_AS = "roles/iam.serviceAccountUser"
OBJECT_USER, OBJECT_READER = "roles/storage.objectUser", "roles/storage.objectViewer"
TABLE_READER, QUERIES = "roles/bigquery.dataViewer", "roles/bigquery.jobUser"
METRIC_WRITER = "roles/monitoring.metricWriter"
"""What writing points takes: metrics have no policies of their own."""
MODEL_MAKER = "roles/bigquery.dataEditor"
"""The least predefined role that makes models, exports them, and says where their dataset is."""
TEMPLATE_READER = "roles/artifactregistry.reader"
_REGISTRY = re.compile(r"https://(?P<region>[a-z0-9-]+)-kfp\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/\S+")
_FUNCTION, _TRAINING = "the retraining function's own account", "the account that trainings on Vertex AI run as"
GIFTS = (
    *(Gift(role, "run_job", _FUNCTION, "running the job that trains") for role in JOB_RUNNERS),
    Gift(VERTEX_USER, PROJECT, _FUNCTION, "starting trainings on Vertex AI, registering models and moving aliases"),
    Gift(VERTEX_READER, PROJECT, _FUNCTION, "looking at what monitors measured"),
    Gift(ACT_AS, service_account.KIND.name, _FUNCTION, "starting trainings as their account"),
    Gift(OBJECT_READER, PROJECT, _FUNCTION, "reading the compiled pipeline in Cloud Storage: only that object"),
    Gift(TEMPLATE_READER, "artifact_repository", _FUNCTION, "reading the compiled pipeline in Artifact Registry"),
    Gift(QUERIES, PROJECT, _FUNCTION, "training by BigQuery ML, whose jobs run as whoever begins them"),
    Gift(MODEL_MAKER, PROJECT, _FUNCTION, "making and exporting models of BigQuery ML: only the statement's dataset"),
    Gift(TABLE_READER, PROJECT, _FUNCTION, "measuring models of BigQuery ML: only the table of `evaluation.dataset`"),
    Gift(OBJECT_USER, PROJECT, _TRAINING, "writing model and measures: only below the service's folder of runs"),
    Gift(OBJECT_READER, PROJECT, _TRAINING, "reading `evaluation.dataset` and the live model: only those"),
    Gift(QUERIES, PROJECT, _FUNCTION, "joining predictions and labels, where `monitoring.performance` is judged"),
    Gift(TABLE_READER, PROJECT, _FUNCTION, "reading the prediction log and the table of labels: only those two"),
    Gift(METRIC_WRITER, PROJECT, _FUNCTION, "telling Cloud Monitoring what `monitoring.performance` came to"),
    Gift(TABLE_READER, PROJECT, _TRAINING, "reading the table of `evaluation.dataset`: only that one"),
    Gift(QUERIES, PROJECT, _TRAINING, "querying the table of `evaluation.dataset`"),
    Gift(VERTEX_USER, PROJECT, _TRAINING, "making the jobs of a pipeline's tasks, where a pipeline trains"),
)


def wanted(service: MLService, retraining: Retraining, facts: Facts, function: Address) -> Iterator[Wanted]:
    """Want that the function may start what trains, find it again, stop it, and register what it makes; no more.

    Args:
        service: Whose.
        retraining: Its section.
        facts: What was looked up.
        function: Address of the function's account.
    """
    member = f"serviceAccount:{email_of(service, facts)}"
    job = retraining.run.cloud_run_job
    for role in JOB_RUNNERS if job is not None else ():
        here = Membership("run_job", job.name if job else "", role, member).at(service.spec.region)
        yield Desired(here, IamMember(), service.name, needs=frozenset({function}))
    if registers(service, retraining):
        yield _on_project(service, function, VERTEX_USER, member)
    elif watched_monitors(service):
        yield _on_project(service, function, VERTEX_READER, member)
    if retraining.run.bigquery_ml is not None:
        yield from _bigquery(service, retraining, facts, function)
    if performance.wanted_performance(service) is not None:
        yield _on_project(service, function, QUERIES, member)
        yield _on_project(service, function, METRIC_WRITER, member)
        for title, table in performance.tables(service, facts):
            yield from _table(service, facts, function, member, table, title=title)
    if trains_on_vertex(retraining):
        yield from _account(service, facts, function)
    if retraining.run.vertex_pipeline is not None:
        yield from _template(service, retraining.run.vertex_pipeline.template, facts, function)
        yield from _pipeline(service, retraining, facts)


def _bigquery(service: MLService, retraining: Retraining, facts: Facts, function: Address) -> Iterator[Wanted]:
    """Want that the function makes models in the statement's dataset, and measures them.

    What the statement reads, nobody but BigQuery can tell: tables of the dataset come with it, others are for their
    owners to give.
    """
    statement, member = statement_of(retraining), f"serviceAccount:{email_of(service, facts)}"
    yield _on_project(service, function, QUERIES, member)
    if statement is not None and statement.project in {"", facts.project}:
        there = condition.dataset(facts.project, statement.dataset)
        yield _on_project(service, function, MODEL_MAKER, member, title="models", holds=there)
    rows = retraining.evaluation.dataset if retraining.evaluation else None
    if rows:
        yield from _table(service, facts, function, member, rows)


def training_account(service: MLService) -> Address:
    """Give the address of the account that trainings run as."""
    return service_account.another(service, TRAIN_ROLE, "Trains").address


def _account(service: MLService, facts: Facts, function: Address) -> Iterator[Wanted]:
    """Want the account of trainings, what it may read and write, and that the function may start jobs as it."""
    account = service_account.another(service, TRAIN_ROLE, "Trains")
    yield account
    may_act = f"serviceAccount:{email_of(service, facts)}"
    yield iam_member.granted(account.address, ACT_AS, may_act, service.name, needs={function})
    member = f"serviceAccount:{train_email_of(service, facts)}"
    runs = condition.below(facts.bucket, f"{folder_of(service)}runs/")
    yield _on_project(service, account.address, OBJECT_USER, member, title="runs", holds=runs)
    live = serving(service, facts)
    if live:
        bucket, _, prefix = live.removeprefix("gs://").partition("/")
        yield _on_project(
            service, account.address, OBJECT_READER, member, title="serving", holds=condition.below(bucket, prefix)
        )
    yield from _dataset(service, facts, account.address, member)


def _dataset(service: MLService, facts: Facts, account: Address, member: str) -> Iterator[Wanted]:
    """Want that trainings read the rows kept out of them. A table of another project is for its owner to give."""
    retraining = service.spec.retraining
    compared = retraining.evaluation if retraining else None
    rows = (compared.dataset or "") if compared else ""
    if rows.startswith("gs://"):
        bucket, _, name = rows.removeprefix("gs://").partition("/")
        only = condition.one_object(bucket, name)
        yield _on_project(service, account, OBJECT_READER, member, title="dataset", holds=only)
    elif rows:
        yield from _table(service, facts, account, member, rows)
        yield _on_project(service, account, QUERIES, member)


def _table(
    service: MLService, facts: Facts, account: Address, member: str, rows: str, *, title: str = "dataset"
) -> Iterator[Wanted]:
    """Want that an account reads one table, of this project. One of another is for its owner to give."""
    project, dataset, table = split_table(rows, facts.project)
    if project == facts.project:
        one = condition.only(f"projects/{project}/datasets/{dataset}/tables/{table}")
        yield _on_project(service, account, TABLE_READER, member, title=title, holds=one)


def _template(service: MLService, template: str, facts: Facts, function: Address) -> Iterator[Wanted]:
    member = f"serviceAccount:{email_of(service, facts)}"
    if template.startswith("gs://"):
        bucket, _, name = template.removeprefix("gs://").partition("/")
        only = condition.one_object(bucket, name)
        yield _on_project(service, function, OBJECT_READER, member, title="pipeline", holds=only)
    elif found := _REGISTRY.fullmatch(template):
        elsewhere = "" if found["project"] == facts.project else found["project"]
        here = Membership("artifact_repository", found["repository"], TEMPLATE_READER, member)
        there = here.at(found["region"], elsewhere)
        yield Desired(there, IamMember(), service.name, needs=frozenset({function}))


def _pipeline(service: MLService, retraining: Retraining, facts: Facts) -> Iterator[Wanted]:
    """Want what the account of a pipeline needs beyond that of a job."""
    account, member = training_account(service), f"serviceAccount:{train_email_of(service, facts)}"
    yield _on_project(service, account, VERTEX_USER, member)
    root = retraining.run.vertex_pipeline.pipeline_root if retraining.run.vertex_pipeline else None
    if root:
        bucket, _, prefix = root.removeprefix("gs://").rstrip("/").partition("/")
        yield _on_project(
            service, account, OBJECT_USER, member, title="root", holds=condition.below(bucket, f"{prefix}/")
        )


def _on_project(
    service: MLService, account: Address, role: str, member: str, *, title: str = "", holds: str = ""
) -> Desired[IamMember]:
    """Want a role on the project, under a condition where it is about one thing."""
    named = f"mlservice-{title}-{service.spec.region}" if title else ""
    here = Membership(PROJECT, "", role, member, named).at(GLOBAL)
    return Desired(here, IamMember(holds), service.name, needs=frozenset({account}))
