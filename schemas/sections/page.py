"""`page`: the page over what the operator's passes found, as a service of its own."""

from pydantic import Field

from schemas.section import Section
from schemas.values import Flag, Mebibytes, MilliCpu, Text, Whole

MOST_INSTANCES = 10


class PageResources(Section):
    """What an instance of the page has."""

    cpu_millis: MilliCpu = Field(1000, ge=1000, le=8000, description="vCPUs, which it has while it answers.")
    memory_mib: Mebibytes = Field(512, ge=256, le=32_768, description="Memory.")


class Page(Section):
    """The page in the cloud: a Cloud Run service behind Identity-Aware Proxy, which reads what passes leave."""

    enabled: Flag = Field(default=False, description="There is one. `false`: what is there of it is taken away.")
    access: tuple[Text, ...] = Field(
        (),
        description="Who may sign in, and nobody else: `user:…`, `group:…`, `serviceAccount:…`, `domain:…`, "
        "`principal://…`, `principalSet://…`.",
        examples=[["group:ml@acme.example"]],
    )
    image: Text | None = Field(None, description="Image of the page, in place of ours: a copy of it.")
    max_instances: Whole = Field(
        2, ge=1, le=MOST_INSTANCES, description="Instances at most; there is none while nobody looks."
    )
    resources: PageResources = Field(default_factory=PageResources, description="What an instance has.")
