"""`ci`: the workflows that plan pull requests and act on merges, and what lets them into the project."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import INT64_MOST, Text, Whole


class OnMerge(StrEnum):
    """What a workflow may do after a merge."""

    PUBLISH = "Publish"
    APPLY = "Apply"


class GitHubRepository(Section):
    """A repository at github.com whose workflows are let in, without any key."""

    repository: Text = Field(description="`owner/repository`.", examples=["acme/ml-services"])
    repository_id: Whole | None = Field(
        None,
        ge=1,
        le=INT64_MOST,
        description="Its number, which stays when it is renamed and is never given twice: "
        "`gh api repos/acme/ml-services --jq .id`.",
    )
    owner_id: Whole | None = Field(
        None,
        ge=1,
        le=INT64_MOST,
        description="The number of its owner: `gh api repos/acme/ml-services --jq .owner.id`.",
    )
    branch: Text = Field("main", description="The protected branch whose workflows act on merges.")
    environment: Text | None = Field(
        None,
        description="The environment at GitHub whose reviewers consent: only its jobs act on merges. Left out: every "
        "job of the branch does.",
        examples=["prod"],
    )


class ContinuousIntegration(Section):
    """Who outside may plan, and who may act on merges: two accounts, which a CI acts as for an hour at a time."""

    github: GitHubRepository = Field(description="The repository.")
    on_merge: OnMerge = Field(
        OnMerge.PUBLISH,
        description="`Publish` may put specs where the operator reads them, and nothing else. `Apply` may change what "
        "the services lead to.",
    )
