"""The locations mixin: which regions an API offers.

Source: google/cloud/location/locations.proto; regions of constraints.md section 2 (Cloud Run).
"""

from typing import Any

from google.cloud.location import locations_pb2

from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page
from emulator.core.world import World

API = Api("locations")
SERVICE = "google.cloud.location.Locations/"
REGIONS = (
    "asia-east1", "asia-northeast1", "asia-south1", "asia-southeast1", "australia-southeast1", "europe-north1",
    "europe-west1", "europe-west2", "europe-west3", "europe-west4", "europe-west9", "northamerica-northeast1",
    "southamerica-east1", "us-central1", "us-east1", "us-east4", "us-east5", "us-south1", "us-west1", "us-west2",
)  # fmt: skip


@API.method(SERVICE + "ListLocations")
def list_locations(_: World, request: Any, __: Call) -> Any:
    """Every region, for each API alike."""
    shown, token = page(REGIONS, request.page_size, request.page_token)
    locations = [location(f"{request.name}/locations/{region}") for region in shown]
    return locations_pb2.ListLocationsResponse(locations=locations, next_page_token=token)


@API.method(SERVICE + "GetLocation")
def get_location(_: World, request: Any, __: Call) -> Any:
    """One region; a name that is none of Google's is a 404."""
    if request.name.rpartition("/")[2] not in REGIONS:
        raise ApiFailure("NOT_FOUND", f"Location {request.name} was not found.")
    return location(request.name)


def location(name: str) -> Any:
    """A region as the mixin shows it."""
    region = name.rsplit("/", 1)[1]
    return locations_pb2.Location(name=name, location_id=region, labels={"cloud.googleapis.com/region": region})
