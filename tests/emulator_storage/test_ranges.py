"""Which bytes of an object a `Range` asks for."""

import pytest

SIZE = 100
WHOLE = bytes(range(SIZE))


@pytest.mark.parametrize(
    ("asked", "status", "found"),
    [
        pytest.param("bytes=-5", 206, WHOLE[-5:], id="end"),
        pytest.param(f"bytes=-{SIZE}", 206, WHOLE, id="end-as-long-as-the-object"),
        pytest.param(f"bytes=-{SIZE + 1}", 206, WHOLE, id="end-longer-than-the-object"),
        pytest.param("bytes=-0", 416, None, id="end-of-nothing"),
        pytest.param("bytes=99-", 206, WHOLE[99:], id="last-byte"),
        pytest.param("bytes=100-", 416, None, id="behind-the-last"),
        pytest.param("bytes=0-0", 206, WHOLE[:1], id="first-byte"),
        pytest.param("bytes=90-1000", 206, WHOLE[90:], id="beyond-the-end"),
        pytest.param("bytes=5-2", 200, WHOLE, id="backwards-is-no-range"),
        pytest.param("bytes=-", 200, WHOLE, id="nothing-is-no-range"),
    ],
)
def test_a_range_gives_what_there_is_of_it(bucket, client, asked, status, found):
    """A suffix longer than the object is the whole object, as RFC 9110 section 14.1.2 has it."""
    blob = bucket.blob("r")
    blob.upload_from_string(WHOLE)
    url = f"{client._connection.API_BASE_URL}/download/storage/v1/b/{bucket.name}/o/r?alt=media"

    answer = client._http.get(url, headers={"Range": asked})

    assert answer.status_code == status
    assert found is None or answer.content == found
