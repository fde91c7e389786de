"""Problems as text, JSON and SARIF. Pure functions; colour is the command line's business."""

import json
from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

from schemas.problems import Problem, Severity

_SARIF_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def as_text(problems: Iterable[Problem]) -> str:
    """A line per problem, `file:line:column: path: summary`, its hint below it."""
    lines: list[str] = []
    for problem in problems:
        lines.append(str(problem))
        if problem.hint:
            lines.append(f"  hint: {problem.hint}")
    return "\n".join(lines)


def summary_line(problems: Sequence[Problem]) -> str:
    """`3 errors, 1 warning`."""
    errors = sum(problem.severity is Severity.ERROR for problem in problems)
    counts = ((errors, "error"), (len(problems) - errors, "warning"))
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count) or "no problems"


def as_json(problems: Iterable[Problem]) -> str:
    """A list of objects with severity, rule, file, line, column, path, summary and hint."""
    return json.dumps(records(problems), indent=2, ensure_ascii=False)


def records(problems: Iterable[Problem]) -> list[dict[str, Any]]:
    """The same as data."""
    return [_record(problem) for problem in problems]


def _record(problem: Problem) -> dict[str, Any]:
    where = problem.where
    return {
        "severity": problem.severity,
        "rule": problem.rule,
        "file": where.file,
        "line": where.line or None,
        "column": where.column or None,
        "path": where.path or None,
        "summary": problem.summary,
        "hint": problem.hint or None,
    }


def as_sarif(problems: Sequence[Problem], *, version: str = "0") -> str:
    """SARIF 2.1.0, which code hosts show beside the lines of a change.

    Args:
        problems: In file order.
        version: Ours, for the tool's description.

    Source:
        https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
    """
    rules = sorted({problem.rule for problem in problems})
    driver = {
        "name": "mlservice",
        "version": version,
        "rules": [{"id": rule, "shortDescription": {"text": rule.replace("-", " ")}} for rule in rules],
    }
    results = [_result(problem, rules.index(problem.rule)) for problem in problems]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, ensure_ascii=False)


def _result(problem: Problem, rule_index: int) -> dict[str, Any]:
    path = f"{problem.where.path}: " if problem.where.path else ""
    hint = f"\nHint: {problem.hint}" if problem.hint else ""
    return {
        "ruleId": problem.rule,
        "ruleIndex": rule_index,
        "level": str(problem.severity),
        "message": {"text": f"{path}{problem.summary}{hint}"},
        "locations": [_location(problem)],
    }


def _location(problem: Problem) -> dict[str, Any]:
    where = problem.where
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(where.file)}}
    if where.line:
        place["region"] = {"startLine": where.line, "startColumn": where.column}
    location: dict[str, Any] = {"physicalLocation": place}
    if where.path:
        location["logicalLocations"] = [{"fullyQualifiedName": where.path, "kind": "property"}]
    return location


def _uri(file: str) -> str:
    from urllib.parse import quote  # noqa: PLC0415 - only SARIF needs it

    path = PurePath(file)
    return path.as_uri() if path.is_absolute() else quote(path.as_posix())
