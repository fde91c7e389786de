"""What the demo's chapters are told with: commands as a user types them, Google's clients, a folder and an emulator."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
REGION = "europe-west1"
PATIENCE_S = 120
BOLD, DIM, GREEN, OFF = ("\033[1m", "\033[2m", "\033[32m", "\033[0m") if sys.stdout.isatty() else ("", "", "", "")


def chapter(number: int, text: str) -> None:
    """Begin a part of the story."""
    print(f"\n{BOLD}{number}. {text}{OFF}", flush=True)


def say(text: str) -> None:
    """Tell what was seen."""
    print(f"{GREEN}   {text}{OFF}", flush=True)


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run an mlservice command to its end."""
    command = [sys.executable, "-m", "reconciler.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def mlservice(*arguments: str, quiet: bool = False, expect: int = 0) -> str:
    """Run an mlservice command as a user would, showing it."""
    print(f"{DIM}$ mlservice {' '.join(arguments)}{OFF}", flush=True)
    done = ran(*arguments)
    shown = (done.stdout + done.stderr) if not quiet else ""
    print("".join(f"   {line}\n" for line in shown.splitlines()), end="", flush=True)
    if done.returncode != expect:
        sys.exit(f"the demo failed: exit code {done.returncode}, expected {expect}\n{done.stdout}{done.stderr}")
    return done.stdout


@contextmanager
def workspace() -> Iterator[Path]:
    """Give an empty folder, and an emulator of its own whose ports are free ones."""
    with tempfile.TemporaryDirectory(prefix="mlservice-demo-") as name:
        folder = Path(name)
        os.environ["MLSERVICE_EMULATOR_STATE"] = str(folder / "emulator")
        os.chdir(folder)
        try:
            yield folder
        finally:
            ran("emulator", "stop")


def clients() -> None:
    """Point Google's clients of this process at the emulator."""
    for line in mlservice("emulator", "env", quiet=True).splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        os.environ[name] = value.strip("'")


def await_it(what: Callable[[], Any], service: str) -> Any:
    """Wait for what other programs do."""
    until = time.monotonic() + PATIENCE_S
    while not (found := what()):
        if time.monotonic() > until:
            sys.exit(f"the demo failed: what was waited for did not come; look with: mlservice why {service} --local")
        time.sleep(0.1)
    return found


def kept(service: str, name: str) -> Any:
    """Give an object of a service's retraining; None where there is none."""
    from google.api_core import exceptions  # noqa: PLC0415 - only here
    from google.cloud import storage  # noqa: PLC0415 - only here

    client = storage.Client.from_service_account_json(os.environ["GOOGLE_APPLICATION_CREDENTIALS"])
    try:
        return json.loads(
            client.bucket("local-mlservice").blob(f"retraining/{REGION}/{service}/{name}").download_as_bytes()
        )
    except exceptions.NotFound:
        return None


def identity(url: str) -> str:
    """Get the caller's identity token as any client would, through Google's library."""
    import google.auth.transport.requests  # noqa: PLC0415 - only here
    from google.oauth2 import id_token  # noqa: PLC0415 - only here

    return str(id_token.fetch_id_token(google.auth.transport.requests.Request(), url))
