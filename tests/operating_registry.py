"""Vertex AI Model Registry as others fill it: the retraining function, a person, a pipeline."""

from typing import Any

from google.api_core import exceptions

from reconciler.gcp.model_registry import ModelRegistry
from tests.operating import BUCKET, REGION, Operator


class Registered:
    """Makes versions of a model, each with a file where its artifacts are said to be."""

    def __init__(self, operator: Operator, model: str = "churn", service: str = "churn") -> None:
        self.operator = operator
        self.model, self.service = model, service
        self.registry = ModelRegistry.of(operator.connection, REGION)

    def folder(self, key: str) -> str:
        """Where a run's model lies, as the retraining function tells trainings."""
        return f"gs://{BUCKET}/retraining/{REGION}/{self.service}/runs/{key}/model/"

    def put(self, folder: str, content: str = "w") -> None:
        """Put a file into a folder; its bucket is made where it is not there."""
        bucket, _, prefix = folder.removeprefix("gs://").partition("/")
        storage = self.operator.connection.storage
        if bucket == BUCKET:
            if not self.operator.connection.state.there:
                self.operator.connection.state.make()
        elif storage.lookup_bucket(bucket) is None:
            storage.create_bucket(bucket)
        storage.bucket(bucket).blob(f"{prefix}weights.txt").upload_from_string(content)

    def version(self, key: str, *aliases: str, folder: str = "", about: str = "") -> str:
        """Register what a run made; the version's number."""
        folder = folder or self.folder(key)
        self.put(folder, key)
        model: dict[str, Any] = {
            "displayName": self.model,
            "artifactUri": folder,
            "versionAliases": [f"run-{key}", *aliases],
            "versionDescription": about,
            "labels": {"mlservice-service": self.service},
        }
        which = {"parentModel": f"{self.registry.place}/models/{self.model}"}
        if not self._there():
            which = {"modelId": self.model}
        api = self.registry.api
        operation = api.post(f"{self.registry.place}/models:upload", {"model": model, **which})
        while not operation.get("done"):
            operation = api.get(operation["name"])
        return str(operation["response"]["modelVersionId"])

    def move(self, alias: str, version: str) -> None:
        """Let an alias name a version."""
        self.registry.give(self.model, version, alias)

    def holder(self, alias: str) -> str:
        """The version that an alias names."""
        return str(self.registry.version(self.model, alias)["versionId"])

    def _there(self) -> bool:
        try:
            self.registry.api.get(f"{self.registry.place}/models/{self.model}")
        except exceptions.NotFound:
            return False
        return True
