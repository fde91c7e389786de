"""The job that reconciles: its name, its times, where its specs come from."""

import re
from collections.abc import Iterator
from contextlib import suppress

from schemas.checks.access import ACCOUNT, members
from schemas.checks.environment import reference
from schemas.checks.finding import Finding, repeated, warning
from schemas.checks.image import reference as image_reference
from schemas.checks.schedules import cron
from schemas.checks.schedules import time_zone as known_zone
from schemas.cron import CronError, parse_cron
from schemas.operator import PASS_S, WATCHED_S, Freeze, OperatorMetadata, SpecsInGit, SpecsSource
from schemas.refusal import shown
from schemas.sections.access import AUTO
from schemas.sections.page import Page

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_NAME_LONGEST = 40
BUNDLE = re.compile(r"gs://[a-z0-9][a-z0-9._-]{1,61}[a-z0-9](/[A-Za-z0-9._=-]+)+")
_REPOSITORY = re.compile(r"https://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?(:[0-9]{1,5})?(/[A-Za-z0-9._~-]+)+/?")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]{0,199}")
_FOLDER = re.compile(r"[A-Za-z0-9._][A-Za-z0-9._/ -]{0,199}")
_AT = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]")
_VERSION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def operator_name(metadata: OperatorMetadata) -> Iterator[Finding]:
    """The name is a part of Cloud Run's and IAM's names."""
    name = metadata.name
    if not _NAME.fullmatch(name) or len(name) > _NAME_LONGEST:
        hint = f"use up to {_NAME_LONGEST} lower-case letters, digits and hyphens; first a letter, last no hyphen"
        yield Finding("metadata.name", "operator-name", f"{shown(name)} is not an operator's name", hint)


def passes(schedule: str, time_zone: str) -> Iterator[Finding]:
    """When passes start. One that is longer than the schedule meets the next one; services are locked meanwhile."""
    yield from cron("schedule", schedule)
    yield from known_zone("timeZone", time_zone)
    with suppress(CronError):
        found = parse_cron(schedule)
        if not found.never and found.longest_gap_s + PASS_S > WATCHED_S:
            summary = "passes are more than 23 h 20 min apart at times: no alert can tell that one is missing"
            yield warning("schedule", "schedule", summary, "Cloud Monitoring waits for at most 23.5 hours")


def specs_source(specs: SpecsSource) -> Iterator[Finding]:
    """At most one source, and one that can be read."""
    given = [name for name in ("bundle", "image", "git") if getattr(specs, name) is not None]
    if len(given) > 1:
        summary = f"the source of the specs is given {len(given)} times: {', '.join(given)}"
        yield Finding(f"specs.{given[1]}", "exactly-one", summary, "give one of: bundle, image, git", at_key=True)
    if specs.bundle is not None and not BUNDLE.fullmatch(specs.bundle):
        hint = "a bucket and a folder in it: gs://acme-mlservice/specs/prod"
        yield Finding("specs.bundle", "bundle", f"{shown(specs.bundle)} is no place for a bundle", hint)
    if specs.image is not None and (not specs.image.folder.startswith("/") or ".." in specs.image.folder):
        summary = f"{shown(specs.image.folder)} is not an absolute path"
        yield Finding("specs.image.folder", "specs", summary, "for example /specs")
    if specs.git is not None:
        yield from _repository(specs.git)


def _repository(git: SpecsInGit) -> Iterator[Finding]:
    """A host, a path, a branch and a folder; what is read with stands in a secret, never in the address."""
    if "@" in git.repository.partition("://")[2].partition("/")[0]:
        # Not shown: it has a token in it.
        hint = "name a secret that has it: token: {secret: …}"
        yield Finding("specs.git.repository", "specs", "the address has a user or a token in it", hint)
    elif not _REPOSITORY.fullmatch(git.repository):
        summary = f"{shown(git.repository)} is not an https:// address of a repository"
        yield Finding("specs.git.repository", "specs", summary, "for example https://github.com/acme/ml-services")
    if not _BRANCH.fullmatch(git.branch) or ".." in git.branch:
        yield Finding("specs.git.branch", "specs", f"{shown(git.branch)} is no branch", "for example main")
    if not _FOLDER.fullmatch(git.folder) or ".." in git.folder.split("/"):
        hint = "a folder in the repository, such as services/prod"
        yield Finding("specs.git.folder", "specs", f"{shown(git.folder)} is no folder of a repository", hint)
    if git.token is not None:
        yield from reference("specs.git.token", git.token)


def image_of_specs(image: str | None, specs: SpecsSource) -> Iterator[Finding]:
    """Specs in the image are in an image of the user's."""
    if specs.image is not None and image is None:
        hint = "name the image that has them: image: europe-west1-docker.pkg.dev/…"
        yield Finding("specs.image", "specs", "specs lie in the image, and the image is ours", hint, at_key=True)


def one_image(image: str | None, version: str | None) -> Iterator[Finding]:
    """An image has its version in its tag."""
    if image is not None and version is not None:
        hint = "the version of an image of yours is in its tag"
        yield Finding("version", "exactly-one", "version and image are both given", hint, at_key=True)
    if version is not None and not _VERSION.fullmatch(version):
        yield Finding("version", "version", f"{shown(version)} is no version", "for example 1.1.0")


def identity(identity: str) -> Iterator[Finding]:
    """`Auto` or an account's e-mail."""
    if identity != AUTO and not ACCOUNT.fullmatch(identity):
        hint = f"write {AUTO}, or an e-mail that ends in .gserviceaccount.com"
        yield Finding("identity", "service-account", f"{shown(identity)} is not a service account", hint)


def page(page: Page) -> Iterator[Finding]:
    """Who may sign in is said, and is not everyone."""
    yield from members("page.access", page.access, instead="list who may sign in: group:E-MAIL, domain:NAME")
    if page.enabled and not page.access:
        hint = "list who may sign in: access: [group:ml@acme.example]"
        yield warning("page", "page", "nobody may sign in to the page", hint)
    if page.image is not None:
        yield from image_reference("page.image", page.image)


def frozen(freeze: tuple[Freeze, ...]) -> Iterator[Finding]:
    """Days and times that there are, each once."""
    for index, window in enumerate(freeze):
        path = f"freeze[{index}]"
        if window.day not in DAYS:
            yield Finding(f"{path}.day", "freeze", f"{shown(window.day)} is no day", f"one of {', '.join(DAYS)}")
        if not _AT.fullmatch(window.at):
            yield Finding(f"{path}.at", "freeze", f"{shown(window.at)} is no time of day", "for example 16:00")
    for index, when in repeated(f"{window.day} {window.at}" for window in freeze):
        yield Finding(f"freeze[{index}]", "repeated", f"{when} is listed twice", at_key=True)
