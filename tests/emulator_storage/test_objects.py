"""Objects through google-cloud-storage."""

import base64
import hashlib
import io
import os
import threading

import google_crc32c
import httpx
import pytest
from google.api_core import exceptions

MIB = 1024 * 1024


def test_bytes_and_metadata_come_back(bucket):
    """An upload is readable with its type, its own metadata, its hashes and its size."""
    blob = bucket.blob("folder/model.json")
    blob.metadata = {"owner": "team", "Größe": "5 µm"}
    blob.cache_control = "no-store"
    blob.upload_from_string(b'{"a": 1}', content_type="application/json")

    seen = bucket.get_blob("folder/model.json")

    assert seen.download_as_bytes() == b'{"a": 1}'
    assert (seen.content_type, seen.cache_control, seen.size) == ("application/json", "no-store", 8)
    assert seen.metadata == {"owner": "team", "Größe": "5 µm"}
    assert seen.md5_hash == base64.b64encode(hashlib.md5(b'{"a": 1}', usedforsecurity=False).digest()).decode()
    assert seen.crc32c == base64.b64encode(google_crc32c.Checksum(b'{"a": 1}').digest()).decode()
    assert (seen.metageneration, seen.generation > 0, bool(seen.etag)) == (1, True, True)


NAMES = ["a/b/c", "a b+c&d=e?f#g%20h", "grüße/日本語.txt", "-_.~!*'()", "a//b/", "x" * 1024, "rewriteTo/b/x/o/y"]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:12])
def test_any_name_works(bucket, name):
    """A name is taken literally, slashes and all, in every kind of call."""
    bucket.blob(name).upload_from_string(b"here")

    assert bucket.blob(name).download_as_bytes() == b"here"
    assert [found.name for found in bucket.list_blobs()] == [name]
    bucket.blob(name).delete()
    assert not bucket.blob(name).exists()


@pytest.mark.parametrize("name", ["a\nb", "x" * 1025, ".."])
def test_bad_names_are_refused(bucket, name):
    """Line breaks, more than 1024 bytes and `..` are no names."""
    with pytest.raises(exceptions.BadRequest):
        bucket.blob(name).upload_from_string(b"")


@pytest.mark.parametrize("size", [0, 1, 256 * 1024, 3 * MIB + 17], ids=str)
def test_a_chunked_upload_arrives_whole(bucket, size):
    """A resumable upload in chunks makes the same object as one in a single request."""
    data = os.urandom(size)
    blob = bucket.blob("big", chunk_size=256 * 1024)
    blob.upload_from_file(io.BytesIO(data), size=size)

    assert bucket.blob("big").download_as_bytes() == data
    assert bucket.get_blob("big").size == size


def test_a_stream_of_unknown_length_arrives_whole(bucket):
    """The size of an upload need not be known when it begins."""
    data = os.urandom(MIB + 5)
    with bucket.blob("stream", chunk_size=256 * 1024).open("wb") as file:
        for start in range(0, len(data), 100_000):
            file.write(data[start : start + 100_000])

    assert bucket.blob("stream").download_as_bytes() == data


def test_an_interrupted_upload_goes_on_where_it_stopped(bucket, client):
    """The session tells how much it has, a chunk sent twice is taken once, and the object exists at the end only."""
    blob = bucket.blob("resumed")
    url = blob.create_resumable_upload_session(size=512 * 1024)
    data = os.urandom(512 * 1024)
    half = 256 * 1024
    http = client._http
    first = {"Content-Range": f"bytes 0-{half - 1}/{len(data)}"}
    for _ in range(2):
        assert http.put(url, data=data[:half], headers=first).headers["Range"] == f"bytes=0-{half - 1}"

    asked = http.put(url, headers={"Content-Range": f"bytes */{len(data)}"})
    assert (asked.status_code, asked.headers["Range"]) == (308, f"bytes=0-{half - 1}")
    assert not blob.exists()
    http.put(url, data=data[half:], headers={"Content-Range": f"bytes {half}-{len(data) - 1}/{len(data)}"})

    assert blob.download_as_bytes() == data


def test_chunks_are_kept_in_whole_quanta(bucket, client):
    """Of a chunk that is not the last, what is beyond a multiple of 256 KiB is sent again; the last may be odd."""
    data, quantum = os.urandom(300 * 1024), 256 * 1024
    blob = bucket.blob("odd")
    url, http = blob.create_resumable_upload_session(size=len(data)), client._http
    none = http.put(url, data=data[:1000], headers={"Content-Range": f"bytes 0-999/{len(data)}"})
    some = http.put(url, data=data[:-1], headers={"Content-Range": f"bytes 0-{len(data) - 2}/{len(data)}"})
    assert ("Range" in none.headers, some.headers["Range"]) == (False, f"bytes=0-{quantum - 1}")
    assert not blob.exists()

    http.put(url, data=data[quantum:], headers={"Content-Range": f"bytes {quantum}-{len(data) - 1}/{len(data)}"})
    assert blob.download_as_bytes() == data


def test_a_multipart_upload_of_the_xml_api_is_not_there(emulator):
    """It is refused by its name: a 404 would say that there is no such object."""
    answer = httpx.post(f"{emulator.http}/bucket/object?uploads")

    assert (answer.status_code, answer.json()["error"]["status"]) == (501, "UNIMPLEMENTED")


def test_ranges_are_served(bucket):
    """A download may ask for a part, its beginning or its end."""
    bucket.blob("r").upload_from_string(bytes(range(100)))
    blob = bucket.blob("r")

    assert blob.download_as_bytes(start=10, end=19) == bytes(range(10, 20))
    assert blob.download_as_bytes(start=90) == bytes(range(90, 100))
    assert blob.download_as_bytes(start=-5, raw_download=True) == bytes(range(95, 100))
    with pytest.raises(exceptions.RequestRangeNotSatisfiable):
        blob.download_as_bytes(start=100)


def test_a_chunked_download_is_whole(bucket):
    """A client that reads in chunks gets every byte once."""
    data = os.urandom(MIB + 3)
    bucket.blob("d").upload_from_string(data)

    assert bucket.blob("d", chunk_size=256 * 1024).download_as_bytes() == data


def test_a_missing_object_is_named(bucket):
    """The answer says which object in which bucket, as Google's does."""
    with pytest.raises(exceptions.NotFound, match=f"No such object: {bucket.name}/nope"):
        bucket.blob("nope").download_as_bytes()
    with pytest.raises(exceptions.NotFound, match=f"No such object: {bucket.name}/nope"):
        bucket.blob("nope").delete()
    assert bucket.get_blob("nope") is None


def test_a_wrong_checksum_is_refused(bucket):
    """Bytes that do not match the checksum sent with them never become an object."""
    blob = bucket.blob("sum")
    blob.crc32c = "AAAAAA=="

    with pytest.raises(exceptions.BadRequest, match="doesn't match calculated CRC32C"):
        blob.upload_from_string(b"data", checksum=None)

    assert not blob.exists()


def test_metadata_patches(bucket):
    """A patch adds, changes and removes single keys, and counts the metageneration only."""
    blob = bucket.blob("m")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.upload_from_string(b"x")
    generation = blob.generation
    blob.metadata = {"keep": "1", "drop": None, "new": "3"}
    blob.patch()

    seen = bucket.get_blob("m")

    assert seen.metadata == {"keep": "1", "new": "3"}
    assert (seen.generation, seen.metageneration) == (generation, 2)


def test_copies_and_renames(bucket):
    """A copy has the source's bytes and metadata and a generation of its own; a rename takes the source away."""
    blob = bucket.blob("from/x")
    blob.metadata = {"k": "v"}
    blob.upload_from_string(b"bytes", content_type="text/plain")

    copied = bucket.copy_blob(blob, bucket, "to/a/y")
    renamed = bucket.rename_blob(blob, "to/z")

    assert copied.download_as_bytes() == renamed.download_as_bytes() == b"bytes"
    assert bucket.get_blob("to/a/y").metadata == {"k": "v"}
    assert bucket.get_blob("to/a/y").content_type == "text/plain"
    assert not bucket.blob("from/x").exists()


def test_rewrite_is_done_at_once(bucket):
    """A rewrite reports its size and needs no second call."""
    source = bucket.blob("s")
    source.upload_from_string(b"12345")

    assert bucket.blob("t").rewrite(source) == (None, 5, 5)


def test_compose_joins(bucket):
    """A composed object has the parts' bytes in order, a component count and no MD5."""
    parts = [bucket.blob(name) for name in ("1", "2", "3")]
    for part in parts:
        part.upload_from_string(part.name * 3, content_type="text/plain")

    bucket.blob("all").compose(parts)

    seen = bucket.get_blob("all")
    assert seen.download_as_bytes() == b"111222333"
    assert (seen.component_count, seen.md5_hash) == (3, None)


def test_versions_are_kept_where_the_bucket_says_so(bucket):
    """An overwritten or deleted object can be read by its generation until that is deleted."""
    bucket.versioning_enabled = True
    bucket.patch()
    blob = bucket.blob("v")
    blob.upload_from_string(b"one")
    first = blob.generation
    blob.upload_from_string(b"two")
    second = blob.generation
    bucket.blob("v").delete()

    assert [found.generation for found in bucket.list_blobs(versions=True)] == [first, second]
    assert list(bucket.list_blobs()) == []
    assert bucket.blob("v", generation=first).download_as_bytes() == b"one"
    bucket.blob("v", generation=first).delete()
    assert [found.generation for found in bucket.list_blobs(versions=True)] == [second]


class TestConditions:
    """Every condition, on every kind of call that takes it."""

    def test_create_only(self, bucket):
        """Generation 0 means: only if there is none."""
        bucket.blob("c").upload_from_string(b"first", if_generation_match=0)

        with pytest.raises(exceptions.PreconditionFailed, match="At least one of the pre-conditions you specified"):
            bucket.blob("c").upload_from_string(b"second", if_generation_match=0)

        assert bucket.blob("c").download_as_bytes() == b"first"

    def test_replace_only_what_was_read(self, bucket):
        """A write with the generation that was read wins once."""
        blob = bucket.blob("c")
        blob.upload_from_string(b"1")
        read = blob.generation
        bucket.blob("c").upload_from_string(b"2", if_generation_match=read)

        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("c").upload_from_string(b"3", if_generation_match=read)
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("c").delete(if_generation_match=read)
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("c").download_as_bytes(if_generation_match=read)

    def test_replace_only_if_there(self, bucket):
        """Generation 0 in the negative means: only if there is one."""
        with pytest.raises(exceptions.PreconditionFailed):
            bucket.blob("c").upload_from_string(b"1", if_generation_not_match=0)

    def test_read_only_if_new(self, bucket):
        """A reader that has this generation already gets 304."""
        blob = bucket.blob("c")
        blob.upload_from_string(b"1")

        with pytest.raises(exceptions.NotModified):
            blob.reload(if_generation_not_match=blob.generation)

    def test_metageneration(self, bucket):
        """Metadata writers are told apart by metageneration."""
        blob = bucket.blob("c")
        blob.upload_from_string(b"1")
        blob.metadata = {"a": "1"}
        blob.patch(if_metageneration_match=1)

        with pytest.raises(exceptions.PreconditionFailed):
            blob.patch(if_metageneration_match=1)
        with pytest.raises(exceptions.PreconditionFailed):
            blob.delete(if_metageneration_not_match=2)

    def test_source_of_a_copy(self, bucket):
        """A copy may insist on the source it read."""
        source = bucket.blob("s")
        source.upload_from_string(b"1")

        with pytest.raises(exceptions.PreconditionFailed):
            bucket.copy_blob(source, bucket, "t", if_source_generation_match=source.generation + 1)

    def test_in_chunks(self, bucket, client):
        """A resumable upload is held to the conditions it was opened with, when it ends."""
        url = bucket.blob("c").create_resumable_upload_session(size=4, if_generation_match=0)
        bucket.blob("c").upload_from_string(b"quick")

        late = client._http.put(url, data=b"late", headers={"Content-Range": "bytes 0-3/4"})

        assert late.status_code == 412
        assert late.json()["error"]["errors"][0]["reason"] == "conditionNotMet"
        assert bucket.blob("c").download_as_bytes() == b"quick"


def test_of_racing_conditional_writes_one_wins(bucket):
    """However many writers race for generation 0, one object exists and one writer was told so."""
    outcomes = []
    start = threading.Barrier(8)

    def race(number):
        start.wait()
        try:
            bucket.blob("lock").upload_from_string(str(number), if_generation_match=0)
        except exceptions.PreconditionFailed:
            return
        outcomes.append(number)

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(outcomes) == 1
    assert bucket.blob("lock").download_as_bytes() == str(outcomes[0]).encode()


def test_a_batch_is_many_calls_in_one(bucket, client):
    """Deletes and patches go out together, and one that fails does not stop the others."""
    for name in ("a", "b/c"):
        bucket.blob(name).upload_from_string(b"x")
    changed = bucket.blob("b/c")
    changed.metadata = {"k": "v"}

    with client.batch(raise_exception=False) as batch:
        bucket.delete_blob("a")
        bucket.delete_blob("missing")
        changed.patch()

    assert [answer.status_code for answer in batch._responses] == [204, 404, 200]
    assert [(found.name, found.metadata) for found in bucket.list_blobs()] == [("b/c", {"k": "v"})]
