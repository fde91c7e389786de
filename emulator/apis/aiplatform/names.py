"""Names: projects by their number, ids as Vertex AI makes and checks them."""

import random
import re

from emulator.apis.aiplatform.refusals import malformed
from emulator.core.resources import fits
from emulator.core.world import World

PLACE = "projects/*/locations/*"
NUMERIC = r"[0-9]{1,20}"
MODEL_ID = r"[a-z_][a-z0-9_-]{0,62}|[0-9]{1,20}"
"""Chosen ones do not begin with a digit or a hyphen (constraints.md section 1); the server's are numbers."""
PIPELINE_ID = r"[a-z0-9][a-z0-9-]{0,126}"
"""Source: recording vertex_pipeline_job/minimal, which has digits; constraints.md section 1."""


def by_number(world: World, name: str) -> str:
    """A name with the project's number, however the caller named the project (kinds.md 1.1)."""
    words = name.split("/")
    if len(words) > 1 and words[1]:
        words[1] = world.project_number(words[1])
    return "/".join(words)


def place(world: World, parent: str, noun: str = "Location") -> str:
    """The stored name of a place.

    Raises:
        ApiFailure: INVALID_ARGUMENT: it is none.
    """
    if not fits(PLACE, parent):
        raise malformed(noun, "parent")
    return by_number(world, parent)


def checked(world: World, name: str, pattern: str, id_pattern: str, noun: str) -> str:
    """The stored name of a resource.

    Raises:
        ApiFailure: INVALID_ARGUMENT: no resource could have that name.
    """
    if not fits(pattern, name) or not re.fullmatch(id_pattern, name.rpartition("/")[2]):
        raise malformed(noun)
    return by_number(world, name)


def new_id() -> str:
    """An id as the server makes them: up to nineteen digits (all recordings)."""
    return str(random.randrange(10**17, 9 * 10**18))  # noqa: S311 - a name, not a secret


def location(name: str) -> str:
    """`projects/1/locations/l` of a resource's name."""
    return "/".join(name.split("/")[:4])


def project_id(world: World, name: str) -> str:
    """The id of the project that a resource belongs to."""
    number = name.split("/")[1]
    return world.project_id(number) or number
