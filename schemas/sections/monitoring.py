"""`monitoring`: is the model still right."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import INT32_MOST, Flag, LooseText, Milliseconds, Number, Seconds, Text, Whole


class PredictionLogging(Section):
    """Where predictions are logged."""

    table: Text = Field(
        description="BigQuery table, `dataset.table` or `project.dataset.table`. A dataset is in one region: services"
        " of several regions log into different ones.",
        examples=["ml_logs.churn_scorer"],
    )
    sample_rate: Number = Field(1.0, description="Share of requests that are logged, in (0, 1].")
    retention_s: Seconds = Field(
        90 * 86_400,
        ge=3600,
        le=36_600 * 86_400,
        description="How long rows are kept; at least an hour.",
        examples=["90d"],
    )


class Baseline(Section):
    """The data the model was trained on: exactly one of the two."""

    table: Text | None = Field(None, description="BigQuery table, `dataset.table` or `project.dataset.table`.")
    uri: Text | None = Field(
        None,
        description="A CSV, JSON Lines or TFRecord file in Cloud Storage; Parquet is loaded into a table of its own.",
        examples=["gs://b/train.csv"],
    )


class Skew(Section):
    """Serving inputs against the training baseline."""

    default: Number | None = Field(None, description="Greatest distance for every feature, in (0, 1).")
    features: dict[str, Number] = Field(default_factory=dict, description="Greatest distance per feature.")
    order: Number | None = Field(
        None,
        description="Greatest distance of the order of numbers, in (0, 1), with three decimals: of a normal feature 0.1"
        " is a move by a quarter of its deviation. Hears heavy tails and few rows, where the other distance is deaf.",
        examples=[0.15],
    )


class Drift(Section):
    """Serving inputs against earlier serving inputs (data drift)."""

    default: Number | None = Field(None, description="Greatest distance for every feature, in (0, 1).")
    features: dict[str, Number] = Field(default_factory=dict, description="Greatest distance per feature.")
    order: Number | None = Field(
        None,
        description="Greatest distance of the order of numbers, in (0, 1), with three decimals: of a normal feature 0.1"
        " is a move by a quarter of its deviation. Hears heavy tails and few rows, where the other distance is deaf.",
        examples=[0.15],
    )
    against_s: Seconds = Field(
        7 * 86_400,
        ge=3600,
        le=366 * 86_400,
        description="How far back the window lies that is compared with; whole hours.",
    )


class Labels(Section):
    """What came true of predictions: a table or view that others fill."""

    table: Text = Field(
        description="BigQuery table or view, `dataset.table` or `project.dataset.table`.",
        examples=["ml.churn_outcomes"],
    )
    request_id: Text = Field(
        "request_id", description="Column with the request's id: what its answer says in `x-request-id`."
    )
    row_index: Text | None = Field(
        None,
        description="Column with the row's place within its request, from 0. Left out, requests of several rows have "
        "no labels.",
    )
    value: Text = Field("label", description="Column with what came true; null while nobody knows.")
    time: Text | None = Field(
        None,
        description="Column with the time a label was written at: of several of one prediction the newest counts. Left "
        "out, those that contradict each other count for nothing.",
    )


class Least(Section):
    """Least shares of classes that were right, each in (0, 1)."""

    accuracy: Number | None = Field(None, description="Of all predictions, those that came true.")
    precision: Number | None = Field(None, description="Of what was predicted `positive`, what was it.")
    recall: Number | None = Field(None, description="Of what was `positive`, what was predicted so.")
    f1: Number | None = Field(None, description="Harmonic mean of precision and recall.")


class Most(Section):
    """Greatest errors of numbers, each in the unit of the prediction."""

    mae: Number | None = Field(None, gt=0, description="Mean of the absolute error.")
    rmse: Number | None = Field(None, gt=0, description="Root of the mean squared error.")
    bias: Number | None = Field(None, gt=0, description="Mean error, whichever its sign.")


class Performance(Section):
    """How often predictions were right, by labels that come later. Limits are under one of `least` and `most`."""

    labels: Labels = Field(description="Where labels come.")
    after_s: Seconds = Field(
        ge=0,
        le=366 * 86_400,
        description="How late labels come: a window is judged so long after it ended.",
        examples=["7d"],
    )
    least: Least | None = Field(None, description="Least shares of right answers, where classes are predicted.")
    most: Most | None = Field(None, description="Greatest errors, where numbers are predicted.")
    positive: LooseText | None = Field(
        None,
        description="The label that precision and recall are about, as the table of labels has it. Left out, `true` or "
        "1, for a prediction of `boolean` or `number`.",
        examples=["yes"],
    )
    threshold: Number | None = Field(
        None,
        description="From which value on a prediction of type `number` stands for `positive`; needed with `least`.",
        examples=[0.5],
    )


class Slo(Section):
    """What callers are promised."""

    availability: Number | None = Field(None, description="Share of requests answered without a 5xx, in (0, 1).")
    latency_p95_ms: Milliseconds | None = Field(
        None, ge=1, le=3_600_000, description="Latency that 95% of requests stay under."
    )


class CheckRegion(StrEnum):
    """Where a service may be asked from, in Cloud Monitoring's words."""

    USA = "USA"
    USA_OREGON = "USA_OREGON"
    USA_IOWA = "USA_IOWA"
    USA_VIRGINIA = "USA_VIRGINIA"
    EUROPE = "EUROPE"
    SOUTH_AMERICA = "SOUTH_AMERICA"
    ASIA_PACIFIC = "ASIA_PACIFIC"


class Uptime(Section):
    """Whether the service answers, asked from outside: it counts as requests, and keeps an instance awake."""

    every_s: Seconds = Field(300, description="How often, from every place: `1m`, `5m`, `10m` or `15m`.")
    path: Text | None = Field(
        None,
        description="What is asked for, and must be answered with a 2xx. Without it `/health/ready` of the bundled"
        " server, `/` of another image.",
        examples=["/health/ready"],
    )
    timeout_s: Seconds = Field(10, ge=1, le=60, description="How long an answer may take: whole seconds.")
    regions: tuple[CheckRegion, ...] = Field(
        (),
        description="Where it is asked from: three places at least, and `USA` is three. Empty: from everywhere.",
        examples=[["EUROPE", "USA"]],
    )


class Monitoring(Section):
    """What is watched, how often, and when it is too much."""

    logging: PredictionLogging | None = Field(None, description="The prediction log. Skew and data drift need it.")
    baseline: Baseline | None = Field(None, description="Training data to compare with. Skew needs it.")
    schedule: Text = Field(
        "0 * * * *", description="When the monitor runs: cron, five fields, in UTC.", examples=["0 * * * *"]
    )
    window_s: Seconds = Field(
        86_400, ge=3600, le=366 * 86_400, description="How much of the log each run looks at; whole hours."
    )
    min_samples: Whole = Field(
        1000,
        ge=1,
        le=INT32_MOST,
        description="A column with fewer values in a window gets no verdict: rows without one do not count.",
    )
    skew: Skew | None = Field(None, description="Serving inputs against the training baseline.")
    drift: Drift | None = Field(None, description="Serving inputs against earlier serving inputs.")
    prediction_drift: Number | None = Field(
        None, description="Greatest distance of the predictions from their reference, in (0, 1)."
    )
    prediction_order: Number | None = Field(
        None,
        description="Greatest distance of the order of predictions that are numbers, in (0, 1), with three decimals; "
        "beside `predictionDrift`.",
        examples=[0.15],
    )
    logarithmic: tuple[Text, ...] = Field(
        (),
        description="Features, and the prediction, that are compared by their logarithm: numbers with a heavy tail, as"
        " amounts and durations have, most of which would lie in one of ten buckets of equal width. Values of 0 and"
        " below have no logarithm and count as missing. A baseline is then a table, or Parquet files.",
        examples=[["amount", "income"]],
    )
    performance: Performance | None = Field(
        None, description="How often predictions were right, by labels that come later."
    )
    slo: Slo | None = Field(None, description="What callers are promised; becomes alerts.")
    dashboard: Flag = Field(
        default=True,
        description="Whether the service has a dashboard in Cloud Monitoring: requests, latency, instances, distances, "
        "measures.",
    )
    uptime: Uptime | None = Field(None, description="Whether the service answers, asked from outside.")
