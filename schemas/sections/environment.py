"""`secrets`: which version of which secret an environment variable holds."""

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, LooseText, Text


class SecretRef(Section):
    """A version of a Secret Manager secret."""

    secret: Text = Field(
        description="Secret's name; `projects/P/secrets/S` for another project's.",
        examples=["churn-fs-token"],
    )
    version: LooseText = Field(
        "latest",
        description="Version number, alias, or `latest`; pinned to a number when planning.",
    )
    pin: Flag = Field(
        default=True,
        description="`false`: leave the version as written, so that each new instance reads what it names then.",
    )
