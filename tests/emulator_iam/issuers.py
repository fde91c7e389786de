"""An issuer of OpenID Connect tokens that tests run: its keys at an address of this machine, and tokens as GitHub's."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

GITHUB = "https://token.actions.githubusercontent.com"


@cache
def key(name: str) -> rsa.RSAPrivateKey:
    """A private key, made once a process: making one takes as long as some tests."""
    del name
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwks() -> dict[str, Any]:
    """The public key, as issuers publish it."""
    public = jwt.algorithms.RSAAlgorithm.to_jwk(key("own").public_key(), as_dict=True)
    return {"keys": [public | {"kid": "k1", "use": "sig", "alg": "RS256"}]}


def token(audience: str, *, signed_by: str = "own", issuer: str = GITHUB, **claims: Any) -> str:
    """A token as a job of `acme/ml` gets it, for a push to main, with other claims where they are given."""
    now = int(time.time())
    told = {
        "iss": issuer,
        "aud": audience,
        "sub": "repo:acme/ml:ref:refs/heads/main",
        "iat": now,
        "exp": now + 300,
        "repository": "acme/ml",
        "repository_id": "456",
        "repository_owner": "acme",
        "repository_owner_id": "123",
        "ref": "refs/heads/main",
        "event_name": "push",
    }
    told = {name: each for name, each in (told | claims).items() if each is not None}
    return jwt.encode(told, key(signed_by), algorithm="RS256", headers={"kid": "k1"})


@contextmanager
def served() -> Iterator[str]:
    """Serve the keys; gives the issuer's address."""

    class Handler(BaseHTTPRequestHandler):
        """What an issuer publishes."""

        def do_GET(self) -> None:
            """Answer."""
            config = {"issuer": address, "jwks_uri": f"{address}/jwks"}
            body = json.dumps(config if self.path.startswith("/.well-known/") else jwks()).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    address = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address
    finally:
        server.shutdown()
        server.server_close()
