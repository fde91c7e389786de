"""Where a model comes from: a folder on this machine or a prefix in Cloud Storage, copied down before loading."""

from __future__ import annotations

import logging
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from runtime.data.folders import SourceError, inside

log = logging.getLogger("runtime")

# A model prefix holds a handful of files; a bucket named by mistake holds millions.
MAX_FILES = 1000
DOWNLOADS = 8


def fetch(uri: str) -> Path:
    """Bring the model folder here.

    Args:
        uri: A folder, or `gs://bucket/prefix`.

    Returns:
        A folder of this machine.

    Raises:
        SourceError: Nothing there, or a name that would leave the folder.
    """
    if uri.startswith("gs://"):
        return _download(uri)
    folder = Path(uri.removeprefix("file://")).resolve()
    if not folder.is_dir():
        raise SourceError(f"no such model folder: {uri}")
    return folder


def _download(uri: str) -> Path:
    bucket_name, _, prefix = uri.removeprefix("gs://").partition("/")
    prefix = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
    blobs = _list(uri, bucket_name, prefix)
    folder = Path(tempfile.mkdtemp(prefix="model-"))
    with ThreadPoolExecutor(min(DOWNLOADS, len(blobs))) as pool:
        list(pool.map(lambda blob: _copy(blob, folder, prefix), blobs))
    log.info("model downloaded", extra={"uri": uri, "files": len(blobs)})
    return folder


def _list(uri: str, bucket_name: str, prefix: str) -> list[Any]:
    from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - 0.5 s that a folder needs not
    from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415 - the same
    from google.cloud.storage import Client  # noqa: PLC0415 - the same

    try:
        client = Client()
        found = client.list_blobs(bucket_name, prefix=prefix, max_results=MAX_FILES + 1)
        blobs = [blob for blob in found if not blob.name.endswith("/")]
    except (GoogleAPICallError, GoogleAuthError, OSError) as error:
        raise SourceError(f"cannot read {uri}: {error}") from error
    if not blobs:
        raise SourceError(f"no files under {uri}")
    if len(blobs) > MAX_FILES:
        raise SourceError(f"more than {MAX_FILES} files under {uri}; is the prefix right?")
    return blobs


def _copy(blob: Any, folder: Path, prefix: str) -> None:
    relative = PurePosixPath(blob.name.removeprefix(prefix))
    target = inside(folder, str(relative))
    target.parent.mkdir(parents=True, exist_ok=True)
    blob.download_to_filename(str(target))
