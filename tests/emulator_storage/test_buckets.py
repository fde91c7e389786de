"""Buckets through google-cloud-storage."""

import uuid

import pytest
from google.api_core import exceptions


def fresh_name():
    return f"test-{uuid.uuid4().hex[:12]}"


def test_a_bucket_has_the_services_defaults(client):
    """What is not asked for is filled in as Cloud Storage fills it in."""
    made = client.create_bucket(fresh_name())

    seen = client.get_bucket(made.name)

    assert (seen.location, seen.location_type, seen.storage_class) == ("US", "multi-region", "STANDARD")
    assert (seen.metageneration, seen.etag, seen.versioning_enabled) == (1, "CAE=", False)
    assert seen.project_number > 0
    assert seen.time_created == seen.updated


def test_a_bucket_keeps_what_was_asked(client):
    """Location, labels, uniform access and versioning come back as given."""
    wanted = client.bucket(fresh_name())
    wanted.labels = {"team": "ml"}
    wanted.versioning_enabled = True
    wanted.iam_configuration.uniform_bucket_level_access_enabled = True
    wanted.create(location="europe-west4")

    seen = client.get_bucket(wanted.name)

    assert (seen.location, seen.location_type) == ("EUROPE-WEST4", "region")
    assert seen.labels == {"team": "ml"}
    assert seen.versioning_enabled
    assert seen.iam_configuration.uniform_bucket_level_access_enabled


def test_a_patch_changes_only_what_it_names(client, bucket):
    """A label is added, one removed, and the metageneration counts the writes."""
    bucket.labels = {"a": "1", "b": "2"}
    bucket.patch()
    bucket.labels = {"b": "3"}
    bucket.patch()

    seen = client.get_bucket(bucket.name)

    assert seen.labels == {"b": "3"}
    assert seen.metageneration == 3
    assert seen.location == "EUROPE-WEST4"


def test_a_stale_metageneration_is_refused(client, bucket):
    """Two writers cannot both change the bucket they read."""
    bucket.labels = {"first": "1"}
    bucket.patch(if_metageneration_match=1)
    bucket.labels = {"second": "1"}

    with pytest.raises(exceptions.PreconditionFailed):
        bucket.patch(if_metageneration_match=1)

    assert client.get_bucket(bucket.name).labels == {"first": "1"}


def test_the_list_is_by_project_and_prefix_and_comes_in_pages(client):
    """A page holds at most what was asked for; the next begins after it."""
    stem = f"page-{uuid.uuid4().hex[:8]}"
    for number in range(5):
        client.create_bucket(f"{stem}-{number}")
    client.create_bucket(f"{stem}-elsewhere", project="other-project")

    pages = [[found.name for found in page] for page in client.list_buckets(prefix=stem, page_size=2).pages]

    assert pages == [[f"{stem}-0", f"{stem}-1"], [f"{stem}-2", f"{stem}-3"], [f"{stem}-4"]]


def test_a_taken_name_is_refused(client, bucket):
    """Creating a bucket twice is a conflict, in Google's words."""
    with pytest.raises(exceptions.Conflict, match="succeeded and you already own it"):
        client.create_bucket(bucket.name)


@pytest.mark.parametrize("name", ["Upper", "google-it", "192.168.0.1", "goog-x"])
def test_a_bad_name_is_refused(client, name):
    """Bucket names follow Google's rules."""
    with pytest.raises(exceptions.BadRequest, match="Invalid bucket name"):
        client.create_bucket(name)


def test_a_bucket_with_objects_is_not_deleted(client, bucket):
    """Deleting is for empty buckets, and a deleted bucket is gone."""
    bucket.blob("x").upload_from_string("x")
    with pytest.raises(exceptions.Conflict, match="The bucket you tried to delete is not empty"):
        bucket.delete()
    bucket.blob("x").delete()

    bucket.delete()

    with pytest.raises(exceptions.NotFound, match="The specified bucket does not exist"):
        client.get_bucket(bucket.name)


def test_the_iam_policy_is_kept_and_its_etag_checked(bucket):
    """A policy read before another write cannot replace it."""
    stale = bucket.get_iam_policy(requested_policy_version=3)
    policy = bucket.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {"user:a@example.com"}})
    bucket.set_iam_policy(policy)

    with pytest.raises(exceptions.PreconditionFailed):
        bucket.set_iam_policy(stale)

    roles = {each["role"]: each["members"] for each in bucket.get_iam_policy(requested_policy_version=3).bindings}
    assert roles["roles/storage.objectViewer"] == {"user:a@example.com"}
    assert "roles/storage.legacyBucketOwner" in roles


def test_what_is_not_done_is_said(bucket):
    """Lifecycle rules would have to act later; the emulator does not pretend to keep them."""
    bucket.add_lifecycle_delete_rule(age=1)

    with pytest.raises(exceptions.MethodNotImplemented):
        bucket.patch()
