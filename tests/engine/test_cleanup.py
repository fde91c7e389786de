"""What serves, or may be needed again, survives every cleanup; the rest goes."""

import sys
from datetime import timedelta

import pytest

from reconciler.core import errors
from reconciler.core.keeping import tag_of
from reconciler.gcp.image_versions import ImageVersions
from tests.operating import HELLO, REGION, spec

REPOSITORY = f"projects/local/locations/{REGION}/repositories/ml"
PATH = f"{REGION}-docker.pkg.dev/local/ml/scorer"
REGISTRY = {"repository": "ml", "cleanup": {"keepLast": 1, "deleteUntaggedAfter": "1h"}}
ARTIFACTS = ("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
DAY_S = 86400
KEEPS = {
    "id": "keep-needed",
    "action": "KEEP",
    "condition": {"tag_state": "TAGGED", "tag_prefixes": ["mlservice-keep-"]},
}


def push(operator, content, tag="v1", path=PATH):
    """Push a server with a note; the digest."""
    from emulator.images.bundled import HERE  # noqa: PLC0415 - the folder of the image that starts fastest

    folder = operator.folder / "image"
    folder.mkdir(exist_ok=True)
    (folder / "server.py").write_text((HERE / "hello" / "server.py").read_text() + f"\n# {content}\n")
    command = [sys.executable, "-S", "-E", "-B", "server.py"]
    wanted = {"image": f"{path}:{tag}", "folder": str(folder), "command": command}
    return operator.emulator.control("POST", "images", wanted)["digest"]


def tags(operator, repository=REPOSITORY):
    """Tags by digest, of everything in the repository."""
    found = operator.api(*ARTIFACTS).list_docker_images(request={"parent": repository})
    return {image.name.rpartition("@")[2]: set(image.tags) for image in found}


def kept(operator):
    """Digests that have a tag of ours."""
    return {digest for digest, names in tags(operator).items() if tag_of("local", digest) in names}


def applied(operator, *specs):
    report = operator.apply(*specs)
    assert not report.failed, [str(each.error) for each in report.failed]
    assert not report.unwell, report.unwell


def in_another_project(operator):
    """A repository that is cleaned there: how references begin, and its name."""
    shared = f"projects/shared/locations/{REGION}/repositories/ml"
    policies = {
        "keep-needed": KEEPS,
        "all": {"id": "all", "action": "DELETE", "condition": {"older_than": timedelta(minutes=1)}},
    }
    made = {"format_": "DOCKER", "cleanup_policies": policies}
    request = {"parent": shared.rpartition("/repositories/")[0], "repository_id": "ml", "repository": made}
    operator.api(*ARTIFACTS).create_repository(request=request).result(timeout=60)
    return PATH.replace("/local/", "/shared/"), shared


@pytest.fixture
def cleaned(operator):
    """A repository with cleanup, of a service that runs another image."""
    applied(operator, spec("owner", registry=REGISTRY))
    return operator


def test_what_serves_and_the_way_back_stay_and_the_rest_goes(cleaned):
    """Images whose tag moved on stay while a revision may need them; one that never ran goes by the next night."""
    first = push(cleaned, "one")
    applied(cleaned, spec("owner", image=f"{PATH}:v1", registry=REGISTRY))
    never = push(cleaned, "never run")
    second = push(cleaned, "two")
    applied(cleaned, spec("owner", image=f"{PATH}:v1", registry=REGISTRY))
    last = push(cleaned, "three")
    assert cleaned.differences(spec("owner", image=f"{PATH}@{second}", registry=REGISTRY)) == []

    cleaned.emulator.advance(1.5 * DAY_S)

    assert set(tags(cleaned)) == {first, second, last}
    assert kept(cleaned) == {first, second}
    assert never not in tags(cleaned)


def test_an_old_image_is_tagged_before_a_revision_names_it(cleaned):
    """A deploy of an untagged image by a service that knows nothing of the cleanup: the next night spares it."""
    old = push(cleaned, "old")
    push(cleaned, "new")

    cleaned.emulator.control("DELETE", "calls")
    applied(cleaned, spec("other", image=f"{PATH}@{old}"))
    called, before = cleaned.emulator.calls(), kept(cleaned)
    cleaned.emulator.advance(1.5 * DAY_S)

    assert before == kept(cleaned) == {old}
    assert not [name for name in called if name.endswith("ListDockerImages")], "however much lies there"


def test_an_image_that_was_cleaned_away_is_not_deployed(cleaned):
    """The cleanup was faster than the deploy: the change fails with the reason, and nothing runs without its image."""
    old = push(cleaned, "old")
    push(cleaned, "new")
    cleaned.emulator.advance(1.5 * DAY_S)

    report = cleaned.apply(spec("other", image=f"{PATH}@{old}"))

    (failed,) = [each for each in report.failed if each.change.address.kind == "run_service"]
    assert "it may have been cleaned away" in failed.error.hint
    assert [service.name.rpartition("/")[2] for service in cleaned.services()] == ["owner"]


def test_jobs_and_services_that_others_made_keep_their_images(cleaned):
    """What is not in any inventory counts, too, wherever it runs in a region of ours."""
    theirs, mine = push(cleaned, "theirs"), push(cleaned, "mine", "v2")
    push(cleaned, "new")
    push(cleaned, "newer", "v2")
    jobs = cleaned.api("google.cloud.run_v2", "jobs", "Jobs")
    job = {"template": {"template": {"containers": [{"image": f"{PATH}@{theirs}"}]}}}
    parent = f"projects/local/locations/{REGION}"
    jobs.create_job(request={"parent": parent, "job": job, "job_id": "theirs"}).result(timeout=60)
    services = cleaned.api("google.cloud.run_v2", "services", "Services")
    service = {"template": {"containers": [{"image": f"{PATH}@{mine}"}]}}
    services.create_service(request={"parent": parent, "service": service, "service_id": "mine"}).result(timeout=60)

    applied(cleaned, spec("owner", registry=REGISTRY))

    assert kept(cleaned) == {theirs, mine}


def test_what_nothing_needs_any_more_is_let_go(cleaned):
    """With the service the need ends: the next apply of the repository's owner takes the tag, the night the image."""
    old, new = push(cleaned, "old"), push(cleaned, "new")
    applied(cleaned, spec("other", image=f"{PATH}@{old}"))
    assert not cleaned.destroy("other").failed

    applied(cleaned, spec("owner", registry=REGISTRY))
    cleaned.emulator.advance(1.5 * DAY_S)

    assert set(tags(cleaned)) == {new}


def test_what_cannot_be_looked_at_is_needed(cleaned):
    """While jobs cannot be listed no tag goes, and the apply says that something may not be kept."""
    old = push(cleaned, "old")
    push(cleaned, "new")
    applied(cleaned, spec("other", image=f"{PATH}@{old}"))
    cleaned.destroy("other")
    cleaned.emulator.faults({"method": "google.cloud.run.v2.Jobs/ListJobs", "status": "PERMISSION_DENIED"})

    report = cleaned.apply(spec("owner", registry=REGISTRY))
    cleaned.emulator.faults()

    assert kept(cleaned) == {old}
    assert "what is needed cannot be looked at" in "".join(report.unwell.values())
    assert report.exit_code == 1


def test_a_policy_that_deletes_comes_after_the_tags(operator):
    """Cleanup switched on where services run: where what serves cannot be tagged, the policies are not written."""
    applied(operator, spec("owner", registry={"repository": "ml"}))
    old = push(operator, "old")
    push(operator, "new")
    applied(operator, spec("other", image=f"{PATH}@{old}"))
    assert kept(operator) == set()
    rule = {"method": "google.devtools.artifactregistry.v1.ArtifactRegistry/CreateTag", "status": "PERMISSION_DENIED"}
    operator.emulator.faults(rule)

    report = operator.apply(spec("owner", registry=REGISTRY))
    operator.emulator.faults()
    live = operator.api(*ARTIFACTS).get_repository(request={"name": REPOSITORY})
    applied(operator, spec("owner", registry=REGISTRY))

    assert [each.change.address.kind for each in report.failed] == ["artifact_repository"]
    assert not live.cleanup_policies
    assert kept(operator) == {old}


def test_a_tag_is_made_and_let_go_though_google_is_away_for_a_moment(cleaned):
    """An answer that is none, before or after the write: the deploy goes on, and what is not needed is let go."""
    old = push(cleaned, "old")
    push(cleaned, "new")
    away = {"status": "UNAVAILABLE", "times": 1}
    service = "google.devtools.artifactregistry.v1.ArtifactRegistry"
    cleaned.emulator.faults(
        {**away, "method": f"{service}/CreateTag"},
        {**away, "method": f"{service}/CreateTag", "skip": 1, "when": "after"},
        {**away, "method": f"{service}/DeleteTag"},
    )

    applied(cleaned, spec("other", image=f"{PATH}@{old}"))
    assert kept(cleaned) == {old}
    assert not cleaned.destroy("other").failed
    applied(cleaned, spec("owner", registry=REGISTRY))

    assert kept(cleaned) == set()


def test_a_tag_that_does_not_go_keeps_no_other(cleaned):
    """Two are needed no more, and Google refuses to take away the tag of one: the other goes, and the run says so."""
    old, older = push(cleaned, "old"), push(cleaned, "older")
    push(cleaned, "new")
    applied(cleaned, spec("one", image=f"{PATH}@{old}"), spec("two", image=f"{PATH}@{older}"))
    assert not cleaned.destroy("one", "two").failed
    refusal = {"status": "PERMISSION_DENIED", "times": 1}
    cleaned.emulator.faults({**refusal, "method": "google.devtools.artifactregistry.v1.ArtifactRegistry/DeleteTag"})

    report = cleaned.apply(spec("owner", registry=REGISTRY))

    assert len(kept(cleaned)) == 1
    [(address, why)] = report.unwell.items()
    assert (address.kind, why.partition(": ")[0]) == ("artifact_repository", "not let go")


def test_a_conflict_about_no_tag_is_said_as_one(cleaned):
    """Somebody else was at the package: the image is there, and nobody is told to push it again."""
    old = push(cleaned, "old")
    service = "google.devtools.artifactregistry.v1.ArtifactRegistry"
    cleaned.emulator.faults({"method": f"{service}/CreateTag", "status": "ABORTED"})

    with pytest.raises(errors.Conflict):
        ImageVersions(cleaned.connection).tag(REPOSITORY, "scorer", old, tag_of("local", old))


def test_while_another_run_is_at_work_nothing_is_let_go(cleaned):
    """Its claims may be newer than what was looked at; the next apply lets go what is not needed then."""
    old = push(cleaned, "old")
    push(cleaned, "new")
    applied(cleaned, spec("other", image=f"{PATH}@{old}"), spec("third"))
    cleaned.destroy("other")
    from reconciler.engine.inventory_store import InventoryStore  # noqa: PLC0415 - this test alone takes a lock

    store = InventoryStore(cleaned.session())
    held = store.take(cleaned.inventories()[REGION, "third"])

    applied(cleaned, spec("owner", registry=REGISTRY))
    during = kept(cleaned)
    store.release(held)
    applied(cleaned, spec("owner", registry=REGISTRY))

    assert during == {old}
    assert kept(cleaned) == set()


def test_a_service_without_cleanup_asks_no_more_than_before(operator):
    """Where no spec has a cleanup, nothing is listed, and nothing is tagged."""
    push_free = spec("plain", image=HELLO)
    applied(operator, push_free)

    called = operator.emulator.calls()
    assert not [name for name in called if name.endswith(("ListDockerImages", "CreateTag", "Jobs/ListJobs"))]


def test_a_registry_of_another_project_has_tags_of_this_one(operator):
    """Images come from a shared project's registry, which is cleaned there: what runs here is kept, in our name."""
    path, shared = in_another_project(operator)
    old = push(operator, "old", path=path)
    push(operator, "new", path=path)

    applied(operator, spec(image=f"{path}@{old}"))
    operator.emulator.advance(1.5 * DAY_S)

    assert tags(operator, shared) == {old: {tag_of("local", old)}}


def test_a_registry_of_another_project_is_let_go_when_no_spec_names_it(operator):
    """The service moved on, with a way back, and then is gone: each run looks at where its images lay."""
    path, shared = in_another_project(operator)
    old = push(operator, "old", path=path)
    applied(operator, spec(image=f"{path}@{old}"))
    applied(operator, spec(image=HELLO))
    during = tags(operator, shared)

    report = operator.destroy("churn")

    assert not report.failed
    assert not report.unwell
    assert during == {old: {"v1", tag_of("local", old)}}
    assert tags(operator, shared) == {old: {"v1"}}
