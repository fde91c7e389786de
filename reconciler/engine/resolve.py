"""Turn names that move into names that do not: tags into digests, `latest` into numbers, folders into digests."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from reconciler.core import errors
from reconciler.core.facts import Facts, ModelFiles
from reconciler.engine.session import Session
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from schemas import LoadedService, Problem, SpecError
from schemas.sections.image import Resolve

MAX_MODEL_FILES = 1000

_REFERENCE = re.compile(
    r"^(?P<location>[a-z0-9-]+)-docker\.pkg\.dev/(?P<project>[^/]+)/(?P<repository>[^/]+)/"
    r"(?P<image>[^:@]+)(?::(?P<tag>[\w.-]+))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?$"
)


@dataclass(frozen=True, slots=True)
class Resolved:
    """Facts of one service, or the problems that stand in their way."""

    facts: Facts | None
    problems: tuple[Problem, ...] = ()


def resolve(session: Session, services: Sequence[LoadedService], *, runtime_image: str) -> list[Facts]:
    """Look up what every service needs, each name once and all in parallel.

    Args:
        session: The run's means.
        services: Loaded specs.
        runtime_image: The bundled model server's image, for specs without `image`.

    Returns:
        One answer per service, in order.

    Raises:
        SpecError: Something that a spec names does not exist; all of them at once, with their places.
    """
    images = sorted({_image(s, runtime_image) for s in services if _by_digest(s)})
    secrets = sorted({(r.secret, r.version) for s in services for r in s.service.spec.secrets.values() if r.pin})
    found = session.pool.gather(
        [partial(_try, _image_digest, session, image) for image in images]
        + [partial(_try, _secret_number, session, *secret) for secret in secrets]
    )
    answers: dict[Any, Any] = dict(zip([*images, *secrets], found, strict=True))
    done = [_facts(session, loaded, runtime_image, answers) for loaded in services]
    problems = [problem for one in done for problem in one.problems]
    if problems:
        raise SpecError(problems)
    return [one.facts for one in done if one.facts]


def _facts(session: Session, loaded: LoadedService, runtime_image: str, answers: dict[Any, Any]) -> Resolved:
    spec = loaded.service.spec
    problems: list[Problem] = []
    image = _image(loaded, runtime_image)
    answer = answers.get(image, image)
    if isinstance(answer, errors.ReconcilerError):
        problems.append(Problem(loaded.where("spec.image.uri"), answer.message, answer.hint))
    secrets: dict[tuple[str, str], str] = {}
    for name, reference in spec.secrets.items():
        if not reference.pin:
            continue
        number = answers[reference.secret, reference.version]
        if isinstance(number, errors.ReconcilerError):
            problems.append(Problem(loaded.where(f"spec.secrets.{name}"), number.message, number.hint))
        else:
            secrets[reference.secret, reference.version] = number
    model = _model_files(loaded, problems)
    facts = Facts(session.connection.project, session.connection.bucket, str(answer), secrets, model)
    return Resolved(None if problems else facts, tuple(problems))


def _try(lookup: Any, *args: Any) -> Any:
    """Give the answer, or the error as a value: what does not exist is a problem with a place, not an abort."""
    try:
        return lookup(*args)
    except (errors.NotFoundError, errors.InvalidRequest) as error:
        return error


def _image(loaded: LoadedService, runtime_image: str) -> str:
    image = loaded.service.spec.image
    return image.uri if image else runtime_image


def _by_digest(loaded: LoadedService) -> bool:
    image = loaded.service.spec.image
    return image is None or image.resolve is Resolve.DIGEST


def _image_digest(session: Session, reference: str) -> str:
    """Resolve a tag through Artifact Registry. What is not in Artifact Registry stays as written."""
    found = _REFERENCE.match(reference)
    if found is None or found["digest"]:
        return reference
    parts = found.groupdict()
    api = session.connection.client("google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry")
    package = (
        f"projects/{parts['project']}/locations/{parts['location']}/repositories/{parts['repository']}"
        f"/packages/{quote(parts['image'], safe='')}"
    )
    try:
        with calling("resolve", f"image {reference}"):
            name = f"{package}/tags/{parts['tag'] or 'latest'}"
            tag = api.get_tag(request={"name": name}, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError as error:
        hint = "push it first, or name a tag that is there"
        raise errors.NotFoundError("resolve", f"image '{reference}'", "there is no such tag", hint=hint) from error
    bare = reference.removesuffix(f":{parts['tag']}")
    return f"{bare}@{tag.version.rpartition('/')[2]}"


def _secret_number(session: Session, secret: str, version: str) -> str:
    """Pin a secret's version to its number."""
    if version.isdigit():
        return version
    api = session.connection.client("google.cloud.secretmanager_v1", "secret_manager_service", "SecretManagerService")
    whole = secret if secret.startswith("projects/") else f"projects/{session.connection.project}/secrets/{secret}"
    try:
        with calling("resolve", f"secret {secret}"):
            request = {"name": f"{whole}/versions/{version}"}
            found = api.get_secret_version(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
    except errors.NotFoundError as error:
        hint = f"make it: gcloud secrets create {secret} --data-file=-"
        why = f"it has no version '{version}', or does not exist"
        raise errors.NotFoundError("resolve", f"secret '{secret}'", why, hint=hint) from error
    return str(found.name.rpartition("/")[2])


def _model_files(loaded: LoadedService, problems: list[Problem]) -> ModelFiles | None:
    model = loaded.service.spec.model
    if model is None or not model.uri or model.uri.startswith("gs://"):
        return None
    folder = (loaded.file.parent / model.uri).resolve()
    paths = sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p.relative_to(folder)))
    if not paths or len(paths) > MAX_MODEL_FILES:
        why = (
            f"'{model.uri}' has more than {MAX_MODEL_FILES} files" if paths else f"there are no files in '{model.uri}'"
        )
        hint = "name the folder that holds the model, beside this file, or a gs:// folder"
        problems.append(Problem(loaded.where("spec.model.uri"), why, hint))
        return None
    return _digest(folder, paths)


def _hidden(path: Path) -> bool:
    """Tell what editors, version control and notebooks leave beside a model."""
    return any(part.startswith(".") for part in path.parts)


def _digest(folder: Path, paths: Sequence[Path]) -> ModelFiles:
    files = {str(p.relative_to(folder).as_posix()): _sha256(p) for p in paths}
    lines = "".join(f"{digest}  {path}\n" for path, digest in files.items())
    return ModelFiles(hashlib.sha256(lines.encode()).hexdigest(), files, str(folder))


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
