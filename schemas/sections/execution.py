"""`execution`, `protection` and `revision`: how instances are run, what guards them, and what revisions carry."""

from enum import StrEnum

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, LooseText, Seconds, Text


class Generation(StrEnum):
    """Execution environments of Cloud Run."""

    GEN1 = "Gen1"
    GEN2 = "Gen2"


class Execution(Section):
    """How instances are run."""

    environment: Generation | None = Field(
        None, description="Execution environment. Left out, Cloud Run chooses; GPUs, buckets and NFS need `Gen2`."
    )
    session_affinity: Flag = Field(
        default=False, description="Requests of one client go to one instance, as far as that lasts."
    )
    health_check_disabled: Flag = Field(
        default=False, description="Deploy without waiting for the startup probe to succeed."
    )


class OnRevocation(StrEnum):
    """What happens when the key is revoked."""

    PREVENT_NEW = "PreventNew"
    SHUTDOWN = "Shutdown"


class Protection(Section):
    """Keys of one's own, and images that somebody vouched for."""

    encryption_key: Text | None = Field(
        None,
        description="Key of Cloud KMS that the image is encrypted with.",
        examples=["projects/acme/locations/europe-west1/keyRings/run/cryptoKeys/images"],
    )
    on_revocation: OnRevocation | None = Field(
        None, description="What happens when the key is revoked: no new instances, or a shutdown."
    )
    shutdown_after_s: Seconds | None = Field(
        None, ge=3600, le=365 * 86_400, description="With `Shutdown`: how long after; at least `1h`."
    )
    binary_authorization: Text | None = Field(
        None,
        description="`Default` for the project's policy, or a policy's name: images that it refuses are not deployed.",
        examples=["Default", "projects/acme/platforms/cloudRun/policies/signed"],
    )


class Revision(Section):
    """What each revision carries besides."""

    labels: dict[str, LooseText] = Field(default_factory=dict, description="Labels, as bills and logs have them.")
    annotations: dict[str, LooseText] = Field(default_factory=dict, description="Annotations: free text.")
