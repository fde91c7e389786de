"""The wire: derived from Google's packages, and JSON as Google maps it."""

import json
import re
import socket
import subprocess
import sys

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import artifactregistry_v1 as ar

from emulator.core.failures import ApiFailure
from emulator.wire import transcoding
from emulator.wire.paths import Routes
from emulator.wire.table import ROUTES, Binding, Method, load
from tests.conftest import HTTP
from tests.emulator.clients import client

PARENT = "projects/local/locations/europe-west1"


@pytest.mark.slow
def test_the_table_is_current():
    """`routes.json` is what `python -m emulator.generate` writes today, in a process that imported nothing else."""
    program = "from emulator.generate import render; print(render(), end='')"
    rendered = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert ROUTES.read_text() == rendered, "run: python -m emulator.generate"


def test_a_package_of_an_extra_may_be_missing():
    """The emulator starts without it, and serves the others: `pip install mlservice[local]` has no Vertex AI."""
    program = (
        "from emulator.wire import table; table.use_bare_packages(['google.cloud.not_here_v1', 'google.cloud.run_v2']);"
        "import google.cloud.run_v2.types.service as found; print(found.Service.__name__)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("Service\n", "")


@pytest.mark.parametrize(
    ("verb", "path", "method", "variables"),
    [
        ("GET", f"/v2/{PARENT}/services/s", "Services/GetService", {"name": f"{PARENT}/services/s"}),
        ("PATCH", f"/v2/{PARENT}/services/s", "Services/UpdateService", {"service.name": f"{PARENT}/services/s"}),
        ("GET", f"/v2/{PARENT}/services/s:getIamPolicy", "Services/GetIamPolicy", {"resource": f"{PARENT}/services/s"}),
        ("POST", "/v1/projects/p:setIamPolicy", "Projects/SetIamPolicy", {"resource": "projects/p"}),
        ("GET", f"/v1/{PARENT}", "Locations/GetLocation", {"name": PARENT}),
        (
            "GET",
            f"/v1/{PARENT}/repositories/r/dockerImages/a%2Fb@sha256:1",
            "ArtifactRegistry/GetDockerImage",
            {"name": f"{PARENT}/repositories/r/dockerImages/a%2Fb@sha256:1"},
        ),
        (
            "GET",
            "/v1/projects/-/serviceAccounts/a%40b.iam.gserviceaccount.com",
            "IAM/GetServiceAccount",
            {"name": "projects/-/serviceAccounts/a@b.iam.gserviceaccount.com"},
        ),
    ],
)
def test_paths_find_their_method(verb, path, method, variables):
    """The custom verb wins over a name with a colon; an escaped slash stays in its segment."""
    route, found = Routes(load().values()).match(verb, path)

    assert route.method.name.rpartition(".")[2] == method
    assert found == variables


@pytest.fixture
def url(emulator):
    """The repositories of one location."""
    return f"{emulator.http}/v1/{PARENT}/repositories"


@pytest.mark.parametrize("query", ["repositoryId=models", "repository_id=models", "repositoryId=models&alt=json&key=x"])
def test_query_names_come_in_both_cases(url, query):
    """Camel case or snake case (both are recorded); parameters of the front end are not fields."""
    answer = HTTP.post(f"{url}?{query}", json={"format": "DOCKER"})

    assert answer.status_code == 200
    assert "done" not in answer.json()
    assert HTTP.get(f"{url}/models").json()["format"] == "DOCKER"


def test_enums_are_numbers_when_asked_for(url):
    """`$alt=json;enum-encoding=int` is what Google's REST transports send; others get names."""
    HTTP.post(f"{url}?repositoryId=models", json={"format": 1})

    assert HTTP.get(f"{url}/models", params={"$alt": "json;enum-encoding=int"}).json()["format"] == 1
    assert HTTP.get(f"{url}/models").json()["format"] == "DOCKER"


@pytest.mark.parametrize("mask", ["cleanupPolicyDryRun,labels.a", "cleanup_policy_dry_run,labels.a"])
def test_masks_come_in_both_cases(url, mask):
    """In the query, with a path into a map."""
    HTTP.post(f"{url}?repositoryId=models", json={"format": "DOCKER", "labels": {"a": "1", "b": "2"}})

    changed = HTTP.patch(f"{url}/models?updateMask={mask}", json={"cleanupPolicyDryRun": True})

    assert changed.json()["cleanupPolicyDryRun"] is True
    assert changed.json()["labels"] == {"b": "2"}


@pytest.mark.parametrize(
    ("query", "body", "message"),
    [
        ("repositoryId=m", '{"colour": 1}', "Unknown name .*colour"),
        ("repositoryId=m", '{"format": "DOCKER"', "Invalid JSON payload"),
        ("repositoryId=m", "[1]", "Invalid JSON payload"),
        ("repositoryId=m&colour=1", "{}", "Unknown name .*colour"),
        ("repositoryId=m", '{"format": "TEAPOT"}', "Invalid JSON payload"),
        ("", '{"format": "DOCKER"}', "repository_id"),
        ("repositoryId=m", "[" * 100_000, "Invalid JSON payload"),
        ("repositoryId=m", b"\xff\xfe{", "Invalid JSON payload"),
    ],
)
def test_bad_requests_are_refused_in_googles_shape(url, query, body, message):
    """400 INVALID_ARGUMENT with the place, never a crash."""
    answer = HTTP.post(f"{url}?{query}", content=body)

    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")
    assert re.search(message, error["message"])


def test_an_object_in_place_of_a_wrapped_text_is_refused():
    """The parser of protobuf crashes on it."""
    method = Method("m", "google.protobuf.wrappers_pb2:StringValue", "", (Binding("POST", "/v1/m", "*"),), None)
    route, variables = Routes([method]).match("POST", "/v1/m")

    with pytest.raises(ApiFailure, match="Invalid JSON payload"):
        transcoding.read(route, variables, [], b'{"value": {}}')


@pytest.mark.parametrize("path", ["/_emulator/images", f"/v1/{PARENT}/repositories?repositoryId=m"])
def test_web_pages_are_refused(emulator, path):
    """A page in a browser can send requests to this machine; it must not start programs here."""
    answer = HTTP.post(emulator.http + path, content="{}", headers={"origin": "https://evil.example.com"})

    assert answer.status_code == 403


def test_a_path_of_raw_bytes_is_not_found(emulator):
    """Not a crash."""
    host, port = emulator.http.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"GET /v1/\xff\xfe HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        status = connection.recv(100).split()[1]

    assert status in (b"400", b"404")


def test_operations_are_listed_and_cancelled(emulator, url):
    """The operations mixin serves every API."""
    emulator.faults({"method": "*/CreateRepository", "operation": "stuck"})
    name = HTTP.post(f"{url}?repositoryId=models", json={"format": "DOCKER"}).json()["name"]
    operation = f"{emulator.http}/v1/{name}"
    listed = HTTP.get(f"{emulator.http}/v2/{PARENT}/operations").json()["operations"]

    assert HTTP.post(f"{operation}:cancel").json() == {}

    assert HTTP.get(operation).json()["error"]["code"] == 1
    assert [each["name"] for each in listed] == [name]


def test_what_cannot_change_is_refused(emulator):
    """Format and mode are fixed for ever (kinds.md 2.2); naming them unchanged is fine."""
    api = client(emulator, ar.ArtifactRegistryClient)
    docker = ar.Repository(format_=ar.Repository.Format.DOCKER)
    api.create_repository(parent=PARENT, repository=docker, repository_id="models").result(timeout=60)
    name = f"{PARENT}/repositories/models"

    docker.name = name
    api.update_repository(repository=docker, update_mask={"paths": ["format"]})
    with pytest.raises(exceptions.InvalidArgument, match="cannot be changed"):
        api.update_repository(
            repository=ar.Repository(name=name, format_=ar.Repository.Format.NPM), update_mask={"paths": ["format"]}
        )


def test_a_filter_nobody_knows_is_refused(emulator):
    """Ignoring it would show things that were not asked for."""
    with pytest.raises(exceptions.MethodNotImplemented, match="filter"):
        client(emulator, ar.ArtifactRegistryClient).list_repositories(request={"parent": PARENT, "filter": "a=b"})


@pytest.mark.parametrize(
    ("verb", "path"),
    [
        pytest.param("GET", f"/v1/{PARENT}/endpoints", id="an-api-that-is-not-here"),
        pytest.param("GET", "/v1/projects", id="resource-manager-v1"),
        pytest.param("POST", "/v1/projects/local:getAncestry", id="a-verb"),
        pytest.param("PATCH", "/apis/serving.knative.dev/v1/namespaces/local/routes/r", id="knative"),
        pytest.param("GET", "/", id="nothing"),
    ],
)
def test_a_path_that_nobody_answers_is_named(emulator, verb, path):
    """A 404 would say that the thing is not there; it is the path that is not served."""
    answer = HTTP.request(verb, emulator.http + path)

    assert answer.status_code == 501
    assert answer.json()["error"]["status"] == "UNIMPLEMENTED"
    assert answer.json()["error"]["message"] == f"{verb} {path} is not emulated."


def test_a_path_that_nobody_answers_is_told_to_gcloud_at_once(emulator):
    """It takes a 501 for a moment's trouble and asks for half a minute; what is said is the same."""
    agent = {"user-agent": "google-cloud-sdk gcloud/528.0.0 command/gcloud.projects.list"}
    answer = HTTP.get(f"{emulator.http}/v1/projects", headers=agent)

    assert (answer.status_code, answer.json()["error"]["status"]) == (400, "UNIMPLEMENTED")


@pytest.mark.parametrize("sort", ["unary_unary", "unary_stream", "stream_unary", "stream_stream"])
def test_a_method_that_nobody_answers_is_named(emulator, sort):
    """Over gRPC, too, whichever way its messages stream."""
    with emulator.channel() as channel:
        ask = getattr(channel, sort)("/google.cloud.tasks.v2.CloudTasks/ListQueues")
        sent = iter([b""]) if sort.startswith("stream") else b""
        with pytest.raises(grpc.RpcError) as refused:
            _ = [*ask(sent, timeout=20)] if sort.endswith("stream") else ask(sent, timeout=20)

    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
    assert refused.value.details() == "google.cloud.tasks.v2.CloudTasks/ListQueues is not emulated."


@pytest.mark.parametrize("written", ["DELETE", "Delete", "delete"])
def test_values_of_enums_come_in_every_case(written):
    """In a map, too; one that is none of its enum's is refused."""
    route, variables = ROUTES_OF_REPOSITORIES.match("POST", f"/v1/{PARENT}/repositories")
    body = {"cleanupPolicies": {"old": {"action": written, "condition": {"tagState": "Any"}}}, "format": "docker"}
    message = transcoding.read(route, variables, [("repository_id", "r")], json.dumps(body).encode())

    assert message.repository.cleanup_policies["old"].action == ar.CleanupPolicy.Action.DELETE
    assert message.repository.format_ == ar.Repository.Format.DOCKER
    with pytest.raises(ApiFailure, match="Invalid"):
        transcoding.read(route, variables, [], b'{"format": "Doc-ker"}')


ROUTES_OF_REPOSITORIES = Routes([load()["google.devtools.artifactregistry.v1.ArtifactRegistry/CreateRepository"]])
