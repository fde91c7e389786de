"""Cleanup policies at work, through Google's client, on the virtual clock."""

import json
import sys
from datetime import timedelta

import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from emulator.apis.artifactregistry import turns
from emulator.core.api import Call
from emulator.images import Images
from emulator.wire.dispatch import perform
from emulator.wire.table import load
from tests.emulator.clients import client
from tests.emulator_registry.client import CONFIG, INDEX, OCI, digest_of, make_repository, manifest_of, registry, upload

PARENT = "projects/local/locations/europe-west1"
REPOSITORY = f"{PARENT}/repositories/models"
PATH = "europe-west1-docker.pkg.dev/local/models"
DAY_S = 86400
TABLE = load()
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
    """`cleanup_policy_dry_run` is heeded, the log says what would, and once it is off the next day's run deletes."""
    api = make_repository(emulator)
    old, now = pushed("print('dry')"), pushed("print(1)")
    rule = policy("old", DELETE, tag_state=UNTAGGED, older_than=timedelta(hours=1))
    clean_by(api, rule, cleanup_policy_dry_run=True)

    emulator.advance(2 * DAY_S + 600)
    dry = left(api)
    clean_by(api, rule, cleanup_policy_dry_run=False)
    emulator.advance(DAY_S)

    assert dry == {old, now}
    log = (emulator.state / "log").read_text()
    assert f"cleanup would delete {REPOSITORY}/packages/scorer/versions/{old}\n" in log
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
        whole = manifest_index(entry)
        made.put(f"/v2/{name}/manifests/v1", content=whole, headers={"content-type": INDEX})
    clean_by(api, policy("old", DELETE, tag_state=UNTAGGED, older_than=timedelta(hours=1)))

    emulator.advance(DAY_S + 600)

    shown = api.get_docker_image(name=f"{REPOSITORY}/dockerImages/scorer@{digest_of(whole)}")
    assert left(api) == {digest_of(part), digest_of(whole)}
    assert [each.digest for each in shown.image_manifests] == [digest_of(part)]


def manifest_index(*entries):
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()


# Without a server


def ask(world, method, **fields):
    method = f"google.devtools.artifactregistry.v1.ArtifactRegistry/{method}Repository"
    return perform(world, Call(method, mutating=True, caller="me"), TABLE[method].request(**fields))


def to_clean(world, **fields):
    """A repository that loses what is an hour old."""
    condition = {"older_than": {"seconds": 3600}, **fields}
    rules = {"old": {"action": "DELETE", "condition": condition}}
    ask(world, "Create", parent=PARENT, repository_id="models", repository={"format_": 1, "cleanup_policies": rules})


def index(world, *parts, tag=None):
    """An index in the repository."""
    images = world.part(Images)
    content = manifest_index(*({"digest": each} for each in parts))
    return images.keep(images.receive(f"{REPOSITORY}/packages/scorer", content, INDEX), tag).digest


def there(world):
    return {image.digest for image in world.part(Images).below(REPOSITORY)}


def planned(world):
    """Cleanups that timers and rows tell of."""
    timers = [json.loads(body)["callback"] for _, body in world.store.list("timer")]
    return timers.count(turns.FIRE), len(world.store.list(turns.DUE))


def test_a_cleanup_that_fails_is_not_the_last(world):
    """A manifest that cannot be read ends one day's; the next day's is there, and deletes."""
    to_clean(world)
    manifest = world.store.blob_path(index(world).removeprefix("sha256:"))
    manifest.rename(manifest.with_suffix(".away"))
    world.clock.advance(DAY_S + 600)
    failed = planned(world), len(there(world))
    manifest.with_suffix(".away").rename(manifest)

    world.clock.advance(DAY_S)

    assert failed == ((1, 1), 1)
    assert (planned(world), there(world)) == ((1, 1), set())


def test_a_state_of_before_is_cleaned_and_can_be_let_go(world):
    """Its rows have the moment alone: the cleanup comes all the same, and a repository that goes has none to come."""
    to_clean(world)
    alone = index(world)
    row = json.loads(world.store.get(turns.DUE, REPOSITORY))
    world.store.put(turns.DUE, REPOSITORY, row["at"].encode())
    world.clock.advance(DAY_S + 600)
    cleaned = there(world)
    row = json.loads(world.store.get(turns.DUE, REPOSITORY))
    world.store.put(turns.DUE, REPOSITORY, row["at"].encode())
    ask(world, "Delete", name=REPOSITORY)
    world.clock.advance(DAY_S)

    assert alone not in cleaned
    assert planned(world) == (0, 0)


def test_what_has_no_policies_any_more_is_not_planned(world):
    """Neither a repository whose policies went nor one that is gone has a cleanup to come."""
    to_clean(world)
    name, mask = {"name": REPOSITORY}, {"paths": ["cleanup_policies"]}
    rules = ask(world, "Get", **name).cleanup_policies
    seen = [planned(world)]
    for kept in ({}, rules):
        ask(world, "Update", repository={**name, "cleanup_policies": kept}, update_mask=mask)
        seen.append(planned(world))
    ask(world, "Delete", **name)

    assert [*seen, planned(world)] == [(1, 1), (0, 0), (1, 1), (0, 0)]


def test_what_an_index_of_indexes_names_stays(world):
    """The outer one has a tag: the inner one stays, and so does what only the inner one names."""
    to_clean(world, tag_state="UNTAGGED")
    inner = index(world, leaf := index(world))
    outer, alone = index(world, inner, tag="v1"), index(world, f"sha256:{'0' * 64}")

    world.clock.advance(DAY_S + 600)
    kept = there(world)
    world.part(Images).untag(f"{REPOSITORY}/packages/scorer/tags/v1")
    world.clock.advance(DAY_S)

    assert alone not in kept
    assert kept == {leaf, inner, outer}
    assert there(world) == set()


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (policy("a", DELETE, older_than=timedelta(0)), "older_than must be positive"),
        (
            policy("a", KEEP, newer_than=timedelta(days=3_652_501)),
            "newer_than must be positive, and at most 10,000 years",
        ),
        (policy("a", KEEP, tag_prefixes=["v"]), "tag_prefixes only go with the state TAGGED"),
        (newest("a", 0), "keep_count must be at least 1"),
        (ar.CleanupPolicy(id="a", action=DELETE, most_recent_versions={"keep_count": 3}), "only goes with KEEP"),
        (ar.CleanupPolicy(id="a", action=KEEP), "needs an action and a condition"),
    ],
)
def test_policies_that_make_no_sense_are_refused(emulator, rule, words):
    """As Google refuses them: ages above zero, none endless; prefixes of tags for tagged versions; something stays."""
    api = make_repository(emulator)

    with pytest.raises(exceptions.InvalidArgument, match=words):
        clean_by(api, rule)


def test_an_eleventh_policy_is_refused(emulator):
    """Ten are the most of one repository."""
    api = client(emulator, ar.ArtifactRegistryClient)
    make_repository(emulator)

    with pytest.raises(exceptions.InvalidArgument, match="at most 10"):
        clean_by(api, *(newest(f"p{number}", 1) for number in range(11)))
