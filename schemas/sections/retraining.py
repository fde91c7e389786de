"""`triggers` and `retraining`: when the model is trained again, and how."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import INT64_MOST, Flag, LooseText, Number, Seconds, Text, Whole


class Breach(StrEnum):
    """What the monitor can find."""

    SKEW = "skew"
    DRIFT = "drift"
    PREDICTION_DRIFT = "predictionDrift"
    PERFORMANCE = "performance"
    SLO = "slo"


class Condition(Section):
    """When a trigger fires: exactly one of `breach`, `schedule`, `pubsub`, `storage`."""

    breach: tuple[Breach, ...] = Field((), description="Findings of the monitor, any of which fires.")
    consecutive: Whole = Field(1, ge=1, le=100, description="Runs of the monitor in a row that must find it.")
    schedule: Text | None = Field(None, description="Cron, five fields.", examples=["0 3 * * 1"])
    time_zone: Text = Field(
        "Etc/UTC",
        description="Time zone of `schedule`, a name of the tz database.",
        examples=["Europe/Paris"],
    )
    pubsub: Text | None = Field(None, description="Topic whose messages fire it.", examples=["churn-data-ready"])
    storage: Text | None = Field(
        None,
        description="Bucket and prefix: each new object whose name begins so fires it.",
        examples=["gs://acme-data/churn/daily/"],
    )


class Trigger(Section):
    """One reason to train again."""

    name: Text = Field(description="Name, unique in this file; part of the names of its resources.")
    when: Condition = Field(description="When it fires.")


class CustomJob(Section):
    """A Vertex AI custom training job."""

    image: Text = Field(description="Image of the training container.")
    args: tuple[LooseText, ...] = Field((), description="Arguments of the container.")
    env: dict[str, LooseText] = Field(default_factory=dict, description="Environment variables of the container.")
    machine_type: Text = Field("n1-standard-4", description="Compute Engine machine type.", examples=["n1-standard-4"])
    accelerator_type: Text | None = Field(
        None, description="Type of accelerator, as Vertex AI names it.", examples=["NVIDIA_TESLA_T4"]
    )
    accelerator_count: Whole = Field(1, ge=1, le=16, description="How many accelerators, where a type is given.")
    spot: Flag = Field(default=False, description="Use Spot capacity: cheaper, may be interrupted.")


class VertexPipeline(Section):
    """A compiled Vertex AI pipeline."""

    template: Text = Field(
        description="Compiled pipeline: `gs://…` or `https://…-kfp.pkg.dev/…`.",
        examples=["gs://acme-ml/train.yaml"],
    )
    parameters: dict[str, LooseText] = Field(default_factory=dict, description="Parameters of the pipeline.")
    pipeline_root: Text | None = Field(None, description="Where the pipeline keeps its output: `gs://…`.")


class CloudRunJob(Section):
    """A Cloud Run job that exists already."""

    name: Text = Field(description="Name of the job, in the service's region.")
    args: tuple[LooseText, ...] = Field((), description="Arguments that replace the job's own for this run.")


class BigQueryML(Section):
    """A `CREATE MODEL` statement: trained by BigQuery, exported, and served as any other model."""

    query: Text = Field(
        description="The statement, GoogleSQL. Each training makes a model of its own, called as is written here with "
        "the run's key behind it.",
        examples=["CREATE OR REPLACE MODEL ml.churn OPTIONS(model_type = 'BOOSTED_TREE_CLASSIFIER') AS SELECT …"],
    )


class Webhook(Section):
    """A call to a system of yours, which trains."""

    url: Text = Field(description="Where the event is posted: `https://…`. Plans hide it: whoever has it may call it.")


class Run(Section):
    """How training is started: exactly one."""

    custom_job: CustomJob | None = Field(None, description="A Vertex AI custom training job.")
    vertex_pipeline: VertexPipeline | None = Field(None, description="A compiled Vertex AI pipeline.")
    cloud_run_job: CloudRunJob | None = Field(None, description="A Cloud Run job that exists already.")
    bigquery_ml: BigQueryML | None = Field(None, alias="bigqueryML", description="A `CREATE MODEL` statement.")
    webhook: Webhook | None = Field(None, description="A call to a system of yours.")


class OpenCircuitAfter(Section):
    """Failures in a row that stop retraining for a while."""

    failures: Whole = Field(3, ge=1, le=100, description="Failed trainings in a row.")
    pause_s: Seconds = Field(7 * 86_400, ge=60, le=366 * 86_400, description="How long nothing is started after that.")


class NewRows(Section):
    """Rows that must have come before it is worth training again."""

    table: Text = Field(
        description="BigQuery table of the training data, `dataset.table` or `project.dataset.table`.",
        examples=["acme-prod.ml.churn_training"],
    )
    at_least: Whole = Field(ge=1, le=INT64_MOST, description="Rows more than the last training that succeeded had.")


class Guards(Section):
    """What keeps a storm of events from starting a storm of trainings."""

    cooldown_s: Seconds = Field(86_400, ge=0, le=366 * 86_400, description="Least time between two starts.")
    max_per_day: Whole = Field(1, ge=1, le=1000, description="Most starts in a day (UTC).")
    max_per_month: Whole | None = Field(
        None, ge=1, le=10_000, description="Most starts in a calendar month (UTC). Left out, no limit."
    )
    max_concurrent: Whole = Field(1, ge=1, le=100, description="Most trainings at once.")
    min_new_rows: NewRows | None = Field(None, description="Rows that must be new. Left out, nobody counts.")
    max_cost_per_run: Number | None = Field(
        None, gt=0, description="Most that a run may be expected to cost, in the currency of `budget`, else USD."
    )
    open_circuit_after: OpenCircuitAfter = Field(
        default_factory=OpenCircuitAfter, description="When to stop trying after failures."
    )


class Better(StrEnum):
    """Which of two measures is the better one."""

    HIGHER = "Higher"
    LOWER = "Lower"


class Evaluation(Section):
    """How a trained model is compared with the one that serves, before it is promoted."""

    metric: Text = Field(description="Name of the measure in the metrics file.", examples=["auroc"])
    metrics: Text = Field(
        "metrics.json",
        description="The file that training writes its measures to, below the run's own folder: "
        '`{"auroc": 0.83, "live": {"auroc": 0.81}}`.',
    )
    better: Better = Field(Better.HIGHER, description="Which measure is the better one.")
    min_gain: Number = Field(0, ge=0, description="By how much the new model must be better; 0 takes one as good.")
    dataset: Text | None = Field(
        None,
        description="Rows kept out of training, on which training is to measure the new and the live model: a "
        "`gs://…` file or a BigQuery table, `dataset.table` or `project.dataset.table`.",
        examples=["gs://acme-data/churn/holdout.csv"],
    )


class Promote(StrEnum):
    """What happens to a model that was trained."""

    AUTO = "Auto"
    PULL_REQUEST = "PullRequest"
    NEVER = "Never"


class Retraining(Section):
    """How the model is trained again."""

    run: Run = Field(description="How training is started.")
    parameters: dict[str, LooseText] = Field(
        default_factory=dict,
        description="Told to the training: `--name=value` to a container, parameters of a pipeline, `@name` in a "
        "query.",
        examples=[{"lookback_days": "180"}],
    )
    timeout_s: Seconds = Field(6 * 3600, ge=60, le=7 * 86_400, description="Longest a training may take, up to 7d.")
    guards: Guards = Field(default_factory=Guards, description="Limits on starts.")
    evaluation: Evaluation | None = Field(
        None, description="The comparison a new model must win. Left out, any training that succeeds is taken."
    )
    promote: Promote = Field(
        Promote.PULL_REQUEST,
        description="`Auto`: the new model goes out through `rollout`. `PullRequest`: the change is "
        "proposed. "
        "`Never`: it is registered only.",
    )
