"""`mlservice predict`: send rows to the live service, as the caller."""

from __future__ import annotations

import json
import math
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.console import raw, say, someone_is_there
from reconciler.cli.names import Name
from reconciler.cli.options import Local, Project, State
from reconciler.cli.planning import Target, working
from reconciler.core import errors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.engine.session import Session

app = typer.Typer(add_completion=False)

TIMEOUT_S = 300.0
_SHOWN = 500
# Cells of a CSV file. Python's own `float` reads more than people mean by a number: 1_000, inf, 00123. An integer of a
# thousand digits is one of nobody's.
_WORDS = {"": None, "true": True, "false": False}
_NUMBER = re.compile(r"[+-]?(?!0\d)(\d{1,300}(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_WHOLE = re.compile(r"[+-]?\d+")


@app.command()
def predict(
    name: Name,
    rows: Annotated[str, typer.Argument(help='JSON, JSON Lines or CSV file of rows; "-" is standard input.')] = "-",
    *,
    tag: Annotated[str | None, typer.Option("--tag", help="A tagged revision's address.", show_default=False)] = None,
    project: Project = None,
    local: Local = False,
    state: State = None,
) -> None:
    """Send rows and print the predictions, one JSON value a line.

    JSON is a list of rows, or an object with `instances`; JSON Lines are a row a line; CSV has feature names in its
    first line, in a file or on standard input. The call carries your identity, so you need roles/run.invoker on a
    private service.
    """
    from reconciler.engine.status import read_status  # noqa: PLC0415 - late, for start-up
    from reconciler.gcp.identity import identity_token  # noqa: PLC0415 - late, for start-up

    instances = read_rows(rows)
    with working(Target(project, local, state), quiet=True) as session:
        service = read_status(session, [name]).services[0].to_json()
        url = _address(service, tag)
        token = identity_token(session.connection, url)
        answer = _post(session, f"{url}/predict", token, {"instances": instances})
    for prediction in answer.get("predictions", [answer]) if isinstance(answer, dict) else [answer]:
        raw(json.dumps(prediction))


def _address(service: dict[str, Any], tag: str | None) -> str:
    if tag and tag not in service["tags"]:
        known = ", ".join(sorted(service["tags"])) or "none"
        raise errors.UsageError(f"{service['name']} has no tag '{tag}'", hint=f"its tags: {known}")
    url = service["tags"][tag] if tag else service["url"]
    if not url:
        raise errors.NotFoundError("call", service["name"], service["problem"], hint="mlservice apply brings it back")
    return str(url)


def read_rows(source: str) -> list[Any]:
    """Read rows.

    Raises:
        UsageError: They cannot be read as rows.
    """
    try:
        text = _stdin() if source == "-" else Path(source).read_text()
        if source.endswith(".csv") or (source == "-" and _is_table(text)):
            return _csv(text)
        return [*_json_lines(text)] if source.endswith((".jsonl", ".ndjson")) else _json(text)
    except (OSError, ValueError) as error:
        hint = 'rows are JSON, such as [{"age": 3}, {"age": 4}], or one a line, or a .csv file with a header'
        raise errors.UsageError(f"cannot read rows from {source}: {error}", hint=hint) from error


def _stdin() -> str:
    if someone_is_there():
        say("type rows as JSON, or as CSV with a header; Ctrl-D ends them", "dim")
    return sys.stdin.read()


def _is_table(text: str) -> bool:
    """Tell whether what came in by itself is CSV: JSON of rows begins with a bracket, and nobody calls a feature so."""
    bare = text.strip("\ufeff \t\r\n")
    return "\n" in bare and bare[0] not in "[{"


def _json(text: str) -> list[Any]:
    try:
        data = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data":
            raise
        return [*_json_lines(text)]
    found = data.get("instances") if isinstance(data, dict) else data
    if not isinstance(found, list):
        raise ValueError("it is neither a list of rows nor an object with 'instances'")  # noqa: TRY004 - bad input
    return found


def _json_lines(text: str) -> Iterator[Any]:
    """Give the rows of JSON Lines: an object or a list a line."""
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, parse_constant=_no_number)
        except json.JSONDecodeError as error:
            raise ValueError(f"line {number} is no JSON: {error}") from error
        if not isinstance(row, dict | list):
            raise ValueError(f"line {number} is no row: neither an object nor a list")  # noqa: TRY004 - bad input
        yield row


def _csv(text: str) -> list[Any]:
    import csv  # noqa: PLC0415 - late, for start-up
    import io  # noqa: PLC0415 - late, for start-up

    header, *rows = [*csv.reader(io.StringIO(text.removeprefix("\ufeff")))] or [[]]
    for number, row in enumerate(rows, 2):
        if row and len(row) != len(header):
            raise ValueError(f"line {number} has {len(row)} values, and the header {len(header)}")
    return [{key: _cell(value) for key, value in zip(header, row, strict=True)} for row in rows if row]


def _cell(text: str) -> float | bool | str | None:
    """Read a cell as JSON would be written: nothing is null, and no digit of an integer is lost.

    What begins with zeros is a code, and stays text. A wrong guess is refused by the model's own schema, with the row.
    """
    bare = text.strip()
    if bare.lower() in _WORDS:
        return _WORDS[bare.lower()]
    if not _NUMBER.fullmatch(bare):
        return text
    number = int(bare) if _WHOLE.fullmatch(bare) else float(bare)
    return number if math.isfinite(number) else text


def _no_number(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def _said(answer: Any) -> str:
    """Give the sentence in an error answer, or its beginning where it is in nobody's known form."""
    try:
        told = answer.json()
        said = str(told["error"])
        problems = [_problem(each) for each in told.get("problems") or ()]
    except (ValueError, KeyError, TypeError, AttributeError):
        return str(answer.text)[:_SHOWN]
    return "\n  ".join([f"{len(problems)} problems", *problems]) if len(problems) > 1 else said[:_SHOWN]


def _problem(told: dict[str, Any]) -> str:
    """Say in a line what the model server found wrong: with which row, with which feature."""
    row, feature = told.get("row"), told.get("feature")
    where = [f"row {row}"] * (row is not None) + [f"feature '{feature}'"] * (feature is not None)
    return f"{', '.join(where)}: {told['message']}"[:_SHOWN] if where else str(told["message"])[:_SHOWN]


def _post(session: Session, url: str, token: str, body: Any) -> Any:
    import httpx  # noqa: PLC0415 - late, for start-up

    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        # trust_env would send a loopback address of the emulator through a proxy.
        with httpx.Client(timeout=TIMEOUT_S, trust_env=session.connection.local is None) as client:
            answer = client.post(url, json=body, headers=headers)
    except httpx.HTTPError as error:
        raise errors.Unavailable("call", url, str(error) or type(error).__name__, hint="mlservice status") from error
    if answer.status_code in {401, 403}:
        hint = "you need roles/run.invoker: add yourself to access.invokers in the spec"
        raise errors.NotPermitted("call", url, f"HTTP {answer.status_code}", hint=hint)
    if answer.is_error:
        raise errors.InvalidRequest("call", url, f"HTTP {answer.status_code}: {_said(answer)}")
    try:
        return answer.json()
    except ValueError as error:
        raise errors.InvalidRequest("call", url, f"it answers no JSON: {answer.text[:_SHOWN]}") from error
