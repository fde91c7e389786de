"""`events`: predictions asked for by message, and answered by message."""

from typing import Any

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.values import Flag, Seconds, Text, Whole


class Topic(Section):
    """A Pub/Sub topic: somebody else's, or one that is made for this service."""

    topic: Text = Field(
        description="The topic's id, or `projects/P/topics/T` for one of another project.", examples=["orders"]
    )
    create: Flag = Field(
        default=False,
        description="Make the topic, and delete it with the last service that makes it; deleting one that others take "
        "messages from needs consent. Left out: it must exist.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_name(cls, value: Any) -> Any:
        return {"topic": value} if isinstance(value, str) else value


class DeadLetter(Topic):
    """Where messages go that could not be answered."""

    max_attempts: Whole = Field(5, ge=5, le=100, description="Deliveries of one message before it goes there.")


class Retry(Section):
    """How long Pub/Sub waits before it delivers a message again that was not answered."""

    min_backoff_s: Seconds = Field(10, ge=0, le=600, description="Before the second delivery, up to 10m.")
    max_backoff_s: Seconds = Field(600, ge=0, le=600, description="Between later ones, up to 10m.")


class Requests(Topic):
    """Messages that ask for predictions: each is posted to the service, and delivered again until it is answered."""

    path: Text = Field("/events", description="Path of the service that takes them; the bundled server's is `/events`.")
    filter: Text | None = Field(
        None,
        description="Only messages whose attributes fit, in Pub/Sub's filter language. Cannot be changed later: the "
        "subscription is made anew, and what it still held is lost.",
        examples=['attributes.kind = "score"'],
    )
    ack_deadline_s: Seconds = Field(
        60, ge=10, le=600, description="Longest an answer may take before the message is delivered again, 10s to 10m."
    )
    retry: Retry = Field(default_factory=Retry, description="Waiting between deliveries.")
    dead_letter: DeadLetter | None = Field(
        None,
        description="Where messages go that could not be answered. Left out: they are delivered for as long as the "
        "subscription keeps them, 7 days unless somebody changed that.",
    )


class Events(Section):
    """Asynchronous predictions."""

    requests: Requests = Field(description="Messages that ask for predictions.")
    answers: Topic | None = Field(
        None, description="Where answers are published. Left out: the answer only acknowledges the message."
    )
