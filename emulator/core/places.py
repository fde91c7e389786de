"""Where resources may be: Google's regions, and places that are larger than one.

Source: https://cloud.google.com/run/docs/locations; multi-regions of constraints.md section 6. The words for a place
that is none: https://github.com/barthr/Identicon/issues/2, hashicorp/terraform-provider-google issue 4714.
"""

import re
from collections.abc import Iterator
from typing import Any

from emulator.core.failures import ApiFailure

REGIONS = (
    "africa-south1", "asia-east1", "asia-east2", "asia-northeast1", "asia-northeast2", "asia-northeast3", "asia-south1",
    "asia-south2", "asia-southeast1", "asia-southeast2", "asia-southeast3", "australia-southeast1",
    "australia-southeast2", "europe-central2", "europe-north1", "europe-north2", "europe-southwest1", "europe-west1",
    "europe-west10", "europe-west12", "europe-west2", "europe-west3", "europe-west4", "europe-west6", "europe-west8",
    "europe-west9", "me-central1", "me-central2", "me-west1", "northamerica-northeast1", "northamerica-northeast2",
    "northamerica-south1", "southamerica-east1", "southamerica-west1", "us-central1", "us-east1", "us-east4",
    "us-east5", "us-east7", "us-south1", "us-west1", "us-west2", "us-west3", "us-west4", "us-west8",
)  # fmt: skip
LARGER = ("global", "us", "eu", "europe", "asia")
REGIONAL = ("google.cloud.run.", "google.cloud.scheduler.", "google.cloud.functions.")
"""APIs whose resources are in one region each."""
ALL = "-"
"""Every place at once: for lists, in those APIs that have it."""
PLACE = re.compile(r"projects/[^/]+/locations/(?P<location>[^/]+)(/|$)")


def check(method: str, request: Any, *, mutating: bool) -> None:
    """Refuse a write to a place that is none, and anything but a list of every place at once.

    Args:
        method: Its full name: `google.cloud.run.v2.Services/CreateService`.
        request: A message; what names a place is its `parent` or `name`, or the `name` of the resource in it.
        mutating: Whether the method writes.

    Raises:
        ApiFailure: PERMISSION_DENIED, in which Google does not tell a place that is none from a closed one;
            INVALID_ARGUMENT for `-`.
    """
    for name in _named(request):
        found = PLACE.match(name)
        if found is None:
            continue
        location = found["location"]
        if location == ALL and not method.rpartition("/")[2].startswith(("List", "Aggregated", "Search")):
            raise ApiFailure("INVALID_ARGUMENT", f"Invalid resource name {name!r}: '-' is no location of one resource.")
        if mutating and location != ALL and not is_known(method, location):
            raise ApiFailure("PERMISSION_DENIED", f"Permission denied on 'locations/{location}' (or it may not exist).")


def is_known(method: str, location: str) -> bool:
    """Whether an API has anything at a location."""
    return location in REGIONS or (location in LARGER and not method.startswith(REGIONAL))


def _named(request: Any) -> Iterator[str]:
    """The names in a request."""
    descriptor = getattr(request, "DESCRIPTOR", None)
    for field in descriptor.fields if descriptor is not None else ():
        if field.name in ("parent", "name") and field.type == field.TYPE_STRING and not field.is_repeated:
            yield getattr(request, field.name)
        elif field.type == field.TYPE_MESSAGE and not field.is_repeated and request.HasField(field.name):
            inner = getattr(request, field.name)
            own = inner.DESCRIPTOR.fields_by_name.get("name")
            if own is not None and own.type == own.TYPE_STRING and not own.is_repeated:
                yield inner.name
