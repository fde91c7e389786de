"""`management`: how the reconciler treats what it finds."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Text


class Mode(StrEnum):
    """Whether the reconciler changes anything."""

    ENFORCE = "Enforce"
    OBSERVE = "Observe"


class Deletion(StrEnum):
    """What happens to the service's resources when its spec goes."""

    PROTECT = "Protect"
    DELETE = "Delete"
    ABANDON = "Abandon"


class Prune(StrEnum):
    """What happens to a resource the spec no longer asks for."""

    OWNED = "Owned"
    NEVER = "Never"


class Adopt(StrEnum):
    """What happens to a resource that exists and is not ours."""

    NEVER = "Never"
    IF_IDENTICAL = "IfIdentical"
    ALWAYS = "Always"


class Management(Section):
    """How the reconciler treats what it finds."""

    mode: Mode = Field(Mode.ENFORCE, description="`Enforce` changes what differs; `Observe` only reports it.")
    deletion: Deletion = Field(
        Deletion.PROTECT,
        description="When the service is destroyed: `Protect` refuses, `Delete` deletes, `Abandon` leaves it.",
    )
    prune: Prune = Field(Prune.OWNED, description="`Owned`: what is ours and no longer wanted is deleted.")
    adopt: Adopt = Field(
        Adopt.NEVER,
        description="When a resource exists that is not ours: `Never` refuses, `IfIdentical` takes it "
        "over if "
        "nothing would change, `Always` takes it over.",
    )
    externally_owned: tuple[Text, ...] = Field(
        (),
        description="Paths below `spec` that someone else decides; their live values are left as found.",
        examples=[["scaling.maxInstances"]],
    )
