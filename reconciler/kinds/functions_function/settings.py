"""What the function is told: the one variable that holds its settings, of the spec and nothing else; pure.

The other half is the function's own reading of it (`runtime.retraining.settings`), which shares no code with this.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.core.naming import account_email
from reconciler.kinds import vertex_model, vertex_model_monitor, vertex_schedule
from reconciler.kinds.functions_function import performance
from reconciler.kinds.model_artifact import readable
from reconciler.lookups.model_version import registered_name
from schemas import create_model
from schemas.names import service_account_id
from schemas.sections.events import Topic
from schemas.sections.retraining import Better, Breach, Promote
from schemas.tables import full_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.core.facts import Facts
    from schemas import MLService
    from schemas.create_model import CreateModel
    from schemas.sections.retraining import Evaluation, Guards, Retraining, Trigger

VARIABLE = "MLSERVICE_RETRAINING"
ACCOUNT_ROLE = "retrain"
"""Last part of the name of the account that the function runs as."""
TRAIN_ROLE = "train"
"""Last part of the name of the account that trainings run as."""
CANDIDATE = "candidate"
"""Alias of a better model that somebody is to accept."""
SORTS = ("schedule", "storage", "pubsub")
"""What fires a trigger, beside what monitors find."""


def environment(service: MLService, retraining: Retraining, facts: Facts) -> dict[str, str]:
    """Give the function's variables."""
    return {VARIABLE: json.dumps(settings(service, retraining, facts), sort_keys=True, separators=(",", ":"))}


def settings(service: MLService, retraining: Retraining, facts: Facts) -> dict[str, Any]:
    """Give the settings as plain data; times are in seconds."""
    return {
        "service": service.name,
        "project": facts.project,
        "region": service.spec.region,
        "bucket": facts.bucket,
        "run": _run(retraining, facts),
        "parameters": dict(retraining.parameters),
        "guards": guards(retraining.guards),
        "timeout": retraining.timeout_s,
        "topic": f"projects/{facts.project}/topics/{events_topic(service).topic}",
        **_evaluation(retraining.evaluation, facts),
        **_registering(service, retraining, facts),
        "triggers": {each.name: _fires(each) for each in service.spec.triggers},
        **_breaches(service),
        **_watched(service),
        **performance.told(service, facts),
        **({"rows": full_table(rows.table, facts.project)} if (rows := retraining.guards.min_new_rows) else {}),
    }


def training_images(record: Mapping[str, Any]) -> Iterator[str]:
    """Give the image that trainings run, of the function's plain record; none of what is no such function."""
    try:
        found = json.loads(record["environment"].get(VARIABLE, "{}"))["run"]["customJob"]["image"]
    except (ValueError, KeyError, TypeError):
        return
    yield str(found)


def _run(retraining: Retraining, facts: Facts) -> dict[str, Any]:
    """Give how to train, as the spec has it; of a statement the model's full name and what follows it."""
    statement = statement_of(retraining)
    if statement is None:
        return retraining.run.model_dump(mode="json", by_alias=True, exclude_none=True)
    name = f"{statement.project or facts.project}.{statement.dataset}.{statement.model}"
    return {"bigqueryML": {"model": name, "statement": statement.rest}}


def statement_of(retraining: Retraining) -> CreateModel | None:
    """Give the statement that trains, where BigQuery does; a spec with another one is refused before."""
    return create_model.read(retraining.run.bigquery_ml.query) if retraining.run.bigquery_ml else None


def _evaluation(wanted: Evaluation | None, facts: Facts) -> dict[str, Any]:
    if wanted is None:
        return {}
    compared = {
        "metric": wanted.metric,
        "lower_is_better": wanted.better is Better.LOWER,
        "min_gain": wanted.min_gain,
    }
    return {"evaluation": compared, "metrics": wanted.metrics, "dataset": _rows(wanted.dataset or "", facts)}


def _rows(dataset: str, facts: Facts) -> str:
    """Give rows by their whole name: a table without a project is of this one."""
    return dataset if not dataset or dataset.startswith("gs://") else full_table(dataset, facts.project)


def events_topic(service: MLService) -> Topic:
    """Give the topic of ours that decisions and verdicts are told on."""
    return Topic(topic=f"{service.name}-events", create=True)


def registers(service: MLService, retraining: Retraining) -> bool:
    """Tell whether what a training makes becomes a version in the model registry.

    A job or a webhook of the user's that nothing is compared or followed of publishes its model itself.
    """
    model = service.spec.model
    # Of a webhook's training only its measures tell that it ended.
    follows = model is not None and model.alias is not None and retraining.run.webhook is None
    made_by_us = trains_on_vertex(retraining) or retraining.run.bigquery_ml is not None
    return made_by_us or retraining.evaluation is not None or follows


def trains_on_vertex(retraining: Retraining) -> bool:
    """Tell whether it is Vertex AI that trains, as an account of our making."""
    return bool(retraining.run.custom_job or retraining.run.vertex_pipeline)


def serving(service: MLService, facts: Facts) -> str:
    """Give the folder of the model that the spec itself names; empty where it names none.

    A folder beside the spec is meant where it was uploaded to. Of a spec with an alias that is what serves until a
    version has the alias; which version that is, the function asks first.
    """
    model = service.spec.model
    if model is None or not model.uri:
        return ""
    if model.uri.startswith("gs://"):
        return f"{model.uri.rstrip('/')}/"
    place = next(iter(readable(service, facts)), None)  # what `uri` names comes first
    return place.uri if place else ""


def _registering(service: MLService, retraining: Retraining, facts: Facts) -> dict[str, Any]:
    if not registers(service, retraining):
        return {}
    alias = (service.spec.model.alias or "") if service.spec.model else ""
    moves = {Promote.AUTO: alias, Promote.PULL_REQUEST: CANDIDATE, Promote.NEVER: ""}
    found = {
        "model": registered_name(service),
        "alias": alias,
        "moves": moves[retraining.promote],
        "serving": serving(service, facts),
        "account": train_email_of(service, facts) if trains_on_vertex(retraining) else "",
    }
    return {name: value for name, value in found.items() if value}


def _fires(trigger: Trigger) -> str:
    """Give what fires a trigger: whatever else is named on the service's topic starts nothing."""
    return next((sort for sort in SORTS if getattr(trigger.when, sort) is not None), "breach")


def _breaches(service: MLService) -> dict[str, Any]:
    """Give which triggers fire for which findings of monitors, and after how many in a row."""
    found = [
        {"trigger": each.name, "of": [str(one) for one in each.when.breach], "consecutive": each.when.consecutive}
        for each in service.spec.triggers
        if each.when.breach
    ]
    return {"breaches": found} if found else {}


def watched_monitors(service: MLService) -> bool:
    """Tell whether the function looks at monitors: a training starts for what they find."""
    retraining = service.spec.retraining
    if retraining is None or not vertex_model.compares(service):
        return False
    return any(one in _OF_MONITORS for trigger in service.spec.triggers for one in trigger.when.breach)


_OF_MONITORS = frozenset({Breach.SKEW, Breach.DRIFT, Breach.PREDICTION_DRIFT})
"""What Vertex AI's monitors find. What `slo` is about is told by alerts."""


def _watched(service: MLService) -> dict[str, Any]:
    """Give which schedules are looked at, what they compare, and how many values tell something."""
    found = service.spec.monitoring
    if found is None or not watched_monitors(service):
        return {}
    columns, orders = vertex_model_monitor.limits_by_column(service), vertex_model_monitor.orders_by_column(service)
    return {
        "watched": {
            "schedules": vertex_schedule.display_names(service),
            "least": found.min_samples,
            "columns": columns,
            **({"orders": orders} if orders else {}),
        }
    }


def guards(wanted: Guards) -> dict[str, Any]:
    """Give the limits, by the names that the function has for them."""
    return {
        "cooldown": wanted.cooldown_s,
        "max_per_day": wanted.max_per_day,
        "max_per_month": wanted.max_per_month,
        "max_concurrent": wanted.max_concurrent,
        "min_new_rows": wanted.min_new_rows.at_least if wanted.min_new_rows else 0,
        "failures": wanted.open_circuit_after.failures,
        "pause": wanted.open_circuit_after.pause_s,
    }


def folder_of(service: MLService) -> str:
    """Give what every object that the function keeps begins with, within the state bucket."""
    return f"retraining/{service.spec.region}/{service.name}/"


def train_email_of(service: MLService, facts: Facts) -> str:
    """Give the e-mail of the account that trainings on Vertex AI run as."""
    return account_email(service_account_id(service.name, TRAIN_ROLE), facts.project)


def email_of(service: MLService, facts: Facts) -> str:
    """Give the e-mail of the account that the function runs as."""
    return account_email(service_account_id(service.name, ACCOUNT_ROLE), facts.project)
