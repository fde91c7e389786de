"""Secret Manager through Google's client, over both wires."""

import google_crc32c
import pytest
from google.api_core import exceptions
from google.cloud import secretmanager_v1 as sm

from tests.emulator.clients import WIRES, client

State = sm.SecretVersion.State


@pytest.fixture(params=WIRES)
def secrets(emulator, request):
    return client(emulator, sm.SecretManagerServiceClient, request.param)


def make(secrets, name="api-key", *values, **fields):
    """A secret with the given values as its versions; returns the name to use."""
    wanted = {"replication": {"automatic": {}}, **fields}
    secrets.create_secret(parent="projects/local", secret_id=name, secret=wanted)
    path = f"projects/local/secrets/{name}"
    for value in values:
        secrets.add_secret_version(parent=path, payload={"data": value})
    return path


def test_a_secret_is_named_by_project_number(secrets):
    """Answers carry the number of the project, whatever the request said."""
    path = make(secrets, labels={"team": "ml"})

    seen = secrets.get_secret(name=path)

    number = seen.name.split("/")[1]
    assert seen.name == f"projects/{number}/secrets/api-key"
    assert number.isdigit()
    assert dict(seen.labels) == {"team": "ml"}
    assert "automatic" in seen.replication
    assert secrets.get_secret(name=seen.name) == seen


def test_versions_count_up_and_the_newest_is_latest(secrets):
    """The value of a version is what was added; `latest` is the newest."""
    path = make(secrets, "api-key", b"one", b"two")

    first = secrets.access_secret_version(name=f"{path}/versions/1")
    latest = secrets.access_secret_version(name=f"{path}/versions/latest")

    assert (first.payload.data, latest.payload.data) == (b"one", b"two")
    assert latest.name.endswith("/versions/2")
    assert latest.payload.data_crc32c == google_crc32c.value(b"two")
    listed = list(secrets.list_secret_versions(parent=path))
    assert [(version.name.rpartition("/")[2], version.state) for version in listed] == [("2", 1), ("1", 1)]


def test_ten_versions_are_ordered_as_numbers(secrets):
    """Version 10 is newer than version 9."""
    path = make(secrets, "api-key", *(str(number).encode() for number in range(1, 12)))

    assert secrets.access_secret_version(name=f"{path}/versions/latest").payload.data == b"11"


def test_a_disabled_version_is_not_given(secrets):
    """Disabled and destroyed versions refuse their value, in Google's words; latest does not look further back."""
    path = make(secrets, "api-key", b"one", b"two")
    secrets.disable_secret_version(name=f"{path}/versions/2")
    with pytest.raises(exceptions.FailedPrecondition if is_grpc(secrets) else exceptions.BadRequest, match="DISABLED"):
        secrets.access_secret_version(name=f"{path}/versions/latest")

    secrets.enable_secret_version(name=f"{path}/versions/2")
    assert secrets.access_secret_version(name=f"{path}/versions/latest").payload.data == b"two"

    gone = secrets.destroy_secret_version(name=f"{path}/versions/2")
    assert (gone.state, gone.destroy_time is not None) == (State.DESTROYED, True)
    with pytest.raises(exceptions.GoogleAPICallError, match=r"versions/2\] is in DESTROYED state\."):
        secrets.access_secret_version(name=f"{path}/versions/2")
    with pytest.raises(exceptions.GoogleAPICallError, match="DESTROYED"):
        secrets.enable_secret_version(name=f"{path}/versions/2")


def is_grpc(secrets):
    return secrets.transport.kind == "grpc"


def test_what_is_missing_is_named(secrets):
    """A secret, a version, a secret without versions: each refusal says which."""
    path = make(secrets)
    with pytest.raises(exceptions.NotFound, match=r"Secret \[projects/\d+/secrets/nope\] not found\."):
        secrets.get_secret(name="projects/local/secrets/nope")
    with pytest.raises(exceptions.NotFound, match=r"secrets/api-key\] not found or has no versions\."):
        secrets.access_secret_version(name=f"{path}/versions/latest")
    secrets.add_secret_version(parent=path, payload={"data": b"x"})
    with pytest.raises(exceptions.NotFound, match=r"Secret Version \[.*/versions/7\] not found\."):
        secrets.get_secret_version(name=f"{path}/versions/7")


def test_a_taken_name_is_refused(secrets):
    """Creating a secret twice is a conflict."""
    make(secrets)

    with pytest.raises(exceptions.Conflict, match=r"secrets/api-key\] already exists\."):
        make(secrets)


@pytest.mark.parametrize("name", ["a.b", "a b", "x" * 256])
def test_a_bad_name_is_refused(secrets, name):
    """Secret ids are letters, digits, hyphens and underscores, up to 255."""
    with pytest.raises(exceptions.InvalidArgument if is_grpc(secrets) else exceptions.BadRequest):
        make(secrets, name)


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param({"data": b""}, id="empty"),
        pytest.param({"data": b"x" * 65_537}, id="too-large"),
        pytest.param({"data": b"x", "data_crc32c": 1}, id="wrong-checksum"),
    ],
)
def test_a_bad_value_is_refused(secrets, sent):
    """A value is 1 byte to 64 KiB and matches the checksum sent along."""
    path = make(secrets)

    with pytest.raises(exceptions.BadRequest):
        secrets.add_secret_version(parent=path, payload=sent)

    assert list(secrets.list_secret_versions(parent=path)) == []


def test_a_checked_value_is_marked(secrets):
    """A version remembers that its sender gave a checksum."""
    path = make(secrets)

    version = secrets.add_secret_version(parent=path, payload={"data": b"x", "data_crc32c": google_crc32c.value(b"x")})

    assert version.client_specified_payload_checksum


def test_an_update_changes_what_the_mask_names(secrets):
    """Labels and aliases change; an alias reads a version."""
    path = make(secrets, "api-key", b"one", b"two", labels={"a": "1"})

    changed = {"name": path, "labels": {"b": "2"}, "version_aliases": {"stable": 1}, "annotations": {"x": "y"}}
    secrets.update_secret(secret=changed, update_mask={"paths": ["labels", "version_aliases"]})

    seen = secrets.get_secret(name=path)
    assert (dict(seen.labels), dict(seen.annotations)) == ({"b": "2"}, {})
    assert secrets.access_secret_version(name=f"{path}/versions/stable").payload.data == b"one"


def test_a_stale_etag_is_refused(secrets):
    """Whoever read an older state neither updates nor deletes."""
    path = make(secrets)
    old = secrets.get_secret(name=path)
    secrets.update_secret(secret={"name": path, "labels": {"a": "1"}}, update_mask={"paths": ["labels"]})

    with pytest.raises(exceptions.GoogleAPICallError, match="etag"):
        secrets.update_secret(secret={"name": path, "labels": {}, "etag": old.etag}, update_mask={"paths": ["labels"]})
    with pytest.raises(exceptions.GoogleAPICallError, match="etag"):
        secrets.delete_secret(request={"name": path, "etag": old.etag})

    assert dict(secrets.get_secret(name=path).labels) == {"a": "1"}


def test_the_list_is_newest_first_and_filtered(secrets):
    """Lists come newest first, in pages, and narrow by label, name and state."""
    for number in range(3):
        make(secrets, f"key-{number}", b"x", labels={"parity": "even" if number % 2 == 0 else "odd"})
    secrets.disable_secret_version(name="projects/local/secrets/key-0/versions/1")

    def found(**asked):
        return [
            each.name.rpartition("/")[2] for each in secrets.list_secrets(request={"parent": "projects/local", **asked})
        ]

    assert found() == found(page_size=1) == ["key-2", "key-1", "key-0"]
    assert found(filter="labels.parity=even") == ["key-2", "key-0"]
    assert found(filter="name:key-1") == ["key-1"]
    enabled = {"parent": "projects/local/secrets/key-0", "filter": "state:ENABLED"}
    assert list(secrets.list_secret_versions(request=enabled)) == []


def test_a_deleted_secret_takes_its_values_along(secrets):
    """A secret made again under the same name starts at version 1 without the old values or policy."""
    path = make(secrets, "api-key", b"one", b"two")
    binding = {"role": "roles/secretmanager.secretAccessor", "members": ["user:a@example.com"]}
    secrets.set_iam_policy(request={"resource": path, "policy": {"bindings": [binding]}})
    assert secrets.get_iam_policy(request={"resource": path}).bindings[0].members == ["user:a@example.com"]
    secrets.delete_secret(name=path)
    make(secrets, "api-key", b"new")

    assert [version.name[-2:] for version in secrets.list_secret_versions(parent=path)] == ["/1"]
    assert not secrets.get_iam_policy(request={"resource": path}).bindings


def test_a_secret_expires(emulator, secrets):
    """A secret with a time to live is deleted when that is over, and not before."""
    path = make(secrets, "short", b"x", ttl={"seconds": 3600})
    emulator.advance(3500)
    assert secrets.get_secret(name=path).expire_time

    emulator.advance(200)

    with pytest.raises(exceptions.NotFound):
        secrets.get_secret(name=path)


def test_destruction_can_wait(emulator, secrets):
    """With a destroy TTL a version is disabled first, and can be saved until its time comes."""
    path = make(secrets, "slow", b"one", b"two", version_destroy_ttl={"seconds": 86400})
    for number in (1, 2):
        waiting = secrets.destroy_secret_version(name=f"{path}/versions/{number}")
        assert waiting.state == State.DISABLED
    secrets.enable_secret_version(name=f"{path}/versions/1")

    emulator.advance(90000)

    states = [version.state for version in secrets.list_secret_versions(parent=path)]
    assert states == [State.DESTROYED, State.ENABLED]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"ttl": {"seconds": 5}}, id="too-short"),
        pytest.param({"ttl": {"seconds": 315_576_000_000}}, id="too-long"),
        pytest.param({"version_destroy_ttl": {"seconds": 60}}, id="destroyed-too-soon"),
    ],
)
def test_a_bad_time_is_refused(secrets, asked):
    """Times to live have bounds, and a refused secret is not there."""
    with pytest.raises(exceptions.BadRequest):
        make(secrets, "short", **asked)

    assert list(secrets.list_secrets(parent="projects/local")) == []
