"""Names of Cloud Run's resources: their parts, the ids Cloud Run makes up, and the answers for names not there."""

import random
import re
import string

from emulator.core.failures import ApiFailure

SERVICE_ID = re.compile(r"[a-z]([-a-z0-9]{0,47}[a-z0-9])?")
"""Fewer than 50 characters (run v2 definition, `services.create serviceId`)."""
BAD_ID = (
    "Resource name must use only lowercase letters, numbers and '-'. Must begin with a letter and cannot end with "
    "a '-'. Maximum length is {most} characters."
)
CONSONANTS, VOWELS = "bcdfghjklmnpqrstvwxyz", "aeiou"


def parts(name: str) -> dict[str, str]:
    """Split `projects/p/locations/l/services/s` into `{"projects": "p", …}`."""
    words = name.split("/")
    return dict(zip(words[::2], words[1::2], strict=False))


def short(name: str) -> str:
    """Give the last part of a name."""
    return name.rpartition("/")[2]


def location(name: str) -> str:
    """Give `projects/p/locations/l` of any name below it."""
    return "/".join(name.split("/")[:4])


def missing(kind: str, name: str) -> ApiFailure:
    """Say that a name is not there (recording run_job/basic)."""
    found = parts(name)
    place = f"in region '{found.get('locations')}' in project '{found.get('projects')}'"
    return ApiFailure("NOT_FOUND", f"Resource '{short(name)}' of kind '{kind}' {place} does not exist.")


def taken(name: str) -> ApiFailure:
    """Say that a name is taken (kinds.md 1.4)."""
    return ApiFailure("ALREADY_EXISTS", f"Resource '{short(name)}' already exists.")


def check_id(value: str, most: int = 49) -> None:
    """Refuse an id that Cloud Run refuses.

    Raises:
        ApiFailure: INVALID_ARGUMENT.
    """
    if not SERVICE_ID.fullmatch(value) or len(value) > most:
        raise ApiFailure("INVALID_ARGUMENT", BAD_ID.format(most=most))


def revision_name(service: str, number: int) -> str:
    """Make up a revision's full name: `<service>-<5 digits>-<3 letters>` (kinds.md 3.2)."""
    letters = random.choice(CONSONANTS) + random.choice(VOWELS) + random.choice(CONSONANTS)  # noqa: S311 - a name
    return f"{service}/revisions/{short(service)}-{number:05d}-{letters}"


def execution_name(job: str) -> str:
    """Make up an execution's full name: `<job>-<5 characters>` (kinds.md 3.4)."""
    token = "".join(random.choices(CONSONANTS + string.digits[2:], k=5))  # noqa: S311 - a name
    return f"{job}/executions/{short(job)}-{token}"
