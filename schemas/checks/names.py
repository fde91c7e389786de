"""Names and labels.

Source:
    Run v2 `services.create serviceId`; https://cloud.google.com/resource-manager/docs/creating-managing-labels
"""

import re
from collections.abc import Iterator

from schemas.checks.finding import Finding
from schemas.names import SERVICE_LONGEST, TAG_AND_SERVICE_LONGEST
from schemas.refusal import shown
from schemas.sections.rollout import Rollout, Strategy, TrafficShare
from schemas.service import Metadata

_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_TAG = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL_KEY = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_LABEL_VALUE = re.compile(r"[a-z0-9_-]{0,63}")
_OWN_TAG_LONGEST = len("candidate")  # of the tags that a rollout makes
_MOST_LABELS = 56  # of Google's 64; the rest are ours
_RESERVED_LABELS = ("goog", "mlservice")
_OUR_LABEL = "managed-by"


def service_name(metadata: Metadata) -> Iterator[Finding]:
    """The name is Cloud Run's."""
    name = metadata.name
    if not _NAME.fullmatch(name):
        hint = "use lower-case letters, digits and hyphens; begin with a letter, end with a letter or digit"
        yield Finding("metadata.name", "service-name", f"{shown(name)} is not a service name", hint)
    if len(name) > SERVICE_LONGEST:
        summary = f"{shown(name)} has {len(name)} characters, more than {SERVICE_LONGEST}"
        yield Finding("metadata.name", "service-name", summary, "Cloud Run allows no longer name")


def tags(metadata: Metadata, traffic: tuple[TrafficShare, ...], rollout: Rollout) -> Iterator[Finding]:
    """A traffic tag and the service's name share one DNS label."""
    for index, share in enumerate(traffic):
        if share.tag is not None:
            yield from _tag(f"traffic[{index}].tag", share.tag, metadata.name)
    longest = TAG_AND_SERVICE_LONGEST - _OWN_TAG_LONGEST
    if rollout.strategy in {Strategy.CANARY, Strategy.BLUE_GREEN} and longest < len(metadata.name) <= SERVICE_LONGEST:
        summary = f"{shown(metadata.name)} has {len(metadata.name)} characters, more than {longest}"
        hint = f"{rollout.strategy} gives the new version a tag, and Cloud Run limits name and tag together"
        yield Finding("metadata.name", "service-name", summary, hint)


def _tag(path: str, tag: str, name: str) -> Iterator[Finding]:
    if not _TAG.fullmatch(tag):
        hint = "use lower-case letters, digits and hyphens, first a letter"
        yield Finding(path, "traffic-tag", f"{shown(tag)} is not a traffic tag", hint)
    elif len(tag) + len(name) > TAG_AND_SERVICE_LONGEST:
        summary = f"{shown(tag)} and the service's name have {len(tag) + len(name)} characters together"
        yield Finding(path, "traffic-tag", summary, f"Cloud Run allows {TAG_AND_SERVICE_LONGEST}")


def labels(metadata: Metadata) -> Iterator[Finding]:
    """Labels as every Google API takes them."""
    if len(metadata.labels) > _MOST_LABELS:
        summary = f"{len(metadata.labels)} labels, more than {_MOST_LABELS}"
        yield Finding("metadata.labels", "labels", summary, "Google allows 64, some of which are ours", at_key=True)
    for key, value in metadata.labels.items():
        yield from _label(key, value)


def _label(key: str, value: str) -> Iterator[Finding]:
    path = f"metadata.labels.{key}"
    if key.startswith(_RESERVED_LABELS):
        hint = f"keys that begin with {' or '.join(_RESERVED_LABELS)} are not yours"
        yield Finding(path, "labels", f"{shown(key)} is reserved", hint, at_key=True)
    elif key == _OUR_LABEL:
        yield Finding(path, "labels", f"{shown(key)} is reserved", "it says that a resource is ours", at_key=True)
    elif not _LABEL_KEY.fullmatch(key):
        hint = "use up to 63 lower-case letters, digits, _ and -; first a letter"
        yield Finding(path, "labels", f"{shown(key)} is not a label key", hint, at_key=True)
    if not _LABEL_VALUE.fullmatch(value):
        hint = "use up to 63 lower-case letters, digits, _ and -"
        yield Finding(path, "labels", f"{shown(value)} is not a label value", hint)
