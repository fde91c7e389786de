"""`access`: who may call the service, and as whom it runs."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, Text

AUTO = "Auto"


class Ingress(StrEnum):
    """Networks from which requests may come."""

    ALL = "All"
    INTERNAL = "Internal"
    INTERNAL_AND_LOAD_BALANCING = "InternalAndLoadBalancing"


class Authentication(StrEnum):
    """Whether callers prove who they are."""

    IAM = "IAM"
    PUBLIC = "Public"
    OFF = "Off"
    IAP = "IAP"


class Access(Section):
    """Who may call, and as whom the service runs."""

    ingress: Ingress = Field(Ingress.ALL, description="Networks from which requests may come.")
    authentication: Authentication = Field(
        Authentication.IAM,
        description="`IAM`: callers need an identity token and must be listed. `Public`: anyone may. `Off`: Cloud "
        "Run does not ask at all; something before the service does. `IAP`: people sign in to Identity-Aware Proxy.",
    )
    invokers: tuple[Text, ...] = Field(
        (),
        description="Who may call: IAM members.",
        examples=[["serviceAccount:web@acme.iam.gserviceaccount.com", "group:growth@acme.example"]],
    )
    iap: Flag | None = Field(
        None,
        description="Whether people sign in to Identity-Aware Proxy; `authentication: IAP` says it, too. Left out "
        "otherwise: no.",
    )
    custom_audiences: tuple[Text, ...] = Field(
        (),
        max_length=100,
        description="Further audiences that identity tokens may name, beside the service's own address.",
        examples=[["https://scores.acme.example"]],
    )
    default_uri: Flag = Field(default=True, description="Whether the service has its address on run.app.")
    service_account: Text = Field(
        AUTO,
        description="`Auto`: a dedicated account with the fewest roles this file needs. Or an account's e-mail.",
        examples=["Auto", "scorer@acme.iam.gserviceaccount.com"],
    )
