"""All that the commands import sooner or later, and the models of what they read, put together.

A run that has to do so itself takes three times as long.
"""

import _strptime  # noqa: F401 - here for its effect
import importlib
import pkgutil
from collections.abc import Iterator

import google_crc32c  # noqa: F401 - the same
import grpc  # noqa: F401 - the same
import rich.console
import rich.table
import rich.text  # noqa: F401 - the same
from google.cloud.storage import Client  # noqa: F401 - the same
from pydantic import BaseModel

import reconciler.cli.commands
import reconciler.engine
import reconciler.gcp
import reconciler.hosts
import reconciler.kinds
import reconciler.lookups
import reconciler.render
import schemas
from reconciler.gcp.light import client_class, transport_class

CLIENTS = [
    ("google.cloud.run_v2", "services", "Services"),
    ("google.cloud.run_v2", "revisions", "Revisions"),
    ("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"),
    ("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService"),
    ("google.cloud.resourcemanager_v3", "projects", "Projects"),
    ("google.cloud.iam_admin_v1", "iam", "IAM"),
    ("google.cloud.cloudquotas_v1", "cloud_quotas", "CloudQuotas"),
]
"""Those of the kinds that most specs have."""

for package in (
    reconciler.cli,
    reconciler.cli.commands,
    reconciler.engine,
    reconciler.gcp,
    reconciler.hosts,
    reconciler.kinds,
    reconciler.lookups,
    reconciler.render,
    schemas,
):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for path, service, stem in CLIENTS:
    client_class(path, service, f"{stem}Client")
    transport_class(path, service, f"{stem}GrpcTransport")


def models(of: type[BaseModel] = BaseModel) -> Iterator[type[BaseModel]]:
    """Every model that was imported: each is put together when it is first used."""
    for each in of.__subclasses__():
        yield each
        yield from models(each)


for model in models():
    if model.__module__.startswith("schemas.") and not model.__pydantic_complete__:
        model.model_rebuild()
