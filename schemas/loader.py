"""Files to services: `load`."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from schemas.checks import findings
from schemas.checks.finding import Finding
from schemas.collisions import (
    Named,
    billed_apart,
    chained,
    collisions,
    exports_named,
    pages_names,
    several_operators,
    topics_told,
)
from schemas.draft import Draft, drafts_of
from schemas.environments import environment_problems, unknown_environment
from schemas.expansions import Expansion, expansions_of
from schemas.files import spec_files
from schemas.operator import Operator
from schemas.place import Document
from schemas.problems import Problem, Severity, SourceRef, SpecError, in_file_order
from schemas.sections.management import Management
from schemas.service import MLService
from schemas.validation import D, parse, parse_rest, shape_problems
from schemas.yaml.tree import to_data


@dataclass(frozen=True, slots=True)
class _Placed:
    """A document, and where each of its values was written.

    Attributes:
        file: The file it stands in, as the user named it.
        environment: The environment that was chosen, if this file has it.
        project: The Google Cloud project this environment names.
        document: Its values' places.
    """

    file: Path
    environment: str | None
    project: str | None
    document: Document

    def where(self, spec_path: str) -> SourceRef:
        """The place of `scaling.maxInstances` or `metadata.name`; of what is above it if it is not there."""
        return self.document.where(spec_path)


@dataclass(frozen=True, slots=True)
class LoadedService(_Placed):
    """A service, the environment's changes applied, and where each of its values was written."""

    service: MLService

    @property
    def expansions(self) -> tuple[Expansion, ...]:
        """What was not written and holds all the same: defaults and shorthands."""
        return expansions_of(self.document, self.service)

    @property
    def name(self) -> str:
        """The name that inventories and marks know it by."""
        return self.service.name

    @property
    def region(self) -> str:
        """Where it is."""
        return self.service.spec.region

    @property
    def management(self) -> Management:
        """How the reconciler treats what it finds."""
        return self.service.spec.management


@dataclass(frozen=True, slots=True)
class LoadedOperator(_Placed):
    """An operator, the environment's changes applied, and where each of its values was written."""

    operator: Operator

    @property
    def name(self) -> str:
        """The name that inventories and marks know it by."""
        return self.operator.owner

    @property
    def region(self) -> str:
        """Where its job is."""
        return self.operator.spec.region

    @property
    def management(self) -> Management:
        """How the reconciler treats what it finds."""
        return self.operator.management


Loaded = LoadedService | LoadedOperator


@dataclass(frozen=True, slots=True)
class Specs:
    """Every service and operator of the files, in the files' order, and what deserves a warning."""

    services: tuple[LoadedService, ...]
    warnings: tuple[Problem, ...] = ()
    operators: tuple[LoadedOperator, ...] = ()

    @property
    def documents(self) -> tuple[Loaded, ...]:
        """All of them, services first."""
        return (*self.services, *self.operators)


def load(paths: str | Path | Iterable[str | Path], *, environment: str | None = None) -> Specs:
    """Read every service of some files and folders.

    Args:
        paths: A file, a folder (searched for YAML files that are specs), or several.
        environment: The environment to apply. Services without any environments stay as they are. Left out,
            the base is what is loaded, and each environment is checked as well.

    Raises:
        SpecError: With every problem found, warnings among them, in file order.
    """
    specs, problems = load_valid(paths, environment=environment)
    if any(problem.severity is Severity.ERROR for problem in problems):
        raise SpecError(problems)
    return specs


def load_valid(
    paths: str | Path | Iterable[str | Path], *, environment: str | None = None
) -> tuple[Specs, tuple[Problem, ...]]:
    """Read what can be read: one document that is wrong stops no other.

    Args:
        paths: As for `load`.
        environment: As for `load`.

    Returns:
        The documents without an error that no other contradicts, and every problem found, in file order.
    """
    files, problems = spec_files(paths)
    drafts: list[Draft] = []
    for file in files:
        try:
            drafts += drafts_of(file, problems)
        except SpecError as error:
            problems += error.problems
    problems += _without_any(files[0].place if files else None, drafts, problems)
    refused = _refusals(drafts, environment)
    found = [
        each
        for draft, ill in zip(drafts, refused, strict=True)
        for each in _load_draft(draft, environment, ill, problems)
    ]
    clashing: list[Problem] = []
    named = [Named(each.service, each.project, each.document) for each in _services(found)]
    clashing += collisions(named)
    clashing += several_operators([(each.project, each.document) for each in _operators(found)])
    operators = [(each.project, each.operator, each.document) for each in _operators(found)]
    clashing += pages_names(named, operators)
    told, exports = topics_told(named), exports_named(named)
    against = {
        _place(each): [*chained(one, told), *billed_apart(one, exports)]
        for each, one in zip(_services(found), named, strict=True)
    }
    problems += [*clashing, *(problem for many in against.values() for problem in many)]
    ill = {(problem.where.file, problem.where.line) for problem in clashing}
    ill |= {place for place, many in against.items() if many}
    well = [each for each in found if _place(each) not in ill]
    everything = in_file_order(problems)
    return Specs(tuple(_services(well)), everything, tuple(_operators(well))), everything


def _services(found: Iterable[Loaded]) -> list[LoadedService]:
    return [each for each in found if isinstance(each, LoadedService)]


def _operators(found: Iterable[Loaded]) -> list[LoadedOperator]:
    return [each for each in found if isinstance(each, LoadedOperator)]


def _place(loaded: Loaded) -> tuple[str, int]:
    where = loaded.where("metadata.name")
    return where.file, where.line


def _without_any(place: SourceRef | None, drafts: list[Draft], problems: list[Problem]) -> Iterator[Problem]:
    """Nothing to load is an error: an empty folder must never read as a wish to delete everything."""
    if drafts or any(problem.severity is Severity.ERROR for problem in problems):
        return
    where = replace(place, file=str(Path(place.file).parent)) if place else SourceRef("")
    hint = "a spec begins with `apiVersion: mlservice/v1`; `mlservice init` writes one"
    yield Problem(where, "no spec found", hint, rule="no-spec")


def _refusals(drafts: list[Draft], environment: str | None) -> list[list[Problem]]:
    """What is wrong with the environments of each draft: a document must never fall back to its base."""
    refused = [list(environment_problems(draft)) for draft in drafts]
    if environment is not None:
        known = any(environment in draft.environments for draft in drafts)
        unknown = (unknown_environment(draft, environment, known=known) for draft in drafts)
        return [[*ill, *more] for ill, more in zip(refused, unknown, strict=True)]
    return refused


def _load_draft(draft: Draft, environment: str | None, ill: list[Problem], problems: list[Problem]) -> Iterator[Loaded]:
    chosen = environment if environment in draft.environments else None
    document = draft.with_environment(chosen) if chosen else draft.base
    found: list[Problem] = []
    made = _validate(document, draft.describes, found)
    if environment is None:
        found += list(_only_in_environments(draft, found))
    found += ill
    problems += found
    if draft.flawed or any(problem.severity is Severity.ERROR for problem in found):
        return
    rest = (draft.path, chosen, draft.project(chosen), document)
    if isinstance(made, MLService):
        yield LoadedService(*rest, made)
    elif isinstance(made, Operator):
        yield LoadedOperator(*rest, made)


def _only_in_environments(draft: Draft, base: list[Problem]) -> Iterator[Problem]:
    """Problems that only an environment's changes bring about; its name is in the path or in the summary."""
    known = {(problem.where.line, problem.where.column, problem.summary) for problem in base}
    for name in draft.environments:
        found: list[Problem] = []
        _validate(draft.with_environment(name), draft.describes, found)
        for problem in found:
            if (problem.where.line, problem.where.column, problem.summary) in known:
                continue
            named = problem.where.path.startswith("environments.")
            yield problem if named else replace(problem, summary=f"{problem.summary} (in environment {name})")


def _validate(document: Document, model: type[D], problems: list[Problem]) -> D | None:
    """What the document describes if its shape is right. The checks run either way, on as much of it as there is."""
    made, rest, failed = None, None, frozenset[str]()
    try:
        made = rest = parse(to_data(document.root), model)
    except ValidationError as error:
        problems += shape_problems(document, error, model)
        rest, failed = parse_rest(document, error, model)
    problems += (_placed(document, finding) for finding in (findings(rest, without=failed) if rest else ()))
    return made


def _placed(document: Document, finding: Finding) -> Problem:
    where = document.where(finding.path, at_key=finding.at_key)
    return Problem(where, finding.summary, finding.hint, finding.severity, finding.rule)
