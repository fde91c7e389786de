"""What a spec may name in the bucket where we keep inventories and histories: models that were made, and nothing else.

What is named is read, written or listened to by accounts of the service, or its function. Nothing is asked of Google:
only which bucket is ours is not known before a plan.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from reconciler.core import errors
from reconciler.core.facts import Facts, Lookup, Question
from reconciler.lookups.model_version import registered_name
from schemas.collisions import topics_of

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from schemas import LoadedService, MLService

MODELS, TRAINED = "models", "retraining"
"""Where uploads go, and where trainings write, as the retraining function tells them to."""
_MADE = re.compile(rf"(?:{MODELS}/(?P<uploaded>[^/]+)/|{TRAINED}/[^/]+/(?P<trained>[^/]+)/runs/)(?=[^/])")
_BELOW = f"what is below {MODELS}/ or the runs/ of this model's trainings"
_HINTS = {
    "model.uri": f"of it, serve only {_BELOW}",
    "monitoring.baseline.uri": f"of it, compare only with {_BELOW}",
}


def owners(service: MLService) -> frozenset[str]:
    """Give the services whose models a spec may serve: its own, and the one that it names as its model."""
    return frozenset({service.name, registered_name(service)})


def made_here(prefix: str, owned: frozenset[str]) -> str:
    """Give the folder of uploads or runs that a prefix is in; empty where it is in none of these services'."""
    found = _MADE.match(prefix)
    return found[0] if found and (found["uploaded"] or found["trained"]) in owned else ""


def _asks(loaded: LoadedService, facts: Facts) -> Iterator[Question]:
    for where, uri in _named(loaded.service):
        bucket, _, prefix = uri.removeprefix("gs://").partition("/")
        model = where in _HINTS and made_here(prefix, owners(loaded.service))
        if uri.startswith("gs://") and bucket == facts.bucket and not model:
            yield Question(uri, where)
    for index, trigger in enumerate(loaded.service.spec.triggers):
        _, project, _, topic = f"{trigger.when.pubsub or ''}///".split("/")[:4]
        # A number may be this project's: what it names would be the loop.
        if (project == facts.project or project.isdecimal()) and topic in topics_of(loaded.service):
            yield Question(trigger.when.pubsub or "", f"triggers[{index}].when.pubsub")


def _named(service: MLService) -> Iterator[tuple[str, str]]:
    """Give each place that a spec names, with its path."""
    model, retraining = service.spec.model, service.spec.retraining
    yield "model.uri", (model.uri or "") if model else ""
    baseline = service.spec.monitoring.baseline if service.spec.monitoring else None
    yield "monitoring.baseline.uri", (baseline.uri or "") if baseline else ""
    for index, trigger in enumerate(service.spec.triggers):
        yield f"triggers[{index}].when.storage", trigger.when.storage or ""
    if retraining and retraining.evaluation:
        yield "retraining.evaluation.dataset", retraining.evaluation.dataset or ""
    if retraining and retraining.run.vertex_pipeline:
        pipeline = retraining.run.vertex_pipeline
        yield "retraining.run.vertexPipeline.template", pipeline.template
        yield "retraining.run.vertexPipeline.pipelineRoot", pipeline.pipeline_root or ""


def _answer(connection: Connection, question: Question) -> str:
    del connection
    if question.where.endswith(".pubsub"):
        why = f"'{question.key}' is a topic of the service's own: each decision on it would be the next event"
        raise errors.Unanswered(why, hint="name a topic that others publish to")
    why = f"'{question.key}' is in the bucket that holds mlservice's own state"
    hint = _HINTS.get(question.where, "name another bucket")
    raise errors.Unanswered(why, hint=hint)


STATE_BUCKET = Lookup("state_bucket", str, _asks, _answer)
