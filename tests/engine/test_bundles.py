"""Bundles in the emulated Cloud Storage: whole or not at all, never older, never broken."""

import pytest

from reconciler.core.bundle import LARGEST, digest_of, pack
from reconciler.core.errors import UsageError
from reconciler.engine.bundles import POINTER, BundleRefused, Bundles, digested, refuse_older
from tests.operating import BUCKET

PLACE = f"gs://{BUCKET}/specs/prod"
MONDAY, TUESDAY = "2026-11-23T10:00:00+00:00", "2026-11-24T10:00:00+00:00"


@pytest.fixture
def bundles(operator):
    """A place without a bundle."""
    operator.connection.state.make()
    return Bundles(operator.connection, PLACE)


def bundle(text, written=MONDAY, **about):
    archive = pack({"churn.yaml": text})
    return archive, digested(archive, written=written, published=TUESDAY, **about)


def blob(operator, name):
    return operator.connection.storage.bucket(BUCKET).blob(f"specs/prod/{name}")


def test_what_is_published_is_read_whole(bundles):
    """The pointer tells commit, author and run; the files are those that were published."""
    archive, pointer = bundle(b"1", commit="c0ffee", author="Ann", run="https://ci.example/7")

    assert bundles.publish(archive, pointer)

    assert bundles.latest() == pointer
    assert bundles.files(pointer) == {"churn.yaml": b"1"}


def test_the_same_again_writes_nothing(bundles):
    """A second run of the same commit changes no object."""
    bundles.publish(*bundle(b"1"))
    generation = bundles.current().generation

    assert not bundles.publish(*bundle(b"1"))
    assert bundles.current().generation == generation


def test_an_older_one_is_refused_unless_it_is_meant(bundles):
    """A CI job of yesterday that runs again rolls nothing back; a person may."""
    bundles.publish(*bundle(b"2", TUESDAY))

    with pytest.raises(BundleRefused, match="is older") as refused:
        bundles.publish(*bundle(b"1", MONDAY))
    assert "--allow-older" in refused.value.hint
    assert bundles.files(bundles.latest()) == {"churn.yaml": b"2"}

    bundles.publish(*bundle(b"1", MONDAY, older=True))
    assert bundles.files(bundles.latest()) == {"churn.yaml": b"1"}


def test_that_it_is_meant_is_written_though_the_content_is_the_same(bundles):
    """The pointer is of a time that the job refuses: published again with that word, it says so, once."""
    bundles.publish(*bundle(b"1", MONDAY))

    assert bundles.publish(*bundle(b"1", MONDAY, older=True))
    assert bundles.latest().older
    assert not bundles.publish(*bundle(b"1", MONDAY, older=True))


def test_what_was_applied_last_is_never_older(bundles):
    """Its pointer was written anew, with an earlier time: the content is the one that is there."""
    (_, before), (_, now), (_, other) = bundle(b"1", TUESDAY), bundle(b"1", MONDAY), bundle(b"2", MONDAY)

    refuse_older(now, before, PLACE)

    with pytest.raises(BundleRefused, match="is older"):
        refuse_older(other, before, PLACE)
    assert (now.older_than(before), other.older_than(before), other.older_than(None)) == (False, True, False)


def test_of_two_at_once_one_is_seen_whole(bundles):
    """Whoever comes second looks again: the newer one stays, whatever the order."""
    older, newer = bundle(b"1", MONDAY), bundle(b"2", TUESDAY)
    seen = bundles.current()
    bundles.publish(*newer)

    assert not bundles._write(POINTER, b"{}", "application/json", seen.generation)
    with pytest.raises(BundleRefused):
        bundles.publish(*older)
    assert bundles.latest().digest == newer[1].digest


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        pytest.param(POINTER, b"{", "the pointer cannot be read", id="pointer-cut-off"),
        pytest.param(POINTER, b"[]", "none of this version", id="pointer-of-another-version"),
        pytest.param("archive", b"", "not the one that the pointer names", id="archive-empty"),
        pytest.param("archive", None, "not the one that the pointer names", id="archive-gone"),
    ],
)
def test_what_is_broken_is_refused_in_words(operator, bundles, name, content, said):
    """Missing, half written, somebody else's: nothing of it is applied, and the remedy is named."""
    archive, pointer = bundle(b"1")
    bundles.publish(archive, pointer)
    there = blob(operator, pointer.archive if name == "archive" else name)
    there.delete() if content is None else there.upload_from_string(content)

    with pytest.raises(BundleRefused, match=said) as refused:
        bundles.files(bundles.latest())
    assert "publish" in refused.value.hint


def test_no_bundle_is_said_so(bundles):
    """An empty place is no wish to delete everything."""
    with pytest.raises(BundleRefused, match="there is no bundle"):
        bundles.latest()


def test_archives_of_before_stay(operator, bundles):
    """Going back needs no CI: the archive is there by its content."""
    first, second = bundle(b"1"), bundle(b"2", TUESDAY)
    bundles.publish(*first)
    bundles.publish(*second)

    assert blob(operator, f"bundles/{digest_of(first[0])}.tar").exists()


@pytest.mark.parametrize("damage", [None, b"", b"x" * (LARGEST + 1)], ids=["gone", "empty", "too-large"])
def test_publishing_anew_mends_the_archive(operator, bundles, damage):
    """The remedy that is named works, though the pointer is as it should be; then there is nothing more to do."""
    archive, pointer = bundle(b"1")
    bundles.publish(archive, pointer)
    there = blob(operator, pointer.archive)
    there.delete() if damage is None else there.upload_from_string(damage)

    assert bundles.publish(archive, pointer)

    assert bundles.files(bundles.latest()) == {"churn.yaml": b"1"}
    assert not bundles.publish(archive, pointer)


def test_a_pointer_that_cannot_be_read_is_replaced_if_that_is_meant(operator, bundles):
    """Nobody can tell what it named: a CI job leaves it, a person may publish over it."""
    blob(operator, POINTER).upload_from_string(b"{")

    with pytest.raises(BundleRefused, match="cannot be read") as refused:
        bundles.publish(*bundle(b"1"))
    assert "--allow-older" in refused.value.hint

    assert bundles.publish(*bundle(b"1", older=True))
    assert bundles.files(bundles.latest()) == {"churn.yaml": b"1"}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({"a\u200b.yaml": b""}, "no plain file of a spec: .a.u200b.yaml", id="name"),
        pytest.param({"a.yaml": b"#" * LARGEST}, "more than 16777216 bytes", id="size"),
        pytest.param({"a.yaml": b"", "a.yaml/b.yaml": b""}, "a file where it holds a folder: .a.yaml", id="clash"),
        pytest.param({".": b""}, "no plain file of a spec", id="the-folder-itself"),
        pytest.param({"é" * 128: b""}, "no plain file of a spec", id="part-too-long"),
        pytest.param({"a/" * 600 + "b": b""}, "no plain file of a spec", id="path-too-long"),
        pytest.param({f"{i}/a": b"" for i in range(5_001)}, "more than 5000 folders", id="folders"),
    ],
)
def test_what_the_job_would_refuse_is_not_published(operator, bundles, files, said):
    """A bundle that nobody can read must not become current: the job would fall back for ever."""
    archive = pack(files)

    with pytest.raises(BundleRefused, match=said):
        bundles.publish(archive, digested(archive, written=MONDAY, published=MONDAY))
    assert not blob(operator, POINTER).exists()


def test_a_pointer_that_is_replaced_while_it_is_read_is_read_again(operator, bundles):
    """Between its two calls the generation that was asked for may be gone; that is no failed pass."""
    bundles.publish(*bundle(b"1"))
    operator.emulator.faults({"method": "storage.objects.get", "skip": 1, "times": 1, "status": "NOT_FOUND"})

    assert bundles.latest() == bundle(b"1")[1]


@pytest.mark.parametrize("place", ["acme/specs", "gs://acme", "gs://acme/", "gs:///specs", "s3://acme/specs", ""])
def test_a_place_is_a_folder_of_a_bucket(operator, place):
    """Anything else is refused in words, before a call is made."""
    with pytest.raises(UsageError) as refused:
        Bundles(operator.connection, place)
    assert refused.value.hint == "gs://BUCKET/FOLDER"
