"""The versions of a service's model: what trained them, how they measured, where they serve."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.core import errors
from reconciler.core.address import Address
from reconciler.core.kind import Roles
from reconciler.core.naming import label_value
from reconciler.engine.inventory_store import InventoryStore
from reconciler.engine.retraining import read_retraining
from reconciler.engine.session import Session, naming_roles
from reconciler.gcp.model_registry import ModelRegistry

READING = Roles(read=("roles/aiplatform.viewer",))
OWN_ALIASES = ("run-",)
"""Beginnings of the aliases by which the retraining function finds what it registered: no words of people's."""


@dataclass(frozen=True, slots=True)
class Version:
    """One version.

    Args:
        number: As the registry counts.
        aliases: Names that people and the retraining function gave it.
        created: When it was registered, ISO 8601.
        about: What was written with it: a sentence on how it compared.
        artifact: Folder of its files; empty where it has none.
        run: The training that made it, as the retraining function remembers it; empty when it remembers none.
        serves: Percent of requests by region.
    """

    number: str
    aliases: tuple[str, ...] = ()
    created: str = ""
    about: str = ""
    artifact: str = ""
    run: Mapping[str, Any] = field(default_factory=dict)
    serves: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> Mapping[str, Any]:
        """What the comparison said; empty where there was none."""
        found = self.run.get("verdict")
        return found if isinstance(found, Mapping) else {}

    @property
    def lost(self) -> bool:
        """Tell whether it was compared, and was not better."""
        return self.verdict.get("better") is False

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "version": self.number,
            "aliases": list(self.aliases),
            "created": self.created,
            "about": self.about,
            "artifact": self.artifact,
            "run": {name: self.run[name] for name in ("key", "trigger", "ended", "forced") if name in self.run},
            "verdict": dict(self.verdict),
            "serves": dict(self.serves),
        }


@dataclass(frozen=True, slots=True)
class Models:
    """Every version of a service's model.

    Args:
        service: Name of the service.
        region: Of the registry that was looked in.
        model: Id of the model there; empty when there is none.
        versions: The newest first.
        unreadable: Objects of the retraining's that cannot be read, and why.
    """

    service: str
    region: str
    model: str
    versions: tuple[Version, ...] = ()
    unreadable: tuple[str, ...] = ()

    def with_alias(self, alias: str) -> Version | None:
        """Give the version that an alias names."""
        return next((each for each in self.versions if alias in each.aliases), None)

    def find(self, number: str) -> Version | None:
        """Give a version by its number."""
        return next((each for each in self.versions if each.number == number), None)

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain data."""
        return {
            "name": self.service,
            "region": self.region,
            "model": self.model,
            "versions": [version.to_json() for version in self.versions],
            "unreadable": list(self.unreadable),
        }


def read_models(session: Session, region: str, service: str, model: str | None = None) -> Models:
    """Read the versions of a service's model, with what is remembered of their trainings and who serves them.

    Args:
        session: The run.
        region: Of the service.
        service: Its name.
        model: Id in the registry; left out, the service's name, else the one that its trainings registered.

    Raises:
        NotFoundError: The registry has no model of the id that was asked for.
        UsageError: Trainings of the service registered several models.
        ApiError: Something cannot be read.
    """
    with naming_roles(READING):
        found, listed = _listed(ModelRegistry.of(session.connection, region), service, model)
    retraining = read_retraining(session, region, service, last=0)
    folders = {str(each.get("versionId", "")): str(each.get("artifactUri", "")) for each in listed}
    serving = dict(_serving(session, region, service, folders))
    runs = {_made(run): run for run in reversed(retraining.runs) if run.get("version")}
    versions = (_version(each, runs, serving) for each in listed)
    return Models(service, region, found, tuple(versions), retraining.unreadable)


def _listed(registry: ModelRegistry, service: str, model: str | None) -> tuple[str, Sequence[Mapping[str, Any]]]:
    try:
        return model or service, registry.versions(model or service)
    except errors.NotFoundError:
        if model:
            raise
    named = registry.models_of(service)
    if len(named) > 1:
        raise errors.UsageError(f"{service} has the models {', '.join(named)}", hint=f"say which: --model {named[0]}")
    return (named[0], registry.versions(named[0])) if named else ("", ())


def _made(run: Mapping[str, Any]) -> tuple[str, str]:
    """Give what a training made: a number alone is another version's once the model was deleted or has another name."""
    return str(run.get("version", "")), str(run.get("artifact", "")).rstrip("/")


def _version(
    live: Mapping[str, Any], runs: Mapping[tuple[str, str], Mapping[str, Any]], serving: Mapping[str, Any]
) -> Version:
    number = str(live.get("versionId", ""))
    made = (number, str(live.get("artifactUri", "")).rstrip("/"))
    return Version(
        number,
        tuple(a for a in map(str, live.get("versionAliases", ())) if not a.startswith(OWN_ALIASES)),
        str(live.get("versionCreateTime", "")),
        str(live.get("versionDescription", "")),
        str(live.get("artifactUri", "")),
        runs.get(made, {}),
        {region: percents[label] for region, percents in serving.items() if (label := label_value(number)) in percents},
    )


def _serving(
    session: Session, region: str, service: str, folders: Mapping[str, str]
) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Give, per region that the service is in, the percent of requests by version of the model.

    Registries count by themselves: in another region a version of that number is this one only if its folder is.
    """
    kind = session.kinds.primary.name
    here = [Address(kind, found, service) for found, name in InventoryStore(session).read_all() if name == service]
    for address, seen in session.observe(dict.fromkeys(here, "")).items():
        told = seen.fields.model
        percents = _percents(seen.output["runs"])
        if address.location != region:
            same = str(told.get("uri", "")).rstrip("/") == folders.get(str(told.get("version", "")), "").rstrip("/")
            percents = {name: n for name, n in percents.items() if same and name == seen.fields.version}
        yield address.location, percents


def _percents(runs: Any) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for revision in runs.revisions:
        if revision.version and (percent := runs.serving.get(revision.name, 0)):
            found[revision.version] = found.get(revision.version, 0) + percent
    return found
