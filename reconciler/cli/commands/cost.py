"""`mlservice cost`: what specs cost a month, without any call but those that are asked for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out, say
from reconciler.cli.options import DEFAULT_FILE, Environment, Form, Local, Project, State
from reconciler.cli.planning import Target, working
from reconciler.cli.prices import prefer_kept
from reconciler.core.address import Address

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.inventory import Key
    from reconciler.cost.measured import Use
    from schemas import LoadedService

app = typer.Typer(add_completion=False)
_LEAST, _MOST = Decimal("0.000001"), 1_000_000


def _rate(text: str) -> Decimal:
    """Read requests per second.

    Raises:
        typer.BadParameter: It is neither none nor a number from a millionth, three a month, to a million.
    """
    try:
        rate = Decimal(text)
    except InvalidOperation:
        rate = Decimal("nan")
    if not (rate.is_finite() and (rate == 0 or _LEAST <= rate <= _MOST)):
        raise typer.BadParameter(f"'{text}' is no rate: write requests per second, 0 or {_LEAST} to {_MOST}")
    return rate


def _duration_ms(text: str) -> int:
    """Read how long a request takes, in milliseconds.

    Raises:
        typer.BadParameter: It is no duration of a request.
    """
    from schemas.units import duration_ms  # noqa: PLC0415 - late, for start-up

    try:
        found = duration_ms(text)
    except ValueError:
        found = 0
    if not 1 <= found <= 3_600_000:  # noqa: PLR2004 - an hour, as Cloud Run has it
        raise typer.BadParameter(f"'{text}' is no duration of a request: write 120ms or 2s, an hour at most")
    return found


@app.command()
def cost(
    what: Annotated[
        list[str] | None,
        typer.Argument(
            help="Spec files, folders of them, and names of services in mlservice.yaml. Left out: all of that.",
            show_default=False,
        ),
    ] = None,
    *,
    environment: Environment = None,
    requests_per_second: Annotated[
        str | None,
        typer.Option(
            "--requests-per-second",
            help="What if each service has so many, on average, instead of what its `usage` says.",
            show_default=False,
        ),
    ] = None,
    request_duration: Annotated[
        str | None,
        typer.Option(
            "--request-duration",
            help="What if each of them takes so long, such as 120ms.",
            metavar="DURATION",
            show_default=False,
        ),
    ] = None,
    measured: Annotated[
        bool,
        typer.Option(
            "--measured",
            help="With the use of the last seven days, as Cloud Monitoring has it, in place of what is declared.",
        ),
    ] = False,
    refresh: Annotated[
        bool,
        typer.Option(
            "--refresh",
            help="Read list prices from Google's catalog first, and keep them for later: in the user's cache, or in "
            "MLSERVICE_PRICES.",
        ),
    ] = False,
    project: Project = None,
    local: Local = False,
    state: State = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also lines of nothing, prices with their source, and changes that save nothing."),
    ] = False,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what services cost a month: with nobody calling, as expected, and at the most that they allow.

    Each line says what it assumes; `usage` in a spec declares it. What is free is taken off once, for all of them
    together. Also shown: what would be cheaper, and what a commitment or Spot capacity would save. Prices come with
    this version, in US dollars.

    No call is made, and nothing of Google Cloud is needed, but with --measured and --refresh. The first reads requests,
    how long they take and instances that are billed; a service that does not run yet is priced as it is declared. The
    second reads prices, which are preferred from then on, here and in plans, to older ones that come with this version.
    """
    rates: dict[str, Any] = {}
    if requests_per_second is not None:
        rates["requests_per_second"] = _rate(requests_per_second)
    if request_duration is not None:
        rates["request_duration_ms"] = _duration_ms(request_duration)
    if measured and rates:
        raise typer.BadParameter("--measured and a rate to try exclude each other")
    if (project or local or state) and not (measured or refresh):
        raise typer.BadParameter("--project, --local and --state are for --measured and --refresh")
    target = Target(project, local, state)
    told = _refresh(target) if refresh else None
    if told and not what and not DEFAULT_FILE.exists():
        return _told_alone(told, output)
    services = services_named(what or [], environment)
    uses = _measured(services, target) if measured else {}
    document = _document(services, rates, uses) | ({"refreshed": told} if told else {})
    if output is Form.JSON:
        data(document)
    else:
        from reconciler.render.cost import render_cost  # noqa: PLC0415 - late, for start-up

        out(render_cost(document, everything=everything))
    return 0


def _refresh(target: Target) -> dict[str, Any]:
    """Read prices, keep them, and say what became of them.

    Raises:
        ApiError: The catalog cannot be read; what was read before stays.
        UsageError: They would be the emulator's, in the place of Google's.
    """
    import json  # noqa: PLC0415 - late, for start-up

    from reconciler.cli.prices import VARIABLE, keep, kept_at, named  # noqa: PLC0415 - late, for start-up
    from reconciler.core import errors  # noqa: PLC0415 - late, for start-up
    from reconciler.engine.refreshing import read_prices  # noqa: PLC0415 - late, for start-up

    if target.local and not named():
        why = "prices of the emulator would stand in the place of Google's"
        raise errors.UsageError(why, hint=f"leave out --local, or set {VARIABLE} to a file of their own")
    with working(target, quiet=True) as session:
        found, day = read_prices(session), f"{session.clock.now():%Y-%m-%d}"
    keep(json.dumps(found.document(day), indent=1))
    for why in found.kept:
        say(f"kept as it comes with this version: {why}", "yellow")
    changed = f"{len(found.changed)} of them changed" if found.changed else "none of them changed"
    say(f"{len(found.usd)} prices read from Google's catalog, {changed}; kept in {kept_at()}", "dim")
    return {"asOf": day, "read": sorted(found.usd), "changed": list(found.changed), "kept": list(found.kept)}


def _told_alone(told: Mapping[str, Any], output: Form) -> int:
    """Say nothing more where there is nothing to price."""
    if output is Form.JSON:
        data({"refreshed": told})
    return 0


def _measured(services: Sequence[LoadedService], target: Target) -> dict[tuple[str, Key], Use]:
    """Read how much services were used: three lists for each project, and what there is of them.

    Raises:
        ApiError: It cannot be read.
    """
    from reconciler.engine.use import read_use  # noqa: PLC0415 - late, for start-up

    found: dict[tuple[str, Key], Use] = {}
    for project in sorted({each.project or "" for each in services}):
        mine = [each for each in services if (each.project or "") == project]
        with working(replace(target, project=target.project or project or None), quiet=True) as session:
            kind = session.kinds.primary.name
            seen = session.observe({Address(kind, each.region, each.name): "" for each in mine})
            made = {(a.location, a.name): one.output["made"] for a, one in seen.items() if one.output["made"]}
            found |= {(project, key): use for key, use in read_use(session, made).items()}
    return found


def _document(
    services: Sequence[LoadedService], rates: Mapping[str, Any], uses: Mapping[tuple[str, Key], Use]
) -> dict[str, Any]:
    """Price services, with some of their use said otherwise, or as it was measured."""
    from datetime import UTC, datetime  # noqa: PLC0415 - late, for start-up

    from reconciler.cost.estimate import Estimate, estimate  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.measured import as_measured  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.shape import shape_of  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.told import told  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.usage import usage_of  # noqa: PLC0415 - late, for start-up

    prefer_kept()  # the table says what is wrong with them

    def priced(each: LoadedService) -> Estimate:
        shape, usage = shape_of(each.service), usage_of(each.service.spec).declaring(rates)
        use = uses.get((each.project or "", (each.region, each.name)))
        return estimate(each.name, shape, as_measured(usage, use, shape) if use else usage)

    document = told([(each.project or "", priced(each)) for each in services], today=datetime.now(tz=UTC).date())
    for service, each in zip(document["services"], services, strict=True):
        use = uses.get((each.project or "", (each.region, each.name)))
        service["measured"] = use.to_json() if use else None
    return document


def services_named(what: Sequence[str], environment: str | None) -> list[LoadedService]:
    """Load what is named, each once: files and folders, and services of the usual file by their own name.

    A word without a slash is a service before it is a folder.

    Raises:
        UsageError: There is no such file, nor a service of that name.
    """
    words = [text for text in what if "/" not in text and not Path(text).is_file()]
    there = _beside(environment, asked=any(not Path(word).exists() for word in words)) if words else ()
    named = [each for each in there if each.name in words]
    paths = [text for text in what if text not in {each.name for each in named}]
    _refuse_missing([text for text in paths if not Path(text).exists()], there)
    several = [*map(Path, paths)] if what else [DEFAULT_FILE]
    found = [*(_loaded(several, environment) if several else ()), *named]
    return [*{(each.file.resolve(), each.name): each for each in found}.values()]


def beside() -> Sequence[LoadedService]:
    """Load the services of the usual file, where there is one without mistakes."""
    return _beside(None, asked=False)


def _beside(environment: str | None, *, asked: bool) -> Sequence[LoadedService]:
    """Load the usual file; where nobody asked for it, what is wrong with it says nothing of what was."""
    from schemas import SpecError, load  # noqa: PLC0415 - late, for start-up

    if not DEFAULT_FILE.exists():
        return ()
    if asked:
        return _loaded([DEFAULT_FILE], environment)
    try:
        return load([DEFAULT_FILE], environment=environment).services
    except SpecError:
        return ()


def _loaded(paths: Sequence[Path], environment: str | None) -> Sequence[LoadedService]:
    from reconciler.cli.planning import Target, load_specs  # noqa: PLC0415 - late, for start-up

    return load_specs(paths, Target(environment=environment)).services


def _refuse_missing(missing: Sequence[str], there: Sequence[LoadedService]) -> None:
    """Refuse what is neither.

    Raises:
        UsageError: Naming what there is.
    """
    from reconciler.core import errors  # noqa: PLC0415 - late, for start-up

    if missing and not DEFAULT_FILE.exists():
        why = f"there is no file '{missing[0]}', and no {DEFAULT_FILE} that may have a service of that name"
        raise errors.UsageError(why, hint="name a file or a folder")
    if missing:
        hint = f"services there: {', '.join(sorted({each.name for each in there})) or 'none'}"
        raise errors.UsageError(f"there is neither a file nor a service '{missing[0]}'", hint=hint)
