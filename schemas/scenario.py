"""A scenario of `mlservice simulate`: what two versions do minute by minute, and how the newer one goes out."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field, ValidationError

from schemas.checks.finding import Finding, fraction
from schemas.checks.rollout import freezes, gates, steps
from schemas.files import SpecFile, read_bytes
from schemas.place import Document, parse_path
from schemas.problems import Problem, SourceRef, SpecError, in_file_order
from schemas.refusal import shown
from schemas.section import Section
from schemas.sections.rollout import Rollout
from schemas.validation import shape_problems
from schemas.values import Flag, Number, Seconds, Text, Whole
from schemas.yaml.reader import MAX_BYTES, read_documents
from schemas.yaml.tree import Mapping, Mark, to_data

_MONTH_S = 30 * 86_400
_SENSIBLE = (2021, 2098)
"""Years that a rehearsal can begin in: what stands beside traffic is only read from 2020 to 2100."""


class ScenarioRollout(Rollout):
    """How a new version goes out, and how its clients are."""

    requests_per_client: Number = Field(
        1.0, description="Requests of one client that stays with one version, with session affinity."
    )
    concurrency: Whole = Field(
        1, ge=1, le=1000, description="Requests that an instance takes at once: so many are slow when it starts."
    )


class Behaviour(Section):
    """What one version does of its requests. Shares are fractions."""

    errors: Number = Field(0.0, description="Share of 5xx answers.")
    slow: Number = Field(0.0, description="Share of answers slower than the latency gate.")
    predictions: tuple[Number, ...] = Field((), description="How its predictions spread over bins, in any unit.")
    reached: Number = Field(1.0, description="Share of its requests that reach it at all.")
    starts: Number = Field(0.0, description="Instances of it that start in a minute.")


class Stretch(Section):
    """Some minutes in a row."""

    lasts_s: Seconds = Field(60, ge=60, le=_MONTH_S, description="How long.")
    requests_per_minute: Number = Field(description="Of both versions together.", examples=["60"])
    candidate: Behaviour = Field(default_factory=Behaviour, description="The new version.")
    stable: Behaviour = Field(default_factory=Behaviour, description="The one before.")
    visible: Flag = Field(default=True, description="Whether Cloud Monitoring has it.")


class Asked(Section):
    """What a person asks, or does."""

    at_s: Seconds = Field(ge=0, le=_MONTH_S, description="How long after the start.")
    do: Text = Field(
        description="`promote`, `pause`, `resume`, `abort`, `retry`, `rollback`; `move` for a hand in the console, "
        "`release` for a newer version in the spec.",
        examples=["promote"],
    )
    by: Text = Field("ana", description="Who.")
    reason: Text = Field("", description="Why.")
    all_steps: Flag = Field(default=False, description="With `promote`: without holds and approvals.")
    ignore_gates: Flag = Field(default=False, description="With `promote`: whatever gates say.")
    percent: Whole = Field(0, ge=0, le=100, description="With `move`: what the new version is given.")


class Scenario(Section):
    """A rollout to rehearse."""

    rollout: ScenarioRollout = Field(description="How the new version goes out, as a spec says it.")
    minutes: tuple[Stretch, ...] = Field(min_length=1, description="What happens; the last stretch goes on to the end.")
    people: tuple[Asked, ...] = Field((), description="What persons ask or do.")
    start: Text = Field("2026-01-05T09:00:00Z", description="When it begins, ISO 8601 with an offset.")
    passes_s: Seconds = Field(300, ge=60, le=86_400, description="How often a pass looks.")
    delay_s: Seconds = Field(180, ge=0, le=3600, description="How late metrics are.")
    ready_s: Seconds = Field(60, ge=0, le=86_400, description="How long a revision takes to become ready.")
    lasts_s: Seconds = Field(86_400, ge=60, le=_MONTH_S, description="How long it is looked at, at most.")
    seed: Whole | None = Field(None, description="Of chance. Left out: counts are as expected, without chance.")


def read_scenario(path: Path) -> Scenario:
    """Read a scenario.

    Args:
        path: A file with one document.

    Raises:
        SpecError: With every problem found, in file order.
    """
    content = read_bytes(SpecFile(path, named=True))
    nodes, flaws = read_documents(content[:MAX_BYTES])
    problems = [Problem(_at(path, flaw.mark), flaw.summary, flaw.hint, rule=flaw.rule) for flaw in flaws]
    root = nodes[0] if len(nodes) == 1 and len(content) <= MAX_BYTES else None
    if problems or not isinstance(root, Mapping):
        hint = "one mapping with `rollout` and `minutes`"
        raise SpecError(problems or [Problem(_at(path, None), "is no scenario", hint, rule="scenario")])
    return _validated(path, root)


def _at(path: Path, mark: Mark | None) -> SourceRef:
    return SourceRef(str(path), mark.line if mark else 1, mark.column if mark else 1, "")


def _validated(path: Path, root: Mapping) -> Scenario:
    document = Document(str(path), root)
    try:
        scenario = Scenario.model_validate(to_data(root), by_alias=True, by_name=False)
    except ValidationError as error:
        raise SpecError(in_file_order(list(shape_problems(document, error, Scenario)))) from error
    problems = [
        Problem(document.where(parse_path(each.path)[1:], at_key=each.at_key), each.summary, each.hint, rule=each.rule)
        for each in _findings(scenario)
    ]
    if problems:
        raise SpecError(in_file_order(problems))
    return scenario


def _findings(scenario: Scenario) -> Iterator[Finding]:
    yield from steps(scenario.rollout)
    yield from gates(scenario.rollout)
    yield from freezes(scenario.rollout)
    if scenario.rollout.requests_per_client < 1:
        yield Finding("rollout.requestsPerClient", "out-of-range", "a client makes one request at least")
    if start_of(scenario) is None:
        hint = f"for example 2026-01-05T09:00:00Z, in a year from {_SENSIBLE[0]} to {_SENSIBLE[1]}"
        yield Finding("start", "moment", f"{shown(scenario.start)} is no moment with an offset", hint)
    for index, stretch in enumerate(scenario.minutes):
        yield from _stretch(f"minutes[{index}]", stretch)
    known = ("promote", "pause", "resume", "abort", "retry", "rollback", "move", "release")
    for index, asked in enumerate(scenario.people):
        if asked.do not in known:
            hint = f"choices: {', '.join(known)}"
            yield Finding(f"people[{index}].do", "not-a-choice", f"{shown(asked.do)} is not one of the choices", hint)


def _stretch(path: str, stretch: Stretch) -> Iterator[Finding]:
    if not 0 <= stretch.requests_per_minute <= 1_000_000:  # noqa: PLR2004 - more than any service has
        yield Finding(f"{path}.requestsPerMinute", "out-of-range", "is not from 0 to 1000000")
    for name, version in (("candidate", stretch.candidate), ("stable", stretch.stable)):
        for key in ("errors", "slow", "reached"):
            if not 0 <= getattr(version, key) <= 1:
                yield from fraction(f"{path}.{name}.{key}", getattr(version, key), "a share of requests")
        if version.starts < 0:
            yield Finding(f"{path}.{name}.starts", "out-of-range", "fewer than none start")
        if any(each < 0 for each in version.predictions):
            yield Finding(f"{path}.{name}.predictions", "out-of-range", "a bin has less than nothing")
        elif version.predictions and not sum(version.predictions):
            yield Finding(f"{path}.{name}.predictions", "out-of-range", "no bin has anything")
    if len(stretch.candidate.predictions) != len(stretch.stable.predictions):
        yield Finding(f"{path}.candidate", "bins", "both versions have the same bins, or none has any", at_key=True)


def start_of(scenario: Scenario) -> datetime | None:
    """Give when a scenario begins, in UTC; None where that is no moment."""
    try:
        found = datetime.fromisoformat(scenario.start)
        fits = found.tzinfo is not None and _SENSIBLE[0] <= found.year <= _SENSIBLE[1]
        return found.astimezone(UTC) if fits else None
    except (ValueError, OverflowError):
        return None
