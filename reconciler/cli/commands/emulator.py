"""`mlservice emulator`: Google Cloud on this machine."""

from __future__ import annotations

import os
import shlex
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from reconciler.cli.console import confirmed, data, out, raw, say
from reconciler.cli.local import LOG_FILE, does_not_answer, ensure_running, ensure_startable
from reconciler.core import errors
from reconciler.gcp.emulator import Emulator, is_held, state_dir

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Google Cloud on this machine.", rich_markup_mode=None
)

iam = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Whom its permissions are enforced for.", rich_markup_mode=None
)
app.add_typer(iam, name="iam")

STOP_WITHIN_S = 15.0
TELL_EVERY_S = 5.0
_NO_PROXY = ("NO_PROXY", "no_proxy")


def _running() -> Emulator:
    folder = state_dir()
    found = Emulator.running(folder)
    if found is None:
        if is_held(folder):
            raise does_not_answer(folder)
        raise errors.UsageError("the emulator does not run here", hint="mlservice emulator start")
    return found


@app.command()
def start() -> None:
    """Start it, unless it runs."""
    found = ensure_running(quiet=True)
    out(f"running: http {found.http}, grpc {found.grpc}, pid {found.pid}, state in {found.state}")


@app.command()
def stop() -> None:
    """Stop it. Its state stays."""
    folder = state_dir()
    found = Emulator.running(folder)
    if found is None:
        if is_held(folder):
            raise does_not_answer(folder)
        out("it does not run")
        return
    found.stop()
    until = time.monotonic() + STOP_WITHIN_S
    while is_held(folder) and time.monotonic() < until:
        time.sleep(0.05)
    if is_held(folder):
        raise errors.ReconcilerError(f"pid {found.pid} does not stop", hint=f"kill -9 {found.pid}; its state survives")
    out("stopped")


@app.command()
def status(*, as_json: Annotated[bool, typer.Option("--json", help="Everything, as JSON.")] = False) -> int:
    """Say whether it runs, where, and what time it is there."""
    folder = state_dir()
    found = Emulator.running(folder)
    if found is None:
        if is_held(folder):
            raise does_not_answer(folder)
        out("it does not run")
        return 1
    told = found.control("GET", "status")
    if as_json:
        data(told)
    else:
        out(f"running: http {found.http}, grpc {found.grpc}, pid {found.pid}")
        out(f"clock: {told['clock']['now']} ({told['clock']['offset_s']:.0f} s ahead)")
    return 0


@app.command()
def env() -> None:
    """Print the variables that point Google's clients and gcloud at it: eval "$(mlservice emulator env)"."""
    variables = _running().control("GET", "env") | dict.fromkeys(_NO_PROXY, _without_proxy())
    for name, value in sorted(variables.items()):
        raw(f"export {name}={shlex.quote(value)}")


def _without_proxy() -> str:
    """Say which hosts are reached without a proxy: those of this shell, and this machine."""
    named = [host.strip() for name in _NO_PROXY for host in os.environ.get(name, "").split(",")]
    return ",".join(dict.fromkeys([*filter(None, named), "127.0.0.1", "localhost"]))


@app.command()
def advance(duration: Annotated[str, typer.Argument(help="Such as 90s, 15m, 24h or 7d.")]) -> None:
    """Let time pass there. Schedules fire, holds end, idle instances go.

    It says on the way how far it is; Ctrl-C ends it after any ten minutes there.
    """
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    try:
        seconds = duration_ms(duration) / 1000
    except ValueError as error:
        raise errors.UsageError(f"'{duration}' is no duration", hint="such as 90s, 15m, 24h or 7d") from error
    now, said = "", time.monotonic()
    for past, now in _running().advance(seconds):
        if time.monotonic() - said >= TELL_EVERY_S and past < seconds:
            said = time.monotonic()
            say(f"{past / 3600:.1f} of {seconds / 3600:.1f} h have passed: it is {now} there", "dim")
    out(f"it is {now} there")


@app.command()
def reset(*, yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False) -> None:
    """Empty it: every service, bucket, image and account there is gone. One that does not run is started.

    So it is where no emulator starts because its state cannot be read.
    """
    folder = state_dir()
    if not folder.exists():
        raise errors.UsageError(f"there is no emulator in {folder}", hint="mlservice emulator start")
    if not yes and not confirmed(f"Delete everything in {folder}?"):
        raise typer.Abort
    ensure_startable(folder).control("POST", "reset")
    out("empty")


@app.command()
def push(
    folder: Annotated[Path, typer.Argument(help="What is in the image.")],
    image: Annotated[str, typer.Argument(help="LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/NAME:TAG.")],
    command: Annotated[
        list[str], typer.Argument(help="What it runs, such as: python main.py. After -- if it has options.")
    ],
    *,
    create: Annotated[bool, typer.Option("--create", help="Make the repository first, if it is not there.")] = False,
) -> None:
    """Push a folder as an image: the emulator runs it as a process, with no container engine."""
    found = _running()
    if create:
        _make_repository(found, image)
    body = {"image": image, "folder": str(folder.resolve()), "command": command}
    told: Any = found.control("POST", "images", body)
    if isinstance(told, dict):
        data(told)
    else:
        out(str(told))


@app.command("plant-vulnerability")
def plant_vulnerability(
    cve: Annotated[str, typer.Argument(help="Its number, such as CVE-2026-0001.")],
    package: Annotated[str, typer.Argument(help="The package that it is in.")],
    *,
    version: Annotated[list[str] | None, typer.Option("--version", help="An affected version. Repeatable.")] = None,
    below: Annotated[str, typer.Option("--below", help="Of Python: all versions below this are affected.")] = "",
    fixed: Annotated[str, typer.Option("--fixed", help="The version that mends it. Left out: there is none.")] = "",
    severity: Annotated[str, typer.Option("--severity", help="Minimal, Low, Medium, High, Critical.")] = "High",
    effective: Annotated[
        str, typer.Option("--effective", help="The distribution's own severity. Left out: the same.")
    ] = "",
    published: Annotated[str, typer.Option("--published", help="When it was published, ISO 8601.")] = "",
    python: Annotated[bool, typer.Option("--python", help="It is a package of Python's, not of Debian's.")] = False,
    image: Annotated[
        str, typer.Option("--image", help="Only this image has it, whether the package is in it or not.")
    ] = "",
) -> None:
    """Let a vulnerability become known, as scans of images find it."""
    body = {
        "cve": cve,
        "package": package,
        "sort": "PYPI" if python else "OS",
        "versions": version or [],
        "below": below,
        "fixed": fixed,
        "severity": severity.upper(),
        "effective": effective.upper(),
        "published": published,
        "image": image,
    }
    told = _running().control("POST", "vulnerabilities", body)
    count = told["found"]
    out(f"{cve} is found in {count} image{'' if count == 1 else 's'}")


def _make_repository(found: Emulator, image: str) -> None:
    from reconciler.core.errors import Conflict  # noqa: PLC0415 - late, for start-up
    from reconciler.gcp.calls import calling  # noqa: PLC0415 - late, for start-up
    from reconciler.gcp.connection import Connection  # noqa: PLC0415 - late, for start-up

    host, project, repository, *_ = [*image.split("/"), "", "", ""]
    location = host.removesuffix("-docker.pkg.dev")
    if location == host or not repository:
        raise errors.UsageError(
            f"'{image}' is no image reference", hint="LOCATION-docker.pkg.dev/PROJECT/REPOSITORY/NAME:TAG"
        )
    connection = Connection(project, "", found.endpoint)
    api = connection.client("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    parent = f"projects/{project}/locations/{location}"
    request = {"parent": parent, "repository_id": repository, "repository": {"format_": "DOCKER"}}
    try:
        with calling("create", f"repository {repository}"):
            api.create_repository(request=request).result()
    except Conflict:
        return


@app.command()
def spend(
    service: Annotated[str, typer.Argument(help="Whose label the line of the bill has, such as churn.")],
    amount: Annotated[
        str, typer.Argument(help="In the billing account's currency; below zero for a credit, after --.")
    ],
    *,
    project: Annotated[str, typer.Option("--project", help="Which project it was spent in.")] = "",
    label: Annotated[
        list[str] | None, typer.Option("--label", help="KEY=VALUE that the line has, too. May be given again.")
    ] = None,
) -> None:
    """Put an amount on the bill there, as of now: budgets count it, and say so with their next notice.

    What instances of Cloud Run use is on the bill without that, and nothing else is.
    """
    from reconciler.core.naming import mark_labels  # noqa: PLC0415 - late, for start-up

    labels = mark_labels(service) | dict(map(_pair, label or ()))
    body = {"amount": amount, "project": project, "labels": labels}
    told: Any = _running().control("POST", "spend", body)
    out(f"{told['amount']} {told['currency']} are on the bill of {told['account']} for project {told['project']}")


OPENAI_ECHO = "us-docker.pkg.dev/mlservice/images/openai-echo"


@app.command("stand-in")
def stand_in(
    image: Annotated[
        str | None,
        typer.Argument(
            help="Image that cannot run here, without a tag; may have *: vllm/vllm-openai, 'ollama/*'.",
            show_default=False,
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Argument(help="What runs in its place. Left out, a server that speaks OpenAI's API and makes words up."),
    ] = OPENAI_ECHO,
    *,
    remove: Annotated[bool, typer.Option("--remove", help="Let nothing stand in for it any more.")] = False,
) -> None:
    """Let another image run there in the place of one that needs a GPU; without an image, list which do."""
    found = _running()
    told: dict[str, str] = found.control("GET", "stand-ins")
    if image is not None:
        others = {name: other for name, other in told.items() if name != image}
        told = found.control("PUT", "stand-ins", others if remove else {**others, image: by})
    for name, other in told.items():
        out(f"{name}  {other}")
    if image is None and not told:
        say("nothing stands in for anything")


def _pair(text: str) -> tuple[str, str]:
    key, found, value = text.partition("=")
    if not found or not key:
        raise errors.UsageError(f"'{text}' is no label", hint="KEY=VALUE, such as team=growth")
    return key, value


@app.command()
def logs(
    service: Annotated[str | None, typer.Argument(help="A service. Left out: the emulator's own.")] = None,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", help="How many, from the end.")] = 100,
) -> None:
    """Print logs."""
    if service is None:
        text = (state_dir() / LOG_FILE).read_text(errors="replace") if (state_dir() / LOG_FILE).exists() else ""
        out("\n".join(text.splitlines()[-lines:]) or "nothing yet")
        return
    told = _running().control("GET", f"logs?service={service}")
    text = told if isinstance(told, str) else "\n".join(str(line) for line in told)
    say(f"logs of {service}", "dim")
    out("\n".join(text.splitlines()[-lines:]) or "nothing yet")


@iam.command()
def enforce() -> None:
    """Refuse you, too, what an owner of the project may not do. Service accounts are always held to their roles."""
    _say_enforced(_running().control("POST", "iam", {"enforced": True}))


@iam.command()
def relax() -> None:
    """Let you do everything again. Service accounts are held to their roles all the same."""
    _say_enforced(_running().control("POST", "iam", {"enforced": False}))


@iam.command("status")
def iam_status() -> None:
    """Say for whom permissions are enforced."""
    _say_enforced(_running().control("GET", "iam"))


def _say_enforced(told: Any) -> None:
    you = "and for you, as an owner of every project" if told["enforced"] else "and not for you"
    out(f"permissions are enforced for service accounts, {you}")
