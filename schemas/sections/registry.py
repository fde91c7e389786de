"""`registry`: the Artifact Registry repository of the images."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, Seconds, Text, Whole


class Severity(StrEnum):
    """Severity of a vulnerability."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


class Scan(Section):
    """Vulnerability scanning."""

    fail_on: Severity = Field(Severity.CRITICAL, description="A fixable finding this severe blocks the plan.")


class Cleanup(Section):
    """What is deleted from the repository, and what is kept. What serves is always kept."""

    keep_last: Whole | None = Field(None, ge=1, description="Versions of each image that are kept, newest first.")
    delete_untagged_after_s: Seconds | None = Field(
        None, ge=1, description="Untagged versions older than this are deleted."
    )


class Registry(Section):
    """The Docker repository of this service's images."""

    repository: Text = Field(description="Name of the repository, in the service's region.", examples=["ml"])
    immutable_tags: Flag = Field(default=False, description="A tag, once pushed, cannot move to other content.")
    scan: Scan | None = Field(None, description="Scan pushed images, and block plans on findings.")
    cleanup: Cleanup | None = Field(None, description="What is deleted.")
