"""Vertex AI Model Registry of one region: versions of models, and the aliases that name them.

Source:
    aiplatform v1 `projects.locations.models`: a version is named `MODEL@ALIAS` as well as `MODEL@NUMBER`; an alias
    belongs to one version, and leaves it when another one is given it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.naming import MANAGED_BY, MANAGER
from reconciler.gcp.calls import calling
from reconciler.gcp.rest import Rest
from reconciler.gcp.vertex import Vertex

if TYPE_CHECKING:
    from reconciler.gcp.connection import Connection

SERVICE_LABEL = "mlservice-service"
"""Label of the models that trainings register."""


@dataclass(frozen=True, slots=True)
class ModelRegistry:
    """The models of one region.

    Args:
        api: Vertex AI there.
        place: What every model's name begins with.
    """

    api: Rest
    place: str

    @classmethod
    def of(cls, connection: Connection, region: str) -> ModelRegistry:
        """Give the registry of a region of the project at hand."""
        there = Vertex(connection, "models")
        return cls(there.api(region), there.place(region))

    def version(self, model: str, wanted: str) -> Mapping[str, Any]:
        """Read a version by its number or an alias.

        Raises:
            NotFoundError: There is no such model, or no such version of it.
            ApiError: It cannot be read.
        """
        with calling("read", f"version '{wanted}' of model '{model}'"):
            return self.api.get(f"{self.place}/models/{model}@{wanted}")

    def versions(self, model: str) -> list[Mapping[str, Any]]:
        """Read every version of a model, the newest first.

        Raises:
            NotFoundError: There is no such model.
        """
        with calling("list", f"versions of model '{model}'"):
            found = list(self.api.listed(f"{self.place}/models/{model}:listVersions", "models"))
        return sorted(found, key=lambda each: int(each.get("versionId", 0)), reverse=True)

    def models_of(self, service: str) -> list[str]:
        """Give the ids of the models that a service's trainings registered: what apply made is no training's."""
        with calling("list", f"models of {service}"):
            wanted = f'labels.{SERVICE_LABEL}="{service}"'
            found = list(self.api.listed(f"{self.place}/models", "models", filter=wanted))
        trained = (each for each in found if each.get("labels", {}).get(MANAGED_BY) != MANAGER)
        return sorted(str(each["name"]).rpartition("/")[2].partition("@")[0] for each in trained)

    def give(self, model: str, version: str, alias: str) -> None:
        """Let an alias name a version; done again, it changes nothing.

        Raises:
            ApiError: Vertex AI said no.
        """
        with calling("move", f"alias '{alias}' of model '{model}' to version {version}"):
            self.api.post(f"{self.place}/models/{model}@{version}:mergeVersionAliases", {"versionAliases": [alias]})
