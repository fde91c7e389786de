"""`access`: who may call the service, and as whom it runs."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Text

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


class Access(Section):
    """Who may call, and as whom the service runs."""

    ingress: Ingress = Field(Ingress.ALL, description="Networks from which requests may come.")
    authentication: Authentication = Field(
        Authentication.IAM,
        description="`IAM`: callers need an identity token and must be listed. `Public`: anyone may.",
    )
    invokers: tuple[Text, ...] = Field(
        (),
        description="Who may call: IAM members.",
        examples=[["serviceAccount:web@acme.iam.gserviceaccount.com", "group:growth@acme.example"]],
    )
    service_account: Text = Field(
        AUTO,
        description="`Auto`: a dedicated account with the fewest roles this file needs. Or an account's e-mail.",
        examples=["Auto", "scorer@acme.iam.gserviceaccount.com"],
    )
