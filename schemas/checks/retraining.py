"""When to train again, and how.

Source:
    pubsub v1 `Topic.name`; run v2 `services.create serviceId` (jobs have the same rule);
    aiplatform v1 `CustomJobSpec`, `PipelineJob.templateUri`
"""

import re
from collections.abc import Iterator, Mapping

from schemas import create_model, names
from schemas.checks.finding import Finding, exactly_one, repeated, warning
from schemas.checks.image import reference
from schemas.redaction import looks_secret
from schemas.refusal import shown
from schemas.sections.events import Events
from schemas.sections.model import Model
from schemas.sections.monitoring import Monitoring
from schemas.sections.retraining import (
    BigQueryML,
    Breach,
    Condition,
    CustomJob,
    Evaluation,
    Promote,
    Retraining,
    Trigger,
    VertexPipeline,
)
from schemas.sections.rollout import Rollout, Strategy
from schemas.service import Metadata
from schemas.units import duration_text

_TRIGGER = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_JOB = re.compile(r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?")
_MACHINE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)+")
_ACCELERATOR = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
_TOPIC = re.compile(r"(projects/[a-z0-9:.-]+/topics/)?(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}")
_TEMPLATE = re.compile(
    r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/[^\s\"\\]+\.(ya?ml|json)|https://[a-z0-9-]+-kfp\.pkg\.dev/[^\s\"\\]+"
)
_BUCKET = r"gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]"
_PREFIX = re.compile(_BUCKET + r"(/[^\s*?\[\]#\"\\]*)?")
_OBJECT = re.compile(_BUCKET + r"/[^\s*?\[\]#\"\\]+")
_FOLDER = re.compile(_BUCKET + r"/(?!/)[^\s*?\[\]#\"\\]+")
_TABLE = re.compile(
    r"[a-z0-9:.-]+\.[A-Za-z0-9_]+\.[\w-]+|[A-Za-z0-9_]+\.(?!(?:csv|jsonl?|parquet|avro|orc|txt|gz)\Z)[\w-]+"
)
_TABLES = "dataset.table or project.dataset.table"
_PARAMETER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,62}")
_BELOW = re.compile(r"(?!/)(?!.*(^|/)\.\.?(/|$))[^\s\\]+(?<!/)")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SET, _SET_ONE = ("MLSERVICE_", "AIP_"), frozenset({"CLOUD_ML_PROJECT_ID", "CLUSTER_SPEC", "TF_CONFIG"})
"""What a training's container is told. Source: https://cloud.google.com/vertex-ai/docs/training/code-requirements"""
_LONGEST_VALUE, _LARGEST = 4096, 16 * 1024
"""Bytes. The settings are one variable of the function, which has 32 KiB for all."""
_FILE_HINT = "put it into a file that the training reads"
_DAY = 86_400
RESERVED = {"manual": "a person's wish", "sweep": "looking after trainings"}
PLACEHOLDER = "..."  # what documentation writes; a warning, so that an excerpt can be tried


def trigger_names(triggers: tuple[Trigger, ...]) -> Iterator[Finding]:
    """Names are parts of names."""
    for index, trigger in enumerate(triggers):
        if not _TRIGGER.fullmatch(trigger.name):
            hint = "use up to 40 lower-case letters, digits and hyphens, first a letter"
            yield Finding(f"triggers[{index}].name", "trigger-name", f"{shown(trigger.name)} is not a name", hint)
        elif trigger.name in RESERVED:
            summary = f"{shown(trigger.name)} is what mlservice calls {RESERVED[trigger.name]}"
            yield Finding(f"triggers[{index}].name", "trigger-name", summary, "choose another name")
    for index, name in repeated(trigger.name for trigger in triggers):
        yield Finding(f"triggers[{index}].name", "trigger-name", f"{shown(name)} is the name of two triggers")


def conditions(triggers: tuple[Trigger, ...], monitoring: Monitoring | None) -> Iterator[Finding]:
    """Each trigger fires for one reason, and the reason can come about."""
    for index, trigger in enumerate(triggers):
        path, when = f"triggers[{index}].when", trigger.when
        choices = {
            "breach": when.breach,
            "schedule": when.schedule,
            "pubsub": when.pubsub,
            "storage": when.storage,
        }
        yield from exactly_one(path, choices, "the condition")
        yield from _breaches(path, when, monitoring)
        if when.pubsub is not None:
            yield from topic(f"{path}.pubsub", when.pubsub)
        if when.storage is not None and not _PREFIX.fullmatch(when.storage):
            hint = "write gs://bucket/prefix, without * or ?"
            yield Finding(f"{path}.storage", "storage-trigger", f"{shown(when.storage)} is no bucket and prefix", hint)
        if when.consecutive > 1 and not when.breach:
            yield Finding(f"{path}.consecutive", "trigger", "consecutive without breach", at_key=True)


def own_topics(metadata: Metadata, triggers: tuple[Trigger, ...], events: Events | None) -> Iterator[Finding]:
    """What the service itself tells is no news to it: each decision would be the next event, without end.

    Ids only: in which project the service is, is not known before a plan, which looks at full names.
    """
    made = names.own_topics(metadata.name, (each.name for each in triggers if each.when.storage is not None))
    answers = events.answers.topic if events and events.answers else None
    hint = "name a topic that others publish to"
    for index, trigger in enumerate(triggers):
        path, topic = f"triggers[{index}].when.pubsub", trigger.when.pubsub
        if topic in made:
            summary = f"{shown(topic)} is a topic of the service's own retraining"
            yield Finding(path, "pubsub-loop", f"{summary}: each decision would be an event", hint)
        elif topic is not None and topic == answers:
            yield Finding(path, "pubsub-loop", f"{shown(topic)} is events.answers: each answer would be an event", hint)


def own_files(triggers: tuple[Trigger, ...], retraining: Retraining | None) -> Iterator[Finding]:
    """What a pipeline writes starts no training."""
    pipeline = retraining.run.vertex_pipeline if retraining else None
    root = (pipeline.pipeline_root or "").rstrip("/") if pipeline else ""
    for index, trigger in enumerate(triggers):
        place = trigger.when.storage or ""
        if root and place and (f"{root}/".startswith(place) or place.startswith(f"{root}/")):
            summary = f"{shown(place)} holds what trainings write, retraining.run.vertexPipeline.pipelineRoot"
            yield Finding(f"triggers[{index}].when.storage", "storage-loop", summary, "name another folder")


def _breaches(path: str, when: Condition, monitoring: Monitoring | None) -> Iterator[Finding]:
    for index, breach in enumerate(when.breach):
        if not _watched(breach, monitoring):
            hint = f"add `monitoring.{breach}`, or remove it here"
            summary = f'"{breach}" is not monitored'
            yield Finding(f"{path}.breach[{index}]", "trigger", summary, hint)
    for index, name in repeated(when.breach):
        yield Finding(f"{path}.breach[{index}]", "repeated", f'"{name}" is listed twice')


def _watched(breach: Breach, monitoring: Monitoring | None) -> bool:
    if monitoring is None:
        return False
    watched = {
        Breach.SKEW: monitoring.skew,
        Breach.DRIFT: monitoring.drift,
        Breach.PREDICTION_DRIFT: monitoring.prediction_drift,
        Breach.PERFORMANCE: monitoring.performance,
        Breach.SLO: monitoring.slo,
    }
    return watched[breach] is not None


def topic(path: str, name: str) -> Iterator[Finding]:
    """A Pub/Sub topic's id or full name."""
    if not _TOPIC.fullmatch(name):
        hint = "write the topic's id (3 to 255 characters, first a letter), or projects/P/topics/T"
        yield Finding(path, "pubsub-topic", f"{shown(name)} is not a Pub/Sub topic", hint)


def triggers_need_retraining(triggers: tuple[Trigger, ...], retraining: Retraining | None) -> Iterator[Finding]:
    """A trigger without something to start does nothing."""
    if triggers and retraining is None:
        yield Finding("triggers", "trigger", "triggers need retraining", "say how under `retraining.run`", at_key=True)


def run(retraining: Retraining | None) -> Iterator[Finding]:
    """One way to train, well-formed."""
    if retraining is None:
        return
    run, path = retraining.run, "retraining.run"
    choices: dict[str, object] = {
        "customJob": run.custom_job,
        "vertexPipeline": run.vertex_pipeline,
        "cloudRunJob": run.cloud_run_job,
        "bigqueryML": run.bigquery_ml,
        "webhook": run.webhook,
    }
    yield from exactly_one(path, choices, "the way to train")
    if run.custom_job is not None:
        yield from _custom_job(f"{path}.customJob", run.custom_job)
    if run.vertex_pipeline is not None:
        yield from _pipeline(f"{path}.vertexPipeline", run.vertex_pipeline)
    if run.cloud_run_job is not None and not _JOB.fullmatch(run.cloud_run_job.name):
        summary = f"{shown(run.cloud_run_job.name)} is not the name of a Cloud Run job"
        yield Finding(f"{path}.cloudRunJob.name", "job-name", summary, "it is in the service's region")
    if run.bigquery_ml is not None:
        yield from _statement(f"{path}.bigqueryML.query", run.bigquery_ml)
    if run.webhook is not None:
        yield from https(f"{path}.webhook.url", run.webhook.url, secret=True)


def _custom_job(path: str, job: CustomJob) -> Iterator[Finding]:
    if job.image == PLACEHOLDER:
        yield warning(f"{path}.image", "placeholder", f"{shown(job.image)} is a placeholder", "name an image")
    else:
        yield from reference(f"{path}.image", job.image)
    if not _MACHINE.fullmatch(job.machine_type):
        summary = f"{shown(job.machine_type)} is not a machine type"
        yield Finding(f"{path}.machineType", "machine-type", summary, "for example n1-standard-4")
    yield from _variables(f"{path}.env", job.env)
    if job.accelerator_type is not None and not _ACCELERATOR.fullmatch(job.accelerator_type):
        summary = f"{shown(job.accelerator_type)} is not a type of accelerator"
        yield Finding(f"{path}.acceleratorType", "accelerator-type", summary, "for example NVIDIA_TESLA_T4")
    if job.accelerator_type is None and "accelerator_count" in job.model_fields_set:
        summary = "acceleratorCount without acceleratorType"
        yield Finding(f"{path}.acceleratorCount", "accelerator-type", summary, "say which", at_key=True)


def _statement(path: str, wanted: BigQueryML) -> Iterator[Finding]:
    found = create_model.read(wanted.query)
    if found is None:
        hint = "begin with CREATE OR REPLACE MODEL project.dataset.model"
        yield Finding(path, "bigquery-ml", "the query creates no model in a dataset", hint)
        return
    if found.sort and found.sort not in create_model.EXPORTED:
        hint = f"the model server serves boosters alone: use {' or '.join(sorted(create_model.EXPORTED))}"
        yield warning(path, "bigquery-ml", f"of {shown(found.sort)} BigQuery exports no booster", hint)
    if found.transforms:
        hint = "which is not served: write what it does into the query's SELECT"
        yield warning(path, "bigquery-ml", "a model with TRANSFORM is exported as a program", hint)
    if found.encoding not in {"", create_model.SERVED_ENCODING}:
        hint = f"use category_encoding_method = '{create_model.SERVED_ENCODING}'"
        yield warning(path, "bigquery-ml", f"a model with {shown(found.encoding)} is not served", hint)


def _pipeline(path: str, pipeline: VertexPipeline) -> Iterator[Finding]:
    if not _TEMPLATE.fullmatch(pipeline.template):
        hint = "write gs://bucket/pipeline.yaml or https://REGION-kfp.pkg.dev/PROJECT/REPOSITORY/PIPELINE/TAG"
        summary = f"{shown(pipeline.template)} is not a compiled pipeline"
        yield Finding(f"{path}.template", "pipeline-template", summary, hint)
    yield from _given(f"{path}.parameters", pipeline.parameters)
    if pipeline.pipeline_root is not None and not _FOLDER.fullmatch(pipeline.pipeline_root):
        summary = f"{shown(pipeline.pipeline_root)} is no folder in Cloud Storage"
        yield Finding(
            f"{path}.pipelineRoot", "pipeline-root", summary, "write gs://bucket/folder: trainings write there"
        )


def https(path: str, url: str, *, secret: bool = False) -> Iterator[Finding]:
    """An https address without a user name or password in it; of a secret one no more is shown than its host."""
    host = url.removeprefix("https://").split("/", 1)[0]
    if not url.startswith("https://") or not host or any(sign in url for sign in ' \t"<>'):
        yield Finding(
            path, "url", f"{shown(_host_of(url) if secret else url)} is not an https address", "write https://host/path"
        )
    elif "@" in host:
        yield Finding(path, "url", "the address holds credentials", "take user name and password out of it")


def _host_of(url: str) -> str:
    """Give an address without its path, which may be all that keeps others from calling it."""
    kept = url.split("/", 3)[:3] if "://" in url else url.split("/", 1)[:1]
    host = "/".join(kept).partition("?")[0]
    return host if host == url else f"{host}/…"


def guards(retraining: Retraining | None) -> Iterator[Finding]:
    """Limits that contradict each other."""
    if retraining is None:
        return
    guards = retraining.guards
    if guards.max_per_month is not None and guards.max_per_month < guards.max_per_day:
        summary = f"{guards.max_per_month} starts a month are fewer than {guards.max_per_day} a day"
        yield warning("retraining.guards.maxPerMonth", "guards", summary, "raise it, or lower maxPerDay")
    if guards.max_per_day > 1 and guards.cooldown_s * (guards.max_per_day - 1) > _DAY:
        summary = f"{guards.max_per_day} starts a day cannot be reached"
        hint = f"the cooldown of {duration_text(guards.cooldown_s * 1000)} allows fewer"
        yield warning("retraining.guards.maxPerDay", "guards", summary, hint)


def evaluation(retraining: Retraining | None) -> Iterator[Finding]:
    """What a new model is compared by, and what training and guards are told."""
    if retraining is None:
        return
    found, rows = retraining.evaluation, retraining.guards.min_new_rows
    if found is not None and not _BELOW.fullmatch(found.metrics):
        summary = f"{shown(found.metrics)} is not a file below the run's folder"
        yield Finding("retraining.evaluation.metrics", "metrics-file", summary, "write a relative path: metrics.json")
    if found is not None and found.dataset is not None:
        yield from _rows_of(
            "retraining.evaluation.dataset",
            found.dataset,
            (_OBJECT, _TABLE),
            "gs://bucket/file, dataset.table or project.dataset.table",
        )
    if rows is not None:
        yield from _rows_of(
            "retraining.guards.minNewRows.table", rows.table, (_TABLE,), "dataset.table or project.dataset.table"
        )
    if retraining.run.bigquery_ml is not None:
        yield from _measured(found)
    yield from _given("retraining.parameters", retraining.parameters)


def _measured(wanted: Evaluation | None) -> Iterator[Finding]:
    """BigQuery measures by ML.EVALUATE, on a table."""
    if wanted is not None and wanted.dataset is not None and wanted.dataset.startswith("gs://"):
        summary = f"{shown(wanted.dataset)} is no table, and BigQuery ML measures on one"
        yield Finding(
            "retraining.evaluation.dataset", "dataset", summary, "write dataset.table or project.dataset.table"
        )


def _given(path: str, parameters: Mapping[str, str]) -> Iterator[Finding]:
    """Parameters are told to every training: as arguments, and in the function's settings."""
    for name, value in parameters.items():
        if not _PARAMETER.fullmatch(name):
            hint = "use letters, digits, _ and -, first a letter"
            yield Finding(f"{path}.{name}", "parameter", f"{shown(name)} is no name of a parameter", hint)
        yield from _value(f"{path}.{name}", name, value)
    if (size := sum(len(name.encode()) + len(value.encode()) for name, value in parameters.items())) > _LARGEST:
        yield Finding(path, "parameter", f"{size} bytes of parameters, more than {_LARGEST}", _FILE_HINT, at_key=True)


def _variables(path: str, env: Mapping[str, str]) -> Iterator[Finding]:
    """Variables of a training: those that mlservice and Vertex AI set are theirs."""
    for name, value in env.items():
        if not _VARIABLE.fullmatch(name):
            hint = "use letters, digits and _, first no digit"
            yield Finding(f"{path}.{name}", "env-name", f"{shown(name)} is not a variable's name", hint, at_key=True)
        elif name.startswith(_SET) or name in _SET_ONE:
            summary = f"{shown(name)} is set by mlservice or by Vertex AI"
            yield Finding(f"{path}.{name}", "env-name", summary, "choose another name", at_key=True)
        yield from _value(f"{path}.{name}", name, value)


def _value(path: str, name: str, value: str) -> Iterator[Finding]:
    if len(value.encode()) > _LONGEST_VALUE:
        summary = f"the value has {len(value.encode())} bytes, more than {_LONGEST_VALUE}"
        yield Finding(path, "parameter", summary, _FILE_HINT)
    elif value and looks_secret(name, value):
        hint = "trainings and their descriptions show it: let the training read it from Secret Manager"
        yield warning(path, "secret-in-parameters", "the value looks like a secret", hint)


def _rows_of(path: str, written: str, forms: tuple[re.Pattern[str], ...], hint: str) -> Iterator[Finding]:
    if not any(form.fullmatch(written) for form in forms):
        yield Finding(path, "dataset", f"{shown(written)} names no rows", f"write {hint}")


def promotion(retraining: Retraining | None, rollout: Rollout) -> Iterator[Finding]:
    """A model that promotes itself needs a rollout that moves traffic."""
    if retraining is not None and retraining.promote is Promote.AUTO and rollout.strategy is Strategy.MANUAL:
        hint = "use PullRequest, or another strategy"
        summary = "Auto moves no traffic with strategy Manual"
        yield warning("retraining.promote", "promotion", summary, hint)


def promoted_model(retraining: Retraining | None, model: Model | None) -> Iterator[Finding]:
    """One thing says which model serves: an alias that moves, or words of the file that a person changes."""
    alias = model.alias if model else None
    if retraining is None:
        return
    if retraining.promote is Promote.AUTO and alias is None:
        hint = "name what moves: `model: {alias: champion}`, with `uri` beside it for the first model"
        summary = "Auto has no alias to move: a better model is only registered"
        yield warning("retraining.promote", "promotion", summary, hint)
    if retraining.promote is Promote.AUTO and alias is not None and model and model.sha256 is not None:
        summary = "Auto moves model.alias to models whose digest is not model.sha256: none of them would be loaded"
        hint = "serve a format that is no code (ONNX, skops) without sha256, or write promote: Never"
        yield Finding("retraining.promote", "promotion", summary, hint)
    if retraining.promote is Promote.PULL_REQUEST and alias is not None:
        default = "" if "promote" in retraining.model_fields_set else ", the default,"
        summary = f"PullRequest{default} changes model.uri, and model.alias says which model serves"
        hint = "write promote: Auto, which moves the alias, or Never, which leaves that to you"
        yield Finding("retraining.promote", "promotion", summary, hint)
