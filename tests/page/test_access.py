"""IAP's signature: who comes without one, or with another's, reads nothing."""

import json
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from page.access import HEADER, ISSUER, Own, Signed
from page.server import server
from tests.page.conftest import Browser

AUDIENCE = "/projects/123/locations/europe-west1/services/mlservice-page"


class Keys:
    """IAP's keys, served as it serves them."""

    def __init__(self):
        self.private = {"k1": ec.generate_private_key(ec.SECP256R1())}
        self.asked, self.said = 0, b""
        keys = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                keys.asked += 1
                body = keys.said or json.dumps({"keys": [keys.public(kid) for kid in keys.private]}).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *arguments):
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/keys"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def public(self, kid):
        """Give a public key as a JWK."""
        told = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(self.private[kid].public_key()))
        return {**told, "kid": kid, "alg": "ES256", "use": "sig"}

    def sign(self, *, kid="k1", key=None, algorithm="ES256", **claims):
        """Sign what IAP says of a person."""
        now = int(time.time())
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": "accounts.google.com:1", "email": "ann@acme.example"}
        said |= {"iat": now, "exp": now + 600} | claims
        said = {name: value for name, value in said.items() if value is not None}
        return jwt.encode(said, key or self.private[kid], algorithm=algorithm, headers={"kid": kid})


@pytest.fixture(scope="module")
def keys():
    """IAP's, at an address."""
    made = Keys()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def hosted(desk, keys):
    """The page as Cloud Run runs it."""
    return Browser(server(desk, Signed(AUDIENCE, keys.address)))


def test_whom_iap_let_in_reads(hosted, keys):
    """The name is shown."""
    answer = hosted.get("/", headers={HEADER: keys.sign()})

    assert (answer.status_code, "ann@acme.example" in answer.text) == (200, True)


PAST = int(time.time()) - 3600


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param({"aud": "/projects/123/locations/europe-west1/services/another"}, id="another-audience"),
        pytest.param({"iss": "https://evil.example"}, id="another-issuer"),
        pytest.param({"iat": PAST - 600, "exp": PAST}, id="expired"),
        pytest.param({"exp": None}, id="no-expiry"),
        pytest.param({"aud": None}, id="no-audience"),
        pytest.param({"key": ec.generate_private_key(ec.SECP256R1())}, id="another-key"),
        pytest.param({"kid": "k9", "key": ec.generate_private_key(ec.SECP256R1())}, id="unknown-key"),
        pytest.param({"key": "x" * 32, "algorithm": "HS256"}, id="another-algorithm"),
    ],
)
def test_what_iap_did_not_sign_is_refused(hosted, keys, claims):
    """For this service, of now, by its key, with its algorithm, or not at all."""
    for path in ("/", "/fleet.json", "/static/0/app.css", "/events", "/nowhere"):
        answer = hosted.get(path, headers={HEADER: keys.sign(**claims)})

        assert (answer.status_code, "fraud-scorer" in answer.text) == (403, False)


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"x-goog-authenticated-user-email": "accounts.google.com:ann@acme.example"}, id="a-plain-name"),
        pytest.param({HEADER: "abc"}, id="no-token"),
        pytest.param({HEADER: "eyJhbGciOiJub25lIn0.e30."}, id="unsigned"),
    ],
)
def test_without_a_signature_nothing_is_read(hosted, headers):
    """A header that anybody can write says nothing."""
    answer = hosted.get("/fleet.json", headers=headers)

    assert (answer.status_code, "fraud-scorer" in answer.text) == (403, False)


@pytest.mark.parametrize(
    ("host", "code"),
    [
        pytest.param("127.0.0.1:8765", 200, id="its-address"),
        pytest.param("localhost", 200, id="port-80"),
        pytest.param("localhost:9000", 200, id="forwarded"),
        pytest.param("[::1]:8765", 200, id="version-6"),
        pytest.param("evil.example:8765", 403, id="another-name"),
        pytest.param("localhost.evil.example", 403, id="a-name-like-it"),
        pytest.param("127.0.0.1:8765@evil.example", 403, id="no-name"),
    ],
)
def test_on_ones_own_machine_its_names_are_let_in(desk, host, code):
    """Whichever port leads here; a site whose name leads to this machine reads nothing."""
    assert Browser(server(desk, Own())).get("/operator", headers={"host": host}).status_code == code


@pytest.mark.parametrize("said", [b"[]", b"null", b'{"keys": []}', b'{"keys": [{"kty": "x"}]}', b"<html>"])
def test_keys_that_are_none_refuse(desk, keys, monkeypatch, said):
    """Whatever is answered in place of keys, nobody is let in, and the server goes on."""
    signed = keys.sign()
    monkeypatch.setattr(keys, "said", said)

    answers = [Browser(server(desk, Signed(AUDIENCE, keys.address))).get("/", headers={HEADER: signed})]

    assert [each.status_code for each in answers] == [403]


@pytest.mark.parametrize("email", [None, 7, {"a": 1}])
def test_a_name_that_is_none_is_not_shown(hosted, keys, email):
    """IAP lets in who has no address; there is nothing to show then."""
    page = hosted.get("/", headers={HEADER: keys.sign(email=email)})

    assert page.status_code == 200
    assert "None" not in page.text.partition("<footer")[2]


def test_keys_are_asked_for_once_and_again_when_they_rotate(desk, keys):
    """A known key is not asked for again; a new one is, after a while: strangers cannot make us ask on and on."""
    now = [0.0]
    browser = Browser(server(desk, Signed(AUDIENCE, keys.address, ticks=lambda: now[0])))
    before = keys.asked
    for _ in range(3):
        browser.get("/", headers={HEADER: keys.sign()})
    once = keys.asked - before

    keys.private["k2"] = ec.generate_private_key(ec.SECP256R1())
    early = [browser.get("/", headers={HEADER: keys.sign(kid="k2")}).status_code for _ in range(3)]
    now[0] += 60
    late = browser.get("/", headers={HEADER: keys.sign(kid="k2")}).status_code

    assert (once, early, late) == (1, [403] * 3, 200)
    assert keys.asked - before == 2
