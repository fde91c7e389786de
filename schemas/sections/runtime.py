"""`runtime`: how the bundled model server behaves."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Milliseconds, Seconds, Whole


class Protocol(StrEnum):
    """What the server speaks."""

    JSON = "json"
    V2 = "v2"
    VERTEX = "vertex"


class Batching(Section):
    """Requests that arrive together are predicted together."""

    max_size: Whole = Field(32, ge=1, le=4096, description="Most rows in one batch.")
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
        le=240,
        description="Time until the model must be ready; Cloud Run allows 4 minutes at most.",
    )


class Runtime(Section):
    """How requests are served."""

    protocols: tuple[Protocol, ...] = Field(
        (Protocol.JSON, Protocol.V2, Protocol.VERTEX),
        description="Protocols that are served: `json` (POST /predict), `v2` (Open Inference Protocol), "
        "`vertex` (Vertex AI's container contract).",
        min_length=1,
    )
    timeout_s: Seconds = Field(300, ge=1, le=3600, description="Longest a request may take, 1s to 60m.")
    batching: Batching | None = Field(
        None, description="Dynamic batching; left out, 32 rows and 2ms. `maxSize: 1` turns it off."
    )
    startup: Startup = Field(default_factory=Startup, description="Start of a new instance.")
