"""The locations mixin: which regions an API offers.

Source: google/cloud/location/locations.proto.
"""

from typing import Any

from google.cloud.location import locations_pb2

from emulator.core.api import Api, Call
from emulator.core.failures import ApiFailure
from emulator.core.paging import page_of
from emulator.core.places import REGIONS
from emulator.core.world import World

API = Api("locations")
SERVICE = "google.cloud.location.Locations/"


@API.method(SERVICE + "ListLocations")
def list_locations(_: World, request: Any, __: Call) -> Any:
    """Every region, for each API alike."""
    shown, token = page_of(request, REGIONS)
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
