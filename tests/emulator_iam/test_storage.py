"""Cloud Storage through Google's own client: buckets, objects, prefixes, batches, resumable uploads."""

import contextlib

import pytest
from google.api_core import exceptions
from google.cloud import storage

from tests.emulator_iam.callers import grant

BUCKET = "models"
METHODS = {
    "storage.buckets.list": lambda api: list(api.list_buckets()),
    "storage.buckets.create": lambda api: api.create_bucket("another"),
    "storage.buckets.get": lambda api: api.get_bucket(BUCKET),
    "storage.buckets.update": lambda api: patched(api.bucket(BUCKET)),
    "storage.buckets.getIamPolicy": lambda api: api.bucket(BUCKET).get_iam_policy(),
    "storage.objects.list": lambda api: list(api.list_blobs(BUCKET)),
    "storage.objects.get": lambda api: api.bucket(BUCKET).blob("churn/m").download_as_bytes(),
    "storage.objects.create": lambda api: api.bucket(BUCKET).blob("new").upload_from_string("x"),
    "storage.objects.update": lambda api: patched(api.bucket(BUCKET).blob("churn/m")),
    "storage.objects.delete": lambda api: api.bucket(BUCKET).blob("churn/m").delete(),
    "storage.buckets.delete": lambda api: api.bucket(BUCKET).delete(),
}


def patched(thing):
    """Change a label or a piece of metadata."""
    if isinstance(thing, storage.Bucket):
        thing.labels = {"a": "b"}
    else:
        thing.metadata = {"a": "b"}
    thing.patch()


@pytest.fixture
def mine(account):
    """The account's client."""
    return account.storage()


@pytest.fixture(autouse=True)
def bucket(emulator):
    """A bucket of the developer's with one object."""
    made = developer(emulator).create_bucket(BUCKET)
    made.blob("churn/m").upload_from_string("model")
    return made


def developer(emulator):
    """The developer's client."""
    from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - only here

    options = {"api_endpoint": emulator.http}
    return storage.Client(project="local", credentials=AnonymousCredentials(), client_options=options)


def custom(emulator, account, *permissions):
    """Give the account a role that has just these permissions, on the project."""
    from google.cloud import iam_admin_v1  # noqa: PLC0415 - only here

    from tests.emulator.clients import client  # noqa: PLC0415 - only here

    admin = client(emulator, iam_admin_v1.IAMClient)
    role = {"included_permissions": list(permissions)}
    made = admin.create_role(request={"parent": "projects/local", "role_id": "just", "role": role})
    grant(emulator, (made.name, account.member))


@pytest.mark.parametrize("permission", METHODS)
def test_a_method_needs_its_permission_and_no_other(emulator, account, mine, permission):
    """Refused in the JSON API's words, naming caller and permission; with it, not refused by IAM."""
    words = f"{account.email} does not have {permission} access to the Google Cloud Storage"
    with pytest.raises(exceptions.Forbidden, match=words):
        METHODS[permission](mine)

    custom(emulator, account, permission)

    with contextlib.suppress(exceptions.Conflict):  # a bucket that is not empty stays
        METHODS[permission](mine)


def test_a_folder_can_be_all_that_is_readable(emulator, account, mine):
    """By the very condition that we give a service's own account: its model's folder, and listing the bucket."""
    whole = f"projects/_/buckets/{BUCKET}"
    only = f'resource.name == "{whole}" || resource.name.startsWith("{whole}/objects/churn/")'
    grant(emulator, ("roles/storage.objectViewer", account.member, only))
    developer(emulator).bucket(BUCKET).blob("other/m").upload_from_string("secret")

    assert mine.bucket(BUCKET).blob("churn/m").download_as_bytes() == b"model"
    assert len(list(mine.list_blobs(BUCKET))) == 2
    with pytest.raises(exceptions.Forbidden):
        mine.bucket(BUCKET).blob("other/m").download_as_bytes()


def test_which_names_are_free_is_told_to_those_who_may_list(emulator, account, mine):
    """Without storage.objects.list what is not there is forbidden, as on Google."""
    custom(emulator, account, "storage.objects.get")
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.list"):
        mine.bucket(BUCKET).blob("absent").download_as_bytes()

    grant(emulator, ("roles/storage.objectViewer", account.member))

    with pytest.raises(exceptions.NotFound):
        mine.bucket(BUCKET).blob("absent").download_as_bytes()


def test_writing_over_an_object_deletes_it(emulator, account, mine):
    """A creator of objects can write new ones only."""
    grant(emulator, ("roles/storage.objectCreator", account.member))
    mine.bucket(BUCKET).blob("churn/n").upload_from_string("x")

    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.delete"):
        mine.bucket(BUCKET).blob("churn/m").upload_from_string("x")


def test_a_resumable_upload_is_its_opener_s(emulator, account, mine):
    """Refused where it is opened; bytes that come later are written by who opened it."""
    blob = mine.bucket(BUCKET).blob("churn/large")
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.create"):
        blob.create_resumable_upload_session(size=1)

    grant(emulator, ("roles/storage.objectCreator", account.member))
    blob.chunk_size = 1 << 18
    blob.upload_from_string(b"x" * (3 << 18))

    assert developer(emulator).bucket(BUCKET).blob("churn/large").download_as_bytes() == b"x" * (3 << 18)


def test_the_parts_of_a_batch_are_the_caller_s(emulator, account, mine):
    """A batch is no way around."""
    with pytest.raises(exceptions.Forbidden), mine.batch():
        mine.bucket(BUCKET).blob("churn/m").delete()

    assert developer(emulator).bucket(BUCKET).blob("churn/m").exists()


def test_a_bucket_s_own_policy_counts(emulator, account, mine):
    """Also for conditions, members of basic roles, and what may be tested."""
    made = developer(emulator).bucket(BUCKET)
    policy = made.get_iam_policy(requested_policy_version=3)
    policy.bindings.append({"role": "roles/storage.objectViewer", "members": {account.member}})
    made.set_iam_policy(policy)

    assert mine.bucket(BUCKET).blob("churn/m").download_as_bytes() == b"model"
    asked = ["storage.objects.get", "storage.objects.delete"]
    assert mine.bucket(BUCKET).test_iam_permissions(asked) == ["storage.objects.get"]


def test_an_editor_of_the_project_owns_its_buckets_in_the_old_way(emulator, account, mine):
    """`projectEditor:` is a legacy owner of the bucket: it lists and writes objects, and reads none."""
    grant(emulator, ("roles/editor", account.member))

    assert [blob.name for blob in mine.list_blobs(BUCKET)] == ["churn/m"]
    with pytest.raises(exceptions.Forbidden, match=r"storage\.objects\.get"):
        mine.bucket(BUCKET).blob("churn/m").download_as_bytes()
