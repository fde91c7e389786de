"""`network`: the VPC network that requests of the service go out through."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Text


class Egress(StrEnum):
    """What goes through the VPC network."""

    PRIVATE_RANGES_ONLY = "PrivateRangesOnly"
    ALL_TRAFFIC = "AllTraffic"


class Network(Section):
    """Where requests that the service makes go out: directly into a network, or through a connector."""

    network: Text | None = Field(None, description="VPC network; left out, the one of `subnetwork`.")
    subnetwork: Text | None = Field(None, description="Its subnetwork; left out, the one called as the network is.")
    tags: tuple[Text, ...] = Field((), max_length=64, description="Network tags, which firewall rules name.")
    connector: Text | None = Field(
        None,
        description="Serverless VPC Access connector, instead of `network` and `subnetwork`.",
        examples=["projects/acme/locations/europe-west1/connectors/serverless"],
    )
    egress: Egress = Field(
        Egress.PRIVATE_RANGES_ONLY, description="`AllTraffic`, or only what goes to private addresses."
    )
