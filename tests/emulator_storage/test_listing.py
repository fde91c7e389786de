"""Lists of objects through google-cloud-storage."""

import pytest

NAMES = ["a.txt", "logs/1", "logs/2", "logs/2/x", "models/v1/m.onnx", "models/v2/m.onnx", "z"]


@pytest.fixture
def full(bucket):
    for name in NAMES:
        blob = bucket.blob(name)
        blob.metadata = {"about": name}
        blob.upload_from_string(name)
    return bucket


def names(found):
    return [blob.name for blob in found]


def test_everything_in_order(full):
    """Names come sorted, each with its own metadata."""
    found = list(full.list_blobs())

    assert names(found) == NAMES
    assert [blob.metadata["about"] for blob in found] == NAMES


def test_a_level_of_folders(full):
    """With a delimiter, what is below it shows as one prefix."""
    listing = full.list_blobs(delimiter="/")

    assert names(listing) == ["a.txt", "z"]
    assert listing.prefixes == {"logs/", "models/"}


def test_inside_a_folder(full):
    """Prefix and delimiter together show one folder."""
    listing = full.list_blobs(prefix="logs/", delimiter="/")

    assert names(listing) == ["logs/1", "logs/2"]
    assert listing.prefixes == {"logs/2/"}


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_pages_add_up(full, size):
    """However small the pages, every object and prefix shows once."""
    listing = full.list_blobs(delimiter="/", page_size=size)

    assert names(listing) == ["a.txt", "z"]
    assert sorted(listing.prefixes) == ["logs/", "models/"]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({"prefix": "models/"}, ["models/v1/m.onnx", "models/v2/m.onnx"], id="prefix"),
        pytest.param({"start_offset": "logs/2", "end_offset": "models/v2"}, NAMES[2:5], id="offsets"),
        pytest.param({"match_glob": "models/*/m.onnx"}, NAMES[4:6], id="glob"),
        pytest.param({"match_glob": "**/{1,x}"}, ["logs/1", "logs/2/x"], id="glob-choice"),
        pytest.param({"max_results": 2}, NAMES[:2], id="max-results"),
        pytest.param({"fields": "items(name),nextPageToken"}, NAMES, id="fields"),
    ],
)
def test_narrowed(full, asked, found):
    """Each way to narrow a list shows exactly what it should."""
    assert names(full.list_blobs(**asked)) == found


def test_only_the_fields_asked_for(full):
    """A partial response leaves everything else out."""
    assert next(iter(full.list_blobs(fields="items(name)"))).size is None
