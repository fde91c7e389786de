"""What is stored, and under which names. Answers name a project by number, requests by id or number.

Source:
    GoogleCloudPlatform/k8s-config-connector, pkg/test/resourcefixture/testdata/basic/secretmanager/v1beta1/
    secretmanagersecretversion/_http.log (names, etags, "not found" texts).
"""

import re
from datetime import datetime
from functools import partial
from typing import Any

from google.cloud.secretmanager_v1.types import resources

from emulator.core.api import Api
from emulator.core.failures import ApiFailure
from emulator.core.resources import Collection
from emulator.core.world import World

API = Api("secretmanager")
SERVICE = "google.cloud.secretmanager.v1.SecretManagerService/"
Secret = resources.Secret.pb()
SecretVersion = resources.SecretVersion.pb()
PAYLOAD = "secretmanager.payload"
"""Kind of the stored bytes of a version, by the version's name."""
NAME = re.compile(
    r"projects/(?P<project>[^/]+)(?P<location>/locations/[a-z0-9-]+)?"
    r"(/secrets/(?P<secret>[A-Za-z0-9_-]{1,255})(/versions/(?P<version>[A-Za-z0-9_-]+))?)?"
)


def secret_missing(name: str) -> ApiFailure:
    """Source: recording named above."""
    return ApiFailure("NOT_FOUND", f"Secret [{name}] not found.")


def secret_taken(name: str) -> ApiFailure:
    """Source: 409 answers quoted in ansible-collections/google.cloud issue 768 and others."""
    return ApiFailure("ALREADY_EXISTS", f"Secret [{name}] already exists.")


def version_missing(name: str) -> ApiFailure:
    """Source: in the style of `secret_missing`; not seen on the live service."""
    return ApiFailure("NOT_FOUND", f"Secret Version [{name}] not found.")


def canonical(world: World, name: str, depth: str) -> str:
    """The name as answered, with the project's number.

    Args:
        world: Knows the numbers.
        name: As in a request.
        depth: How far the name must go: `project`, `secret` or `version`.

    Raises:
        ApiFailure: INVALID_ARGUMENT, in the words of googleapis/nodejs-secret-manager issue 74.
    """
    match = NAME.fullmatch(name)
    reached = match and ("version" if match["version"] else "secret" if match["secret"] else "project")
    if match is None or reached != depth:
        raise ApiFailure("INVALID_ARGUMENT", f"Resource ID [{name}] is not in a valid format.")
    return name.replace(match["project"], world.project_number(match["project"]), 1)


SECRETS = Collection(
    "secretmanager.secret",
    Secret,
    "projects/*/secrets/*|projects/*/locations/*/secrets/*",
    secret_missing,
    secret_taken,
    key=partial(canonical, depth="secret"),
    place=partial(canonical, depth="project"),
)


def secret_of(world: World, name: str) -> str:
    """The stored name of a secret that is there.

    Raises:
        ApiFailure: It is not.
    """
    return str(SECRETS.get(world, canonical(world, name, "secret")).name)


VERSIONS = Collection(
    "secretmanager.version",
    SecretVersion,
    "projects/*/secrets/*/versions/*|projects/*/locations/*/secrets/*/versions/*",
    version_missing,
    key=partial(canonical, depth="version"),
    place=secret_of,
)


def etag_at(when: datetime) -> str:
    """An etag as Google writes them, quotes included: the microsecond of the last write.

    Source: `gcloud secrets describe` prints etag: '"16151a2f0e8b3f"'.
    """
    return f'"{int(when.timestamp() * 1_000_000):x}"'


def touch(world: World, message: Any) -> Any:
    """Give a message that is about to be saved a new etag."""
    message.etag = etag_at(world.clock.now())
    return message
