"""The workflows that are let in: the names that conditions and members are made of, and what they may do."""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding, warning
from schemas.operator import SpecsSource
from schemas.refusal import shown
from schemas.sections.ci import ContinuousIntegration, OnMerge

REPOSITORY = re.compile(r"[A-Za-z0-9](-?[A-Za-z0-9]){0,38}/[A-Za-z0-9._-]{1,100}")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
_ENVIRONMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def repository(ci: ContinuousIntegration | None) -> Iterator[Finding]:
    """Names of GitHub's, plain enough to be a part of a member's name in a policy; numbers in place of names."""
    if ci is None:
        return
    at, github = "ci.github", ci.github
    if not REPOSITORY.fullmatch(github.repository):
        hint = "owner/repository, as in its address: acme/ml-services"
        yield Finding(f"{at}.repository", "ci", f"{shown(github.repository)} is no repository at GitHub", hint)
    if not _BRANCH.fullmatch(github.branch) or ".." in github.branch:
        hint = "its name alone, without refs/heads/: main"
        yield Finding(f"{at}.branch", "ci", f"{shown(github.branch)} is not a branch that can be let in", hint)
    if github.environment is not None and not _ENVIRONMENT.fullmatch(github.environment):
        hint = "letters, digits, '.', '_' and '-': prod"
        summary = f"{shown(github.environment)} is not an environment that can be let in"
        yield Finding(f"{at}.environment", "ci", summary, hint)
    if github.repository_id is None:
        yield from _names_move(github.repository)


def _names_move(name: str) -> Iterator[Finding]:
    summary = "the repository is known by its name, which somebody else can take after it was renamed or deleted"
    hint = f"add repositoryId and ownerId: gh api repos/{name} --jq '.id, .owner.id'"
    if REPOSITORY.fullmatch(name):
        yield warning("ci.github.repository", "ci-by-name", summary, hint)


def of_the_bundle(ci: ContinuousIntegration | None, specs: SpecsSource) -> Iterator[Finding]:
    """Who publishes needs a place to publish to."""
    if ci is not None and ci.on_merge is OnMerge.PUBLISH and (specs.image or specs.git):
        hint = "leave `specs` out, or write onMerge: Apply"
        yield Finding("ci", "ci", "a workflow would publish, and the operator reads no bundle", hint, at_key=True)
