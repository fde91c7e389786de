"""Which project, as whom, and why: resolved once per command, and shown with where each came from."""

from __future__ import annotations

import configparser
import getpass
import json
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core import errors, own_images

if TYPE_CHECKING:
    from reconciler.engine.session import Session
    from schemas import Specs

BUNDLED = "us-docker.pkg.dev/mlservice/images/runtime"
"""The emulator has it from the start."""
BUNDLED_RECONCILER = "us-docker.pkg.dev/mlservice/images/reconciler"


@dataclass(frozen=True, slots=True)
class Found:
    """A value and where it came from."""

    value: str
    source: str

    def __str__(self) -> str:
        """Give the form shown to people."""
        return f"{self.value} ({self.source})"


def runtime_image(project: str | None = None, told: str = "") -> str:
    """Give the image of the model server for services without one: this version's, or MLSERVICE_RUNTIME_IMAGE.

    Args:
        project: In whose registry `mlservice image push` puts it, in each region; None: on the emulator.
        told: What the operator was told to use instead of this version's; empty: nothing.
    """
    named = os.environ.get("MLSERVICE_RUNTIME_IMAGE") or told
    if named:
        return named
    number = version("mlservice")
    return own_images.reference("runtime", project, number) if project else f"{BUNDLED}:{number}"


def reconciler_image(project: str | None = None) -> str:
    """Give the image that an operator runs, without its tag, where its document names none; as `runtime_image`."""
    return own_images.reference("reconciler", project, "").removesuffix(":") if project else BUNDLED_RECONCILER


def find_project(flag: str | None, specs: Specs | None, *, local: bool) -> Found:
    """Find the project: the flag, the spec's environment, the environment, gcloud, the credentials.

    The spec's environment comes before the shell's: `-e prod` must not go to whatever project is set there.

    Raises:
        UsageError: There is none, or the specs name several.
    """
    if flag:
        return Found(flag, "--project")
    if local:
        from reconciler.gcp.connection import LOCAL_PROJECT  # noqa: PLC0415 - late, for start-up

        return Found(LOCAL_PROJECT, "--local")
    named = sorted({s.project for s in specs.documents if s.project}) if specs else []
    if len(named) > 1:
        raise errors.UsageError(f"these specs are for several projects: {', '.join(named)}", hint="apply them apart")
    if named:
        return Found(named[0], "environments in the spec")
    for name in ("GOOGLE_CLOUD_PROJECT", "CLOUDSDK_CORE_PROJECT"):
        if os.environ.get(name):
            return Found(os.environ[name], name)
    configured = _gcloud("project")
    if configured:
        return Found(configured, "gcloud config")
    from reconciler.gcp.connection import application_default  # noqa: PLC0415 - late, for start-up

    project = application_default()[1]
    if project:
        return Found(project, "Application Default Credentials")
    raise errors.UsageError("no project is known", hint="give --project, set GOOGLE_CLOUD_PROJECT, or use --local")


def find_account(*, local: bool) -> Found:
    """Say as whom calls are made, as far as it can be told without a call."""
    if local:
        return Found("emulator", "--local")
    named = os.environ.get("GOOGLE_APPLICATION_CREDENTIALS")
    file = Path(named) if named else _gcloud_home() / "application_default_credentials.json"
    source = "GOOGLE_APPLICATION_CREDENTIALS" if named else "Application Default Credentials"
    try:
        key = json.loads(file.read_text())
        return Found(str(key.get("client_email") or key.get("account") or key["type"]), source)
    except (OSError, ValueError, KeyError, AttributeError):
        return Found(file.name if named else "of this machine", source)


def _gcloud_home() -> Path:
    return Path(os.environ.get("CLOUDSDK_CONFIG") or Path.home() / ".config" / "gcloud")


def _gcloud(key: str) -> str:
    """Read one value of gcloud's active configuration, without starting gcloud."""
    home = _gcloud_home()
    try:
        active = os.environ.get("CLOUDSDK_ACTIVE_CONFIG_NAME") or (home / "active_config").read_text().strip()
    except OSError:
        active = "default"
    parser = configparser.ConfigParser()
    try:
        parser.read(home / "configurations" / f"config_{active}")
        return parser.get("core", key, fallback="")
    except configparser.Error:
        return ""


@contextmanager
def open_session(project: Found, *, local: bool, state: str | None = None) -> Iterator[Session]:
    """Open a run's means.

    Args:
        project: The project.
        local: Use the emulator.
        state: `gs://bucket` of the inventory; left out, `<project>-mlservice`.
    """
    from reconciler.cli.local import ensure_running  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.clock import SystemClock  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.pool import Pool  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.session import Session  # noqa: PLC0415 - late, for start-up
    from reconciler.gcp.connection import Connection  # noqa: PLC0415 - late, for start-up
    from reconciler.gcp.emulator import around_us  # noqa: PLC0415 - late, for start-up
    from reconciler.kinds import KINDS  # noqa: PLC0415 - late, for start-up

    inside = around_us()
    emulator = inside or (ensure_running() if local else None)
    endpoint = emulator.endpoint if emulator else None
    if inside and endpoint:
        endpoint = replace(endpoint, key_file="", inside=True)
    bucket = (state or "").removeprefix("gs://").strip("/") or f"{project.value}-mlservice"
    connection = Connection(project.value, bucket, endpoint, chosen=bool(state))
    clock = SystemClock(emulator.clock() if emulator else timedelta())
    with Pool() as pool:
        session = Session(connection, KINDS, pool, clock, holder(), f"run-{secrets.token_hex(4)}")
        with session.stopping():
            yield session


def holder() -> str:
    """Say who we are, for locks."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} pid {os.getpid()}"
