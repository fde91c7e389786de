"""`mlservice cost`: what specs cost a month, without any call."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import data, out
from reconciler.cli.options import DEFAULT_FILE, Environment, Form

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
    everything: Annotated[
        bool,
        typer.Option("--all", help="Also lines of nothing, prices with their source, and changes that save nothing."),
    ] = False,
    output: Annotated[Form, typer.Option("--output", "-o", help="Form of the output.")] = Form.TEXT,
) -> int:
    """Show what services cost a month: with nobody calling, as expected, and at the most that they allow.

    Each line says what it assumes; `usage` in a spec declares it. What is free is taken off once, for all of them
    together. Also shown: what would be cheaper, and what a commitment or Spot capacity would save. No call is made, and
    nothing of Google Cloud is needed. Prices come with this version, in US dollars.
    """
    rates: dict[str, Any] = {}
    if requests_per_second is not None:
        rates["requests_per_second"] = _rate(requests_per_second)
    if request_duration is not None:
        rates["request_duration_ms"] = _duration_ms(request_duration)
    document = _document(_services(what or [], environment), rates)
    if output is Form.JSON:
        data(document)
    else:
        from reconciler.render.cost import render_cost  # noqa: PLC0415 - late, for start-up

        out(render_cost(document, everything=everything))
    return 0


def _document(services: Sequence[LoadedService], rates: Mapping[str, Any]) -> dict[str, Any]:
    """Price services, with some of their use said otherwise."""
    from datetime import UTC, datetime  # noqa: PLC0415 - late, for start-up

    from reconciler.cost.estimate import estimate  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.shape import shape_of  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.told import told  # noqa: PLC0415 - late, for start-up
    from reconciler.cost.usage import usage_of  # noqa: PLC0415 - late, for start-up

    found = [
        (each.project or "", estimate(each.name, shape_of(each.service), usage_of(each.service.spec).declaring(rates)))
        for each in services
    ]
    return told(found, today=datetime.now(tz=UTC).date())


def _services(what: Sequence[str], environment: str | None) -> list[LoadedService]:
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
