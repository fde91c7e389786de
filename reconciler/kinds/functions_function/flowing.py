"""What comes of an event: a training, a version of a model, and what is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from reconciler.core.facts import Facts
from reconciler.core.flow import Each, Flow, Outside
from reconciler.kinds import bigquery_table, pubsub_topic
from reconciler.kinds.functions_function.performance import wanted_performance
from reconciler.kinds.functions_function.settings import events_topic, registers, statement_of, watched_monitors
from reconciler.lookups.model_version import REGISTRY, registered_name

if TYPE_CHECKING:
    from reconciler.core.objects import Desired
    from reconciler.kinds.functions_function.record import FunctionsFunction
    from schemas import MLService
    from schemas.sections.retraining import Retraining


def flows(want: Desired[FunctionsFunction], service: MLService, project: str) -> Iterator[Flow]:
    """Say what it reads, starts and tells."""
    retraining, here = service.spec.retraining, want.address
    if retraining is None:
        return
    training = _trains(retraining)
    yield Flow(here, training, "starts")
    if registers(service, retraining):
        yield Flow(training, Outside(REGISTRY, registered_name(service)), "new version")
    yield Flow(here, pubsub_topic.address_of(events_topic(service).topic, project), "decisions")
    if watched_monitors(service):
        yield Flow(Each("vertex_model_monitor"), here, "distances")
    performance, log = wanted_performance(service), bigquery_table.address_of(service, Facts(project, ""))
    if performance is not None and log is not None:
        yield Flow(log, here, "logged rows")
        yield Flow(Outside("table", performance.labels.table), here, "labels")
    rows = retraining.evaluation.dataset if retraining.evaluation else None
    if rows:
        yield Flow(Outside("files" if rows.startswith("gs://") else "table", rows), training, "rows to compare on")


def _trains(retraining: Retraining) -> Outside:
    """Say what trains; of a webhook the host alone, since whoever has its address may call it."""
    run = retraining.run
    if run.custom_job is not None:
        return Outside("Vertex AI custom job", run.custom_job.image)
    if run.vertex_pipeline is not None:
        return Outside("Vertex AI pipeline", run.vertex_pipeline.template)
    if run.cloud_run_job is not None:
        return Outside("Cloud Run job", run.cloud_run_job.name)
    if run.webhook is not None:
        return Outside("training system", urlsplit(run.webhook.url).hostname or "")
    statement = statement_of(retraining)
    return Outside("BigQuery ML", f"{statement.dataset}.{statement.model}" if statement else "")
