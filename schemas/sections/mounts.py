"""`mounts`: what a container finds in its file system beside its image."""

from typing import Any

from pydantic import Field, model_validator

from schemas.section import Section
from schemas.values import Flag, LooseText, Mebibytes, Text


class Mount(Section):
    """What lies at a path: a bucket, memory, a secret, the sockets of Cloud SQL, or an NFS share."""

    bucket: Text | None = Field(
        None, description="Bucket or folder of one: `gs://bucket/folder/`.", examples=["gs://acme-models/writer/"]
    )
    memory_mib: Mebibytes | None = Field(
        None,
        ge=0,
        description="So much of the instance's memory, as files; `0Mi` for as much as there is.",
        examples=["2Gi"],
    )
    secret: Text | None = Field(None, description="Secret whose versions are files.")
    cloud_sql: tuple[Text, ...] = Field(
        (),
        max_length=100,
        description="Instances of Cloud SQL whose sockets lie there; the path is `/cloudsql`.",
        examples=[["acme:europe-west1:features"]],
    )
    nfs: Text | None = Field(None, description="NFS share: `server:/path`.", examples=["10.0.0.2:/models"])
    read_only: Flag | None = Field(
        None, description="Of buckets and NFS: whether nothing can be written. Left out, nothing can."
    )
    mount_options: tuple[Text, ...] = Field(
        (), max_length=50, description="Options of Cloud Storage FUSE.", examples=[["implicit-dirs"]]
    )
    items: dict[str, LooseText] = Field(
        default_factory=dict,
        description="Of a secret: version by file name. Left out, the newest one in a file that is called as the "
        "secret is.",
        examples=[{"config.yaml": "3"}],
    )
    pin: Flag | None = Field(
        None,
        description="Of a secret: whether versions are pinned to numbers when planning. Left out: all but `latest`, "
        "which files follow by themselves.",
    )
    default_mode: LooseText | None = Field(
        None, description="Of a secret: mode of its files, octal; `0444` if left out."
    )
    sub_path: Text | None = Field(None, description="Folder within it that is mounted.")
    volume: Text | None = Field(
        None,
        description="Name of the volume: containers that name the same one share its memory.",
        examples=["scratch"],
    )

    @model_validator(mode="before")
    @classmethod
    def _from_bucket(cls, value: Any) -> Any:
        return {"bucket": value} if isinstance(value, str) else value
