"""`ci` of an operator's document, as the options of a command say it: the lines, and the file with them in it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.alias_generators import to_camel

from reconciler.core import errors
from schemas import Problem, SpecError, load
from schemas.edit import plain
from schemas.sections.ci import ContinuousIntegration, GitHubRepository, OnMerge

if TYPE_CHECKING:
    from schemas import LoadedOperator


def wished(repository: str | None, said: Mapping[str, Any], on_merge: OnMerge) -> ContinuousIntegration | None:
    """Take the options of a command together; None where they say nothing.

    Args:
        repository: Whose workflows.
        said: More of it; None where an option was left out.
        on_merge: What merges may do.

    Raises:
        UsageError: They say more of a repository that they do not name.
    """
    given = {name: value for name, value in said.items() if value is not None}
    if repository is not None:
        return ContinuousIntegration(github=GitHubRepository(repository=repository, **given), on_merge=on_merge)
    if given:
        raise errors.UsageError(
            "these options say something of a repository", hint="name it: --github owner/repository"
        )
    return None


CI_BY_NAME = "ci-by-name"


@dataclass(frozen=True, slots=True)
class Edit:
    """A file that says it.

    Args:
        file: Which.
        line: Where it says it.
        lines: What is added.
        text: The whole.
        operator: As it is with it.
        warnings: What deserves one in it.
    """

    file: Path
    line: int
    lines: str
    text: str
    operator: LoadedOperator
    warnings: tuple[Problem, ...]


def with_ci(loaded: LoadedOperator, wish: ContinuousIntegration | None) -> Edit | None:
    """Give the edit that a document needs; None where it says already what is wished.

    Raises:
        UsageError: Neither document nor options say who is let in, or they say different things.
        SpecError: What they say is refused.
    """
    there = loaded.operator.spec.ci
    if there is not None:
        if wish is not None and (others := list(_differences(there, wish))):
            why = f"{loaded.file} says otherwise: {'; '.join(others)}"
            raise errors.UsageError(why, hint="change spec.ci there: what it says holds")
        return None
    if wish is None:
        hint = f"--github owner/repository, or spec.ci in {loaded.file}"
        raise errors.UsageError("nobody says whose workflows are to be let in", hint=hint)
    return _edit(loaded, wish)


def _differences(there: ContinuousIntegration, wish: ContinuousIntegration) -> Iterator[str]:
    """Name what options ask for that a document does not say: in silence a door would stay wider than it was told."""
    named = {"repository"} | wish.github.model_fields_set
    for field in GitHubRepository.model_fields:
        said, asked = getattr(there.github, field), getattr(wish.github, field)
        if field in named and said != asked:
            yield f"{to_camel(field)} is {said or 'not given'}, not {asked}"
    if wish.on_merge not in {there.on_merge, OnMerge.PUBLISH}:
        yield f"onMerge is {there.on_merge}, not {wish.on_merge}"


def _edit(loaded: LoadedOperator, ci: ContinuousIntegration) -> Edit:
    text = loaded.file.read_bytes().decode()
    place = loaded.document.where("region", at_key=True)
    rows = text.splitlines(keepends=True)
    indent = rows[place.line - 1][: place.column - 1]
    if indent.strip(" "):
        raise _by_hand(loaded, ci)
    lines = "".join(f"{indent}{row}\n" for row in lines_of(ci))
    before = "".join(rows[: place.line])
    between = "" if before.endswith(("\n", "\r")) else "\n"
    whole = f"{before}{between}{lines}{''.join(rows[place.line :])}"
    return Edit(loaded.file, place.line + 1, lines, whole, *_loaded_again(loaded, ci, whole))


def lines_of(ci: ContinuousIntegration) -> list[str]:
    """Write the section, as it stands in a file."""
    data: dict[str, Any] = ci.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    github = [f"    {name}: {_written(value)}" for name, value in data.pop("github").items()]
    return ["ci:", *(f"  {name}: {_written(value)}" for name, value in data.items()), "  github:", *github]


def _written(value: Any) -> str:
    """Write a value. What means something else without quotes has them: `on`, `1.0`."""
    if not isinstance(value, str):
        return str(value)
    return value if plain(value) else "'" + value.replace("'", "''") + "'"


def _loaded_again(
    loaded: LoadedOperator, ci: ContinuousIntegration, text: str
) -> tuple[LoadedOperator, tuple[Problem, ...]]:
    """Read the file with the lines in it: it says what it said, and this. Give the operator, and what is said of it.

    Raises:
        SpecError: What the lines say is refused, at their place.
        UsageError: The lines cannot be put there.
    """
    with tempfile.TemporaryDirectory(prefix="mlservice-ci-") as folder:
        copy = Path(folder) / loaded.file.name
        copy.write_bytes(text.encode())
        try:
            found = load(copy, environment=loaded.environment)
        except SpecError as error:
            raise SpecError([_in_the_file(problem, loaded.file) for problem in error.problems]) from None
    wanted = loaded.operator.model_copy(update={"spec": loaded.operator.spec.model_copy(update={"ci": ci})})
    for each in found.operators:
        if each.operator == wanted:
            told = tuple(_in_the_file(problem, loaded.file) for problem in found.warnings if problem.rule == CI_BY_NAME)
            return replace(each, file=loaded.file), told
    raise _by_hand(loaded, ci)


def _in_the_file(problem: Problem, file: Path) -> Problem:
    return replace(problem, where=problem.where and replace(problem.where, file=str(file)))


def _by_hand(loaded: LoadedOperator, ci: ContinuousIntegration) -> errors.UsageError:
    lines = "\n".join(f"    {line}" for line in lines_of(ci))
    why = f"{loaded.file} is written in a way that is left to people: add below its spec\n{lines}"
    return errors.UsageError(why, hint="then again, without the options")
