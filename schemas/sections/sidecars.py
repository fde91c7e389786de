"""`sidecars`: further containers of each instance."""

from pydantic import Field

from schemas.section import Section
from schemas.sections.container import Probe
from schemas.sections.environment import SecretRef
from schemas.sections.image import Image
from schemas.sections.mounts import Mount
from schemas.sections.resources import Gpu
from schemas.values import Flag, LooseText, Mebibytes, MilliCpu, Text


class Sidecar(Section):
    """A container beside the one that takes requests; they reach each other on localhost."""

    image: Image = Field(description="The container image. Shorthand: `image: <uri>`.")
    command: tuple[Text, ...] = Field((), max_length=1000, description="Entry point, in place of the image's.")
    args: tuple[LooseText, ...] = Field((), max_length=1000, description="Arguments, in place of the image's.")
    working_dir: Text | None = Field(None, description="Folder it is started in, in place of the image's.")
    env: dict[str, LooseText] = Field(default_factory=dict, description="Its environment variables.")
    secrets: dict[str, SecretRef] = Field(default_factory=dict, description="Those that hold secrets, by name.")
    cpu_millis: MilliCpu = Field(1000, ge=1, description="Its vCPUs: those of all containers add up.")
    memory_mib: Mebibytes = Field(512, ge=1, description="Its memory: that of all containers adds up.")
    gpu: Gpu | None = Field(
        None, description="GPU of each instance, where this container uses it instead of the one that takes requests."
    )
    cpu_idle: Flag | None = Field(None, description="As `resources.cpuIdle`, which holds for it where left out.")
    startup_cpu_boost: Flag = Field(default=False, description="More CPU while it starts.")
    startup_probe: Probe | None = Field(None, description="Has it started; needed where others depend on it.")
    liveness_probe: Probe | None = Field(None, description="Does it work still; if not, the instance is replaced.")
    readiness_probe: Probe | None = Field(None, description="Does it take requests just now.")
    mounts: dict[str, Mount] = Field(default_factory=dict, description="What it finds in its file system, by path.")
    depends_on: tuple[Text, ...] = Field((), max_length=10, description="Containers that must have started before it.")
