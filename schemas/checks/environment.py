"""Environment variables and secrets. Values are never printed where they look secret.

Source:
    https://cloud.google.com/run/docs/container-contract,
    https://cloud.google.com/run/docs/configuring/services/overview-environment-variables,
    run v2 `SecretKeySelector`
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.google import RESERVED_ENV
from schemas.redaction import looks_secret
from schemas.refusal import shown
from schemas.sections.environment import SecretRef

_NAME = re.compile(r"[^\s=\x00-\x1f]+")
_LARGEST = 32 * 1024  # bytes of a value
_MOST = 990  # of Cloud Run's 1000; the rest are ours
_OURS = "MLSERVICE_"
_SECRET = re.compile(r"(projects/[a-z0-9:.-]+/secrets/)?[A-Za-z0-9_-]{1,255}")
_SHORT = 8  # characters: no secret that is worth hiding
_VERSION = re.compile(r"latest|[1-9][0-9]*|[A-Za-z][A-Za-z0-9_-]{0,62}")


def variables(env: dict[str, str]) -> Iterator[Finding]:
    """Names Cloud Run takes, values of a size it takes."""
    yield from variables_of("env", env)


def variables_of(path: str, env: dict[str, str], *, may: frozenset[str] = frozenset()) -> Iterator[Finding]:
    """The same of any container; `may` names what only the one that takes requests may not set."""
    for name, value in env.items():
        if name not in may:
            yield from _variable_name(f"{path}.{name}", name)
        size = len(value.encode())
        if size > _LARGEST:
            summary = f"the value has {size} bytes, more than {_LARGEST}"
            yield Finding(f"{path}.{name}", "env-size", summary, "put large values into a file of the image or bucket")
        elif value and looks_secret(name, value):
            hint = "`secrets` keeps it out of this file and out of the revision's description"
            yield warning(f"{path}.{name}", "secret-in-env", "the value looks like a secret", hint)


def secrets(secrets: dict[str, SecretRef]) -> Iterator[Finding]:
    """Names, and references that Secret Manager can have."""
    for name, ref in secrets.items():
        yield from _variable_name(f"secrets.{name}", name)
        yield from reference(f"secrets.{name}", ref)


def reference(path: str, ref: SecretRef) -> Iterator[Finding]:
    """One that Secret Manager can have."""
    if not _SECRET.fullmatch(ref.secret):
        # Not shown: people paste the secret itself where its name belongs.
        hint = "write the secret's name, or projects/P/secrets/S; the version stands in `version`"
        yield Finding(f"{path}.secret", "secret-name", "what stands here is not a secret's name", hint)
    if not _VERSION.fullmatch(ref.version):
        hint = "write latest, a number from 1, or an alias"
        said = shown(ref.version) if len(ref.version) <= _SHORT else "what stands here"
        yield Finding(f"{path}.version", "secret-version", f"{said} is not a version", hint)


def clashes(env: dict[str, str], secrets: dict[str, SecretRef]) -> Iterator[Finding]:
    """One variable has one value."""
    for name in secrets:
        if name in env:
            yield Finding(f"secrets.{name}", "env-clash", f"{shown(name)} stands in env as well", at_key=True)
    if len(env) + len(secrets) > _MOST:
        summary = f"{len(env) + len(secrets)} variables, more than {_MOST}"
        yield Finding("env", "env-size", summary, "Cloud Run allows 1000, some of which are ours", at_key=True)


def _variable_name(path: str, name: str) -> Iterator[Finding]:
    if not _NAME.fullmatch(name):
        yield Finding(path, "env-name", f"{shown(name)} is not a variable's name", "no spaces, no =", at_key=True)
    elif name in RESERVED_ENV or name.startswith("X_GOOGLE_"):
        yield Finding(path, "env-name", f"{shown(name)} is set by Cloud Run", "choose another name", at_key=True)
    elif name.startswith(_OURS):
        hint = f"names that begin with {_OURS} tell the server what to serve"
        yield Finding(path, "env-name", f"{shown(name)} is set by mlservice", hint, at_key=True)
