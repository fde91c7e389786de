"""`runtime`: how the bundled model server behaves."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Mebibytes, Milliseconds, Number, Seconds, Text, Whole


class Protocol(StrEnum):
    """What the server speaks."""

    JSON = "json"
    V2 = "v2"
    VERTEX = "vertex"


class Batching(Section):
    """Requests that arrive together are predicted together."""

    max_size: Whole | None = Field(
        None,
        ge=1,
        le=4096,
        description="Most rows in one batch; left out: what the model predicts in a millisecond, at least 32; on a GPU "
        "the fewest by which it is busy.",
    )
    max_delay_ms: Milliseconds = Field(
        2,
        ge=0,
        le=60_000,
        description="Longest time a row waits for others; never applied to a lone request.",
    )


class Startup(Section):
    """How long the model may take to load."""

    deadline_s: Seconds = Field(
        240,
        ge=1,
        le=1800,
        description="Time until the model must be ready: at most `10m`, with a GPU `30m`.",
    )


class Limits(Section):
    """How large a request may be. More is refused with 413."""

    max_body_mib: Mebibytes = Field(
        10,
        ge=1,
        le=32,
        description="Largest body, 1Mi to 32Mi: Cloud Run takes no larger one over HTTP/1.",
        examples=["10Mi"],
    )
    max_rows: Whole = Field(10_000, ge=1, le=1_000_000, description="Most rows of one request.")


class AccessLog(Section):
    """The server's own line per request, with model, version, protocol and trace. Cloud Run logs requests as well."""

    sample_rate: Number = Field(
        1.0, description="Share of requests that are logged, in (0, 1]. Server errors always are, also without this."
    )


class Shadow(Section):
    """Another version that gets copies of requests after they were answered; the log says how its answers differ."""

    url: Text = Field(
        description="Where copies are posted: the predict address of the other version.",
        examples=["https://candidate---churn-scorer-abc123-ew.a.run.app/predict"],
    )
    percent: Whole = Field(100, ge=1, le=100, description="Percent of requests that are copied.")


class Runtime(Section):
    """How requests are served."""

    protocols: tuple[Protocol, ...] = Field(
        (Protocol.JSON, Protocol.V2, Protocol.VERTEX),
        description="Protocols that are served: `json` (POST /predict, KServe v1, events), `v2` (Open Inference "
        "Protocol), `vertex` (Vertex AI's container contract, on the route that `AIP_PREDICT_ROUTE` names).",
        min_length=1,
    )
    timeout_s: Seconds = Field(300, ge=1, le=3600, description="Longest a request may take, 1s to 60m.")
    batching: Batching | None = Field(
        None, description="Dynamic batching, on when left out. `maxSize: 1` turns it off."
    )
    limits: Limits | None = Field(None, description="Largest requests; left out, 10Mi and 10,000 rows.")
    access_log: AccessLog | None = Field(None, description="Access log of the server; left out, only server errors.")
    shadow: Shadow | None = Field(None, description="Copies of requests for another version.")
    startup: Startup = Field(default_factory=Startup, description="Start of a new instance.")
