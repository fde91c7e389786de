"""`mlservice image cleanup`: what goes and when, what stays and why, for people and for programs."""

from tests.engine.test_cleanup import PATH, REGISTRY, REPOSITORY, push
from tests.operating import REGION, spec


def test_what_goes_and_what_stays_is_told_with_its_reason(shell, operator):
    """One image serves, one is the newest, one is of nobody: each is told with its reason, and nothing is written."""
    operator.apply(spec(registry=REGISTRY))
    serves = push(operator, "serves")
    operator.apply(spec(image=f"{PATH}@{serves}", registry=REGISTRY))
    idle, newest = push(operator, "idle"), push(operator, "newest")
    operator.emulator.advance(7200)
    operator.emulator.control("DELETE", "calls")

    text = shell("image", "cleanup", "--local")
    told = shell("image", "cleanup", "ml", "--local", "-o", "json")
    made = operator.emulator.calls()

    (found,) = told.json["repositories"]
    assert (text.code, told.code) == (0, 0)
    assert found["repository"] == PATH.rpartition("/")[0]
    assert {each["name"] for each in found["policies"]} == {"delete-untagged", "keep-last", "keep-needed"}
    assert [(each["image"], each["by"]) for each in found["goes"]] == [(f"scorer@{idle}", ["delete-untagged"])]
    stays = {each["image"].partition("@")[2]: each for each in found["stays"]}
    assert set(stays) == {serves, newest}
    assert stays[serves]["needed"][0].startswith(f"serves: {REGION}/churn, revision ")
    assert (stays[newest]["needed"], stays[newest]["by"]) == ([], [])
    assert found["bytes"]["goesNextNight"] == found["goes"][0]["bytes"] > 0
    assert f"scorer@{idle[:19]}" in text.out
    assert "no policy deletes it" in text.out
    assert not [name for name in made if "/" in name and not name.split("/")[-1].startswith(("Get", "List"))]


def test_what_is_needed_and_would_go_is_an_error(shell, operator):
    """A tag of ours that somebody removed: the image would go, it is said, and the code is 1; apply mends it."""
    operator.apply(spec(registry=REGISTRY))
    serves = push(operator, "serves")
    wanted = spec(image=f"{PATH}@{serves}", registry=REGISTRY)
    operator.apply(wanted)
    push(operator, "newest")
    api = operator.api("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    (tag,) = [
        each.name
        for each in api.list_tags(request={"parent": f"{REPOSITORY}/packages/scorer"})
        if "mlservice-keep-" in each.name
    ]
    api.delete_tag(request={"name": tag})

    before = shell("image", "cleanup", "--local")
    operator.apply(wanted)
    after = shell("image", "cleanup", "--local")

    assert (before.code, after.code) == (1, 0)
    assert "1 that are needed would go" in before.out


def test_a_repository_that_no_spec_made_needs_its_region(shell, operator):
    """Without a region it is not known where it is; without any repository there is nothing to tell."""
    assert shell("image", "cleanup", "none", "--local").code == 64
    assert "no spec of this project has a registry" in shell("image", "cleanup", "--local").out
