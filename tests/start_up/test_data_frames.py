"""What can work with data frames is imported without them: no record of ours holds one, and they cost most."""

import http.server
import threading

import pytest

from tests.start_up.fresh import python

DIFF = """
from reconciler.core.diff import diff_fields
def diff():
    [change] = diff_fields({"env": {"A": "1"}, "scale": [1, 2]}, {"env": {"A": "1"}, "scale": [1, 3]})
    assert (change.path, change.before, change.after) == ("scale[1]", 3, 2), change
"""
FRAMES = """
def frames():
    import numpy, pandas
    assert int(numpy.arange(4).sum()) == 6
    assert pandas.DataFrame({"a": [1, 2]})["a"].sum() == 3
"""
LEFT_OUT = """
import sys
assert not {"numpy", "pandas"} & sys.modules.keys(), "they were imported"
"""
AT_ONCE = """
import threading
failed = []
threading.excepthook = failed.append
threads = [threading.Thread(target=each, daemon=True) for each in (diff, frames) * 4]
for thread in threads: thread.start()
for thread in threads: thread.join(100)
assert not failed, failed
assert not any(thread.is_alive() for thread in threads)
"""

STORAGE = """
import sys
from reconciler.gcp.connection import Connection, Endpoint
client = Connection("some-project", "some-bucket", Endpoint(sys.argv[1], "127.0.0.1:1", "")).storage
assert list(client.list_buckets(retry=None, timeout=60)) == []
"""
BIGQUERY = """
import sys
from google.auth.credentials import AnonymousCredentials
from reconciler.gcp.light import hand_written
options = {"api_endpoint": sys.argv[1]}
bigquery = hand_written("google.cloud.bigquery")
client = bigquery.Client("some-project", AnonymousCredentials(), client_options=options)
assert list(client.list_datasets(retry=None, timeout=60)) == []
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "program",
    [
        pytest.param(f"{DIFF}{FRAMES}\ndiff(){LEFT_OUT}frames()\ndiff()", id="then-they-are-imported"),
        pytest.param(f"{DIFF}{FRAMES}\nframes()\ndiff()\nframes()", id="they-were-imported-before"),
        pytest.param(f"{DIFF}{FRAMES}{AT_ONCE}frames()", id="threads-do-both"),
    ],
)
def test_fields_are_compared_without_data_frames(program):
    """Deepdiff never loads numpy and pandas for us; who imports them, before, after or meanwhile, has them whole."""
    python("-c", program)


class _Empty(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def google():
    """A server whose every answer is an empty object."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Empty) as server:
        server.asked = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "path"),
    [
        pytest.param(STORAGE, "/storage/v1/b?", id="storage"),
        pytest.param(BIGQUERY, "/bigquery/v2/projects/some-project/datasets?", id="bigquery", marks=pytest.mark.slow),
    ],
)
def test_hand_written_clients_work_without_data_frames(google, program, path):
    """Connect and call, and numpy and pandas are as usual afterwards."""
    python("-c", f"{program}{LEFT_OUT}{FRAMES}frames()", f"http://127.0.0.1:{google.server_address[1]}")

    [asked] = google.asked
    assert asked.startswith(path)
