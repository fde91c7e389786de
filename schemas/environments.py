"""`environments`: checks of the patches themselves, beside the service each one makes."""

import re
from collections.abc import Iterator
from typing import Any

from pydantic import Field, ValidationError

from schemas.draft import Draft
from schemas.fields import type_at
from schemas.patch import removals
from schemas.place import Document
from schemas.problems import Problem
from schemas.refusal import shown
from schemas.section import Section
from schemas.spelling import closest
from schemas.validation import shape_problems
from schemas.values import Text
from schemas.yaml.tree import Mapping, get, to_data

# Source: https://cloud.google.com/resource-manager/docs/creating-managing-projects; a domain's projects have its name.
_PROJECT = re.compile(r"([a-z0-9.-]+:)?[a-z][a-z0-9-]{4,28}[a-z0-9]")


class Environment(Section):
    """The same service somewhere else: a merge patch (RFC 7396); null removes what the base says."""

    project: Text | None = Field(None, description="Google Cloud project of this environment.", examples=["acme-prod"])
    metadata: dict[str, Any] | None = Field(None, description="Changes to `metadata`.")
    spec: dict[str, Any] | None = Field(None, description="Changes to `spec`.")


def environment_problems(draft: Draft) -> Iterator[Problem]:
    """Unknown keys of an environment, and keys that it removes and nobody knows."""
    whole = Document(str(draft.path), draft.root)
    section = get(draft.root, "environments")
    if section is not None and not isinstance(section, Mapping):
        hint = "write one key per environment, its changes below it"
        yield Problem(whole.where(("environments",)), "is not a mapping", hint, rule="wrong-type")
    for name in draft.environments:
        yield from _patch_problems(whole, draft, name)


def _patch_problems(whole: Document, draft: Draft, name: str) -> Iterator[Problem]:
    patch = draft.patch(name)
    here = ("environments", name)
    if patch is None:
        return
    try:
        Environment.model_validate(to_data(patch) or {}, by_alias=True, by_name=False)
    except ValidationError as error:
        yield from shape_problems(whole, error, Environment, here)
    project = draft.project(name)
    if project is not None and not _PROJECT.fullmatch(project):
        hint = "6 to 30 lower-case letters, digits and hyphens, first a letter"
        where = whole.where((*here, "project"))
        yield Problem(where, f"{shown(project)} is not a project id", hint, rule="project-id")
    for path in removals(patch):
        if path[0] in {"metadata", "spec"} and type_at(path, draft.describes) is None:
            where = whole.where((*here, *path), at_key=True)
            yield Problem(
                where, f"unknown key {shown(path[-1])}", "null removes what the base says", rule="unknown-key"
            )


def unknown_environment(draft: Draft, name: str, *, known: bool) -> Iterator[Problem]:
    """Nothing, unless a document has environments, none of which has this name.

    Args:
        draft: The document.
        name: The environment that was asked for.
        known: Whether any document has it; if none has, those without environments are wrong as well.
    """
    if name in draft.environments or (known and not draft.environments):
        return
    where = Document(str(draft.path), draft.root).where(("environments",), at_key=True)
    meant = closest(name, draft.environments)
    listed = ", ".join(draft.environments) or "none"
    hint = f"did you mean `{meant}`?" if meant else f"environments of this file: {listed}"
    yield Problem(where, f"no environment {shown(name)}", hint, rule="unknown-environment")
