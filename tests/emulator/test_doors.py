"""The emulator answers clients on this machine: no web page, and no name that somebody else may give to it."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from google.iam.v1 import iam_policy_pb2

from emulator import doors
from tests.conftest import HTTP

HOST = b"127.0.0.1:8085"
PATHS = [
    ("POST", "/storage/v1/b?project=local"),
    ("POST", "/upload/storage/v1/b/x/o?uploadType=media&name=inventory/x.json"),
    ("PUT", "/resumable/upload/storage/v1/b/x/o?upload_id=1"),
    ("GET", "/download/storage/v1/b/x/o/y?alt=media"),
    ("POST", "/batch/storage/v1"),
    ("GET", "/v1/projects/local/locations/europe-west1/repositories"),
    ("GET", "/v2/projects/local/locations/europe-west1/services"),
    ("GET", "/apis/serving.knative.dev/v1/namespaces/local/services"),
    ("POST", "/token"),
    ("GET", "/oauth2/v3/certs"),
    ("GET", "/_emulator/env"),
    ("GET", "/_emulator/status"),
    ("POST", "/_emulator/reset"),
    ("GET", "/_emulator/logs?service=x"),
    ("GET", "/_emulator/services"),
    ("GET", "/computeMetadata/v1/instance/service-accounts/default/token"),
    ("OPTIONS", "/storage/v1/b"),
    ("GET", "/"),
]
STRANGERS = [
    pytest.param({"origin": "https://evil.example.com"}, id="a-page-of-another-origin"),
    pytest.param({"origin": "null"}, id="a-page-of-no-origin"),
    pytest.param({"origin": "http://127.0.0.1:1"}, id="a-page-of-another-port-here"),
    pytest.param({"sec-fetch-site": "cross-site"}, id="an-image-or-script-of-a-page"),
    pytest.param({"sec-fetch-site": "same-site"}, id="an-image-on-a-page-of-another-port"),
    pytest.param({"host": "evil.example.com"}, id="a-name-made-to-mean-127.0.0.1"),
    pytest.param({"host": "evil.example.com", "sec-fetch-site": "same-origin"}, id="which-the-browser-believes"),
    pytest.param({"host": "storage.googleapis.com"}, id="also-a-name-of-google"),
    pytest.param({"host": "127.0.0.1.evil.example.com"}, id="that-begins-like-ours"),
]


@pytest.mark.parametrize("stranger", STRANGERS)
@pytest.mark.parametrize(("verb", "path"), PATHS)
def test_every_path_is_closed_to_pages_and_foreign_names(emulator, verb, path, stranger):
    """Reading and writing alike, whoever serves the path; nothing is called behind the door."""
    answer = HTTP.request(verb, emulator.http + path, headers=stranger, content=b"{}")

    assert (answer.status_code, answer.json()["error"]["status"]) == (403, "PERMISSION_DENIED")
    assert "access-control-allow-origin" not in answer.headers
    assert emulator.calls() == {}


@pytest.mark.parametrize(
    "mine",
    [
        pytest.param({}, id="a-client"),
        pytest.param({"host": "localhost:{port}"}, id="by-name"),
        pytest.param({"host": "europe-west4-127.0.0.1:{port}"}, id="gcloud-with-a-region"),
        pytest.param({"origin": "http://127.0.0.1:{port}"}, id="what-we-served-ourselves"),
        pytest.param({"sec-fetch-site": "none"}, id="typed-into-a-browser"),
    ],
)
def test_clients_on_this_machine_are_answered(emulator, mine):
    """Also through a forwarded port, by name, and as gcloud asks."""
    headers = {name: value.format(port=emulator.http.rpartition(":")[2]) for name, value in mine.items()}

    assert HTTP.get(f"{emulator.http}/_emulator/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([b"Host: evil.example.com", b"Host: " + HOST], id="a-second-host"),
        pytest.param([b"Host: " + HOST, b"Host: evil.example.com"], id="a-second-host-after-ours"),
        pytest.param([], id="no-host"),
        pytest.param([b"Host: " + HOST + b"@evil.example.com"], id="a-host-with-a-user"),
        pytest.param([b"Host: " + HOST + b"."], id="a-host-with-a-dot"),
        pytest.param([b"Host: " + HOST, b"Origin: http://" + HOST, b"Origin: http://x"], id="a-second-origin"),
    ],
)
def test_heads_that_can_be_read_in_two_ways_are_refused(emulator, lines):
    """What one parser reads from the first line, another reads from the last."""
    address, port = emulator.http.removeprefix("http://").split(":")
    with socket.create_connection((address, int(port))) as connection:
        head = [b"GET /_emulator/env HTTP/1.1", *lines, b"Connection: close", b"", b""]
        connection.sendall(b"\r\n".join(head))
        status = connection.recv(100).split()[1]

    assert status in (b"400", b"403")


def test_a_stored_page_is_no_page_of_the_emulators(emulator):
    """Opened in a browser an object runs no script, and what it asks for is asked by nobody's origin."""
    HTTP.post(f"{emulator.http}/storage/v1/b?project=local", json={"name": "pages"}).raise_for_status()
    upload = f"{emulator.http}/upload/storage/v1/b/pages/o?uploadType=media&name=x.html"
    HTTP.post(upload, content=b"<script>", headers={"content-type": "text/html"}).raise_for_status()

    answer = HTTP.get(f"{emulator.http}/storage/v1/b/pages/o/x.html?alt=media")

    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"] == "sandbox"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_grpc_is_closed_to_pages(emulator):
    """A browser's HTTP/1.1 means nothing there; what a proxy passes on for one is refused."""
    address, port = emulator.grpc.split(":")
    with socket.create_connection((address, int(port)), timeout=20) as connection:
        connection.sendall(b"POST /google.iam.v1.IAMPolicy/GetIamPolicy HTTP/1.1\r\nHost: x\r\n\r\n")
        said = connection.recv(1000)
    with emulator.channel() as channel:
        call = channel.unary_unary(
            "/google.pubsub.v1.Publisher/GetTopic",
            request_serializer=iam_policy_pb2.GetIamPolicyRequest.SerializeToString,
            response_deserializer=bytes,
        )
        with pytest.raises(grpc.RpcError) as refused:
            call(iam_policy_pb2.GetIamPolicyRequest(), metadata=[("origin", "https://evil.example.com")])

    assert not said.startswith(b"HTTP/1.1 2")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert emulator.calls() == {}


def test_the_emulators_own_calls_name_googles_hosts():
    """They carry a token of this process; another's, or two, are nobody's."""
    inside = doors.Inside()
    token = (doors.INSIDE, inside.token.encode())

    assert doors.is_inside([token], inside)
    assert not doors.is_inside([token, token], inside)
    assert not doors.is_inside([(doors.INSIDE, doors.Inside().token.encode())], inside)
    assert not doors.is_inside([], inside)


@pytest.mark.slow
def test_files_are_the_owners_alone(tmp_path):
    """All of them, whatever the umask, also those of an older state that everybody could read."""
    state = tmp_path / "state"
    (state / "blobs").mkdir(parents=True)
    (state / "state.sqlite").touch(mode=0o644)
    (state / "emulator.log").touch(mode=0o644)
    script = (
        "import os, sys; from pathlib import Path; from tests.conftest import Emulator, HTTP; os.umask(0)\n"
        "emulator = Emulator.start(Path(sys.argv[1]))\n"
        "HTTP.post(emulator.http + '/storage/v1/b?project=local', json={'name': 'files'})\n"
        "upload = emulator.http + '/upload/storage/v1/b/files/o?name=x&uploadType='\n"
        "HTTP.post(upload + 'media', content=b'x' * 10)\n"
        "part = HTTP.post(upload + 'resumable', json={}).headers['location']\n"
        "HTTP.put(part, content=b'x' * 262144, headers={'content-range': 'bytes 0-262143/*'})\n"
        "for path in [emulator.state, *emulator.state.rglob('*')]:\n"
        "    print(oct(path.stat().st_mode & 0o777), path.name)\n"
        "emulator.stop()\n"
    )
    told = subprocess.run([sys.executable, "-c", script, str(state)], capture_output=True, text=True, check=True).stdout

    seen = dict(reversed(line.split(" ", 1)) for line in told.splitlines())
    assert {
        "state.sqlite",
        "state.sqlite-wal",
        "state.sqlite-shm",
        "key.pem",
        "emulator.json",
        "uploads",
    } <= seen.keys()
    assert {name: mode for name, mode in seen.items() if int(mode, 8) & 0o077} == {}


@pytest.mark.slow
def test_a_folder_of_somebody_elses_is_not_taken(tmp_path):
    """Its key and its state could be that other one's."""
    theirs = Path("/")
    if os.geteuid() == 0:  # then the root folder is ours
        theirs = tmp_path / "theirs"
        theirs.mkdir()
        os.chown(theirs, 65534, 65534)
    command = [sys.executable, "-m", "emulator", "serve", "--state", str(theirs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert "belongs to somebody else" in done.stderr
