"""A host of git repositories on this machine: git's own server over TLS, as GitHub would be reached."""

import base64
import datetime as dt
import http.server
import ipaddress
import os
import ssl
import subprocess
import threading
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

BACKEND = [subprocess.run(["git", "--exec-path"], capture_output=True, text=True, check=True).stdout.strip()]
ADA = ("-c", "user.name=Ada", "-c", "user.email=ada@acme.example")


class Host:
    """Serves the bare repositories of a folder.

    Attributes:
        folder: Where they lie.
        trust: The certificate to trust it by, for SSL_CERT_FILE.
        token: What a caller must know; empty for nothing.
        moved: Where every request is sent instead; empty for nowhere.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.trust = folder, folder / "certificate.pem"
        self.token = self.moved = ""
        self.asked: list[str] = []
        certificate(self.trust)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.trust)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler(self))
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        """Of the repository `ml`."""
        return f"https://127.0.0.1:{self._server.server_port}/ml.git"

    def git(self, *words: str) -> str:
        """Run git on the repository's clone."""
        environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        command = ["git", *ADA, "-C", str(self.folder / "clone"), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
        return done.stdout.strip()

    def start(self) -> None:
        """Make the repository, and a clone of it."""
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(self.folder / "ml.git")], check=True)
        (self.folder / "clone").mkdir()
        self.git("init", "-q", "-b", "main")
        self.git("remote", "add", "origin", str(self.folder / "ml.git"))

    def push(self, files: dict[str, str | bytes], at: str = "2026-11-23T10:00:00+00:00") -> str:
        """Commit the files as all there are, at a time, and push; gives the commit."""
        self.git("rm", "-rqf", "--ignore-unmatch", ".")
        for name, content in files.items():
            path = self.folder / "clone" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        os.environ["GIT_COMMITTER_DATE"] = at
        try:
            self.git("commit", "-qm", "as told", "--allow-empty", "--date", at)
        finally:
            del os.environ["GIT_COMMITTER_DATE"]
        self.git("push", "-qf", "origin", "HEAD:main")
        return self.git("rev-parse", "HEAD")

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def handler(host: Host) -> type[http.server.BaseHTTPRequestHandler]:
    """What answers requests: git's own program, as a web server would run it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            """Say nothing."""

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, body: bytes) -> None:
            host.asked.append(f"{self.command} {self.path} {self.headers.get('Authorization', '')}".strip())
            if host.moved:
                return self._send(301, {"Location": host.moved + self.path}, b"")
            given = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic ")).decode()
            if host.token and given.partition(":")[2] != host.token:
                return self._send(401, {"WWW-Authenticate": "Basic"}, b"")
            path, _, query = self.path.partition("?")
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
                "GIT_CONFIG_VALUE_0": "true",
                "GIT_PROJECT_ROOT": str(host.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            }
            command = [f"{BACKEND[0]}/git-http-backend"]
            done = subprocess.run(command, input=body, capture_output=True, env=environment, check=True)
            head, _, content = done.stdout.partition(b"\r\n\r\n")
            headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
            return self._send(int(headers.pop("Status", "200").split()[0]), headers, content)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(body))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler


def certificate(path: Path) -> None:
    """Write a certificate of this machine's own, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "git on this machine")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = serialization.Encoding.PEM
    secret = key.private_bytes(form, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(made.public_bytes(form) + secret)
