"""The page against its bars: server, first paint, memory, cold start, what is sent, and the report of static files.

It runs as in Cloud Run, a process of its own over a bucket of the emulator, and is asked as by Identity-Aware Proxy:
each request carries a signature that is checked. Distinct views are asked for, so that none is one that was kept.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cloud import against, cloud, control
from tests.page.samples import NOW, fleet, write

FLEETS = {200: 30, 2000: 3}
"""Services, and entries of the history of each."""
AUDIENCE = "/projects/1/locations/us-central1/services/page"
CHROMIUM = Path("/usr/bin/chromium")
STARTS, PAINTS, UNCHANGED = 3, 5, 100
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
VIEWS = ("/", "/cost", "/changes", "/operator")
_PAGE = """
import sys
import uvicorn
from page.access import Signed
from page.clock import clock
from page.desk import Desk
from page.server import server
from page.shelf import Shelf
from page.sources.bucket import connected
bucket, emulator, audience, keys, port = sys.argv[1:]
desk = Desk(Shelf(connected(bucket, emulator=emulator)), clock(emulator))
app = server(desk, Signed(audience, keys), live="poll")
uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning", access_log=False)
"""
"""What `python -m page` does, but that the proxy's keys are ours."""
_ROOT = Path(__file__).resolve().parents[1]


class Surroundings:
    """What Cloud Run has around it: a proxy that signs, with its public key, and a metadata server with a token."""

    def __init__(self, http: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415 - loads slowly
        from jwt.algorithms import ECAlgorithm  # noqa: PLC0415 - loads slowly

        self._key = ec.generate_private_key(ec.SECP256R1())
        key = json.loads(ECAlgorithm.to_jwk(self._key.public_key())) | {"kid": "k1", "alg": "ES256"}
        token = json.dumps({"access_token": _token(http), "expires_in": 3600, "token_type": "Bearer"})
        account = json.dumps({"aliases": ["default"], "email": "default", "scopes": []})
        answers = {"keys": json.dumps({"keys": [key]}), "token": token, "universe-domain": "googleapis.com"}

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                last = self.path.partition("?")[0].rpartition("/")[2]
                self.send_response(200)
                self.send_header("Metadata-Flavor", "Google")
                self.send_header("Content-Type", "application/json" if last != "universe-domain" else "text/plain")
                self.end_headers()
                self.wfile.write(answers.get(last, account).encode())

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as its base has it
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.host = f"127.0.0.1:{self._server.server_port}"

    def headers(self) -> dict[str, str]:
        """Sign for an hour from now on."""
        import jwt  # noqa: PLC0415 - loads slowly

        now = int(time.time())
        claims = {"aud": AUDIENCE, "iss": "https://cloud.google.com/iap", "sub": "1", "email": "ann@acme.example"}
        signed = jwt.encode({**claims, "iat": now, "exp": now + 3600}, self._key, "ES256", headers={"kid": "k1"})
        return {"x-goog-iap-jwt-assertion": signed}


def _token(http: str) -> str:
    """Give a token of the emulator's own caller, by Google's library."""
    from google.auth.transport.requests import Request  # noqa: PLC0415 - loads slowly
    from google.oauth2 import service_account  # noqa: PLC0415 - loads slowly

    file = control(http, "GET", "env")["GOOGLE_APPLICATION_CREDENTIALS"]
    scopes = ["https://www.googleapis.com/auth/cloud-platform"]
    credentials = service_account.Credentials.from_service_account_file(file, scopes=scopes)
    credentials.refresh(Request())
    return str(credentials.token)


def filled(http: str, bucket: str, folder: Path) -> None:
    """Put a folder's documents into a bucket of the emulator."""
    with httpx.Client(base_url=http, timeout=60) as client:
        client.post("/storage/v1/b", params={"project": "local"}, json={"name": bucket}).raise_for_status()
        for path in sorted(folder.rglob("*.json")):
            named = {"uploadType": "media", "name": path.relative_to(folder).as_posix()}
            client.post(f"/upload/storage/v1/b/{bucket}/o", params=named, content=path.read_bytes()).raise_for_status()


@contextmanager
def running(http: str, bucket: str, around: Surroundings) -> Iterator[tuple[str, int, float]]:
    """Run the page; give its address, its process and after how many seconds the first view was there."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = {"GOOGLE_CLOUD_PROJECT": "local", "GCE_METADATA_HOST": around.host, "GCE_METADATA_IP": around.host}
    command = [sys.executable, "-c", _PAGE, bucket, http, AUDIENCE, f"http://{around.host}/keys", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=_ROOT, env={**os.environ, **told})
    try:
        address = f"http://127.0.0.1:{port}"
        yield address, process.pid, _first(address, around, process) - began
    finally:
        process.terminate()
        process.wait()


def _first(address: str, around: Surroundings, process: subprocess.Popen[bytes]) -> float:
    headers = around.headers()
    while process.poll() is None:
        try:
            answer = httpx.get(address, headers=headers, timeout=30)
        except httpx.TransportError:
            time.sleep(0.01)
            continue
        if answer.is_success:
            return time.perf_counter()
        sys.exit(f"the page answered {answer.status_code}: {answer.text[:300]}")
    sys.exit("the page ended")


def memory_mib(pid: int) -> float:
    """Give the most that a process ever held."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def worked_s(pid: int) -> float:
    """Give how long a process kept processors busy: what is left of a time where others are busy, too."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


def timed_ms(client: httpx.Client, pid: int, paths: list[str], **headers: str) -> tuple[float, float, httpx.Response]:
    """Give the median time of an answer, the processor time of one, and the largest one."""
    taken, answers, before = [], [], worked_s(pid)
    for path in paths:
        began = time.perf_counter()
        answers.append(client.get(path, headers=headers))
        taken.append((time.perf_counter() - began) * 1000)
        answers[-1].raise_for_status() if not headers else None
    work = (worked_s(pid) - before) * 1000 / len(paths)
    return statistics.median(taken), work, max(answers, key=lambda each: len(each.content))


def settled(client: httpx.Client) -> httpx.Response:
    """Give the fleet once what became of services is read: the fleet does not wait for that, the timeline does."""
    client.get("/changes").raise_for_status()
    return client.get("/")


def sorted_in_ways() -> list[str]:
    """Give addresses of the whole fleet, each a view of its own."""
    orders = ("state", "name", "rollout", "drift", "errors", "p95", "cost", "changed")
    return [f"/?sort={order}{more}" for order in orders for more in ("", "&order=reverse")]


def painted(address: str, headers: dict[str, str]) -> tuple[float, int]:
    """Give after how many milliseconds something is seen, and how many files are asked for, in a new profile."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - loads slowly

    taken, asked = [], 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        for _ in range(PAINTS):
            context = browser.new_context(extra_http_headers=headers)
            page = context.new_page()
            files: list[str] = []
            page.on("request", lambda request, files=files: files.append(request.url))
            page.goto(address)
            # Asked from outside: what the page itself asks again, its policy refuses.
            while (painted_ms := page.evaluate(PAINTED)) is None:
                page.wait_for_timeout(20)
            taken.append(painted_ms)
            asked = len([each for each in files if not each.startswith("data:")])
            context.close()
        browser.close()
    return statistics.median(taken), asked


def reported(folder: Path, into: Path) -> tuple[float, float]:
    """Write the report of static files; give seconds and megabytes."""
    code = (
        "import sys, pathlib, datetime; from page.report import write; from page.sources import Folder\n"
        "now = datetime.datetime.fromisoformat(sys.argv[3])\n"
        "print(write(Folder(pathlib.Path(sys.argv[1])), pathlib.Path(sys.argv[2]), clock=lambda: now).size)"
    )
    began = time.perf_counter()
    command = [sys.executable, "-c", code, str(folder), str(into), NOW.isoformat()]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, int(done.stdout) / 1e6


def main() -> None:
    """Print the numbers."""
    with cloud() as (http, _), tempfile.TemporaryDirectory(prefix="mlservice-page-") as name:
        around = Surroundings(http)
        places = {count: Path(name) / str(count) for count in FLEETS}
        for count, folder in places.items():
            write(fleet(count, history=FLEETS[count]), folder)
            filled(http, f"fleet-{count}", folder)
        starts, worked = [], []
        for _ in range(STARTS):
            with running(http, "fleet-200", around) as (_, pid, took):
                starts.append(took)
                worked.append(worked_s(pid))
        against("cold start until the first view of 200 services", statistics.median(starts), 1.5)
        print(f"  of that {statistics.median(worked):.2f} s of processor time")
        _of_200(http, around, places[200])
        _of_2000(http, around)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds, size = reported(places[200], Path(name) / "report")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        against("static report of 200 services", seconds, 10.0)
        busy = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        print(f"  of that {busy:.2f} s of processor time")
        against("  its files", size, 20.0, "MB")


def _of_200(http: str, around: Surroundings, folder: Path) -> None:
    with running(http, "fleet-200", around) as (address, pid, _), httpx.Client(base_url=address, timeout=60) as client:
        client.headers.update(around.headers())
        whole = settled(client)
        took, work, _ = timed_ms(client, pid, sorted_in_ways())
        against("fleet of 200 services, a view made anew, with its socket", took, 50.0, "ms")
        print(f"  of that {work:.1f} ms of processor time")
        against("  its HTML", len(whole.content) / 1000, 200.0, "KB")
        against("  compressed", len(gzip.compress(whole.content, 5)) / 1000, 30.0, "KB")
        took, work, last = timed_ms(client, pid, ["/"] * UNCHANGED, **{"If-None-Match": whole.headers["etag"]})
        against(f"  nothing new ({last.status_code})", took, 2.0, "ms")
        print(f"    of that {work:.1f} ms of processor time")
        for path in (*VIEWS, *_of_services(folder)):
            client.get(path).raise_for_status()
        against("process after every view of 50 services, 30 entries each", memory_mib(pid), 150.0, "MiB")
        scripts = {each for path in (*VIEWS, *_of_services(folder)[:4]) for each in _scripts(client.get(path).text)}
        packed = sum(len(gzip.compress(client.get(each).content, 9)) for each in scripts)
        against("JavaScript, compressed", packed / 1000, 45.0, "KB")
        if CHROMIUM.exists():
            took, asked = painted(address, around.headers())
            against("first paint in Chromium, nothing kept", took, 300.0, "ms")
            against("  files asked for", float(asked), 6.0, "")


def _of_2000(http: str, around: Surroundings) -> None:
    with running(http, "fleet-2000", around) as (address, pid, _), httpx.Client(base_url=address, timeout=60) as client:
        client.headers.update(around.headers())
        words = ("churn", "fraud", "ranker", "demand", "eta", "ads", "spam", "price", "intent", "yield")
        settled(client)
        took, work, largest = timed_ms(client, pid, [f"/?q={word}" for word in words])
        against("fleet of 2000 services, filtered, a view made anew", took, 150.0, "ms")
        print(f"  of that {work:.1f} ms of processor time")
        against("  the largest HTML", len(largest.content) / 1000, 1000.0, "KB")
        print(f"  the process holds {memory_mib(pid):.0f} MiB")


def _of_services(folder: Path) -> list[str]:
    shown = json.loads(next(folder.glob("operators/*/standings/0.json")).read_text())["services"][:50]
    places = [f"/s/{each['region']}/{each['name']}" for each in shown]
    return [f"{place}{view}" for place in places for view in ("", "/rollout", "/drift", "/retraining")]


def _scripts(html: str) -> list[str]:
    return re.findall(r'<script src="([^"]+)"', html)


if __name__ == "__main__":
    main()
