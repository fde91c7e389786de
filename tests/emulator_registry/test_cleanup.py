"""Cleanup policies at work, through Google's client, on the virtual clock."""

import json
import sys
from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from tests.emulator.clients import client
from tests.emulator_registry.client import CONFIG, INDEX, OCI, digest_of, make_repository, manifest_of, registry, upload

PARENT = "projects/local/locations/europe-west1"
REPOSITORY = f"{PARENT}/repositories/models"
PATH = "europe-west1-docker.pkg.dev/local/models"
DAY_S = 86400
KEEP, DELETE = ar.CleanupPolicy.Action.KEEP, ar.CleanupPolicy.Action.DELETE
UNTAGGED, TAGGED = ar.CleanupPolicyCondition.TagState.UNTAGGED, ar.CleanupPolicyCondition.TagState.TAGGED


def policy(key, action, **condition):
    return ar.CleanupPolicy(id=key, action=action, condition=ar.CleanupPolicyCondition(**condition))


def newest(key, count):
    return ar.CleanupPolicy(id=key, action=KEEP, most_recent_versions={"keep_count": count})


def clean_by(api, *policies, **fields):
    """Give the repository policies."""
    repository = ar.Repository(name=REPOSITORY, cleanup_policies={each.id: each for each in policies}, **fields)
    paths = ["cleanup_policies", *fields]
    return api.update_repository(request={"repository": repository, "update_mask": {"paths": paths}})


@pytest.fixture
def pushed(emulator, tmp_path):
    """Push a content under a tag that moves; gives the digest."""

    def push(content, image="scorer:v1"):
        (tmp_path / "main.py").write_text(content)
        wanted = {"image": f"{PATH}/{image}", "folder": str(tmp_path), "command": [sys.executable, "main.py"]}
        return emulator.control("POST", "images", wanted)["digest"]

    return push


def left(api):
    return {image.name.rpartition("@")[2] for image in api.list_docker_images(parent=REPOSITORY)}


def test_what_a_delete_matches_goes_a_day_later_and_what_a_keep_matches_stays(emulator, pushed):
    """Untagged versions go, the newest two aside; keep wins over delete. Before the day is over nothing goes."""
    api = make_repository(emulator)
    digests = [pushed(f"print({number})") for number in range(4)]
    clean_by(api, policy("old", DELETE, tag_state=UNTAGGED, older_than=timedelta(hours=1)), newest("few", 2))

    emulator.advance(DAY_S - 600)
    before = left(api)
    emulator.advance(1200)

    assert before == set(digests)
    assert left(api) == set(digests[2:])


def test_it_comes_back_every_day(emulator, pushed):
    """What is too young on one day goes on another one."""
    api = make_repository(emulator)
    old = pushed("print(0)")
    now = pushed("print(1)")
    clean_by(api, policy("old", DELETE, tag_state=UNTAGGED, older_than=timedelta(days=3)))

    emulator.advance(2.5 * DAY_S)
    young = left(api)
    emulator.advance(2 * DAY_S)

    assert young == {old, now}
    assert left(api) == {now}


def test_a_tag_that_a_keep_names_protects_what_everything_else_would_delete(emulator, pushed):
    """A KEEP by prefix of tags wins over a DELETE of all there is."""
    api = make_repository(emulator)
    kept, gone = pushed("print(0)", "scorer:keep-me"), pushed("print(1)", "scorer:v1")
    clean_by(
        api,
        policy("all", DELETE, older_than=timedelta(hours=1)),
        policy("mine", KEEP, tag_state=TAGGED, tag_prefixes=["keep-"]),
    )

    emulator.advance(DAY_S + 600)

    assert left(api) == {kept}
    assert gone != kept
    assert [tag.name.rpartition("/")[2] for tag in api.list_tags(parent=f"{REPOSITORY}/packages/scorer")] == ["keep-me"]


def test_in_a_dry_run_nothing_goes(emulator, pushed):
    """`cleanup_policy_dry_run` is heeded, and once it is off the next day's run deletes."""
    api = make_repository(emulator)
    old, now = pushed("print(0)"), pushed("print(1)")
    rule = policy("old", DELETE, tag_state=UNTAGGED, older_than=timedelta(hours=1))
    clean_by(api, rule, cleanup_policy_dry_run=True)

    emulator.advance(2 * DAY_S + 600)
    dry = left(api)
    clean_by(api, rule, cleanup_policy_dry_run=False)
    emulator.advance(DAY_S)

    assert dry == {old, now}
    assert left(api) == {now}


def test_a_tag_that_cannot_go_keeps_its_version(emulator, pushed):
    """Of a repository whose tags are immutable only untagged versions go."""
    api = make_repository(emulator, immutable_tags=True)
    tagged = pushed("print(0)", "scorer:v1")
    clean_by(api, policy("all", DELETE, older_than=timedelta(hours=1)))

    emulator.advance(DAY_S + 600)

    assert left(api) == {tagged}


def test_an_image_of_an_index_stays_as_long_as_the_index(emulator):
    """The registry refuses to delete what an index still names; the list of images shows what it names."""
    api = make_repository(emulator)
    with registry(emulator) as made:
        name = f"{PATH}/scorer"
        config = upload(made, b"{}", name) | {"mediaType": CONFIG}
        part = manifest_of(config)
        made.put(f"/v2/{name}/manifests/{digest_of(part)}", content=part, headers={"content-type": OCI})
        entry = {"mediaType": OCI, "digest": digest_of(part), "size": len(part)}
        index = manifest_index(entry)
        made.put(f"/v2/{name}/manifests/v1", content=index, headers={"content-type": INDEX})
    clean_by(api, policy("old", DELETE, tag_state=UNTAGGED, older_than=timedelta(hours=1)))

    emulator.advance(DAY_S + 600)

    shown = api.get_docker_image(name=f"{REPOSITORY}/dockerImages/scorer@{digest_of(index)}")
    assert left(api) == {digest_of(part), digest_of(index)}
    assert [each.digest for each in shown.image_manifests] == [digest_of(part)]


def manifest_index(entry):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (policy("a", DELETE, older_than=timedelta(0)), "older_than must be positive"),
        (policy("a", KEEP, tag_prefixes=["v"]), "tag_prefixes only go with the state TAGGED"),
        (newest("a", 0), "keep_count must be at least 1"),
        (ar.CleanupPolicy(id="a", action=DELETE, most_recent_versions={"keep_count": 3}), "only goes with KEEP"),
        (ar.CleanupPolicy(id="a", action=KEEP), "needs an action and a condition"),
    ],
)
def test_policies_that_make_no_sense_are_refused(emulator, rule, words):
    """As Google refuses them: ages above zero, prefixes of tags for tagged versions, something to keep."""
    api = make_repository(emulator)

    with pytest.raises(exceptions.InvalidArgument, match=words):
        clean_by(api, rule)


def test_an_eleventh_policy_is_refused(emulator):
    """Ten are the most of one repository."""
    api = client(emulator, ar.ArtifactRegistryClient)
    make_repository(emulator)

    with pytest.raises(exceptions.InvalidArgument, match="at most 10"):
        clean_by(api, *(newest(f"p{number}", 1) for number in range(11)))
