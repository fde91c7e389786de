"""What a plan says besides its changes: what nobody acts on, what may not be looked at, what is on its way."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.coverage import ENGINE, OPERATOR, without_effect
from reconciler.core.decide import Owner, asked_of, covers
from reconciler.core.facts import Facts
from reconciler.core.inventory import Inventories, SpecFile
from reconciler.core.kind import Kind, Kinds
from reconciler.core.objects import Desired, Observed
from reconciler.core.plan import Note
from schemas import Loaded, LoadedOperator, LoadedService
from schemas.sections.management import Mode


def of_specs(
    kinds: Kinds, services: Sequence[Loaded], facts: Sequence[Facts], everything: Inventories
) -> Iterator[Note]:
    """Say what a spec's reader does not see there: where else it runs, what nobody acts on, what kinds have to say.

    Args:
        kinds: The kinds we know.
        services: Loaded specs.
        facts: What was looked up for each of them.
        everything: Every inventory of the project.
    """
    for why in everything.broken.values():
        yield Note("", f"{why.message}; what it lists is left alone, and so is what others may share with it")
    regions: dict[str, list[str]] = {}
    for region, name in sorted(everything):
        regions.setdefault(name, []).append(region)
    acts_on = ENGINE.union(*(kind.acts_on for kind in kinds))
    paths = {path for kind in kinds for path in (*kind.spec_paths, *kind.leaves)}
    for loaded, known in zip(services, facts, strict=True):
        name = loaded.name
        if loaded.management.mode is Mode.OBSERVE:
            yield Note(name, "management.mode is Observe: differences are shown and left")
        for region in regions.get(name, ()):
            if region != loaded.region:
                told = f"it also runs in {region}, which this spec says nothing of: left alone, until it is destroyed"
                yield Note(name, told)
        if isinstance(loaded, LoadedOperator):
            yield from _no_effect_of_operator(loaded)
            continue
        for text, path in _said(kinds, loaded, known):
            yield Note(name, text, str(loaded.where(f"spec.{path}")))
        yield from _no_effect(acts_on, loaded)
        yield from _nobodys(paths, loaded)


def left_by_files(files: Mapping[str, SpecFile], services: Sequence[Loaded], everything: Inventories) -> Iterator[Note]:
    """Name what was applied from a file that speaks of it no more: a service that is renamed leaves the old one.

    Args:
        files: Which file each service is planned from, by name.
        services: What is planned; of one that only moved to another region `of_specs` tells.
        everything: Every inventory of the project.
    """
    paths = {each.mark: each.path for each in files.values()}
    named = {each.name for each in services}
    for (region, name), inventory in sorted(everything.items()):
        if inventory.file in paths and name not in named:
            told = f"{name} in {region} was applied from this file, which names it no more, and is left as it is"
            yield Note("", f"{told}; if nothing else wants it: mlservice destroy {name}", paths[inventory.file])


def _said(kinds: Kinds, loaded: LoadedService, known: Facts) -> Iterator[tuple[str, str]]:
    """Give what its budget holds back, and what kinds have to say of a spec, each with its path."""
    yield from ((text, f"budget.actions[{index}]") for index, text in known.restraint.said)
    for kind in kinds:
        yield from kind.notes(loaded.service, known)


def beyond(kinds: Iterable[Kind[Any]], documents: Sequence[Loaded], facts: Sequence[Facts]) -> Iterator[Note]:
    """Name what an operator's account needs of people, for the kinds that it works on."""
    operators = [(one, known) for one, known in zip(documents, facts, strict=False) if isinstance(one, LoadedOperator)]
    for kind in kinds:
        for loaded, known in operators:
            for text in kind.beyond(loaded.operator, known):
                yield Note(loaded.name, text)


def spared(
    refused: Mapping[Address, errors.PlanError], wants: Mapping[Address, Desired[Any]], services: Sequence[Loaded]
) -> Iterator[Note]:
    """Say what is refused and left out, while the rest goes on.

    Args:
        refused: Why, by address.
        wants: What is wanted, by address.
        services: The specs.
    """
    for address, error in sorted(refused.items(), key=lambda pair: pair[0]):
        want, told = wants[address], f"{error.message}; {error.hint}" if error.hint else error.message
        for loaded in services:
            if loaded.name in want.services:
                yield Note(loaded.name, f"left out: {told}", str(loaded.where(f"spec.{want.spared}")))


def hidden(kinds: Kinds, seen: Mapping[Address, Observed[Any]], owners: Mapping[Address, Owner]) -> Iterator[Note]:
    """Name what may not be looked at, with who has to grant what.

    Args:
        kinds: The kinds we know.
        seen: What was observed.
        owners: Whose each address is.
    """
    for address in sorted(owners.keys() & seen.keys()):
        for name in owners[address].services if seen[address].hidden else ():
            title = kinds.of_address(address).title
            yield Note(
                name, f"{title} {address.name} may not be looked at, and is left as it is: {seen[address].hidden}"
            )


def _no_effect(acts_on: frozenset[str], loaded: LoadedService) -> Iterator[Note]:
    written = loaded.service.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for path in without_effect(written, acts_on):
        yield Note(loaded.service.name, f"not acted on yet: {path}", str(loaded.where(f"spec.{path}")))


def _no_effect_of_operator(loaded: LoadedOperator) -> Iterator[Note]:
    written = loaded.operator.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)
    for path in without_effect(written, OPERATOR):
        yield Note(loaded.name, f"not acted on yet: {path}", str(loaded.where(f"spec.{path}")))


def _nobodys(known: Collection[str], loaded: LoadedService) -> Iterator[Note]:
    """Name what `externallyOwned` says and no kind can leave to others."""
    for index, path in enumerate(loaded.service.spec.management.externally_owned):
        if not any(covers(path, one) for one in known):
            where = loaded.where(f"spec.management.externallyOwned[{index}]")
            yield Note(loaded.service.name, f"not acted on yet: externallyOwned {path}", str(where))


def progress(
    kinds: Kinds,
    wants: Mapping[Address, Desired[Any]],
    seen: Mapping[Address, Observed[Any]],
    owners: Mapping[Address, Owner],
    moving: Collection[Address],
) -> Iterator[Note]:
    """Say where what takes more than one write is, and what it waits for; what moves now says it itself."""
    for address, want in sorted(wants.items(), key=lambda item: str(item[0])):
        kind, there = kinds.of_address(address), seen.get(address)
        silent = address in moving or want.asked is None
        if kind.progress is None or there is None or there.hidden or silent:
            continue
        if text := kind.progress(asked_of(kind, want, there, owners[address]), there):
            yield Note(want.service, text, "rollout")
