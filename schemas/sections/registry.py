"""`registry`: the Artifact Registry repository of the images."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import INT32_MOST, Flag, Seconds, Text, Whole


class Severity(StrEnum):
    """Severity of a vulnerability."""

    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


class Allowed(Section):
    """A vulnerability that is lived with until a date."""

    cve: Text = Field(description="Its number, as plans name it.", examples=["CVE-2024-6345"])
    until: Text = Field(
        description="Last day on which it counts as allowed, in UTC. After that it blocks again, and plans say so.",
        examples=["2027-01-31"],
    )
    reason: Text = Field(description="Why, for people.", examples=["the function is never called"])


class Scan(Section):
    """Vulnerability scanning. An image is deployed when its scan has ended and nothing in it is too severe."""

    fail_on: Severity = Field(
        Severity.CRITICAL, description="A finding this severe that has a fix blocks the plan that would deploy it."
    )
    fail_on_unfixed: Severity | None = Field(
        None, description="So does a finding this severe without a fix. Left out, none does: plans name them."
    )
    allow: tuple[Allowed, ...] = Field((), description="Vulnerabilities that are lived with for a time.")
    grace_s: Seconds = Field(
        0,
        ge=0,
        le=366 * 86_400,
        description="How long after it was published a vulnerability is told of and does not block.",
        examples=["7d"],
    )


class Signed(Section):
    """Attestations of Binary Authorization. An image is deployed when each attestor has signed its digest."""

    attestors: tuple[Text, ...] = Field(
        min_length=1,
        description="Attestors, each of which must have attested an image that a plan would deploy.",
        examples=[["projects/acme-signing/attestors/built-by-ci"]],
    )
    required: Flag = Field(default=True, description="`false`: what is not attested is deployed, and plans tell of it.")


class Cleanup(Section):
    """What is deleted from the repository, and what is kept. What serves is always kept."""

    keep_last: Whole | None = Field(
        None, ge=1, le=INT32_MOST, description="Versions of each image that are kept, newest first."
    )
    delete_untagged_after_s: Seconds | None = Field(
        None, ge=1, le=36_600 * 86_400, description="Untagged versions older than this are deleted."
    )


class Registry(Section):
    """The Docker repository of this service's images."""

    repository: Text = Field(description="Name of the repository, in the service's region.", examples=["ml"])
    immutable_tags: Flag = Field(default=False, description="A tag, once pushed, cannot move to other content.")
    scan: Scan | None = Field(None, description="Scan pushed images, and block plans on findings.")
    signed: Signed | None = Field(None, description="Whose signatures an image needs to be deployed.")
    provenance: Flag = Field(
        default=False,
        description="Plans tell who built what they would deploy, of which commit, and what lists its contents.",
    )
    cleanup: Cleanup | None = Field(None, description="What is deleted.")
