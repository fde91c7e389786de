"""Another version of a model is to serve: which one, why, and what is written down about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from reconciler.core import errors, exits
from reconciler.core.kind import Roles
from reconciler.engine.inventory_store import calling
from reconciler.engine.models import Models, Version
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.calls import CALL_TIMEOUT_S
from reconciler.gcp.model_registry import ModelRegistry
from reconciler.kinds.functions_function.settings import CANDIDATE
from schemas.redaction import redacted

MOVING = Roles(write=("roles/aiplatform.user",))


class NotBetter(errors.ReconcilerError):
    """The version was compared with the one that served, and was not better."""

    exit_code = exits.BLOCKED


@dataclass(frozen=True, slots=True)
class Promotion:
    """One version in place of another one.

    Args:
        models: Every version.
        after: The version that is to serve.
        before: The one that served so far; None where the registry has none that does.
        alias: Alias that moves; empty where the spec's file is changed.
        by: Who asked.
        forced: It lost, and somebody wants it all the same.
    """

    models: Models
    after: Version
    before: Version | None
    alias: str
    by: str
    forced: bool = False

    @property
    def title(self) -> str:
        """Give it in one line."""
        before = f"{self.before.number} -> " if self.before else ""
        alias = f" (alias {self.alias})" if self.alias else ""
        return f"{self.models.service}: model {before}{self.after.number}{alias}"

    @property
    def body(self) -> str:
        """Give what a reviewer wants to know, as Markdown; it is written where no console looks at it."""
        # Half a character in what a training wrote is no UTF-8: neither a file nor git would take it.
        return redacted("\n".join(_body(self))).encode(errors="backslashreplace").decode()

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "service": self.models.service,
            "region": self.models.region,
            "model": self.models.model,
            "before": self.before.to_json() if self.before else None,
            "after": self.after.to_json(),
            "alias": self.alias,
            "by": self.by,
            "forced": self.forced,
        }


def choose(models: Models, wanted: str | None, *, alias: str, serving: str, by: str, force: bool) -> Promotion:
    """Choose the version that is to serve.

    Args:
        models: Every version.
        wanted: Its number; left out, the one that waits: with the alias `candidate`, else the newest that was better.
        alias: The spec's; empty where it has none.
        serving: The version, or the folder, that the spec names; empty where it names none.
        by: Who asks.
        force: Take one that lost, too.

    Raises:
        UsageError: There is no such version, or none waits.
        NotBetter: It lost.
    """
    before = models.with_alias(alias) if alias else _named(models, serving)
    after = models.find(wanted) if wanted else _waiting(models, before)
    if after is None:
        known = ", ".join(version.number for version in models.versions[:10]) or "none"
        what = f"model '{models.model}' has no version {wanted}" if wanted else "no better model waits to be promoted"
        raise errors.UsageError(
            f"{models.service}: {what}", hint=f"versions: {known}; mlservice models {models.service} tells about them"
        )
    if after.lost and not force:
        said = after.verdict.get("reason") or after.about or "it was not better"
        raise NotBetter(
            f"version {after.number} lost: {said}", hint="to take it all the same: --force, which is recorded"
        )
    return Promotion(models, after, before, alias, by, forced=after.lost)


def _named(models: Models, serving: str) -> Version | None:
    """Find the version that a spec names by number or by folder."""
    folder = serving.rstrip("/")
    return next((v for v in models.versions if folder and folder in {v.number, v.artifact.rstrip("/")}), None)


def _waiting(models: Models, before: Version | None) -> Version | None:
    candidate = models.with_alias(CANDIDATE)
    if candidate is not None:
        return candidate
    least = int(before.number) if before else 0
    better = (v for v in models.versions if v.verdict.get("better") is True and int(v.number) > least)
    return next(better, None)


def _body(promotion: Promotion) -> Iterator[str]:
    after, before = promotion.after, promotion.before
    yield f"Version {after.number} of model `{promotion.models.model}` ({promotion.models.region}) is to serve" + (
        f" in place of version {before.number}." if before else "."
    )
    yield ""
    yield f"- why: {after.verdict.get('reason') or after.about or 'it was not compared with another one'}"
    yield from _numbers(after)
    if after.run:
        yield f"- trained: {after.run.get('ended', '')} by trigger `{after.run.get('trigger', '')}`"
        yield f"- run: `{after.run.get('key', '')}`"
    yield f"- files: `{after.artifact}`"
    if promotion.forced:
        yield f"- FORCED by {promotion.by}: it lost the comparison"


def _numbers(version: Version) -> Iterator[str]:
    verdict = version.verdict
    names = ("candidate", "live", "gain", "minGain")
    said = [f"{name} {verdict[name]:.6g}" for name in names if isinstance(verdict.get(name), (int, float))]
    if said:
        yield f"- {verdict.get('metric') or 'measure'}: {', '.join(said)}"


def move_alias(session: Session, promotion: Promotion) -> None:
    """Let the alias name the version, and keep a record of who did that and why it was chosen.

    The record comes first: one without a move does no harm, and a move without a record is what nobody can explain.

    Raises:
        ApiError: It cannot be recorded, or moved.
    """
    models, now = promotion.models, session.clock.now()
    name = f"retraining/{models.region}/{models.service}/promotions/{now:%Y%m%dT%H%M%S}-{promotion.after.number}.json"
    told = {**promotion.to_json(), "at": now.isoformat()}
    if not session.connection.state.there:
        session.connection.state.make()
    bucket = session.connection.state.use()
    with calling("write", f"gs://{bucket.name}/{name}"):
        bucket.blob(name).upload_from_string(json.dumps(told), "application/json", timeout=CALL_TIMEOUT_S)
    with naming_roles(MOVING):
        registry = ModelRegistry.of(session.connection, models.region)
        registry.give(models.model, promotion.after.number, promotion.alias)
