"""`usage`: how much the service is expected to be used. Only what it costs is worked out from it."""

from pydantic import Field

from schemas.section import Section
from schemas.values import Mebibytes, Milliseconds, Number, Seconds, Whole


class Usage(Section):
    """How much the service is expected to be used. Nothing in Google Cloud changes by it: it says what plans cost."""

    requests_per_second: Number | None = Field(
        None, ge=0, le=1_000_000, description="Requests per second, mean over the month. Left out: 1.", examples=[2.5]
    )
    request_duration_ms: Milliseconds | None = Field(
        None,
        ge=1,
        le=3_600_000,
        description="How long a request takes. Left out: 100 ms.",
        examples=["120ms"],
    )
    requests_at_once: Number | None = Field(
        None,
        ge=1,
        le=1000,
        description="Requests that share an instance, on average. Left out: they come by chance, and an instance "
        "answers as many at once as it has vCPUs.",
    )
    rows_per_request: Number | None = Field(
        None, gt=0, le=1_000_000, description="Predictions asked for at once. Left out: 1."
    )
    row_bytes: Whole | None = Field(
        None, ge=1, le=10_000_000, description="Bytes of one row of the prediction log. Left out: 1000."
    )
    answer_bytes: Whole | None = Field(
        None, ge=0, le=32 * 1024 * 1024, description="Bytes of one answer that leave Google's network. Left out: 1000."
    )
    trainings_per_month: Number | None = Field(
        None,
        ge=0,
        le=10_000,
        description="Trainings. Left out: those by the clock, and one for each other trigger.",
    )
    training_duration_s: Seconds | None = Field(
        None, ge=60, le=7 * 86_400, description="How long a training takes. Left out: 1h.", examples=["2h"]
    )
    image_size_mib: Mebibytes | None = Field(
        None,
        ge=1,
        le=1024 * 1024,
        description="Size of an image, less what it shares with the one before. Left out: 1Gi.",
        examples=["512Mi"],
    )
    images_per_month: Number | None = Field(None, ge=0, le=100_000, description="New images. Left out: 4.")
