"""What attestations say of the images of a plan. Nothing is read where no spec has `registry.signed`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from reconciler.core import errors
from reconciler.core.brought import images_of
from reconciler.core.planned import Planned
from reconciler.core.scanning.findings import Unreadable
from reconciler.core.scanning.scans import Scans
from reconciler.core.signing.artifacts import artifact_of
from reconciler.core.signing.judging import signatures_of
from reconciler.core.signing.rule import Attested, Rule
from reconciler.engine.by_project import in_halves
from reconciler.engine.session import Session
from reconciler.gcp.attestations import AT_ONCE, Attestations
from schemas import Loaded, LoadedService

_Pair = tuple[str, str]
"""Attestor and image."""


def with_attestations(session: Session, documents: Sequence[Loaded], planned: Planned) -> Planned:
    """Give a plan with what attestations say of its images.

    Args:
        session: The run's means.
        documents: What is planned.
        planned: The plan.
    """
    rules = dict(_rules(documents))
    if not rules:
        return planned
    images = images_of(planned.plan, planned.seen, session.kinds, rules)
    asked = {
        (attestor, artifact)
        for name, rule in rules.items()
        for artifact in filter(None, map(artifact_of, images[name].every))
        for attestor in rule.attestors
    }
    known = read_attested(session, asked)
    scans = dict(planned.plan.scans)
    for name, rule in sorted(rules.items()):
        scans[name] = scans.get(name, Scans()).joined(signatures_of(rule, images[name], known))
    return replace(planned, plan=replace(planned.plan, scans=scans))


def read_attested(session: Session, asked: Iterable[_Pair]) -> dict[_Pair, Attested | Unreadable]:
    """Read what is attested: each attestor once, one list for several images, all in parallel.

    Args:
        session: The run's means.
        asked: Attestor and image, as `artifact_of` names it.
    """
    return _Reader(session).read(asked)


def _rules(documents: Iterable[Loaded]) -> Iterator[tuple[str, Rule]]:
    for loaded in documents:
        registry = loaded.service.spec.registry if isinstance(loaded, LoadedService) else None
        if registry and registry.signed:
            yield loaded.name, Rule.of(registry.signed)


@dataclass(slots=True)
class _Reader:
    """Reads each attestor once, one list for several images, all in parallel.

    Args:
        session: The run's means.
    """

    session: Session
    api: Attestations = field(init=False)

    def __post_init__(self) -> None:
        """Make the clients."""
        self.api = Attestations(self.session.connection)

    def read(self, asked: Iterable[_Pair]) -> dict[_Pair, Attested | Unreadable]:
        """Read what is attested, by attestor and image."""
        by_attestor: dict[str, list[str]] = {}
        for attestor, artifact in sorted(asked):
            by_attestor.setdefault(attestor, []).append(artifact)
        answers = self.session.pool.gather([partial(self._of, *each) for each in by_attestor.items()])
        listed: dict[_Pair, Any] = {pair: one for answer in answers for pair, one in answer.items()}
        verified = self.session.pool.gather([partial(self._verified, *each) for each in listed.items()])
        return dict(zip(listed, verified, strict=True))

    def _of(self, attestor: str, artifacts: Sequence[str]) -> Mapping[_Pair, list[Any] | Unreadable]:
        """List one attestor's attestations; what cannot be read does not count, and says who has to do what."""
        pairs = [(attestor, each) for each in artifacts]
        try:
            note = self.api.note_of(attestor)
        except errors.ReconcilerError as error:
            return dict.fromkeys(pairs, _unreadable(attestor, error))
        chunks = [artifacts[at : at + AT_ONCE] for at in range(0, len(artifacts), AT_ONCE)]
        read, unreadable = partial(self.api.of, note), partial(_unreadable, attestor)
        listed = {each: one for chunk in chunks for each, one in in_halves(read, unreadable, chunk).items()}
        return {(attestor, each): one for each, one in listed.items()}

    def _verified(self, pair: _Pair, found: list[Any] | Unreadable) -> Attested | Unreadable:
        if isinstance(found, Unreadable):
            return found
        try:
            return self.api.verified(pair[0], found)
        except errors.ReconcilerError as error:
            return _unreadable(pair[0], error)


def _unreadable(attestor: str, error: errors.ReconcilerError) -> Unreadable:
    """Say why it is not known whether an attestor has attested something, and what to do."""
    hint = error.hint or "run again in a moment"
    if isinstance(error, errors.NotFoundError):
        hint = "name another one in registry.signed.attestors, or have it made"
    elif isinstance(error, errors.NotPermitted) and "enable the API" not in hint:
        hint = (
            f"who owns project {attestor.split('/')[1]} must grant roles/binaryauthorization.attestorsVerifier on the "
            "attestor, and roles/containeranalysis.notes.occurrences.viewer on its note"
        )
    return Unreadable(f"it is not known whether {attestor} has attested it: {error.message}; {hint}")
