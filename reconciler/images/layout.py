"""An image as a folder that container tools read: an OCI layout.

Source: https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from reconciler.images.building import MANIFEST, Built


def write(built: Built, tag: str, folder: Path) -> None:
    """Write an image.

    Args:
        built: The image.
        tag: What it is called in the folder.
        folder: New or empty.
    """
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for blob in built.blobs:
        if blob.path is not None:
            shutil.copyfile(blob.path, blobs / blob.digest.removeprefix("sha256:"))
    (blobs / built.digest.removeprefix("sha256:")).write_bytes(built.manifest)
    described = {"mediaType": MANIFEST, "digest": built.digest, "size": len(built.manifest)}
    named = {"annotations": {"org.opencontainers.image.ref.name": tag}}
    (folder / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described | named]}))
    (folder / "oci-layout").write_text(json.dumps({"imageLayoutVersion": "1.0.0"}))
