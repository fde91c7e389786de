"""`mlservice image`: our own images, built and pushed without a container engine."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import git
from reconciler.cli.commands.image_cleanup import cleanup
from reconciler.cli.console import data, out, say
from reconciler.cli.options import DEFAULT_FILE, Environment, Form, Local, Paths, Project
from reconciler.cli.planning import Target, load_specs, working
from reconciler.core import errors, own_images

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection
    from reconciler.images.base import Base, Reference
    from reconciler.images.building import Built
    from reconciler.images.pushing import Pushed
    from reconciler.images.registry import Place, Tell
    from schemas import Specs

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Images.", rich_markup_mode=None)


app.command(name="cleanup")(cleanup)


@app.callback()
def image() -> None:
    """Build and push the images that run in Google Cloud, and see which of them are cleaned away."""


class Program(StrEnum):
    """Which image."""

    RUNTIME = "runtime"
    RECONCILER = "reconciler"
    PAGE = "page"


class With(StrEnum):
    """Frameworks that a runtime can hold."""

    ONNX = "onnx"
    SKLEARN = "sklearn"
    XGBOOST = "xgboost"
    LIGHTGBM = "lightgbm"
    TORCH = "torch"


USUAL = (With.ONNX, With.SKLEARN)
"""Where no spec says which framework its model is of."""
SHOWN = 8
SLIM, WHOLE = "python:3.12-slim-bookworm", "python:3.12-bookworm"
"""What images stand on: LightGBM's wheel needs the system's OpenMP (libgomp), which only the whole one has."""


Frameworks = Annotated[
    list[With] | None,
    typer.Option(
        "--with",
        help="Framework that the runtime holds; several times. Left out: the specs', or onnx and sklearn.",
        show_default=False,
    ),
]
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", help="Region to push to; several times. Left out: the specs'.", show_default=False),
]
StandsOn = Annotated[
    str | None,
    typer.Option(
        "--base",
        help="Image with Python that it stands on; with @sha256:… it is always the same. Left out:"
        f" {SLIM}, and {WHOLE} with lightgbm.",
        show_default=False,
    ),
]
Layout = Annotated[
    Path | None,
    typer.Option("--layout", help="Write it there as an OCI layout, and push nothing.", show_default=False),
]


@app.command()
def push(
    paths: Paths = None,
    *,
    target: Annotated[Program, typer.Option("--target", help="Which image.")] = Program.RUNTIME,
    frameworks: Frameworks = None,
    regions: Regions = None,
    base: StandsOn = None,
    layout: Layout = None,
    environment: Environment = None,
    project: Project = None,
    local: Local = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Build it, say what a push would send, send nothing.")
    ] = False,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Build an image and push it to your project's Artifact Registry. No container engine is needed.

    It goes to REGION-docker.pkg.dev/PROJECT/mlservice/TARGET, where plan and apply look for the image of services
    without one; the repository is made where it is not there. The same input has the same digest on machines
    with the same Python and zlib.
    """
    from reconciler.images.layout import write  # noqa: PLC0415 - late, for start-up

    all_said = regions and (frameworks or target is not Program.RUNTIME)
    specs = None if all_said else _specs(paths, environment)
    chosen = tuple(dict.fromkeys(frameworks or _frameworks(specs))) if target is Program.RUNTIME else ()
    quiet, where = output is Form.JSON, _regions(regions, specs, layout)
    with (
        working(Target(project, local, None, environment), specs, quiet=quiet) as session,
        tempfile.TemporaryDirectory(prefix="mlservice-image-") as folder,
    ):
        for region in where:
            _check_kept(session.connection, target, chosen, region)
        built, stands_on = _build(
            session.connection, target, chosen, base or usual_base(chosen), Path(folder), quiet=quiet
        )
        if layout is not None:
            write(built, version("mlservice"), layout)
        pushed = [_push(session.connection, built, target, region, dry_run=dry_run, quiet=quiet) for region in where]
    _show(_told(built, stands_on, target, chosen, pushed, dry_run=dry_run), quiet=quiet)
    return 0


def usual_base(chosen: Sequence[With]) -> str:
    """Give the image with Python that these frameworks stand on, unless somebody says another."""
    return f"docker.io/library/{WHOLE if With.LIGHTGBM in chosen else SLIM}"


def _specs(paths: list[Path] | None, environment: str | None) -> Specs | None:
    """Load the specs that need the image; without any, options say it all."""
    if not paths and not DEFAULT_FILE.exists():
        return None
    return load_specs(paths or [DEFAULT_FILE], Target(environment=environment))


def _frameworks(specs: Specs | None) -> Sequence[With]:
    models = [each.service.spec.model for each in specs.services] if specs else []
    named = {model.framework.value for model in models if model is not None and model.framework is not None}
    found = [each for each in With if each.value in named]
    unsaid = any(model is not None and model.framework is None for model in models)
    return tuple(dict.fromkeys([*found, *(USUAL if unsaid or not found else ())]))


def _build(
    connection: Connection, target: Program, chosen: Sequence[With], base: str, folder: Path, *, quiet: bool
) -> tuple[Built, Base]:
    from reconciler.images import base as bases  # noqa: PLC0415 - late, for start-up
    from reconciler.images.building import Wanted, build  # noqa: PLC0415 - late, for start-up
    from reconciler.images.registry import Repository  # noqa: PLC0415 - late, for start-up

    reference = bases.Reference.parse(base)
    with Repository(_place(connection, reference)) as repository:
        found = bases.find(repository, reference)
        _say(f"base {found.name}@{found.digest}, Python {found.platform.python}", quiet=quiet)
        with _counting("fetching the base", sum(each.size_bytes for each in found.layers), quiet=quiet) as tell:
            found = bases.fetch(repository, found, _cache(), tell)
    wanted = Wanted(target.value, [each.value for each in chosen])
    return build(wanted, found, folder, git.tracked, lambda text: _say(text, quiet=quiet)), found


def _place(connection: Connection, reference: Reference) -> Place:
    """Give the address of the base: in Artifact Registry or the emulator, else somewhere that gets no token of ours."""
    from reconciler.images.pushing import place_of  # noqa: PLC0415 - late, for start-up
    from reconciler.images.registry import Place  # noqa: PLC0415 - late, for start-up

    if reference.host.endswith("-docker.pkg.dev"):
        return place_of(connection, f"{reference}:tag")
    return Place(reference.url, reference.path, str(reference), direct=reference.url.startswith("http://"))


def _cache() -> Path:
    """Give the folder where layers of bases are kept for the next build."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "mlservice" / "layers"


def _regions(regions: list[str] | None, specs: Specs | None, layout: Path | None) -> list[str]:
    """Name where to push to: nowhere, where it goes into a folder.

    Raises:
        UsageError: Nobody said, or the folder is in use. That is before the build, which would be in vain.
    """
    if layout is not None:
        _check_empty(layout)
        return []
    where = regions or sorted({each.service.spec.region for each in specs.services} if specs else ())
    if not where:
        raise errors.UsageError("no region is known", hint="give --region, or name the specs that need the image")
    return where


def _check_empty(layout: Path) -> None:
    if layout.exists() and not (layout.is_dir() and not any(layout.iterdir())):
        raise errors.UsageError(f"{layout} is not an empty folder", hint="name a new folder")


def _check_kept(connection: Connection, target: Program, chosen: Sequence[With], region: str) -> None:
    """Refuse to take from the tag, which every service of the project goes by, a framework that it has.

    Raises:
        UsageError: It would lose one.
    """
    from reconciler.images.pushing import frameworks_there  # noqa: PLC0415 - late, for start-up

    name = _name(connection, target, region)
    there = frameworks_there(connection, name) if target is Program.RUNTIME else frozenset()
    lost = sorted(there - {each.value for each in chosen})
    if lost:
        words = " ".join(f"--with {each}" for each in sorted(there | {each.value for each in chosen}))
        why = f"{name} holds {', '.join(lost)}, which this image would not: services that need it would not start"
        raise errors.UsageError(why, hint=f"push with {words}; if no service needs it, delete the tag first")


def _name(connection: Connection, target: Program, region: str) -> str:
    return own_images.reference(target.value, connection.project, version("mlservice"), region)


def _push(connection: Connection, built: Built, target: Program, region: str, *, dry_run: bool, quiet: bool) -> Pushed:
    from reconciler.images.pushing import push as push_image  # noqa: PLC0415 - late, for start-up

    name = _name(connection, target, region)
    with _counting(f"pushing to {region}", built.size_bytes, quiet=quiet) as tell:
        return push_image(connection, built, name, dry_run=dry_run, say=lambda text: _say(text, quiet=quiet), tell=tell)


def _say(text: str, *, quiet: bool) -> None:
    if not quiet:
        say(text, "dim")


@contextmanager
def _counting(what: str, total_bytes: int, *, quiet: bool) -> Iterator[Tell]:
    """Show a bar of bytes where someone watches."""
    import sys  # noqa: PLC0415 - beside what it is for

    from reconciler.images.registry import nobody  # noqa: PLC0415 - late, for start-up

    if quiet or not sys.stderr.isatty():
        yield nobody
        return
    from rich.console import Console  # noqa: PLC0415 - late, for start-up
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn  # noqa: PLC0415 - late, for start-up

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total_bytes)
        yield lambda amount: bar.advance(task, amount)


def _show(told: dict[str, Any], *, quiet: bool) -> None:
    if quiet:
        data(told)
    else:
        out("\n".join(_lines(told)))


def _told(
    built: Built, base: Base, target: Program, chosen: Sequence[With], pushed: Sequence[Pushed], *, dry_run: bool
) -> dict[str, Any]:
    return {
        "target": target.value,
        "digest": built.digest,
        "bytes": built.size_bytes,
        "base": {"image": base.name, "digest": base.digest, "bytes": sum(each.size_bytes for each in base.layers)},
        "python": base.platform.python,
        "frameworks": [each.value for each in chosen],
        "compiled": built.compiled,
        "packages": [{"name": name, "bytes": size} for name, size in built.weights],
        "dryRun": dry_run,
        "pushed": [each.to_json() for each in pushed],
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    heavy = ", ".join(f"{each['name']} {each['bytes'] / 1e6:.0f}" for each in told["packages"][:SHOWN])
    unpacked = sum(each["bytes"] for each in told["packages"]) / 1e6
    base = told["base"]
    yield f"{told['target']} {told['digest']}"
    yield f"  on {base['image']}@{base['digest']}"
    yield f"  {told['bytes'] / 1e6:.0f} MB to pull, {base['bytes'] / 1e6:.0f} of them the base's"
    yield f"  packages {unpacked:.0f} MB unpacked: {heavy}, ..."
    if not told["compiled"]:
        yield f"  its modules are not compiled, for no Python {told['python']} here does it: a first start takes longer"
    for each in told["pushed"]:
        yield f"{'would push' if told['dryRun'] else 'pushed'} {each['image']}"
        sent, there = each["bytesSent"] / 1e6, each["bytesThere"] / 1e6
        yield f"  {each['filesSent']} files, {sent:.1f} MB sent; {there:.1f} MB were there"
        if each["repositoryCreated"]:
            yield f"  the repository mlservice {'would be' if told['dryRun'] else 'was'} created"
        if each["before"] not in (None, each["digest"]):
            yield f"  the tag named {each['before']} before"
