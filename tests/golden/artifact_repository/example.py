"""A repository with cleanup policies, ours and somebody else's."""

from datetime import timedelta

from google.cloud.artifactregistry_v1.types import repository

from reconciler.core.address import Address
from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.kinds.artifact_repository import ArtifactRepository
from tests.conformance.example import Example


def api(operator):
    return operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")


def read(operator):
    return api(operator).get_repository(request={"name": operator.at.of_region("repositories", "ml")})


def write(operator, path, change):
    live = read(operator)
    change(live)
    api(operator).update_repository(request={"repository": live, "update_mask": {"paths": [path]}})


def add_policy(operator):
    policy = repository.CleanupPolicy(id="theirs", action="DELETE", condition={"older_than": timedelta(days=99)})
    write(operator, "cleanup_policies", lambda live: live.cleanup_policies.update({"theirs": policy}))


def only_say(operator):
    def change(live):
        live.cleanup_policy_dry_run = True

    write(operator, "cleanup_policy_dry_run", change)


def examples(at):
    """Give the examples of a place."""
    ours = {MANAGED_BY: MANAGER, **at.labels}
    example = Example(
        address=Address("artifact_repository", at.region, at.name("ml")),
        fields=ArtifactRepository("DOCKER", False, True, 20, 7 * 86400, ours, True),  # noqa: FBT003 - a record
        edits=(
            {"immutable_tags": True},
            {"scanning": False},
            {"keep_last": 3},
            {"keep_last": None},
            {"delete_untagged_after_s": 86400},
            {"delete_untagged_after_s": None},
            {"keep_needed": False},
            {"labels": {**ours, "team": "growth"}},
        ),
        read=read,
        message=repository.Repository,
        places={
            "format": ["format"],
            "immutable_tags": ["docker_config.immutable_tags"],
            "scanning": ["vulnerability_scanning_config.enablement_config"],
            "keep_last": ["cleanup_policies"],
            "delete_untagged_after_s": ["cleanup_policies"],
            "keep_needed": ["cleanup_policies"],
            "labels": ["labels"],
        },
        owner=at.name("churn"),
        unmarked={"labels": {}},
        meddle=add_policy,
        theirs=lambda operator: "theirs" in read(operator).cleanup_policies,
        by_hand={"cleanup_policy_dry_run": only_say},
        add_key={
            "labels": lambda operator, key: write(operator, "labels", lambda live: live.labels.update({key: "1"})),
        },
    )
    return (example,)
