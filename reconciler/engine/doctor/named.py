"""What the specs name and others make: images, secrets, models. Whether it is there, and may be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core import errors
from reconciler.core.checkup import Answer, Check, Who
from reconciler.engine.doctor.case import Case, Checks
from reconciler.engine.resolve import Asked, Once, once
from reconciler.gcp.calls import CALL_TIMEOUT_S, READING, calling
from reconciler.lookups.image_digest import IMAGE_DIGEST, repository_of
from reconciler.lookups.project_number import PROJECT_NUMBER
from schemas import LoadedService, Problem

_NAMES = {
    "image_digest": "image",
    "secret_version": "secret",
    "model_files": "model",
    "model_version": "model",
    "function_source": "function",
    "baseline_table": "baseline",
    "baseline_file": "baseline",
}
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
    "onnx": (".onnx",),
    "sklearn": (".skops", ".pkl", ".pickle", ".joblib"),
    "xgboost": (".ubj", ".json", ".bst", ".model"),
    "lightgbm": (".txt", ".lgb"),
    "torch": (".pt", ".pt2", ".pth"),
}
"""Ends of files that each framework's models have: docs/model-files.md."""
_PUBLIC = frozenset({"cloudrun", "mlservice"})
"""Projects whose images anybody may pull: Google's examples, and the bundled model server."""
_READERS = frozenset(f"roles/artifactregistry.{role}" for role in ("reader", "writer", "repoAdmin", "admin"))
_FILES = 200
_TAGS = 5


def answers(case: Case, asked: Sequence[Sequence[Asked]], known: Mapping[Once, Any]) -> Iterator[Check]:
    """Say which things are there and which are not, each once, with the services that name them."""
    named: dict[Once, list[tuple[LoadedService, Asked]]] = {}
    for loaded, many in zip(case.services, asked, strict=True):
        for one in many:
            if one[0].name != PROJECT_NUMBER:  # it is told by what asks for the project
                named.setdefault(once(*one), []).append((loaded, one))
    for key, users in named.items():
        loaded, (lookup, question) = users[0]
        services = tuple(sorted({user.service.name for user, _ in users}))
        where = str(loaded.where(f"spec.{question.where}"))
        yield replace(_answer(case, lookup.name, known[key], question.key), services=services, where=where)


def unfit(problems: Iterable[Problem]) -> Iterator[Check]:
    """Say what is wrong with what is there.

    Args:
        problems: As a plan would tell them.
    """
    for problem in problems:
        hint = f"; {problem.hint}" if problem.hint else ""
        yield Check("baseline", Answer.FAIL, f"{problem.summary}{hint}", where=str(problem.where))


def _answer(case: Case, lookup: str, answer: Any, key: str) -> Check:
    name = _NAMES.get(lookup, lookup.replace("_", " "))
    if answer is None:
        return Check(name, Answer.OK, f"{name} {key} is not there yet, and need not be")
    if not isinstance(answer, errors.ReconcilerError):
        return Check(name, Answer.OK, f"{name} {key} is there")
    if isinstance(answer, (errors.NotPermitted, errors.Unavailable, errors.QuotaExhausted)):
        return Check(name, Answer.UNKNOWN, f"could not look: {answer.message}")
    tags = newest_tags(case, key) if lookup == IMAGE_DIGEST.name else ""
    hint = f"; {tags or answer.hint}" if tags or answer.hint else ""
    return Check(name, Answer.FAIL, f"{answer.message}{hint}")


def newest_tags(case: Case, reference: str) -> str:
    """Name the tags that an image has, the newest first, where they can be had."""
    place = repository_of(reference)
    if place is None:
        return ""
    api: Any = case.session.connection.client(
        "google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"
    )
    try:
        with calling("list tags of", reference):
            request = {"parent": f"{place.path}/packages/{place.image}", "page_size": 1000}
            found = [each.name.rpartition("/")[2] for each in api.list_tags(request=request, timeout=CALL_TIMEOUT_S)]
    except errors.ApiError:
        return ""
    newest = sorted(found, key=_by_number, reverse=True)[:_TAGS]
    return f"newest tags: {', '.join(newest)}" if newest else ""


def _by_number(tag: str) -> list[tuple[int, str]]:
    return [
        (int(part), "") if part.isascii() and part.isdigit() else (-1, part)
        for part in tag.replace("-", ".").split(".")
    ]


def looks(case: Case, number: str) -> Iterator[tuple[str, Checks]]:
    """Give the checks that are made by calls of their own."""
    for loaded in case.services:
        model = loaded.service.spec.model
        if model and model.uri and model.uri.startswith("gs://"):
            yield "model", _model(case, loaded)
    for path, users in _foreign(case).items():
        yield "image", _pullable(case, path, users, number)


def _model(case: Case, loaded: LoadedService) -> Checks:
    def made() -> Iterator[Check]:
        model = loaded.service.spec.model
        uri = str(model.uri) if model else ""
        bucket, _, prefix = uri.removeprefix("gs://").partition("/")
        folder = f"{prefix.rstrip('/')}/" if prefix else ""
        try:
            with calling("list", uri):
                listed = case.session.connection.storage.list_blobs(
                    bucket, prefix=folder, max_results=_FILES, timeout=CALL_TIMEOUT_S
                )
                files = [blob.name.removeprefix(folder) for blob in listed]
        except errors.NotFoundError:
            files = []
        wrong = _wrong(loaded, [file for file in files if file])
        answer, line = (Answer.FAIL, f"{uri} {wrong}") if wrong else (Answer.OK, f"model {uri} is there")
        yield Check("model", answer, line, services=(loaded.service.name,), where=str(loaded.where("spec.model.uri")))

    return made


def _wrong(loaded: LoadedService, files: Sequence[str]) -> str:
    """Say what a folder lacks that a model has; nothing when it may be one."""
    model = loaded.service.spec.model
    if not files or model is None:
        return "has no files, or there is no such bucket"
    if model.file and model.file not in files and len(files) < _FILES:
        return f"has no {model.file}; it has {', '.join(files[:_TAGS])}"
    suffixes = _SUFFIXES.get(str(model.framework), ())
    if suffixes and not model.file and not any(file.lower().endswith(suffixes) for file in files):
        return f"has no {' or '.join(suffixes)} file, which {model.framework} loads"
    return ""


def _foreign(case: Case) -> dict[str, list[LoadedService]]:
    """Give repositories of other projects, with the services whose image comes from there."""
    found: dict[str, list[LoadedService]] = {}
    for loaded in case.services:
        place = repository_of(loaded.service.spec.image.uri) if loaded.service.spec.image else None
        if place and place.project not in _PUBLIC | {case.project}:
            found.setdefault(place.path, []).append(loaded)
    return found


def _pullable(case: Case, path: str, users: Sequence[LoadedService], number: str) -> Checks:
    """Cloud Run's own account pulls: from another project it needs to be let in.

    Source:
        https://cloud.google.com/run/docs/deploying#other-projects.
    """
    services = tuple(sorted(loaded.service.name for loaded in users))
    member = f"serviceAccount:service-{number}@serverless-robot-prod.iam.gserviceaccount.com"

    def made() -> Iterator[Check]:
        from google.iam.v1 import iam_policy_pb2  # noqa: PLC0415 - late, for start-up

        api: Any = case.session.connection.client(
            "google.cloud.artifactregistry_v1", "artifact_registry", "ArtifactRegistry"
        )
        with calling("read the policy of", path):
            request = iam_policy_pb2.GetIamPolicyRequest(resource=path)
            policy = api.get_iam_policy(request=request, retry=READING, timeout=CALL_TIMEOUT_S)
        if _lets_in(policy.bindings, member):
            yield Check("image", Answer.OK, f"Cloud Run may pull from {path}", services=services)
            return
        _, project, _, location, _, repository = path.split("/")
        command = (
            f"gcloud artifacts repositories add-iam-policy-binding {repository} --location={location} "
            f"--project={project} --member={member} --role=roles/artifactregistry.reader"
        )
        line = f"{path} does not let Cloud Run of this project pull; a role on its project may"
        where = str(users[0].where("spec.image.uri"))
        yield Check("image", Answer.WARN, line, Who.PROJECT, (command,), services, where)

    return made


def _lets_in(bindings: Iterable[Any], member: str) -> bool:
    return any(
        binding.role in _READERS and {member, "allUsers", "allAuthenticatedUsers"} & set(binding.members)
        for binding in bindings
    )
