"""What a container learns from the metadata server."""

import os
import subprocess
import sys

import pytest

from emulator.processes.model import Identity
from tests.emulator_run.conftest import WHO

HEADERS = {"Metadata-Flavor": "Google"}


@pytest.fixture
def root(bench):
    """The metadata server's address for one identity."""
    return f"http://{bench.plane.metadata_host(WHO)}/computeMetadata/v1"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/project/project-id", "local"),
        ("/project/numeric-project-id", "123456789012"),
        ("/instance/region", "projects/123456789012/regions/europe-west1"),
        ("/instance/service-accounts/default/email", WHO.service_account),
        (f"/instance/service-accounts/{WHO.service_account}/email", WHO.service_account),
        ("/instance/service-accounts/default/scopes", "https://www.googleapis.com/auth/cloud-platform"),
        ("/instance/service-accounts/default/identity?audience=https://x", f"identity-{WHO.service_account}-https://x"),
    ],
)
def test_values(http, root, path, value):
    """Each documented key has its value, and the flavour header comes back."""
    answer = http.get(root + path, headers=HEADERS)

    assert (answer.status_code, answer.text, answer.headers["metadata-flavor"]) == (200, value, "Google")


def test_the_header_is_required(http, root):
    """Without `Metadata-Flavor: Google` nothing is told."""
    assert http.get(f"{root}/project/project-id").status_code == 403


def test_unknown_keys_are_404(http, root):
    """What is not emulated is not made up."""
    assert http.get(f"{root}/instance/attributes/x", headers=HEADERS).status_code == 404


def test_google_auth_finds_its_credentials(bench):
    """`google.auth.default()` in a container gives the revision's own service account, and tokens."""
    host = bench.plane.metadata_host(WHO)
    program = (
        "import google.auth, google.auth.transport.requests as t;"
        "c, p = google.auth.default(); r = t.Request(); c.refresh(r);"
        "print(p, c.service_account_email, c.token)"
    )
    names = {"GCE_METADATA_HOST": host, "GCE_METADATA_IP": host, "HOME": "/nonexistent", "PATH": os.environ["PATH"]}

    seen = subprocess.run([sys.executable, "-c", program], env=names, capture_output=True, text=True, check=False)

    email = WHO.service_account
    assert seen.stdout.split() == ["local", email, f"access-{email}"], seen.stderr


def test_identities_are_apart(bench):
    """Two service accounts have two addresses; the same one keeps its own."""
    other = Identity("local", "123456789012", "europe-west1", "other@local.iam.gserviceaccount.com")

    hosts = [bench.plane.metadata_host(who) for who in (WHO, other, WHO)]

    assert hosts[0] == hosts[2] != hosts[1]


@pytest.mark.parametrize(
    "stranger",
    [
        pytest.param({"origin": "https://evil.example.com"}, id="a-page"),
        pytest.param({"sec-fetch-site": "same-site"}, id="a-page-of-a-service-here"),
        pytest.param({"host": "evil.example.com"}, id="a-name-made-to-mean-127.0.0.1"),
        pytest.param({"x-forwarded-for": "192.0.2.1"}, id="somebody-behind-a-proxy"),
    ],
)
def test_tokens_are_for_the_container_alone(http, root, stranger):
    """Not for a page that found the port, with the right header or without, on the root as well."""
    for path in ("/instance/service-accounts/default/token", "/project/project-id", "/../.."):
        answer = http.get(root + path, headers=HEADERS | stranger)

        assert (answer.status_code, "access-" in answer.text) == (403, False)
