"""`image`: which container runs."""

from enum import StrEnum
from typing import Any

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.values import Text


class Resolve(StrEnum):
    """What is applied for an image that is named by a tag."""

    DIGEST = "Digest"
    TAG = "Tag"


class Image(Section):
    """The container image. Without this section the bundled model server runs."""

    uri: Text = Field(
        description="Image reference: registry, repository, and a tag or digest.",
        examples=["europe-west1-docker.pkg.dev/acme/ml/churn-scorer:1.8.0"],
    )
    resolve: Resolve = Field(
        Resolve.DIGEST,
        description="`Digest`: a tag is resolved when planning and its digest is what is applied. "
        "`Tag`: the tag itself is applied, and Cloud Run resolves it at deploy time.",
    )

    @model_validator(mode="before")
    @classmethod
    def _from_uri(cls, value: Any) -> Any:
        return {"uri": value} if isinstance(value, str) else value
