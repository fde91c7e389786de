"""All that the commands import sooner or later."""

import importlib
import pkgutil

import grpc  # noqa: F401 - here for its effect
from google.cloud.storage import Client  # noqa: F401 - here for its effect

import reconciler.cli.commands
import reconciler.engine
import reconciler.kinds
import reconciler.lookups
import schemas
from reconciler.gcp.light import client_class, transport_class

CLIENTS = [
    ("google.cloud.run_v2", "services", "Services"),
    ("google.cloud.run_v2", "revisions", "Revisions"),
    ("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"),
    ("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService"),
    ("google.cloud.resourcemanager_v3", "projects", "Projects"),
    ("google.cloud.iam_admin_v1", "iam", "IAM"),
]
"""Those of the kinds that most specs have."""

for package in (
    reconciler.cli,
    reconciler.cli.commands,
    reconciler.engine,
    reconciler.kinds,
    reconciler.lookups,
    schemas,
):
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for path, service, stem in CLIENTS:
    client_class(path, service, f"{stem}Client")
    transport_class(path, service, f"{stem}GrpcTransport")
