"""Images that stand in for others: what runs where a service names an image that cannot run here.

By `PUT /_emulator/stand-ins {"vllm/vllm-openai": "us-docker.pkg.dev/mlservice/images/openai-echo"}`, or before the
start by the variable `MLSERVICE_EMULATOR_STAND_INS` as pairs `IMAGE=STAND_IN`, with commas between them. Names have no
tag, and may have `*`. The revision keeps the image's own name; the stand-in gets command and arguments of the container
as its arguments, since a command of the image would not be there.
"""

import json
import os
from collections.abc import Mapping
from fnmatch import fnmatchcase

from emulator.core.store import Store

KIND = "run.stand_in"
VARIABLE = "MLSERVICE_EMULATOR_STAND_INS"


def read(store: Store) -> dict[str, str]:
    """All of them: as set, else as the environment says."""
    body = store.get(KIND, KIND)
    if body is not None:
        found: dict[str, str] = json.loads(body)
        return found
    pairs = (pair.partition("=") for pair in os.environ.get(VARIABLE, "").split(","))
    return {name.strip(): image.strip() for name, _, image in pairs if name.strip() and image.strip()}


def write(store: Store, wanted: Mapping[str, object]) -> None:
    """Set them all at once.

    Raises:
        ValueError: An image is not named by a text.
    """
    for name, image in wanted.items():
        if not isinstance(image, str) or not image or not name:
            raise ValueError(f"{name!r} must be an image's name")
    store.put(KIND, KIND, json.dumps(wanted).encode())


def stand_in(store: Store, image: str) -> str | None:
    """The image that runs in place of another; None: it runs itself."""
    name = bare(image)
    return next((other for pattern, other in read(store).items() if fnmatchcase(name, bare(pattern))), None)


def bare(image: str) -> str:
    """An image's name without tag, digest and Docker Hub's own host."""
    name = image.partition("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}".removeprefix("docker.io/").removeprefix("library/")
